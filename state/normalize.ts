/**
 * The one form that each interface, address and default route has inside a state: copied, normalised,
 * ordered, frozen and remembered, so that the same object means the same value and an event about one
 * interface costs nothing for the others.
 *
 * @module
 */
import { compareBytes, formatIp, parseIp } from "./ip.ts";
import { escapeText } from "./escape.ts";
import type { Address, DefaultRoute, Interface } from "./types.ts";

/** The bytes of each address made here: being in it says that it is frozen and in canonical form. */
const BYTES = new WeakMap<Address, Uint8Array>();
const INTERFACES = new WeakSet<Interface>();
const ROUTES = new WeakSet<DefaultRoute>();

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;
const ZERO_MAC = "00:00:00:00:00:00";

/**
 * A frozen copy of the interface in canonical form: addresses by family, bytes and prefix length, each
 * address and prefix length once. Of several (Linux keeps `10.0.0.1 peer 10.0.0.2` beside
 * `10.0.0.1 peer 10.0.0.3`) the one with the lowest peer stays, none first, so that the choice does not
 * depend on the order. What this function returned before is returned as it is; the caller's
 * objects are neither frozen nor changed.
 *
 * @throws {TypeError} When an address is none or a number is not an integer.
 * @throws {RangeError} When a prefix length does not fit its family.
 */
export function canonicalInterface(nic: Interface): Interface {
  if (INTERFACES.has(nic)) return nic;
  for (const field of ["index", "flags", "mtu"] as const) {
    if (!Number.isSafeInteger(nic[field])) {
      throw new TypeError(
        `Interface "${escapeText(String(nic.name))}" has ${field} ${nic[field]}: give an integer`,
      );
    }
  }
  const made: Interface = Object.freeze({
    name: nic.name,
    index: nic.index,
    kind: nic.kind,
    up: nic.up,
    running: nic.running,
    flags: nic.flags,
    mac: canonicalMac(nic.mac),
    mtu: nic.mtu,
    addresses: canonicalAddresses(nic),
  });
  INTERFACES.add(made);
  return made;
}

/**
 * A frozen copy of the address in canonical form: family and text follow from its bytes. What this
 * function returned before is returned as it is. The interface's name is for the error.
 *
 * @throws {TypeError} When the address or its peer is none.
 * @throws {RangeError} When the prefix length does not fit the family.
 */
export function canonicalAddress(address: Address, interfaceName: string): Address {
  if (BYTES.has(address)) return address;
  const bytes = parseOrThrow(address.address, interfaceName);
  const { prefixLength } = address;
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > bytes.length * 8) {
    throw new RangeError(
      `Prefix length ${prefixLength} of ${formatIp(bytes)} is out of range: ` +
        `give an integer from 0 to ${bytes.length * 8}`,
    );
  }
  const text = formatIp(bytes);
  const made: Address = Object.freeze({
    family: bytes.length === 4 ? "IPv4" : "IPv6",
    address: text,
    prefixLength,
    cidr: `${text}/${prefixLength}`,
    peer: canonicalText(address.peer, interfaceName),
    scopeId: address.scopeId,
    tentative: address.tentative,
    duplicated: address.duplicated,
    deprecated: address.deprecated,
    temporary: address.temporary,
    permanent: address.permanent,
  });
  BYTES.set(made, bytes);
  return made;
}

/**
 * A frozen copy of the default route with its addresses in canonical form; null stays null.
 *
 * @throws {TypeError} When its gateway or source is not an address.
 */
export function canonicalRoute(route: DefaultRoute | null): DefaultRoute | null {
  if (route === null || ROUTES.has(route)) return route;
  const made: DefaultRoute = Object.freeze({
    interface: route.interface,
    gateway: canonicalText(route.gateway, route.interface),
    source: canonicalText(route.source, route.interface),
    metric: route.metric,
  });
  ROUTES.add(made);
  return made;
}

/**
 * The bytes of an address; at no cost for a canonical one.
 *
 * @throws {TypeError} When its text is not an address.
 */
export function addressBytes(address: Address): Uint8Array {
  return BYTES.get(address) ?? parseOrThrow(address.address, "");
}

/** Orders addresses by family (IPv4 first), then bytes, then prefix length. */
export function compareAddresses(a: Address, b: Address): number {
  return compareBytes(addressBytes(a), addressBytes(b)) || a.prefixLength - b.prefixLength;
}

function canonicalAddresses(nic: Interface): readonly Address[] {
  const sorted = nic.addresses.map((address) => canonicalAddress(address, nic.name));
  sorted.sort((a, b) => compareAddresses(a, b) || compareTwins(a, b));
  const unique = sorted.filter((address, i) => address.cidr !== sorted[i - 1]?.cidr);
  return Object.freeze(unique);
}

/** Orders what differs in neither address nor prefix length: the one to keep comes first. */
function compareTwins(a: Address, b: Address): number {
  if (a.peer !== b.peer) {
    if (a.peer === null || b.peer === null) return a.peer === null ? -1 : 1;
    return compareBytes(parseOrThrow(a.peer, ""), parseOrThrow(b.peer, ""));
  }
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

function canonicalMac(mac: string | null): string | null {
  const text = mac?.toLowerCase() ?? ZERO_MAC;
  return MAC.test(text) && text !== ZERO_MAC ? text : null;
}

function canonicalText(text: string | null, interfaceName: string): string | null {
  return text === null ? null : formatIp(parseOrThrow(text, interfaceName));
}

function parseOrThrow(text: string, interfaceName: string): Uint8Array {
  const bytes = typeof text === "string" ? parseIp(text) : null;
  if (bytes !== null) return bytes;
  const where = interfaceName === "" ? "" : ` of interface "${escapeText(String(interfaceName))}"`;
  throw new TypeError(
    `Cannot parse the address "${escapeText(String(text))}"${where}: ` +
      "give IPv4 or IPv6 without zone and prefix length",
  );
}
