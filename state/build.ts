// The only maker of states. What did not change is taken from the state before, so that an event about one of
// thousands of interfaces costs little: then even walking them is memory latency.
import { addressesOf, compareInterfaces, type InterfaceAddresses, LISTS } from "./interfaces.ts";
import { scopeOf } from "./ip.ts";
import { assumeNormal, normalizeInterface, normalizeRoute } from "./normalize.ts";
import type { Reading } from "./ports.ts";
import type { DefaultRoute, DefaultRoutes, Interface, State } from "./types.ts";

/** The interfaces of a state in order, and what follows from them. */
export interface Lists {
  /** By name, frozen. It has no prototype, since any name is allowed (`__proto__` too). */
  readonly record: State["interfaces"];
  /** By index, then name. */
  readonly sorted: readonly Interface[];
  /** The same as the source said them, before the rules about host-only interfaces. */
  readonly given: readonly Interface[];
  /** There is neither a physical interface nor a tunnel that is up: the program lives in a container. */
  readonly isContainer: boolean;
  /** Of these only the names of the interfaces count. */
  readonly defaultRoute: DefaultRoutes;
  /** Of the sorted interfaces: looking each up costs ten times as much. */
  readonly addresses: readonly InterfaceAddresses[];
  readonly loopback: Texts;
  readonly global: Texts;
  readonly usableIpv4: number; // how many usable addresses there are
  readonly usableIpv6: number;
  readonly localAddresses: State["localAddresses"];
  /** Where it differs from the lists of the state before if only objects were replaced; kept for one state. */
  step: { readonly before: Lists; readonly places: readonly number[] } | null;
}

/** What the other lists follow from. */
type Given = Pick<Lists, "given" | "isContainer" | "defaultRoute">;

/** Addresses of all interfaces as text. Not frozen: copying a frozen array takes ten times as long. */
interface Texts {
  readonly all: string[];
  readonly counts: Uint32Array; // how many are of each interface
}

/** Interfaces of which a rule cleared `hostOnly`, by what the source said: states share them. */
const CLEARED = new WeakMap<Interface, Interface>();

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
  const lists = listsOf(reading.interfaces, defaultRoute, before);
  const interfaces = lists.record;
  const haveIpv4 = lists.usableIpv4 > 0;
  const haveIpv6 = lists.usableIpv6 > 0;
  const main = defaultRoute.ipv4 ?? defaultRoute.ipv6;
  const { links, addressFlags, routes } = reading.knows;
  const isOnline = leadsOut(defaultRoute.ipv4, interfaces) ||
    leadsOut(defaultRoute.ipv6, interfaces);
  return Object.freeze({
    interfaces,
    defaultRoute,
    defaultRouteInterface: main?.interface ?? null,
    online: isOnline || (!routes && (haveIpv4 || haveIpv6) ? "unknown" : false),
    localAddresses: lists.localAddresses,
    haveIpv4,
    haveIpv6,
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
  let replaced = before && replacedIn(before.given, interfaces);
  if (!replaced && !isSorted(interfaces)) {
    interfaces = interfaces.toSorted(compareInterfaces);
    replaced = before && replacedIn(before.given, interfaces);
  }
  const given = replaced?.given ?? normalizeAll(interfaces, before?.given ?? []);
  const isContainer = !given.some(leadsOutside);
  const { ipv4, ipv6 } = defaultRoute;
  const isSame = before?.isContainer === isContainer &&
    before.defaultRoute.ipv4?.interface === ipv4?.interface &&
    before.defaultRoute.ipv6?.interface === ipv6?.interface;
  if (isSame && given === before.given) return before;
  const places = isSame && replaced ? replaced.places : null;
  return makeLists({ given, isContainer, defaultRoute }, before, places) ??
    listsOf(uniqueByName(given), defaultRoute, before);
}

/**
 * The interfaces in normal form, and the places at which they differ from the list of the state before; null if
 * they are other interfaces. Mostly this compares references: with thousands of them anything else takes longer.
 */
function replacedIn(
  known: readonly Interface[],
  interfaces: readonly Interface[],
): { readonly given: readonly Interface[]; readonly places: readonly number[] } | null {
  if (interfaces.length !== known.length) return null;
  const places: number[] = [];
  let given: Interface[] | null = null;
  for (let i = 0; i < known.length; i++) {
    const nic = interfaces[i]!;
    const last = known[i]!;
    if (nic === last) continue;
    if (nic.index !== last.index || nic.name !== last.name) return null;
    const normal = normalizeInterface(nic, last);
    if (normal === last) continue;
    (given ??= known.slice())[i] = normal;
    places.push(i);
  }
  return { given: given ?? known, places };
}

function isSorted(interfaces: readonly Interface[]): boolean {
  return interfaces.every((nic, i) => i === 0 || compareInterfaces(interfaces[i - 1]!, nic) <= 0);
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

/**
 * Applies the rules about host-only interfaces to one in normal form. They only ever clear `hostOnly`, so
 * applying them to the result again changes nothing.
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
 * The lists of sorted interfaces; null if a name occurs twice. With places, all but these stay as they were in
 * the state before.
 */
function makeLists(
  from: Given,
  before: Lists | undefined,
  places: readonly number[] | null,
): Lists | null {
  const { given } = from;
  const step = before && places ? { before, places } : null;
  const known = (step === null && before?.sorted) || []; // looking up the addresses of each costs more
  let i = 0;
  const sorted = step === null ? given.slice() : step.before.sorted.slice();
  const addresses = step === null ? [] : step.before.addresses.slice();
  let usableIpv4 = step?.before.usableIpv4 ?? 0;
  let usableIpv6 = step?.before.usableIpv6 ?? 0;
  for (let n = 0; n < (step?.places ?? given).length; n++) {
    const place = step?.places[n] ?? n;
    const nic = sorted[place] = applyRules(given[place]!, from);
    while (i < known.length && known[i] !== nic && compareInterfaces(known[i]!, nic) < 0) i++;
    const last = addresses[place];
    const its = addresses[place] = known[i] === nic ? before!.addresses[i]! : addressesOf(nic);
    usableIpv4 += its.usableIpv4 - (last?.usableIpv4 ?? 0);
    usableIpv6 += its.usableIpv6 - (last?.usableIpv6 ?? 0);
  }
  const record: Record<string, Interface> = Object.create(null);
  for (const nic of sorted) {
    if (step === null && record[nic.name] !== undefined) return null;
    record[nic.name] = nic;
  }
  const loopback = textsOf(addresses, "loopback", step);
  const global = textsOf(addresses, "global", step);
  const localAddresses = localAddressesOf(addresses, loopback, global, step?.before);
  const made = { record, sorted, addresses, loopback, global, usableIpv4, usableIpv6 };
  const lists: Lists = { ...from, ...made, localAddresses, step };
  LISTS.set(record, lists);
  if (step !== null) step.before.step = null; // or each state would keep all before it
  Object.freeze(record);
  return lists;
}

/** The texts of a scope. Those before are used again if few differ. */
function textsOf(
  addresses: readonly InterfaceAddresses[],
  scope: "loopback" | "global",
  step: Lists["step"],
): Texts {
  if (step === null) return collectTexts(addresses, scope);
  const { addresses: known, [scope]: before } = step.before;
  const changed = step.places.filter((place) => {
    const from = known[place]![scope];
    const to = addresses[place]![scope];
    return from.length !== to.length || from.some((text, i) => text !== to[i]);
  });
  if (changed.length === 0) return before;
  const isLong = changed.some((place) => addresses[place]![scope].length > MOST_REPLACED);
  if (isLong || changed.length > MOST_REPLACED) return collectTexts(addresses, scope);
  const all = before.all.slice();
  const counts = before.counts.slice();
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

/**
 * `regular` falls back on unique-local IPv6 and then on link-local IPv4 if there is nothing better: Cloud Run
 * translates the former, Lambda and Azure App Service the latter.
 */
function localAddressesOf(
  addresses: readonly InterfaceAddresses[],
  loopback: Texts,
  global: Texts,
  before: Lists | undefined,
): State["localAddresses"] {
  let regular = global.all;
  if (regular.length > 0 && loopback === before?.loopback && global === before.global) {
    return before.localAddresses;
  }
  if (regular.length === 0) regular = collectTexts(addresses, "uniqueLocal").all;
  if (regular.length === 0) regular = collectTexts(addresses, "linkLocal").all;
  return Object.freeze({
    loopback: Object.freeze(loopback.all.slice()),
    regular: Object.freeze(regular.slice()),
  });
}
