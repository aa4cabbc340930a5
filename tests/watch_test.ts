/**
 * The parts of the program `watch` that need no permission.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { formatChanges } from "../examples/watch/changes.ts";
import { HELP, parseOptions, UsageError } from "../examples/watch/options.ts";
import { formatStats } from "../examples/watch/stats.ts";
import { createStyle } from "../examples/watch/style.ts";
import { formatTable } from "../examples/watch/table.ts";
import { formatDate, formatDuration, formatTime } from "../examples/watch/time.ts";
import { libcRequest as bsdLibcRequest } from "../ffi/bsd/libc.ts";
import { libcRequest } from "../ffi/linux/libc.ts";
import { diffStates } from "../mod.ts";
import type { Change, Health, Metrics, Snapshot, State } from "../state/types.ts";
import { address, nic, route, state } from "./support/states.ts";

const AT = new Date(2025, 10, 2, 3, 4, 5, 6).getTime();
const PLAIN = createStyle(false);

const LIVE: Health = {
  status: "live",
  source: "netlink",
  reason: null,
  since: AT,
  lastEventAt: null,
  lastReconcileAt: null,
  lastError: null,
};

function snapshot(of: State, changes: readonly Change[] = [], major = false): Snapshot {
  return {
    sequence: 1,
    at: AT,
    cause: "event",
    causes: ["event"],
    changes,
    major,
    reasons: [],
    state: of,
  };
}

Deno.test("parseOptions() returns the defaults of the API without arguments", () => {
  assertEquals(parseOptions([]), {
    help: false,
    once: false,
    json: false,
    stats: false,
    monitor: { source: "auto" },
    subscription: { majorOnly: false },
  });
});

Deno.test("parseOptions() passes each option on", () => {
  const args = "--json --once --stats --help --major --polling --libc /l --settle 0 --interval 1";
  assertEquals(parseOptions(args.split(" ")), {
    help: true,
    once: true,
    json: true,
    stats: true,
    monitor: { source: "polling", libc: "/l", reconcileIntervalMs: 1 },
    subscription: { majorOnly: true, settleMs: 0 },
  });
  assertEquals(parseOptions(["--interval=Infinity"]).monitor.reconcileIntervalMs, Infinity);
  assertEquals(parseOptions(["--settle=2147483647"]).subscription.settleMs, 2_147_483_647);
});

const MISTAKES: [args: string, message: string][] = [
  ["--nope", "Unknown option '--nope'"],
  ["-x", "Unknown option '-x'"],
  ["more", "Unexpected argument 'more'"],
  ["--settle", "Option '--settle <value>' argument missing"],
  ["--json=1", "Option '--json' does not take an argument"],
  ["--settle --json", "To specify an option argument starting with a dash use '--settle=-XYZ'"],
  ["--settle=-1", "--settle must be an integer from 0 to 2147483647, not '-1'"],
  ["--settle=1.5", "--settle must be an integer from 0 to 2147483647, not '1.5'"],
  ["--settle=Infinity", "--settle must be an integer from 0 to 2147483647, not 'Infinity'"],
  ["--settle=2147483648", "--settle must be an integer from 0 to 2147483647, not '2147483648'"],
  ["--interval=0", "--interval must be an integer from 1 to 2147483647 or Infinity, not '0'"],
  ["--interval=", "--interval must be an integer from 1 to 2147483647 or Infinity, not ''"],
  ["--interval=1e3", "--interval must be an integer from 1 to 2147483647 or Infinity, not '1e3'"],
];

for (const [args, message] of MISTAKES) {
  Deno.test(`parseOptions() refuses ${args}`, () => {
    assertThrows(() => parseOptions(args.split(" ")), UsageError, message);
  });
}

Deno.test("HELP fits a terminal of 80 columns", () => {
  assertEquals(HELP.split("\n").filter((line) => line.length > 80), []);
});

Deno.test("HELP names paths of the C library that are searched", () => {
  const searched = (["x86_64", "aarch64"] as const).flatMap((arch) => [
    ...libcRequest(undefined, { arch, target: "linux-gnu" }).candidates,
    ...libcRequest(undefined, { arch, target: "linux-musl" }).candidates,
    ...bsdLibcRequest("darwin", undefined).candidates,
    ...bsdLibcRequest("freebsd", undefined).candidates,
  ]);
  const named = [...HELP.matchAll(/^ +(\/\S+)/gm)].map(([, path = ""]) => path);
  assertEquals(named.length, 8);
  assertEquals(named.filter((path) => !searched.includes(path)), []);
});

const STATE = state({
  interfaces: [
    nic("eth0", {
      index: 10,
      mac: "02:00:00:00:00:01",
      addresses: [
        "192.168.1.7/24",
        address("fd00::7/64", { tentative: true }),
        address("2001:db8::1/64", { deprecated: true, temporary: true, permanent: false }),
        address("198.51.100.1/32", { peer: "198.51.100.2" }),
      ],
    }),
    nic("lo", { index: 1, mtu: 65536, addresses: ["127.0.0.1/8"] }),
    nic("wlan0", { index: 11, running: false }),
    nic("d\x1bc", { index: 12, up: false, running: false }),
  ],
  ipv4: route("eth0", { gateway: "192.168.1.1", source: "192.168.1.7", metric: 100 }),
});

const SUMMARY = `
  Default IPv4  eth0 via 192.168.1.1 from 192.168.1.7 metric 100
  Default IPv6  none
  Home router   192.168.1.1 from 192.168.1.7
  Source        netlink, live
`;

Deno.test("formatTable() aligns interfaces by index with their addresses beside them", () => {
  assertEquals(
    formatTable(snapshot(STATE), LIVE, PLAIN, null),
    `Network at 2025-11-02 03:04:05.006

   #  INTERFACE  KIND      STATE       MTU    MAC                ADDRESSES
   1  lo         loopback  up          65536  -                  127.0.0.1/8
  10  eth0       ethernet  up          1500   02:00:00:00:00:01  192.168.1.7/24
                                                                 198.51.100.1/32 peer 198.51.100.2
                                                                 2001:db8::1/64 deprecated temporary dynamic
                                                                 fd00::7/64 tentative
  11  wlan0      wifi      no carrier  1500   -
  12  d\\u{1b}c   unknown   down        1500   -
${SUMMARY}`,
  );
});

Deno.test("formatTable() puts addresses below their interface if they do not fit beside it", () => {
  const wide = formatTable(snapshot(STATE), LIVE, PLAIN, 108);
  assertEquals(wide, formatTable(snapshot(STATE), LIVE, PLAIN, null));
  assertEquals(
    formatTable(snapshot(STATE), LIVE, PLAIN, 80).split("\n").slice(2, 7).join("\n"),
    `   #  INTERFACE  KIND      STATE       MTU    MAC
        ADDRESSES
   1  lo         loopback  up          65536  -
        127.0.0.1/8
  10  eth0       ethernet  up          1500   02:00:00:00:00:01`,
  );
});

Deno.test("formatTable() shows what the source does not know as unknown, and why it polls", () => {
  const knows = { links: false, addressFlags: false, routes: false };
  const polled = state({
    interfaces: [
      nic("eth0", { index: 0, mtu: 0, addresses: [address("192.0.2.1/24", { permanent: false })] }),
    ],
    knows,
  });
  const health: Health = { ...LIVE, source: "polling", status: "polling", reason: "no\x1bffi" };
  assertEquals(
    formatTable(snapshot(polled), health, PLAIN, null).split("\n").slice(3).join("\n"),
    `  -  eth0       ethernet  -      -    -    192.0.2.1/24

  Default IPv4  unknown
  Default IPv6  unknown
  Home router   unknown
  Source        polling: no\\u{1b}ffi
`,
  );
});

Deno.test("formatTable() pads cells before it adds colours", () => {
  const painted = formatTable(snapshot(STATE), LIVE, createStyle(true), null);
  // deno-lint-ignore no-control-regex -- ANSI escape sequences
  const unpainted = painted.replaceAll(/\x1b\[\d+m/g, "");
  assertEquals(painted.includes("\x1b[32mup\x1b[39m"), true);
  assertEquals(unpainted, formatTable(snapshot(STATE), LIVE, PLAIN, null));
});

Deno.test("formatChanges() prints one line per change with time, cause and major", () => {
  const next = state({
    interfaces: [
      nic("eth0", { index: 10, up: false, flags: 2, addresses: ["192.0.2.1/24"] }),
      nic("lo", { index: 1, mtu: 65536 }),
    ],
  });
  const previous = state({
    interfaces: [
      nic("eth0", { index: 10, flags: 3 }),
      nic("lo", { index: 1, mtu: 65536, flags: 1 }),
    ],
  });
  const changes = diffStates(previous, next);
  const resumed: Change = { kind: "resumed", at: AT, sleptMs: 7_380_000 };
  assertEquals(
    formatChanges(snapshot(next, [...changes, resumed], true), PLAIN),
    `03:04:05.006  event      major  interface changed: lo flags 1 -> 0
03:04:05.006  event      major  interface changed: eth0 up true -> false
03:04:05.006  event      major  address added: eth0 192.0.2.1/24
03:04:05.006  event      major  resumed: after 2 h 3 min of sleep
`,
  );
  assertEquals(
    formatChanges(snapshot(next, changes.slice(0, 1)), PLAIN),
    "03:04:05.006  event             interface changed: lo flags 1 -> 0\n",
  );
});

Deno.test("formatStats() lists health and counters, with control characters escaped", () => {
  const metrics = { events: 3, published: 12 } as Metrics;
  const health: Health = { ...LIVE, lastEventAt: AT, lastError: "bad\x1b[2J" };
  assertEquals(
    formatStats(health, metrics, PLAIN),
    `status           live
source           netlink
since            03:04:05.006
lastEventAt      03:04:05.006
lastReconcileAt  never
lastError        bad\\u{1b}[2J
events           3
published        12
`,
  );
});

Deno.test("formatDate(), formatTime() and formatDuration() print what a person would write", () => {
  assertEquals([formatDate(AT), formatTime(AT)], ["2025-11-02", "03:04:05.006"]);
  const durations = [149, 59_949, 60_000, 3_599_999, 3_600_000, 90_000_000];
  assertEquals(
    durations.map(formatDuration),
    ["0.1 s", "59.9 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "25 h 0 min"],
  );
});
