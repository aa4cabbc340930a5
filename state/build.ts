// The only maker of states. What did not change is taken from the state before, so that an event about one of
// thousands of interfaces costs little: then even walking them is memory latency.
import { addressesOf, type InterfaceAddresses } from "./addresses.ts";
import { compareInterfaces, LISTS } from "./interface_list.ts";
import { scopeOf } from "./ip.ts";
import { assumeNormal, normalizeInterface, normalizeRoute } from "./normalize.ts";
import type { Reading } from "./source.ts";
import type { DefaultRoute, DefaultRoutes, Interface, State } from "./types.ts";

/** The interfaces of a state in order, and what follows from them. */
export interface Lists {
  /** By name, frozen. It has no prototype, since any name is allowed (`__proto__` too). */
  readonly record: State["interfaces"];
  /** By index, then name. */
  readonly sorted: readonly Interface[];
  /** The same as the source said them, before the rules about host-only interfaces. */
  readonly given: readonly Interface[];
  readonly surroundings: Surroundings;
  /** Of the sorted interfaces: looking each up costs ten times as much. */
  readonly addresses: readonly InterfaceAddresses[];
  readonly loopback: Texts;
  readonly global: Texts;
  readonly usableIpv4: number; // how many usable addresses there are
  readonly usableIpv6: number;
  readonly local: Pick<State, "localAddresses" | "haveIpv4" | "haveIpv6">;
  /** Where it differs from the lists of the state before if only objects were replaced; kept for one state. */
  step: { readonly before: Lists; readonly places: readonly number[] } | null;
}

/** What all interfaces and the default routes together say about host-only interfaces. */
interface Surroundings {
  /** There is neither a physical interface nor a tunnel that is up: the program lives in a container. */
  readonly isContainer: boolean;
  readonly ipv4: string | null; // the interface of the IPv4 default route
  readonly ipv6: string | null; // the interface of the IPv6 default route
}

/** Addresses of all interfaces as text. Not frozen: copying a frozen array takes ten times as long. */
interface Texts {
  readonly all: string[];
  readonly counts: Uint32Array; // how many are of each interface
}

/** More interfaces, or addresses of one, than this are as quick to collect again. */
const MOST_REPLACED = 256;

/**
 * Builds the state of a reading and the last wake-up: interfaces in normal form, each name once, derived
 * fields filled in, deeply frozen. The reading's objects are neither frozen nor changed. A default
 * route through an interface that the reading does not list stays as it is. Of two interfaces with one name
 * the higher index stays: the other one was renamed or is gone. Interfaces that equal those of the state
 * before are its objects, and if all do, so is the record.
 *
 * @throws {TypeError} if an address cannot be parsed or a number of an interface is not an integer.
 * @throws {RangeError} if a prefix length does not fit its family.
 */
export function buildState(
  reading: Reading,
  resumed: { readonly at: number; readonly sleptMs: number } | null,
  previous: State | null = null,
): State {
  const defaultRoute: DefaultRoutes = Object.freeze({
    ipv4: normalizeRoute(reading.defaultRoute.ipv4),
    ipv6: normalizeRoute(reading.defaultRoute.ipv6),
  });
  const before = previous === null ? undefined : LISTS.get(previous.interfaces);
  const { local, record: interfaces } = listsOf(reading.interfaces, defaultRoute, before);
  const main = defaultRoute.ipv4 ?? defaultRoute.ipv6;
  const { links, addressFlags, routes } = reading.knows;
  const isOnline = leadsOut(defaultRoute.ipv4, interfaces) ||
    leadsOut(defaultRoute.ipv6, interfaces);
  return Object.freeze({
    interfaces,
    defaultRoute,
    defaultRouteInterface: main?.interface ?? null,
    online: isOnline || (!routes && (local.haveIpv4 || local.haveIpv6) ? "unknown" : false),
    ...local,
    homeRouter: homeRouter(defaultRoute.ipv4),
    // a VPN over a metered link says nothing about that link, so only the interface itself counts
    isExpensive: main !== null && interfaces[main.interface]?.kind === "cellular"
      ? true
      : "unknown",
    resumedAt: resumed?.at ?? null,
    sleptMs: resumed?.sleptMs ?? null,
    knows: Object.freeze({ links, addressFlags, routes }),
  });
}

/**
 * Whether packets leave through the route: without a source address a connection attempt fails at once, and
 * routers forward nothing from fe80::/10 (RFC 4291, 2.5.6), as while an IPv6 router announces no prefix.
 */
function leadsOut(route: DefaultRoute | null, interfaces: State["interfaces"]): boolean {
  if (route === null || route.source === null) return false;
  if (route.source.includes(":") && scopeOf(route.source) === "linkLocal") return false;
  const nic = interfaces[route.interface];
  return nic !== undefined && nic.up && nic.running;
}

function homeRouter(route: DefaultRoute | null): State["homeRouter"] {
  if (route === null || route.gateway === null) return null;
  const isPrivate = /^(10|192\.168|172\.(1[6-9]|2\d|3[01]))\./.test(route.gateway); // RFC 1918
  return isPrivate ? Object.freeze({ gateway: route.gateway, source: route.source }) : null;
}

function listsOf(
  interfaces: readonly Interface[],
  defaultRoute: DefaultRoutes,
  before: Lists | undefined,
): Lists {
  let places = placesReplaced(interfaces, before);
  if (places === null && !isSorted(interfaces)) {
    interfaces = interfaces.toSorted(compareInterfaces);
    places = placesReplaced(interfaces, before);
  }
  const given = before !== undefined && places !== null
    ? replaceAt(places, interfaces, before.given)
    : normalizeAll(interfaces, before?.given ?? []);
  const surroundings: Surroundings = {
    isContainer: !given.some(leadsOutside),
    ipv4: defaultRoute.ipv4?.interface ?? null,
    ipv6: defaultRoute.ipv6?.interface ?? null,
  };
  if (before !== undefined && places !== null && isSame(before.surroundings, surroundings)) {
    return given === before.given ? before : replaced(before, given, places);
  }
  return collected(given, surroundings, before) ??
    listsOf(uniqueByName(given), defaultRoute, before);
}

/**
 * The places at which a list has other objects than the one of the state before; null if it lists other
 * interfaces. Mostly this compares references: with thousands of interfaces anything else takes longer.
 */
function placesReplaced(
  interfaces: readonly Interface[],
  before: Lists | undefined,
): number[] | null {
  if (interfaces.length !== before?.given.length) return null;
  const places: number[] = [];
  for (let i = 0; i < interfaces.length; i++) {
    const nic = interfaces[i]!;
    const known = before.given[i]!;
    if (nic === known) continue;
    if (nic.index !== known.index || nic.name !== known.name) return null;
    places.push(i);
  }
  return places;
}

function isSorted(interfaces: readonly Interface[]): boolean {
  return interfaces.every((nic, i) => i === 0 || compareInterfaces(interfaces[i - 1]!, nic) <= 0);
}

/** The list with the interfaces at these places in normal form; itself if they equal what it has there. */
function replaceAt(
  places: readonly number[],
  interfaces: readonly Interface[],
  known: readonly Interface[],
): readonly Interface[] {
  let result: Interface[] | null = null;
  for (const place of places) {
    const normal = normalizeInterface(interfaces[place]!, known[place]);
    if (normal !== known[place]) (result ??= known.slice())[place] = normal;
  }
  return result ?? known;
}

/** Sorted interfaces in normal form: those of the sorted list of the state before where they are equal. */
function normalizeAll(
  interfaces: readonly Interface[],
  known: readonly Interface[],
): readonly Interface[] {
  let i = 0;
  return interfaces.map((nic) => {
    while (i < known.length && known[i] !== nic && compareInterfaces(known[i]!, nic) < 0) i++;
    return normalizeInterface(nic, known[i]);
  });
}

function uniqueByName(interfaces: readonly Interface[]): Interface[] {
  const sorted = interfaces.toSorted((a, b) => compareInterfaces(a, b) || compareTwins(a, b));
  return [...new Map(sorted.map((nic) => [nic.name, nic])).values()];
}

/** Orders different interfaces of one name and index, so that no choice depends on their order. */
function compareTwins(a: Interface, b: Interface): number {
  if (a === b) return 0;
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

/** `tunl0` and `sit0` are in every container, but down. */
function leadsOutside({ kind, up }: Interface): boolean {
  return kind === "ethernet" || kind === "wifi" || kind === "cellular" || kind === "tunnel" && up;
}

function isSame(a: Surroundings, b: Surroundings): boolean {
  return a.isContainer === b.isContainer && a.ipv4 === b.ipv4 && a.ipv6 === b.ipv6;
}

/**
 * Applies the rules about host-only interfaces to one in normal form. They only ever clear `hostOnly`, so
 * applying them to the result again changes nothing. `known` is what it returned for the same object before.
 */
function applyRules(
  nic: Interface,
  { ipv4, ipv6, isContainer }: Surroundings,
  known: Interface | undefined,
): Interface {
  if (!nic.hostOnly || nic.kind === "loopback") return nic;
  if (!isContainer && nic.name !== ipv4 && nic.name !== ipv6) return nic;
  return known?.hostOnly === false ? known : assumeNormal({ ...nic, hostOnly: false });
}

/** The lists of sorted interfaces, made anew; null if a name occurs twice. */
function collected(
  given: readonly Interface[],
  surroundings: Surroundings,
  before: Lists | undefined,
): Lists | null {
  const record: Record<string, Interface> = Object.create(null);
  const sorted: Interface[] = [];
  const addresses: InterfaceAddresses[] = [];
  const known = before?.given ?? [];
  let usableIpv4 = 0;
  let usableIpv6 = 0;
  let i = 0;
  for (const nic of given) {
    if (record[nic.name] !== undefined) return null;
    while (i < known.length && known[i] !== nic && compareInterfaces(known[i]!, nic) < 0) i++;
    const last = known[i] === nic ? before?.sorted[i] : undefined;
    const judged = applyRules(nic, surroundings, last);
    record[nic.name] = judged;
    sorted.push(judged);
    const its = judged === last ? before!.addresses[i]! : addressesOf(judged);
    addresses.push(its);
    usableIpv4 += its.usableIpv4;
    usableIpv6 += its.usableIpv6;
  }
  const loopback = collectTexts(addresses, "loopback");
  const global = collectTexts(addresses, "global");
  const lists = { record, sorted, given, surroundings, addresses, loopback, global };
  return remember({ ...lists, usableIpv4, usableIpv6, step: null });
}

/** The lists of the state before with other interfaces at these places: names, order and rules are the same. */
function replaced(before: Lists, given: readonly Interface[], places: readonly number[]): Lists {
  const { surroundings } = before;
  const sorted = before.sorted.slice();
  const addresses = before.addresses.slice();
  let { usableIpv4, usableIpv6 } = before;
  let isSmall = places.length <= MOST_REPLACED;
  for (const place of places) {
    if (given[place] === before.given[place]) continue;
    const nic = sorted[place] = applyRules(given[place]!, surroundings, undefined);
    const from = addresses[place]!;
    const to = addresses[place] = addressesOf(nic);
    usableIpv4 += to.usableIpv4 - from.usableIpv4;
    usableIpv6 += to.usableIpv6 - from.usableIpv6;
    isSmall &&= nic.addresses.length <= MOST_REPLACED;
  }
  const record: Record<string, Interface> = Object.create(null);
  for (const nic of sorted) record[nic.name] = nic;
  const texts = (scope: "loopback" | "global"): Texts =>
    isSmall ? replaceTexts(scope, before, addresses, places) : collectTexts(addresses, scope);
  const loopback = texts("loopback");
  const global = texts("global");
  const lists = { record, sorted, given, surroundings, addresses, loopback, global };
  return remember({ ...lists, usableIpv4, usableIpv6, step: { before, places } });
}

function collectTexts(
  addresses: readonly InterfaceAddresses[],
  scope: "loopback" | "global" | "uniqueLocal" | "linkLocal",
): Texts {
  const all: string[] = [];
  const counts = new Uint32Array(addresses.length);
  addresses.forEach(({ [scope]: texts }, i) => {
    // flatMap() and spreading into push() take ten times as long, and long lists overflow the stack
    for (let j = 0; j < texts.length; j++) all.push(texts[j]!);
    counts[i] = texts.length;
  });
  return { all, counts };
}

function replaceTexts(
  scope: "loopback" | "global",
  before: Lists,
  addresses: readonly InterfaceAddresses[],
  places: readonly number[],
): Texts {
  const changed = places.filter((place) => {
    const from = before.addresses[place]![scope];
    const to = addresses[place]![scope];
    return from.length !== to.length || from.some((text, i) => text !== to[i]);
  });
  if (changed.length === 0) return before[scope];
  const all = before[scope].all.slice();
  const counts = before[scope].counts.slice();
  let start = 0;
  let next = 0;
  for (const place of changed) {
    for (; next < place; next++) start += counts[next]!;
    const texts = addresses[place]![scope];
    all.splice(start, counts[place]!, ...texts);
    counts[place] = texts.length;
  }
  return { all, counts };
}

function remember(made: Omit<Lists, "local">): Lists {
  const { record, step, usableIpv4, usableIpv6 } = made;
  const localAddresses = localAddressesOf(made);
  const local = { localAddresses, haveIpv4: usableIpv4 > 0, haveIpv6: usableIpv6 > 0 };
  const lists = { ...made, local };
  LISTS.set(record, lists);
  if (step !== null) step.before.step = null; // or each state would keep all before it
  Object.freeze(record);
  return lists;
}

/**
 * `regular` falls back on unique-local IPv6 and then on link-local IPv4 if there is nothing better: Cloud Run
 * translates the former, Lambda and Azure App Service the latter.
 */
function localAddressesOf(made: Omit<Lists, "local">): State["localAddresses"] {
  const { addresses, global, loopback, step } = made;
  let regular = global.all;
  if (regular.length > 0 && loopback === step?.before.loopback && global === step.before.global) {
    return step.before.local.localAddresses;
  }
  if (regular.length === 0) regular = collectTexts(addresses, "uniqueLocal").all;
  if (regular.length === 0) regular = collectTexts(addresses, "linkLocal").all;
  return Object.freeze({
    loopback: Object.freeze(loopback.all.slice()),
    regular: Object.freeze(regular.slice()),
  });
}
