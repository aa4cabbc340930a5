/**
 * Changes applied to a state.
 *
 * @module
 */
import { buildState } from "./build.ts";
import { canonicalAddress } from "./normalize.ts";
import { INTERFACE_FIELDS } from "./diff.ts";
import { orderedInterfaces } from "./interface_list.ts";
import type { Address, Change, DefaultRoutes, Interface, Knows, State } from "./types.ts";

/** A state that is being changed. Interfaces stay as they are until one is touched. */
interface Draft {
  interfaces: Map<string, Interface>;
  /** The addresses of touched interfaces by address and prefix length. */
  addresses: Map<string, Map<string, Address>>;
  defaultRoute: DefaultRoutes;
  resumedAt: number | null;
  sleptMs: number | null;
  knows: Knows;
}

/**
 * The state that the changes lead to: `applyChanges(a, diffStates(a, b))` equals `b`. Neither argument
 * is changed. A change that does not fit, such as the removal of an address that is not there, is
 * ignored.
 *
 * @throws {TypeError} When an address in a change is none.
 */
export function applyChanges(previous: State, changes: readonly Change[]): State {
  const draft: Draft = {
    interfaces: new Map(orderedInterfaces(previous).interfaces.map((nic) => [nic.name, nic])),
    addresses: new Map(),
    defaultRoute: previous.defaultRoute,
    resumedAt: previous.resumedAt,
    sleptMs: previous.sleptMs,
    knows: previous.knows,
  };
  for (const change of changes) applyChange(draft, change);
  const { resumedAt: at, sleptMs, defaultRoute, knows } = draft;
  const resumed = at === null || sleptMs === null ? null : { at, sleptMs };
  return buildState({ interfaces: finished(draft), defaultRoute, knows }, resumed, previous);
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
    case "default-route-changed":
      draft.defaultRoute = {
        ...draft.defaultRoute,
        [change.family === "IPv4" ? "ipv4" : "ipv6"]: change.to,
      };
      return;
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
  draft: Draft,
  change: Extract<Change, { kind: `interface-${string}` }>,
): void {
  if (change.kind === "interface-changed") {
    const nic = draft.interfaces.get(change.interface);
    if (nic === undefined) return;
    const fields = INTERFACE_FIELDS.filter((field) => change.fields.includes(field));
    const changed = Object.fromEntries(fields.map((field) => [field, change.to[field]]));
    draft.interfaces.set(nic.name, { ...nic, ...changed });
    return;
  }
  const { name } = change.interface;
  const exists = draft.interfaces.has(name);
  if (change.kind === "interface-added" && !exists) {
    draft.interfaces.set(name, change.interface);
  } else if (change.kind === "interface-removed" && exists) {
    draft.interfaces.delete(name);
    draft.addresses.delete(name);
  }
}

function applyToAddresses(
  draft: Draft,
  change: Extract<Change, { kind: `address-${string}` }>,
): void {
  const nic = draft.interfaces.get(change.interface);
  if (nic === undefined) return;
  const address = canonicalAddress(
    change.kind === "address-changed" ? change.to : change.address,
    change.interface,
  );
  let addresses = draft.addresses.get(nic.name);
  if (addresses === undefined) {
    addresses = new Map(
      nic.addresses.map((a) => canonicalAddress(a, nic.name)).map((a) => [a.cidr, a]),
    );
    draft.addresses.set(nic.name, addresses);
  }
  const exists = addresses.has(address.cidr);
  if (change.kind === "address-removed") addresses.delete(address.cidr);
  else if (exists === (change.kind === "address-changed")) addresses.set(address.cidr, address);
}

function finished(draft: Draft): Interface[] {
  return Array.from(draft.interfaces.values(), (nic) => {
    const addresses = draft.addresses.get(nic.name);
    return addresses === undefined ? nic : { ...nic, addresses: [...addresses.values()] };
  });
}
