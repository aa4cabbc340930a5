/**
 * Kernels that do not say which route matches: what they answer must not be taken for "there is no route".
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { RouteLookup } from "../../ffi/linux/route_lookup.ts";
import { FakeRoutes } from "../support/fake_routes.ts";
import { linkMessage } from "../support/netlink.ts";

const ROUTE = { to: "0.0.0.0/0", dev: 2, via: "192.0.2.1", source: "192.0.2.9" };

function eth0(): LinkTable {
  const table = new LinkTable();
  table.setLink(linkMessage(2, "eth0"));
  return table;
}

// gVisor (Cloud Run, GKE Sandbox): `ip route get` works there
for (const [who, how] of [["gVisor", "refused"], ["Linux before 4.13", "ignored"]] as const) {
  Deno.test(`RouteLookup.ask() does not know the routes if RTM_F_FIB_MATCH is ${how}, as by ${who}`, () => {
    const kernel = new FakeRoutes([ROUTE]);
    const lookup = new RouteLookup();
    for (const fibMatch of [how, how, "answered", how] as const) {
      kernel.fibMatch = fibMatch;
      const { isKnown, routes } = lookup.ask(kernel.ask, eth0());
      const isAnswered = fibMatch === "answered";
      assertEquals([isKnown, routes.ipv4?.gateway], [
        isAnswered,
        isAnswered ? ROUTE.via : undefined,
      ]);
    }
  });

  Deno.test(`RouteLookup.ask() knows that there is no route though RTM_F_FIB_MATCH is ${how}`, () => {
    const kernel = new FakeRoutes([]);
    kernel.fibMatch = how;
    assertEquals(new RouteLookup().ask(kernel.ask, eth0()).isKnown, true);
  });
}
