// Values derived from the interfaces of a state: usable addresses and the lists of local addresses.
import {
  compareInterfaces,
  findInterface,
  placesChanged,
  sortedInterfaces,
} from "./interface_list.ts";
import { isUniqueLocal, readIp } from "./ip.ts";
import type { Address, DefaultRoute, Interface, State } from "./types.ts";

/** IPv6 link-local addresses are in none of them. */
type Scope = "loopback" | "linkLocalIpv4" | "uniqueLocal" | "global";

/**
 * The addresses of one interface in normal form, by use, and as texts by scope: each text once, without
 * duplicated addresses. All lists are empty while the interface is down.
 */
interface InterfaceAddresses extends Readonly<Record<Scope, readonly string[]>> {
  readonly usable: readonly Address[]; // the usable addresses; none on a host-only interface
  readonly onHost: readonly Address[]; // those that are usable but for that
  readonly usableIpv4: boolean; // whether one of them is IPv4
  readonly usableIpv6: boolean; // whether one of them is IPv6
}

/** The fields of a state that follow from its interfaces alone. */
type LocalFields = Pick<State, "localAddresses" | "haveIpv4" | "haveIpv6">;

/** Shared, so that walking thousands of interfaces touches less memory. */
const NONE: string[] = [];
const NO_ADDRESSES: Address[] = [];

const ADDRESSES = new WeakMap<Interface, InterfaceAddresses>();

/** The same per state, in the order of its interfaces: looking each up costs ten times as much. */
const OF_STATE = new WeakMap<State["interfaces"], StateAddresses>();

interface StateAddresses {
  readonly addresses: readonly InterfaceAddresses[];
  readonly fields: LocalFields;
  readonly loopback: Texts;
  readonly global: Texts;
}

/** Addresses of all interfaces as text. Not frozen: copying a part of a frozen array takes ten times as long. */
interface Texts {
  readonly all: readonly string[];
  readonly counts: Uint32Array; // how many are of each interface
}

/** More interfaces than this that differ are as quick to walk. */
const MOST_REPLACED = 256;

/**
 * The usable addresses of a state: by interface index, then family, bytes and prefix length. An address is
 * usable if hosts elsewhere can answer to it: its interface is up, running and not host-only, and it is
 * not tentative, duplicated, deprecated, loopback or link-local.
 *
 * @param state The state.
 * @param options `family` restricts the result to one family; default both. With `hostOnly: true` the
 * addresses of host-only interfaces are listed, too; default false.
 * @returns A frozen list.
 * @throws {TypeError} if an option is of the wrong type, or the family neither `"IPv4"` nor `"IPv6"`.
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
  options: { readonly family?: "IPv4" | "IPv6"; readonly hostOnly?: boolean } = {},
): readonly Address[] {
  const { hostOnly = false } = options;
  if (typeof hostOnly !== "boolean") {
    throw new TypeError(`The option hostOnly must be true or false, not ${String(hostOnly)}`);
  }
  const family = checkFamily(options);
  const addresses = sortedInterfaces(state).flatMap((nic) =>
    addressesOf(nic)[hostOnly ? "onHost" : "usable"]
  );
  return Object.freeze(
    family === undefined ? addresses : addresses.filter((address) => address.family === family),
  );
}

/**
 * The address to show as "my LAN address": the source address of the default route, IPv4 before IPv6. Without
 * one, the best usable address: physical interfaces first, tunnels last; IPv4 before IPv6; unique-local last.
 *
 * @param state The state.
 * @param options `family` restricts the result to one family; default both.
 * @returns The address; null if none is usable.
 * @throws {TypeError} if the family is neither `"IPv4"` nor `"IPv6"`.
 *
 * @example Print where a browser on the same network finds this machine
 * ```ts
 * import { primaryAddress, readNetworkState } from "@netwatch/netwatch";
 *
 * const address = primaryAddress(await readNetworkState(), { family: "IPv4" });
 * console.log(address === null ? "no network" : `http://${address.address}:8000`);
 * ```
 */
export function primaryAddress(
  state: State,
  options: { readonly family?: "IPv4" | "IPv6" } = {},
): Address | null {
  const family = checkFamily(options);
  const { ipv4, ipv6 } = state.defaultRoute;
  const source = (family !== "IPv6" && sourceAddress(state, ipv4)) ||
    (family !== "IPv4" && sourceAddress(state, ipv6));
  if (source) return source;
  const ranked = sortedInterfaces(state).flatMap((nic) =>
    addressesOf(nic).usable.map((address) => ({ address, rank: rankOf(address, nic) }))
  );
  ranked.sort((a, b) => a.rank - b.rank);
  return ranked.find(({ address }) => (family ?? address.family) === address.family)?.address ??
    null;
}

/** The source of a default route, which may be on another interface (a loopback /32 in data centers). */
function sourceAddress(state: State, route: DefaultRoute | null): Address | undefined {
  if (route === null || route.source === null) return undefined;
  const own = findInterface(state, route.interface);
  for (const nic of own === undefined ? [] : [own, ...sortedInterfaces(state)]) {
    const address = nic.addresses.find((held) => held.address === route.source);
    if (address !== undefined) return address;
  }
}

function rankOf({ address, family }: Address, { kind }: Interface): number {
  const physical = kind === "ethernet" || kind === "wifi" || kind === "cellular";
  const rank = physical ? 0 : kind === "tunnel" ? 20 : 10;
  return rank + (family === "IPv4" ? 0 : isUniqueLocal(readIp(address) as Uint8Array) ? 2 : 1);
}

function checkFamily(options: { readonly family?: "IPv4" | "IPv6" }): "IPv4" | "IPv6" | undefined {
  const { family } = options;
  if (family === undefined || family === "IPv4" || family === "IPv6") return family;
  throw new TypeError(`The option family must be "IPv4" or "IPv6", not ${String(family)}`);
}

/**
 * Whether a program can bind a socket to the address: its interface is up, and it is not tentative (binding
 * fails: avahi#615) or duplicated. Neither carrier nor host-only matters.
 */
export function isBindable(address: Address, nic: Interface): boolean {
  return nic.up && !address.tentative && !address.duplicated;
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
 * and Azure App Service the latter. What did not change is taken from the state before.
 */
export function localFields(interfaces: State["interfaces"], previous: State | null): LocalFields {
  const known = OF_STATE.get(interfaces);
  if (known !== undefined) return known.fields;
  const next = replaced(interfaces, previous) ?? collected(addressesInOrder(interfaces, previous));
  OF_STATE.set(interfaces, next);
  return next.fields;
}

/** Replaces the texts of the few interfaces that differ; null if more than that differs. */
function replaced(interfaces: State["interfaces"], previous: State | null): StateAddresses | null {
  const before = previous === null ? undefined : OF_STATE.get(previous.interfaces);
  if (previous === null || before === undefined) return null;
  const places = placesChanged(previous.interfaces, interfaces);
  if (places === null || places.length > MOST_REPLACED) return null;
  const addresses = before.addresses.slice();
  const nics = sortedInterfaces({ interfaces });
  let { haveIpv4, haveIpv6 } = before.fields;
  for (const place of places) {
    const from = addresses[place]!;
    const to = addresses[place] = addressesOf(nics[place]!);
    if (from.usableIpv4 && !to.usableIpv4 || from.usableIpv6 && !to.usableIpv6) return null;
    haveIpv4 ||= to.usableIpv4;
    haveIpv6 ||= to.usableIpv6;
  }
  const replace = (scope: "loopback" | "global"): Texts =>
    replaceTexts(before[scope], places, places.map((place) => addresses[place]![scope]));
  const loopback = replace("loopback");
  const global = replace("global");
  if (global.all.length === 0) return null; // `regular` falls back on other addresses
  const fields = { localAddresses: frozenLists(loopback.all, global.all), haveIpv4, haveIpv6 };
  return { addresses, fields, loopback, global };
}

function replaceTexts(
  before: Texts,
  places: readonly number[],
  texts: readonly (readonly string[])[],
): Texts {
  if (places.every((place, i) => before.counts[place] === 0 && texts[i]!.length === 0)) {
    return before;
  }
  const counts = before.counts.slice();
  const parts: (readonly string[])[] = [];
  let start = 0; // of what is kept
  let end = 0;
  let next = 0;
  places.forEach((place, i) => {
    for (; next < place; next++) end += counts[next]!;
    parts.push(before.all.slice(start, end), texts[i]!);
    start = end += counts[place]!;
    counts[place] = texts[i]!.length;
    next = place + 1;
  });
  parts.push(before.all.slice(start));
  return { all: ([] as string[]).concat(...parts), counts };
}

function collected(addresses: readonly InterfaceAddresses[]): StateAddresses {
  const loopback = collectTexts(addresses, "loopback");
  const global = collectTexts(addresses, "global");
  const regular = global.all.slice();
  for (const scope of ["uniqueLocal", "linkLocalIpv4"] as const) {
    if (regular.length === 0) { for (const one of addresses) append(regular, one[scope]); }
  }
  const fields = {
    localAddresses: frozenLists(loopback.all, regular),
    haveIpv4: addresses.some(({ usableIpv4 }) => usableIpv4),
    haveIpv6: addresses.some(({ usableIpv6 }) => usableIpv6),
  };
  return { addresses, fields, loopback, global };
}

function collectTexts(
  addresses: readonly InterfaceAddresses[],
  scope: "loopback" | "global",
): Texts {
  const all: string[] = [];
  const counts = new Uint32Array(addresses.length);
  addresses.forEach((one, i) => {
    append(all, one[scope]);
    counts[i] = one[scope].length;
  });
  return { all, counts };
}

function frozenLists(
  loopback: readonly string[],
  regular: readonly string[],
): State["localAddresses"] {
  return Object.freeze({
    loopback: Object.freeze(loopback.slice()),
    regular: Object.freeze(regular.slice()),
  });
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
    usable: NO_ADDRESSES,
    onHost: NO_ADDRESSES,
    usableIpv4: false,
    usableIpv6: false,
    loopback: NONE,
    linkLocalIpv4: NONE,
    uniqueLocal: NONE,
    global: NONE,
  };
  let last = "";
  for (const address of nic.up ? nic.addresses : []) {
    if (address.duplicated) continue;
    const scope = scopeOf(address, nic);
    if (isUsableOnHost(address, nic, scope)) {
      if (found.onHost === NO_ADDRESSES) found.onHost = [address];
      else found.onHost.push(address);
      if (!nic.hostOnly) found[address.family === "IPv4" ? "usableIpv4" : "usableIpv6"] = true;
    }
    if (scope === null || address.address === last) continue; // under two prefix lengths it is still one address
    last = address.address;
    if (found[scope] === NONE) found[scope] = [last];
    else found[scope].push(last);
  }
  if (!nic.hostOnly) found.usable = found.onHost;
  return found;
}

/** Linux keeps IPv4 addresses on a link that is down or without carrier. */
function isUsableOnHost(address: Address, nic: Interface, scope: Scope | null): boolean {
  return isBindable(address, nic) && nic.running && !address.deprecated &&
    (scope === "global" || scope === "uniqueLocal");
}

/**
 * Loopback by address or by interface: WSL puts 10.255.255.254 on `lo` (denoland/std#5933). In normal form
 * the text of an address decides; parsing 10,000 of them takes 3 ms.
 */
function scopeOf({ address, family }: Address, nic: Interface): Scope | null {
  if (nic.kind === "loopback") return "loopback";
  if (family === "IPv4") {
    if (address.startsWith("127.")) return "loopback";
    return address.startsWith("169.254.") ? "linkLocalIpv4" : "global";
  }
  if (address === "::1") return "loopback";
  if (/^fe[89ab].:/.test(address)) return null;
  return /^f[cd]..:/.test(address) ? "uniqueLocal" : "global";
}

/** `flatMap()` and spreading into `push()` take ten times as long, and long lists overflow the stack. */
function append(texts: string[], more: readonly string[]): void {
  if (more === NONE) return;
  for (let i = 0; i < more.length; i++) texts.push(more[i] as string);
}
