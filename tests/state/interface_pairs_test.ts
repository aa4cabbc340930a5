import { assertEquals, assertStrictEquals } from "@std/assert";
import { buildState } from "../../state/build.ts";
import { pairInterfaces } from "../../state/interface_list.ts";
import { forSeeds } from "../support/random.ts";
import { randomNeighbour, randomState } from "../support/random_states.ts";
import { nic, reading, state } from "../support/states.ts";

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
  const { removed, added, kept } = pairInterfaces(previous, next);
  assertEquals([removed.length, added.length, kept.length], [0, 0, 1]);
  assertStrictEquals(kept[0]?.from, b);
  assertEquals(kept[0]?.to.index, 9);
});

Deno.test("pairInterfaces() pairs by name, whatever the index", () => {
  const previous = state({ interfaces: [nic("a", { index: 1 }), nic("b", { index: 2 })] });
  const next = state({ interfaces: [nic("b", { index: 1 }), nic("c", { index: 2 })] });
  const { removed, added, kept } = pairInterfaces(previous, next);
  assertEquals(removed.map((one) => one.name), ["a"]);
  assertEquals(added.map((one) => one.name), ["c"]);
  assertEquals(kept.map(({ from, to }) => [from.name, to.name, from.index, to.index]), [[
    "b",
    "b",
    2,
    1,
  ]]);
});

Deno.test("pairInterfaces() accounts for every interface of any two states", () => {
  forSeeds({ runs: 1_000, seed: 37 }, (random) => {
    const previous = randomState(random);
    const next = random.chance(0.7) ? randomNeighbour(random, previous) : randomState(random);
    const { removed, added, kept } = pairInterfaces(previous, next);
    const left = new Set([...removed, ...kept.map(({ from }) => from)].map((one) => one.name));
    const right = new Set([...added, ...kept.map(({ to }) => to)].map((one) => one.name));
    for (const [name, one] of Object.entries(previous.interfaces)) {
      assertEquals(left.has(name), next.interfaces[name] !== one, name);
    }
    for (const [name, one] of Object.entries(next.interfaces)) {
      assertEquals(right.has(name), previous.interfaces[name] !== one, name);
    }
  });
});
