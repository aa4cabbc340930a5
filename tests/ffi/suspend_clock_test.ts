/**
 * Telling a sleep by two clocks that the test sets.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type SleepClocks, SuspendClock } from "../../ffi/suspend_clock.ts";

const HOUR_MS = 3_600_000;

/** The clocks of a machine that can sleep, be busy, and lack one of them. */
class Machine {
  monotonic: number | null = 1_000;
  bootTime: number | null = 5_000;
  /** How long the next readings take, one each; then next to nothing. */
  readonly pauses: number[] = [];
  readings = 0;
  readonly clock: SuspendClock;

  readonly clocks: SleepClocks = {
    monotonic: () => this.#read("monotonic"),
    bootTime: () => this.#read("bootTime"),
  };

  constructor(missing: Partial<Record<"monotonic" | "bootTime", null>> = {}) {
    Object.assign(this, missing);
    this.clock = new SuspendClock(this.clocks);
  }

  pass(ms: number): void {
    if (this.monotonic !== null) this.monotonic += ms;
    if (this.bootTime !== null) this.bootTime += ms;
  }

  sleep(ms: number): void {
    if (this.bootTime !== null) this.bootTime += ms;
  }

  #read(clock: "monotonic" | "bootTime"): number | null {
    this.readings++;
    const time = this[clock];
    this.pass(this.pauses.shift() ?? 0.001);
    return time;
  }
}

Deno.test("SuspendClock finds a sleep of an hour once", () => {
  const machine = new Machine();
  machine.pass(10_000);
  assertEquals(machine.clock.sleptMs(), null);
  machine.sleep(HOUR_MS);
  assertEquals(machine.clock.sleptMs(), HOUR_MS);
  machine.pass(10_000);
  assertEquals(machine.clock.sleptMs(), null);
  assertEquals(machine.readings, 4 * 3); // one look of three readings each time: the machine is not busy
});

Deno.test("SuspendClock reports each sleep with its own length", () => {
  const machine = new Machine();
  for (const slept of [100, 60_000, 250]) {
    machine.pass(500);
    machine.sleep(slept);
    assertEquals(machine.clock.sleptMs(), slept);
  }
});

Deno.test("SuspendClock finds no sleep while the machine is awake, however long", () => {
  const machine = new Machine();
  machine.pass(1_000 * HOUR_MS);
  assertEquals(machine.clock.sleptMs(), null);
});

Deno.test("SuspendClock ignores less than 100 ms, and does not lose it", () => {
  const machine = new Machine();
  machine.sleep(60);
  assertEquals(machine.clock.sleptMs(), null);
  assertEquals(machine.clock.sleptMs(), null);
  machine.sleep(60);
  assertEquals(machine.clock.sleptMs(), 120);
  machine.sleep(60);
  assertEquals(machine.clock.sleptMs(), null);
});

Deno.test("SuspendClock finds a sleep after a clock was set back", () => {
  const machine = new Machine();
  machine.sleep(-HOUR_MS);
  assertEquals(machine.clock.sleptMs(), null);
  machine.sleep(200);
  assertEquals(machine.clock.sleptMs(), 200);
});

Deno.test("SuspendClock does not add up the errors of its readings", () => {
  const machine = new Machine();
  for (let i = 0; i < 1_000; i++) {
    machine.pauses.push(0.09, 0.001);
    machine.pass(1_000);
    assertEquals(machine.clock.sleptMs(), null);
  }
});

Deno.test("SuspendClock finds no sleep in a pause between two readings", () => {
  for (const at of [0, 1, 2]) {
    const machine = new Machine();
    machine.pauses.push(...Array(at).fill(0.001), 5_000);
    assertEquals(machine.clock.sleptMs(), null, `a pause after reading ${at}`);
    assertEquals(machine.clock.sleptMs(), null);
  }
});

Deno.test("SuspendClock finds a sleep that falls between its readings, at the next question at the latest", () => {
  const machine = new Machine();
  let readings = 0;
  const clock = new SuspendClock({
    monotonic: () => machine.monotonic,
    bootTime: () => {
      if (++readings === 2) machine.sleep(HOUR_MS);
      return machine.bootTime;
    },
  });
  assertEquals(clock.sleptMs() ?? clock.sleptMs(), HOUR_MS);
});

Deno.test("SuspendClock uses the closest of its readings on a machine that is always busy", () => {
  const machine = new Machine();
  machine.sleep(HOUR_MS);
  // M, B, M ten times: the fifth time is the quietest.
  for (let i = 0; i < 10; i++) machine.pauses.push(i === 4 ? 0.2 : 40, 0.2, 0);
  const before = machine.readings;
  assertEquals(machine.clock.sleptMs(), HOUR_MS);
  assertEquals(machine.readings - before, 30);
});

Deno.test("SuspendClock starts right on a busy machine", () => {
  const machine = new Machine();
  const busy = new SuspendClock({
    monotonic: () => {
      const time = machine.monotonic!;
      machine.pass(time < 50_000 ? 10_000 : 0.001);
      return time;
    },
    bootTime: () => machine.bootTime,
  });
  machine.pass(100_000);
  assertEquals(busy.sleptMs(), null);
});

Deno.test("SuspendClock reports nothing without one of the clocks", () => {
  for (const missing of ["monotonic", "bootTime"] as const) {
    const machine = new Machine({ [missing]: null });
    machine.sleep(HOUR_MS);
    assertEquals(machine.clock.sleptMs(), null, `without ${missing}`);
  }
});

Deno.test("SuspendClock reports nothing while one of its clocks cannot be read", () => {
  const machine = new Machine();
  const boot = machine.bootTime;
  machine.bootTime = null;
  assertEquals(machine.clock.sleptMs(), null);
  machine.bootTime = boot;
  assertEquals(machine.clock.sleptMs(), null);
});

Deno.test("SuspendClock does not read the wall clock", () => {
  const { now } = Date;
  const machine = new Machine();
  Date.now = () => {
    throw new Error("The wall clock was asked");
  };
  try {
    machine.sleep(HOUR_MS);
    assertEquals(machine.clock.sleptMs(), HOUR_MS);
  } finally {
    Date.now = now;
  }
});

Deno.test("SuspendClock keeps a sleep between two listeners for the next one", () => {
  const machine = new Machine();
  const clock = new SuspendClock(machine.clocks);
  const found: unknown[] = [];
  machine.sleep(HOUR_MS);
  clock.check(false); // between two sockets
  const stop = clock.listen((event) => found.push([event.kind, "at" in event && event.sleptMs]));
  clock.check(false);
  clock.check(true);
  clock.check(false);
  machine.sleep(200);
  clock.check(true); // on resume the kernel sets the wall clock, too
  stop();
  clock.check(true);
  assertEquals(found, [["resumed", HOUR_MS], ["clock-stepped", false], ["resumed", 200]]);
});
