import { assert, assertEquals, assertThrows } from "@std/assert";
import { systemClock } from "../../actor/clock.ts";
import {
  type MonitorOptions,
  resolveMonitorOptions,
  resolveSnapshotOptions,
} from "../../actor/options.ts";
import { ManualClock, ScriptedSource } from "../../actor/testing.ts";

Deno.test("resolveMonitorOptions() fills in the defaults", () => {
  const { ignoreInterface, logger, ...rest } = resolveMonitorOptions();
  assertEquals(rest, {
    signal: null,
    reconcileIntervalMs: 15_000,
    coalesceMs: 250,
    source: "auto",
    pollingIntervalMs: 5_000,
    libc: undefined,
    receiveBufferBytes: undefined,
    persistent: true,
    trace: false,
    clock: systemClock,
  });
  assertEquals(ignoreInterface, null);
  assertEquals(typeof logger.warn, "function");
});

Deno.test("resolveMonitorOptions() keeps the given values", () => {
  const given: MonitorOptions = {
    signal: new AbortController().signal,
    reconcileIntervalMs: Infinity,
    coalesceMs: 0,
    source: new ScriptedSource(),
    pollingIntervalMs: 2_147_483_647,
    libc: "/lib/libc.so.6",
    receiveBufferBytes: 4_096,
    persistent: false,
    trace: true,
    clock: new ManualClock(),
  };
  const { ignoreInterface: _ignore, logger: _logger, ...rest } = resolveMonitorOptions(given);
  assertEquals(rest as MonitorOptions, given);
  assert(rest.source === given.source && rest.clock === given.clock);
  for (const source of ["auto", "events", "polling"] as const) {
    assertEquals(resolveMonitorOptions({ source }).source, source);
  }
});

Deno.test("a misspelt option is a TypeError that names the right one; other names are ignored", () => {
  const misspelt: [string, string][] = [
    ["reconcileIntervallMs", "reconcileIntervalMs"],
    ["coalesce", "coalesceMs"],
    ["coalesceMS", "coalesceMs"],
    ["persistant", "persistent"],
    ["sginal", "signal"],
    ["libs", "libc"],
  ];
  for (const [name, meant] of misspelt) {
    assertThrows(() => resolveMonitorOptions({ [name]: 1 }), TypeError, `use ${meant}`);
  }
  assertThrows(() => resolveSnapshotOptions(JSON.parse('{"majoronly":1}')), TypeError, "majorOnly");
  const options = {
    settleMs: 5,
    majorOnly: true,
    coalesceMs: 5,
    name: "theirs",
    resource: 1,
    race: 2,
    live: true,
  };
  assertEquals(resolveMonitorOptions(options).coalesceMs, 5);
  assertEquals(resolveSnapshotOptions(options).settleMs, 5);
});

Deno.test("resolveSnapshotOptions() fills in the defaults and keeps the given values", () => {
  assertEquals(resolveSnapshotOptions(), {
    signal: null,
    initial: true,
    majorOnly: false,
    affects: null,
    settleMs: 0,
    settleMaxMs: 0,
  });
  assertEquals(resolveSnapshotOptions({ settleMs: 100 }).settleMaxMs, 400);
  assertEquals(resolveSnapshotOptions({ settleMs: 100, settleMaxMs: 1 }).settleMaxMs, 1);
  assertEquals(resolveSnapshotOptions({ settleMs: 2_147_483_647 }).settleMaxMs, 2_147_483_647);
});

const MONITOR_NUMBERS = {
  reconcileIntervalMs: 1,
  coalesceMs: 0,
  pollingIntervalMs: 1,
  receiveBufferBytes: 1,
};
const SNAPSHOT_NUMBERS = { settleMs: 0, settleMaxMs: 1 };

for (const [name, least] of Object.entries({ ...MONITOR_NUMBERS, ...SNAPSHOT_NUMBERS })) {
  const resolve = (value: unknown): unknown =>
    name in MONITOR_NUMBERS
      ? resolveMonitorOptions({ [name]: value })
      : resolveSnapshotOptions({ [name]: value });

  Deno.test(`${name} accepts integers from ${least} to 2147483647; the error for others names it`, () => {
    resolve(least);
    resolve(2_147_483_647);
    const wrong = [least - 1, 2_147_483_648, 1.5, NaN, -Infinity, "250", null, 10n];
    for (const value of wrong) assertThrows(() => resolve(value), RangeError, `option ${name} `);
    if (name === "reconcileIntervalMs") resolve(Infinity);
    else assertThrows(() => resolve(Infinity), RangeError, `option ${name} `);
  });
}

Deno.test("a RangeError shows the value", () => {
  assertThrows(
    () => resolveMonitorOptions({ coalesceMs: -5 }),
    RangeError,
    "The option coalesceMs must be an integer from 0 to 2147483647, not -5",
  );
});

const WRONG_TYPES: Record<string, unknown[]> = {
  signal: [1, {}, null],
  source: ["netlink", "", 1, null, {}, { subscribe: () => {}, read: () => {} }],
  libc: ["libc.so.6", "./libc.so.6", "", 1, null],
  ignoreInterface: [true, null, "eth0"],
  persistent: [0, "no", null],
  trace: [1, "yes"],
  logger: [null, {}, { debug: () => {} }],
  clock: [null, {}, { now: () => 0 }],
};
for (const [name, values] of Object.entries(WRONG_TYPES)) {
  Deno.test(`${name} of the wrong type is a TypeError that names it`, () => {
    for (const value of values) {
      assertThrows(
        () => resolveMonitorOptions({ [name]: value }),
        TypeError,
        `The option ${name} must be`,
      );
    }
  });
}

Deno.test("libc accepts the absolute paths of every operating system", () => {
  for (const libc of ["/lib/libc.so.6", "C:\\Windows\\x.dll", "c:/x.dll", "\\\\host\\x.dll"]) {
    assertEquals(resolveMonitorOptions({ libc }).libc, libc);
  }
});

Deno.test("options that are not an object are a TypeError", () => {
  for (const options of [null, 1, "events"]) {
    assertThrows(() => resolveMonitorOptions(options as never), TypeError);
    assertThrows(() => resolveSnapshotOptions(options as never), TypeError);
  }
});
