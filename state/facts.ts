/**
 * What follows from one interface alone, found once per interface and kept as long as it lives.
 *
 * @module
 */
import { addressBytes } from "./canonical.ts";
import { isLinkLocal, isUniqueLocal } from "./ip.ts";
import type { Address, Interface } from "./types.ts";
import { isLoopbackAddress, isUsable } from "./usable.ts";

/** The addresses of one interface, sorted into lists. While it is down, all of them are empty. */
export interface InterfaceFacts extends AddressLists {
  /** Its usable addresses. */
  readonly usable: readonly Address[];
  /** One of them is IPv4. */
  readonly usableIpv4: boolean;
  /** One of them is IPv6. */
  readonly usableIpv6: boolean;
}

/** The texts of addresses that are not duplicated, each once; IPv6 link-local is in none of the lists. */
export interface AddressLists {
  /** Loopback, by address or by interface. */
  readonly loopback: readonly string[];
  /** Unique-local IPv6. */
  readonly uniqueLocal: readonly string[];
  /** Link-local IPv4. */
  readonly linkLocalIpv4: readonly string[];
  /** All others. */
  readonly global: readonly string[];
}

const FACTS = new WeakMap<Interface, InterfaceFacts>();

/** The facts of a canonical interface. */
export function interfaceFacts(nic: Interface): InterfaceFacts {
  let facts = FACTS.get(nic);
  if (facts === undefined) {
    facts = findFacts(nic);
    FACTS.set(nic, facts);
  }
  return facts;
}

function findFacts(nic: Interface): InterfaceFacts {
  const usable = nic.addresses.filter((address) => isUsable(address, nic));
  const lists: { [K in keyof AddressLists]: string[] } = {
    loopback: [],
    uniqueLocal: [],
    linkLocalIpv4: [],
    global: [],
  };
  let last = "";
  for (const address of nic.up ? nic.addresses : []) {
    // one address under two prefix lengths is still one address
    if (address.duplicated || address.address === last) continue;
    last = address.address;
    const list = listOf(address, nic);
    if (list !== null) lists[list].push(address.address);
  }
  return {
    usable,
    usableIpv4: usable.some((address) => address.family === "IPv4"),
    usableIpv6: usable.some((address) => address.family === "IPv6"),
    ...lists,
  };
}

function listOf(address: Address, nic: Interface): keyof AddressLists | null {
  const bytes = addressBytes(address);
  if (isLoopbackAddress(address, nic)) return "loopback";
  if (isLinkLocal(bytes)) return address.family === "IPv4" ? "linkLocalIpv4" : null;
  return isUniqueLocal(bytes) ? "uniqueLocal" : "global";
}
