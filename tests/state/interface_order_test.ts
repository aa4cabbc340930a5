import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { buildState } from "../../state/build.ts";
import { canonicalInterface } from "../../state/normalize.ts";
import { findInterface, orderedInterfaces } from "../../state/interface_list.ts";
import { forSeeds } from "../support/random.ts";
import { randomReading, randomState } from "../support/random_states.ts";
import { nic, reading, state } from "../support/states.ts";

function names(told: ReturnType<typeof state>): string[] {
  return orderedInterfaces(told).interfaces.map((one) => one.name);
}

Deno.test("orderedInterfaces() orders by index, then name", () => {
  const told = state({
    interfaces: [nic("b", { index: 2 }), nic("10", { index: 3 }), nic("a", { index: 2 }), nic("1")],
  });
  assertEquals(names(told), ["1", "a", "b", "10"]);
});

Deno.test("orderedInterfaces() does for copied states too", () => {
  forSeeds({ runs: 200, seed: 3 }, (random) => {
    const made = randomState(random);
    assertEquals(names(structuredClone(made)), names(made));
    assertEquals(names(JSON.parse(JSON.stringify(made))), names(made));
  });
});

Deno.test("orderedInterfaces() keeps the facts of each interface at its place", () => {
  forSeeds({ runs: 200, seed: 5 }, (random) => {
    const previous = randomState(random);
    const told = randomReading(random);
    const shared = random.shuffle(Object.values(previous.interfaces)).slice(0, 3);
    const mixed = { ...told, interfaces: [...told.interfaces, ...shared] };
    const { interfaces, facts } = orderedInterfaces(buildState(mixed, null, previous));
    assertEquals(facts.length, interfaces.length);
    interfaces.forEach((one, i) => {
      assert(facts[i]?.usable.every((held) => one.addresses.includes(held)));
    });
  });
});

Deno.test("buildState() keeps the highest index of interfaces with one name", () => {
  const stale = nic("eth0", { index: 2, mtu: 1400 });
  const renamed = nic("eth0", { index: 7, mtu: 9000 });
  for (const interfaces of [[stale, renamed], [renamed, stale]]) {
    const made = state({ interfaces });
    assertEquals([made.interfaces["eth0"]?.index, names(made)], [7, ["eth0"]]);
    const later = buildState(reading({ interfaces }), null, state({ interfaces: [stale] }));
    assertEquals([later.interfaces["eth0"]?.index, names(later)], [7, ["eth0"]]);
  }
  const twice = canonicalInterface(stale);
  assertEquals(names(state({ interfaces: [twice, twice] })), ["eth0"]);
});

Deno.test("buildState() chooses among twins of one name and index whatever the order told", () => {
  const twins = [nic("eth0", { mtu: 1400 }), nic("eth0", { mtu: 9000 })];
  assertEquals(
    JSON.stringify(state({ interfaces: twins })),
    JSON.stringify(state({ interfaces: twins.toReversed() })),
  );
});

Deno.test("buildState() shares the record with the state before when nothing differs", () => {
  const shared = ["a", "b", "c"].map((name, i) => canonicalInterface(nic(name, { index: i })));
  const previous = state({ interfaces: shared });
  const next = buildState(reading({ interfaces: shared }), null, previous);
  assertStrictEquals(next.interfaces, previous.interfaces);
  const fewer = buildState(reading({ interfaces: shared.slice(1) }), null, previous);
  assertEquals(Object.keys(fewer.interfaces), ["b", "c"]);
  const none = buildState(reading(), null, previous);
  assertEquals(Object.keys(none.interfaces), []);
});

Deno.test("buildState() gives the same with and without the state before", () => {
  forSeeds({ runs: 2_000, seed: 17 }, (random) => {
    const previous = randomState(random);
    const fresh = randomReading(random);
    const shared = Object.values(previous.interfaces).filter(() => random.chance(0.7));
    const interfaces = [...shared, ...fresh.interfaces];
    const told = {
      ...fresh,
      interfaces: random.chance(0.5) ? interfaces : random.shuffle(interfaces),
    };
    const copy = random.chance(0.2) ? structuredClone(previous) : previous;
    assertEquals(
      JSON.stringify(buildState(told, null, copy)),
      JSON.stringify(buildState(structuredClone(told), null)),
    );
  });
});

Deno.test("findInterface() knows names of the state only, not of Object.prototype", () => {
  const copied = structuredClone(
    state({ interfaces: [nic("eth0"), nic("__proto__", { index: 3 })] }),
  );
  assertEquals(findInterface(copied, "eth0")?.index, 2);
  assertEquals(findInterface(copied, "__proto__")?.index, 3);
  assertEquals(findInterface(copied, "constructor"), undefined);
  assertEquals(findInterface(state(), "__proto__"), undefined);
});
