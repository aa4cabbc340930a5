/**
 * What changed between two states.
 *
 * @module
 */
import { canonicalRoute, compareAddresses } from "./canonical.ts";
import { equalAddresses, equalKnows, equalRoutes, INTERFACE_FIELDS } from "./equal.ts";
import { pairInterfaces } from "./pair.ts";
import { resumeBetween } from "./resume.ts";
import type { Address, Change, Interface, State } from "./types.ts";

/**
 * The changes that lead from one state to another, deeply frozen, in this order: interfaces removed, added and
 * changed; addresses removed, added and changed; default routes; a wake-up from sleep; what the
 * source knows. Within each group by interface index, addresses in the order of their interface.
 *
 * Interfaces are told apart by name, so a renamed one is a removal and an addition; an address with
 * another prefix length is another address. Two equal states have none. The states may be copies (JSON,
 * structuredClone); it is cheap where they share their interfaces, as those of one monitor do.
 *
 * @throws {TypeError} When a copied state holds an address that is none.
 */
export function diffStates(previous: State, next: State): Change[] {
  if (previous === next) return Object.freeze([]) as unknown as Change[];
  const { removed, added, kept } = pairInterfaces(previous, next);
  const changes: Change[] = [
    ...removed.map((nic): Change => ({ kind: "interface-removed", interface: nic })),
    ...added.map((nic): Change => ({ kind: "interface-added", interface: nic })),
    ...kept.flatMap(({ from, to }) => fieldChanges(from, to)),
    ...addressChanges(kept),
    ...routeChanges(previous, next),
    ...sourceChanges(previous, next),
  ];
  for (const change of changes) Object.freeze(change);
  return Object.freeze(changes) as Change[];
}

function fieldChanges(from: Interface, to: Interface): Change[] {
  const fields: string[] = INTERFACE_FIELDS.filter((field) => from[field] !== to[field]);
  if (fields.length === 0) return [];
  Object.freeze(fields);
  return [{ kind: "interface-changed", interface: to.name, fields, from, to }];
}

function addressChanges(kept: readonly { from: Interface; to: Interface }[]): Change[] {
  const removed: Change[] = [];
  const added: Change[] = [];
  const changed: Change[] = [];
  for (const { from, to } of kept) {
    walk(from.addresses, to.addresses, (a, b) => {
      if (b === null) {
        if (a !== null) removed.push({ kind: "address-removed", interface: to.name, address: a });
      } else if (a === null) {
        added.push({ kind: "address-added", interface: to.name, address: b });
      } else if (!equalAddresses(a, b)) {
        changed.push({ kind: "address-changed", interface: to.name, from: a, to: b });
      }
    });
  }
  return [...removed, ...added, ...changed];
}

/** Visits two ordered lists side by side, null where one of them lacks an address. */
function walk(
  before: readonly Address[],
  after: readonly Address[],
  visit: (a: Address | null, b: Address | null) => void,
): void {
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const a = before[i] ?? null;
    const b = after[j] ?? null;
    const order = a === b ? 0 : a === null ? 1 : b === null ? -1 : compareAddresses(a, b);
    visit(order <= 0 ? a : null, order >= 0 ? b : null);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
}

function routeChanges(previous: State, next: State): Change[] {
  const changes: Change[] = [];
  for (const family of ["IPv4", "IPv6"] as const) {
    const key = family === "IPv4" ? "ipv4" : "ipv6";
    const from = canonicalRoute(previous.defaultRoute[key]);
    const to = canonicalRoute(next.defaultRoute[key]);
    if (!equalRoutes(from, to)) changes.push({ kind: "default-route-changed", family, from, to });
  }
  return changes;
}

function sourceChanges(previous: State, next: State): Change[] {
  const changes: Change[] = [];
  const resume = resumeBetween(previous, next);
  if (resume !== null) changes.push({ kind: "resumed", ...resume });
  const forgotten = resume === null &&
    (previous.resumedAt !== next.resumedAt || previous.sleptMs !== next.sleptMs);
  if (forgotten || !equalKnows(previous.knows, next.knows)) {
    const { links, addressFlags, routes } = next.knows;
    changes.push({
      kind: "source-changed",
      knows: Object.freeze({ links, addressFlags, routes }),
      resumedAt: next.resumedAt,
      sleptMs: next.sleptMs,
    });
  }
  return changes;
}
