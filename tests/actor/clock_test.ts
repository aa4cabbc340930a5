import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { nextTurn, systemClock, TimerSet } from "../../actor/clock.ts";
import { ManualClock } from "../../actor/testing.ts";

Deno.test("systemClock starts, refs and cancels real timers", async () => {
  assert(Math.abs(systemClock.now() - Date.now()) < 1_000);
  assert(systemClock.monotonic() <= performance.now());
  const cancelled = systemClock.setTimeout(() => assert(false), 0);
  cancelled.cancel();
  let ticks = 0;
  await new Promise<void>((resolve) => {
    const interval = systemClock.setInterval(() => {
      if (++ticks < 2) return;
      interval.cancel();
      resolve();
    }, 1);
    interval.unref();
    interval.ref();
  });
  await new Promise<void>((resolve) => {
    const timer = systemClock.setTimeout(resolve, 0);
    timer.unref();
    timer.ref();
  });
  assertEquals(ticks, 2);
});

Deno.test("systemClock's timers keep the process alive until unref()", () => {
  const { refTimer, unrefTimer } = Deno;
  const seen: string[] = [];
  Deno.refTimer = () => void seen.push("ref");
  Deno.unrefTimer = () => void seen.push("unref");
  try {
    for (
      const timer of [systemClock.setTimeout(() => {}, 1), systemClock.setInterval(() => {}, 1)]
    ) {
      timer.unref();
      timer.ref();
      timer.cancel();
    }
  } finally {
    Object.assign(Deno, { refTimer, unrefTimer });
  }
  assertEquals(seen, ["unref", "ref", "unref", "ref"]);
});

Deno.test("ManualClock.advance() fires timers in order, each at its own time", async () => {
  const clock = new ManualClock({ now: 1_000 });
  const fired: [string, number, number][] = [];
  const note = (name: string) => () => fired.push([name, clock.now(), clock.monotonic()]);
  clock.setTimeout(note("late"), 30);
  clock.setInterval(note("tick"), 10);
  clock.setTimeout(note("early"), 10);
  clock.setTimeout(note("never"), 36).cancel();
  await clock.advance(35);
  assertEquals(fired, [
    ["tick", 1_010, 10],
    ["early", 1_010, 10],
    ["tick", 1_020, 20],
    ["late", 1_030, 30],
    ["tick", 1_030, 30],
  ]);
  assertEquals([clock.now(), clock.monotonic(), clock.pending], [1_035, 35, 1]);
});

Deno.test("ManualClock.advance() lets promises settle between timers", async () => {
  const clock = new ManualClock();
  const order: string[] = [];
  clock.setTimeout(() => {
    void (async () => {
      for (let n = 0; n < 500; n++) await undefined;
      order.push("chain");
      clock.setTimeout(() => order.push("second"), 5);
    })();
  }, 5);
  clock.setTimeout(() => order.push("third"), 11);
  await clock.advance(20);
  assertEquals(order, ["chain", "second", "third"]);
});

Deno.test("ManualClock.advance() lets promises settle at the end, too", async () => {
  const clock = new ManualClock();
  const seen: number[] = [];
  const running = (async () => {
    await nextTurn();
    await nextTurn();
    seen.push(clock.monotonic());
  })();
  await clock.advance(10);
  assertEquals(seen, [10]);
  await running;
});

Deno.test("ManualClock.tick() fires without letting promises settle", async () => {
  const clock = new ManualClock();
  const order: string[] = [];
  clock.setTimeout(() => void Promise.resolve().then(() => order.push("promise")), 1);
  clock.setTimeout(() => order.push("timer"), 2);
  clock.tick(2);
  assertEquals(order, ["timer"]);
  await clock.settle();
  assertEquals(order, ["timer", "promise"]);
});

Deno.test("ManualClock.jump() moves the wall clock alone", () => {
  const clock = new ManualClock({ now: 1_000 });
  clock.setTimeout(() => assert(false), 1);
  clock.jump(-500);
  assertEquals([clock.now(), clock.monotonic(), clock.pending], [500, 0, 1]);
  assertEquals(new ManualClock().now(), 1_700_000_000_000);
});

Deno.test("ManualClock refuses delays that a real timer would cut to 1 ms", () => {
  const clock = new ManualClock();
  for (const ms of [Infinity, NaN, -1, 2_147_483_648]) {
    const text = `to 2147483647 ms, not ${ms}`;
    assertThrows(() => clock.setTimeout(() => {}, ms), RangeError, `from 0 ${text}`);
    assertThrows(() => clock.setInterval(() => {}, ms), RangeError, `from 1 ${text}`);
  }
  assertThrows(() => clock.setInterval(() => {}, 0), RangeError);
  assertEquals(clock.pending, 0);
  clock.setTimeout(() => {}, 2_147_483_647);
  assertEquals(clock.pending, 1);
});

Deno.test("ManualClock refuses to move backwards or by a time that is not finite", async () => {
  const clock = new ManualClock({ now: 1_000 });
  for (const ms of [-50, NaN, Infinity]) {
    assertThrows(() => clock.tick(ms), RangeError, `0 or more, not ${ms}`);
    await assertRejects(() => clock.advance(ms), RangeError, `0 or more, not ${ms}`);
  }
  for (const ms of [NaN, Infinity, -Infinity]) {
    assertThrows(() => clock.jump(ms), RangeError, `a finite time, not ${ms}`);
    assertThrows(() => new ManualClock({ now: ms }), RangeError, `a finite time, not ${ms}`);
  }
  clock.tick(0);
  assertEquals([clock.now(), clock.monotonic()], [1_000, 0]);
});

Deno.test("ManualClock counts the timers that keep a process alive", () => {
  const clock = new ManualClock();
  const timer = clock.setTimeout(() => {}, 1);
  clock.setInterval(() => {}, 1).unref();
  assertEquals([clock.pending, clock.pendingRefd], [2, 1]);
  timer.unref();
  assertEquals(clock.pendingRefd, 0);
  timer.ref();
  assertEquals(clock.pendingRefd, 1);
});

Deno.test("TimerSet survives a clock that calls back before it returns", async () => {
  const manual = new ManualClock();
  const clock = {
    now: () => manual.now(),
    monotonic: () => manual.monotonic(),
    setTimeout: (f: () => void) => {
      const timer = manual.setTimeout(() => {}, 0);
      f();
      return timer;
    },
    setInterval: (f: () => void, ms: number) => manual.setInterval(f, ms),
  };
  const timers = new TimerSet(clock, true);
  let fired = 0;
  timers.once(() => fired++, 1_000);
  timers.once(() => fired++, 1_000)(); // cancelled before it had a turn
  await manual.settle();
  assertEquals(fired, 1);
  timers.once(() => fired++, 1_000);
  timers.stop(null);
  await manual.settle();
  assertEquals(fired, 1);
});

Deno.test("TimerSet drops what a call rejects with after its limit", async () => {
  const clock = new ManualClock();
  const timers = new TimerSet(clock, true);
  const { promise, reject } = Promise.withResolvers<void>();
  const ends: string[] = [];
  timers.call({
    what: "The call",
    limitMs: 1_000,
    call: () => promise,
    done: () => ends.push("done"),
    late: () => ends.push("late"),
  });
  await clock.advance(1_000);
  reject(new Error("Too late"));
  await clock.settle();
  assertEquals(ends, ["done"]);
});

Deno.test("TimerSet treats a call that throws like one that rejects", async () => {
  const timers = new TimerSet(new ManualClock(), true);
  const error = new Error("At once");
  const outcome = Promise.withResolvers<unknown>();
  const call = () => {
    throw error;
  };
  timers.call({ what: "The call", limitMs: 1_000, call, done: outcome.resolve });
  assertEquals(await outcome.promise, { ok: false, error });
});

Deno.test("TimerSet stops all of its timers and rounds up", () => {
  const clock = new ManualClock();
  const timers = new TimerSet(clock, true);
  let fired = 0;
  timers.once(() => fired++, 0.25);
  clock.tick(0.5);
  assertEquals(fired, 0);
  clock.tick(0.5);
  assertEquals(fired, 1);
  timers.once(() => fired++, 1)();
  timers.once(() => fired++, 1);
  timers.every(() => fired++, 1);
  timers.stop(null);
  clock.tick(10);
  assertEquals([fired, clock.pending], [1, 0]);
});

Deno.test("ManualClock never moves backwards, even if a timer or another advance() moves it", async () => {
  const clock = new ManualClock();
  await Promise.all([clock.advance(1_000), clock.advance(500)]);
  assertEquals(clock.monotonic(), 1_000);
  const seen: number[] = [];
  clock.setTimeout(() => {
    clock.tick(200);
    seen.push(clock.monotonic());
  }, 50);
  clock.tick(100);
  seen.push(clock.monotonic());
  assertEquals(seen, [1_250, 1_250]);
});
