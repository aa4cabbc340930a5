// The interfaces of a state in order, and those of two states matched by name.
import { applyRules, originalOf, sameSurroundings, surroundingsOf } from "./host_only.ts";
import type { Surroundings } from "./host_only.ts";
import { normalizeInterface, orderOf } from "./normalize.ts";
import type { DefaultRoutes, Interface, State } from "./types.ts";

/** The interfaces of a record by index, then name. */
interface Lists {
  readonly sorted: readonly Interface[];
  /** The same as the source said them, before the rules about host-only interfaces. */
  readonly given: readonly Interface[];
  readonly surroundings: Surroundings;
  /** How `sorted` came from the list of the state before, if only objects were replaced; kept for one state. */
  step: { readonly before: Lists; readonly places: readonly number[] } | null;
}

/** The lists of each record made here. */
const LISTS = new WeakMap<State["interfaces"], Lists>();

/**
 * The interfaces of a state in normal form, by index, then name. A copied state (JSON, structuredClone)
 * costs more, because its interfaces are normalized again.
 *
 * @throws {TypeError} if an address in a copied state cannot be parsed.
 */
export function sortedInterfaces({ interfaces }: Pick<State, "interfaces">): readonly Interface[] {
  return LISTS.get(interfaces)?.sorted ??
    Object.values(interfaces).map((nic) => normalizeInterface(nic)).sort(compareInterfaces);
}

/** The interfaces as the source said them: what default routes decide about `hostOnly` is left out. */
export function givenInterfaces(state: State): readonly Interface[] {
  return LISTS.get(state.interfaces)?.given ?? sortedInterfaces(state);
}

/**
 * The places at which the sorted interfaces of two states differ, if they are known and the names are the
 * same: walking thousands of interfaces is memory latency.
 */
export function placesChanged(
  previous: State["interfaces"],
  next: State["interfaces"],
): readonly number[] | null {
  const step = LISTS.get(next)?.step ?? null;
  return step !== null && step.before === LISTS.get(previous) ? step.places : null;
}

/** The interface of that name, if the state has one; safe for copied states, which have a prototype. */
export function findInterface(state: State, name: string): Interface | undefined {
  return Object.hasOwn(state.interfaces, name) ? state.interfaces[name] : undefined;
}

/**
 * A frozen record by name. Its prototype is null, since any name is allowed (`__proto__` too). Of two
 * interfaces with one name the higher index stays: the other one was renamed or is gone. Interfaces that equal
 * those of the state before are its objects, and if all do, so is the record.
 */
export function interfaceRecord(
  interfaces: readonly Interface[],
  defaultRoute: DefaultRoutes,
  previous: State | null,
): State["interfaces"] {
  const before = previous === null ? undefined : LISTS.get(previous.interfaces);
  const places = before === undefined ? null : placesReplaced(interfaces, before.given);
  const given = before === undefined
    ? interfaces.map((nic) => normalizeInterface(nic))
    : places === null
    ? reuse(interfaces, before.given, previous as State)
    : replaceAt(places, interfaces, before.given);
  const surroundings = surroundingsOf(given, defaultRoute);
  const isSame = before !== undefined && sameSurroundings(before.surroundings, surroundings);
  if (isSame && given === before.given) return (previous as State).interfaces;
  if (isSame && places !== null) return remakeRecord(given, places, before);
  return makeRecord(given, surroundings, before) ??
    interfaceRecord(uniqueByName(given), defaultRoute, previous);
}

/** Compares interfaces for sorting: by index, then name. */
export function compareInterfaces(a: Interface, b: Interface): number {
  if (a.index !== b.index) return a.index - b.index;
  return a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}

/** The interfaces of two states matched by name, without those that are one object in both. */
export interface InterfacePairs {
  readonly removed: readonly Interface[];
  readonly added: readonly Interface[];
  /** By the index in the second state. They may be equal: a copy is another object. */
  readonly kept: readonly { readonly from: Interface; readonly to: Interface }[];
}

/**
 * Matches the interfaces of two states by name. States of one monitor share objects in the same order, so
 * this mostly compares references, and looks up the names of the few interfaces that differ. With the list
 * `givenInterfaces` it compares what the sources said.
 */
export function pairInterfaces(
  previous: State,
  next: State,
  list: (state: State) => readonly Interface[] = sortedInterfaces,
): InterfacePairs {
  if (previous.interfaces === next.interfaces) return { removed: [], added: [], kept: [] };
  const from = list(previous);
  const to = list(next);
  const places = list === givenInterfaces
    ? null
    : placesChanged(previous.interfaces, next.interfaces);
  if (places !== null) {
    const kept = places.map((place) => ({ from: from[place]!, to: to[place]! }));
    return { removed: [], added: [], kept };
  }
  const before = new Map<string, Interface>();
  const after: Interface[] = [];
  for (let i = 0, j = 0; i < from.length || j < to.length;) {
    const a = from[i];
    const b = to[j];
    const order = orderOf(a, b, compareInterfaces);
    if (order <= 0) i++;
    if (order >= 0) j++;
    if (a === b) continue;
    if (order <= 0) before.set(a!.name, a!);
    if (order >= 0) after.push(b!);
  }
  const added: Interface[] = [];
  const kept: { from: Interface; to: Interface }[] = [];
  for (const nic of after) {
    const known = before.get(nic.name);
    if (known === undefined) added.push(nic);
    else kept.push({ from: known, to: nic });
    before.delete(nic.name);
  }
  return { removed: [...before.values()], added, kept };
}

/**
 * The places at which a list has other objects than a sorted one of the same interfaces; null if it lists other
 * interfaces. Mostly this compares references: with thousands of interfaces anything else takes longer.
 */
function placesReplaced(
  interfaces: readonly Interface[],
  known: readonly Interface[],
): number[] | null {
  if (interfaces.length !== known.length) return null;
  const places: number[] = [];
  for (let i = 0; i < known.length; i++) {
    const nic = interfaces[i]!;
    const before = known[i]!;
    if (nic === before) continue;
    if (nic.index !== before.index || nic.name !== before.name) return null;
    places.push(i);
  }
  return places;
}

/** The list with the interfaces at these places in normal form; itself if they equal what it has there. */
function replaceAt(
  places: readonly number[],
  interfaces: readonly Interface[],
  known: readonly Interface[],
): readonly Interface[] {
  let result: Interface[] | null = null;
  for (const place of places) {
    const normal = normalizeInterface(interfaces[place]!, known[place]);
    if (normal !== known[place]) (result ??= known.slice())[place] = normal;
  }
  return result ?? known;
}

/** The record of the state before with other objects at these places: names, order and rules are the same. */
function remakeRecord(
  given: readonly Interface[],
  places: readonly number[],
  before: Lists,
): State["interfaces"] {
  const { surroundings } = before;
  const sorted = before.sorted.slice();
  for (const place of places) {
    const known = given[place] === before.given[place] ? sorted[place] : undefined;
    sorted[place] = applyRules(given[place]!, surroundings, known);
  }
  const changed = places.filter((place) => sorted[place] !== before.sorted[place]);
  const record: Record<string, Interface> = Object.create(null);
  for (const nic of sorted) record[nic.name] = nic;
  return remember(record, { sorted, given, surroundings, step: { before, places: changed } });
}

/**
 * The interfaces in normal form, those of the state before where equal; its list if all are. Usually both
 * lists share objects in the same order: comparing references is ten times faster than a look-up.
 */
function reuse(
  interfaces: readonly Interface[],
  known: readonly Interface[],
  base: State,
): readonly Interface[] {
  const result: Interface[] = [];
  let shared = 0;
  let i = 0;
  for (const nic of interfaces) {
    while (i < known.length && known[i] !== nic && compareInterfaces(known[i]!, nic) < 0) i++;
    const last = known[i] === nic ? undefined : findInterface(base, nic.name);
    const normal = normalizeInterface(nic, last && originalOf(last));
    if (normal === known[i]) {
      shared++;
      i++;
    }
    result.push(normal);
  }
  return shared === known.length && shared === result.length ? known : result;
}

/** The frozen record of the interfaces as the source said them; null if unsorted or if a name occurs twice. */
function makeRecord(
  given: readonly Interface[],
  surroundings: Surroundings,
  before: Lists | undefined,
): State["interfaces"] | null {
  const record: Record<string, Interface> = Object.create(null);
  const sorted: Interface[] = [];
  const known = before?.given ?? [];
  let last: Interface | null = null;
  let i = 0;
  for (const nic of given) {
    if (last !== null && compareInterfaces(last, nic) >= 0) return null;
    if (record[nic.name] !== undefined) return null;
    while (i < known.length && known[i] !== nic && compareInterfaces(known[i]!, nic) < 0) i++;
    const judgedBefore = known[i] === nic ? before?.sorted[i++] : undefined;
    const judged = applyRules(nic, surroundings, judgedBefore);
    record[nic.name] = judged;
    sorted.push(judged);
    last = nic;
  }
  return remember(record, { sorted, given, surroundings, step: null });
}

function remember(record: Record<string, Interface>, lists: Lists): State["interfaces"] {
  LISTS.set(record, lists);
  if (lists.step !== null) lists.step.before.step = null; // or each state would keep all before it
  return Object.freeze(record);
}

function uniqueByName(interfaces: readonly Interface[]): Interface[] {
  const sorted = interfaces.toSorted((a, b) => compareInterfaces(a, b) || compareTwins(a, b));
  return [...new Map(sorted.map((nic) => [nic.name, nic])).values()].sort(compareInterfaces);
}

/** Orders different interfaces of one name and index, so that no choice depends on their order. */
function compareTwins(a: Interface, b: Interface): number {
  if (a === b) return 0;
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
