/**
 * Texts of changes and reasons: names that need quotes in each of them, and values that are zero or missing.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  formatChange,
  formatName,
  formatReason,
  formatReasons,
  formatRoute,
} from "../../state/format.ts";
import type { Address, Change, Interface, Reason } from "../../state/types.ts";
import { address, nic, route } from "../support/states.ts";

const NAME = "Ethernet 2";
const one = address("192.0.2.1/24");
const mover = route(NAME, { gateway: "192.0.2.254" });

function fields(name: string, to: Partial<Interface>, from: Partial<Interface> = {}): Change {
  const before = { ...nic(name), ...from };
  return {
    kind: "interface-changed",
    interface: name,
    fields: Object.keys({ ...from, ...to }),
    from: before,
    to: { ...before, ...to },
  };
}

function flags(from: Partial<Address>, to: Partial<Address>, name = "eth0"): Change {
  const make = (given: Partial<Address>): Address =>
    address("fe80::1/64", { scopeId: 2, ...given });
  return { kind: "address-changed", interface: name, from: make(from), to: make(to) };
}

const TEXTS: [text: string, change: Change][] = [
  ['"Ethernet 2" is new: up', { kind: "interface-added", interface: nic(NAME) }],
  ['"Ethernet 2" is gone', { kind: "interface-removed", interface: nic(NAME) }],
  ['"Ethernet 2" has MTU 1400 (was 1500)', fields(NAME, { mtu: 1400 })],
  ['"Ethernet 2" got 192.0.2.1/24', { kind: "address-added", interface: NAME, address: one }],
  ['"Ethernet 2" lost 192.0.2.1/24', { kind: "address-removed", interface: NAME, address: one }],
  ['fe80::1 is temporary on "Ethernet 2"', flags({}, { temporary: true }, NAME)],
  [
    'IPv4 now leaves by "Ethernet 2" directly (was via 192.0.2.254)',
    {
      kind: "default-route-changed",
      family: "IPv4",
      from: mover,
      to: { ...mover, gateway: null },
    },
  ],
  ["docker0 is up (containers)", fields("docker0", { up: true }, { up: false })],
  ["docker0 has no carrier (containers)", fields("docker0", { running: false })],
  ["eth0 has MAC 02:00:00:00:00:01 (was none)", fields("eth0", { mac: "02:00:00:00:00:01" })],
  [
    "eth0 has MTU 1400 (was 1500)", // a carrier means nothing while it is down
    {
      ...fields("eth0", { up: false, running: false, mtu: 1400 }),
      fields: ["running", "mtu"],
    } as Change,
  ],
  ["eth0 has another duplex", { ...fields("eth0", {}), fields: ["duplex"] } as Change],
  ["eth0 has another toString", { ...fields("eth0", {}), fields: ["toString"] } as Change],
  ["fe80::1 has peer none (was fe80::2) on eth0", flags({ peer: "fe80::2" }, {})],
  ["fe80::1 has scope null (was 2) on eth0", flags({}, { scopeId: null })],
];

Deno.test("formatChange() quotes names in every text, and says what is missing", async (t) => {
  for (const [text, change] of TEXTS) {
    await t.step(text, () => assertEquals(formatChange(change), text));
  }
});

Deno.test("formatReason() quotes names in every text", () => {
  const reasons: Reason[] = [
    { kind: "address-usable", interface: NAME, address: one },
    { kind: "address-unusable", interface: NAME, address: one },
    { kind: "interface", interface: NAME, fields: ["up"] },
  ];
  assertEquals(reasons.map(formatReason), [
    '192.0.2.1 is usable on "Ethernet 2"',
    '192.0.2.1 is no longer usable on "Ethernet 2"',
    '"Ethernet 2" changed state',
  ]);
});

Deno.test("formatReasons() formats the first eight, and counts the rest", () => {
  const reasons = (count: number): Reason[] =>
    Array.from({ length: count }, (_, i) => ({ kind: "resumed", sleptMs: (i + 1) * 1_000 }));
  assertEquals(formatReasons(reasons(2)), "asleep for 1 s; asleep for 2 s");
  assertEquals(formatReasons(reasons(8)).split("; ").at(-1), "asleep for 8 s");
  assertEquals(formatReasons(reasons(11)).split("; ").slice(7), ["asleep for 8 s", "3 more"]);
});

Deno.test("formatChange() and formatReason() escape what no system reports: changes may be copies", () => {
  const hostile = { ...one, address: "\x1b[2J", cidr: "\x1b[2J/24" };
  const added = formatChange({ kind: "address-added", interface: "eth0", address: hostile });
  assertEquals(added, "eth0 got \\u{1b}[2J/24");
  const usable = formatReason({ kind: "address-usable", interface: "eth0", address: hostile });
  assertEquals(usable, "\\u{1b}[2J is usable on eth0");
});

Deno.test("formatRoute() and formatName() escape names, and show a metric of zero", () => {
  assertEquals(formatRoute(route("\x1b ", { metric: 0 })), '"\\u{1b} " metric 0');
  assertEquals(["\x1b", "eth0@if5"].map(formatName), ['"\\u{1b}"', "eth0@if5"]);
});
