/**
 * Which default route is reported while a policy rule sends some destinations elsewhere, probes among them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { type AskRoutes, RouteLookup } from "../../ffi/linux/route_lookup.ts";
import { C } from "../../ffi/linux/constants.ts";
import type { DefaultRoutes } from "../../state/types.ts";
import { type FakeRoute, FakeRoutes } from "../support/fake_routes.ts";

const LINKS = {
  nameOf: (index: number): string => `v${index}`,
  isLoopback: (index: number): boolean => index === 1,
  addresses: () => new LinkTable().addresses(),
};
const ALL = ["0.0.0.0/0", "::/0"];
const HALVES = ["0.0.0.0/1", "128.0.0.0/1", "2000::/4", "3000::/4"];
const MAIN = { to: ALL, dev: 2 };
const RULED = { to: ALL, dev: 3 };

/** The addresses in a query begin behind the headers of the message, of the route and of RTA_DST. */
const DESTINATION = C.NLMSGHDR_SIZE + C.RTMSG_SIZE + C.RTATTR_SIZE;

/** Answers by the routes of one table for destinations that begin with one of these groups, else by those of main. */
function askOf(groups: readonly number[], ruled: FakeRoute[], main: FakeRoute[]): AskRoutes {
  const tables = [ruled, main].map((routes) => new FakeRoutes(routes));
  return (queries) =>
    queries.flatMap((query) => {
      const group = (query[DESTINATION]! << 8) | query[DESTINATION + 1]!;
      return tables[groups.includes(group) ? 0 : 1]!.ask([query]);
    });
}

function names({ ipv4, ipv6 }: DefaultRoutes): (string | undefined)[] {
  return [ipv4?.interface, ipv6?.interface];
}

const ROWS: [what: string, groups: number[], ruled: FakeRoute[], main: FakeRoute[]][] = [
  ["the first low probes", [0x1700, 0x2a0f], [RULED], [MAIN]], // 23.0.0.1 and 2a0f::1
  ["the first high probes", [0x9700, 0x3ffe], [RULED], [MAIN]], // 151.0.0.1 and 3ffe::1
  ["the first low probes, under a VPN with two halves", [0x1700, 0x2a0f], [RULED], [
    { to: ALL, dev: 4 },
    { to: HALVES, dev: 2 },
  ]],
  ["the first high probe, under a VPN with two halves", [0x9700], [RULED], [
    { to: ALL, dev: 4 },
    { to: HALVES, dev: 2 },
  ]],
  ["the first high probes, while longer routes hold most low ones", [0x9700, 0x3ffe], [RULED], [
    MAIN,
    { to: ["23.0.0.0/8", "73.0.0.0/8", "2a0f::/16", "2c0f::/16"], dev: 4 },
  ]],
  ["the first low probes, to a nexthop object", [0x1700, 0x2a0f], [
    { to: ALL, object: 7, hops: [{ dev: 3 }] },
  ], [MAIN]],
  ["the first low probes, while the default route is a nexthop object", [0x1700, 0x2a0f], [RULED], [
    { to: ALL, object: 7, hops: [{ dev: 2 }] },
  ]],
];

for (const [what, groups, ruled, main] of ROWS) {
  Deno.test(`a policy rule for the destinations of ${what} does not decide the default route`, () => {
    const lookup = new RouteLookup();
    for (let round = 0; round < 2; round++) {
      lookup.invalidate();
      assertEquals(names(lookup.ask(askOf(groups, ruled, main), LINKS).routes), ["v2", "v2"]);
    }
  });
}

Deno.test("RouteLookup.ask() asks the other probes of a family in one datagram when its halves differ", () => {
  const kernel = new FakeRoutes([MAIN, { to: ["0.0.0.0/1", "2000::/4"], dev: 3 }]);
  const lookup = new RouteLookup();
  assertEquals(names(lookup.ask(kernel.ask, LINKS).routes), ["v2", "v2"]);
  const probes = kernel.asked.map((datagram) => datagram.filter((it) => it.fibMatch).length);
  assertEquals(probes.filter((count) => count > 0), [4, 4, 3]); // first ones, the others of each family
});
