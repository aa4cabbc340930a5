// Interfaces with their addresses, from a `NET_RT_IFLIST` dump.
import { hostOnlyByName, interfaceName, kindByName } from "../../state/interface_name.ts";
import { compareBytes, formatIp, isLinkLocal, isUnspecified } from "../../state/ip.ts";
import { makeAddress } from "../../state/normalize.ts";
import type { Address, Interface, InterfaceKind } from "../../state/types.ts";
import * as C from "./constants.ts";
import type { Layout } from "./layouts.ts";
import type { Platform } from "./platforms.ts";
import {
  decodeAddress,
  decodeLink,
  forEachRecord,
  type InterfaceAddress,
  type Link,
} from "./route_message.ts";

/** An interface as the kernel lists it. */
export interface ListedInterface {
  readonly link: Link;
  readonly addresses: InterfaceAddress[];
}

/** IN6_IFF_* by address. */
export type AddressFlags = ReadonlyMap<InterfaceAddress, number>;

/** LINK_STATE_DOWN, net/if.h of FreeBSD. */
const LINK_STATE_DOWN = 1;

/**
 * Decodes the list, by index. Calls `malformed` for each record that cannot be decoded. Throws DecodeError if
 * the framing is broken.
 */
export function decodeInterfaces(
  dump: Uint8Array,
  layout: Layout,
  malformed: () => void,
): Map<number, ListedInterface> {
  const listed = new Map<number, ListedInterface>();
  forEachRecord(dump, layout, malformed, (message, header) => {
    if (header.about === "link") {
      const link = decodeLink(message, header, layout);
      if (link.name.length > 0) listed.set(link.index, { link, addresses: [] });
    } else if (header.about === "address") {
      const address = decodeAddress(message, header, layout);
      if (address !== null) listed.get(address.index)?.addresses.push(address);
    }
  });
  return listed;
}

/** The interface as it is published; `flags` is null where address flags cannot be read. */
export function publishedInterface(
  { addresses, link }: ListedInterface,
  platform: Platform,
  flags: AddressFlags | null,
): Interface {
  const name = interfaceName(link.name);
  const kind = linkKind(link, name, platform);
  return {
    name,
    index: link.index,
    kind,
    up: (link.flags & C.IFF_UP) !== 0,
    // The list of macOS has no link state: IFF_RUNNING is all that is known there.
    running: (link.flags & C.IFF_RUNNING) !== 0 && link.linkState !== LINK_STATE_DOWN,
    hostOnly: hostOnlyByName(kind, name),
    flags: link.flags,
    mac: macOf(link.address),
    mtu: link.mtu,
    addresses: addresses.map((address) => publishedAddress(address, link, platform, flags)),
  };
}

/** Determines the kind by flags and type, then by name. */
export function linkKind(
  { flags, type }: Pick<Link, "flags" | "type">,
  name: string,
  { linkKinds }: Pick<Platform, "linkKinds">,
): InterfaceKind {
  if (flags & C.IFF_LOOPBACK) return "loopback";
  const kind = linkKinds[type] ?? kindByName(name);
  return kind === "unknown" && type === C.IFT_ETHER ? "ethernet" : kind;
}

function publishedAddress(
  listed: InterfaceAddress,
  link: Link,
  { leasedAddress, optimisticAddress }: Platform,
  all: AddressFlags | null,
): Address {
  const { address, family, index, peerOrBroadcast, prefixLength } = listed;
  // IPv4 addresses have neither flags nor lifetimes in these kernels.
  const flags = all !== null && family === "IPv4" ? 0 : all?.get(listed) ?? null;
  const has = (flag: number) => flags !== null && (flags & flag) !== 0;
  return makeAddress(address, {
    prefixLength,
    peer: isPeer(peerOrBroadcast, address, link) ? formatIp(peerOrBroadcast) : null,
    scopeId: family === "IPv6" && isLinkLocal(address) ? index : null,
    tentative: has(C.IN6_IFF_TENTATIVE) && !has(optimisticAddress),
    duplicated: has(C.IN6_IFF_DUPLICATED),
    deprecated: has(C.IN6_IFF_DEPRECATED),
    temporary: has(C.IN6_IFF_TEMPORARY),
    permanent: flags !== null && !has(C.IN6_IFF_AUTOCONF | leasedAddress),
  });
}

/** Many VPNs give both ends of a link one address, which is no peer. */
function isPeer(
  peerOrBroadcast: Uint8Array | null,
  address: Uint8Array,
  { flags }: Link,
): peerOrBroadcast is Uint8Array {
  return peerOrBroadcast !== null && (flags & C.IFF_POINTOPOINT) !== 0 &&
    !isUnspecified(peerOrBroadcast) && compareBytes(peerOrBroadcast, address) !== 0;
}

function macOf(address: Uint8Array): string | null {
  return address.length === 6 && !isUnspecified(address)
    ? Array.from(address, (byte) => byte.toString(16).padStart(2, "0")).join(":")
    : null;
}
