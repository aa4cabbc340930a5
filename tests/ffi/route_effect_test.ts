/**
 * Which events have the default routes looked up again.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { C } from "../../ffi/linux/constants.ts";
import {
  type AddressMessage,
  applyEvent,
  decodeEvent,
  type KernelEvent,
} from "../../ffi/linux/messages.ts";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import {
  type DefaultRouteAnswer,
  NO_DEFAULTS,
  type RouteEffect,
  routeEffect,
} from "../../ffi/linux/route_lookup.ts";
import { parseIp } from "../../state/ip.ts";
import { linkMessage as link } from "../support/netlink.ts";

const WAN = 2;
const LAN = 3;

/** `10.0.0.1/24`, or with a peer `10.0.0.1 peer 10.0.0.2/32`. */
function address(index: number, text: string): AddressMessage {
  const [local, rest] = text.includes(" peer ") ? text.split(" peer ") : [text.split("/")[0], text];
  const [subnet, prefixLength] = rest!.split("/");
  return {
    family: local!.includes(":") ? "IPv6" : "IPv4",
    index,
    prefixLength: Number(prefixLength),
    flags: 0,
    local: parseIp(local!)!,
    peer: subnet === local ? null : parseIp(subnet!),
  };
}

const DEFAULTS: DefaultRouteAnswer = {
  routes: NO_DEFAULTS.routes, // not examined
  hops: {
    IPv4: { index: WAN, gateway: [192, 0, 2, 1], source: [192, 0, 2, 7] },
    IPv6: { index: WAN, gateway: parseIp("fe80::1"), source: parseIp("2001:db8::7") },
  },
  indexes: [WAN],
  isPlain: true,
  isKnown: true,
  expiresInSeconds: null,
};

interface Situation {
  answer?: DefaultRouteAnswer;
  isCertain?: boolean;
  wan?: string[];
}

/** Two links that are up; `wan` has the default routes. */
function effect(event: KernelEvent, situation: Situation = {}): RouteEffect {
  const { answer = DEFAULTS, isCertain = true, wan = ["192.0.2.7/24", "2001:db8::7/64"] } =
    situation;
  const table = new LinkTable();
  table.setLink(link(WAN, "wan"));
  table.setLink(link(LAN, "lan"));
  for (const text of wan) table.setAddress(address(WAN, text));
  applyEvent(table, event);
  return routeEffect(event, table, answer, isCertain);
}

function ipv4(hop: { gateway: string | null } | { source: null }): DefaultRouteAnswer {
  const bytes = "gateway" in hop ? { gateway: parseIp(hop.gateway ?? "") } : hop;
  const IPv4 = { ...DEFAULTS.hops.IPv4!, ...bytes };
  return { ...DEFAULTS, hops: { ...DEFAULTS.hops, IPv4 } };
}

const ADDED: [what: string, index: number, text: string, situation: Situation, ask: string][] = [
  ["on another interface", LAN, "192.0.2.8/24", {}, "nothing"],
  ["in another subnet", WAN, "198.51.100.7/24", {}, "nothing"],
  ["in the subnet of the gateway", WAN, "192.0.2.0/31", {}, "known"],
  ["beside the subnet of the gateway", WAN, "192.0.2.2/31", {}, "nothing"],
  ["in the subnet of the gateway, far from it", WAN, "192.0.2.200/24", {}, "known"],
  ["in a network with the same third byte", WAN, "198.51.2.7/24", {}, "nothing"],
  ["in the subnet of everything", WAN, "198.51.100.7/0", {}, "known"],
  ["with the gateway as its peer", WAN, "198.51.100.7 peer 192.0.2.1/32", {}, "known"],
  ["with another peer", WAN, "192.0.2.1 peer 198.51.100.7/32", {}, "nothing"],
  ["without a gateway", WAN, "198.51.100.7/24", { answer: ipv4({ gateway: null }) }, "known"],
  [
    "with an IPv6 gateway",
    WAN,
    "198.51.100.7/24",
    { answer: ipv4({ gateway: "fe80::1" }) },
    "known",
  ],
  ["without a source", LAN, "198.51.100.7/24", { answer: ipv4({ source: null }) }, "known"],
  ["for a source from elsewhere", LAN, "198.51.100.7/24", { wan: [] }, "known"],
  ["if its own link has none to select", LAN, "1.2.3.4/24", { wan: ["169.254.0.9/16"] }, "known"],
  ["the first to select on its own link", WAN, "1.2.3.4/24", { wan: ["169.254.0.9/16"] }, "known"],
  ["of IPv6", LAN, "2001:db8:1::1/64", {}, "known"],
  ["of IPv6 without a default route", LAN, "2001:db8:1::1/64", { answer: NO_DEFAULTS }, "all"],
  ["without a default route", WAN, "192.0.2.8/24", { answer: NO_DEFAULTS }, "known"],
  ["after another event", LAN, "198.51.100.7/24", { isCertain: false }, "known"],
];

for (const [what, index, text, situation, ask] of ADDED) {
  Deno.test(`routeEffect() of a new address ${what}: ask for ${ask}`, () => {
    const event: KernelEvent = { kind: "address", address: address(index, text) };
    // the kernel announces an IPv4 address before a route can select it
    const again = ask === "known" && text.includes(".") && situation.answer !== NO_DEFAULTS;
    assertEquals(effect(event, situation), { ask, again });
  });
}

const REMOVED: [what: string, index: number, text: string, situation: Situation, effect: string][] =
  [
    ["beside the source", WAN, "198.51.100.7/24", {}, "nothing"],
    ["on another interface", LAN, "198.51.100.7/24", {}, "nothing"],
    ["that is the source", WAN, "192.0.2.7/24", { wan: ["192.0.2.7/24", "192.0.2.8/24"] }, "again"],
    ["that is the source, elsewhere", LAN, "192.0.2.7/32", {}, "again"],
    ["that was the last", WAN, "192.0.2.8/24", { wan: ["192.0.2.8/24"] }, "again"],
    [
      "that was the last of IPv6",
      WAN,
      "fe80::7/64",
      { wan: ["192.0.2.7/24", "fe80::7/64"] },
      "again",
    ],
    ["where the lookup found no way", LAN, "192.0.2.8/24", { answer: NO_DEFAULTS }, "known"],
    ["that was the last of another interface", LAN, "192.0.2.8/24", {}, "nothing"],
    ["after another event", WAN, "198.51.100.7/24", { isCertain: false }, "again"],
    ["on another interface after another event", LAN, "1.2.3.4/24", { isCertain: false }, "known"],
  ];

for (const [what, index, text, situation, expected] of REMOVED) {
  Deno.test(`routeEffect() of a removed address ${what}: ${expected}`, () => {
    const event: KernelEvent = { kind: "address-gone", address: address(index, text) };
    const again = expected === "again";
    assertEquals(effect(event, situation), { ask: again ? "known" : expected, again });
  });
}

Deno.test("routeEffect() of a link that is up: again if a multipath route may have dead hops", () => {
  const event: KernelEvent = { kind: "link", link: link(LAN, "lan") };
  const answer = { ...DEFAULTS, isPlain: false };
  assertEquals(effect(event, { answer }), { ask: "all", again: true });
});

Deno.test("routeEffect() of a nexthop object, of a removed route: again, since routes go after it", () => {
  for (const type of [C.RTM_NEWNEXTHOP, C.RTM_DELNEXTHOP, C.RTM_DELROUTE]) {
    const body = new Uint8Array(8);
    const event = decodeEvent({ type, flags: 0, sequence: 0, body });
    assertEquals(effect(event), { ask: "all", again: true });
  }
});

Deno.test("routeEffect() of a link, a route: all, and again where a default route uses the link", () => {
  assertEquals(effect({ kind: "routes" }), { ask: "all", again: false });
  assertEquals(effect({ kind: "link", link: link(WAN, "wan") }), { ask: "all", again: false });
  assertEquals(effect({ kind: "link", link: link(WAN, "wan", { flags: 0 }) }), {
    ask: "all",
    again: true,
  });
  assertEquals(effect({ kind: "link", link: link(LAN, "lan", { flags: 0 }) }), {
    ask: "all",
    again: false,
  });
  assertEquals(effect({ kind: "link-gone", index: WAN }), { ask: "all", again: true });
  assertEquals(effect({ kind: "link-gone", index: LAN }), { ask: "all", again: false });
});
