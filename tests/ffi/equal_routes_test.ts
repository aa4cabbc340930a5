/**
 * Which of several equal default routes is reported, while the kernel alternates between them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { RouteLookup } from "../../ffi/linux/route_lookup.ts";
import { type FakeRoute, FakeRoutes } from "../support/fake_routes.ts";

const LINKS = {
  nameOf: (index: number): string => `v${index}`,
  isLoopback: (index: number): boolean => index === 1,
  addresses: () => new LinkTable().addresses(),
};
const ALL4 = "0.0.0.0/0";
const V2 = { to: ALL4, dev: 2, via: "192.0.2.1", source: "192.0.2.9" };
const V3 = { to: ALL4, dev: 3, via: "198.51.100.1", source: "198.51.100.9" };
const WAYS = ["v2 192.0.2.1 192.0.2.9", "v3 198.51.100.1 198.51.100.9"];

/** What five lookups in a row report. */
function report(routes: readonly FakeRoute[], lookup = new RouteLookup()): string[] {
  const kernel = new FakeRoutes(routes);
  const ways = Array.from({ length: 5 }, () => {
    lookup.invalidate();
    const { ipv4 } = lookup.ask(kernel.ask, LINKS).routes;
    return `${ipv4?.interface} ${ipv4?.gateway} ${ipv4?.source}`;
  });
  return [...new Set(ways)];
}

Deno.test("of two equal routes the same is reported each time, with its own source", () => {
  const ways = report([V3, V2]);
  assertEquals([ways.length, WAYS.includes(ways[0]!)], [1, true], ways.join(", "));
});

Deno.test("a route that is reported stays so when an equal one is added", () => {
  const gateways = [V2, V3].map(({ dev, via }) => ({
    to: `${via}/32`,
    dev,
    source: "203.0.113.9",
  }));
  for (const [i, route] of [V2, V3].entries()) {
    const lookup = new RouteLookup();
    report([route], lookup);
    assertEquals(report([V2, V3, ...gateways], lookup), [WAYS[i]]);
    assertEquals(report([V3, V2, ...gateways], lookup), [WAYS[i]]);
  }
});

Deno.test("the source belongs to the gateway, also if only another probe or the high half matches", () => {
  const others: FakeRoute[][] = [
    [{ to: "23.0.0.0/8", dev: 4 }],
    [{ to: "0.0.0.0/1", type: 7 }],
  ];
  for (const other of others) {
    const lookup = new RouteLookup();
    for (let n = 0; n < 3; n++) { // the lookup learns what to ask first
      const ways = report([V2, V3, ...other], lookup);
      assertEquals([ways.length, WAYS.includes(ways[0]!)], [1, true], ways.join(", "));
    }
  }
});

Deno.test("of two gateways on one interface, each has the source in its own subnet", () => {
  const near = { ...V3, dev: 2 };
  const subnets = [
    { to: "192.0.2.0/24", dev: 2, source: V2.source },
    { to: "198.51.100.0/24", dev: 2, source: V3.source },
  ];
  const expected = ["v2 192.0.2.1 192.0.2.9", "v2 198.51.100.1 198.51.100.9"];
  for (const [i, route] of [V2, near].entries()) {
    const lookup = new RouteLookup();
    report([route, ...subnets], lookup);
    assertEquals(report([V2, near, ...subnets], lookup), [expected[i]]);
    assertEquals(report([near, V2, ...subnets], lookup), [expected[i]]);
  }
});

Deno.test("the source of an IPv4 route is never asked for at an IPv6 gateway (RFC 5549)", () => {
  const far = { to: ALL4, dev: 2, via: "fe80::1", source: "192.0.2.9" };
  const lookup = new RouteLookup();
  report([far], lookup);
  assertEquals(report([V2, far], lookup), ["v2 fe80::1 192.0.2.9"]);
});

Deno.test("an interface is followed if the reported one of equal routes leads through it", () => {
  const lookup = new RouteLookup();
  report([V3], lookup);
  const kernel = new FakeRoutes([V2, V3]);
  lookup.invalidate();
  assertEquals(new Set(lookup.ask(kernel.ask, LINKS).indexes).has(3), true);
});

Deno.test("the gateway of an ICMP redirect is not reported", () => {
  assertEquals(report([{ ...V2, redirect: "192.0.2.200" }]), [WAYS[0]]);
  const kernel = new FakeRoutes([{ to: "::/0", dev: 2, via: "fe80::1", redirect: "fe80::200" }]);
  assertEquals(new RouteLookup().ask(kernel.ask, LINKS).routes.ipv6?.gateway, "fe80::1");
});
