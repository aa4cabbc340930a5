import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { buildState } from "../../state/build.ts";
import { normalizeInterface } from "../../state/normalize.ts";
import type { State } from "../../state/types.ts";
import { assertDeepFrozen } from "../support/frozen.ts";
import { forSeeds } from "../support/random.ts";
import { HOSTILE_NAMES, randomReading, randomState } from "../support/random_states.ts";
import { address, nic, reading, type ReadingParts, route, state } from "../support/states.ts";

Deno.test("buildState() derives every field", () => {
  const made = buildState(
    reading({
      interfaces: [
        nic("eth0", { addresses: ["192.168.1.7/24", "2001:db8::7/64", "fe80::7/64"] }),
        nic("lo", { index: 1, addresses: ["127.0.0.1/8", "::1/128"] }),
      ],
      ipv4: route("eth0", { gateway: "192.168.1.1", source: "192.168.1.7", metric: 100 }),
      ipv6: route("eth0", { gateway: "fe80::1" }),
    }),
    { at: 1_700_000_000_000, sleptMs: 60_000 },
  );
  assertEquals(
    { ...made, interfaces: Object.keys(made.interfaces) },
    {
      interfaces: ["lo", "eth0"],
      defaultRoute: {
        ipv4: route("eth0", { gateway: "192.168.1.1", source: "192.168.1.7", metric: 100 }),
        ipv6: route("eth0", { gateway: "fe80::1" }),
      },
      defaultRouteInterface: "eth0",
      online: true,
      localAddresses: { loopback: ["127.0.0.1", "::1"], regular: ["192.168.1.7", "2001:db8::7"] },
      haveIpv4: true,
      haveIpv6: true,
      homeRouter: { gateway: "192.168.1.1", source: "192.168.1.7" },
      isExpensive: "unknown",
      resumedAt: 1_700_000_000_000,
      sleptMs: 60_000,
      knows: { links: true, addressFlags: true, routes: true },
    } as unknown as typeof made & { interfaces: string[] },
  );
});

Deno.test("buildState() accepts an empty reading", () => {
  const made = state();
  assertEquals(Object.keys(made.interfaces), []);
  assertEquals(
    [made.defaultRouteInterface, made.homeRouter, made.resumedAt, made.sleptMs, made.haveIpv4],
    [null, null, null, null, false],
  );
  assertEquals(made.localAddresses, { loopback: [], regular: [] });
});

Deno.test("buildState() freezes everything, but no object of the caller", () => {
  forSeeds({ runs: 300, seed: 23 }, (random) => {
    const given = randomReading(random);
    const before = JSON.stringify(given);
    assertDeepFrozen(buildState(given, { at: 1, sleptMs: 2 }));
    assertEquals(JSON.stringify(given), before);
    assert(!Object.isFrozen(given.interfaces) && !Object.isFrozen(given.knows));
    assert(!Object.isFrozen(given.defaultRoute));
    assert(
      [given.defaultRoute.ipv4, given.defaultRoute.ipv6].every((r) => !r || !Object.isFrozen(r)),
    );
    assert(
      given.interfaces.every((one) => !Object.isFrozen(one) && !Object.isFrozen(one.addresses)),
    );
  });
});

Deno.test("buildState() makes states that survive JSON and structuredClone", () => {
  forSeeds({ runs: 500, seed: 29 }, (random) => {
    const made = randomState(random);
    const text = JSON.stringify(made);
    assertEquals(JSON.stringify(JSON.parse(text)), text);
    assertEquals(JSON.stringify(structuredClone(made)), text);
  });
});

Deno.test("buildState() gives interfaces a null prototype, and accepts any name", () => {
  const made = state({ interfaces: HOSTILE_NAMES.map((name, i) => nic(name, { index: i + 1 })) });
  assertEquals(Object.getPrototypeOf(made.interfaces), null);
  assertEquals(new Set(Object.keys(made.interfaces)), new Set(HOSTILE_NAMES));
  for (const [i, name] of HOSTILE_NAMES.entries()) {
    assertEquals(made.interfaces[name]?.index, i + 1);
  }
  assertEquals(state().interfaces["constructor"], undefined);
});

Deno.test("buildState() keeps interfaces in normal form as they are", () => {
  const shared = normalizeInterface(nic("eth0"));
  assertStrictEquals(state({ interfaces: [shared] }).interfaces["eth0"], shared);
});

Deno.test("buildState() throws for an address that cannot be parsed, and names it", () => {
  const wrong = nic("eth0", {
    addresses: [{ ...address("192.0.2.1/24"), address: "192.0.2.999" }],
  });
  assertThrows(
    () => state({ interfaces: [wrong] }),
    TypeError,
    '"192.0.2.999" of interface "eth0"',
  );
  assertThrows(() => state({ ipv6: route("eth0", { source: "::g" }) }), TypeError, '"::g"');
});

/** A row: what is derived from which reading. */
interface Derived {
  name: string;
  given: ReadingParts;
  expect: Partial<State>;
}

const ethernet = (addresses: string[]) => nic("eth0", { addresses });

const ROUTES: Derived[] = [
  {
    name: "IPv4's default interface goes before IPv6's",
    given: { ipv4: route("eth0"), ipv6: route("eth1") },
    expect: { defaultRouteInterface: "eth0" },
  },
  { // net-tools#132: no default route on a host with IPv6 only
    name: "IPv6's default interface where IPv4 has none",
    given: { ipv6: route("eth1") },
    expect: { defaultRouteInterface: "eth1" },
  },
  {
    name: "a default route through an interface that is not there is kept",
    given: { ipv4: route("gone", { gateway: "10.0.0.1" }) },
    expect: {
      defaultRoute: { ipv4: route("gone", { gateway: "10.0.0.1" }), ipv6: null },
      defaultRouteInterface: "gone",
      isExpensive: "unknown",
    },
  },
  {
    name: "home router in 10/8, source not known",
    given: { ipv4: route("eth0", { gateway: "10.255.0.1" }) },
    expect: { homeRouter: { gateway: "10.255.0.1", source: null } },
  },
  {
    name: "home router in 172.16/12",
    given: { ipv4: route("eth0", { gateway: "172.31.255.254", source: "172.31.0.2" }) },
    expect: { homeRouter: { gateway: "172.31.255.254", source: "172.31.0.2" } },
  },
  ...["10.0.0.0", "172.16.0.0", "192.168.0.0", "192.168.255.255"].map((gateway) => ({
    name: `home router ${gateway}`,
    given: { ipv4: route("eth0", { gateway }) },
    expect: { homeRouter: { gateway, source: null } },
  })),
  ...["9.255.255.255", "11.0.0.0", "100.1.0.1", "172.15.255.255", "172.32.0.0", "172.100.0.1"]
    .concat("192.167.255.255", "192.169.0.0", "8.8.16.1").map((gateway) => ({
      name: `no home router ${gateway}`,
      given: { ipv4: route("eth0", { gateway }) },
      expect: { homeRouter: null },
    })),
  {
    name: "no home router behind carrier-grade translation",
    given: { ipv4: route("eth0", { gateway: "100.64.0.1" }) },
    expect: { homeRouter: null },
  },
  {
    name: "no home router without a gateway",
    given: { ipv4: route("ppp0", { source: "10.0.0.2" }) },
    expect: { homeRouter: null },
  },
  {
    name: "no home router where IPv4's gateway is IPv6 (RFC 5549)",
    given: { ipv4: route("eth0", { gateway: "fe80::1" }) },
    expect: { homeRouter: null },
  },
  {
    name: "no home router from IPv6",
    given: { ipv6: route("eth0", { gateway: "fd00::1" }) },
    expect: { homeRouter: null },
  },
  { // SyncTrayzor#385: metered links; a field that is always false would be a lie
    name: "expensive behind a cellular default interface",
    given: { interfaces: [nic("wwan0")], ipv4: route("wwan0") },
    expect: { isExpensive: true },
  },
  {
    name: "expensive behind IPv6's where IPv4 has none",
    given: { interfaces: [nic("wwan0")], ipv6: route("wwan0") },
    expect: { isExpensive: true },
  },
  {
    name: "not known behind IPv4's Ethernet, whatever IPv6's is",
    given: {
      interfaces: [nic("eth0"), nic("wwan0", { index: 3 })],
      ipv4: route("eth0"),
      ipv6: route("wwan0"),
    },
    expect: { isExpensive: "unknown" },
  },
  {
    name: "not known behind a tunnel, though a cellular link may carry it",
    given: { interfaces: [nic("tun0"), nic("wwan0", { index: 3 })], ipv4: route("tun0") },
    expect: { isExpensive: "unknown" },
  },
];

const ADDRESSES: Derived[] = [
  {
    name: "IPv4 alone",
    given: { interfaces: [ethernet(["192.0.2.1/24"])] },
    expect: { haveIpv4: true, haveIpv6: false },
  },
  {
    name: "IPv6 alone",
    given: { interfaces: [ethernet(["2001:db8::1/64"])] },
    expect: { haveIpv4: false, haveIpv6: true },
  },
  {
    name: "interfaces by index, addresses in their order",
    given: {
      interfaces: [
        nic("b", { index: 3, addresses: ["192.0.2.1/24"] }),
        nic("a", { index: 9, addresses: ["192.0.2.3/24"] }),
        nic("c", { index: 2, addresses: ["2001:db8::1/64", "192.0.2.2/24"] }),
      ],
    },
    expect: {
      localAddresses: {
        loopback: [],
        regular: ["192.0.2.2", "2001:db8::1", "192.0.2.1", "192.0.2.3"],
      },
    },
  },
  {
    name: "an interface that is down has no local addresses",
    given: {
      interfaces: [
        nic("eth0", { up: false, addresses: ["192.0.2.1/24", "169.254.0.1/16"] }),
        nic("lo", { up: false, index: 1, addresses: ["127.0.0.1/8"] }),
      ],
    },
    expect: { localAddresses: { loopback: [], regular: [] }, haveIpv4: false },
  },
  {
    name: "without carrier an address is listed, and not usable",
    given: { interfaces: [nic("eth0", { running: false, addresses: ["192.0.2.1/24"] })] },
    expect: { localAddresses: { loopback: [], regular: ["192.0.2.1"] }, haveIpv4: false },
  },
  {
    name: "duplicated addresses are left out",
    given: {
      interfaces: [
        nic("eth0", {
          addresses: [
            address("2001:db8::1/64", { duplicated: true }),
            address("169.254.0.1/16", { duplicated: true }),
          ],
        }),
        nic("lo", { index: 1, addresses: [address("::1/128", { duplicated: true })] }),
      ],
    },
    expect: { localAddresses: { loopback: [], regular: [] }, haveIpv6: false },
  },
  {
    name: "tentative and deprecated addresses are local, and no family is had by them",
    given: {
      interfaces: [
        nic("eth0", {
          addresses: [
            address("192.0.2.1/24", { deprecated: true }),
            address("2001:db8::1/64", { tentative: true }),
          ],
        }),
      ],
    },
    expect: {
      localAddresses: { loopback: [], regular: ["192.0.2.1", "2001:db8::1"] },
      haveIpv4: false,
      haveIpv6: false,
    },
  },
  { // denoland/std#5933: WSL has 10.255.255.254 on lo
    name: "whatever a loopback interface has is loopback",
    given: {
      interfaces: [nic("lo", { index: 1, addresses: ["10.255.255.254/32", "fe80::1/64"] })],
    },
    expect: {
      localAddresses: { loopback: ["10.255.255.254", "fe80::1"], regular: [] },
      haveIpv4: false,
      haveIpv6: false,
    },
  },
  {
    name: "a loopback address is loopback on any interface",
    given: { interfaces: [ethernet(["127.0.0.53/32", "192.0.2.1/24"])] },
    expect: { localAddresses: { loopback: ["127.0.0.53"], regular: ["192.0.2.1"] } },
  },
  {
    name: "link-local addresses are not regular",
    given: { interfaces: [ethernet(["169.254.0.1/16", "192.0.2.1/24", "fe80::1/64"])] },
    expect: { localAddresses: { loopback: [], regular: ["192.0.2.1"] } },
  },
  {
    name: "unique-local addresses are not regular beside others",
    given: { interfaces: [ethernet(["fd00::1/64", "2001:db8::1/64"])] },
    expect: { localAddresses: { loopback: [], regular: ["2001:db8::1"] } },
  },
  {
    name: "nor beside others on another interface",
    given: {
      interfaces: [
        nic("a", { addresses: ["fd00::1/64"] }),
        nic("b", { addresses: ["10.0.0.1/8"] }),
      ],
    },
    expect: { localAddresses: { loopback: [], regular: ["10.0.0.1"] }, haveIpv6: true },
  },
  {
    name: "unique-local addresses are regular while there is nothing else",
    given: { interfaces: [ethernet(["fd00::1/64", "fe80::1/64"])] },
    expect: { localAddresses: { loopback: [], regular: ["fd00::1"] }, haveIpv6: true },
  },
  {
    name: "unique-local addresses are something: link-local does not stand in beside them",
    given: { interfaces: [ethernet(["169.254.0.1/16", "fd00::1/64"])] },
    expect: { localAddresses: { loopback: [], regular: ["fd00::1"] } },
  },
  {
    name: "IPv4 link-local stands in when nothing is left",
    given: { interfaces: [ethernet(["169.254.0.1/16", "fe80::1/64"])] },
    expect: {
      localAddresses: { loopback: [], regular: ["169.254.0.1"] },
      haveIpv4: false,
      haveIpv6: false,
    },
  },
  {
    name: "IPv6 link-local never does",
    given: { interfaces: [ethernet(["fe80::1/64"])] },
    expect: { localAddresses: { loopback: [], regular: [] }, haveIpv6: false },
  },
  {
    name: "one address under two prefix lengths is listed once",
    given: { interfaces: [ethernet(["192.0.2.1/24", "192.0.2.1/32"])] },
    expect: { localAddresses: { loopback: [], regular: ["192.0.2.1"] } },
  },
];

Deno.test("buildState() derives from routes", async (t) => {
  for (const row of ROUTES) await t.step(row.name, () => assertDerived(row));
});

Deno.test("buildState() derives from addresses", async (t) => {
  for (const row of ADDRESSES) await t.step(row.name, () => assertDerived(row));
});

function assertDerived({ given, expect }: Derived): void {
  const made = state(given);
  const found = Object.entries(made).filter(([field]) => field in expect);
  assertEquals(Object.fromEntries(found), expect);
}
