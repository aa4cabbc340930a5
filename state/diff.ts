// The difference between two states, and how to apply it. No difference means equal.
import { buildState } from "./build.ts";
import { type InterfacePair, pairInterfaces, sortedInterfaces } from "./interfaces.ts";
import {
  equalAddresses,
  equalRoutes,
  FIELDS,
  normalizeAddress,
  normalizeInterface,
  normalizeRoute,
  pairAddresses,
} from "./normalize.ts";
import type { Address, Change, DefaultRouteChange, ResumedReason, State } from "./types.ts";

/**
 * A sleep of this many milliseconds or more is major: no connection opened before it can be trusted. Shorter gaps
 * occur on machines that only dozed or were paused (tailscale#11519).
 */
const MAJOR_SLEEP_MS = 600_000;

export type RoutePair = Omit<DefaultRouteChange, "kind">;

/**
 * Lists the changes that lead from one state to another, in this order: interfaces removed, added and
 * changed; addresses removed, added and changed; default routes; a wake-up from sleep; what the source
 * knows. Within each group they are sorted by interface index, then address.
 *
 * Interfaces are matched by name, so a renamed interface is a removal and an addition. The same address
 * with another prefix length is another address. The states may be copies (JSON, structuredClone); the
 * comparison is cheap if they share interfaces, as the states of one monitor do.
 *
 * @param previous The state before.
 * @param next The state after.
 * @returns A deeply frozen list; empty if the states are equal.
 * @throws {TypeError} if an address in a copied state cannot be parsed.
 *
 * @example Compare two moments
 * ```ts
 * import { diffStates, readNetworkState } from "@netwatch/netwatch";
 *
 * const before = await readNetworkState();
 * const after = await readNetworkState();
 * for (const change of diffStates(before, after)) console.log(change.kind);
 * ```
 */
export function diffStates(previous: State, next: State): readonly Change[] {
  if (previous === next) return freezeList([]);
  const changes = interfaceChanges(pairInterfaces(previous, next));
  const pairs = pairRoutes(previous, next);
  for (let i = 0; i < pairs.length; i++) { // by index: `for...of` takes longer in cold code
    const { from, to } = pairs[i]!;
    if (!equalRoutes(from, to)) changes.push({ kind: "default-route-changed", ...pairs[i]! });
  }
  const resume = resumeBetween(previous, next);
  if (resume !== null) changes.push(resume);
  const { knows: { links, addressFlags, routes }, resumedAt, sleptMs } = next;
  const before = previous.knows;
  const isResumeLost = resume === null &&
    (previous.resumedAt !== resumedAt || previous.sleptMs !== sleptMs);
  if (
    isResumeLost || before.links !== links || before.addressFlags !== addressFlags ||
    before.routes !== routes
  ) {
    const knows = Object.freeze({ links, addressFlags, routes });
    changes.push({ kind: "source-changed", knows, resumedAt, sleptMs });
  }
  return freezeList(changes);
}

/** The changes of interfaces and addresses between two states, as their sources reported them. */
export function diffInterfaces(previous: State, next: State): readonly Change[] {
  return freezeList(interfaceChanges(pairInterfaces(previous, next, "given")));
}

export function sameRoutes(a: State, b: State): boolean {
  return pairRoutes(a, b).every(({ from, to }) => equalRoutes(from, to));
}

export function majorSleepBetween(previous: State, next: State): ResumedReason | null {
  const sleptMs = resumeBetween(previous, next)?.sleptMs ?? 0;
  return sleptMs >= MAJOR_SLEEP_MS ? { kind: "resumed", sleptMs } : null;
}

/** The default routes of two states by family, in normal form; none if the states share them. */
export function pairRoutes(previous: State, next: State): readonly RoutePair[] {
  const { defaultRoute } = next;
  if (previous.defaultRoute === defaultRoute) return [];
  const { ipv4, ipv6 } = previous.defaultRoute;
  return [
    { family: "IPv4", from: normalizeRoute(ipv4), to: normalizeRoute(defaultRoute.ipv4) },
    { family: "IPv6", from: normalizeRoute(ipv6), to: normalizeRoute(defaultRoute.ipv6) },
  ];
}

export function freezeList<T>(list: T[]): readonly T[] {
  for (let i = 0; i < list.length; i++) Object.freeze(list[i]);
  return Object.freeze(list);
}

function interfaceChanges(pairs: readonly InterfacePair[]): Change[] {
  const changes: Change[] = [];
  if (pairs.length === 0) return changes; // mostly: at every reconcile
  const removed: Change[] = [];
  const added: Change[] = [];
  const changed: Change[] = [];
  for (let i = 0; i < pairs.length; i++) {
    const { from, to } = pairs[i]!;
    if (to === undefined) {
      changes.push({ kind: "interface-removed", interface: from! });
    } else if (from === undefined) {
      changes.push({ kind: "interface-added", interface: to });
    } else {
      const { name } = to;
      const fields: (typeof FIELDS[number])[] = [];
      for (let i = 0; i < FIELDS.length; i++) {
        if (from[FIELDS[i]!] !== to[FIELDS[i]!]) fields.push(FIELDS[i]!);
      }
      if (fields.length > 0) {
        Object.freeze(fields);
        changes.push({ kind: "interface-changed", interface: name, fields, from, to });
      }
      pairAddresses(from.addresses, to.addresses, (a, b) => {
        if (b === undefined) {
          removed.push({ kind: "address-removed", interface: name, address: a! });
        } else if (a === undefined) {
          added.push({ kind: "address-added", interface: name, address: b });
        } else if (!equalAddresses(a, b)) {
          changed.push({ kind: "address-changed", interface: name, from: a, to: b });
        }
      });
    }
  }
  for (let i = 0; i < removed.length; i++) changes.push(removed[i]!);
  for (let i = 0; i < added.length; i++) changes.push(added[i]!);
  for (let i = 0; i < changed.length; i++) changes.push(changed[i]!);
  return changes;
}

function resumeBetween(previous: State, next: State): Change & { kind: "resumed" } | null {
  const { resumedAt: at, sleptMs } = next;
  if (at === null || sleptMs === null) return null;
  const isKnown = at === previous.resumedAt && sleptMs === previous.sleptMs;
  return isKnown ? null : { kind: "resumed", at, sleptMs };
}

/**
 * Applies changes: `applyChanges(a, diffStates(a, b))` equals `b`. A change that does not fit, such as the
 * removal of an address that is not there, is ignored.
 *
 * @param previous The state to start from; it stays unchanged.
 * @param changes The changes, in the order of `diffStates()`.
 * @returns The state after the changes, deeply frozen.
 * @throws {TypeError} if an address in a change cannot be parsed.
 *
 * @example Follow a state through its changes
 * ```ts
 * import { applyChanges, diffStates, readNetworkState } from "@netwatch/netwatch";
 *
 * const before = await readNetworkState();
 * const changes = diffStates(before, await readNetworkState());
 * console.log(applyChanges(before, changes).localAddresses);
 * ```
 */
export function applyChanges(previous: State, changes: readonly Change[]): State {
  const nics = new Map(sortedInterfaces(previous).map((nic) => [nic.name, nic]));
  const addresses = new Map<string, Map<string, Address>>(); // by interface name, then CIDR
  let { defaultRoute, knows, resumedAt, sleptMs } = previous;
  for (const change of changes) {
    switch (change.kind) {
      case "interface-added":
        if (!nics.has(change.interface.name)) nics.set(change.interface.name, change.interface);
        break;
      case "interface-removed":
        nics.delete(change.interface.name);
        addresses.delete(change.interface.name);
        break;
      case "interface-changed": {
        const nic = nics.get(change.interface);
        const fields = FIELDS.filter((field) => change.fields.includes(field));
        const changed = Object.fromEntries(fields.map((field) => [field, change.to[field]]));
        if (nic !== undefined) nics.set(nic.name, { ...nic, ...changed });
        break;
      }
      case "default-route-changed":
        defaultRoute = { ...defaultRoute, [change.family === "IPv4" ? "ipv4" : "ipv6"]: change.to };
        break;
      case "resumed":
        ({ at: resumedAt, sleptMs } = change);
        break;
      case "source-changed":
        ({ knows, resumedAt, sleptMs } = change);
        break;
      case "address-added":
      case "address-removed":
      case "address-changed": {
        const nic = nics.get(change.interface);
        if (nic === undefined) break;
        const held = addresses.get(nic.name) ??
          new Map(normalizeInterface(nic).addresses.map((one) => [one.cidr, one]));
        addresses.set(nic.name, held);
        const isChange = change.kind === "address-changed";
        const address = normalizeAddress(isChange ? change.to : change.address, nic.name);
        if (change.kind === "address-removed") held.delete(address.cidr);
        else if (held.has(address.cidr) === isChange) held.set(address.cidr, address);
      }
    }
  }
  const interfaces = Array.from(nics.values(), (nic) => {
    const held = addresses.get(nic.name);
    return held === undefined ? nic : { ...nic, addresses: [...held.values()] };
  });
  const resumed = resumedAt === null || sleptMs === null ? null : { at: resumedAt, sleptMs };
  return buildState({ interfaces, defaultRoute, knows }, resumed, previous);
}
