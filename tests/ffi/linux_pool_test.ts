/**
 * Where the kernel may keep a call waiting for its lock: in a thread of the pool, never in the event loop.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { C } from "../../ffi/linux/constants.ts";
import { u16 } from "../../ffi/linux/netlink.ts";
import { LinuxRuntime, LinuxSource } from "../../ffi/linux/source.ts";
import { Wakeups } from "../../ffi/linux/subscription.ts";
import { TimeSlice } from "../../ffi/timers.ts";
import { SystemCallError } from "../../state/errors.ts";
import { FakeLinux } from "../support/fake_linux.ts";
import { microtasks } from "../support/fake_poll.ts";
import { newLink } from "../support/netlink.ts";

const { signal } = new AbortController();

/** A kernel, and where each call of its sockets for requests was made, with the type of what was sent. */
function observed(): { kernel: FakeLinux; calls: string[] } {
  const kernel = new FakeLinux();
  const calls: string[] = [];
  let inPool = false;
  const { receive, receiveInPool, send, sendInPool } = FakeLinux.prototype;
  const pooled = <T>(call: () => T): T => {
    inPool = true;
    try {
      return call();
    } finally {
      inPool = false;
    }
  };
  const note = (what: string) => calls.push(`${what}${inPool ? " in pool" : ""}`);
  kernel.send = (socket, request) => {
    note(`send ${u16(request, 4)}`);
    send.call(kernel, socket, request);
  };
  kernel.receive = (socket, most) => {
    note("receive");
    return receive.call(kernel, socket, most);
  };
  kernel.sendInPool = (...args) => pooled(() => sendInPool.apply(kernel, args));
  kernel.receiveInPool = (...args) => pooled(() => receiveInPool.apply(kernel, args));
  return { kernel, calls };
}

Deno.test("while somebody listens, dumps are sent and received in the pool, lookups are not", async () => {
  const { calls, kernel } = observed();
  await using source = kernel.source();
  await source.read(signal);
  assertEquals(calls.some((call) => call.endsWith("in pool")), false);
  await using _subscription = await source.subscribe(signal);
  calls.length = 0;
  await source.read(signal);
  assertEquals(calls.filter((call) => call.endsWith("in pool")), [
    `send ${C.RTM_GETLINK} in pool`,
    "receive in pool",
    `send ${C.RTM_GETADDR} in pool`,
    "receive in pool",
  ]);
  assertEquals(calls.includes(`send ${C.RTM_GETROUTE}`), true);
});

Deno.test("what the pool cannot send or receive the event loop does, which knows the errno", async () => {
  for (const fails of ["sendInPool", "receiveInPool"] as const) {
    const kernel = new FakeLinux();
    kernel.records = () => [newLink(2, "eth0")];
    await using source = kernel.source();
    await using _subscription = await source.subscribe(signal);
    kernel[fails] = () => Promise.resolve(null as never);
    assertEquals((await source.read(signal)).interfaces.map(({ name }) => name), ["eth0"]);
    kernel.send = () => {
      throw new SystemCallError("send", 105, "ENOBUFS");
    };
    if (fails === "sendInPool") await assertRejects(() => source.read(signal), SystemCallError);
  }
});

Deno.test("the sources of a program take one thread of the pool in turn, and a read that fails ends its turn", async () => {
  const kernel = new FakeLinux();
  const runtime = new LinuxRuntime(kernel.syscalls, () => {});
  const sources = [1, 2, 3].map(() => new LinuxSource(runtime, {}, () => Promise.resolve()));
  await using _subscription = await sources[0]!.subscribe(signal);
  const waiting: PromiseWithResolvers<boolean>[] = [];
  kernel.sendInPool = () => {
    const call = Promise.withResolvers<boolean>();
    waiting.push(call);
    return call.promise;
  };
  const reads = Promise.allSettled(sources.map((source) => source.read(signal)));
  await microtasks();
  assertEquals(waiting.length, 1);
  kernel.sendInPool = FakeLinux.prototype.sendInPool;
  waiting[0]!.reject(new Error("broken"));
  assertEquals((await reads).map(({ status }) => status), ["rejected", "fulfilled", "fulfilled"]);
});

Deno.test("a read that was aborted while it waited for its turn asks nothing", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  await using _subscription = await source.subscribe(signal);
  const first = Promise.withResolvers<boolean>();
  kernel.sendInPool = () => first.promise;
  const reading = source.read(signal);
  const abort = new AbortController();
  const aborted = assertRejects(() => source.read(abort.signal), Error, "enough");
  abort.abort(new Error("enough"));
  await microtasks();
  const { dumps } = kernel.asked;
  kernel.sendInPool = FakeLinux.prototype.sendInPool;
  first.resolve(false);
  await aborted;
  await reading;
  assertEquals(kernel.asked.dumps, dumps + 2);
});

Deno.test("a read that was aborted while it waited in the pool asks nothing more", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  await using _subscription = await source.subscribe(signal);
  const { sendInPool } = FakeLinux.prototype;
  const abort = new AbortController();
  kernel.sendInPool = (socket, request) => {
    abort.abort(new Error("enough"));
    return sendInPool.call(kernel, socket, request);
  };
  await assertRejects(() => source.read(abort.signal), Error, "enough");
  assertEquals(kernel.asked, { dumps: 1, lookups: 0 });
});

Deno.test("a program that keeps all threads of the pool busy keeps a read waiting for a second, once", async () => {
  const { calls, kernel } = observed();
  let isUnloaded = false;
  const runtime = new LinuxRuntime(kernel.syscalls, () => isUnloaded = true);
  const source = new LinuxSource(runtime, {}, () => Promise.resolve());
  runtime.wakeups = new Wakeups(kernel.syscalls);
  const thread = Promise.withResolvers<number>();
  kernel.poll = () => thread.promise;
  runtime.probePool();
  const isPooled = async () => {
    calls.length = 0;
    await source.read(signal);
    return calls.some((call) => call.endsWith("in pool"));
  };
  const alive = setInterval(() => {}, 100); // the wait of a second keeps no process alive
  assertEquals(await isPooled(), false);
  clearInterval(alive);
  assertEquals(await isPooled(), false);
  const disposed = runtime.dispose();
  await microtasks();
  assertEquals(isUnloaded, false); // the call may still begin
  thread.resolve(0);
  await disposed;
  assertEquals([isUnloaded, await isPooled()], [true, true]);
});

Deno.test("a pool that has a free thread is used also more than a second later", async () => {
  const { calls, kernel } = observed();
  const runtime = new LinuxRuntime(kernel.syscalls, () => {});
  runtime.wakeups = new Wakeups(kernel.syscalls);
  runtime.probePool();
  await delay(1_100);
  await new LinuxSource(runtime, {}, () => Promise.resolve()).read(signal);
  assertEquals(calls.some((call) => call.endsWith("in pool")), true);
});

Deno.test("a slice does not count the time of a wait", async () => {
  const slice = new TimeSlice(signal);
  await slice.wait(delay(30));
  assertEquals(slice.isOver, false);
});
