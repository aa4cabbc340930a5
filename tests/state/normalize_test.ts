import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { parseIp } from "../../state/ip.ts";
import {
  assumeNormal,
  equalAddresses,
  equalRoutes,
  makeAddress,
  normalizeAddress,
  normalizeInterface,
  normalizeRoute,
  pairAddresses,
} from "../../state/normalize.ts";
import type { Address, DefaultRoute, Interface } from "../../state/types.ts";
import { assertEveryFieldCounts } from "../support/fields.ts";
import { assertDeepFrozen } from "../support/frozen.ts";
import { forSeeds } from "../support/random.ts";
import { randomInterface, randomReading } from "../support/random_states.ts";
import { address, nic, route } from "../support/states.ts";

Deno.test("normalizeInterface() freezes a copy, not the caller's objects", () => {
  const given = nic("eth0", { addresses: [address("192.0.2.2/24"), address("192.0.2.1/24")] });
  const before = structuredClone(given);
  const made = normalizeInterface(given);
  assertDeepFrozen(made);
  assertEquals(given, before);
  assert(!Object.isFrozen(given) && !Object.isFrozen(given.addresses));
  assert(given.addresses.every((held) => !Object.isFrozen(held)));
  assertNotStrictEquals(made, given);
});

Deno.test("normalizeInterface() returns what is in normal form, or equals what is known", () => {
  const made = normalizeInterface(nic("eth0", { addresses: ["192.0.2.1/24", "::2/64"] }));
  assertStrictEquals(normalizeInterface(made), made);
  assertStrictEquals(normalizeInterface(structuredClone(made), made), made);
  assertStrictEquals(normalizeInterface({ ...made, mtu: 1400 }, made).addresses, made.addresses);
});

Deno.test("normalizeInterface() gives the same with and without what is known", () => {
  forSeeds({ runs: 3_000, seed: 13 }, (random) => {
    const known = normalizeInterface(randomInterface(random));
    const kept = known.addresses.filter(() => random.chance(0.8));
    const flipped = kept.map((held) => random.chance(0.2) ? { ...held, tentative: true } : held);
    const addresses = [...flipped, ...randomInterface(random).addresses];
    const given = {
      ...known,
      addresses: random.chance(0.5) ? addresses : random.shuffle(addresses),
    };
    const made = normalizeInterface(structuredClone(given), known);
    assertEquals(made, normalizeInterface(structuredClone(given)));
    assertDeepFrozen(made);
  });
});

Deno.test("normalizeInterface() does not trust objects that others froze", () => {
  const given = nic("eth0", { addresses: [address("192.0.2.2/24"), address("192.0.2.1/24")] });
  Object.freeze(given.addresses);
  assertEquals(normalizeInterface(Object.freeze(given)).addresses.map((held) => held.cidr), [
    "192.0.2.1/24",
    "192.0.2.2/24",
  ]);
});

Deno.test("normalizeInterface() orders addresses by family, bytes and prefix length", () => {
  const ordered = [
    "9.0.0.1/8",
    "10.0.0.1/8",
    "10.0.0.1/24",
    "10.0.0.2/8",
    "::1/128",
    "2001:db8::1/64",
    "2001:db8::1/128",
    "fe80::1/64",
  ];
  const made = normalizeInterface(nic("eth0", { addresses: ordered.toReversed() }));
  assertEquals(made.addresses.map((held) => held.cidr), ordered);
});

// Linux keeps both `10.0.0.1 peer 10.0.0.2` and `10.0.0.1 peer 10.0.0.3` on one interface.
Deno.test("normalizeInterface() keeps each address and prefix length once: lowest peer, none first", () => {
  const twins = [
    address("10.0.0.1/32", { peer: "10.0.0.10" }),
    address("10.0.0.1/32", { peer: "10.0.0.9" }),
    address("10.0.0.1/32", { peer: "10.0.0.9", tentative: true }),
  ];
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 0, 2]]) {
    const given = order.map((i) => twins[i] ?? address("10.0.0.1/32"));
    const [kept, ...others] = normalizeInterface(nic("ppp0", { addresses: given })).addresses;
    assertEquals([kept?.peer, kept?.tentative, others.length], ["10.0.0.9", false, 0]);
    const [none] = normalizeInterface(
      nic("ppp0", { addresses: [...given, address("10.0.0.1/32")] }),
    ).addresses;
    assertEquals(none?.peer, null);
  }
});

Deno.test("normalizeInterface() gives the same whatever their order", () => {
  forSeeds({ runs: 500, seed: 11 }, (random) => {
    for (const given of randomReading(random).interfaces) {
      const shuffled = { ...given, addresses: random.shuffle(given.addresses) };
      assertEquals(normalizeInterface(shuffled), normalizeInterface(given));
    }
  });
});

const MACS: [given: string | null, made: string | null][] = [
  ["02:00:5e:00:53:01", "02:00:5e:00:53:01"],
  ["02:00:5E:00:53:AF", "02:00:5e:00:53:af"],
  ["00:00:00:00:00:00", null],
  ["02:00:5e:00:53", null],
  ["00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01", null],
  ["", null],
  [null, null],
];

Deno.test("normalizeInterface() keeps hardware addresses of 6 bytes that are not all zero", () => {
  for (const [mac, made] of MACS) assertEquals(normalizeInterface(nic("eth0", { mac })).mac, made);
});

Deno.test("normalizeAddress() derives family, text and cidr from the bytes", () => {
  const made = normalizeAddress({
    ...address("192.0.2.1/24"),
    address: "2001:0DB8::0001",
    prefixLength: 64,
    peer: "2001:DB8:0::2",
  }, "eth0");
  assertEquals(
    [made.family, made.address, made.cidr, made.peer],
    ["IPv6", "2001:db8::1", "2001:db8::1/64", "2001:db8::2"],
  );
});

Deno.test("normalizeAddress() keeps the scope, the peer and the flags", () => {
  const flags = { tentative: true, duplicated: true, deprecated: true, temporary: true };
  const kept = { ...flags, permanent: true, peer: "fe80::2", scopeId: 7 };
  const given = { ...address("fe80::1/64"), ...kept };
  assertEquals(normalizeAddress(given, "eth0"), given);
});

Deno.test("makeAddress() without fields makes an address without scope, peer and flags", () => {
  assertEquals(makeAddress(parseIp("192.0.2.1")!, { prefixLength: 24 }), {
    family: "IPv4",
    address: "192.0.2.1",
    prefixLength: 24,
    cidr: "192.0.2.1/24",
    peer: null,
    scopeId: null,
    tentative: false,
    duplicated: false,
    deprecated: false,
    temporary: false,
    permanent: false,
  });
});

Deno.test("makeAddress() and assumeNormal() return what normalizeInterface() returns", () => {
  forSeeds({ runs: 500, seed: 29 }, (random) => {
    const checked = normalizeInterface(randomInterface(random));
    const addresses = checked.addresses.map((held) => makeAddress(parseIp(held.address)!, held));
    const assumed = assumeNormal({ ...checked, addresses });
    assertEquals(assumed, checked);
    assertDeepFrozen(assumed);
    assertStrictEquals(normalizeInterface(assumed), assumed);
  });
});

const WRONG: [name: string, given: () => Interface, error: new () => Error, message: string][] = [
  [
    "an address that is none",
    () => nic("eth0", { addresses: [{ ...address("192.0.2.1/24"), address: "fe80::1%eth0" }] }),
    TypeError,
    'Cannot parse the address "fe80::1%eth0" of interface "eth0"',
  ],
  [
    "an address that is no text",
    () => nic("eth0", { addresses: [{ ...address("192.0.2.1/24"), address: 7 as never }] }),
    TypeError,
    'Cannot parse the address "7" of interface "eth0"',
  ],
  [
    "a peer that is none",
    () => nic("ppp0", { addresses: [address("192.0.2.1/32", { peer: "peer" })] }),
    TypeError,
    'Cannot parse the address "peer" of interface "ppp0"',
  ],
  [
    "hostile text, escaped",
    () => nic("\x1b[2J", { addresses: [{ ...address("192.0.2.1/24"), address: "\x1b" }] }),
    TypeError,
    '"\\u{1b}" of interface "\\u{1b}[2J"',
  ],
  [
    "a prefix length beyond IPv4",
    () => nic("eth0", { addresses: [address("192.0.2.1/24", { prefixLength: 33 })] }),
    RangeError,
    "Prefix length 33 of 192.0.2.1 is out of range: give an integer from 0 to 32",
  ],
  [
    "a prefix length beyond IPv6",
    () => nic("eth0", { addresses: [address("::2/64", { prefixLength: 129 })] }),
    RangeError,
    "from 0 to 128",
  ],
  [
    "a prefix length below zero",
    () => nic("eth0", { addresses: [address("192.0.2.1/24", { prefixLength: -1 })] }),
    RangeError,
    "Prefix length -1",
  ],
  [
    "a prefix length that is no integer",
    () => nic("eth0", { addresses: [address("192.0.2.1/24", { prefixLength: NaN })] }),
    RangeError,
    "Prefix length NaN",
  ],
  [
    "a name that is no string",
    () => ({ ...nic("1"), name: 1 as unknown as string }),
    TypeError,
    "The interface name must be a string, not 1",
  ],
  ["an index that JSON would lose", () => nic("eth0", { index: NaN }), TypeError, "has index NaN"],
  [
    "an mtu that JSON would lose",
    () => nic("eth0", { mtu: Infinity }),
    TypeError,
    "has mtu Infinity",
  ],
  ["an index with a fraction", () => nic("eth0", { index: 1.5 }), TypeError, "has index 1.5"],
  [
    "flags that are not exact",
    () => nic("eth0", { flags: 2 ** 53 }),
    TypeError,
    "has flags 9007199254740992",
  ],
  [
    "a scope that differs from itself",
    () => nic("eth0", { addresses: [{ ...address("fe80::1/64"), scopeId: NaN }] }),
    TypeError,
    "has scopeId NaN",
  ],
];

Deno.test("normalizeInterface() throws, naming it, for", async (t) => {
  for (const [name, given, error, message] of WRONG) {
    await t.step(name, () => {
      assertThrows(() => normalizeInterface(given()), error, message);
    });
  }
});

Deno.test("normalizeRoute() throws for a metric of NaN", () => {
  const given = route("eth0", { metric: NaN });
  assertThrows(() => normalizeRoute(given), TypeError, "has metric NaN");
});

Deno.test("normalizeRoute() freezes a copy in normal form", () => {
  const given = route("eth0", { gateway: "FE80::0001", source: "2001:db8:0::1", metric: 100 });
  const made = normalizeRoute(given);
  assertEquals(made, route("eth0", { gateway: "fe80::1", source: "2001:db8::1", metric: 100 }));
  assertDeepFrozen(made);
  assert(!Object.isFrozen(given));
  assertStrictEquals(normalizeRoute(made), made);
  assertEquals(normalizeRoute(null), null);
  assertThrows(
    () => normalizeRoute(route("eth0", { gateway: "gw" })),
    TypeError,
    'the address "gw"',
  );
});

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
  hostOnly: true,
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

Deno.test("equalAddresses() looks at every field", () => {
  assertEveryFieldCounts(address("192.0.2.1/24"), ADDRESS_FIELDS, equalAddresses);
});

Deno.test("pairAddresses() pairs by CIDR, whatever objects the lists share", () => {
  const all = Array.from({ length: 5 }, (_, i) => address(`192.0.2.${i}/24`));
  forSeeds({ runs: 1_000, seed: 53 }, (random) => {
    const some = () => all.filter(() => random.chance(0.7));
    const [from, to] = [some(), some().map((it) => random.chance(0.8) ? it : { ...it })];
    const pairs: (Address | undefined)[][] = [];
    pairAddresses(from, to, (a, b) => pairs.push([a, b]));
    const kept = to.map((b) => [from.find(({ cidr }) => cidr === b.cidr), b]);
    const gone = from.filter((a) => !to.some(({ cidr }) => cidr === a.cidr));
    const expected = kept.filter(([a, b]) => a !== b).concat(gone.map((a) => [a, undefined]));
    assertEquals(pairs, expected);
  });
});

Deno.test("normalizeInterface() returns the known object only if every field equals, addresses and flags included", () => {
  const eth0 = nic("eth0", { addresses: ["192.0.2.1/24"] });
  const isKept = (a: Interface, b: Interface): boolean => {
    const known = normalizeInterface(a);
    return normalizeInterface({ ...b }, known) === known;
  };
  assertEveryFieldCounts(eth0, INTERFACE_FIELDS, isKept);
  // net-tools' netwatch leaves addresses and flags out: tentative to usable was no change
  const tentative = { ...eth0, addresses: [address("192.0.2.1/24", { tentative: true })] };
  assert(!isKept(eth0, tentative));
  assert(!isKept(eth0, { ...eth0, addresses: [...eth0.addresses, address("::2/64")] }));
});

Deno.test("equalRoutes() looks at every field; null equals null only", () => {
  const given = route("eth0", { gateway: "192.0.2.254", source: "192.0.2.1", metric: 0 });
  assertEveryFieldCounts(given, ROUTE_FIELDS, equalRoutes);
  assert(equalRoutes(null, null));
  assert(!equalRoutes(given, null) && !equalRoutes(null, given));
});
