/**
 * What the source of Linux does with descriptors, and when it looks at the clocks; over a
 * kernel that the test plays.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { C } from "../../ffi/linux/constants.ts";
import { encodeMessage, setU32, u16, u32 } from "../../ffi/linux/netlink.ts";
import { Wakeups } from "../../ffi/linux/subscription.ts";
import { Syscalls } from "../../ffi/linux/syscalls.ts";
import type { SourceEvent } from "../../state/ports.ts";
import { EVENT_SOCKET, FakeLinux } from "../support/fake_linux.ts";
import { microtasks } from "../support/fake_poll.ts";
import { newLink } from "../support/netlink.ts";

const { signal } = new AbortController();
const RULE = encodeMessage(C.RTM_NEWRULE, 0, Uint8Array.of(C.AF_INET));

/** A kernel that answers the request for one link, which `check()` makes. */
function kernelWithLoopback(): FakeLinux {
  const kernel = new FakeLinux();
  const send = kernel.send.bind(kernel);
  kernel.send = (socket, request) => {
    const isDump = (u16(request, 6) & C.NLM_F_DUMP) === C.NLM_F_DUMP;
    if (isDump || u16(request, 4) !== C.RTM_GETLINK) return send(socket, request);
    const answer = newLink(1, "lo").slice();
    setU32(answer, 8, u32(request, 8)); // nlmsg_seq
    kernel.intrude(answer, true);
  };
  return kernel;
}

Deno.test("a read after its subscription was disposed leaves the closed descriptor alone", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  const subscription = await source.subscribe(signal);
  await subscription[Symbol.asyncDispose]();
  kernel.queue(RULE); // by now the number may belong to another file
  await source.read(signal);
  assertEquals(kernel.unread, 1);
});

Deno.test("check() closes the event socket that it opened", async () => {
  const kernel = kernelWithLoopback();
  const source = kernel.source();
  const opened: number[] = [];
  const open = kernel.openNetlink.bind(kernel);
  kernel.openNetlink = (groups) => opened[opened.push(open(groups)) - 1]!;
  await source.check(true);
  assertEquals([opened.includes(EVENT_SOCKET), kernel.open.has(EVENT_SOCKET)], [true, false]);
  await source[Symbol.asyncDispose]();
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
