import { assert, assertEquals } from "@std/assert";
import { buildState } from "../../state/build.ts";
import { diffStates } from "../../state/diff.ts";
import { affects, connectionLoss, majorReasons } from "../../state/impact.ts";
import type { Interface, State } from "../../state/types.ts";
import { nic, reading, route } from "../support/states.ts";

const eth0 = nic("eth0", { index: 2, addresses: ["192.0.2.1/24", "2001:db8::1/64"] });
const home = buildState(
  reading({
    interfaces: [eth0],
    ipv4: route("eth0", { gateway: "192.0.2.254", source: "192.0.2.1" }),
    ipv6: route("eth0", { gateway: "fe80::fe", source: "2001:db8::1" }),
  }),
  null,
);

/** The next state of the same monitor: a source hands over the routes of its last lookup while they are right. */
function next(eth0: Interface, defaultRoute = home.defaultRoute): State {
  return buildState({ ...reading({ interfaces: [eth0] }), defaultRoute }, null, home);
}

const more = nic("eth0", {
  index: 2,
  addresses: ["192.0.2.1/24", "192.0.2.9/24", "2001:db8::1/64"],
});

Deno.test("states share their default routes while an address comes, and no route has changed", () => {
  const state = next(more);
  assert(state.defaultRoute === home.defaultRoute);
  assertEquals(diffStates(home, state).map(({ kind }) => kind), ["address-added"]);
  for (const hostname of ["0.0.0.0", "::"]) assertEquals(affects({ hostname }, home, state), false);
  assertEquals(connectionLoss(home, state), null);
});

Deno.test("states do not share their default routes if one of them is another object", () => {
  const { ipv4, ipv6 } = home.defaultRoute;
  for (const routes of [{ ipv4, ipv6: null }, { ipv4: null, ipv6 }]) {
    const state = next(more, routes);
    assertEquals(state.defaultRoute, routes);
    assertEquals(majorReasons(home, state).map(({ kind }) => kind), [
      "default-route",
      "address-usable",
    ]);
  }
});

Deno.test("the same route through another index has moved, although the source returns the same object", () => {
  const state = next(nic("eth0", { index: 7, addresses: ["192.0.2.1/24", "2001:db8::1/64"] }));
  assertEquals(
    majorReasons(home, state).flatMap((it) => it.kind === "default-route" ? it.family : []),
    ["IPv4", "IPv6"],
  );
  assertEquals(connectionLoss(home, state)?.kind, "default-route");
});
