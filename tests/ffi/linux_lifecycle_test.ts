/**
 * What the source of Linux does with descriptors, and when it looks at the clocks; over a
 * kernel that the test plays.
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { C } from "../../ffi/linux/constants.ts";
import { encodeMessage } from "../../ffi/linux/netlink.ts";
import { LinuxRuntime, LinuxSource } from "../../ffi/linux/source.ts";
import { Wakeups } from "../../ffi/linux/subscription.ts";
import { Syscalls } from "../../ffi/linux/syscalls.ts";
import { macrotask } from "../../ffi/timers.ts";
import { SystemCallError } from "../../state/errors.ts";
import type { SourceEvent } from "../../state/ports.ts";
import { EVENT_SOCKET, FakeLinux } from "../support/fake_linux.ts";
import { microtasks } from "../support/fake_poll.ts";
import { SimulatedTime } from "../support/simulated_time.ts";

const { signal } = new AbortController();
const RULE = encodeMessage(C.RTM_NEWRULE, 0, Uint8Array.of(C.AF_INET));

Deno.test("a read after its subscription was disposed leaves the closed descriptor alone", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  const subscription = await source.subscribe(signal);
  await subscription[Symbol.asyncDispose]();
  kernel.queue(RULE); // by now the number may belong to another file
  await source.read(signal);
  assertEquals(kernel.unread, 1);
});

Deno.test("a read finds a sleep that no timer announced", async () => {
  const kernel = new FakeLinux();
  let slept = 0;
  kernel.clock = (id?: number) => 1_000 + (id === C.CLOCK_BOOTTIME ? slept : 0);
  await using source = kernel.source();
  const subscription = await source.subscribe(signal);
  const next = subscription[Symbol.asyncIterator]().next();
  slept = 60_000;
  await source.read(signal);
  const { value } = await next;
  assertEquals(value?.kind === "resumed" && value.sleptMs, 60_000);
});

Deno.test("a canary that is lost with other messages is sent again when a view finds out", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  const subscription = await source.subscribe(signal);
  subscription.adopt(await source.read(signal));
  const { lookups } = kernel.asked;
  void subscription.probe(signal);
  await microtasks();
  kernel.receive(EVENT_SOCKET); // the answer is lost
  kernel.dropped = 1;
  subscription.view();
  assertEquals(kernel.asked.lookups, lookups + 2);
});

Deno.test("a canary whose answer a view has received is sent again: the poll may not work", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  const subscription = await source.subscribe(signal);
  subscription.adopt(await source.read(signal));
  const { lookups } = kernel.asked;
  void subscription.probe(signal);
  subscription.view();
  assertEquals(kernel.asked.lookups, lookups + 2);
});

Deno.test("a clock that was set while the timer was armed to wake the poll is noticed, once", () => {
  const kernel = new FakeLinux();
  const wakeups = new Wakeups(kernel.syscalls);
  const events: SourceEvent[] = [];
  wakeups.clock.listen((event) => events.push(event));
  kernel.armTimer = (_descriptor, seconds) => seconds !== 1n; // ECANCELED, but it is armed
  wakeups.wake();
  wakeups.clearWakeUp();
  kernel.armTimer = () => true;
  wakeups.wake();
  wakeups.clearWakeUp();
  assertEquals(events, [{ kind: "clock-stepped" }]);
});

Deno.test("armTimer() asks to be cancelled when the wall clock is set, as it is on resume", () => {
  const asked: unknown[] = [];
  const libc = {
    address_of: () => 0n,
    timerfd_settime: (_descriptor: unknown, flags: number) => asked.push(flags) && 0,
  };
  assertEquals(new Syscalls(libc as never).armTimer(5, 1n), true);
  assertEquals(asked, [0x1 | 0x2]); // TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET: linux/timerfd.h
});

Deno.test("openNetlink() keeps no socket that it cannot bind; it and timerDescriptor() throw if there is none", () => {
  const closed: number[] = [];
  const [opened, bound] = [[0, 7, -1], [0, -1]];
  const libc = {
    address_of: () => 0n,
    socket: () => opened.shift(),
    bind: () => bound.shift(),
    timerfd_create: () => -1,
    close: ([descriptor]: Int32Array) => closed.push(descriptor!),
  };
  const syscalls = new Syscalls(libc as never);
  assertEquals(syscalls.openNetlink(1), 0); // a program may have closed its standard input
  assertThrows(() => syscalls.openNetlink(1), SystemCallError, "bind(AF_NETLINK)");
  assertThrows(() => syscalls.openNetlink(1), SystemCallError, "socket(AF_NETLINK)");
  assertThrows(() => syscalls.timerDescriptor(), SystemCallError, "timerfd_create");
  assertEquals(closed, [7]);
});

Deno.test("takeError() returns what the kernel says, and 0 if it refuses", () => {
  const errors = [C.ENOBUFS, 0, null];
  const libc = {
    address_of: () => 0n,
    getsockopt: (_descriptor: unknown, _level: number, option: number, into: Uint32Array) => {
      assertEquals(option, C.SO_ERROR);
      const error = errors.shift()!;
      if (error === null) return -1;
      into[0] = error;
      return 0;
    },
  };
  const syscalls = new Syscalls(libc as never);
  assertEquals(errors.slice().map(() => syscalls.takeError(5)), [C.ENOBUFS, 0, 0]);
});

Deno.test("an aborted or disposed source opens nothing and asks nothing", async () => {
  const kernel = new FakeLinux();
  const source = kernel.source();
  const reason = new Error("Enough");
  const aborted = AbortSignal.abort(reason);
  for (const call of [() => source.subscribe(aborted), () => source.read(aborted)]) {
    assertEquals(await assertRejects(call), reason);
  }
  await source[Symbol.asyncDispose]();
  await assertRejects(() => source.subscribe(signal), Error, "disposed");
  assertEquals([kernel.open.size, kernel.asked.dumps], [0, 0]);
});

/** A source whose C library is unloaded when the test resolves `unloading`. */
function sourceOf(kernel: FakeLinux) {
  const runtime = new LinuxRuntime(kernel.syscalls, () => {});
  const unloading = Promise.withResolvers<void>();
  const did = { release: false, dispose: false };
  const source = new LinuxSource(runtime, {}, () => {
    did.release = true;
    return unloading.promise;
  });
  const dispose = async (): Promise<void> => {
    await source[Symbol.asyncDispose]();
    did.dispose = true;
  };
  return { did, dispose, runtime, source, unloading };
}

Deno.test("a source that is disposed of releases the C library when its reads are over", async () => {
  using time = new SimulatedTime();
  const kernel = new FakeLinux();
  const { did, dispose, runtime, source } = sourceOf(kernel);
  kernel.onAnswer = () => void (time.ms += 20); // more than a slice
  const read = source.read(signal);
  const disposed = dispose();
  await microtasks();
  assertEquals(did.release, false);
  await read;
  await disposed; // not delayed by the unloading
  assertEquals([did.release, kernel.open.size], [true, 1]);
  await runtime.dispose();
  assertEquals(kernel.open.size, 0);
});

Deno.test("a source that is disposed of closes its subscription before it releases the C library, and waits", async () => {
  const kernel = new FakeLinux();
  const { did, dispose, runtime, source, unloading } = sourceOf(kernel);
  const subscription = await source.subscribe(signal);
  const next = subscription[Symbol.asyncIterator]().next();
  await kernel.port.begun(1);
  kernel.port.answersWake = false; // the poll goes on
  const disposed = dispose();
  await microtasks();
  assertEquals([did.release, kernel.open.has(EVENT_SOCKET)], [false, true]);
  kernel.port.current.timeOut();
  assertEquals((await next).done, true);
  for (let turn = 0; turn < 3; turn++) await macrotask();
  assertEquals([did, kernel.open.size], [{ release: true, dispose: false }, 0]);
  unloading.resolve();
  await disposed;
  await runtime.dispose();
});

Deno.test("a source keeps nothing of the reads that are over, and a view keeps no socket", async () => {
  const kernel = new FakeLinux();
  const sets: Set<unknown>[] = [];
  const { Set: Original } = globalThis;
  globalThis.Set = class<T> extends Original<T> {
    constructor(values?: Iterable<T>) {
      super(values);
      sets.push(this as Set<unknown>);
    }
  } as SetConstructor;
  let source: LinuxSource;
  try {
    source = kernel.source();
  } finally {
    globalThis.Set = Original;
  }
  const subscription = await source.subscribe(signal);
  for (let i = 0; i < 3; i++) {
    subscription.adopt(await source.read(signal));
    kernel.queue(RULE);
    subscription.view();
  }
  assertEquals(sets.map(({ size }) => size), [0]); // of reads
  assertEquals(kernel.open.size, 2); // for events and for requests
  await source[Symbol.asyncDispose]();
});

Deno.test("the timer is closed when the last poll is over, then the C library is unloaded", async () => {
  const kernel = new FakeLinux();
  const ended: unknown[] = [];
  kernel.close = (descriptor) => void ended.push(descriptor);
  const runtime = new LinuxRuntime(kernel.syscalls, () => ended.push("unloaded"));
  const { pollLoop, wakeDescriptor } = runtime.wakeups = new Wakeups(kernel.syscalls);
  const watch = pollLoop.watch(EVENT_SOCKET);
  const ready = watch.ready();
  const poll = await kernel.port.begun(1);
  kernel.port.answersWake = false;
  void watch.close();
  const disposed = runtime.dispose();
  await microtasks();
  assertEquals(ended, []);
  poll.timeOut();
  await disposed;
  assertEquals([await ready, ended], [null, [wakeDescriptor, "unloaded"]]);
});

Deno.test("Wakeups opens another timer only for a lost one, arms it, and goes on without if there is none", async () => {
  const kernel = new FakeLinux();
  const wakeups = new Wakeups(kernel.syscalls);
  const armed: [number, bigint][] = [];
  kernel.timerDescriptor = () => 98;
  wakeups.wake();
  wakeups.clearWakeUp();
  assertEquals(wakeups.wakeDescriptor, kernel.port.wakeDescriptor);
  kernel.armTimer = (descriptor, seconds) => descriptor === 98 && armed.push([98, seconds]) > 0;
  wakeups.wake();
  assertEquals(armed, [[98, 7_258_118_400n]]); // 2200-01-01: only setting the clock ends it
  kernel.armTimer = () => false;
  kernel.timerDescriptor = () => {
    throw kernel.error("timerfd_create");
  };
  wakeups.clearWakeUp();
  assertEquals(wakeups.wakeDescriptor, -1);
  kernel.close = () => {
    throw new Error("It belongs to other code");
  };
  await wakeups.close();
});
