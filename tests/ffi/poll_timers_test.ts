/**
 * Timers that the poll loop carries, over a poll that the test plays.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { POLLIN, PollLoop } from "../../ffi/poll_loop.ts";
import { FakePollPort, microtasks } from "../support/fake_poll.ts";
import { SimulatedTime, SimulatedWaits } from "../support/simulated_time.ts";

interface Setup {
  port: FakePollPort;
  loop: PollLoop;
  /** What was called, in order. */
  calls: string[];
  /** Lets so many milliseconds pass. */
  pass(ms: number): void;
}

/** Runs the test with a monotonic clock that it moves. */
function timersTest(name: string, run: (setup: Setup) => Promise<void>): void {
  Deno.test(name, async () => {
    const port = new FakePollPort();
    const loop = new PollLoop(port);
    try {
      using time = new SimulatedTime();
      await run({ port, loop, calls: [], pass: (ms) => time.ms += ms });
    } finally {
      await loop.idle();
    }
    assertEquals(port.running, 0);
  });
}

timersTest("a timer ends the poll when it is due, and without it there is none", async (it) => {
  const { timers } = it.loop;
  timers.setTimeout(() => it.calls.push("timer"), 250);
  const poll = await it.port.begun(1);
  assertEquals([poll.descriptors, poll.timeoutMs], [[99], 250]);
  it.pass(250);
  poll.timeOut();
  await microtasks();
  assertEquals(it.calls, ["timer"]);
  await it.loop.idle();
  assertEquals(it.port.polls.length, 1);
});

timersTest("the guard of a late timer waits a second more while the loop pauses", async (it) => {
  using waits = new SimulatedWaits();
  it.loop.timers.setTimeout(() => it.calls.push("timer"), 1_000);
  for (let i = 1; i <= 4; i++) (await it.port.begun(i)).fail(); // the fourth failure pauses the loop
  await microtasks();
  it.pass(5_000);
  waits.timeOut();
  await microtasks();
  assertEquals([waits.asked, it.calls], [[2_000, 1_000], []]);
});

timersTest(
  "the guard calls a timer a second late if the poll does not return, later ones at once",
  async (it) => {
    using waits = new SimulatedWaits();
    it.loop.timers.setInterval(() => it.calls.push("tick"), 1_000);
    await it.port.begun(1); // and does not return
    it.pass(2_100);
    waits.timeOut();
    await microtasks();
    assertEquals([waits.asked, it.calls], [[2_000, 1_000], ["tick"]]);
    it.pass(1_000);
    waits.timeOut();
    await microtasks();
    assertEquals([waits.asked, it.calls], [[2_000, 1_000, 1_000], ["tick", "tick"]]);
  },
);

timersTest(
  "the guard calls at most 32 timers in one turn, the others a millisecond later",
  async (it) => {
    using waits = new SimulatedWaits();
    for (let i = 0; i < 40; i++) it.loop.timers.setTimeout(() => it.calls.push("timer"), 10);
    await it.port.begun(1); // and does not return
    it.pass(1_100);
    waits.timeOut();
    await microtasks();
    assertEquals([waits.asked, it.calls.length], [[1_010, 1], 32]);
    waits.timeOut();
    await microtasks();
    assertEquals(it.calls.length, 40);
  },
);

timersTest(
  "the guard waits anew if the next timer is due much sooner or later, and no longer without timers",
  async (it) => {
    using waits = new SimulatedWaits();
    const far = it.loop.timers.setTimeout(() => it.calls.push("far"), 60_000);
    await it.port.begun(1);
    const near = it.loop.timers.setTimeout(() => it.calls.push("near"), 54_000);
    const nearly = it.loop.timers.setTimeout(() => it.calls.push("nearly"), 50_000);
    await microtasks();
    assertEquals(waits.asked, [61_000, 55_000]);
    waits.timeOut(); // too early, and one wait only
    await microtasks();
    assertEquals(waits.asked, [61_000, 55_000, 51_000]);
    for (const timer of [nearly, near]) timer.cancel();
    assertEquals(waits.asked, [61_000, 55_000, 51_000, 61_000]);
    far.cancel();
    it.pass(100_000);
    waits.timeOut(); // too late: it was told to stop
    await microtasks();
    assertEquals([waits.asked.length, it.calls], [4, []]);
  },
);

timersTest("the guard ends with the loop", async (it) => {
  using waits = new SimulatedWaits();
  it.loop.timers.setTimeout(() => it.calls.push("timer"), 250);
  const poll = await it.port.begun(1);
  assertEquals(waits.running, 1);
  it.pass(250);
  poll.timeOut();
  for (let i = 0; i < 3; i++) await microtasks(); // the loop ends, too
  assertEquals([it.calls, waits.running], [["timer"], 0]);
});

timersTest("a poll that returns too early does not call a timer", async (it) => {
  it.loop.timers.setTimeout(() => it.calls.push("timer"), 250);
  it.pass(0.4);
  (await it.port.begun(1)).timeOut();
  const poll = await it.port.begun(2);
  assertEquals([it.calls, poll.timeoutMs], [[], 250]); // not before 249.6 ms have passed
  it.pass(249.6);
  poll.timeOut();
  await microtasks();
  assertEquals(it.calls, ["timer"]);
});

timersTest("timers are called in the order of their times, after the watches", async (it) => {
  const watch = it.loop.watch(5);
  const ready = watch.ready().then(() => it.calls.push("ready"));
  for (const ms of [30, 10, 20]) it.loop.timers.setTimeout(() => it.calls.push(`${ms}`), ms);
  it.loop.timers.setTimeout(() => it.calls.push("10, set later"), 10);
  const poll = await it.port.begun(1);
  it.pass(100);
  poll.ready({ 5: POLLIN });
  await ready;
  await it.port.begun(2);
  assertEquals(it.calls, ["ready", "10", "10, set later", "20", "30"]);
  await watch.close();
});

timersTest("an interval is called again and again, until it is cancelled by itself", async (it) => {
  const timer = it.loop.timers.setInterval(() => {
    it.calls.push("tick");
    if (it.calls.length === 3) timer.cancel();
  }, 15_000);
  for (let i = 1; i <= 3; i++) {
    const poll = await it.port.begun(i);
    assertEquals(poll.timeoutMs, 15_000);
    it.pass(15_000);
    poll.timeOut();
    await microtasks();
  }
  await it.loop.idle();
  assertEquals([it.calls, it.port.polls.length], [["tick", "tick", "tick"], 3]);
});

timersTest("a timer that another one cancels is not called", async (it) => {
  const { timers } = it.loop;
  timers.setTimeout(() => second.cancel(), 10);
  const second = timers.setTimeout(() => it.calls.push("second"), 20);
  const poll = await it.port.begun(1);
  it.pass(30);
  poll.timeOut();
  await microtasks();
  assertEquals(it.calls, []);
});

timersTest(
  "cancelling the last timer lets the process end: the poll becomes a slice of 100 ms",
  async (it) => {
    const watch = it.loop.watch(5);
    watch.unref();
    void watch.ready();
    const timer = it.loop.timers.setTimeout(() => {}, 60_000);
    assertEquals((await it.port.begun(1)).timeoutMs, 20_000);
    timer.cancel();
    assertEquals((await it.port.begun(2)).timeoutMs, 100);
    await watch.close();
  },
);

timersTest("a watch that asks again soon after a timer is in the next poll", async (it) => {
  const watch = it.loop.watch(5);
  const askSoon = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await null;
    void watch.ready();
  };
  it.loop.timers.setTimeout(() => void askSoon(), 10);
  const poll = await it.port.begun(1);
  it.pass(10);
  poll.timeOut();
  assertEquals((await it.port.begun(2)).descriptors, [99, 5]);
  await watch.close();
});

timersTest("only an earlier timer interrupts a poll, once", async (it) => {
  const { timers } = it.loop;
  timers.setTimeout(() => {}, 1_000);
  await it.port.begun(1);
  timers.setTimeout(() => {}, 2_000);
  assertEquals(it.port.woken, 0);
  it.port.answersWake = false;
  timers.setTimeout(() => {}, 500);
  timers.setTimeout(() => {}, 400);
  assertEquals(it.port.woken, 1);
  it.port.answersWake = true;
  it.port.current.ready({ 99: POLLIN });
  assertEquals((await it.port.begun(2)).timeoutMs, 400);
});

timersTest("at most 32 timers are called between two polls", async (it) => {
  for (let i = 0; i < 80; i++) it.loop.timers.setTimeout(() => it.calls.push(""), 10);
  const counts: number[] = [];
  for (let i = 1; i <= 3; i++) {
    const poll = await it.port.begun(i);
    if (i === 1) it.pass(10);
    else assertEquals(poll.timeoutMs, 0);
    poll.timeOut();
    await microtasks();
    counts.push(it.calls.length);
  }
  assertEquals(counts, [32, 64, 80]);
});

timersTest("a timer that takes long leaves the others to the next turn", async (it) => {
  for (let i = 0; i < 3; i++) {
    it.loop.timers.setTimeout(() => {
      it.calls.push("");
      it.pass(5);
    }, 10);
  }
  (await it.port.begun(1)).timeOut();
  it.pass(10);
  const next = await it.port.begun(2);
  assertEquals([it.calls.length, next.timeoutMs], [2, 0]);
  next.timeOut();
  await microtasks();
  assertEquals(it.calls.length, 3);
});

timersTest("unref'd timers let the process end between slices of 100 ms", async (it) => {
  const timer = it.loop.timers.setTimeout(() => it.calls.push("timer"), 250);
  assertEquals((await it.port.begun(1)).timeoutMs, 250);
  timer.unref();
  assertEquals((await it.port.begun(2)).timeoutMs, 100);
  it.pass(100);
  it.port.current.timeOut();
  await microtasks();
  assertEquals(it.port.running, 0); // only an unref'd timer of the runtime
  assertEquals((await it.port.begun(3)).timeoutMs, 100);
  timer.ref();
  assertEquals((await it.port.begun(4)).timeoutMs, 150);
});

timersTest("what a timer throws is reported, and the others are called", async (it) => {
  const errors: unknown[] = [];
  const onError = (event: ErrorEvent): void => {
    event.preventDefault();
    errors.push(event.error);
  };
  addEventListener("error", onError);
  const failure = new Error("from a timer");
  it.loop.timers.setTimeout(() => {
    throw failure;
  }, 10);
  it.loop.timers.setTimeout(() => it.calls.push("timer"), 20);
  const poll = await it.port.begun(1);
  it.pass(20);
  poll.timeOut();
  await microtasks();
  removeEventListener("error", onError);
  assertEquals([errors, it.calls], [[failure], ["timer"]]);
});

timersTest("no timer starts a poll once the loop was idle for good", async (it) => {
  it.loop.timers.setTimeout(() => it.calls.push("timer"), 10);
  await it.port.begun(1);
  await it.loop.idle();
  it.pass(10);
  const timer = it.loop.timers.setInterval(() => it.calls.push("late"), 10);
  await microtasks();
  timer.cancel();
  assertEquals([it.calls, it.port.polls.length], [[], 1]);
});

timersTest("an alarm calls once per set(), and never once it is set to null", async (it) => {
  const alarm = it.loop.timers.alarm(() => it.calls.push("alarm"));
  alarm.set(50);
  alarm.set(80);
  assert(alarm.isSet());
  const poll = await it.port.begun(1);
  assertEquals(poll.timeoutMs, 80);
  it.pass(80);
  poll.timeOut();
  await microtasks();
  assertEquals([it.calls, alarm.isSet()], [["alarm"], false]);
  alarm.set(50);
  alarm.set(null);
  await it.loop.idle();
  assertEquals(it.calls, ["alarm"]);
});

timersTest("a due alarm waits if another one sets it again", async (it) => {
  const { timers } = it.loop;
  const late = timers.alarm(() => it.calls.push("late"));
  timers.setTimeout(() => late.set(30), 50);
  late.set(60);
  const poll = await it.port.begun(1);
  it.pass(60);
  poll.timeOut();
  const next = await it.port.begun(2);
  assertEquals([it.calls, next.timeoutMs], [[], 30]);
  late.cancel();
});
