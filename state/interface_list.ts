/**
 * The interfaces of a state in their one order, and those of two states matched by name.
 *
 * @module
 */
import { type InterfaceFacts, interfaceFacts } from "./derived.ts";
import { canonicalInterface } from "./normalize.ts";
import type { Interface, State } from "./types.ts";

/** Interfaces by index, then name, and what follows from each, at the same place. */
export interface OrderedInterfaces {
  /** Canonical. */
  readonly interfaces: readonly Interface[];
  /** One for each. */
  readonly facts: readonly InterfaceFacts[];
}

/** The order of each record made here, so that no state is ever sorted twice. */
const ORDERED = new WeakMap<State["interfaces"], OrderedInterfaces>();

const NONE: OrderedInterfaces = { interfaces: [], facts: [] };

/**
 * The interfaces of a state in order. States that were copied (JSON, structuredClone) do as well, at
 * the cost of making their interfaces canonical again.
 *
 * @throws {TypeError} When an interface of a copied state holds an address that is none.
 */
export function orderedInterfaces(state: Pick<State, "interfaces">): OrderedInterfaces {
  const known = ORDERED.get(state.interfaces);
  if (known !== undefined) return known;
  const interfaces = Object.values(state.interfaces).map(canonicalInterface).sort(
    compareInterfaces,
  );
  return { interfaces, facts: interfaces.map(interfaceFacts) };
}

/**
 * A frozen record by name, with null prototype because names are anybody's choice (`__proto__` too).
 * Of two interfaces with one name the highest index stays: the other was renamed or is gone. What is
 * the same object in the state before is taken over without another look, and when nothing differs,
 * so is the whole record.
 */
export function interfaceRecord(
  told: readonly Interface[],
  previous: State | null,
): State["interfaces"] {
  const known = previous === null ? undefined : ORDERED.get(previous.interfaces);
  const { interfaces, facts, shared } = takeOver(told, known ?? NONE);
  const isWhole = shared === told.length && shared === known?.interfaces.length;
  if (previous !== null && isWhole) return previous.interfaces;
  const record = isOrdered(interfaces) ? recordOf(interfaces) : null;
  if (record !== null) return remember(record, { interfaces, facts });
  const byName = new Map(interfaces.sort(compareInterfaces).map((nic) => [nic.name, nic]));
  const unique = [...byName.values()].sort(compareInterfaces);
  return remember(recordOf(unique) as State["interfaces"], {
    interfaces: unique,
    facts: unique.map(interfaceFacts),
  });
}

/** The interface of that name; undefined where there is none, also in a copied state with a prototype. */
export function findInterface(state: State, name: string): Interface | undefined {
  return Object.hasOwn(state.interfaces, name) ? state.interfaces[name] : undefined;
}

/** Orders interfaces by index, then name. */
export function compareKeys(a: Interface, b: Interface): number {
  if (a.index !== b.index) return a.index - b.index;
  return a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}

/**
 * The interfaces told in canonical form, with their facts. One walk along the known ones compares
 * references, for looking up each interface costs ten times as much; it finds all that are shared
 * when both are in order.
 */
function takeOver(
  told: readonly Interface[],
  known: OrderedInterfaces,
): { interfaces: Interface[]; facts: InterfaceFacts[]; shared: number } {
  const interfaces: Interface[] = [];
  const facts: InterfaceFacts[] = [];
  let shared = 0;
  let place = 0;
  for (const nic of told) {
    let candidate = known.interfaces[place];
    while (candidate !== undefined && candidate !== nic && compareKeys(candidate, nic) < 0) {
      candidate = known.interfaces[++place];
    }
    const isShared = candidate === nic;
    const canonical = isShared ? nic : canonicalInterface(nic);
    interfaces.push(canonical);
    facts.push(isShared ? known.facts[place++] as InterfaceFacts : interfaceFacts(canonical));
    if (isShared) shared++;
  }
  return { interfaces, facts, shared };
}

/** The interfaces by name; null where a name occurs twice. */
function recordOf(interfaces: readonly Interface[]): State["interfaces"] | null {
  const record: Record<string, Interface> = Object.create(null);
  for (const nic of interfaces) {
    if (record[nic.name] !== undefined) return null;
    record[nic.name] = nic;
  }
  return record;
}

function remember(record: State["interfaces"], ordered: OrderedInterfaces): State["interfaces"] {
  ORDERED.set(record, ordered);
  return Object.freeze(record);
}

function isOrdered(interfaces: readonly Interface[]): boolean {
  for (let i = 1; i < interfaces.length; i++) {
    if (compareKeys(interfaces[i - 1] as Interface, interfaces[i] as Interface) >= 0) return false;
  }
  return true;
}

function compareInterfaces(a: Interface, b: Interface): number {
  const order = compareKeys(a, b);
  if (order !== 0 || a === b) return order;
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1; // no choice may depend on the order told
}

/** The interfaces of two states side by side, by name. What is the same object in both is left out. */
export interface InterfacePairs {
  /** Only in the first, by index. */
  removed: Interface[];
  /** Only in the second, by index. */
  added: Interface[];
  /** In both, by the index in the second; they may still be equal. */
  kept: { from: Interface; to: Interface }[];
}

/**
 * Pairs the interfaces of two states by name. Both lists are in order and share objects, so this is one walk
 * that compares references; names are looked up for the few that differ.
 */
export function pairInterfaces(previous: State, next: State): InterfacePairs {
  const pairs: InterfacePairs = { removed: [], added: [], kept: [] };
  if (previous.interfaces === next.interfaces) return pairs;
  const [before, after] = unshared(
    orderedInterfaces(previous).interfaces,
    orderedInterfaces(next).interfaces,
  );
  const byName = new Map(before.map((nic) => [nic.name, nic]));
  for (const to of after) {
    const from = byName.get(to.name);
    if (from === undefined) {
      pairs.added.push(to);
    } else {
      byName.delete(to.name);
      pairs.kept.push({ from, to });
    }
  }
  pairs.removed = [...byName.values()];
  return pairs;
}

/** What of the two ordered lists is not one object in both. */
function unshared(
  before: readonly Interface[],
  after: readonly Interface[],
): [Interface[], Interface[]] {
  const left: Interface[] = [];
  const right: Interface[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const a = before[i];
    const b = after[j];
    if (a === b) {
      i++;
      j++;
      continue;
    }
    const order = a === undefined ? 1 : b === undefined ? -1 : compareKeys(a, b);
    if (order <= 0) {
      left.push(a as Interface);
      i++;
    }
    if (order >= 0) {
      right.push(b as Interface);
      j++;
    }
  }
  return [left, right];
}
