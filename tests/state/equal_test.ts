import { assert, assertEquals } from "@std/assert";
import {
  equalAddresses,
  equalInterfaces,
  equalKnows,
  equalRoutes,
  equalStates,
  sameInterfaces,
  sameRoutes,
} from "../../state/diff.ts";
import type { Address, DefaultRoute, Interface, Knows, State } from "../../state/types.ts";
import { forSeeds } from "../support/random.ts";
import { randomNeighbour, randomState } from "../support/random_states.ts";
import { address, nic, route, state } from "../support/states.ts";

/** A value other than the one there, for each field: the type makes sure that none is forgotten. */
const ADDRESS_FIELDS: Required<Address> = {
  family: "IPv6",
  address: "192.0.2.2",
  prefixLength: 25,
  cidr: "192.0.2.1/25",
  peer: "192.0.2.9",
  scopeId: 2,
  tentative: true,
  duplicated: true,
  deprecated: true,
  temporary: true,
  permanent: false,
};

const INTERFACE_FIELDS: Required<Interface> = {
  name: "eth1",
  index: 3,
  kind: "wifi",
  up: false,
  running: false,
  flags: 1,
  mac: "02:00:00:00:00:01",
  mtu: 1400,
  addresses: [],
};

const ROUTE_FIELDS: Required<DefaultRoute> = {
  interface: "eth1",
  gateway: "192.0.2.253",
  source: "192.0.2.2",
  metric: 1,
};

const KNOWS_FIELDS: Required<Knows> = { links: false, addressFlags: false, routes: false };

const STATE_FIELDS: Required<State> = {
  interfaces: {},
  defaultRoute: { ipv4: null, ipv6: null },
  defaultRouteInterface: "eth1",
  localAddresses: { loopback: [], regular: [] },
  haveIpv4: false,
  haveIpv6: true,
  homeRouter: { gateway: "10.0.0.1", source: null },
  isExpensive: true,
  resumedAt: 1,
  sleptMs: 1,
  knows: KNOWS_FIELDS,
};

/** Equal to a copy; unequal once any one field differs. */
function assertEveryFieldCounts<T extends object>(
  value: T,
  others: T,
  equal: (a: T, b: T) => boolean,
): void {
  assert(equal(value, value));
  assert(equal(value, { ...value }), "a copy");
  for (const [field, other] of Object.entries(others)) {
    const changed = { ...value, [field]: other };
    assert(!equal(value, changed) && !equal(changed, value), field);
  }
}

Deno.test("equalAddresses() looks at every field", () => {
  assertEveryFieldCounts(address("192.0.2.1/24"), ADDRESS_FIELDS, equalAddresses);
});

Deno.test("equalInterfaces() looks at every field, addresses and their flags included", () => {
  const eth0 = nic("eth0", { addresses: ["192.0.2.1/24"] });
  assertEveryFieldCounts(eth0, INTERFACE_FIELDS, equalInterfaces);
  // net-tools' netwatch leaves addresses and flags out: tentative to usable was no change
  const tentative = { ...eth0, addresses: [address("192.0.2.1/24", { tentative: true })] };
  assert(!equalInterfaces(eth0, tentative));
  assert(!equalInterfaces(eth0, { ...eth0, addresses: [...eth0.addresses, address("::2/64")] }));
});

Deno.test("equalRoutes() looks at every field; null equals null only", () => {
  const told = route("eth0", { gateway: "192.0.2.254", source: "192.0.2.1", metric: 0 });
  assertEveryFieldCounts(told, ROUTE_FIELDS, equalRoutes);
  assert(equalRoutes(null, null));
  assert(!equalRoutes(told, null) && !equalRoutes(null, told));
});

Deno.test("equalKnows() looks at every field", () => {
  assertEveryFieldCounts(
    { links: true, addressFlags: true, routes: true },
    KNOWS_FIELDS,
    equalKnows,
  );
});

Deno.test("equalStates() looks at every field", () => {
  const told = state({
    interfaces: [
      nic("lo", { index: 1, addresses: ["127.0.0.1/8"] }),
      nic("eth0", { addresses: ["192.0.2.1/24"] }),
    ],
    ipv4: route("eth0"),
  });
  assertEveryFieldCounts(told, STATE_FIELDS, equalStates);
});

Deno.test("sameInterfaces() asks for interfaces only, sameRoutes() for routes only", () => {
  const told = state({ interfaces: [nic("eth0")], ipv4: route("eth0"), ipv6: route("eth0") });
  const rows: [name: string, other: State, interfaces: boolean, routes: boolean][] = [
    [
      "the same",
      state({ interfaces: [nic("eth0")], ipv4: route("eth0"), ipv6: route("eth0") }),
      true,
      true,
    ],
    [
      "one more",
      state({ interfaces: [nic("eth0"), nic("eth1")], ipv4: route("eth0"), ipv6: route("eth0") }),
      false,
      true,
    ],
    ["none", state({ ipv4: route("eth0"), ipv6: route("eth0") }), false, true],
    [
      "another name",
      state({ interfaces: [nic("eth1")], ipv4: route("eth0"), ipv6: route("eth0") }),
      false,
      true,
    ],
    [
      "another mtu",
      state({ interfaces: [nic("eth0", { mtu: 1 })], ipv4: route("eth0"), ipv6: route("eth0") }),
      false,
      true,
    ],
    ["no IPv4 route", state({ interfaces: [nic("eth0")], ipv6: route("eth0") }), true, false],
    [
      "another IPv6 metric",
      state({ interfaces: [nic("eth0")], ipv4: route("eth0"), ipv6: route("eth0", { metric: 1 }) }),
      true,
      false,
    ],
    [
      "another wake-up",
      state({ interfaces: [nic("eth0")], ipv4: route("eth0"), ipv6: route("eth0") }, {
        at: 1,
        sleptMs: 1,
      }),
      true,
      true,
    ],
  ];
  for (const [name, other, interfaces, routes] of rows) {
    assertEquals(
      [sameInterfaces(told, other), sameRoutes(told, other)],
      [interfaces, routes],
      name,
    );
  }
});

Deno.test("equalStates() agrees with the states' text, copies included", () => {
  forSeeds({ runs: 1_000, seed: 31 }, (random) => {
    const a = randomState(random);
    const b = random.chance(0.8) ? randomNeighbour(random, a) : randomState(random);
    const expected = JSON.stringify(a) === JSON.stringify(b);
    assertEquals(equalStates(a, b), expected);
    assertEquals(equalStates(structuredClone(a), b), expected);
    assert(equalStates(a, JSON.parse(JSON.stringify(a))));
  });
});
