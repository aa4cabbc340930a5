/**
 * What the `watch` program prints.
 *
 * @module
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { changeLines, jsonLine } from "../examples/watch/json.ts";
import { screenLines } from "../examples/watch/live.ts";
import { formatNews, headline } from "../examples/watch/news.ts";
import { formatStats } from "../examples/watch/stats.ts";
import { createStyle } from "../examples/watch/style.ts";
import { formatTable } from "../examples/watch/table.ts";
import { pad, widthOf, wrap } from "../examples/watch/text.ts";
import { formatDateTime, formatIso, formatTime } from "../examples/watch/time.ts";
import { diffStates } from "../mod.ts";
import type { Address, Health, Metrics } from "../state/types.ts";
import { address, nic, route, state } from "./support/states.ts";
import { AT, LIVE, PLAIN, snapshot, view } from "./support/watch_view.ts";

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
  Time          2025-11-02 03:04:05.006
`;

Deno.test("formatTable() aligns interfaces by index with their addresses beside them", () => {
  assertEquals(
    formatTable(snapshot(STATE), LIVE, view()),
    `Online by eth0 via 192.168.1.1, my address is 192.168.1.7

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

Deno.test("formatTable() leaves the MAC out first, then the MTU, and breaks between words", () => {
  assertEquals(
    formatTable(snapshot(STATE), LIVE, view(80)).split("\n").slice(2, 11).join("\n"),
    `   #  INTERFACE  KIND      STATE       MTU    ADDRESSES
   1  lo         loopback  up          65536  127.0.0.1/8
  10  eth0       ethernet  up          1500   192.168.1.7/24
                                              198.51.100.1/32 peer 198.51.100.2
                                              2001:db8::1/64 deprecated
                                                temporary dynamic
                                              fd00::7/64 tentative
  11  wlan0      wifi      no carrier  1500
  12  d\\u{1b}c   unknown   down        1500`,
  );
  assertEquals(
    formatTable(snapshot(STATE), LIVE, view(55)).split("\n").slice(3, 7).join("\n"),
    `   #  INTERFACE  KIND      STATE       ADDRESSES
   1  lo         loopback  up          127.0.0.1/8
  10  eth0       ethernet  up          192.168.1.7/24
                                       198.51.100.1/32`,
  );
});

Deno.test("formatTable() puts addresses below their interface if no layout has room beside it", () => {
  const text = formatTable(snapshot(STATE), LIVE, view(50)).split("\n");
  assertEquals(
    text.slice(3, 8).join("\n"),
    `   #  INTERFACE  KIND      STATE       MTU
        ADDRESSES
   1  lo         loopback  up          65536
        127.0.0.1/8
  10  eth0       ethernet  up          1500`,
  );
});

Deno.test("formatTable() never prints a line that is wider than the terminal, and aligns wide names", () => {
  const wide = state({
    interfaces: [
      nic("以太网 2", { index: 13, mac: "02:00:00:00:00:02", addresses: ["192.0.2.1/24"] }),
      ...Object.values(STATE.interfaces),
    ],
  });
  for (let columns = 45; columns < 130; columns++) {
    const lines = formatTable(snapshot(wide), LIVE, view(columns)).split("\n");
    assertEquals(lines.filter((line) => widthOf(line) > columns), [], `${columns} columns`);
  }
  const lines = formatTable(snapshot(wide), LIVE, view()).split("\n");
  const before = (mac: string) => widthOf(lines.find((line) => line.includes(mac))!.split(mac)[0]!);
  assertEquals(before("02:00:00:00:00:02"), before("02:00:00:00:00:01"));
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
    formatTable(snapshot(polled), health, view(null, { dateTime: formatIso })),
    `Probably online, my address is 192.0.2.1

  #  INTERFACE  KIND      STATE  MTU  MAC  ADDRESSES
  -  eth0       ethernet  -      -    -    192.0.2.1/24

  Default IPv4  unknown
  Default IPv6  unknown
  Home router   unknown
  Source        polling: no\\u{1b}ffi
  Time          ${new Date(AT).toISOString()}
`,
  );
});

Deno.test("formatTable() says so if no interface is to be shown", () => {
  const table = formatTable(snapshot(HOME), LIVE, view(null, { shows: () => false }));
  assertMatch(table, /ADDRESSES\n {2}no such interface\n\n/);
});

Deno.test("formatTable() sorts by index, whatever the names", () => {
  const nics = [nic("7", { index: 9 }), nic("b", { index: 4 }), nic("a", { index: 5 })];
  const table = formatTable(snapshot(state({ interfaces: nics })), LIVE, view());
  assertEquals([...table.matchAll(/^ +\d +(\w+)/gm)].map(([, name]) => name), ["b", "a", "7"]);
});

Deno.test("formatTable() pads cells before it adds colours", () => {
  const painted = formatTable(snapshot(STATE), LIVE, view(null, { style: createStyle(true) }));
  // deno-lint-ignore no-control-regex -- ANSI escape sequences
  const unpainted = painted.replaceAll(/\x1b\[\d+m/g, "");
  const colours = { dim: 2, green: 32, yellow: 33 };
  for (
    const [colour, text] of [
      ["green", "up"],
      ["yellow", "no carrier"],
      ["dim", "down"],
      ["yellow", "fd00::7/64 tentative"],
      ["dim", "2001:db8::1/64 deprecated temporary dynamic"],
      ["dim", "127.0.0.1/8"], // host-only
    ] as const
  ) assertStringIncludes(painted, `\x1b[${colours[colour]}m${text}\x1b`);
  assertEquals(unpainted, formatTable(snapshot(STATE), LIVE, view()));
});

Deno.test("formatTable() shows only the interfaces that are asked for", () => {
  const text = formatTable(snapshot(STATE), LIVE, view(null, { shows: (name) => name === "lo" }));
  assertEquals(text.split("\n").slice(2, 5).map((line) => line.trim().split(/ +/)[1] ?? ""), [
    "INTERFACE",
    "lo",
    "",
  ]);
});

const HOME_PARTS = {
  interfaces: [nic("lo"), nic("eth0", { index: 3, addresses: ["192.0.2.1/24"] })],
  ipv4: route("eth0", { gateway: "192.0.2.254", source: "192.0.2.1" }),
};
const HOME = state(HOME_PARTS);

Deno.test("formatNews() prints one line per interface, with the reason beside what is major", () => {
  const next = state({
    interfaces: [
      nic("lo"),
      nic("eth0", { index: 3, mtu: 1400, addresses: ["192.0.2.7/24", "192.0.2.8/24"] }),
      nic("docker0", { index: 4, addresses: ["172.17.0.1/16"] }),
    ],
    ipv4: route("eth0", { gateway: "192.0.2.254", source: "192.0.2.7" }),
  }, { at: AT, sleptMs: 28_800_000 });
  assertEquals(
    formatNews(snapshot(next, HOME), HOME, view()),
    `03:04:05.006  docker0 is new: up, 172.17.0.1/16 (containers)
              eth0 has MTU 1400 (was 1500), lost 192.0.2.1/24, got 192.0.2.7/24, 192.0.2.8/24 ` +
      `(major: 192.0.2.1 unusable, 192.0.2.7 usable, 192.0.2.8 usable)
              IPv4 now leaves by eth0 from 192.0.2.7 (was 192.0.2.1) (major: default route)
              asleep for 8 h (major: long sleep)
`,
  );
});

Deno.test("formatNews() says when the machine goes offline and comes online", () => {
  const pulled = state({ interfaces: [nic("lo"), { ...HOME.interfaces.eth0!, running: false }] });
  assertEquals(
    formatNews(snapshot(pulled, HOME), HOME, view(80, { time: formatIso })),
    `${new Date(AT).toISOString()}  eth0 has no carrier (major: 192.0.2.1 unusable)
                          IPv4 has no default route (was eth0 via 192.0.2.254)
                            (major: default route)
                          Offline
`,
  );
  assertEquals(
    formatNews(snapshot(HOME, pulled), pulled, view()),
    `03:04:05.006  eth0 has carrier (major: 192.0.2.1 usable)
              IPv4 now leaves by eth0 via 192.0.2.254 (major: default route)
              Online by eth0, my address is 192.0.2.1
`,
  );
});

Deno.test("formatNews() names a cause that is not an event, and reasons without a change", () => {
  const next = state({
    ...HOME_PARTS,
    interfaces: [nic("lo"), { ...HOME.interfaces.eth0!, index: 9 }],
  });
  assertEquals(
    formatNews(snapshot(next, HOME, { cause: "reconcile" }), HOME, view()),
    `03:04:05.006  found by a check: eth0 has index 9 (was 3) (major: index)
              (major: IPv4 leaves by eth0, which was created again)
`,
  );
});

Deno.test("formatNews() puts the reason beside each address, and lists only a few", () => {
  const ofIpv6 = (fields: Partial<Address>) =>
    state({
      ...HOME_PARTS,
      interfaces: [
        nic("lo"),
        nic("eth0", {
          index: 3,
          addresses: ["192.0.2.1/24", ...[1, 2].map((i) => address(`2001:db8::${i}/64`, fields))],
        }),
      ],
    });
  assertEquals(
    formatNews(snapshot(ofIpv6({}), ofIpv6({ tentative: true })), null, view()),
    `03:04:05.006  2001:db8::1 is ready on eth0 (major: usable address)
              2001:db8::2 is ready on eth0 (major: usable address)
`,
  );
  const many = Array.from({ length: 5_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}/8`);
  const next = state({
    ...HOME_PARTS,
    interfaces: [nic("lo"), nic("eth0", { index: 3, addresses: many })],
  });
  const text = formatNews(snapshot(next, HOME, { changes: diffStates(HOME, next) }), HOME, view());
  assertMatch(text, /\(major: (\S+ (un)?usable, ){3}\S+ usable and 4997 more\)/);
});

Deno.test("formatNews() names fields only if there is nothing else to say, and up to four reasons", () => {
  const addresses = [7, 8, 9].map((i) => `192.0.2.${i}/24`);
  const next = state({ interfaces: [nic("lo"), nic("eth0", { index: 9, addresses })] });
  const [first = ""] = formatNews(snapshot(next, HOME), null, view()).split("\n");
  assertEquals(
    first.slice(first.indexOf("(")),
    "(was 3), lost 192.0.2.1/24, got 192.0.2.7/24, 192.0.2.8/24, 192.0.2.9/24 " +
      "(major: 192.0.2.1 unusable, 192.0.2.7 usable, 192.0.2.8 usable, 192.0.2.9 usable)",
  );
});

Deno.test("formatNews() prints only what is about the interfaces that are asked for", () => {
  const next = state({ interfaces: [nic("lo"), nic("eth1")] });
  const only = (name: string) =>
    formatNews(snapshot(next, HOME), HOME, view(null, { shows: (one) => one === name }));
  assertEquals(only("eth1"), "03:04:05.006  eth1 is new: up\n              Offline\n");
  assertEquals(only("wlan0"), "");
  const offline = state({ interfaces: [nic("lo")] });
  const rest = view(null, { shows: (name) => name !== "eth0" });
  assertEquals(formatNews(snapshot(HOME, offline), offline, rest), ""); // nor that it is the default route
});

Deno.test("headline() says online or offline, by what, and the addresses", () => {
  assertEquals(headline(HOME, PLAIN), "Online by eth0 via 192.0.2.254, my address is 192.0.2.1");
  assertEquals(headline(state(), PLAIN), "Offline");
  const tunnel = state({
    interfaces: [nic("tun0", { addresses: ["10.8.0.2/24"] })],
    ipv4: route("tun0", { source: "10.8.0.2" }),
    ipv6: route("wlan0", { gateway: "fe80::1" }), // not tun0's
  });
  assertEquals(headline(tunnel, PLAIN), "Online by tun0, my address is 10.8.0.2");
  const both = state({
    interfaces: [nic("eth0", { addresses: ["192.0.2.1/24", "2001:db8::7/64"] })],
    ipv4: HOME.defaultRoute.ipv4,
  });
  const mine = "my addresses are 192.0.2.1 and 2001:db8::7";
  assertEquals(headline(both, PLAIN), `Online by eth0 via 192.0.2.254, ${mine}`);
  const pulled = state({
    interfaces: [
      nic("eth0", { running: false, addresses: ["192.0.2.1/24"] }),
      nic("wlan0", { index: 3, addresses: ["2001:db8::7/64"] }),
    ],
    ipv4: HOME.defaultRoute.ipv4,
    ipv6: route("wlan0", { gateway: "fe80::1", source: "2001:db8::7" }),
  });
  const byIpv6 = "Online by wlan0 via fe80::1, my address is 2001:db8::7";
  assertEquals(headline(pulled, PLAIN), byIpv6);
  const { interfaces: { wlan0 }, defaultRoute: { ipv6 } } = pulled;
  for (const ipv4 of [null, route("wlan0", { gateway: "192.0.2.254" })]) { // one without an address
    assertEquals(headline(state({ interfaces: [wlan0!], ipv4, ipv6 }), PLAIN), byIpv6);
  }
});

Deno.test("changeLines() prints each change with its text as one line of ASCII", () => {
  const next = state({
    ...HOME_PARTS,
    interfaces: [nic("lo"), nic("\u009b网"), HOME.interfaces.eth0!],
  });
  const lines = changeLines(snapshot(next, HOME), () => true).split("\n");
  assertEquals([lines.length, /[^\x20-\x7e\n]/.test(lines.join("\n"))], [2, false]);
  const { interface: added, ...rest } = JSON.parse(lines[0]!);
  assertEquals(rest, {
    time: new Date(AT).toISOString(),
    sequence: 1,
    cause: "event",
    major: false,
    text: '"\\u{9b}网" is new: up',
    kind: "interface-added",
  });
  assertEquals(added.name, "\u009b网");
  assertEquals(changeLines(snapshot(next, HOME), () => false), "");
  assertEquals(JSON.parse(jsonLine("\u009b")), "\u009b");
});

Deno.test("screenLines() cuts the table, keeps five lines for the newest changes", () => {
  const lines = (letter: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
  const fit = (table: number, news: number, rows: number) =>
    screenLines(lines("t", table), lines("n", news), rows).join(" ");
  assertEquals(fit(3, 0, 10), "t1 t2 t3");
  assertEquals(fit(9, 0, 10), "t1 t2 t3 t4 t5 t6 t7 t8 t9");
  assertEquals(fit(3, 9, 10), "t1 t2 t3  n4 n5 n6 n7 n8 n9");
  assertEquals(fit(9, 9, 10), "t1 t2 t3 … and 6 more lines  n5 n6 n7 n8 n9");
  assertEquals(fit(9, 2, 10), "t1 t2 t3 t4 t5 t6 … and 3 more lines  n1 n2");
  assertEquals(fit(9, 9, 1), "… and 9 more lines");
});

const WIDTHS: [text: string, width: number][] = [
  ["eth0", 4],
  ["以太网 2", 8],
  ["イーサネット", 12],
  ["ｲｰｻﾈｯﾄ", 6],
  ["한글", 4],
  ["Ａ＆Ｂ", 6],
  ["e\u0301", 1],
  ["📡👩‍👩‍👧🇩🇪", 6],
  ["☎️☎", 3],
  ["\x1b[1m网\x1b[22m", 2],
  ["«“…»", 4],
];

for (const [text, width] of WIDTHS) {
  Deno.test(`widthOf() finds that ${JSON.stringify(text)} takes ${width} columns`, () => {
    assertEquals(widthOf(text), width);
    assertEquals(widthOf(pad(text, 20)), 20);
  });
}

Deno.test("wrap() breaks at spaces, with a hanging indent, and never inside a word", () => {
  assertEquals(wrap("eth0 got 192.0.2.1/24", 16, 2), ["eth0 got", "  192.0.2.1/24"]);
  assertEquals(wrap("  以太网 got 192.0.2.1/24", 12, 4), ["  以太网 got", "    192.0.2.1/24"]);
  assertEquals(wrap("short", 80, 2), ["short"]);
  assertEquals(wrap("any length at all", null, 2), ["any length at all"]);
});

Deno.test("formatStats() lists health and counters, with control characters escaped", () => {
  const metrics = { events: 3, published: 12 } as Metrics;
  const health: Health = { ...LIVE, lastEventAt: AT, lastError: "bad\x1b[2J" };
  assertEquals(
    formatStats(health, metrics, view()),
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

Deno.test("formatTime(), formatDateTime() and formatIso() print times", () => {
  assertEquals([formatTime(AT), formatDateTime(AT)], ["03:04:05.006", "2025-11-02 03:04:05.006"]);
  assertEquals(formatIso(0), "1970-01-01T00:00:00.000Z");
});
