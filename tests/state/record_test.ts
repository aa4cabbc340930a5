import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { buildState, withResume } from "../../state/build.ts";
import { applyChanges, diffStates } from "../../state/diff.ts";
import { affects, majorReasons } from "../../state/impact.ts";
import { findInterface, LISTS, primaryAddress, usableAddresses } from "../../state/interfaces.ts";
import type { Interface, State } from "../../state/types.ts";
import { nic, reading, route } from "../support/states.ts";

/** Interfaces `n0` and so on, each with an address; the first one has the address given. */
function interfaces(count: number, first: string): Interface[] {
  return Array.from({ length: count }, (_, i) => {
    const addresses = [i === 0 ? first : `10.${i >> 8}.${i & 255}.1/24`];
    return nic(`n${i}`, { kind: "ethernet", index: i + 1, addresses });
  });
}

function readingOf(count: number, first: string) {
  const ipv4 = route("n1", { gateway: "10.0.1.2", source: "10.0.1.1" });
  return reading({ interfaces: interfaces(count, first), ipv4 });
}

/** A state, and the next one, in which one address is another. */
function change(count: number): { before: State; after: State } {
  const before = buildState(readingOf(count, "192.0.2.1/24"), null);
  return { before, after: buildState(readingOf(count, "192.0.2.2/24"), null, before) };
}

function isMade(state: State): boolean {
  return LISTS.get(state)?.record !== null;
}

Deno.test("the record of many interfaces is made when it is read, and nothing else needs it", () => {
  const { before, after } = change(2_000);
  assertEquals([isMade(before), isMade(after)], [true, false]);
  assertEquals(diffStates(before, after).map(({ kind }) => kind), [
    "address-removed",
    "address-added",
  ]);
  majorReasons(before, after);
  assert(affects({ hostname: "192.0.2.1" }, before, after));
  usableAddresses(after);
  assertEquals(primaryAddress(after)?.address, "10.0.1.1");
  const next = buildState(readingOf(2_000, "192.0.2.3/24"), null, after);
  const resumed = withResume(next, { at: 1, sleptMs: 2 });
  assertEquals(diffStates(next, resumed), [{ kind: "resumed", at: 1, sleptMs: 2 }]);
  assertEquals([after, next, resumed].map(isMade), [false, false, false]);
  assertEquals(resumed.interfaces.n0!.addresses[0]!.address, "192.0.2.3");
  assertEquals([after, next, resumed].map(isMade), [false, true, true]);
});

Deno.test("a state whose record is not made yet finds interfaces, such as that of its default route", () => {
  const { before } = change(300);
  const given = readingOf(300, "192.0.2.1/24");
  const without = given.interfaces.with(1, { ...given.interfaces[1]!, running: false });
  const after = buildState({ ...given, interfaces: without }, null, before);
  assertEquals([before.online, after.online], [true, false]);
  assertEquals(["n1", "n9", "none"].map((it) => findInterface(after, it)?.index), [
    2,
    10,
    undefined,
  ]);
  assert(!isMade(after));
});

Deno.test("the record of few interfaces is there at once", () => {
  const { after } = change(10);
  assertEquals(Object.getOwnPropertyDescriptor(after, "interfaces")?.get, undefined);
});

Deno.test("a state whose record is not made yet equals one that has it, and every copy of it", () => {
  const { before, after } = change(300);
  const { after: same } = change(300);
  assert(!isMade(same));
  assertEquals(
    JSON.stringify(same),
    JSON.stringify(buildState(readingOf(300, "192.0.2.2/24"), null)),
  );
  for (const copy of [structuredClone(change(300).after), { ...change(300).after }]) {
    assertEquals(diffStates(copy, after), []);
    assertEquals(diffStates(after, copy), []);
    assertEquals(Object.keys(copy), Object.keys(before));
  }
  assertEquals(after, buildState(readingOf(300, "192.0.2.2/24"), null));
  assertEquals(applyChanges(before, diffStates(before, after)), after);
});

Deno.test("a record made late is frozen, without a prototype, and the same at each read", () => {
  const { after } = change(300);
  const { interfaces } = after;
  assert(Object.isFrozen(after) && Object.isFrozen(interfaces));
  assertEquals(Object.getPrototypeOf(interfaces), null);
  assertStrictEquals(after.interfaces, interfaces);
  assertEquals(withResume(after, { at: 1, sleptMs: 2 }).interfaces, interfaces);
});
