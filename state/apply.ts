// Applies changes to a state.
import { buildState } from "./build.ts";
import { sortedInterfaces } from "./interface_list.ts";
import { INTERFACE_FIELDS, normalizeAddress, normalizeInterface } from "./normalize.ts";
import type {
  Address,
  AddressChange,
  AddressFlagsChange,
  Change,
  Interface,
  InterfaceChange,
  InterfaceFieldsChange,
  State,
} from "./types.ts";

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
  const interfaces = new Map(sortedInterfaces(previous).map((nic) => [nic.name, nic]));
  const addresses: AddressesByName = new Map();
  let { defaultRoute, knows, resumedAt, sleptMs } = previous;
  for (const change of changes) {
    switch (change.kind) {
      case "interface-added":
      case "interface-removed":
      case "interface-changed":
        applyToInterfaces(interfaces, addresses, change);
        break;
      case "address-added":
      case "address-removed":
      case "address-changed":
        applyToAddresses(interfaces, addresses, change);
        break;
      case "default-route-changed": {
        const family = change.family === "IPv4" ? "ipv4" : "ipv6";
        defaultRoute = { ...defaultRoute, [family]: change.to };
        break;
      }
      case "resumed":
        ({ at: resumedAt, sleptMs } = change);
        break;
      case "source-changed":
        ({ knows, resumedAt, sleptMs } = change);
    }
  }
  const list = Array.from(interfaces.values(), (nic) => {
    const changed = addresses.get(nic.name);
    return changed === undefined ? nic : { ...nic, addresses: [...changed.values()] };
  });
  const resumed = resumedAt === null || sleptMs === null ? null : { at: resumedAt, sleptMs };
  return buildState({ interfaces: list, defaultRoute, knows }, resumed, previous);
}

/** The addresses of the interfaces that have address changes: by interface name, then CIDR. */
type AddressesByName = Map<string, Map<string, Address>>;

function applyToInterfaces(
  interfaces: Map<string, Interface>,
  addresses: AddressesByName,
  change: InterfaceChange | InterfaceFieldsChange,
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
  interfaces: ReadonlyMap<string, Interface>,
  addresses: AddressesByName,
  change: AddressChange | AddressFlagsChange,
): void {
  const nic = interfaces.get(change.interface);
  if (nic === undefined) return;
  let byCidr = addresses.get(nic.name);
  if (byCidr === undefined) {
    byCidr = new Map(normalizeInterface(nic).addresses.map((held) => [held.cidr, held]));
    addresses.set(nic.name, byCidr);
  }
  const given = change.kind === "address-changed" ? change.to : change.address;
  const address = normalizeAddress(given, nic.name);
  if (change.kind === "address-removed") byCidr.delete(address.cidr);
  else if (byCidr.has(address.cidr) === (change.kind === "address-changed")) {
    byCidr.set(address.cidr, address);
  }
}
