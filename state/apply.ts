/**
 * Applies changes to a state.
 *
 * @module
 */
import { buildState } from "./build.ts";
import { sortedInterfaces } from "./interface_list.ts";
import { INTERFACE_FIELDS, normalizeAddress, normalizeInterface } from "./normalize.ts";
import type { Address, Change, DefaultRoutes, Interface, Knows, State } from "./types.ts";

/** A state under change. */
interface Draft {
  readonly interfaces: Map<string, Interface>;
  /** The addresses of the interfaces touched so far, by CIDR. */
  readonly addresses: Map<string, Map<string, Address>>;
  defaultRoute: DefaultRoutes;
  resumedAt: number | null;
  sleptMs: number | null;
  knows: Knows;
}

/**
 * Applies changes: `applyChanges(a, diffStates(a, b))` equals `b`. A change that does not fit, such as the
 * removal of an address that is not there, is ignored.
 *
 * @param previous The state to start from; it stays unchanged.
 * @param changes The changes, in the order of `diffStates()`.
 * @returns The state after the changes, deeply frozen.
 * @throws {TypeError} If an address in a change cannot be parsed.
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
  const draft: Draft = {
    interfaces: new Map(sortedInterfaces(previous).map((nic) => [nic.name, nic])),
    addresses: new Map(),
    defaultRoute: previous.defaultRoute,
    resumedAt: previous.resumedAt,
    sleptMs: previous.sleptMs,
    knows: previous.knows,
  };
  for (const change of changes) applyChange(draft, change);
  const { resumedAt: at, sleptMs, defaultRoute, knows } = draft;
  const resumed = at === null || sleptMs === null ? null : { at, sleptMs };
  return buildState({ interfaces: interfacesOf(draft), defaultRoute, knows }, resumed, previous);
}

function applyChange(draft: Draft, change: Change): void {
  switch (change.kind) {
    case "interface-added":
    case "interface-removed":
    case "interface-changed":
      return applyToInterfaces(draft, change);
    case "address-added":
    case "address-removed":
    case "address-changed":
      return applyToAddresses(draft, change);
    case "default-route-changed": {
      const family = change.family === "IPv4" ? "ipv4" : "ipv6";
      draft.defaultRoute = { ...draft.defaultRoute, [family]: change.to };
      return;
    }
    case "resumed":
      draft.resumedAt = change.at;
      draft.sleptMs = change.sleptMs;
      return;
    case "source-changed":
      draft.knows = change.knows;
      draft.resumedAt = change.resumedAt;
      draft.sleptMs = change.sleptMs;
  }
}

function applyToInterfaces(
  { interfaces, addresses }: Draft,
  change: Extract<Change, { kind: `interface-${string}` }>,
): void {
  if (change.kind === "interface-changed") {
    const nic = interfaces.get(change.interface);
    if (nic === undefined) return;
    const fields = INTERFACE_FIELDS.filter((field) => change.fields.includes(field));
    const changed = Object.fromEntries(fields.map((field) => [field, change.to[field]]));
    interfaces.set(nic.name, { ...nic, ...changed });
    return;
  }
  const { name } = change.interface;
  if (change.kind === "interface-removed") {
    interfaces.delete(name);
    addresses.delete(name);
  } else if (!interfaces.has(name)) {
    interfaces.set(name, change.interface);
  }
}

function applyToAddresses(
  draft: Draft,
  change: Extract<Change, { kind: `address-${string}` }>,
): void {
  const nic = draft.interfaces.get(change.interface);
  if (nic === undefined) return;
  const address = normalizeAddress(
    change.kind === "address-changed" ? change.to : change.address,
    change.interface,
  );
  let addresses = draft.addresses.get(nic.name);
  if (addresses === undefined) {
    addresses = new Map(normalizeInterface(nic).addresses.map((a) => [a.cidr, a]));
    draft.addresses.set(nic.name, addresses);
  }
  const exists = addresses.has(address.cidr);
  if (change.kind === "address-removed") addresses.delete(address.cidr);
  else if (exists === (change.kind === "address-changed")) addresses.set(address.cidr, address);
}

function interfacesOf({ interfaces, addresses }: Draft): Interface[] {
  return Array.from(interfaces.values(), (nic) => {
    const changed = addresses.get(nic.name);
    return changed === undefined ? nic : { ...nic, addresses: [...changed.values()] };
  });
}
