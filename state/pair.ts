/**
 * Which interface of one state is which of another.
 *
 * @module
 */
import { compareKeys, orderedInterfaces } from "./order.ts";
import type { Interface, State } from "./types.ts";

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
