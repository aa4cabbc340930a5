/**
 * The options and the help of the `watch` program.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { HELP, VERSION } from "../examples/watch/help.ts";
import { parseOptions, UsageError } from "../examples/watch/options.ts";
import { libcRequest as bsdLibcRequest } from "../ffi/bsd/libc.ts";
import { libcRequest } from "../ffi/linux/syscalls.ts";
import { nic } from "./support/states.ts";

Deno.test("parseOptions() returns the defaults of the API without arguments", () => {
  const { shows, ...options } = parseOptions([]);
  assertEquals(options, {
    print: null,
    once: false,
    output: "text",
    iso: false,
    stats: false,
    monitor: { source: "auto" },
    subscription: { majorOnly: false },
  });
  assertEquals(shows("eth0"), true);
});

Deno.test("parseOptions() passes each option on", () => {
  const args = "--json --once --stats --iso --major --polling --libc /l --settle 0 --interval 1";
  const { shows: _, ...options } = parseOptions(args.split(" "));
  assertEquals(options, {
    print: null,
    once: true,
    output: "json",
    iso: true,
    stats: true,
    monitor: { source: "polling", libc: "/l", reconcileIntervalMs: 1 },
    subscription: { majorOnly: true, settleMs: 0 },
  });
  const parsed = (text: string) => parseOptions(text.split(" "));
  assertEquals(parsed("--interval=Infinity").monitor.reconcileIntervalMs, Infinity);
  assertEquals(parsed("--settle=2147483647").subscription.settleMs, 2_147_483_647);
  assertEquals(["-h", "--help", "--version"].map((arg) => parsed(arg).print), [
    "help",
    "help",
    "version",
  ]);
  assertEquals([parsed("--json=changes").output, parsed("--live").output], [
    "json-changes",
    "live",
  ]);
});

Deno.test("parseOptions() takes times with a unit", () => {
  const times = ["250", "250ms", "5s", "1.5s", "2m", "1h"];
  assertEquals(
    times.map((time) => parseOptions(["--settle", time]).subscription.settleMs),
    [250, 250, 5_000, 1_500, 120_000, 3_600_000],
  );
});

Deno.test("parseOptions() takes the names of interfaces to show and to ignore", () => {
  const shown = (args: string) =>
    ["eth0", "eth1", "veth0", "a.b"].filter(parseOptions(args.split(" ")).shows).join(" ");
  assertEquals(shown("eth0 veth*"), "eth0 veth0");
  assertEquals(shown("--ignore veth* --ignore eth1"), "eth0 a.b");
  assertEquals(shown("--ignore eth0 *eth*"), "eth1 veth0");
  assertEquals(shown("a?b"), "");
  // the empty name: of a wake-up from sleep, which is about no interface
  assertEquals([[], ["--ignore", "eth0"], ["eth0"]].map((args) => parseOptions(args).shows("")), [
    true,
    true,
    false,
  ]);
  const { ignoreInterface } = parseOptions(["--ignore", "veth*"]).monitor;
  assertEquals([nic("veth1"), nic("eth1")].map((one) => ignoreInterface?.(one)), [true, false]);
});

const MISTAKES: [args: string, message: string][] = [
  ["--nope", "Unknown option '--nope'"],
  ["-x", "Unknown option '-x'"],
  ["--settle", "Option '--settle <value>' argument missing"],
  ["--json=1", "Use --json or --json=changes, not '--json=1'"],
  ["--json changes", "use --json=changes, or select with jq"],
  ["--once --json=changes", "The option --once prints a state, and --json=changes none"],
  ["--settle --json", "To specify an option argument starting with a dash use '--settle=-XYZ'"],
  ["--settle=-1", "--settle takes a time such as 250ms or 5s, from 0 to 2147483647 ms, not '-1'"],
  ["--live --once", "--live cannot be combined with --json or --once"],
  ["--live --json", "--live cannot be combined with --json or --once"],
  ["--live --json=changes", "--live cannot be combined with --json or --once"],
  ["--settle=5d", "--settle takes a time such as 250ms or 5s, from 0 to 2147483647 ms, not '5d'"],
  [
    "--settle=Infinity",
    "--settle takes a time such as 250ms or 5s, from 0 to 2147483647 ms, not 'Infinity'",
  ],
  [
    "--settle=2147483648",
    "--settle takes a time such as 250ms or 5s, from 0 to 2147483647 ms, not '2147483648'",
  ],
  [
    "--interval=0",
    "--interval takes a time such as 250ms or 5s, from 1 to 2147483647 ms, or Infinity, not '0'",
  ],
  [
    "--interval=",
    "--interval takes a time such as 250ms or 5s, from 1 to 2147483647 ms, or Infinity, not ''",
  ],
  [
    "--interval=1e3",
    "--interval takes a time such as 250ms or 5s, from 1 to 2147483647 ms, or Infinity, not '1e3'",
  ],
];

for (const [args, message] of MISTAKES) {
  Deno.test(`parseOptions() refuses ${args}`, () => {
    assertThrows(() => parseOptions(args.split(" ")), UsageError, message);
  });
}

Deno.test("HELP fits a terminal of 80 columns", () => {
  assertEquals(HELP.split("\n").filter((line) => line.length > 80), []);
});

Deno.test("VERSION is that of the package", () => {
  assertEquals(VERSION, config.version);
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
