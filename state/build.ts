// The only place where states are made. Unchanged parts are taken from the previous state, so an event about one of
// thousands of interfaces costs little: with so many, even walking the list is bound by memory latency.
import {
  addressesOf,
  compareInterfaces,
  type InterfaceAddresses,
  LISTS,
  type Lists,
  listsOf,
  REPLACED,
  type Texts,
} from "./interfaces.ts";
import { scopeOf } from "./ip.ts";
import { assumeNormal, normalizeInterface, normalizeRoute } from "./normalize.ts";
import type { Reading } from "./ports.ts";
import type { DefaultRoute, DefaultRoutes, Interface, State } from "./types.ts";

/** The fields from which all others are derived. */
type Given = Pick<Lists, "given" | "isContainer" | "defaultRoute">;

/** Interfaces with `hostOnly` cleared by a rule, keyed by the interface as reported: states share them. */
const CLEARED = new WeakMap<Interface, Interface>();

/** With this many interfaces, making the record takes as long as the rest of an event, so it is made when it is read. */
const MANY = 256;
/** Beyond this many interfaces, or addresses of one interface, collecting all of them again is as quick. */
const MAX_REPLACED = 256;

/**
 * Builds the state from a reading and the last resume: interfaces in normal form, each name once, derived
 * fields filled in, deeply frozen. The reading's objects are neither frozen nor changed. A default
 * route through an interface that the reading does not list is kept. Of two interfaces with the same name,
 * the one with the higher index is kept: the other was renamed or removed. Interfaces that equal those of
 * the previous state are the same objects, and if all of them are, so is the record.
 *
 * @throws {TypeError} if an address cannot be parsed or a number of an interface is not an integer.
 * @throws {RangeError} if a prefix length does not fit its family.
 */
export function buildState(
  reading: Reading,
  resumed: { readonly at: number; readonly sleptMs: number } | null,
  previous: State | null = null,
): State {
  const before = previous === null ? undefined : listsOf(previous);
  const lists = nextLists(reading.interfaces, nextRoutes(reading.defaultRoute, before), before);
  const { defaultRoute } = lists;
  const ipv4 = routeInterface(defaultRoute.ipv4, lists);
  const ipv6 = routeInterface(defaultRoute.ipv6, lists);
  const haveIpv4 = lists.usableIpv4 > 0;
  const haveIpv6 = lists.usableIpv6 > 0;
  const { links, addressFlags, routes: knowsRoutes } = reading.knows;
  const isOnline = leadsOut(defaultRoute.ipv4, ipv4) || leadsOut(defaultRoute.ipv6, ipv6);
  const state: State = {
    interfaces: lists.record!,
    defaultRoute,
    defaultRouteInterface: (defaultRoute.ipv4 ?? defaultRoute.ipv6)?.interface ?? null,
    online: isOnline || (!knowsRoutes && (haveIpv4 || haveIpv6) ? "unknown" : false),
    localAddresses: lists.localAddresses,
    haveIpv4,
    haveIpv6,
    homeRouter: homeRouter(defaultRoute.ipv4),
    // a VPN over a metered link says nothing about that link, so only the interface itself counts
    isExpensive: (defaultRoute.ipv4 === null ? ipv6 : ipv4)?.kind === "cellular" ? true : "unknown",
    resumedAt: resumed?.at ?? null,
    sleptMs: resumed?.sleptMs ?? null,
    knows: Object.freeze({ links, addressFlags, routes: knowsRoutes }),
  };
  if (lists.record !== null) return Object.freeze(state);
  LISTS.set(state, lists);
  return Object.freeze(Object.defineProperty(state, "interfaces", { get: () => recordOf(lists) }));
}

/** The same state after a resume. Copies the properties themselves, because reading the record would make it. */
export function withResume(state: State, resume: { at: number; sleptMs: number }): State {
  const properties = Object.getOwnPropertyDescriptors(state);
  properties.resumedAt.value = resume.at;
  properties.sleptMs.value = resume.sleptMs;
  const copy: State = Object.freeze(Object.defineProperties({} as State, properties));
  const lists = LISTS.get(state);
  if (lists !== undefined) LISTS.set(copy, lists);
  return copy;
}

/** The routes in normal form; those of the previous state if they are the same objects. */
function nextRoutes({ ipv4, ipv6 }: DefaultRoutes, before: Lists | undefined): DefaultRoutes {
  const known = before?.defaultRoute;
  if (known?.ipv4 === ipv4 && known.ipv6 === ipv6) return known;
  return Object.freeze({ ipv4: normalizeRoute(ipv4), ipv6: normalizeRoute(ipv6) });
}

/**
 * Whether packets leave through the route: without a source address a connection attempt fails at once, and routers
 * forward nothing from fe80::/10 (RFC 4291, 2.5.6), which is the source while an IPv6 router announces no prefix, nor
 * from ::1, which Linux selects while all other addresses are tentative.
 */
function leadsOut(route: DefaultRoute | null, nic: Interface | null | undefined): boolean {
  if (route === null || route.source === null) return false;
  const scope = scopeOf(route.source);
  if (scope === "loopback" || (scope === "linkLocal" && route.source.includes(":"))) return false;
  return nic?.up === true && nic.running;
}

function routeInterface(route: DefaultRoute | null, lists: Lists): Interface | null | undefined {
  return route &&
    (lists.record?.[route.interface] ?? lists.sorted.find((it) => it.name === route.interface));
}

function homeRouter(route: DefaultRoute | null): State["homeRouter"] {
  if (route === null || route.gateway === null) return null;
  const { gateway, source } = route;
  const isPrivate = gateway.startsWith("10.") || gateway.startsWith("192.168.") ||
    gateway.startsWith("172.") && parseInt(gateway.slice(4)) >> 4 === 1; // RFC 1918
  return isPrivate ? Object.freeze({ gateway, source }) : null;
}

function nextLists(
  interfaces: readonly Interface[],
  defaultRoute: DefaultRoutes,
  before: Lists | undefined,
): Lists {
  const sort = () => REPLACED.has(interfaces) ? interfaces : interfaces.toSorted(compareInterfaces);
  const replaced = before &&
    (replacedIn(before.given, interfaces) ?? replacedIn(before.given, sort()));
  const given = replaced?.given ?? normalizeAll(sort(), before?.given ?? []);
  const isContainer = replaced?.isAlike ? before!.isContainer : !given.some(isHardwareOrTunnel);
  const { ipv4, ipv6 } = defaultRoute;
  const isSame = before?.isContainer === isContainer &&
    before.defaultRoute.ipv4?.interface === ipv4?.interface &&
    before.defaultRoute.ipv6?.interface === ipv6?.interface;
  if (isSame) before.defaultRoute = defaultRoute;
  if (isSame && given === before.given) return before;
  if (isSame && replaced) return replaceIn(before, given, replaced.places);
  const from = { given, isContainer, defaultRoute: Object.freeze({ ipv4, ipv6 }) }; // not shared: an index may differ
  return makeLists(from, before) ?? nextLists(uniqueByName(given), defaultRoute, before);
}

/**
 * The interfaces in normal form, and the places where they differ from the previous list; null if indexes or names
 * differ. Mostly this compares references: with thousands of interfaces, anything else takes longer.
 */
function replacedIn(
  known: readonly Interface[],
  interfaces: readonly Interface[],
): { given: readonly Interface[]; places: readonly number[]; isAlike: boolean } | null {
  if (interfaces.length !== known.length) return null;
  const own = REPLACED.get(interfaces);
  const where = interfaces === known ? [] : own?.from === known ? own.places : null;
  const places: number[] = [];
  let given: Interface[] | null = null;
  let isAlike = true; // in what decides whether this is a container
  for (let n = 0; n < (where ?? known).length; n++) {
    const i = where?.[n] ?? n;
    const nic = interfaces[i]!;
    const last = known[i]!;
    if (nic === last) continue;
    if (nic.index !== last.index || nic.name !== last.name) return null;
    const normal = own === undefined ? normalizeInterface(nic, last) : nic;
    if (normal === last) continue;
    if (own === undefined) (given ??= known.slice())[i] = normal;
    places.push(i);
    isAlike &&= normal.kind === last.kind && normal.up === last.up;
  }
  return { given: places.length === 0 ? known : given ?? interfaces, places, isAlike };
}

/** Sorted interfaces in normal form; one that equals its counterpart in the previous list is the same object. */
function normalizeAll(
  interfaces: readonly Interface[],
  known: readonly Interface[],
): readonly Interface[] {
  if (REPLACED.has(interfaces)) return interfaces;
  let i = 0;
  return interfaces.map((nic) => {
    while (i < known.length && known[i] !== nic && compareInterfaces(known[i]!, nic) < 0) i++;
    return normalizeInterface(nic, known[i]);
  });
}

function uniqueByName(interfaces: readonly Interface[]): Interface[] {
  const sorted = interfaces.toSorted((a, b) =>
    // with the same name and index by content, so that the choice does not depend on input order
    compareInterfaces(a, b) || (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
  );
  return [...new Map(sorted.map((nic) => [nic.name, nic])).values()];
}

/** A tunnel counts only if it is up: every container has `tunl0` and `sit0`, but they are down. */
function isHardwareOrTunnel({ kind, up }: Interface): boolean {
  return kind === "ethernet" || kind === "wifi" || kind === "cellular" || kind === "tunnel" && up;
}

/**
 * Applies the host-only rules to an interface in normal form. They only ever clear `hostOnly`, so applying
 * them again changes nothing.
 */
function applyRules(nic: Interface, { isContainer, defaultRoute }: Given): Interface {
  if (!nic.hostOnly || nic.kind === "loopback") return nic;
  const { ipv4, ipv6 } = defaultRoute;
  if (!isContainer && nic.name !== ipv4?.interface && nic.name !== ipv6?.interface) return nic;
  const cleared = CLEARED.get(nic) ?? assumeNormal({ ...nic, hostOnly: false });
  CLEARED.set(nic, cleared);
  return cleared;
}

/**
 * Makes the lists from sorted interfaces; null if a name occurs twice. If `replaceIn()` were a part of this, V8 would
 * optimize it all at the first change, which takes 11 ms: here it has seen thousands of interfaces.
 */
function makeLists(from: Given, before: Lists | undefined): Lists | null {
  const known = before?.sorted ?? []; // reused: looking up the addresses of each costs more
  const sorted: Interface[] = [];
  const addresses: InterfaceAddresses[] = [];
  let [i, usableIpv4, usableIpv6] = [0, 0, 0];
  for (const given of from.given) {
    const nic = applyRules(given, from);
    while (i < known.length && known[i] !== nic && compareInterfaces(known[i]!, nic) < 0) i++;
    const its = known[i] === nic ? before!.addresses[i]! : addressesOf(nic);
    sorted.push(nic);
    addresses.push(its);
    usableIpv4 += its.usableIpv4;
    usableIpv6 += its.usableIpv6;
  }
  const loopback = collectTexts(addresses, "loopback");
  const global = collectTexts(addresses, "global");
  const localAddresses = localAddressesOf(addresses, loopback, global);
  const made = { record: null, sorted, addresses, loopback, global, usableIpv4, usableIpv6 };
  const lists: Lists = { ...from, ...made, localAddresses, delta: null };
  return Object.keys(recordOf(lists)).length === sorted.length ? lists : null;
}

/** The lists after the interfaces at these places were replaced by others with the same names and indexes. */
function replaceIn(before: Lists, given: readonly Interface[], places: readonly number[]): Lists {
  const sorted = before.sorted.slice();
  const addresses = before.addresses.slice();
  const lists = { ...before, given, record: null, sorted, addresses, delta: { before, places } };
  for (let i = 0; i < places.length; i++) {
    const place = places[i]!;
    const last = addresses[place]!;
    const its = addresses[place] = addressesOf(sorted[place] = applyRules(given[place]!, before));
    lists.usableIpv4 += its.usableIpv4 - last.usableIpv4;
    lists.usableIpv6 += its.usableIpv6 - last.usableIpv6;
  }
  lists.loopback = replaceTexts(before, "loopback", addresses, places);
  lists.global = replaceTexts(before, "global", addresses, places);
  lists.localAddresses = localAddressesOf(addresses, lists.loopback, lists.global, before);
  before.delta = null; // otherwise each state would keep all previous ones alive
  if (sorted.length < MANY) recordOf(lists);
  return lists;
}

function recordOf(lists: Lists): State["interfaces"] {
  if (lists.record !== null) return lists.record;
  const record: Record<string, Interface> = Object.create(null);
  const { sorted } = lists;
  for (let i = 0; i < sorted.length; i++) record[sorted[i]!.name] = sorted[i]!; // by index: a third less time
  LISTS.set(record, lists);
  return lists.record = Object.freeze(record);
}

/** The addresses of one scope as text. The previous ones are reused if few differ. */
function replaceTexts(
  lists: Lists,
  scope: "loopback" | "global",
  addresses: readonly InterfaceAddresses[],
  places: readonly number[],
): Texts {
  const { addresses: known, [scope]: before } = lists;
  let texts = before;
  let start = 0;
  let next = 0;
  for (let i = 0; i < places.length; i++) {
    const place = places[i]!;
    const from = known[place]![scope];
    const to = addresses[place]![scope];
    let same = 0;
    while (same < from.length && from[same] === to[same]) same++;
    if (same === from.length && same === to.length) continue;
    const isLong = places.length > MAX_REPLACED || to.length > MAX_REPLACED;
    if (isLong) return collectTexts(addresses, scope);
    if (texts === before) texts = { all: before.all.slice(), counts: before.counts.slice() };
    for (; next < place; next++) start += texts.counts[next]!;
    texts.all.splice(start, from.length, ...to);
    texts.counts[place] = to.length;
  }
  return texts;
}

function collectTexts(
  addresses: readonly InterfaceAddresses[],
  scope: "loopback" | "global" | "uniqueLocal" | "linkLocal",
): Texts {
  const all: string[] = [];
  const counts: number[] = [];
  for (let i = 0; i < addresses.length; i++) {
    const texts = addresses[i]![scope];
    // flatMap() and spreading into push() take ten times as long, and a long list overflows the stack
    for (let j = 0; j < texts.length; j++) all.push(texts[j]!);
    counts.push(texts.length);
  }
  return { all, counts };
}

/**
 * `regular` falls back to unique-local IPv6 and then to link-local IPv4 if there is nothing better: Cloud Run
 * translates the former, Lambda and Azure App Service the latter.
 */
function localAddressesOf(
  addresses: readonly InterfaceAddresses[],
  loopback: Texts,
  global: Texts,
  before?: Lists,
): State["localAddresses"] {
  let regular = global.all;
  if (regular.length > 0 && loopback === before?.loopback && global === before.global) {
    return before.localAddresses;
  }
  if (regular.length === 0) regular = collectTexts(addresses, "uniqueLocal").all;
  if (regular.length === 0) regular = collectTexts(addresses, "linkLocal").all;
  return Object.freeze({
    loopback: loopback === before?.loopback
      ? before.localAddresses.loopback
      : Object.freeze(loopback.all.slice()),
    regular: Object.freeze(regular.slice()),
  });
}
