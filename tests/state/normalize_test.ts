import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { canonicalAddress, canonicalInterface, canonicalRoute } from "../../state/normalize.ts";
import type { Interface } from "../../state/types.ts";
import { assertDeepFrozen } from "../support/frozen.ts";
import { forSeeds } from "../support/random.ts";
import { randomReading } from "../support/random_states.ts";
import { address, nic, route } from "../support/states.ts";

Deno.test("canonicalInterface() freezes a copy, not the caller's objects", () => {
  const told = nic("eth0", { addresses: ["192.0.2.2/24", "192.0.2.1/24"] });
  const before = structuredClone(told);
  const made = canonicalInterface(told);
  assertDeepFrozen(made);
  assertEquals(told, before);
  assert(!Object.isFrozen(told) && !Object.isFrozen(told.addresses));
  assert(told.addresses.every((held) => !Object.isFrozen(held)));
  assertNotStrictEquals(made, told);
});

Deno.test("canonicalInterface() returns what it returned before as it is", () => {
  const made = canonicalInterface(nic("eth0", { addresses: ["192.0.2.1/24"] }));
  assertStrictEquals(canonicalInterface(made), made);
  const changed = canonicalInterface({ ...made, mtu: 1400 });
  assertStrictEquals(changed.addresses[0], made.addresses[0]);
});

Deno.test("canonicalInterface() does not trust what somebody else froze", () => {
  const told = nic("eth0", { addresses: ["192.0.2.2/24", "192.0.2.1/24"] });
  Object.freeze(told.addresses);
  assertEquals(canonicalInterface(Object.freeze(told)).addresses.map((held) => held.cidr), [
    "192.0.2.1/24",
    "192.0.2.2/24",
  ]);
});

Deno.test("canonicalInterface() orders addresses by family, bytes and prefix length", () => {
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
  const made = canonicalInterface(nic("eth0", { addresses: ordered.toReversed() }));
  assertEquals(made.addresses.map((held) => held.cidr), ordered);
});

// Linux keeps both `10.0.0.1 peer 10.0.0.2` and `10.0.0.1 peer 10.0.0.3` on one interface.
Deno.test("canonicalInterface() keeps each address and prefix length once: lowest peer, none first", () => {
  const twins = [
    address("10.0.0.1/32", { peer: "10.0.0.10" }),
    address("10.0.0.1/32", { peer: "10.0.0.9" }),
    address("10.0.0.1/32", { peer: "10.0.0.9", tentative: true }),
  ];
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 0, 2]]) {
    const told = order.map((i) => twins[i] ?? address("10.0.0.1/32"));
    const [kept, ...others] = canonicalInterface(nic("ppp0", { addresses: told })).addresses;
    assertEquals([kept?.peer, kept?.tentative, others.length], ["10.0.0.9", false, 0]);
    const [none] = canonicalInterface(
      nic("ppp0", { addresses: [...told, address("10.0.0.1/32")] }),
    ).addresses;
    assertEquals(none?.peer, null);
  }
});

Deno.test("canonicalInterface() gives the same whatever the order told", () => {
  forSeeds({ runs: 500, seed: 11 }, (random) => {
    for (const told of randomReading(random).interfaces) {
      const shuffled = { ...told, addresses: random.shuffle(told.addresses) };
      assertEquals(canonicalInterface(shuffled), canonicalInterface(told));
    }
  });
});

const MACS: [told: string | null, made: string | null][] = [
  ["02:00:5e:00:53:01", "02:00:5e:00:53:01"],
  ["02:00:5E:00:53:AF", "02:00:5e:00:53:af"],
  ["00:00:00:00:00:00", null],
  ["02:00:5e:00:53", null],
  ["00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01", null],
  ["", null],
  [null, null],
];

Deno.test("canonicalInterface() keeps hardware addresses of 6 bytes that are not all zero", () => {
  for (const [mac, made] of MACS) assertEquals(canonicalInterface(nic("eth0", { mac })).mac, made);
});

Deno.test("canonicalAddress() derives family, text and cidr from the bytes", () => {
  const made = canonicalAddress({
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

const WRONG: [name: string, told: () => Interface, error: new () => Error, message: string][] = [
  [
    "an address that is none",
    () => nic("eth0", { addresses: [{ ...address("192.0.2.1/24"), address: "fe80::1%eth0" }] }),
    TypeError,
    'Cannot parse the address "fe80::1%eth0" of interface "eth0"',
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
    () => nic("eth0", { addresses: [address("192.0.2.1/33")] }),
    RangeError,
    "Prefix length 33 of 192.0.2.1 is out of range: give an integer from 0 to 32",
  ],
  [
    "a prefix length beyond IPv6",
    () => nic("eth0", { addresses: [address("::2/129")] }),
    RangeError,
    "from 0 to 128",
  ],
  [
    "a prefix length that is no integer",
    () => nic("eth0", { addresses: [address("192.0.2.1/24", { prefixLength: NaN })] }),
    RangeError,
    "Prefix length NaN",
  ],
  ["an index that JSON would lose", () => nic("eth0", { index: NaN }), TypeError, "has index NaN"],
  [
    "an mtu that JSON would lose",
    () => nic("eth0", { mtu: Infinity }),
    TypeError,
    "has mtu Infinity",
  ],
];

Deno.test("canonicalInterface() throws, naming it, for", async (t) => {
  for (const [name, told, error, message] of WRONG) {
    await t.step(name, () => {
      assertThrows(() => canonicalInterface(told()), error, message);
    });
  }
});

Deno.test("canonicalRoute() freezes a copy in canonical form", () => {
  const told = route("eth0", { gateway: "FE80::0001", source: "2001:db8:0::1", metric: 100 });
  const made = canonicalRoute(told);
  assertEquals(made, route("eth0", { gateway: "fe80::1", source: "2001:db8::1", metric: 100 }));
  assertDeepFrozen(made);
  assert(!Object.isFrozen(told));
  assertStrictEquals(canonicalRoute(made), made);
  assertEquals(canonicalRoute(null), null);
  assertThrows(
    () => canonicalRoute(route("eth0", { gateway: "gw" })),
    TypeError,
    'the address "gw"',
  );
});
