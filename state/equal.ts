/**
 * Equality over every field. The same object is equal at once: states share what did not change.
 *
 * @module
 */
import { pairInterfaces } from "./pair.ts";
import type { Address, DefaultRoute, Interface, Knows, State } from "./types.ts";

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
