/**
 * What the link table looks at: as much as changed, however many links and addresses there are. Reads of messages
 * are counted.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import type { AddressMessage } from "../../ffi/linux/messages.ts";
import { linkMessage as link } from "../support/netlink.ts";
import { Tally } from "../support/tally.ts";

const TENTATIVE = 0x40;

function address(n: number, flags = 0): AddressMessage {
  const local = [0xfe, 0x80, ...Array(12).fill(0), n >> 8, n & 255];
  return { family: "IPv6", index: 2, prefixLength: 64, flags, local, peer: null };
}

/** The numbers below `count`, in an order that is neither theirs nor its reverse. */
function mixed(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i * 7 % count);
}

/** A table with ethernet beside so many pairs of veths, each the parent of the other, whose messages are counted. */
function besideVeths(tally: Tally, pairs: number): LinkTable {
  const table = new LinkTable();
  for (const each of [link(2, "eth0"), link(3, "br0", { kind: "bridge" })]) table.setLink(each);
  for (let i = 10; i < 10 + 2 * pairs; i++) {
    table.setLink(tally.of(link(i, `veth${i}`, { kind: "veth", parent: i ^ 1 })));
  }
  table.interfaces();
  return table;
}

Deno.test("LinkTable looks at no veth when ethernet becomes a port, changes, or goes", () => {
  const tally = new Tally();
  const table = besideVeths(tally, 100);
  const reads = tally.during(() => {
    for (const master of [3, null]) {
      table.setLink(link(2, "eth0", { master }));
      assertEquals(table.interfaces()[1]!.hostOnly, master === null);
    }
    table.setLink(link(2, "eth0", { mtu: 9000 }));
    table.setLink(link(4, "eth1"));
    table.deleteLink(4);
    table.interfaces();
  });
  assertEquals(reads, 0);
});

Deno.test("LinkTable looks at a veth that comes or goes, and at no other", () => {
  const [few, many] = [10, 1_000].map((pairs) => {
    const tally = new Tally();
    const table = besideVeths(tally, pairs);
    return tally.during(() => {
      table.setLink(tally.of(link(5, "veth5", { kind: "veth", master: 3 })));
      table.interfaces();
      table.deleteLink(5);
      table.interfaces();
    });
  });
  assert(few! > 0);
  assertEquals(many, few);
});

Deno.test("LinkTable looks at each link on hardware once, however they are stacked and in whatever order", () => {
  for (const order of ["toSorted", "toReversed"] as const) {
    const [few, many] = [100, 1_000].map((depth) => {
      const tally = new Tally();
      const table = new LinkTable();
      const vlans = Array.from({ length: depth }, (_, i) => 3 + i)[order]();
      for (const i of vlans) {
        table.setLink(tally.of(link(i, `vlan${i}`, { kind: "vlan", parent: i - 1 })));
      }
      table.setLink(link(2, "eth0"));
      return tally.during(() => table.interfaces()) / depth;
    });
    assertEquals(many, few);
  }
});

Deno.test("LinkTable looks at no link on hardware when an address or an MTU changes", () => {
  const tally = new Tally();
  const table = new LinkTable();
  table.setLink(link(2, "eth0"));
  for (let i = 3; i < 100; i++) {
    table.setLink(tally.of(link(i, `vlan${i}`, { kind: "vlan", parent: i - 1 })));
  }
  table.interfaces();
  const reads = tally.during(() => {
    table.setLink(link(2, "eth0", { mtu: 9000 }));
    table.setAddress(address(1));
    table.deleteAddress(address(1));
    table.interfaces();
  });
  assertEquals(reads, 0);
});

Deno.test("LinkTable.mergeTentative() does not look at what was announced if nothing is tentative", () => {
  const tally = new Tally();
  const [table, dump] = [new LinkTable(), new LinkTable()];
  for (const it of [table, dump]) {
    it.setLink(link(2, "eth0"));
    for (const n of mixed(100)) it.setAddress(address(n));
  }
  const announced = mixed(100).map((n) => tally.of(address(n)));
  const reads = tally.during(() => assertEquals(table.mergeTentative(dump, announced), false));
  assertEquals(reads, 0);
});

Deno.test("LinkTable.mergeTentative() does not compare each tentative address with each announced one", () => {
  const [few, many] = [100, 1_000].map((count) => {
    const tally = new Tally();
    const [table, dump] = [new LinkTable(), new LinkTable()];
    for (const it of [table, dump]) it.setLink(link(2, "eth0"));
    for (const n of mixed(count)) dump.setAddress(tally.of(address(n, TENTATIVE)));
    const announced = mixed(count).map((n) => tally.of(address(n + count / 2)));
    return tally.during(() => {
      assertEquals(table.mergeTentative(dump, announced), true);
      assertEquals(table.interfaces()[0]!.addresses.length, count / 2); // the others were announced
    }) / count;
  });
  assert(many! < 2 * few!, `${few} reads of each of 100, ${many} of each of 1,000`);
});

Deno.test("LinkTable finds the place of an address among thousands by search", () => {
  const [few, many] = [100, 4_000].map((count) => {
    const tally = new Tally();
    const table = new LinkTable();
    table.setLink(link(2, "eth0"));
    for (const n of mixed(count)) table.setAddress(tally.of(address(2 * n)));
    table.interfaces();
    return tally.during(() => {
      table.setAddress(tally.of(address(count + 1)));
      table.interfaces();
      table.deleteAddress(tally.of(address(count + 1)));
      table.interfaces();
    });
  });
  assert(many! < 2 * few!, `${few} reads among 100, ${many} among 4,000`);
});

Deno.test("LinkTable looks at one address for each that comes in order", () => {
  const reads = [100, 1_000].map((count) => {
    const tally = new Tally();
    const table = new LinkTable();
    table.setLink(link(2, "eth0"));
    for (let n = 0; n < count; n++) table.setAddress(tally.of(address(n)));
    table.setAddress(address(0)); // the only one that is searched for
    const all = tally.during(() => {
      for (let n = 1; n < count; n++) table.setAddress(address(n));
    });
    return all / (count - 1);
  });
  assert(reads[0]! > 0);
  assertEquals(reads[0], reads[1]);
});
