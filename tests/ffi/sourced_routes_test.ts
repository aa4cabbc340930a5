/**
 * IPv6 default routes that are only for one source address: without a route the kernel selects a source and looks
 * again (ip6_dst_lookup_tail() in net/ipv6/ip6_output.c). OpenWrt has no others.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { RouteLookup } from "../../ffi/linux/route_lookup.ts";
import { parseIp } from "../../state/ip.ts";
import { FakeRoutes } from "../support/fake_routes.ts";
import { linkMessage } from "../support/netlink.ts";

const FROM = "2001:db8:1::/56";
const VIA = { to: "::/0", dev: 2, via: "fe80::1" };

/** A table of `eth0` with these addresses. */
function links(...sources: string[]): LinkTable {
  const table = new LinkTable();
  table.setLink(linkMessage(2, "eth0"));
  for (const text of sources) add(table, 2, text);
  return table;
}

function add(table: LinkTable, index: number, text: string, flags = 0): void {
  const local = parseIp(text)!;
  const family = local.length === 4 ? "IPv4" : "IPv6";
  table.setAddress({ family, index, prefixLength: 32, flags, local, peer: null });
}

function sourceOf(kernel: FakeRoutes, lookup: RouteLookup, ...sources: string[]): string | null {
  lookup.invalidate();
  return lookup.ask(kernel.ask, links(...sources)).routes.ipv6?.source ?? null;
}

Deno.test("RouteLookup.ask() finds a default route for one source, if this machine has it", () => {
  const ipv4 = { to: "0.0.0.0/0", dev: 2, via: "192.0.2.1" }; // says nothing about IPv6
  const kernel = new FakeRoutes([ipv4, { ...VIA, from: FROM, source: "2001:db8:1::7" }]);
  const lookup = new RouteLookup();
  const wanted = "2001:db8:1::7";
  for (let round = 0; round < 2; round++) {
    assertEquals(sourceOf(kernel, lookup), null);
    assertEquals(sourceOf(kernel, lookup, "2001:db8:9::7"), null);
    assertEquals(sourceOf(kernel, lookup, wanted), wanted);
    assertEquals(sourceOf(kernel, lookup, "2001:db8:9::7", wanted), wanted);
  }
});

Deno.test("RouteLookup.ask() prefers a default route for any source, and then asks no further", () => {
  const kernel = new FakeRoutes([
    { ...VIA, from: FROM, source: "2001:db8:1::7" },
    { ...VIA, metric: 2048, source: "2001:db8:2::7" },
  ]);
  assertEquals(sourceOf(kernel, new RouteLookup(), "2001:db8:1::7"), "2001:db8:2::7");
  assertEquals(kernel.asked.flat().filter(({ source }) => source !== null), []);
});

Deno.test("RouteLookup.ask() asks for four sources at most", () => {
  const kernel = new FakeRoutes([]);
  const addresses = Array.from({ length: 1_000 }, (_, i) => `2001:db8:${i + 1}::1`);
  assertEquals(sourceOf(kernel, new RouteLookup(), ...addresses), null);
  const sources = new Set(kernel.asked.flat().map(({ source }) => source));
  assertEquals([...sources], [null, ...addresses.slice(0, 4)]);
});

Deno.test("RouteLookup.ask() asks for one usable address of each network, in order", () => {
  const table = links("192.0.2.7", "fe80::7", "2001:db8:2::1", "fd00::7");
  table.setLink(linkMessage(1, "lo", { flags: 0x49 })); // IFF_LOOPBACK
  table.setLink(linkMessage(3, "eth1"));
  for (const text of ["::1", "2001:db8::1"]) add(table, 1, text);
  for (let i = 9; i > 0; i--) add(table, 2 + i % 2, `2001:db8:1:0:${i}00::1`);
  for (const flags of [0x40, 0x08, 0x20]) add(table, 3, `2001:db8:0:${flags}::1`, flags); // tentative, failed, deprecated
  const kernel = new FakeRoutes([]);
  new RouteLookup().ask(kernel.ask, table);
  const sources = new Set(kernel.asked.flat().map(({ source }) => source));
  assertEquals([...sources], [null, "2001:db8:1:0:100::1", "2001:db8:2::1", "fd00::7"]);
});
