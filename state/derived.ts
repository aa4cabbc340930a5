/**
 * Values derived from the interfaces of a state: usable addresses and the lists of local addresses.
 *
 * @module
 */
import { compareInterfaces, sortedInterfaces } from "./interface_list.ts";
import { isLinkLocal, isLoopback, isUniqueLocal, readIp } from "./ip.ts";
import type { Address, Interface, State } from "./types.ts";

type Scope = "loopback" | "linkLocalIpv4" | "linkLocalIpv6" | "uniqueLocal" | "global";

/**
 * The addresses of one interface in normal form, by use, and as texts by scope: each text once, without
 * duplicated addresses. All lists are empty while the interface is down.
 */
export interface InterfaceAddresses extends Readonly<Record<Scope, readonly string[]>> {
  /** The usable addresses. */
  readonly usable: readonly Address[];
  /** Whether one of them is IPv4. */
  readonly usableIpv4: boolean;
  /** Whether one of them is IPv6. */
  readonly usableIpv6: boolean;
}

/** The fields of a state that follow from its interfaces alone. */
export type LocalFields = Pick<State, "localAddresses" | "haveIpv4" | "haveIpv6">;

/** Shared, so that walking thousands of interfaces touches less memory. */
const NONE: string[] = [];

const ADDRESSES = new WeakMap<Interface, InterfaceAddresses>();

/** The same per state, in the order of its interfaces: looking each up costs ten times as much. */
const OF_STATE = new WeakMap<
  State["interfaces"],
  { readonly addresses: readonly InterfaceAddresses[]; readonly fields: LocalFields }
>();

/**
 * The usable addresses of a state: by interface index, then family, bytes and prefix length.
 *
 * @param state The state.
 * @param options `family` restricts the result to one family; default both.
 * @returns A frozen list.
 * @throws {TypeError} if the family is neither `"IPv4"` nor `"IPv6"`.
 *
 * @example Print the IPv6 addresses under which others may reach this machine
 * ```ts
 * import { readNetworkState, usableAddresses } from "@netwatch/netwatch";
 *
 * const state = await readNetworkState();
 * console.log(usableAddresses(state, { family: "IPv6" }).map(({ address }) => address));
 * ```
 */
export function usableAddresses(
  state: State,
  options: { readonly family?: "IPv4" | "IPv6" } = {},
): readonly Address[] {
  const { family } = options;
  if (family !== undefined && family !== "IPv4" && family !== "IPv6") {
    throw new TypeError(`Unknown family "${String(family)}": give "IPv4" or "IPv6"`);
  }
  const addresses = sortedInterfaces(state).flatMap((nic) => addressesOf(nic).usable);
  return Object.freeze(
    family === undefined ? addresses : addresses.filter((address) => address.family === family),
  );
}

/**
 * Whether a program can send from the address: its interface is up (carrier does not matter), and it is
 * not tentative, duplicated, deprecated, loopback or link-local. Binding to a tentative address fails
 * (avahi#615), and Linux keeps IPv4 addresses on a link that is down.
 */
export function isUsable(address: Address, nic: Interface, scope = scopeOf(address, nic)): boolean {
  return isBindable(address, nic, scope) && scope !== "linkLocalIpv4" && scope !== "linkLocalIpv6";
}

/** Like `isUsable()`, but true for link-local addresses too: for a caller who names one and means it. */
export function isBindable(
  address: Address,
  nic: Interface,
  scope = scopeOf(address, nic),
): boolean {
  return nic.up && !address.tentative && !address.duplicated && !address.deprecated &&
    scope !== "loopback";
}

/** The addresses of an interface by use, computed once per interface object. */
export function addressesOf(nic: Interface): InterfaceAddresses {
  let addresses = ADDRESSES.get(nic);
  if (addresses === undefined) {
    addresses = classify(nic);
    ADDRESSES.set(nic, addresses);
  }
  return addresses;
}

/**
 * The local addresses, and the families that have a usable one. `regular` falls back on unique-local
 * IPv6 and then on link-local IPv4 if there is nothing better: Cloud Run translates the former, Lambda
 * and Azure App Service the latter.
 *
 * @param interfaces The record of interfaces that `interfaceRecord()` made.
 * @param previous The state before; null if there is none. Unchanged interfaces are taken from it.
 */
export function localFields(interfaces: State["interfaces"], previous: State | null): LocalFields {
  const known = OF_STATE.get(interfaces);
  if (known !== undefined) return known.fields;
  const addresses = addressesInOrder(interfaces, previous);
  const loopback: string[] = [];
  const regular: string[] = [];
  let haveIpv4 = false;
  let haveIpv6 = false;
  for (const one of addresses) { // one walk: with thousands of interfaces this is memory latency
    append(loopback, one.loopback);
    append(regular, one.global);
    haveIpv4 ||= one.usableIpv4;
    haveIpv6 ||= one.usableIpv6;
  }
  for (const scope of ["uniqueLocal", "linkLocalIpv4"] as const) {
    if (regular.length === 0) { for (const one of addresses) append(regular, one[scope]); }
  }
  const localAddresses = { loopback: Object.freeze(loopback), regular: Object.freeze(regular) };
  const fields = { localAddresses: Object.freeze(localAddresses), haveIpv4, haveIpv6 };
  OF_STATE.set(interfaces, { addresses, fields });
  return fields;
}

/** One walk along the state before: both lists are sorted and share most objects. */
function addressesInOrder(
  interfaces: State["interfaces"],
  previous: State | null,
): InterfaceAddresses[] {
  const known = previous === null ? undefined : OF_STATE.get(previous.interfaces)?.addresses;
  const before = previous === null || known === undefined ? [] : sortedInterfaces(previous);
  const addresses: InterfaceAddresses[] = [];
  let i = 0;
  for (const nic of sortedInterfaces({ interfaces })) {
    while (i < before.length && before[i] !== nic && compareInterfaces(before[i]!, nic) < 0) i++;
    addresses.push(before[i] === nic ? known![i++]! : addressesOf(nic));
  }
  return addresses;
}

function classify(nic: Interface): InterfaceAddresses {
  const found = {
    usable: [] as Address[],
    usableIpv4: false,
    usableIpv6: false,
    loopback: NONE,
    linkLocalIpv4: NONE,
    linkLocalIpv6: NONE,
    uniqueLocal: NONE,
    global: NONE,
  };
  let last = "";
  for (const address of nic.up ? nic.addresses : []) {
    if (address.duplicated) continue;
    const scope = scopeOf(address, nic);
    if (isUsable(address, nic, scope)) {
      found.usable.push(address);
      found[address.family === "IPv4" ? "usableIpv4" : "usableIpv6"] = true;
    }
    if (address.address === last) continue; // under two prefix lengths it is still one address
    last = address.address;
    if (found[scope] === NONE) found[scope] = [last];
    else found[scope].push(last);
  }
  return found;
}

/** Loopback by address or by interface: WSL puts 10.255.255.254 on `lo` (denoland/std#5933). */
function scopeOf({ address, family }: Address, nic: Interface): Scope {
  const bytes = readIp(address);
  if (nic.kind === "loopback" || bytes === null || isLoopback(bytes)) return "loopback";
  if (isLinkLocal(bytes)) return family === "IPv4" ? "linkLocalIpv4" : "linkLocalIpv6";
  return isUniqueLocal(bytes) ? "uniqueLocal" : "global";
}

/** `flatMap()` and spreading into `push()` take ten times as long, and long lists overflow the stack. */
function append(texts: string[], more: readonly string[]): void {
  if (more === NONE) return;
  for (let i = 0; i < more.length; i++) texts.push(more[i] as string);
}
