import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { applyChanges, diffStates } from "../../state/diff.ts";
import type { Change, State } from "../../state/types.ts";
import { assertDeepFrozen } from "../support/frozen.ts";
import { forSeeds, type Random } from "../support/random.ts";
import { randomNeighbour, randomState } from "../support/random_states.ts";
import { address, nic, route, state } from "../support/states.ts";

/** By text: names such as "constructor" confuse assertions that look at prototypes. */
function assertSameState(a: State, b: State): void {
  assertEquals(JSON.stringify(a), JSON.stringify(b));
  assertEquals(diffStates(a, b), []);
}

function randomPair(random: Random): [State, State] {
  const previous = randomState(random);
  return [previous, random.chance(0.5) ? randomNeighbour(random, previous) : randomState(random)];
}

Deno.test("applyChanges(a, diffStates(a, b)) equals b for 10,000 random pairs", () => {
  forSeeds({ runs: 10_000, seed: 1_000_000 }, (random) => {
    const [previous, next] = randomPair(random);
    assertSameState(applyChanges(previous, diffStates(previous, next)), next);
  });
});

Deno.test("applyChanges(a, diffStates(a, b)) equals b for copied states and changes", () => {
  forSeeds({ runs: 1_000, seed: 2_000_000 }, (random) => {
    const [previous, next] = randomPair(random);
    const changes = structuredClone(diffStates(previous, next));
    const made = applyChanges(JSON.parse(JSON.stringify(previous)), changes);
    assertSameState(made, next);
    assertDeepFrozen(made);
    assertEquals(Object.getPrototypeOf(made.interfaces), null);
    assert(changes.every((change) => !Object.isFrozen(change)));
  });
});

Deno.test("applyChanges() shares the interfaces that no change touches", () => {
  const previous = state({ interfaces: [nic("a", { index: 1 }), nic("b")] });
  const next = state({ interfaces: [nic("a", { index: 1 }), nic("b", { mtu: 1400 })] });
  const made = applyChanges(previous, diffStates(previous, next));
  assertStrictEquals(made.interfaces["a"], previous.interfaces["a"]);
  assertEquals(made.interfaces["b"]?.mtu, 1400);
  assertStrictEquals(applyChanges(previous, []).interfaces, previous.interfaces);
});

Deno.test("applyChanges() repairs an invalid state: no wake-up without its length, nor the reverse", () => {
  for (const half of [{ resumedAt: 9 }, { sleptMs: 9 }]) {
    const made = applyChanges({ ...state(), ...half }, []);
    assertEquals([made.resumedAt, made.sleptMs], [null, null]);
  }
});

Deno.test("applyChanges() derives the other fields again", () => {
  const previous = state({ interfaces: [nic("wwan0")] });
  const made = applyChanges(previous, [
    { kind: "address-added", interface: "wwan0", address: address("10.0.0.2/8") },
    {
      kind: "default-route-changed",
      family: "IPv4",
      from: null,
      to: route("wwan0", { gateway: "10.0.0.1", source: "10.0.0.2" }),
    },
  ]);
  assertEquals(
    [made.haveIpv4, made.isExpensive, made.defaultRouteInterface, made.localAddresses.regular],
    [true, true, "wwan0", ["10.0.0.2"]],
  );
  assertEquals(made.homeRouter, { gateway: "10.0.0.1", source: "10.0.0.2" });
});

const here = nic("eth0", { addresses: ["192.0.2.1/24"] });

const MISFITS: [name: string, change: Change][] = [
  ["an interface that is there already", {
    kind: "interface-added",
    interface: nic("eth0", { mtu: 9000 }),
  }],
  ["an interface that is not there", { kind: "interface-removed", interface: nic("eth1") }],
  ["fields of an interface that is not there", {
    kind: "interface-changed",
    interface: "eth1",
    fields: ["mtu"],
    from: nic("eth1"),
    to: nic("eth1", { mtu: 9000 }),
  }],
  ["fields that no interface has", {
    kind: "interface-changed",
    interface: "eth0",
    fields: ["name", "addresses", "__proto__"],
    from: nic("eth0"),
    to: nic("eth9", { mtu: 9000, addresses: ["192.0.2.9/24"] }),
  }],
  ["an address on an interface that is not there", {
    kind: "address-added",
    interface: "eth1",
    address: address("192.0.2.2/24"),
  }],
  ["an address that is there already", {
    kind: "address-added",
    interface: "eth0",
    address: address("192.0.2.1/24", { tentative: true }),
  }],
  ["an address that is not there", {
    kind: "address-removed",
    interface: "eth0",
    address: address("192.0.2.1/25"),
  }],
  ["flags of an address that is not there", {
    kind: "address-changed",
    interface: "eth0",
    from: address("192.0.2.2/24"),
    to: address("192.0.2.2/24", { tentative: true }),
  }],
  ["a change of a kind from the future", { kind: "dns-changed" } as unknown as Change],
];

Deno.test("applyChanges() ignores what does not fit", async (t) => {
  const previous = state({ interfaces: [here] });
  for (const [name, change] of MISFITS) {
    await t.step(name, () => assertSameState(applyChanges(previous, [change]), previous));
  }
});

Deno.test("applyChanges() forgets an added address if its interface goes and comes back", () => {
  const previous = state({ interfaces: [here] });
  const made = applyChanges(previous, [
    { kind: "address-added", interface: "eth0", address: address("192.0.2.9/24") },
    { kind: "interface-removed", interface: here },
    { kind: "interface-added", interface: nic("eth0", { addresses: ["192.0.2.3/24"] }) },
    { kind: "address-added", interface: "eth0", address: address("192.0.2.2/24") },
  ]);
  assertEquals(made.localAddresses.regular, ["192.0.2.2", "192.0.2.3"]);
});

Deno.test("applyChanges() recognizes an address however a copy writes it", () => {
  const one = address("2001:db8::1/64");
  const shouted = { ...one, address: "2001:DB8::1", cidr: "2001:DB8::1/64" };
  const eth0 = nic("eth0", { addresses: [one] });
  const made = applyChanges(state({ interfaces: [eth0] }), [
    { kind: "interface-added", interface: { ...nic("eth1", { index: 3 }), addresses: [shouted] } },
    { kind: "address-removed", interface: "eth0", address: shouted },
    { kind: "address-removed", interface: "eth1", address: one },
  ]);
  assertEquals(Object.values(made.interfaces).map(({ addresses }) => addresses), [[], []]);
});
