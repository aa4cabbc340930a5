/**
 * The link table: `hostOnly` (this kernel has no hardware, so the links come as messages), and what a dump shares.
 *
 * @module
 */
import {
  assertEquals,
  assertNotEquals,
  assertNotStrictEquals,
  assertStrictEquals,
} from "@std/assert";
import { C } from "../../ffi/linux/constants.ts";
import type { AddressMessage, LinkMessage } from "../../ffi/linux/messages.ts";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { formatIp, parseIp } from "../../state/ip.ts";
import type { Address, Interface } from "../../state/types.ts";
import { linkMessage as link } from "../support/netlink.ts";
import { address as stateAddress } from "../support/states.ts";

const eth0 = link(2, "eth0");
const docker0 = link(3, "docker0", { kind: "bridge" });

function address(last: number, flags = 0): AddressMessage {
  return {
    family: "IPv4",
    index: 2,
    prefixLength: 24,
    flags,
    local: [192, 0, 2, last],
    peer: null,
  };
}

/** An address as a table shows it. */
function shownAddress(text: string, flags: number): Address {
  const table = tableOf(eth0);
  const local = parseIp(text)!;
  const family = local.length === 4 ? "IPv4" : "IPv6";
  table.setAddress({ ...address(1, flags), family, local });
  return table.interfaces()[0]!.addresses[0]!;
}

function hostOnly(table: LinkTable): string[] {
  return table.interfaces().filter((nic) => nic.hostOnly).map((nic) => nic.name);
}

function tableOf(...links: LinkMessage[]): LinkTable {
  return fill(new LinkTable(), ...links);
}

function fill(table: LinkTable, ...links: LinkMessage[]): LinkTable {
  for (const each of links) table.setLink(each);
  return table;
}

const ROWS: [name: string, links: LinkMessage[], hostOnly: string[]][] = [
  ["a container", [docker0, link(4, "eth0", { kind: "veth" })], []],
  ["loopback", [link(1, "lo", { flags: 0x10049, hardwareType: 772 })], ["lo"]],
  ["docker0 and a veth whose peer is in a container", [
    eth0,
    docker0,
    link(4, "veth1", { kind: "veth", master: 3 }),
  ], ["docker0", "veth1"]],
  ["a bridge with eth0 as a port", [
    { ...eth0, master: 3 },
    link(3, "br0", { kind: "bridge" }),
    link(4, "veth1", { kind: "veth", master: 3 }),
  ], ["veth1"]],
  ["a VLAN over ethernet over a bond", [
    { ...eth0, master: 5 },
    link(5, "bond0", { kind: "bond" }),
    link(6, "bond0.100", { kind: "vlan", parent: 5 }),
  ], []],
  ["a bond without ports", [eth0, link(5, "bond0", { kind: "bond" })], ["bond0"]],
  ["macvlan over eth0", [eth0, link(5, "macvlan0", { kind: "macvlan", parent: 2 })], []],
  ["macvlan over docker0", [eth0, docker0, link(5, "mv", { kind: "macvlan", parent: 3 })], [
    "docker0",
    "mv",
  ]],
  ["a port in a VRF", [{ ...eth0, master: 9 }, link(9, "vrf0", { kind: "vrf" })], []],
  [
    "a tunnel, a tap of a virtual machine",
    [eth0, link(5, "vnet0", { kind: "tun", master: 3 })],
    [],
  ],
  ["Open vSwitch: its ports are unknown", [eth0, link(5, "br-int", { kind: "openvswitch" })], []],
  ["a dummy", [eth0, link(5, "dummy0", { kind: "dummy" })], ["dummy0"]],
];

Deno.test("LinkTable finds what is host-only:", async (t) => {
  for (const [name, links, expected] of ROWS) {
    await t.step(name, () => {
      assertEquals(hostOnly(tableOf(...links)), expected);
      assertEquals(hostOnly(tableOf(...links.toReversed())).toSorted(), expected.toSorted());
    });
  }
});

Deno.test("LinkTable follows ports that come and go", () => {
  const table = tableOf(eth0, docker0, link(9, "wlan0"));
  assertEquals(hostOnly(table), ["docker0"]);
  assertEquals(table.setLink({ ...eth0, master: 3 }), true);
  assertEquals(hostOnly(table), []);
  assertEquals(table.setLink({ ...eth0, master: 3 }), false);
  assertEquals(table.setLink(eth0), true);
  assertEquals(hostOnly(table), ["docker0"]);
  table.setLink({ ...eth0, master: 3 });
  assertEquals(hostOnly(table), []);
  table.deleteLink(2);
  assertEquals(hostOnly(table), ["docker0"]);
});

Deno.test("LinkTable keeps the object of a link whose master does not change what is published", () => {
  const veth = link(4, "veth1", { kind: "veth" });
  const table = tableOf(eth0, docker0, veth);
  const before = table.interfaces();
  assertEquals(table.setLink({ ...veth, master: 3 }), true);
  table.interfaces().forEach((nic, i) => assertStrictEquals(nic, before[i]));
});

Deno.test("LinkTable.build() reuses no object whose hostOnly differs", () => {
  const live = tableOf(eth0, docker0);
  live.interfaces();
  const dump = fill(new LinkTable(live), { ...eth0, master: 3 }, docker0);
  for (const _ of dump.build());
  assertEquals(hostOnly(dump), []);
  const again = fill(new LinkTable(dump), { ...eth0, master: 3 }, docker0);
  for (const _ of again.build());
  again.interfaces().forEach((nic, i) => assertStrictEquals(nic, dump.interfaces()[i]));
});

Deno.test("LinkTable of a dump reuses equal records of the live table", () => {
  const live = tableOf(eth0);
  for (const last of [1, 2, 3]) live.setAddress(address(last));
  const before = live.interfaces()[0]!.addresses;
  const same = fill(new LinkTable(live), eth0);
  for (const last of [3, 1, 2]) same.setAddress(address(last));
  for (const _ of same.build());
  assertStrictEquals(same.interfaces()[0], live.interfaces()[0]);
  const other = fill(new LinkTable(live), eth0);
  other.setAddress(address(1));
  other.setAddress(address(2, 0x20)); // deprecated
  for (const _ of other.build());
  const [first, second] = other.interfaces()[0]!.addresses;
  assertStrictEquals(first, before[0]);
  assertEquals(second, { ...before[1]!, deprecated: true });
  const asMany = fill(new LinkTable(live), eth0);
  for (const last of [1, 2, 4]) asMany.setAddress(address(last));
  for (const _ of asMany.build());
  assertEquals(asMany.interfaces()[0]!.addresses.slice(0, 2), before.slice(0, 2));
  assertNotEquals(asMany.interfaces()[0]!.addresses[2], before[2]);
});

Deno.test("LinkTable of a dump shows what the dump says of a link, where that differs from the live table", () => {
  const live = tableOf(eth0, link(3, "eth1"));
  live.interfaces();
  const dump = fill(new LinkTable(live), eth0, link(3, "eth1", { mtu: 9_000 }));
  dump.setAddress(address(1)); // so that eth0 is built again
  for (const _ of dump.build());
  const shown = dump.interfaces().map(({ kind, mtu }) => [kind, mtu]);
  assertEquals(shown, [["ethernet", 1_500], ["ethernet", 9_000]]);
});

Deno.test("LinkTable accepts an address that comes back, or another in its place", () => {
  const texts = (table: LinkTable) => table.interfaces()[0]!.addresses.map((it) => it.address);
  const table = tableOf(eth0);
  for (const last of [2, 4, 6, 8]) table.setAddress(address(last));
  assertEquals(table.deleteAddress(address(4)), true);
  assertEquals(table.deleteAddress(address(4)), false); // it is gone already
  assertEquals(table.deleteAddress(address(8)), true);
  assertEquals(table.setAddress(address(3)), true);
  assertEquals(table.setAddress(address(4)), true);
  assertEquals(texts(table), ["192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.6"]);
  for (const last of [2, 3, 4, 6]) table.deleteAddress(address(last));
  assertEquals(table.hasAddress(2, "IPv4"), false);
  assertEquals(texts(table), []);
});

Deno.test("LinkTable.mergeTentative() ignores addresses of a link that is gone", () => {
  const live = tableOf(eth0);
  const dump = tableOf(eth0, link(9, "eth9"));
  dump.setAddress({ ...address(1, 0x40), index: 9 });
  assertEquals(live.mergeTentative(dump, []), false);
});

Deno.test("LinkTable.addMissing() keeps its own record of a link and of an address", () => {
  const table = tableOf(eth0);
  table.setAddress(address(1));
  const other = tableOf({ ...eth0, mtu: 9_000 });
  other.setAddress(address(1, C.IFA_F_DEPRECATED));
  table.addMissing(other);
  const [{ addresses, mtu }] = table.interfaces() as [Interface];
  assertEquals([mtu, addresses.map((it) => it.deprecated)], [eth0.mtu, [false]]);
});

Deno.test("LinkTable shows a carrier that the kernel has not announced only if the link tests or is dormant", () => {
  const flags = (operstate: number) =>
    tableOf(link(2, "eth0", { flags: 0x10003, operstate })).interfaces()[0]!.flags; // UP, not RUNNING, LOWER_UP
  const [down, testing, dormant, up] = [2, 4, 5, 6].map(flags); // linux/if.h
  assertEquals([down, testing, dormant, up], [0x3, 0x10003, 0x10003, 0x3]);
});

Deno.test("LinkTable treats another prefix length or peer of an IPv6 address as a change of it", () => {
  const table = tableOf(eth0);
  const ip = (last: number) => [0x20, 1, 13, 184, ...Array(11).fill(0), last];
  const message = { ...address(1), family: "IPv6", local: ip(1) } as const;
  for (const prefixLength of [64, 128]) {
    for (const peer of [null, ip(2), ip(3), null]) {
      assertEquals(table.setAddress({ ...message, prefixLength, peer }), true);
      const shown = table.interfaces()[0]!.addresses.map((it) => [it.cidr, it.peer]);
      assertEquals(shown, [[`2001:db8::1/${prefixLength}`, peer && formatIp(peer)]]);
    }
  }
});

const SHOWN: [text: string, flags: number, shown: Partial<Address>][] = [
  ["192.0.2.1", C.IFA_F_TEMPORARY | C.IFA_F_PERMANENT, { permanent: true }], // secondary
  ["169.254.0.1", C.IFA_F_TENTATIVE, { tentative: true }],
  ["fe80::1", C.IFA_F_DADFAILED, { scopeId: 2, duplicated: true }],
  ["2001:db8::1", C.IFA_F_TENTATIVE | C.IFA_F_OPTIMISTIC, {}], // RFC 4429: it may be used
  ["2001:db8::1", C.IFA_F_TEMPORARY | C.IFA_F_DEPRECATED, { deprecated: true, temporary: true }],
];

Deno.test("LinkTable shows the scope and the flags of an address", () => {
  for (const [text, flags, shown] of SHOWN) {
    assertEquals(
      shownAddress(text, flags),
      stateAddress(`${text}/24`, { permanent: false, ...shown }),
    );
  }
});

// monitors that remember addresses without their flags miss the end of duplicate address detection
Deno.test("LinkTable takes a change of each published flag of an address as a change, and of no other", () => {
  const published = Object.entries(C).filter(([name]) => name.startsWith("IFA_F_"));
  assertEquals(published.length, 6);
  const others = [0x200, 0x800, 0x1000].map((flag) => ["another flag", flag] as const); // linux/if_addr.h
  for (const [name, flag] of [...published, ...others]) {
    const table = tableOf(eth0);
    table.setAddress(address(1));
    const changes = [flag, flag, 0].map((flags) => table.setAddress(address(1, flags)));
    const isPublished = name in C;
    assertEquals(changes, [isPublished, false, isPublished], name);
  }
});

Deno.test("LinkTable shows an IPv4 address with several peers once", () => {
  const table = tableOf(eth0);
  for (const last of [3, 2]) table.setAddress({ ...address(1), peer: [192, 0, 2, last] });
  table.setAddress({ ...address(1), prefixLength: 32 });
  const shown = () => table.interfaces()[0]!.addresses.map((it) => [it.prefixLength, it.peer]);
  assertEquals(shown(), [[24, "192.0.2.2"], [32, null]]);
  table.deleteAddress({ ...address(1), peer: [192, 0, 2, 2] });
  assertEquals(shown(), [[24, "192.0.2.3"], [32, null]]);
});

Deno.test("LinkTable shows a link that changed like one that always was so", () => {
  const changes: Partial<LinkMessage>[] = [
    { name: "wlan0" },
    { kind: "veth" },
    { hardwareType: 65534 }, // ARPHRD_NONE
    { flags: eth0.flags | 0x8 }, // IFF_LOOPBACK
    { flags: eth0.flags & ~1 },
    { mtu: 9_000 },
    { mac: "02:00:00:00:00:01" },
  ];
  for (const change of changes) {
    const table = tableOf(eth0, docker0);
    table.interfaces();
    assertEquals(table.setLink({ ...eth0, ...change }), true);
    assertEquals(table.interfaces(), tableOf({ ...eth0, ...change }, docker0).interfaces());
  }
});

Deno.test("LinkTable.mergeTentative() leaves it to reconcile to find the addresses that were announced", () => {
  const live = tableOf(eth0);
  const dump = tableOf(eth0);
  dump.setAddress(address(1, C.IFA_F_TENTATIVE));
  dump.setAddress(address(2));
  assertEquals(live.mergeTentative(dump, []), true);
  assertEquals(live.interfaces()[0]!.addresses.map((it) => it.address), ["192.0.2.1"]);
});

Deno.test("LinkTable.mergeTentative() makes a usable address tentative only on a link that is down", () => {
  for (const flags of [C.IFF_UP, 0]) {
    const live = tableOf(link(2, "eth0", { flags }));
    const dump = tableOf(link(2, "eth0", { flags }));
    live.setAddress(address(1));
    dump.setAddress(address(1, C.IFA_F_TENTATIVE));
    assertEquals(live.mergeTentative(dump, []), flags === 0); // on a link that is up, it is drift
    assertEquals(live.interfaces()[0]!.addresses.map((it) => it.tentative), [flags === 0]);
  }
});

Deno.test("LinkTable.mergeTentative() takes what changed of an address while it is tentative", () => {
  const live = tableOf(eth0);
  const dump = tableOf(eth0);
  live.setAddress(address(1, C.IFA_F_TENTATIVE));
  dump.setAddress(address(1, C.IFA_F_TENTATIVE | C.IFA_F_DEPRECATED));
  assertEquals(live.mergeTentative(dump, []), true);
  assertEquals(live.interfaces()[0]!.addresses.map((it) => it.deprecated), [true]);
});

Deno.test("LinkTable shows the carrier of a link that runs, although a dump has lost it before the message about it", () => {
  const shown = [0x43, 0x10043, 0x3].map((each) => {
    const { flags, running } = tableOf(link(2, "eth0", { flags: each })).interfaces()[0]!;
    return [flags, running]; // UP, BROADCAST, RUNNING, LOWER_UP
  });
  assertEquals(shown, [[0x10043, true], [0x10043, true], [0x3, false]]);
});

Deno.test("LinkTable keeps nothing of links that are gone, however many there were", () => {
  const maps: Map<unknown, unknown>[] = [];
  const { Map: Original } = globalThis;
  globalThis.Map = class<K, V> extends Original<K, V> {
    constructor(entries?: Iterable<readonly [K, V]>) {
      super(entries);
      maps.push(this as Map<unknown, unknown>);
    }
  } as MapConstructor;
  let table: LinkTable;
  try {
    table = new LinkTable();
  } finally {
    globalThis.Map = Original;
  }
  for (let index = 10; index < 100; index += 2) {
    fill(table, link(index, "eth0"), link(index + 1, "mv", { kind: "macvlan", parent: index }));
    for (const gone of [index + 1, index]) table.deleteLink(gone);
  }
  assertEquals(maps.map(({ size }) => size), [0, 0]); // the links, and their children
});

Deno.test("LinkTable.build() builds 256 addresses at most without a pause, and leaves nothing to build", () => {
  let built = 0;
  /** A message that counts how often the field is read, which only building does. */
  const counted = <T>(message: T, field: keyof T): T => {
    const get = () => {
      built++;
      return null;
    };
    return Object.defineProperty({ ...message }, field, { get });
  };
  const table = tableOf(counted(eth0, "mac"), counted(docker0, "mac"));
  for (let i = 0; i < 600; i++) {
    table.setAddress(counted({ ...address(0), local: [10, 0, i >> 8, i & 255] }, "peer"));
  }
  const steps = table.build().map(() => built).toArray();
  assertEquals(steps, [256, 512, 601, 602]);
  table.interfaces();
  assertEquals(built, 602);
});

Deno.test("LinkTable that was built has forgotten the live table: otherwise each would keep all earlier ones", () => {
  const live = tableOf(eth0);
  live.setAddress(address(1));
  const before = live.interfaces()[0]!.addresses[0];
  const dump = fill(new LinkTable(live), eth0);
  for (const _ of dump.build());
  dump.setAddress(address(1)); // it comes back: nothing of the live table is left to share
  const [after] = dump.interfaces()[0]!.addresses;
  assertEquals(after, before);
  assertNotStrictEquals(after, before);
});
