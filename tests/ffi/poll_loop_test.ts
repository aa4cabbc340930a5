/**
 * The one blocked poll of the isolate, over a poll that the test plays.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { POLLIN, PollLoop, type Watch } from "../../ffi/poll_loop.ts";
import { macrotask } from "../../ffi/timers.ts";
import { FakePollPort, microtasks } from "../support/fake_poll.ts";
import { InstantTimeouts, SimulatedTime } from "../support/simulated_time.ts";

interface Setup {
  port: FakePollPort;
  loop: PollLoop;
  /** What happened, in order. */
  events: string[];
}

function setup(): Setup {
  const port = new FakePollPort();
  const events: string[] = [];
  return { port, events, loop: new PollLoop(port, () => events.push("after poll")) };
}

/** The poll of this number finds the watch of descriptor 5 ready. */
async function wake({ port }: Setup, watch: Watch, poll: number): Promise<void> {
  const ready = watch.ready();
  (await port.begun(poll)).ready({ 5: POLLIN });
  await ready;
}

/** Ends what the test began, so that no run is left. */
async function end({ port, loop }: Setup, ...watches: Watch[]): Promise<void> {
  port.answersWake = true;
  const closing = Promise.all(watches.map((watch) => watch.close()));
  await microtasks();
  if (port.running > 0) port.current.timeOut();
  await closing;
  await loop.idle();
}

Deno.test("PollLoop polls 64 descriptors in one call at a time", async () => {
  const it = setup();
  const watches = Array.from({ length: 64 }, (_, i) => it.loop.watch(i));
  const ready = watches.map((watch) => watch.ready());
  const all = [99, ...Array.from({ length: 64 }, (_, i) => i)];
  for (let i = 0; i < 5; i++) {
    const poll = await it.port.begun(i + 1);
    assertEquals(poll.descriptors, all);
    assertEquals(it.port.running, 1);
    poll.ready({ [i]: POLLIN });
    assertEquals(await ready[i], POLLIN);
    ready[i] = watches[i]!.ready();
  }
  assertEquals([it.port.woken, it.port.cleared], [0, 0]);
  await end(it, ...watches);
});

Deno.test("PollLoop polls again once the watches that were ready wait again, or soon after", async () => {
  const it = setup();
  const [a, b, c] = [it.loop.watch(5), it.loop.watch(6), it.loop.watch(7)];
  const ready = [a.ready(), b.ready(), c.ready()];
  (await it.port.begun(1)).ready({ 5: POLLIN, 6: POLLIN });
  await Promise.all(ready.slice(0, 2));
  void a.ready();
  for (let turn = 0; turn < 20; turn++) await null;
  assertEquals(it.port.polls.length, 1);
  void b.ready();
  assertEquals((await it.port.begun(2)).descriptors, [99, 5, 6, 7]);
  assertEquals(it.port.woken, 0);
  it.port.current.ready({ 7: POLLIN });
  assertEquals((await it.port.begun(3)).descriptors, [99, 5, 6]); // c does not ask again
  await end(it, a, b, c);
});

Deno.test("PollLoop wakes at most 4 watches in one turn of the event loop", async () => {
  const it = setup();
  const watches = Array.from({ length: 10 }, (_, i) => it.loop.watch(i));
  let woken = 0;
  const ready = watches.map((watch) => watch.ready().then(() => woken++));
  (await it.port.begun(1)).ready(Object.fromEntries(watches.map((_, i) => [i, POLLIN])));
  const counts: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    await microtasks();
    counts.push(woken);
    await new Promise(setImmediate);
  }
  await Promise.all(ready);
  assert(counts.every((count, i) => count - (counts[i - 1] ?? 0) <= 4), counts.join());
  assertEquals(woken, 10);
  await end(it, ...watches);
});

Deno.test("PollLoop pauses between polls in a storm, and not for events that come one by one", async () => {
  const it = setup();
  const watch = it.loop.watch(5);
  {
    using time = new SimulatedTime();
    let polls = 0;
    /** One wake-up, so many milliseconds after the last; whether the next poll began at once. */
    const wakeUp = async (ms: number): Promise<boolean> => {
      time.ms += ms;
      await wake(it, watch, ++polls);
      void watch.ready();
      await macrotask();
      await microtasks();
      return it.port.polls.length > polls;
    };
    for (let i = 0; i < 10; i++) assertEquals(await wakeUp(37), true, `slow event ${i}`);
    const storm: boolean[] = [];
    for (let i = 0; i < 6; i++) storm.push(await wakeUp(1));
    assertEquals(storm, [true, true, false, false, false, false]);
    assertEquals(await wakeUp(47), false, "36 ms after the pause of 12 ms it would be over");
    assertEquals(await wakeUp(49), true, "after the storm");
    for (let i = 0; i < 5; i++) assertEquals(await wakeUp(40), true, `slow event ${i} after it`);
  }
  await end(it, watch);
});

Deno.test("PollLoop does not mistake polls that it interrupts for a storm", async () => {
  const it = setup();
  const { timers } = it.loop;
  for (let n = 1; n <= 6; n++) {
    timers.setTimeout(() => {}, 10_000 - n); // is due before the running poll ends
    await microtasks();
    assertEquals([it.port.polls.length, it.port.running], [n, 1]);
  }
  await it.loop.idle();
});

const STORMS: [longestOfEach: number[], pauses: number[]][] = [
  [[], [12, 12, 12]],
  [[8], [8, 8, 8]],
  [[8, 5, 9], [5, 5, 5]],
  [[20, Infinity], [12, 12, 12]],
  [[8, 0], []],
];

for (const [longest, pauses] of STORMS) {
  Deno.test(`PollLoop pauses ${pauses[0] ?? 0} ms in a storm with the limits [${longest}]`, async () => {
    const it = setup();
    const watch = it.loop.watch(5);
    const others = longest.map((ms, i) => it.loop.watch(6 + i, ms));
    {
      using timeouts = new InstantTimeouts();
      using _ = new SimulatedTime(); // all wake-ups come at once
      for (let polls = 1; polls <= 6; polls++) await wake(it, watch, polls);
      await it.port.begun(7);
      assertEquals(timeouts.asked, pauses);
    }
    await end(it, watch, ...others);
  });
}

for (const [timerMs, pauseMs] of [[60_000, 48], [20, 20]] as const) {
  Deno.test(`PollLoop pauses ${pauseMs} ms at most when a timer is due in ${timerMs} ms`, async () => {
    const it = setup();
    const watch = it.loop.watch(5, Infinity);
    {
      using timeouts = new InstantTimeouts();
      using _ = new SimulatedTime();
      it.loop.timers.setTimeout(() => {}, timerMs);
      for (let polls = 1; polls <= 6; polls++) await wake(it, watch, polls);
      await it.port.begun(7);
      assertEquals(timeouts.asked, [pauseMs, pauseMs, pauseMs]);
    }
    await end(it, watch);
  });
}

Deno.test("PollLoop pauses 48 ms in a storm that ends with nothing but timers left", async () => {
  const it = setup();
  const watch = it.loop.watch(5, 8);
  const timer = it.loop.timers.setTimeout(() => {}, 60_000);
  {
    using timeouts = new InstantTimeouts();
    using _ = new SimulatedTime();
    for (let polls = 1; polls <= 4; polls++) await wake(it, watch, polls);
    await watch.close();
    await microtasks();
    assertEquals(timeouts.asked, [48]);
  }
  await it.port.begun(5);
  timer.cancel();
  await end(it);
});

Deno.test("Watch.wake() resolves ready() with 0, now or the next time", async () => {
  const it = setup();
  const watch = it.loop.watch(5);
  const ready = watch.ready();
  await it.port.begun(1);
  watch.wake();
  assertEquals(await ready, 0);
  watch.wake();
  watch.wake();
  assertEquals(await watch.ready(), 0);
  void watch.ready();
  await microtasks();
  // the poll that runs still watches the descriptor
  assertEquals([it.port.polls.length, it.port.woken], [1, 0]);
  await end(it, watch);
});

Deno.test("PollLoop.watch() gets the revents of its own descriptor", async () => {
  const it = setup();
  const [a, b] = [it.loop.watch(5), it.loop.watch(6)];
  const heard = [a.ready(), b.ready()];
  (await it.port.begun(1)).ready({ 5: POLLIN, 6: 0x9 });
  assertEquals(await Promise.all(heard), [POLLIN, 0x9]);
  assertEquals(it.port.cleared, 0);
  await end(it, a, b);
});

Deno.test("PollLoop does not poll a descriptor that nobody waits for", async () => {
  const it = setup();
  const watch = it.loop.watch(5);
  assertEquals((await it.port.begun(1)).descriptors, [99]);
  const ready = watch.ready();
  assertEquals((await it.port.begun(2)).descriptors, [99, 5]);
  it.port.current.ready({ 5: POLLIN });
  await ready;
  assertEquals((await it.port.begun(3)).descriptors, [99]);
  await end(it, watch);
});

Deno.test("PollLoop is woken when a descriptor joins or leaves a running poll", async () => {
  const it = setup();
  const a = it.loop.watch(5);
  void a.ready();
  assertEquals((await it.port.begun(1)).descriptors, [99, 5]);
  const b = it.loop.watch(6);
  void b.ready();
  assertEquals((await it.port.begun(2)).descriptors, [99, 5, 6]);
  await a.close();
  assertEquals((await it.port.begun(3)).descriptors, [99, 6]);
  assertEquals([it.port.woken, it.port.cleared], [2, 2]);
  await end(it, b);
});

Deno.test("Watch.ready() called twice waits once", async () => {
  const it = setup();
  const watch = it.loop.watch(5);
  const both = [watch.ready(), watch.ready()];
  assertEquals((await it.port.begun(1)).descriptors, [99, 5]);
  it.port.current.ready({ 5: POLLIN });
  assertEquals(await Promise.all(both), [POLLIN, POLLIN]);
  await end(it, watch);
});

Deno.test("Watch.close() resolves when the running poll has returned, not before", async () => {
  const it = setup();
  it.port.answersWake = false;
  const [a, b] = [it.loop.watch(5), it.loop.watch(6)];
  const readiness = a.ready().then((revents) => it.events.push(`ready ${revents}`));
  void b.ready();
  const poll = await it.port.begun(1);
  const closing = a.close().then(() => it.events.push("closed"));
  const closingAgain = a.close().then(() => it.events.push("closed again"));
  await microtasks();
  assertEquals(it.events, ["ready null"]);

  poll.ready({ [it.port.wakeDescriptor]: 1 });
  await Promise.all([readiness, closing, closingAgain]);
  assertEquals(it.events, ["ready null", "after poll", "closed", "closed again"]);
  assertEquals((await it.port.begun(2)).descriptors, [99, 6]);
  await end(it, b);
});

Deno.test("Watch.close() waits for nothing while no poll runs, and is idempotent", async () => {
  const it = setup();
  const watch = it.loop.watch(5);
  await watch.close();
  await watch.close();
  await it.loop.idle();
  assertEquals(it.port.polls.length, 0);
});

Deno.test("Watch.ready() is null after close", async () => {
  const it = setup();
  const watch = it.loop.watch(5);
  await it.port.begun(1);
  await end(it, watch);
  assertEquals(await watch.ready(), null);
  assertEquals(it.port.running, 0);
});

Deno.test("Watch.ready() is null if the descriptor becomes ready while it closes", async () => {
  const it = setup();
  it.port.answersWake = false;
  const watch = it.loop.watch(5);
  const ready = watch.ready();
  const poll = await it.port.begun(1);
  const closing = watch.close();
  poll.ready({ 5: POLLIN, [it.port.wakeDescriptor]: 1 });
  assertEquals(await ready, null);
  await closing;
  await it.loop.idle();
});

Deno.test("PollLoop waits 20 s while one watch is ref'd, else in slices of 100 ms", async () => {
  const it = setup();
  const [a, b] = [it.loop.watch(5), it.loop.watch(6)];
  assertEquals((await it.port.begun(1)).timeoutMs, 20_000);
  a.unref();
  assertEquals(it.port.woken, 0);
  b.unref();
  assertEquals((await it.port.begun(2)).timeoutMs, 100);
  it.port.current.timeOut();
  assertEquals((await it.port.begun(3)).timeoutMs, 100);
  a.ref();
  assertEquals((await it.port.begun(4)).timeoutMs, 20_000);
  await end(it, a, b);
});

Deno.test("PollLoop gives the event loop a turn between two slices, in which the process may end", async () => {
  const it = setup();
  const watch = it.loop.watch(5);
  watch.unref();
  const { refTimer, unrefTimer } = Deno;
  const calls: string[] = [];
  Object.assign(Deno, { refTimer: () => calls.push("ref"), unrefTimer: () => calls.push("unref") });
  (await it.port.begun(1)).timeOut();
  await microtasks();
  assertEquals([it.port.polls.length, calls], [1, ["unref"]]);
  watch.ref();
  assertEquals(calls, ["unref", "ref"]);
  Object.assign(Deno, { refTimer, unrefTimer });
  await it.port.begun(2);
  await end(it, watch);
});

Deno.test("PollLoop retries at once when a signal interrupts poll, and does not spin when it goes on failing", async () => {
  const it = setup();
  const watch = it.loop.watch(5);
  const ready = watch.ready();
  for (let i = 1; i <= 3; i++) {
    (await it.port.begun(i)).fail();
    await microtasks();
    assertEquals(it.port.polls.length, i + 1, `failure ${i}`);
  }
  it.port.current.fail();
  const since = performance.now();
  const next = await it.port.begun(5);
  assert(performance.now() - since > 40, "no pause");
  next.ready({ 5: POLLIN });
  assertEquals(await ready, POLLIN);
  await end(it, watch);
});

Deno.test("PollLoop calls afterPoll before it wakes a watch", async () => {
  const it = setup();
  const watch = it.loop.watch(5);
  const ready = watch.ready().then(() => it.events.push("ready"));
  (await it.port.begun(1)).ready({ 5: POLLIN });
  await ready;
  assertEquals(it.events, ["after poll", "ready"]);
  (await it.port.begun(2)).timeOut();
  await it.port.begun(3);
  assertEquals(it.events, ["after poll", "ready", "after poll"]);
  await end(it, watch);
});

Deno.test("PollLoop.idle() resolves when the last poll is over, and a watch starts the loop again", async () => {
  const it = setup();
  const watch = it.loop.watch(5);
  await it.port.begun(1);
  await watch.close();
  // At this very moment the run ends: a new watch must not be left to it.
  const next = it.loop.watch(6);
  const ready = next.ready();
  assertEquals((await it.port.begun(2)).descriptors, [99, 6]);
  it.port.current.ready({ 6: POLLIN });
  assertEquals(await ready, POLLIN);
  await end(it, next);
  assertEquals(it.port.running, 0);
});

Deno.test("PollLoop polls for a watch that comes at any moment after the last one left", async () => {
  for (let delay = 0; delay < 20; delay++) {
    const it = setup();
    const watch = it.loop.watch(5);
    const poll = await it.port.begun(1);
    it.port.answersWake = false;
    const closing = watch.close();
    poll.timeOut();
    for (let i = 0; i < delay; i++) await Promise.resolve();
    const next = it.loop.watch(6);
    void next.ready();
    await microtasks();
    assert(it.port.running === 1, `${delay} microtasks later nobody polls`);
    await closing;
    await end(it, next);
  }
});
