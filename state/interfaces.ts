// The interfaces of a state in order, those of two states matched by name, and their addresses by use.
import { scopeOf } from "./ip.ts";
import { normalizeInterface } from "./normalize.ts";
import type { Address, DefaultRoute, DefaultRoutes, Interface, State } from "./types.ts";

/** Shared, so that walking thousands of interfaces touches less memory. */
const NONE: never[] = [];

const ADDRESSES = new WeakMap<Interface, InterfaceAddresses>();

/**
 * For a source's list of interfaces (sorted, in normal form, never changed): the list before it and the places where
 * they differ, in order: thousands need no comparison. Each keeps the one before alive: only the newest is here.
 */
export const REPLACED = new WeakMap<readonly Interface[], { from: unknown; places: number[] }>();

/** The interfaces of a state in order, and everything derived from them. */
export interface Lists {
  /** By name, frozen, without a prototype, since any name is allowed (`__proto__` too); null until it is read. */
  record: State["interfaces"] | null;
  readonly sorted: readonly Interface[]; // by index, then name
  readonly given: readonly Interface[]; // the same, as the source reported them, before the host-only rules
  readonly isContainer: boolean; // there is neither a physical interface nor a tunnel that is up
  /** Of the last state with these lists. States share it while they have the same routes and no index changes. */
  defaultRoute: DefaultRoutes;
  readonly addresses: readonly InterfaceAddresses[]; // like `sorted`: looking each one up costs ten times as much
  readonly loopback: Texts;
  readonly global: Texts;
  readonly usableIpv4: number; // how many usable addresses there are
  readonly usableIpv6: number;
  readonly localAddresses: State["localAddresses"];
  /** The places that differ from the previous lists, if interfaces were only replaced; kept for one state. */
  delta: { readonly before: Lists; readonly places: readonly number[] } | null;
}

/** Addresses of all interfaces as text. Not frozen: copying a frozen array takes ten times as long. */
export interface Texts {
  readonly all: string[];
  readonly counts: number[]; // of each interface: to count them in `addresses` takes 0.1 ms longer with 10,000
}

/** The lists of each record that `buildState()` made, and of each state whose record is not made yet. */
export const LISTS = new WeakMap<State["interfaces"] | State, Lists>();

/** The lists of a state, unless its record is a copy. */
export function listsOf(state: State): Lists | undefined {
  return LISTS.get(state) ?? LISTS.get(state.interfaces);
}

/**
 * The interfaces of a state in normal form, by index, then name. A copied state (JSON, structuredClone)
 * costs more, because its interfaces are normalized again.
 *
 * @throws {TypeError} if an address in a copied state cannot be parsed.
 */
export function sortedInterfaces(state: State): readonly Interface[] {
  return listsOf(state)?.sorted ??
    Object.values(state.interfaces).map((nic) => normalizeInterface(nic)).sort(compareInterfaces);
}

/** The interface of that name, if the state has one; safe for copied states, which have a prototype. */
export function findInterface(state: State, name: string): Interface | undefined {
  const lists = LISTS.get(state);
  if (lists !== undefined) return lists.sorted.find((nic) => nic.name === name);
  return Object.hasOwn(state.interfaces, name) ? state.interfaces[name] : undefined;
}

export function compareInterfaces(a: Interface, b: Interface): number {
  if (a.index !== b.index) return a.index - b.index;
  return a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}

/** An interface in two states; undefined if one of them lacks it. */
export interface InterfacePair {
  readonly from: Interface | undefined;
  readonly to: Interface | undefined;
}

/**
 * Matches the interfaces of two states by name: removed ones, added ones, then those in both, unless both
 * share one object. The two of a pair may be equal, because a copy is another object. States of one monitor
 * share objects in the same order, so this mostly compares references. The list `given` is what the sources
 * reported, before the rules that clear `hostOnly`.
 */
export function pairInterfaces(
  previous: State,
  next: State,
  list: "sorted" | "given" = "sorted",
): readonly InterfacePair[] {
  const from = listsOf(previous);
  const to = listsOf(next);
  if (from === undefined ? previous.interfaces === next.interfaces : from === to) return [];
  const before = from?.[list] ?? sortedInterfaces(previous);
  const after = to?.[list] ?? sortedInterfaces(next);
  const pairs: InterfacePair[] = [];
  if (to?.delta && to.delta.before === from) {
    for (let i = 0; i < to.delta.places.length; i++) {
      const place = to.delta.places[i]!;
      if (before[place] !== after[place]) pairs.push({ from: before[place], to: after[place] });
    }
    return pairs;
  }
  const removed = new Map<string, Interface>();
  const others: Interface[] = [];
  for (let i = 0, j = 0; i < before.length || j < after.length;) {
    const from = before[i];
    const to = after[j];
    const order = from === to ? 0 : !from ? 1 : !to ? -1 : compareInterfaces(from, to);
    if (order <= 0) i++;
    if (order >= 0) j++;
    if (from === to) continue;
    if (order <= 0) removed.set(from!.name, from!);
    if (order >= 0) others.push(to!);
  }
  const added: InterfacePair[] = [];
  const kept: InterfacePair[] = [];
  for (const to of others) {
    const from = removed.get(to.name);
    (from === undefined ? added : kept).push({ from, to });
    removed.delete(to.name);
  }
  const gone = Array.from(removed.values(), (from): InterfacePair => ({ from, to: undefined }));
  return gone.concat(added, kept);
}

/**
 * The addresses of one interface by use, and as texts by scope: each text once, without duplicated addresses.
 * All lists are empty while the interface is down.
 */
export interface InterfaceAddresses {
  readonly usable: readonly Address[]; // none on a host-only interface
  readonly onHost: readonly Address[]; // usable apart from `hostOnly`
  readonly usableIpv4: number; // how many of the usable are IPv4
  readonly usableIpv6: number;
  readonly loopback: readonly string[];
  readonly linkLocal: readonly string[]; // IPv4 only
  readonly uniqueLocal: readonly string[];
  readonly global: readonly string[];
}

/**
 * The usable addresses of a state: by interface index, then family, bytes and prefix length. An address is
 * usable if other hosts can send replies to it: its interface is up, running and not host-only, and it is not
 * tentative, duplicated, deprecated, loopback or link-local.
 *
 * @param state The state.
 * @param options `family` restricts the result to one family; both by default. With `hostOnly: true` the
 * addresses of host-only interfaces are listed, too; false by default.
 * @returns A frozen list.
 * @throws {TypeError} if an option is of the wrong type, or the family neither `"IPv4"` nor `"IPv6"`.
 *
 * @example Print the IPv6 addresses at which others may reach this machine
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
  const family = checkFamily(options.family);
  const use = hostOnly ? "onHost" : "usable";
  const addresses = sortedInterfaces(state).flatMap((nic) => addressesOf(nic)[use]);
  return Object.freeze(addresses.filter((it) => (family ?? it.family) === it.family));
}

/**
 * The address to show as "my LAN address": the source address of the default route (with a VPN, mostly the
 * tunnel's), IPv4 before IPv6. Without a route whose interface is up and running, the best usable address: physical
 * interfaces first, tunnels last; IPv4 before IPv6; unique-local last.
 *
 * @param state The state.
 * @param options `family` restricts the result to one family; both by default.
 * @returns The address; null if there is none. A source address may be deprecated or link-local, thus not usable.
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
  const family = checkFamily(options.family);
  const { ipv4, ipv6 } = state.defaultRoute;
  const source = (family !== "IPv6" && sourceAddress(state, ipv4)) ||
    (family !== "IPv4" && sourceAddress(state, ipv6));
  if (source) return source;
  const ranked = sortedInterfaces(state).flatMap((nic) =>
    addressesOf(nic).usable.map((address) => ({ address, rank: rankOf(address, nic) }))
  );
  ranked.sort((a, b) => a.rank - b.rank);
  return ranked.find(({ address: it }) => (family ?? it.family) === it.family)?.address ?? null;
}

/** The source of a default route, which may be on another interface (a loopback /32 in data centers). */
function sourceAddress(state: State, route: DefaultRoute | null): Address | undefined {
  if (!route?.source || scopeOf(route.source) === "loopback") return undefined;
  const all = sortedInterfaces(state);
  const own = all.find(({ name }) => name === route.interface);
  if (!own?.up || !own.running) return undefined; // Linux keeps the route of an interface without carrier
  const addresses = [own, ...all].flatMap((nic) => nic.addresses);
  return addresses.find(({ address }) => address === route.source);
}

function rankOf({ address, family }: Address, { kind }: Interface): number {
  const physical = kind === "ethernet" || kind === "wifi" || kind === "cellular";
  const rank = physical ? 0 : kind === "tunnel" ? 20 : 10;
  return rank + (family === "IPv4" ? 0 : scopeOf(address) === "uniqueLocal" ? 2 : 1);
}

function checkFamily(family: unknown): "IPv4" | "IPv6" | undefined {
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

const NO_TEXTS = { loopback: NONE, linkLocal: NONE, uniqueLocal: NONE, global: NONE };
const NO_ADDRESSES = { ...NO_TEXTS, usable: NONE, onHost: NONE, usableIpv4: 0, usableIpv6: 0 };

export function addressesOf(nic: Interface): InterfaceAddresses {
  if (nic.addresses.length === 0) return NO_ADDRESSES; // the same for thousands of interfaces
  if (nic.addresses.length < 16) return classify(nic); // a cache for 10,000 interfaces takes 15 ms
  let addresses = ADDRESSES.get(nic);
  if (addresses === undefined) ADDRESSES.set(nic, addresses = classify(nic));
  return addresses;
}

function classify(nic: Interface): InterfaceAddresses {
  const texts: Record<keyof typeof NO_TEXTS, string[]> = { ...NO_TEXTS };
  let onHost: Address[] = NONE;
  let last = "";
  for (let i = 0; nic.up && i < nic.addresses.length; i++) {
    const address = nic.addresses[i]!;
    if (address.duplicated) continue;
    // not by address alone: WSL puts 10.255.255.254 on `lo` (denoland/std#5933)
    const scope = nic.kind === "loopback" ? "loopback" : scopeOf(address.address);
    if (scope === "linkLocal" && address.family === "IPv6") continue;
    // Linux keeps IPv4 addresses on a link that is down or without carrier
    const isUsable = nic.running && !address.tentative && !address.deprecated;
    if (isUsable && (scope === "global" || scope === "uniqueLocal")) onHost = add(onHost, address);
    if (address.address === last) continue; // under two prefix lengths it is still one address
    last = address.address;
    texts[scope] = add(texts[scope], last);
  }
  const usable = nic.hostOnly ? NONE : onHost;
  let usableIpv4 = 0;
  for (let i = 0; i < usable.length; i++) if (usable[i]!.family === "IPv4") usableIpv4++;
  return { ...texts, usable, onHost, usableIpv4, usableIpv6: usable.length - usableIpv4 }; // slow if spread last
}

function add<T>(list: T[], item: T): T[] {
  if (list === NONE) return [item];
  list.push(item);
  return list;
}
