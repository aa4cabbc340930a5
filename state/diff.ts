/**
 * What differs between two states, and whether anything does.
 *
 * @module
 */
import { pairInterfaces } from "./interface_list.ts";
import { canonicalRoute, compareAddresses } from "./normalize.ts";
import type { Address, Change, DefaultRoute, Interface, Knows, State } from "./types.ts";

/**
 * From this long a sleep on, nothing that was open before can be trusted, in milliseconds. Shorter gaps are
 * seen on machines that only dozed or were paused (tailscale#11519).
 */
const MAJOR_SLEEP_MS = 600_000;

/** The wake-up that the second state has heard of and the first has not; null where there is none. */
export function resumeBetween(
  previous: State,
  next: State,
): { at: number; sleptMs: number } | null {
  const { resumedAt: at, sleptMs } = next;
  if (at === null || sleptMs === null) return null;
  return at === previous.resumedAt && sleptMs === previous.sleptMs ? null : { at, sleptMs };
}

/** Whether a sleep of 600_000 ms or more lies between the two states. */
export function sleptLongBetween(previous: State, next: State): boolean {
  return (resumeBetween(previous, next)?.sleptMs ?? 0) >= MAJOR_SLEEP_MS;
}

/** The fields of an interface other than its name and addresses, in the order in which changes name them. */
export const INTERFACE_FIELDS = [
  "kind",
  "index",
  "up",
  "running",
  "flags",
  "mac",
  "mtu",
] as const;

/** Whether two states differ in nothing. */
export function equalStates(a: State, b: State): boolean {
  if (a === b) return true;
  return a.resumedAt === b.resumedAt && a.sleptMs === b.sleptMs && equalKnows(a.knows, b.knows) &&
    sameRoutes(a, b) && sameInterfaces(a, b) && equalDerived(a, b);
}

/** Whether two states have the same interfaces with the same addresses; routes are not asked. */
export function sameInterfaces(a: State, b: State): boolean {
  const { removed, added, kept } = pairInterfaces(a, b);
  return removed.length === 0 && added.length === 0 &&
    kept.every(({ from, to }) => equalInterfaces(from, to));
}

/** Whether two states have the same default routes; interfaces are not asked. */
export function sameRoutes(a: State, b: State): boolean {
  return equalRoutes(a.defaultRoute.ipv4, b.defaultRoute.ipv4) &&
    equalRoutes(a.defaultRoute.ipv6, b.defaultRoute.ipv6);
}

/** Whether two interfaces differ in nothing, addresses included. */
export function equalInterfaces(a: Interface, b: Interface): boolean {
  if (a === b) return true;
  return a.name === b.name && INTERFACE_FIELDS.every((field) => a[field] === b[field]) &&
    equalLists(a.addresses, b.addresses, equalAddresses);
}

/** Whether two addresses differ in nothing, flags included. */
export function equalAddresses(a: Address, b: Address): boolean {
  if (a === b) return true;
  return a.family === b.family && a.address === b.address && a.prefixLength === b.prefixLength &&
    a.cidr === b.cidr && a.peer === b.peer && a.scopeId === b.scopeId &&
    a.tentative === b.tentative && a.duplicated === b.duplicated &&
    a.deprecated === b.deprecated && a.temporary === b.temporary && a.permanent === b.permanent;
}

/** Whether two default routes differ in nothing; null equals null only. */
export function equalRoutes(a: DefaultRoute | null, b: DefaultRoute | null): boolean {
  if (a === b) return true;
  if (a === null || b === null) return false;
  return a.interface === b.interface && a.gateway === b.gateway && a.source === b.source &&
    a.metric === b.metric;
}

/** Whether two sources know the same. */
export function equalKnows(a: Knows, b: Knows): boolean {
  return a.links === b.links && a.addressFlags === b.addressFlags && a.routes === b.routes;
}

/** What follows from the rest: it can differ only in states that `buildState()` did not make. */
function equalDerived(a: State, b: State): boolean {
  return a.defaultRouteInterface === b.defaultRouteInterface && a.haveIpv4 === b.haveIpv4 &&
    a.haveIpv6 === b.haveIpv6 && a.isExpensive === b.isExpensive &&
    a.homeRouter?.gateway === b.homeRouter?.gateway &&
    a.homeRouter?.source === b.homeRouter?.source &&
    equalLists(a.localAddresses.loopback, b.localAddresses.loopback, Object.is) &&
    equalLists(a.localAddresses.regular, b.localAddresses.regular, Object.is);
}

function equalLists<T>(
  a: readonly T[],
  b: readonly T[],
  equal: (a: T, b: T) => boolean,
): boolean {
  return a === b || (a.length === b.length && a.every((item, i) => equal(item, b[i] as T)));
}

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
export function diffStates(previous: State, next: State): readonly Change[] {
  if (previous === next) return Object.freeze([]);
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
  return Object.freeze(changes);
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
