// The interfaces of a state in order, and those of two states matched by name.
import type { Lists } from "./build.ts";
import { normalizeInterface, pairSorted } from "./normalize.ts";
import type { Interface, State } from "./types.ts";

/** The lists of each record that `buildState()` made. */
export const LISTS = new WeakMap<State["interfaces"], Lists>();

/**
 * The interfaces of a state in normal form, by index, then name. A copied state (JSON, structuredClone)
 * costs more, because its interfaces are normalized again.
 *
 * @throws {TypeError} if an address in a copied state cannot be parsed.
 */
export function sortedInterfaces({ interfaces }: State): readonly Interface[] {
  return LISTS.get(interfaces)?.sorted ??
    Object.values(interfaces).map((nic) => normalizeInterface(nic)).sort(compareInterfaces);
}

/** The interfaces as the source said them: what default routes decide about `hostOnly` is left out. */
export function givenInterfaces(state: State): readonly Interface[] {
  return LISTS.get(state.interfaces)?.given ?? sortedInterfaces(state);
}

/** The interface of that name, if the state has one; safe for copied states, which have a prototype. */
export function findInterface(state: State, name: string): Interface | undefined {
  return Object.hasOwn(state.interfaces, name) ? state.interfaces[name] : undefined;
}

/** Compares interfaces for sorting: by index, then name. */
export function compareInterfaces(a: Interface, b: Interface): number {
  if (a.index !== b.index) return a.index - b.index;
  return a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}

/** An interface in two states; undefined if one of them lacks it. */
export interface InterfacePair {
  readonly from: Interface | undefined;
  readonly to: Interface | undefined;
}

/**
 * Matches the interfaces of two states by name: those removed, those added, then those of both, without those
 * that are one object in both. They may be equal: a copy is another object. States of one monitor share
 * objects in the same order, so this mostly compares references. With the list `givenInterfaces` it compares
 * what the sources said.
 */
export function pairInterfaces(
  previous: State,
  next: State,
  list: (state: State) => readonly Interface[] = sortedInterfaces,
): readonly InterfacePair[] {
  if (previous.interfaces === next.interfaces) return [];
  const before = list(previous);
  const after = list(next);
  const step = LISTS.get(next.interfaces)?.step;
  if (step && step.before === LISTS.get(previous.interfaces)) {
    return step.places.map((place) => ({ from: before[place], to: after[place] }))
      .filter(({ from, to }) => from !== to);
  }
  const removed = new Map<string, Interface>();
  const others: Interface[] = [];
  pairSorted(before, after, compareInterfaces, (from, to) => {
    if (from !== undefined) removed.set(from.name, from);
    if (to !== undefined) others.push(to);
  });
  const added: InterfacePair[] = [];
  const kept: InterfacePair[] = [];
  for (const to of others) {
    const from = removed.get(to.name);
    (from === undefined ? added : kept).push({ from, to });
    removed.delete(to.name);
  }
  const gone = Array.from(removed.values(), (from): InterfacePair => ({ from, to: undefined }));
  return gone.concat(added, kept);
}
