/**
 * The default route out of a kernel's answers, rule by rule. Interfaces: 1 is lo, 2 eth0, 3 wlan0, 4 tun0;
 * others are not known.
 *
 * @module
 */
import { assertEquals, assertStrictEquals } from "@std/assert";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { type AskRoutes, RouteLookup } from "../../ffi/linux/route_lookup.ts";
import type { DefaultRoute } from "../../state/types.ts";
import { type FakeRoute, FakeRoutes } from "../support/fake_routes.ts";
import { route } from "../support/states.ts";

const NAMES: Record<number, string> = { 1: "lo", 2: "eth0", 3: "wlan0", 4: "tun0" };
const LINKS = {
  nameOf: (index: number): string | null => NAMES[index] ?? null,
  isLoopback: (index: number): boolean => index === 1,
  addresses: () => new LinkTable().addresses(),
};

const ALL4 = "0.0.0.0/0";
const ALL6 = "::/0";
const LOW4 = "0.0.0.0/1";
const HIGH4 = "128.0.0.0/1";
const LOW6 = "2000::/4";
const HIGH6 = "3000::/4";
const LOCAL = 2;
const BROADCAST = 3;
const MULTICAST = 5;
const UNREACHABLE = 7;
const BLACKHOLE = 6;
const PROHIBIT = 8;

interface Row {
  name: string;
  routes: FakeRoute[];
  ipv4?: DefaultRoute | null;
  ipv6?: DefaultRoute | null;
  expires?: number | null;
}

const eth0 = route("eth0", { gateway: "192.0.2.1", source: "192.0.2.9" });
const viaEth0 = { dev: 2, via: "192.0.2.1", source: "192.0.2.9" };
const tun0 = route("tun0");

const ROWS: Row[] = [
  { name: "none without routes", routes: [] },
  {
    name: "the plain one, with gateway, source and metric",
    routes: [{ to: ALL4, ...viaEth0, metric: 100 }],
    ipv4: { ...eth0, metric: 100 },
  },
  {
    name: "the plain one of IPv6",
    routes: [{ to: ALL6, dev: 2, via: "fe80::1", source: "2001:db8::9", metric: 1024 }],
    ipv6: route("eth0", { gateway: "fe80::1", source: "2001:db8::9", metric: 1024 }),
  },
  {
    name: "the one of the lowest metric",
    routes: [{ to: ALL4, dev: 3, metric: 600 }, { to: ALL4, ...viaEth0, metric: 100 }],
    ipv4: { ...eth0, metric: 100 },
  },
  {
    name: "none with routes to its own network only",
    routes: [{ to: "192.0.2.0/24", dev: 2 }, { to: "2001:db8::/64", dev: 2 }],
  },
  {
    name: "0/1 and 128/1 through a VPN, over the plain one (tailscale#16652)",
    routes: [{ to: ALL4, ...viaEth0 }, { to: [LOW4, HIGH4], dev: 4 }],
    ipv4: tun0,
  },
  {
    name: "0/1 and 128/1 without a plain one",
    routes: [{ to: [LOW4, HIGH4], dev: 4 }],
    ipv4: tun0,
  },
  {
    name: "quarters and eighths",
    routes: [{ to: ["0.0.0.0/3", "128.0.0.0/2", "64.0.0.0/2"], dev: 4 }],
    ipv4: tun0,
  },
  {
    name: "2000::/4 and 3000::/4 through a VPN",
    routes: [{ to: ALL6, dev: 2, via: "fe80::1" }, { to: [LOW6, HIGH6], dev: 4 }],
    ipv6: tun0,
  },
  {
    name: "2000::/3 through a VPN",
    routes: [{ to: ALL6, dev: 2, via: "fe80::1" }, { to: "2000::/3", dev: 4 }],
    ipv6: tun0,
  },
  {
    name: "not the host routes to probes",
    routes: [{ to: ALL4, ...viaEth0 }, { to: ["23.0.0.1/32", "151.0.0.1/32"], dev: 4 }],
    ipv4: eth0,
  },
  {
    name: "not the networks that hold all probes but the last",
    routes: [
      { to: ALL4, ...viaEth0 },
      { to: ["23.0.0.0/8", "73.0.0.0/8", "151.0.0.0/8", "203.0.113.0/24"], dev: 4 },
    ],
    ipv4: eth0,
  },
  {
    name: "none when longer routes cover every probe",
    routes: [
      { to: ALL4, ...viaEth0 },
      {
        to: ["23.0.0.0/8", "73.0.0.0/8", "0.0.0.0/8"],
        dev: 3,
      },
      { to: ["151.0.0.0/8", "203.0.0.0/8", "240.0.0.0/4"], dev: 4 },
    ],
  },
  {
    name: "not a /4 of IPv4, but a /4 of IPv6",
    routes: [
      { to: ["16.0.0.0/4", "64.0.0.0/4", "0.0.0.0/4"], dev: 4 },
      { to: ["144.0.0.0/4", "192.0.0.0/4", "240.0.0.0/4"], dev: 4 },
      { to: [LOW6, HIGH6], dev: 4 },
    ],
    ipv6: tun0,
  },
  {
    name: "not a /5 of IPv6",
    routes: [{ to: ["2800::/5", "3800::/5", "2000::/5", "3000::/5"], dev: 4 }],
  },
  {
    name: "the shorter match when the halves differ",
    routes: [{ to: ALL4, ...viaEth0 }, { to: LOW4, dev: 4 }],
    ipv4: eth0,
  },
  {
    name: "the low half when the halves differ at the same length",
    routes: [{ to: LOW4, ...viaEth0 }, { to: HIGH4, dev: 4 }],
    ipv4: eth0,
  },
  {
    name: "none when only one half is covered by less than a default",
    routes: [{ to: LOW4, dev: 4 }, { to: HIGH6, dev: 4 }],
  },
  {
    name: "a true default that only one half shows",
    routes: [{ to: ALL4, ...viaEth0 }, { to: HIGH4, type: UNREACHABLE }],
    ipv4: eth0,
  },
  {
    name: "none when one half is a blackhole and the other no true default",
    routes: [{ to: LOW4, dev: 4 }, { to: HIGH4, type: BLACKHOLE, returned: true }],
  },
  ...[UNREACHABLE, BLACKHOLE, PROHIBIT].flatMap((type): Row[] => [
    { name: `none when type ${type} is answered with an error`, routes: [{ to: ALL4, type }] },
    {
      name: `none if the answer has type ${type}`,
      routes: [{ to: [ALL4, ALL6], type, dev: 2, returned: true }],
    },
  ]),
  ...[LOCAL, BROADCAST, MULTICAST].map((type): Row => ({
    name: `none through a route of type ${type}`,
    routes: [{ to: [ALL4, ALL6], type, dev: 2, source: "192.0.2.9" }],
  })),
  { name: "none through lo", routes: [{ to: [ALL4, ALL6], dev: 1 }] },
  {
    name: "the same, whatever the order of the hops of a multipath route",
    routes: [{ to: ALL4, hops: [{ dev: 3, via: "198.51.100.1" }, { dev: 2, via: "192.0.2.1" }] }],
    ipv4: route("eth0", { gateway: "192.0.2.1" }),
  },
  {
    name: "the lowest gateway of several on one interface",
    routes: [{ to: ALL6, hops: [{ dev: 2, via: "fe80::2" }, { dev: 2, via: "fe80::1" }] }],
    ipv6: route("eth0", { gateway: "fe80::1" }),
  },
  {
    name: "the same set of ways in both halves, in another order",
    routes: [
      { to: ALL6, dev: 2, via: "fe80::9" },
      { to: LOW6, hops: [{ dev: 4, via: "fe80::2" }, { dev: 3, via: "fe80::1" }], metric: 1 },
      { to: HIGH6, hops: [{ dev: 3, via: "fe80::1" }, { dev: 4, via: "fe80::2" }], metric: 2 },
    ],
    ipv6: route("wlan0", { gateway: "fe80::1", metric: 1 }),
  },
  {
    name: "not a hop that is dead",
    routes: [{ to: ALL4, hops: [{ dev: 2, via: "192.0.2.1", dead: true }, { dev: 3 }] }],
    ipv4: route("wlan0"),
  },
  {
    name: "not a hop without carrier",
    routes: [{ to: ALL4, hops: [{ dev: 2, via: "192.0.2.1", carrier: false }, { dev: 3 }] }],
    ipv4: route("wlan0"),
  },
  {
    name: "the source of the only hop with carrier, although the kernel may send through another",
    routes: [{
      to: ALL4,
      hops: [{ dev: 2, carrier: false, source: "192.0.2.9" }, { dev: 3, source: "198.51.100.9" }],
    }],
    ipv4: route("wlan0", { source: "198.51.100.9" }),
  },
  {
    name: "the lowest hop when none has carrier",
    routes: [{ to: ALL4, hops: [{ dev: 2, carrier: false }, { dev: 3, carrier: false }] }],
    ipv4: route("eth0"),
  },
  {
    name: "none when all hops are dead",
    routes: [{ to: ALL4, hops: [{ dev: 2, dead: true }, { dev: 3, dead: true }] }],
  },
  {
    name: "a gateway of the other family (RFC 5549)",
    routes: [{ to: ALL4, dev: 2, via: "fe80::1", source: "192.0.2.9" }],
    ipv4: route("eth0", { gateway: "fe80::1", source: "192.0.2.9" }),
  },
  { name: "none through an interface that is not there", routes: [{ to: ALL4, dev: 77 }] },
  {
    name: "no source if the kernel names none",
    routes: [{ to: ALL4, dev: 4 }],
    ipv4: tun0,
  },
  {
    name: "the hop of a nexthop object that the match does not name (nexthop_compat_mode=0)",
    routes: [{
      to: [ALL4, ALL6],
      object: 7,
      hops: [{ dev: 2, via: "192.0.2.1" }],
      source: "192.0.2.9",
      metric: 20,
    }],
    ipv4: { ...eth0, metric: 20 },
    ipv6: { ...eth0, metric: 20 },
  },
  {
    name: "the hops of nexthop objects in halves, whose matches do not name them",
    routes: [
      { to: ALL4, ...viaEth0 },
      { to: LOW4, object: 7, hops: [{ dev: 4 }] },
      { to: HIGH4, object: 8, hops: [{ dev: 4 }], metric: 5 },
    ],
    ipv4: tun0,
  },
  {
    name: "the lowest hop of a nexthop object that the match names too (nexthop_compat_mode=1)",
    routes: [{ to: ALL4, object: 7, compat: true, hops: [{ dev: 3 }, { dev: 2 }] }],
    ipv4: route("eth0"),
  },
  {
    name: "the only hop of a multipath route",
    routes: [{ to: ALL4, hops: [{ dev: 2, via: "192.0.2.1" }] }],
    ipv4: route("eth0", { gateway: "192.0.2.1" }),
  },
  {
    name: "the expiry of the first that expires",
    routes: [
      { to: ALL4, ...viaEth0, expires: 50 },
      { to: ALL6, dev: 2, via: "fe80::1", expires: 1.5 },
    ],
    ipv4: eth0,
    ipv6: route("eth0", { gateway: "fe80::1" }),
    expires: 1.5,
  },
  {
    name: "the expiry of one family",
    routes: [{ to: ALL4, ...viaEth0 }, { to: ALL6, dev: 2, expires: 30 }],
    ipv4: eth0,
    ipv6: route("eth0"),
    expires: 30,
  },
  {
    name: "the expiry of the half that is not chosen",
    routes: [{ to: LOW6, dev: 2 }, { to: HIGH6, dev: 2, expires: 30 }],
    ipv6: route("eth0"),
    expires: 30,
  },
];

for (const { name, routes, ipv4 = null, ipv6 = null, expires = null } of ROWS) {
  Deno.test(`RouteLookup.ask() finds ${name}`, () => {
    const lookup = new RouteLookup();
    // the second time the lookup knows which halves are covered, and asks otherwise
    for (let round = 0; round < 2; round++) {
      lookup.invalidate();
      const answer = lookup.ask(new FakeRoutes(routes).ask, LINKS);
      assertEquals(answer.routes, { ipv4, ipv6 });
      assertEquals(answer.expiresInSeconds, expires);
      assertEquals(answer.isKnown, true);
    }
  });
}

Deno.test("RouteLookup.ask() needs one datagram when both families have a plain default route", () => {
  const kernel = new FakeRoutes([{ to: [ALL4, ALL6], ...viaEth0 }]);
  new RouteLookup().ask(kernel.ask, LINKS);
  const asked = (to: string, fibMatch: boolean) => ({ to, fibMatch, dev: null, source: null });
  assertEquals(kernel.asked, [[
    asked("23.0.0.1", true),
    asked("23.0.0.1", false),
    asked("151.0.0.1", true),
    asked("2a0f::1", true),
    asked("2a0f::1", false),
    asked("3ffe::1", true),
  ]]);
});

Deno.test("RouteLookup.ask() asks the other probes of a half together, and first of all the next time", () => {
  const kernel = new FakeRoutes([{ to: ALL4, ...viaEth0 }, { to: "151.0.0.0/8", dev: 4 }]);
  const lookup = new RouteLookup();
  const destinations = () => kernel.asked.splice(0).map((datagram) => datagram.map(({ to }) => to));
  lookup.ask(kernel.ask, LINKS);
  assertEquals(destinations(), [
    ["23.0.0.1", "23.0.0.1", "151.0.0.1", "2a0f::1", "2a0f::1", "3ffe::1"],
    ["203.0.113.1", "240.0.0.1", "2c0f::1", "2d00::1", "3000::1"],
  ]);
  lookup.invalidate();
  lookup.ask(kernel.ask, LINKS);
  assertEquals(destinations(), [[
    ...["23.0.0.1", "23.0.0.1", "151.0.0.1", "203.0.113.1", "240.0.0.1"],
    ...["2a0f::1", "2c0f::1", "2d00::1", "3ffe::1", "3000::1"],
  ]]);
  const covered = new FakeRoutes([{ to: [ALL4, ALL6], ...viaEth0 }]);
  for (let round = 0; round < 2; round++) {
    lookup.invalidate();
    lookup.ask(covered.ask, LINKS);
  }
  assertEquals(covered.asked.at(-1)?.length, 6); // the first probes alone again
});

Deno.test("RouteLookup.ask() asks about a family without a default route again only after invalidate()", () => {
  const kernel = new FakeRoutes([{ to: ALL6, ...viaEth0 }]);
  const lookup = new RouteLookup();
  const families = () =>
    new Set(kernel.asked.splice(0).flat().map(({ to }) => to.includes(":") ? "IPv6" : "IPv4"));
  assertEquals(lookup.current, null);
  const answer = lookup.ask(kernel.ask, LINKS);
  assertStrictEquals(lookup.current, answer);
  assertEquals(families(), new Set(["IPv4", "IPv6"]));
  assertEquals(lookup.ask(kernel.ask, LINKS), answer);
  assertEquals(families(), new Set(["IPv6"]));
  lookup.invalidate();
  assertEquals(lookup.ask(kernel.ask, LINKS), answer);
  assertEquals(families(), new Set(["IPv4", "IPv6"]));
  const none = new FakeRoutes([]);
  lookup.ask(none.ask, LINKS);
  none.asked.splice(0);
  const { isKnown, routes } = lookup.ask(none.ask, LINKS);
  assertEquals([isKnown, routes], [true, { ipv4: null, ipv6: null }]);
  assertEquals(none.asked, []);
});

Deno.test("RouteLookup.ask() asks for the source of the hop that it reports", () => {
  const hops = [{ dev: 3, via: "198.51.100.1" }, { dev: 2, via: "192.0.2.1" }];
  const kernel = new FakeRoutes([{ to: ALL4, hops, source: "192.0.2.9" }]);
  const { indexes, routes } = new RouteLookup().ask(kernel.ask, LINKS);
  assertEquals(kernel.asked.at(-1), [{ to: "23.0.0.1", fibMatch: false, dev: 2, source: null }]);
  assertEquals(routes.ipv4, eth0);
  assertEquals(indexes, [2, 3]);
});

Deno.test("RouteLookup.ask() asks again while a route matches that may hide the default route", () => {
  const low = { to: LOW4, dev: 3 };
  for (const hiding of [[low, { to: HIGH4, type: UNREACHABLE }], [{ to: "23.0.0.0/8", dev: 3 }]]) {
    const lookup = new RouteLookup();
    assertEquals(lookup.ask(new FakeRoutes(hiding).ask, LINKS).routes.ipv4, null);
    const kernel = new FakeRoutes([{ to: ALL4, ...viaEth0 }]);
    assertEquals(lookup.ask(kernel.ask, LINKS).routes.ipv4, eth0);
  }
});

const PLAIN: [what: string, isPlain: boolean, routes: FakeRoute[]][] = [
  ["no route", true, []],
  ["one default route a family", true, [{ to: ALL4, ...viaEth0 }, { to: ALL6, dev: 3 }]],
  ["two halves", false, [{ to: LOW4, ...viaEth0 }, { to: HIGH4, ...viaEth0 }]],
  ["a half on another interface", false, [{ to: ALL4, ...viaEth0 }, { to: LOW4, dev: 3 }]],
  ["a route with two hops", true, [{ to: ALL4, hops: [{ dev: 2 }, { dev: 3 }] }, {
    to: ALL6,
    dev: 3,
  }]],
  ["a route with a dead hop", false, [{ to: ALL4, hops: [{ dev: 2 }, { dev: 3, dead: true }] }]],
  ["only one half", false, [{ to: LOW4, dev: 3 }]],
  ["only a longer route", false, [{ to: "23.0.0.0/8", dev: 3 }]],
];

for (const [what, isPlain, routes] of PLAIN) {
  Deno.test(`RouteLookup.ask() of ${what}: ${isPlain ? "plain" : "another route takes part"}`, () => {
    assertEquals(new RouteLookup().ask(new FakeRoutes(routes).ask, LINKS).isPlain, isPlain);
  });
}

Deno.test("RouteLookup.ask() of two default routes, each for a half by a policy rule: not plain", () => {
  const [low, high] = [2, 3].map((dev) => new FakeRoutes([{ to: ALL4, dev }]));
  const ask: AskRoutes = (queries) =>
    queries.flatMap((query) => (query[32]! < 128 ? low! : high!).ask([query])); // the destination begins there
  assertEquals(new RouteLookup().ask(ask, LINKS).isPlain, false);
});
