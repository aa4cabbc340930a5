import { assert, assertEquals } from "@std/assert";
import { diffStates } from "../../state/diff.ts";
import { escapeText, formatChange, formatRoute } from "../../state/format.ts";
import type { Change } from "../../state/types.ts";
import { forSeeds } from "../support/random.ts";
import { randomState } from "../support/random_states.ts";
import { address, nic, route } from "../support/states.ts";

const eth0 = nic("eth0", {
  mac: "02:00:5e:00:53:01",
  addresses: ["192.0.2.1/24", address("2001:db8::1/64", { tentative: true, temporary: true })],
});

const CHANGES: [text: string, change: Change][] = [
  [
    "interface added: eth0: index 2, ethernet, up, running, mtu 1500, mac 02:00:5e:00:53:01, " +
    "192.0.2.1/24, 2001:db8::1/64 tentative temporary",
    { kind: "interface-added", interface: eth0 },
  ],
  [
    "interface removed: ppp0: index 9, tunnel, down, no carrier, mtu 1492, 10.0.0.1/32 peer 10.0.0.2",
    {
      kind: "interface-removed",
      interface: nic("ppp0", {
        index: 9,
        up: false,
        running: false,
        mtu: 1492,
        addresses: [address("10.0.0.1/32", { peer: "10.0.0.2" })],
      }),
    },
  ],
  [
    "interface changed: eth0 up true -> false, mac 02:00:5e:00:53:01 -> null",
    {
      kind: "interface-changed",
      interface: "eth0",
      fields: ["up", "mac"],
      from: eth0,
      to: { ...eth0, up: false, mac: null },
    },
  ],
  [
    "address added: eth0 192.0.2.2/24",
    { kind: "address-added", interface: "eth0", address: address("192.0.2.2/24") },
  ],
  [
    "address removed: eth0 192.0.2.2/24 deprecated",
    {
      kind: "address-removed",
      interface: "eth0",
      address: address("192.0.2.2/24", { deprecated: true }),
    },
  ],
  [
    "address changed: eth0 fe80::1/64 scopeId null -> 2, tentative true -> false",
    {
      kind: "address-changed",
      interface: "eth0",
      from: address("fe80::1/64", { tentative: true }),
      to: address("fe80::1/64", { scopeId: 2 }),
    },
  ],
  [
    "default route changed: IPv4 none -> eth0 via 192.0.2.254 from 192.0.2.1 metric 100",
    {
      kind: "default-route-changed",
      family: "IPv4",
      from: null,
      to: route("eth0", { gateway: "192.0.2.254", source: "192.0.2.1", metric: 100 }),
    },
  ],
  ["resumed: at 1700000000000 after 60000 ms of sleep", {
    kind: "resumed",
    at: 1_700_000_000_000,
    sleptMs: 60_000,
  }],
  ["source changed: links false, address flags true, routes true, resumed never", {
    kind: "source-changed",
    knows: { links: false, addressFlags: true, routes: true },
    resumedAt: null,
    sleptMs: null,
  }],
];

Deno.test("formatChange() gives one line", async (t) => {
  for (const [text, change] of CHANGES) {
    await t.step(change.kind, () => assertEquals(formatChange(change), text));
  }
});

Deno.test("formatChange() and formatRoute() quote names that could be taken for other words", () => {
  const added = (name: string) => formatChange({ kind: "interface-added", interface: nic(name) });
  assertEquals(
    added("vEthernet (WSL)"),
    'interface added: "vEthernet (WSL)": index 2, virtual, up, running, host-only, mtu 1500',
  );
  assertEquals(
    added("\x1b[2J\n"),
    'interface added: "\\u{1b}[2J\\u{a}": index 2, unknown, up, running, mtu 1500',
  );
  assertEquals(formatRoute(route('a"b')), '"a\\"b"');
  assertEquals(formatRoute(route("")), '""');
  assertEquals(formatRoute(route("eth0.100")), "eth0.100");
  assertEquals(formatRoute(null), "none");
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

Deno.test("escapeText() leaves nothing that a terminal obeys or a reader cannot see", async (t) => {
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
