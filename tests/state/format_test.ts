import { assert, assertEquals } from "@std/assert";
import { diffStates } from "../../state/diff.ts";
import {
  escapeText,
  formatChange,
  formatDuration,
  formatReason,
  formatRoute,
} from "../../state/format.ts";
import type { Address, Change, DefaultRoute, Interface, Reason } from "../../state/types.ts";
import { forSeeds } from "../support/random.ts";
import { randomState } from "../support/random_states.ts";
import { address, nic, route } from "../support/states.ts";

const eth0 = nic("eth0", {
  mac: "02:00:5e:00:53:01",
  addresses: ["192.0.2.1/24", address("2001:db8::1/64", { tentative: true, temporary: true })],
});

const ETH0 = route("eth0", { gateway: "192.0.2.254", source: "192.0.2.1", metric: 100 });

const CHANGES: [text: string, change: Change][] = [
  [
    "eth0 is new: up, 192.0.2.1/24, 2001:db8::1/64 (not ready yet, temporary)",
    { kind: "interface-added", interface: eth0 },
  ],
  [
    "docker0 is new: up without carrier, 172.17.0.1/16 (containers)",
    {
      kind: "interface-added",
      interface: nic("docker0", { running: false, addresses: ["172.17.0.1/16"] }),
    },
  ],
  ["eth1 is new: down", { kind: "interface-added", interface: nic("eth1", { up: false }) }],
  ["lo is new: up", { kind: "interface-added", interface: nic("lo") }],
  [
    "ppp0 is gone, with 10.0.0.1/32",
    {
      kind: "interface-removed",
      interface: nic("ppp0", { addresses: [address("10.0.0.1/32", { peer: "10.0.0.2" })] }),
    },
  ],
  ["veth0 is gone (containers)", { kind: "interface-removed", interface: nic("veth0") }],
  ["eth0 is down, has no MAC (was 02:00:5e:00:53:01)", fields({ up: false, mac: null })],
  ["eth0 is up", fields({ up: true, running: true, flags: 3 }, { up: false, running: false })],
  [
    "eth0 is up without carrier",
    fields({ up: true, running: false }, { up: false, running: true }),
  ],
  ["eth0 has no carrier", fields({ running: false, flags: 3 })],
  ["eth0 has carrier", fields({ running: true, flags: 3 }, { running: false })],
  [
    "eth0 leads to containers only, is of kind bridge (was ethernet)",
    fields({ hostOnly: true, kind: "bridge" }),
  ],
  ["eth0 leads out of this host", fields({ hostOnly: false }, { hostOnly: true })],
  ["eth0 has index 7 (was 2), has MTU 1400 (was 1500)", fields({ index: 7, mtu: 1400 })],
  ["eth0 has flags 0x1003 (was 0x0)", fields({ flags: 0x1003 })],
  [
    "eth0 got 10.0.0.1/32 peer 10.0.0.2",
    {
      kind: "address-added",
      interface: "eth0",
      address: address("10.0.0.1/32", { peer: "10.0.0.2" }),
    },
  ],
  [
    "eth0 got fe80::1/64 (duplicate, deprecated)",
    {
      kind: "address-added",
      interface: "eth0",
      address: address("fe80::1/64", { duplicated: true, deprecated: true }),
    },
  ],
  [
    "eth0 lost 192.0.2.2/24",
    {
      kind: "address-removed",
      interface: "eth0",
      address: address("192.0.2.2/24", { deprecated: true }),
    },
  ],
  ["2001:db8::1 is ready on eth0", flags({ tentative: true }, {})],
  ["2001:db8::1 is being checked again on eth0", flags({}, { tentative: true })],
  [
    "2001:db8::1 is a duplicate: another machine has it on eth0",
    flags({ tentative: true }, { duplicated: true }),
  ],
  [
    "2001:db8::1 is deprecated, is temporary on eth0",
    flags({}, { deprecated: true, temporary: true }),
  ],
  [
    "2001:db8::1 is preferred again, has a limited lifetime on eth0",
    flags({ deprecated: true }, { permanent: false }),
  ],
  [
    "2001:db8::1 has peer fe80::2 (was none), has scope 2 (was null) on eth0",
    flags({}, { peer: "fe80::2", scopeId: 2 }),
  ],
  ["IPv4 now leaves by eth0 via 192.0.2.254", move(null, ETH0)],
  ["IPv4 has no default route (was eth0 via 192.0.2.254)", move(ETH0, null)],
  ["IPv4 now leaves by tun0 (was eth0 via 192.0.2.254)", move(ETH0, route("tun0"))],
  [
    "IPv4 now leaves by eth0 via 192.0.2.253 (was 192.0.2.254)",
    move(ETH0, { ...ETH0, gateway: "192.0.2.253" }),
  ],
  [
    "IPv4 now leaves by eth0 directly (was via 192.0.2.254)",
    move(ETH0, { ...ETH0, gateway: null }),
  ],
  ["IPv4 now leaves by eth0 via 192.0.2.254 (was direct)", move({ ...ETH0, gateway: null }, ETH0)],
  [
    "IPv4 now leaves by eth0 from 192.0.2.2 metric 5 (was from 192.0.2.1 metric 100)",
    move(ETH0, { ...ETH0, source: "192.0.2.2", metric: 5 }),
  ],
  ["IPv4 leaves by eth0, which was created again", move(ETH0, ETH0)],
  ["asleep for 8 h", { kind: "resumed", at: 1_700_000_000_000, sleptMs: 28_800_000 }],
  [
    "the source knows: address flags, routes",
    {
      kind: "source-changed",
      knows: { links: false, addressFlags: true, routes: true },
      resumedAt: null,
      sleptMs: null,
    },
  ],
  [
    "the source knows: links",
    {
      kind: "source-changed",
      knows: { links: true, addressFlags: false, routes: false },
      resumedAt: null,
      sleptMs: null,
    },
  ],
  [
    "the source knows: addresses only",
    {
      kind: "source-changed",
      knows: { links: false, addressFlags: false, routes: false },
      resumedAt: null,
      sleptMs: null,
    },
  ],
];

/** A change of eth0 to these fields. */
function fields(to: Partial<Interface>, from: Partial<Interface> = {}): Change {
  return {
    kind: "interface-changed",
    interface: "eth0",
    fields: Object.keys({ ...from, ...to }),
    from: { ...eth0, ...from },
    to: { ...eth0, ...from, ...to },
  };
}

function flags(from: Partial<Address>, to: Partial<Address>): Change {
  return {
    kind: "address-changed",
    interface: "eth0",
    from: address("2001:db8::1/64", from),
    to: address("2001:db8::1/64", to),
  };
}

function move(from: DefaultRoute | null, to: DefaultRoute | null): Change {
  return { kind: "default-route-changed", family: "IPv4", from, to };
}

Deno.test("formatChange() gives one line", async (t) => {
  for (const [text, change] of CHANGES) {
    await t.step(text, () => assertEquals(formatChange(change), text));
  }
});

Deno.test("formatChange() and formatRoute() quote names that could be taken for other words", () => {
  const added = (name: string) => formatChange({ kind: "interface-added", interface: nic(name) });
  assertEquals(
    added("vEthernet (WSL)"),
    '"vEthernet (WSL)" is new: up (containers)',
  );
  assertEquals(
    added("\x1b[2J\n"),
    '"\\u{1b}[2J\\u{a}" is new: up',
  );
  assertEquals(formatRoute(route('a"b')), '"a\\"b"');
  assertEquals(formatRoute(route("")), '""');
  assertEquals(formatRoute(route("eth0.100")), "eth0.100");
  assertEquals(formatRoute(null), "none");
});

const REASONS: [text: string, reason: Reason][] = [
  [
    "IPv4 now leaves by eth0 via 192.0.2.254",
    { kind: "default-route", family: "IPv4", from: null, to: ETH0 },
  ],
  [
    "192.0.2.1 is usable on eth0",
    { kind: "address-usable", interface: "eth0", address: address("192.0.2.1/24") },
  ],
  [
    "192.0.2.1 is no longer usable on eth0",
    { kind: "address-unusable", interface: "eth0", address: address("192.0.2.1/24") },
  ],
  [
    "eth0 changed state and index",
    { kind: "interface", interface: "eth0", fields: ["up", "index"] },
  ],
  ["asleep for 10 min", { kind: "resumed", sleptMs: 600_000 }],
];

Deno.test("formatReason() gives one line", async (t) => {
  for (const [text, reason] of REASONS) {
    await t.step(text, () => assertEquals(formatReason(reason), text));
  }
});

Deno.test("formatDuration() gives at most two units", () => {
  const durations = [0, 149, 1_999, 60_000, 3_599_999, 3_600_000, 90_060_000, 172_800_000];
  assertEquals(
    durations.map(formatDuration),
    ["0 ms", "149 ms", "1 s", "1 min", "59 min 59 s", "1 h", "1 d 1 h", "2 d"],
  );
});

Deno.test("formatChange() never lets a control character through", () => {
  forSeeds({ runs: 500, seed: 53 }, (random) => {
    for (const change of diffStates(randomState(random), randomState(random))) {
      assert(!/[\p{Cc}\p{Bidi_Control}]/u.test(formatChange(change)));
    }
  });
});

const UNSAFE: [name: string, text: string, escaped: string][] = [
  ["terminal escape sequence", "\x1b[2Jeth0", "\\u{1b}[2Jeth0"],
  ["line break", "a\r\nb", "a\\u{d}\\u{a}b"],
  ["NUL and DEL", "\0\x7f", "\\u{0}\\u{7f}"],
  ["C1: the one-byte CSI", "\x9b2J", "\\u{9b}2J"],
  ["right-to-left override", "eth\u202egnp", "eth\\u{202e}gnp"],
  ["isolates", "\u2066\u2067\u2068\u2069", "\\u{2066}\\u{2067}\\u{2068}\\u{2069}"],
  ["direction marks", "\u200e\u200f\u061c", "\\u{200e}\\u{200f}\\u{61c}"],
  ["line and paragraph separators", "\u2028\u2029", "\\u{2028}\\u{2029}"],
  [
    "zero width and byte order mark",
    "\u200b\u200c\u200d\u2060\ufeff",
    "\\u{200b}\\u{200c}\\u{200d}\\u{2060}\\u{feff}",
  ],
  ["soft hyphen and tags", "\u00ad\u{e0041}", "\\u{ad}\\u{e0041}"],
  ["an invisible letter", "\u3164", "\\u{3164}"],
  ["lone surrogates", "\ud800a\udfff", "\\u{d800}a\\u{dfff}"],
  [
    "what is harmless stays",
    "vEthernet (WSL) ünï 网络 📡 \\x41",
    "vEthernet (WSL) ünï 网络 📡 \\x41",
  ],
];

Deno.test("escapeText() leaves no character that a terminal obeys or a reader cannot see", async (t) => {
  for (const [name, text, escaped] of UNSAFE) {
    await t.step(name, () => assertEquals(escapeText(text), escaped));
  }
});

Deno.test("escapeText() is safe for every character of the basic plane", () => {
  for (let code = 0; code <= 0xffff; code++) {
    const escaped = escapeText(String.fromCharCode(code));
    assert(!/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u.test(escaped), code.toString(16));
    assert(escaped.isWellFormed(), code.toString(16));
  }
});
