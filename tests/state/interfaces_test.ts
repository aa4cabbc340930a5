import { assertEquals, assertStrictEquals } from "@std/assert";
import { buildState } from "../../state/build.ts";
import { diffStates } from "../../state/diff.ts";
import { findInterface, pairInterfaces, sortedInterfaces } from "../../state/interfaces.ts";
import { normalizeInterface } from "../../state/normalize.ts";
import { forSeeds } from "../support/random.ts";
import {
  randomInterface,
  randomNeighbour,
  randomReading,
  randomState,
} from "../support/random_states.ts";
import type { State } from "../../state/types.ts";
import { nic, reading, state } from "../support/states.ts";

function names(given: ReturnType<typeof state>): string[] {
  return sortedInterfaces(given).map((one) => one.name);
}

Deno.test("sortedInterfaces() orders by index, then name", () => {
  const given = state({
    interfaces: [nic("b", { index: 2 }), nic("10", { index: 3 }), nic("a", { index: 2 }), nic("1")],
  });
  assertEquals(names(given), ["1", "a", "b", "10"]);
});

Deno.test("sortedInterfaces() accepts copied states", () => {
  forSeeds({ runs: 200, seed: 3 }, (random) => {
    const made = randomState(random);
    assertEquals(names(structuredClone(made)), names(made));
    assertEquals(names(JSON.parse(JSON.stringify(made))), names(made));
  });
});

Deno.test("buildState() keeps the highest index of interfaces with one name", () => {
  const stale = nic("eth0", { index: 2, mtu: 1400 });
  const renamed = nic("eth0", { index: 10, mtu: 9000 });
  for (const interfaces of [[stale, renamed], [renamed, stale]]) {
    const made = state({ interfaces });
    assertEquals([made.interfaces["eth0"]?.index, names(made)], [10, ["eth0"]]);
    const later = buildState(reading({ interfaces }), null, state({ interfaces: [stale] }));
    assertEquals([later.interfaces["eth0"]?.index, names(later)], [10, ["eth0"]]);
  }
  const twice = normalizeInterface(stale);
  assertEquals(names(state({ interfaces: [twice, twice] })), ["eth0"]);
});

Deno.test("buildState() chooses among interfaces with one name and index whatever their order", () => {
  const twins = [nic("eth0", { mtu: 1400 }), nic("eth0", { mtu: 9000 })];
  assertEquals(
    JSON.stringify(state({ interfaces: twins })),
    JSON.stringify(state({ interfaces: twins.toReversed() })),
  );
});

Deno.test("buildState() shares the record with the state before when nothing differs", () => {
  const shared = ["a", "b", "c"].map((name, i) => normalizeInterface(nic(name, { index: i })));
  const previous = state({ interfaces: shared });
  const next = buildState(reading({ interfaces: shared }), null, previous);
  assertStrictEquals(next.interfaces, previous.interfaces);
  const fewer = buildState(reading({ interfaces: shared.slice(1) }), null, previous);
  assertEquals(Object.keys(fewer.interfaces), ["b", "c"]);
  const none = buildState(reading(), null, previous);
  assertEquals(Object.keys(none.interfaces), []);
});

Deno.test("buildState() shares what equals the state before, although read again", () => {
  forSeeds({ runs: 500, seed: 19 }, (random) => {
    const names = new Map(randomReading(random).interfaces.map((one) => [one.name, one]));
    const read = reading({ interfaces: [...names.values()] });
    const previous = buildState(read, null);
    const again = { ...read, interfaces: random.shuffle(structuredClone(read.interfaces)) };
    assertStrictEquals(buildState(again, null, previous).interfaces, previous.interfaces);
    const other = { ...again, interfaces: [...again.interfaces, nic("new0", { index: 99 })] };
    const next = buildState(other, null, previous);
    for (const [name, one] of Object.entries(previous.interfaces)) {
      assertStrictEquals(next.interfaces[name], one, name);
    }
  });
});

Deno.test("buildState() gives the same with and without the state before", () => {
  forSeeds({ runs: 2_000, seed: 17 }, (random) => {
    const previous = randomState(random);
    const fresh = randomReading(random);
    const shared = Object.values(previous.interfaces).filter(() => random.chance(0.7));
    const interfaces = [...shared, ...fresh.interfaces];
    const given = {
      ...fresh,
      interfaces: random.chance(0.5) ? interfaces : random.shuffle(interfaces),
    };
    const copy = random.chance(0.2) ? structuredClone(previous) : previous;
    assertEquals(
      JSON.stringify(buildState(given, null, copy)),
      JSON.stringify(buildState(structuredClone(given), null)),
    );
  });
});

Deno.test("a chain of states in which single interfaces change is built and compared as without it", () => {
  forSeeds({ runs: 120, seed: 18 }, (random) => {
    const { defaultRoute, interfaces, knows } = randomReading(random);
    const list = [...new Map(interfaces.map((one) => [one.name, one])).values()];
    const build = (from: State | null) =>
      buildState({ interfaces: structuredClone(list), defaultRoute, knows }, null, from);
    const states = [build(null)];
    for (let i = 0; i < 6; i++) {
      for (let j = random.chance(0.7) ? 1 : 2; j > 0 && list.length > 0; j--) {
        const place = random.below(list.length);
        const { name, index } = list[place]!;
        list[place] = { ...randomInterface(random), name, index };
      }
      const [previous, older] = [states.at(-1)!, states.at(-2) ?? states[0]!];
      const next = build(previous);
      assertEquals(JSON.stringify(next), JSON.stringify(build(null)));
      const copy = structuredClone(next);
      for (const from of [previous, older, states[0]!]) {
        assertEquals(diffStates(from, next), diffStates(structuredClone(from), copy));
      }
      states.push(next);
    }
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

Deno.test("pairInterfaces() leaves out what is the same object in both", () => {
  const previous = state({
    interfaces: [nic("a", { index: 1 }), nic("b"), nic("c", { index: 3 })],
  });
  const { a, b, c } = previous.interfaces;
  const shared = [a, b, c].filter((one) => one !== undefined);
  const moved = { ...nic("b"), index: 9 };
  const next = buildState(
    reading({ interfaces: [...shared.filter((one) => one !== b), moved] }),
    null,
  );
  const [pair, ...others] = pairInterfaces(previous, next);
  assertEquals(others, []);
  assertStrictEquals(pair?.from, b);
  assertEquals(pair?.to?.index, 9);
});

Deno.test("pairInterfaces() pairs by name, whatever the index", () => {
  const previous = state({ interfaces: [nic("a", { index: 1 }), nic("b", { index: 2 })] });
  const next = state({ interfaces: [nic("b", { index: 1 }), nic("c", { index: 2 })] });
  assertEquals(
    pairInterfaces(previous, next).map(({ from, to }) => [from?.name, to?.name]),
    [["a", undefined], [undefined, "c"], ["b", "b"]],
  );
});

Deno.test("pairInterfaces() accounts for every interface of any two states", () => {
  forSeeds({ runs: 1_000, seed: 37 }, (random) => {
    const previous = randomState(random);
    const next = random.chance(0.7) ? randomNeighbour(random, previous) : randomState(random);
    const pairs = pairInterfaces(previous, next);
    const left = new Set(pairs.map(({ from }) => from?.name));
    const right = new Set(pairs.map(({ to }) => to?.name));
    for (const [name, one] of Object.entries(previous.interfaces)) {
      assertEquals(left.has(name), next.interfaces[name] !== one, name);
    }
    for (const [name, one] of Object.entries(next.interfaces)) {
      assertEquals(right.has(name), previous.interfaces[name] !== one, name);
    }
  });
});
