/**
 * After an overflow the queue stays unread until a full read begins: in the poll loop, and in the subscription of Linux
 * over a kernel that the test plays.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { C } from "../../ffi/linux/constants.ts";
import { encodeMessage } from "../../ffi/linux/netlink.ts";
import { FLOOD_MESSAGES } from "../../ffi/linux/event_socket.ts";
import type { LinuxSource } from "../../ffi/linux/source.ts";
import type { LinuxSubscription } from "../../ffi/linux/subscription.ts";
import { RECEIVE_BATCH } from "../../ffi/linux/syscalls.ts";
import { POLLERR, POLLIN, PollLoop } from "../../ffi/poll_loop.ts";
import { macrotask } from "../../ffi/timers.ts";
import { EVENT_SOCKET, FakeLinux } from "../support/fake_linux.ts";
import { FakePollPort, microtasks } from "../support/fake_poll.ts";
import { newAddress, newLink } from "../support/netlink.ts";
import { SimulatedTime } from "../support/simulated_time.ts";

const { signal } = new AbortController();
const RULE = encodeMessage(C.RTM_NEWRULE, 0, Uint8Array.of(C.AF_INET));

Deno.test("PollLoop leaves a mute watch out of the poll, and wakes and closes it like any other", async () => {
  const port = new FakePollPort();
  const loop = new PollLoop(port);
  const [mute, other] = [loop.watch(5), loop.watch(6)];
  const woken = mute.ready(true);
  void other.ready();
  assertEquals((await port.begun(1)).descriptors, [99, 6]);
  mute.wake();
  assertEquals(await woken, 0);
  const closed = mute.ready(true);
  await microtasks();
  assertEquals([port.polls.length, port.woken], [1, 0]); // the poll is not interrupted
  void mute.close();
  assertEquals(await closed, null);
  await other.close();
  await loop.idle();
});

interface Flood {
  kernel: FakeLinux;
  source: LinuxSource;
  subscription: LinuxSubscription;
  /** The kinds of the events so far. */
  events: string[];
  /** A full read that is adopted. */
  read: () => Promise<void>;
  /** The poll reports so many messages, each of which may have changed the state. */
  report: (count: number) => Promise<void>;
  /** It stands still but for `report()`. */
  time: SimulatedTime;
}

/** Runs the body after an overflow, with 100 messages in the queue. */
async function flood(body: (it: Flood) => Promise<void>): Promise<void> {
  using time = new SimulatedTime(); // stands still, so that a slow machine does not end a slice early
  const kernel = new FakeLinux();
  await using source = kernel.source();
  const subscription = await source.subscribe(signal) as LinuxSubscription;
  const events: string[] = [];
  const iterating = (async () => {
    for await (const { kind } of subscription) events.push(kind);
  })();
  const read = async (): Promise<void> => subscription.adopt(await source.read(signal));
  await read();
  const report = async (count: number): Promise<void> => {
    await listens(kernel);
    for (let i = 0; i < count; i++) kernel.queue(RULE);
    time.ms += 40; // too slow for a storm
    kernel.port.current.ready({ [EVENT_SOCKET]: POLLIN });
    await microtasks();
  };
  const poll = await kernel.port.begun(1);
  for (let i = 0; i < 100; i++) kernel.queue(RULE);
  kernel.dropped = 5;
  poll.ready({ [EVENT_SOCKET]: POLLIN | POLLERR });
  await microtasks();
  assertEquals(events, ["overflow"]);
  await body({ kernel, source, subscription, events, read, report, time });
  await subscription[Symbol.asyncDispose]();
  await iterating;
}

/** Whether the running poll listens to the event socket. */
async function listens({ port }: FakeLinux): Promise<boolean> {
  for (let turn = 0; turn < 10; turn++) {
    await macrotask();
    await microtasks();
  }
  return port.current.descriptors.includes(EVENT_SOCKET);
}

Deno.test("LinuxSubscription leaves a flood unread until a full read begins, then listens again", () =>
  flood(async ({ events, kernel, read, source, subscription }) => {
    assertEquals([kernel.unread, await listens(kernel)], [100, false]);
    subscription.view();
    assertEquals(kernel.unread, 100);
    await read();
    assertEquals([kernel.unread, await listens(kernel)], [0, true]);
    assertEquals([source.counters.events, events], [0, ["overflow"]]);
    kernel.queue(RULE);
    kernel.port.current.ready({ [EVENT_SOCKET]: POLLIN });
    await microtasks();
    assertEquals([source.counters.events, events], [1, ["overflow", "changed"]]);
  }));

Deno.test("LinuxSubscription asks for another read if more is lost while it empties the queue", () =>
  flood(async ({ events, kernel, read }) => {
    kernel.onReceive = () => kernel.dropped++;
    await read();
    assertEquals([await listens(kernel), kernel.unread], [false, 0]);
    assertEquals(events, ["overflow", "overflow"]);
    kernel.onReceive = () => {};
    await read();
    assertEquals([events.length, await listens(kernel)], [2, true]);
  }));

Deno.test("LinuxSubscription leaves a full queue as it is while thousands of messages are dropped", () =>
  flood(async ({ events, kernel, read }) => {
    kernel.dropped += FLOOD_MESSAGES + 1;
    await read();
    assertEquals([await listens(kernel), kernel.unread], [false, 100]);
    assertEquals(events, ["overflow", "overflow"]);
    kernel.dropped += FLOOD_MESSAGES; // that many and the queue are read as quickly as what they changed
    await read();
    assertEquals([events.length, kernel.unread, await listens(kernel)], [2, 0, true]);
  }));

Deno.test("LinuxSubscription asks for another read while thousands of messages come, even if none is lost", () =>
  flood(async ({ events, kernel, read }) => {
    for (let i = 0; i < FLOOD_MESSAGES / 6; i++) kernel.queue(RULE);
    await read();
    assertEquals([await listens(kernel), kernel.unread], [false, 0]);
    assertEquals(events, ["overflow", "resync"]);
    for (let i = 0; i < FLOOD_MESSAGES / 6; i++) kernel.queue(RULE);
    await read();
    assertEquals([events.length, kernel.unread, await listens(kernel)], [2, 0, true]);
  }));

Deno.test("LinuxSubscription empties the queue for 8 ms at most, however fast it fills", () =>
  flood(async ({ kernel, read, time }) => {
    let left = 1_000; // else a fault would never end
    kernel.onReceive = () => {
      time.ms += 1;
      const arriving = Math.min(left, RECEIVE_BATCH);
      left -= arriving;
      for (let i = 0; i < arriving; i++) kernel.queue(RULE);
    };
    await read();
    assertEquals(left, 1_000 - 8 * RECEIVE_BATCH);
  }));

Deno.test("LinuxSubscription looks up no routes for a view in a flood", () =>
  flood(async ({ kernel, read, subscription }) => {
    const asked = { ...kernel.asked };
    const before = subscription.view();
    assertEquals([kernel.asked, subscription.view() === before], [asked, true]);
    await read();
    assertEquals(subscription.view() === before, false);
  }));

Deno.test("LinuxSubscription shows nothing but what the last read showed until a read begins after the flood", () =>
  flood(async ({ kernel, read, source, subscription }) => {
    kernel.dropped += FLOOD_MESSAGES + 1;
    await read();
    const before = subscription.view();
    kernel.onAnswer = () => {
      kernel.onAnswer = () => {};
      kernel.queue(RULE);
      assertEquals([subscription.view() === before, source.counters.events], [true, 1]);
    };
    await read();
    assertEquals(subscription.view() === before, false);
  }));

Deno.test("LinuxSubscription needs no canary in a flood, which shows that the socket is not deaf", () =>
  flood(async ({ kernel, read, subscription }) => {
    const { lookups } = kernel.asked;
    assertEquals(await subscription.probe(), true);
    assertEquals(kernel.asked.lookups, lookups);
    await read();
    const probe = subscription.probe();
    kernel.dropped = 10;
    await listens(kernel);
    kernel.port.current.ready({ [EVENT_SOCKET]: POLLIN | POLLERR });
    assertEquals(await probe, true); // the answer is lost
  }));

// As after a SIGSTOP: the timers are called before the poll has returned.
Deno.test("LinuxSubscription needs no canary in a flood whose overflow was found without the poll", () =>
  flood(async ({ events, kernel, read, report, subscription, time }) => {
    await read();
    subscription.view();
    const { receive, send } = kernel;
    kernel.send = (socket, requests) => { // there is no room for the answer
      if (socket !== EVENT_SOCKET) send.call(kernel, socket, requests);
    };
    let answered: boolean | undefined;
    void subscription.probe().then((answer) => answered = answer);
    kernel.dropped = 10;
    for (let i = 0; i < 3 * RECEIVE_BATCH; i++) kernel.queue(RULE);
    kernel.receive = () => { // ENOBUFS
      kernel.receive = receive;
      return 0;
    };
    kernel.onReceive = () => void (time.ms += 9); // until the slice is over
    subscription.view();
    assertEquals([events.length, kernel.unread > 0], [1, true]);
    await report(1);
    assertEquals([await listens(kernel), answered], [false, true]);
  }));

Deno.test("LinuxSubscription reads on after an overflow that it found without the poll, which may be deaf", () =>
  flood(async ({ events, kernel, read, subscription }) => {
    await read();
    subscription.view();
    kernel.dropped = 10;
    for (let i = 0; i < 3 * RECEIVE_BATCH; i++) kernel.queue(RULE);
    subscription.view(); // receives until nothing is left
    assertEquals(await listens(kernel), true);
    assertEquals([kernel.unread, events], [0, ["overflow", "overflow"]]);
  }));

Deno.test("LinuxSubscription leaves messages unread once a full read costs less", () =>
  flood(async ({ events, kernel, read, report, source, subscription }) => {
    await read();
    events.length = 0;
    await report(FLOOD_MESSAGES);
    assertEquals([events, await listens(kernel)], [["changed"], true]);
    const before = subscription.view();
    await report(FLOOD_MESSAGES); // the view showed the others
    assertEquals([events, await listens(kernel)], [["changed", "changed"], true]);
    const { send } = kernel;
    kernel.send = () => {}; // the canary is answered later
    const probe = subscription.probe();
    kernel.send = send;
    await report(1);
    assertEquals([events.slice(2), await listens(kernel)], [["resync"], false]);
    assertEquals(await probe, true); // its answer would not be read
    for (let i = 0; i < 100; i++) kernel.queue(RULE);
    assertEquals([subscription.view() === before, kernel.unread], [true, 100]);
    const received = source.counters.events;
    await read();
    assertEquals([source.counters.events, kernel.unread], [received, 0]);
    assertEquals([events.length, await listens(kernel)], [3, true]);
    assertEquals(source.counters.malformed, 0);
    assertEquals(subscription.view() === before, false);
  }));

Deno.test("LinuxSubscription reads on after many messages that came without the poll, which may be deaf", () =>
  flood(async ({ kernel, read, subscription }) => {
    for (const lost of [0, 10]) { // of which no poll tells
      await read();
      subscription.view();
      kernel.dropped += lost;
      for (let i = 0; i < 2 * FLOOD_MESSAGES; i++) kernel.queue(RULE);
      subscription.view();
      await macrotask();
      assertEquals([kernel.unread, await listens(kernel)], [0, true], `${lost} lost`);
    }
  }));

Deno.test("LinuxSubscription leaves messages unread at the next slice, too", () =>
  flood(async ({ events, kernel, read, report, time }) => {
    await read();
    kernel.onReceive = () => void (time.ms += 1); // until a slice is over
    await report(FLOOD_MESSAGES + 1_000);
    for (let turn = 0; turn < 50; turn++) await macrotask();
    assertEquals([events.at(-1), kernel.unread > 0], ["resync", true]);
  }));

Deno.test("LinuxSubscription reads on while a full read would cost more than the messages", () =>
  flood(async ({ events, kernel, read, report }) => {
    const addresses = Array.from(
      { length: FLOOD_MESSAGES / 2 },
      (_, i) => newAddress(2, 10, 0, i >> 8, i),
    );
    kernel.records = () => kernel.asked.dumps % 2 ? [newLink(2, "eth0")] : addresses;
    await read();
    events.length = 0;
    await report(FLOOD_MESSAGES + 2);
    assertEquals([events, await listens(kernel)], [["changed"], true]);
    await report(1);
    assertEquals([events, await listens(kernel)], [["changed", "resync"], false]);
  }));
