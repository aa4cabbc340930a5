/**
 * Interfaces with their addresses, out of a `NET_RT_IFLIST` dump.
 *
 * @module
 */
import { DecodeError } from "../../state/errors.ts";
import { compareBytes, formatIp, isLinkLocal, isUnspecified } from "../../state/ip.ts";
import { interfaceName } from "../../state/interface_name.ts";
import type { Address, Interface } from "../../state/types.ts";
import {
  IFF_POINTOPOINT,
  IFF_RUNNING,
  IFF_UP,
  IN6_IFF_AUTOCONF,
  IN6_IFF_DEPRECATED,
  IN6_IFF_DUPLICATED,
  IN6_IFF_DYNAMIC,
  IN6_IFF_OPTIMISTIC,
  IN6_IFF_TEMPORARY,
  IN6_IFF_TENTATIVE,
} from "./constants.ts";
import { linkKind } from "./link_kind.ts";
import type { BsdName, Layout } from "./layouts.ts";
import {
  decodeAddress,
  decodeLink,
  forEachMessage,
  headerOf,
  type InterfaceAddress,
  type Link,
} from "./route_message.ts";

/** An interface as the kernel lists it. */
export interface ListedInterface {
  /** The interface itself. */
  readonly link: Link;
  /** Its addresses. */
  readonly addresses: InterfaceAddress[];
}

/** IN6_IFF_* by address. */
export type AddressFlags = ReadonlyMap<InterfaceAddress, number>;

const LINK_STATE_DOWN = 1;

/**
 * Decodes the list, by index. A record that cannot be understood is left out and told of.
 *
 * @throws {DecodeError} when the framing is broken
 */
export function decodeInterfaces(
  dump: Uint8Array,
  layout: Layout,
  misunderstood: () => void,
): Map<number, ListedInterface> {
  const listed = new Map<number, ListedInterface>();
  forEachMessage(dump, (message) => {
    const header = headerOf(message, layout);
    if (header === null) return misunderstood();
    try {
      if (header.about === "link") {
        const link = decodeLink(message, header, layout);
        if (link.name.length > 0) listed.set(link.index, { link, addresses: [] });
      } else if (header.about === "address") {
        const address = decodeAddress(message, header, layout);
        if (address !== null) listed.get(address.index)?.addresses.push(address);
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      misunderstood();
    }
  });
  return listed;
}

/** The interface as it is published; without flags, where they cannot be had. */
export function publishedInterface(
  { addresses, link }: ListedInterface,
  os: BsdName,
  flags: AddressFlags | null,
): Interface {
  const name = interfaceName(link.name);
  return {
    name,
    index: link.index,
    kind: linkKind(link, name),
    up: (link.flags & IFF_UP) !== 0,
    // macOS has no state of the link in its list: there IFF_RUNNING is all that is known.
    running: (link.flags & IFF_RUNNING) !== 0 && link.linkState !== LINK_STATE_DOWN,
    flags: link.flags,
    mac: macOf(link.address),
    mtu: link.mtu,
    addresses: addresses.map((address) => publishedAddress(address, link, os, flags)),
  };
}

function publishedAddress(
  listed: InterfaceAddress,
  link: Link,
  os: BsdName,
  all: AddressFlags | null,
): Address {
  const { address, family, index, other, prefixLength } = listed;
  const text = formatIp(address);
  // IPv4 has neither flags nor lifetimes in these kernels.
  const flags = all !== null && family === "IPv4" ? 0 : all?.get(listed) ?? null;
  const optimistic = os === "darwin" ? IN6_IFF_OPTIMISTIC : 0;
  const leased = IN6_IFF_AUTOCONF | (os === "darwin" ? IN6_IFF_DYNAMIC : 0);
  const has = (flag: number) => flags !== null && (flags & flag) !== 0;
  return {
    family,
    address: text,
    prefixLength,
    cidr: `${text}/${prefixLength}`,
    peer: isPeer(other, address, link) ? formatIp(other) : null,
    scopeId: family === "IPv6" && isLinkLocal(address) ? index : null,
    tentative: has(IN6_IFF_TENTATIVE) && !has(optimistic),
    duplicated: has(IN6_IFF_DUPLICATED),
    deprecated: has(IN6_IFF_DEPRECATED),
    temporary: has(IN6_IFF_TEMPORARY),
    permanent: flags !== null && !has(leased),
  };
}

/** The same field is the broadcast address of other links; many VPNs give both ends one address. */
function isPeer(
  other: Uint8Array | null,
  address: Uint8Array,
  { flags }: Link,
): other is Uint8Array {
  return other !== null && (flags & IFF_POINTOPOINT) !== 0 && !isUnspecified(other) &&
    compareBytes(other, address) !== 0;
}

function macOf(address: Uint8Array): string | null {
  return address.length === 6 && !isUnspecified(address)
    ? Array.from(address, (byte) => byte.toString(16).padStart(2, "0")).join(":")
    : null;
}
