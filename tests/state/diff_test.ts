import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { diffStates } from "../../state/diff.ts";
import { formatChange } from "../../state/format.ts";
import type { Change, State } from "../../state/types.ts";
import { assertDeepFrozen } from "../support/frozen.ts";
import { forSeeds } from "../support/random.ts";
import { randomNeighbour, randomState } from "../support/random_states.ts";
import { address, nic, route, state } from "../support/states.ts";

/** Changes in short: kind, then what it is about. */
function brief(changes: readonly Change[]): string[] {
  return changes.map((change) => {
    switch (change.kind) {
      case "interface-added":
      case "interface-removed":
        return `${change.kind} ${change.interface.name}`;
      case "interface-changed":
        return `${change.kind} ${change.interface} ${change.fields.join()}`;
      case "address-added":
      case "address-removed":
        return `${change.kind} ${change.interface} ${change.address.cidr}`;
      case "address-changed":
        return `${change.kind} ${change.interface} ${change.to.cidr}`;
      case "default-route-changed":
        return `${change.kind} ${change.family}`;
      default:
        return change.kind;
    }
  });
}

const one = state({
  interfaces: [nic("eth0", { addresses: ["192.0.2.1/24", "2001:db8::1/64"] })],
  ipv4: route("eth0", { gateway: "192.0.2.254", metric: 100 }),
});

const ROWS: [name: string, previous: State, next: State, expected: string[]][] = [
  ["nothing", one, one, []],
  [
    "nothing, built twice",
    state({ interfaces: [nic("a")] }),
    state({ interfaces: [nic("a")] }),
    [],
  ],
  [
    "an interface that came, with its addresses",
    state(),
    state({ interfaces: [nic("eth0", { addresses: ["192.0.2.1/24"] })] }),
    ["interface-added eth0"],
  ],
  [
    "an interface that went, with its addresses",
    state({ interfaces: [nic("eth0", { addresses: ["192.0.2.1/24"] })] }),
    state(),
    ["interface-removed eth0"],
  ],
  [
    "a renamed interface is a removal and an addition",
    state({ interfaces: [nic("eth0", { addresses: ["192.0.2.1/24"] })] }),
    state({ interfaces: [nic("wan0", { addresses: ["192.0.2.1/24"] })] }),
    ["interface-removed eth0", "interface-added wan0"],
  ],
  [
    "an interface made again has another index",
    state({ interfaces: [nic("tun0", { index: 5 })] }),
    state({ interfaces: [nic("tun0", { index: 6 })] }),
    ["interface-changed tun0 index"],
  ],
  [
    "fields in their order",
    state({ interfaces: [nic("eth0")] }),
    state({
      interfaces: [
        nic("eth0", {
          mtu: 9000,
          mac: "02:00:00:00:00:01",
          flags: 3,
          running: false,
          up: false,
          index: 9,
          kind: "wifi",
        }),
      ],
    }),
    ["interface-changed eth0 kind,index,up,running,flags,mac,mtu"],
  ],
  [
    "an address that came beside another",
    state({ interfaces: [nic("eth0", { addresses: ["192.0.2.1/24"] })] }),
    state({ interfaces: [nic("eth0", { addresses: ["192.0.2.1/24", "192.0.2.2/24"] })] }),
    ["address-added eth0 192.0.2.2/24"],
  ],
  [
    "another prefix length is another address",
    state({ interfaces: [nic("eth0", { addresses: ["192.0.2.1/24"] })] }),
    state({ interfaces: [nic("eth0", { addresses: ["192.0.2.1/25"] })] }),
    ["address-removed eth0 192.0.2.1/24", "address-added eth0 192.0.2.1/25"],
  ],
  [ // suppressed where addresses are remembered by address alone (netwatch, tailscale)
    "an address whose detection is done",
    state({
      interfaces: [nic("eth0", { addresses: [address("2001:db8::1/64", { tentative: true })] })],
    }),
    state({ interfaces: [nic("eth0", { addresses: ["2001:db8::1/64"] })] }),
    ["address-changed eth0 2001:db8::1/64"],
  ],
  [
    "an address with another peer",
    state({
      interfaces: [nic("ppp0", { addresses: [address("10.0.0.1/32", { peer: "10.0.0.2" })] })],
    }),
    state({
      interfaces: [nic("ppp0", { addresses: [address("10.0.0.1/32", { peer: "10.0.0.3" })] })],
    }),
    ["address-changed ppp0 10.0.0.1/32"],
  ],
  [
    "an address that moved to another interface",
    state({ interfaces: [nic("a", { addresses: ["192.0.2.1/24"] }), nic("b", { index: 3 })] }),
    state({ interfaces: [nic("a"), nic("b", { index: 3, addresses: ["192.0.2.1/24"] })] }),
    ["address-removed a 192.0.2.1/24", "address-added b 192.0.2.1/24"],
  ],
  [ // VPN-Bypass#94: the same interfaces, another way; sets of names did not show it
    "another default interface",
    state({ ipv4: route("eth0"), ipv6: route("eth0") }),
    state({ ipv4: route("utun7"), ipv6: route("eth0") }),
    ["default-route-changed IPv4"],
  ],
  [
    "default routes: IPv4 before IPv6, a metric counts",
    state({ ipv4: route("eth0", { metric: 100 }) }),
    state({ ipv4: route("eth0", { metric: 200 }), ipv6: route("eth0") }),
    ["default-route-changed IPv4", "default-route-changed IPv6"],
  ],
  ["a wake-up", state(), state({}, { at: 9, sleptMs: 5 }), ["resumed"]],
  ["another wake-up", state({}, { at: 8, sleptMs: 5 }), state({}, { at: 9, sleptMs: 5 }), [
    "resumed",
  ]],
  [
    "a wake-up without a length, in a state of somebody's own",
    state(),
    { ...state(), resumedAt: 9 },
    ["source-changed"],
  ],
  [
    "a length without a wake-up, in a state of somebody's own",
    state(),
    { ...state(), sleptMs: 9 },
    ["source-changed"],
  ],
  ["a wake-up that was forgotten", state({}, { at: 9, sleptMs: 5 }), state(), ["source-changed"]],
  [
    "another source after a wake-up",
    state(),
    state({ knows: { links: false } }, { at: 9, sleptMs: 5 }),
    ["resumed", "source-changed"],
  ],
  [
    "everything, in order",
    state({
      interfaces: [
        nic("gone2", { index: 12 }),
        nic("gone1", { index: 11 }),
        nic("kept2", { index: 22, addresses: ["10.0.2.1/24", address("10.0.2.3/24")] }),
        nic("kept1", { index: 21, addresses: ["10.0.1.1/24", address("10.0.1.3/24")] }),
      ],
    }),
    state({
      interfaces: [
        nic("new2", { index: 32 }),
        nic("new1", { index: 31 }),
        nic("kept2", {
          index: 22,
          mtu: 1,
          addresses: ["10.0.2.2/24", address("10.0.2.3/24", { deprecated: true })],
        }),
        nic("kept1", {
          index: 21,
          mtu: 1,
          addresses: ["10.0.1.2/24", address("10.0.1.3/24", { deprecated: true })],
        }),
      ],
      ipv4: route("kept1"),
      ipv6: route("kept1"),
      knows: { routes: false },
    }, { at: 1, sleptMs: 1 }),
    [
      "interface-removed gone1",
      "interface-removed gone2",
      "interface-added new1",
      "interface-added new2",
      "interface-changed kept1 mtu",
      "interface-changed kept2 mtu",
      "address-removed kept1 10.0.1.1/24",
      "address-removed kept2 10.0.2.1/24",
      "address-added kept1 10.0.1.2/24",
      "address-added kept2 10.0.2.2/24",
      "address-changed kept1 10.0.1.3/24",
      "address-changed kept2 10.0.2.3/24",
      "default-route-changed IPv4",
      "default-route-changed IPv6",
      "resumed",
      "source-changed",
    ],
  ],
];

Deno.test("diffStates() lists", async (t) => {
  for (const [name, previous, next, expected] of ROWS) {
    await t.step(name, () => assertEquals(brief(diffStates(previous, next)), expected));
  }
});

Deno.test("diffStates() shares the frozen objects of the states", () => {
  const next = state({ interfaces: [nic("eth0", { mtu: 1400, addresses: ["192.0.2.9/24"] })] });
  const changes = diffStates(one, next);
  const changed = changes.find((change) => change.kind === "interface-changed");
  assertStrictEquals(changed?.from, one.interfaces["eth0"]);
  assertStrictEquals(changed?.to, next.interfaces["eth0"]);
  const added = changes.flatMap((change) => change.kind === "address-added" ? [change] : []);
  assertStrictEquals(added[0]?.address, next.interfaces["eth0"]?.addresses[0]);
  const routed = changes.find((change) => change.kind === "default-route-changed");
  assertStrictEquals(routed?.from, one.defaultRoute.ipv4);
});

Deno.test("diffStates() includes the objects that changed", () => {
  const next = state({ knows: { links: false } }, { at: 9, sleptMs: 5 });
  assertEquals(JSON.parse(JSON.stringify(diffStates(state(), next))), [
    { kind: "resumed", at: 9, sleptMs: 5 },
    {
      kind: "source-changed",
      knows: { links: false, addressFlags: true, routes: true },
      resumedAt: 9,
      sleptMs: 5,
    },
  ]);
});

// ciao#50: an assertion about what may follow what killed the server when an address was gone.
Deno.test("diffStates() of any two states is frozen, in order, and none of a state and itself", () => {
  const kinds = [
    "interface-removed",
    "interface-added",
    "interface-changed",
    "address-removed",
    "address-added",
    "address-changed",
    "default-route-changed",
    "resumed",
    "source-changed",
  ];
  forSeeds({ runs: 1_000, seed: 41 }, (random) => {
    const previous = randomState(random);
    const next = random.chance(0.5) ? randomNeighbour(random, previous) : randomState(random);
    const changes = diffStates(previous, next);
    assertDeepFrozen(changes);
    const places = changes.map((change) => kinds.indexOf(change.kind));
    assertEquals(places, places.toSorted((a, b) => a - b));
    for (const change of changes) assert(formatChange(change).length > 0);
    assertEquals(diffStates(previous, previous), []);
    assertDeepFrozen(diffStates(previous, previous));
    assertEquals(diffStates(previous, structuredClone(previous)), []);
  });
});

Deno.test("diffStates() of copies lists the same, frozen, and leaves the copies alone", () => {
  forSeeds({ runs: 1_000, seed: 43 }, (random) => {
    const previous = randomState(random);
    const next = randomNeighbour(random, previous);
    const expected = JSON.stringify(diffStates(previous, next));
    const copies = [
      structuredClone<State>,
      (given: State): State => JSON.parse(JSON.stringify(given)),
    ];
    for (const copy of copies) {
      const [a, b] = [copy(previous), copy(next)];
      const changes = diffStates(a, b);
      assertEquals(JSON.stringify(changes), expected);
      assertDeepFrozen(changes);
      assert(Object.values(b.interfaces).every((given) => !Object.isFrozen(given)));
    }
  });
});
