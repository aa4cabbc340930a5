// The normal form of interfaces, addresses and default routes inside a state: copied, validated, sorted
// and frozen. A value that equals the one in the previous state is that same object, so comparing two
// states mostly means comparing references.
import { compareBytes, formatIp, type IpBytes, parseIp } from "./ip.ts";
import { escapeText } from "./format.ts";
import type { Address, DefaultRoute, Interface } from "./types.ts";

/** The fields of an interface other than its name and addresses, in the order in which changes list them. */
export const FIELDS = [
  "kind",
  "index",
  "up",
  "running",
  "hostOnly",
  "flags",
  "mac",
  "mtu",
] as const;

/** Objects made by this module. Addresses are left out: a weak set of many small objects slows down the GC. */
const NORMAL = new WeakSet<Interface | DefaultRoute>();

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;
const ZERO_MAC = "00:00:00:00:00:00";

/**
 * A frozen copy of the interface with its addresses sorted, or `known` if that is equal. Each pair of address
 * and prefix length occurs once: of several (Linux allows `10.0.0.1 peer 10.0.0.2` beside
 * `10.0.0.1 peer 10.0.0.3`), the one without a peer is kept, else the one with the lowest, in any input order.
 *
 * @throws {TypeError} if the name is not a string, a number is not an integer, or an address cannot be parsed.
 * @throws {RangeError} if a prefix length does not fit its family.
 */
export function normalizeInterface(nic: Interface, known?: Interface): Interface {
  if (NORMAL.has(nic)) return nic;
  if (typeof nic.name !== "string") {
    throw new TypeError(`The interface name must be a string, not ${escapeText(String(nic.name))}`);
  }
  for (const field of ["index", "flags", "mtu"] as const) checkInteger(field, nic[field], nic.name);
  const copy: Interface = {
    name: nic.name,
    index: nic.index,
    kind: nic.kind,
    up: nic.up,
    running: nic.running,
    hostOnly: nic.kind === "loopback" || nic.hostOnly === true, // a source in JavaScript may omit it
    flags: nic.flags,
    mac: normalizeMac(nic.mac),
    mtu: nic.mtu,
    addresses: known !== undefined && equalLists(nic.addresses, known.addresses)
      ? known.addresses
      : Object.freeze(sortedUnique(nic.addresses.map((it) => normalizeAddress(it, nic.name)))),
  };
  const isKnown = copy.name === known?.name && FIELDS.every((it) => copy[it] === known[it]) &&
    equalLists(copy.addresses, known.addresses);
  return isKnown ? known : assumeNormal(copy);
}

/** A frozen copy of the address. Family, text and CIDR are derived from the parsed bytes. Errors name the interface. */
export function normalizeAddress(address: Address, interfaceName: string): Address {
  const { prefixLength } = address;
  checkInteger("scopeId", address.scopeId ?? 0, interfaceName);
  const peer = address.peer === null ? null : normalizeText(address.peer, interfaceName);
  const bytes = parseOrThrow(address.address, interfaceName);
  const longest = bytes.length * 8;
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > longest) {
    throw new RangeError(
      `Prefix length ${prefixLength} of ${formatIp(bytes)} is out of range: ` +
        `give an integer from 0 to ${longest}`,
    );
  }
  return makeAddress(bytes, { ...address, peer });
}

/** An address in normal form from its 4 or 16 bytes; a `peer` must have the form that `formatIp()` writes. */
export function makeAddress(
  bytes: IpBytes,
  fields: Pick<Address, "prefixLength"> & Partial<Address>,
): Address {
  const address = formatIp(bytes);
  return Object.freeze({
    family: bytes.length === 4 ? "IPv4" : "IPv6",
    address,
    prefixLength: fields.prefixLength,
    cidr: `${address}/${fields.prefixLength}`,
    peer: fields.peer ?? null,
    scopeId: fields.scopeId ?? null,
    tentative: fields.tentative ?? false,
    duplicated: fields.duplicated ?? false,
    deprecated: fields.deprecated ?? false,
    temporary: fields.temporary ?? false,
    permanent: fields.permanent ?? false,
  });
}

/**
 * Freezes a route with addresses in normal form, or an interface whose addresses are, sorted and without duplicate
 * CIDRs, and marks it as normal. A source that makes them this way saves the check: 20 ms for 10,000 addresses.
 */
export function assumeNormal<T extends Interface | DefaultRoute>(value: T): T {
  NORMAL.add(value);
  const { addresses } = value as Partial<Interface>;
  if (addresses !== undefined) Object.freeze(addresses);
  return Object.freeze(value);
}

/** A frozen copy of the default route. Throws TypeError if its gateway or source cannot be parsed. */
export function normalizeRoute(route: DefaultRoute | null): DefaultRoute | null {
  if (route === null || NORMAL.has(route)) return route;
  const { gateway, source } = route;
  checkInteger("metric", route.metric ?? 0, route.interface);
  return assumeNormal({
    interface: route.interface,
    gateway: gateway === null ? null : normalizeText(gateway, route.interface),
    source: source === null ? null : normalizeText(source, route.interface),
    metric: route.metric,
  });
}

/**
 * Visits the addresses of two lists in normal form in pairs, by CIDR; undefined if one list lacks it. Skips identical
 * objects. Those that `to` lacks come last.
 */
export function pairAddresses(
  from: readonly Address[],
  to: readonly Address[],
  visit: (a: Address | undefined, b: Address | undefined) => void,
): void {
  let start = 0;
  while (start < from.length && from[start] === to[start]) start++;
  let fromEnd = from.length;
  let toEnd = to.length;
  while (fromEnd > start && toEnd > start && from[fromEnd - 1] === to[toEnd - 1]) {
    fromEnd--;
    toEnd--;
  }
  for (let i = start; start === toEnd && i < fromEnd; i++) visit(from[i], undefined);
  if (start === toEnd) return; // the rest is for addresses that changed or came
  const unpaired = start < fromEnd ? new Map<string, Address>() : null;
  for (let i = start; i < fromEnd; i++) unpaired!.set(from[i]!.cidr, from[i]!);
  for (let i = start; i < toEnd; i++) {
    const b = to[i]!;
    const a = unpaired?.get(b.cidr);
    unpaired?.delete(b.cidr);
    if (a !== b) visit(a, b);
  }
  for (const a of unpaired?.values() ?? []) visit(a, undefined);
}

export function equalAddresses(a: Address, b: Address): boolean {
  return a === b ||
    a.family === b.family && a.address === b.address && a.prefixLength === b.prefixLength &&
      a.cidr === b.cidr && a.peer === b.peer && a.scopeId === b.scopeId &&
      a.tentative === b.tentative && a.duplicated === b.duplicated &&
      a.deprecated === b.deprecated && a.temporary === b.temporary && a.permanent === b.permanent;
}

export function equalRoutes(a: DefaultRoute | null, b: DefaultRoute | null): boolean {
  return a === b ||
    a !== null && b !== null && a.interface === b.interface && a.gateway === b.gateway &&
      a.source === b.source && a.metric === b.metric;
}

function equalLists(a: readonly Address[], b: readonly Address[]): boolean {
  return a === b || a.length === b.length && a.every((it, i) => equalAddresses(it, b[i]!));
}

function sortedUnique(addresses: Address[]): Address[] {
  return addresses
    .map((address) => ({ address, key: sortKey(address) }))
    .sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : compareTwins(a.address, b.address))
    .filter(({ key }, i, all) => key !== all[i - 1]?.key)
    .map(({ address }) => address);
}

/** Family, bytes and prefix length as text: comparing text is cheaper than parsing at each comparison. */
function sortKey({ address, family, prefixLength }: Address): string {
  let key: string = family;
  for (const byte of parseIp(address)!) key += String.fromCharCode(byte);
  return key + String.fromCharCode(prefixLength);
}

/** Orders addresses with the same CIDR: the one to keep comes first. */
function compareTwins(a: Address, b: Address): number {
  if (a.peer === b.peer) return JSON.stringify(a) <= JSON.stringify(b) ? -1 : 1;
  if (a.peer === null || b.peer === null) return a.peer === null ? -1 : 1;
  return compareBytes(parseIp(a.peer)!, parseIp(b.peer)!);
}

/** Null unless there are 6 bytes: a tunnel has its endpoint as its hardware address, InfiniBand one of 20 bytes. */
export function formatMac(bytes: ArrayLike<number>): string | null {
  if (bytes.length !== 6) return null;
  let mac = "";
  for (let i = 0; i < 6; i++) mac += `${bytes[i]! < 16 ? ":0" : ":"}${bytes[i]!.toString(16)}`;
  mac = mac.slice(1);
  return mac === ZERO_MAC ? null : mac;
}

function normalizeMac(mac: string | null): string | null {
  const text = mac?.toLowerCase() ?? ZERO_MAC;
  return MAC.test(text) && text !== ZERO_MAC ? text : null;
}

function checkInteger(field: string, value: number, name: string): void {
  if (Number.isSafeInteger(value)) return;
  throw new TypeError(`Interface "${escapeText(name)}" has ${field} ${value}: give an integer`);
}

function normalizeText(text: string, interfaceName: string): string {
  return formatIp(parseOrThrow(text, interfaceName));
}

function parseOrThrow(text: string, interfaceName: string): number[] {
  const bytes = typeof text === "string" ? parseIp(text) : null;
  if (bytes !== null) return bytes;
  throw new TypeError(
    `Cannot parse the address "${escapeText(String(text))}" of interface ` +
      `"${escapeText(String(interfaceName))}": give IPv4 or IPv6 without a zone or prefix length`,
  );
}
