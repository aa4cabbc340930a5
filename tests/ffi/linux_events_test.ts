/**
 * What messages of the event socket mean, and what they do to the table.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import {
  type AddressMessage,
  applyEvent,
  decodeEvent,
  type KernelEvent,
  type LinkMessage,
} from "../../ffi/linux/messages.ts";
import type { NetlinkMessage } from "../../ffi/linux/netlink.ts";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { DecodeError } from "../../state/errors.ts";
import { parseIp } from "../../state/ip.ts";
import { LINUX_FIXTURES } from "../fixtures/linux.ts";
import { hex, linkMessage, splitDatagram } from "../support/netlink.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const AF_BRIDGE = 7;
const AF_MPLS = 28;
// linux/neighbour.h
const ROUTER = 0x80;
const REACHABLE = 0x02;
const STALE = 0x04;
const FAILED = 0x20;

function message(type: number, body: number[] | Uint8Array = [], sequence = 0): NetlinkMessage {
  return { type, flags: 0, sequence, body: Uint8Array.from(body) };
}

/** struct ifinfomsg of family, index 5. */
function ifinfomsg(family: number): number[] {
  return [family, 0, 1, 0, 5, 0, 0, 0, 0x43, 0x10, 0, 0, 0, 0, 0, 0];
}

/** IFLA_MTU 1500. */
const MTU = [8, 0, 4, 0, 0xdc, 5, 0, 0];

/** An empty IFLA_WIRELESS, as rtnetlink_ifinfo_prep() in net/wireless/wext-core.c begins. */
const WIRELESS = [...ifinfomsg(0), 6, 0, 3, 0, 0x77, 0, 0, 0, 4, 0, 11, 0];

/** struct ifaddrmsg of index 5 with IFA_LOCAL 192.0.2.1/24. */
function ifaddrmsg(family: number): number[] {
  return [family, 24, 0x80, 0, 5, 0, 0, 0, 8, 0, 2, 0, 192, 0, 2, 1];
}

/** struct fib_rule_hdr. */
function fibRule(family: number): number[] {
  return [family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
}

/** struct ndmsg of IPv6 on index 5. */
function ndmsg(state: number, flags: number): number[] {
  return [AF_INET6, 0, 0, 0, 5, 0, 0, 0, state, 0, flags, 1];
}

const KINDS: { name: string; message: NetlinkMessage; kind: KernelEvent["kind"] }[] = [
  { name: "RTM_NEWLINK", message: message(16, [...ifinfomsg(0), ...MTU]), kind: "link" },
  { name: "RTM_NEWLINK after a Wi-Fi scan", message: message(16, WIRELESS), kind: "noise" },
  { name: "RTM_GETNEIGH", message: message(30, ndmsg(0x80, 1)), kind: "noise" },
  { name: "RTM_DELLINK", message: message(17, ifinfomsg(0)), kind: "link-gone" },
  { name: "RTM_NEWLINK of a port", message: message(16, ifinfomsg(AF_BRIDGE)), kind: "noise" },
  { name: "RTM_DELLINK of a port", message: message(17, ifinfomsg(AF_BRIDGE)), kind: "noise" },
  { name: "RTM_NEWADDR", message: message(20, ifaddrmsg(AF_INET)), kind: "address" },
  { name: "RTM_DELADDR", message: message(21, ifaddrmsg(AF_INET)), kind: "address-gone" },
  {
    name: "RTM_NEWADDR of another family",
    message: message(20, ifaddrmsg(AF_MPLS)),
    kind: "noise",
  },
  { name: "RTM_NEWROUTE 0/0", message: message(24, [AF_INET, 0]), kind: "routes" },
  { name: "RTM_DELROUTE 128/1", message: message(25, [AF_INET, 1]), kind: "routes" },
  { name: "RTM_NEWROUTE 10/8", message: message(24, [AF_INET, 8]), kind: "noise" },
  { name: "RTM_DELROUTE 10/8", message: message(25, [AF_INET, 8]), kind: "noise" },
  { name: "RTM_NEWROUTE that is cut", message: message(24, [AF_INET]), kind: "routes" },
  { name: "RTM_NEWRULE", message: message(32, fibRule(AF_INET)), kind: "routes" },
  { name: "RTM_DELRULE", message: message(33, fibRule(AF_INET6)), kind: "routes" },
  { name: "RTM_NEWRULE of multicast routing", message: message(32, fibRule(128)), kind: "noise" },
  { name: "RTM_NEWNEXTHOP", message: message(104), kind: "routes" },
  { name: "RTM_DELNEXTHOP", message: message(105), kind: "routes" },
  { name: "NLMSG_NOOP", message: message(1), kind: "noise" },
  { name: "NLMSG_DONE", message: message(3), kind: "noise" },
  { name: "RTM_NEWNEXTHOPBUCKET", message: message(116), kind: "noise" },
  { name: "RTM_DELNEXTHOPBUCKET", message: message(117), kind: "noise" },
  { name: "a router that failed", message: message(28, ndmsg(FAILED, ROUTER)), kind: "routes" },
  {
    name: "a router that is reachable",
    message: message(28, ndmsg(REACHABLE, ROUTER)),
    kind: "routes",
  },
  {
    name: "a router that is forgotten",
    message: message(29, ndmsg(FAILED, ROUTER)),
    kind: "routes",
  },
  { name: "a router that ages", message: message(28, ndmsg(STALE, ROUTER)), kind: "noise" },
  { name: "an IPv6 neighbour that failed", message: message(28, ndmsg(FAILED, 0)), kind: "routes" },
  {
    name: "a neighbour that is no router",
    message: message(28, ndmsg(REACHABLE, 0)),
    kind: "noise",
  },
  { name: "a neighbour that is cut", message: message(28), kind: "noise" },
  { name: "an unknown type", message: message(1_000), kind: "malformed" },
];

for (const { name, message, kind } of KINDS) {
  Deno.test(`decodeEvent() takes ${name} as ${kind}`, () => {
    assertEquals(decodeEvent(message).kind, kind);
  });
}

Deno.test("decodeEvent() has the sequence number of an acknowledgement", () => {
  assertEquals(decodeEvent(message(2, new Uint8Array(20), 4711)), {
    kind: "acknowledgement",
    sequence: 4711,
  });
});

Deno.test("decodeEvent() has the index of a link that is gone", () => {
  assertEquals(decodeEvent(message(17, ifinfomsg(0))), { kind: "link-gone", index: 5 });
});

Deno.test("decodeEvent() refuses messages that are cut short", () => {
  for (const type of [16, 17, 20, 21]) {
    assertThrows(() => decodeEvent(message(type, [AF_INET, 0])), DecodeError);
  }
});

Deno.test("decodeEvent() decodes every capture", () => {
  const kinds = new Set<string>();
  for (const fixture of LINUX_FIXTURES) {
    for (const message of splitDatagram(hex(fixture.hex))) kinds.add(decodeEvent(message).kind);
  }
  for (const kind of ["link", "link-gone", "address", "address-gone", "routes", "noise"]) {
    assertEquals(kinds.has(kind), true, kind);
  }
});

function link(index: number, name: string): LinkMessage {
  return linkMessage(index, name, { mac: "02:00:00:00:00:01" });
}

function address(index: number, local: string, flags = 0x80, peer?: string): AddressMessage {
  return {
    family: "IPv4",
    index,
    prefixLength: 24,

    flags,
    local: parseIp(local)!,
    peer: peer === undefined ? null : parseIp(peer),
  };
}

/** Names with addresses. */
function shown(table: LinkTable): Record<string, string[]> {
  return Object.fromEntries(
    table.interfaces().map((nic) => [nic.name, nic.addresses.map((one) => one.cidr)]),
  );
}

Deno.test("applyEvent() keeps links and addresses, and returns whether the state may have changed", () => {
  const table = new LinkTable();
  const one = address(2, "192.0.2.1");
  const steps: [KernelEvent, boolean, Record<string, string[]>][] = [
    [{ kind: "link", link: link(2, "eth0") }, true, { eth0: [] }],
    [{ kind: "address", address: one }, true, { eth0: ["192.0.2.1/24"] }],
    // A lifetime refresh.
    [{ kind: "address", address: one }, false, { eth0: ["192.0.2.1/24"] }],
    [{ kind: "address", address: address(2, "192.0.2.1", 0xa0) }, true, { eth0: ["192.0.2.1/24"] }],
    // Another interface may have the same one.
    [{ kind: "address-gone", address: address(3, "192.0.2.1") }, false, { eth0: ["192.0.2.1/24"] }],
    [{ kind: "address-gone", address: one }, true, { eth0: [] }],
    [{ kind: "address-gone", address: one }, false, { eth0: [] }],
    // IPv4 routes come and go with a link's state without a message, so the same record counts.
    [{ kind: "link", link: link(2, "eth0") }, true, { eth0: [] }],
    [{ kind: "link", link: link(2, "wan") }, true, { wan: [] }],
    [{ kind: "link-gone", index: 9 }, false, { wan: [] }],
    [{ kind: "link-gone", index: 2 }, true, {}],
    [{ kind: "routes" }, true, {}],
    [{ kind: "noise" }, false, {}],
    [{ kind: "malformed" }, false, {}],
    [{ kind: "acknowledgement", sequence: 1 }, false, {}],
  ];
  for (const [i, [event, changed, expected]] of steps.entries()) {
    assertEquals(applyEvent(table, event), changed, `step ${i}`);
    assertEquals(shown(table), expected, `step ${i}`);
  }
});

Deno.test("applyEvent() forgets the addresses of a link that is gone, before its index is used again", () => {
  const table = new LinkTable();
  applyEvent(table, { kind: "link", link: link(2, "eth0") });
  applyEvent(table, { kind: "address", address: address(2, "192.0.2.1") });
  applyEvent(table, { kind: "link-gone", index: 2 });
  applyEvent(table, { kind: "link", link: link(2, "other") });
  assertEquals(shown(table), { other: [] });
});

Deno.test("applyEvent() keeps addresses with different peers apart", () => {
  const table = new LinkTable();
  applyEvent(table, { kind: "link", link: link(2, "ppp0") });
  const [a, b] = [
    address(2, "10.0.0.1", 0x80, "10.0.0.2"),
    address(2, "10.0.0.1", 0x80, "10.0.0.3"),
  ];
  assertEquals(applyEvent(table, { kind: "address", address: a }), true);
  assertEquals(applyEvent(table, { kind: "address", address: b }), true);
  assertEquals(applyEvent(table, { kind: "address-gone", address: a }), true);
  assertEquals(table.interfaces()[0]?.addresses.map((one) => one.peer), ["10.0.0.3"]);
});
