/**
 * Values derived from interfaces: which addresses are usable, the lists of local addresses, and the
 * fields of a state that follow from all of its interfaces.
 *
 * @module
 */
import { isLinkLocal, isLoopback, isUniqueLocal } from "./ip.ts";
import { addressBytes } from "./normalize.ts";
import type { Address, Interface, State } from "./types.ts";

/**
 * Whether a program on this machine can send from the address: its interface is up (carrier is not
 * asked) and no loopback, and the address is not tentative, duplicated, deprecated, loopback or
 * link-local. Binding to a tentative address fails (avahi#615), and Linux keeps IPv4 addresses on a
 * link that is down.
 *
 * @param address The address to judge.
 * @param nic The interface that holds it.
 * @throws {TypeError} When the address's text is none.
 */
export function isUsable(address: Address, nic: Interface): boolean {
  return isBindable(address, nic) && !isLinkLocal(addressBytes(address));
}

/**
 * As `isUsable()`, link-local addresses included: for who names one and means it.
 *
 * @param address The address to judge.
 * @param nic The interface that holds it.
 */
export function isBindable(address: Address, nic: Interface): boolean {
  return nic.up && !address.tentative && !address.duplicated && !address.deprecated &&
    !isLoopbackAddress(address, nic);
}

/**
 * Whether the address is loopback by its bytes or by its interface: WSL puts 10.255.255.254 on `lo`
 * (denoland/std#5933).
 */
export function isLoopbackAddress(address: Address, nic: Interface): boolean {
  return nic.kind === "loopback" || isLoopback(addressBytes(address));
}

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

/** The fields of a state that follow from its interfaces alone. */
export type LocalFacts = Pick<State, "localAddresses" | "haveIpv4" | "haveIpv6">;

/**
 * The local addresses, by interface, and the families that have a usable one. `regular` falls back on
 * lesser addresses where there is nothing better: Cloud Run gives unique-local IPv6 and translates,
 * Lambda and Azure App Service do so with link-local IPv4.
 */
export function localFacts(facts: readonly InterfaceFacts[]): LocalFacts {
  const loopback: string[] = [];
  const regular: string[] = [];
  let haveIpv4 = false;
  let haveIpv6 = false;
  for (const fact of facts) { // one walk: with thousands of interfaces this is memory latency
    haveIpv4 ||= fact.usableIpv4;
    haveIpv6 ||= fact.usableIpv6;
    append(loopback, fact.loopback);
    append(regular, fact.global);
  }
  for (const list of ["uniqueLocal", "linkLocalIpv4"] as const) {
    if (regular.length === 0) { for (const fact of facts) append(regular, fact[list]); }
  }
  const localAddresses = { loopback: Object.freeze(loopback), regular: Object.freeze(regular) };
  return { localAddresses: Object.freeze(localAddresses), haveIpv4, haveIpv6 };
}

function append(texts: string[], more: readonly string[]): void {
  for (let i = 0; i < more.length; i++) texts.push(more[i] as string);
}
