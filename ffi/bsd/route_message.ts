// Routing messages (net/route.h, net/if.h): framing, headers, and the content of routes, links and
// addresses. The same for what a socket delivers and what `sysctl` dumps. Everything here that decodes throws
// DecodeError if a message is too short or contradicts itself; byte arrays of what it returns are copies.
import { DecodeError } from "../../state/errors.ts";
import { isUnspecified } from "../../state/ip.ts";
import * as C from "./constants.ts";
import type { AddressHeader, Header, Layout, LinkHeader, RouteHeader } from "./layouts.ts";
import {
  ABSENT,
  decodeIp,
  decodeLinkSockaddr,
  decodePrefixLength,
  sockaddrOffsets,
  u16,
  u32,
} from "./sockaddr.ts";

/** Length, version and type: the same in every message of every system. */
const COMMON_SIZE = 4;

/** One message. */
export interface RouteMessage {
  readonly type: number; // RTM_*
  readonly version: number; // RTM_VERSION of the kernel that wrote it
  readonly bytes: Uint8Array; // the whole message: a view, not a copy
}

/** The content of a route message. */
export interface Route {
  readonly family: "IPv4" | "IPv6";
  readonly destination: Uint8Array;
  readonly prefixLength: number;
  readonly gateway: Uint8Array | null; // null where the destination is on the link
  readonly index: number; // the interface; 0 where the kernel leaves it out
  readonly flags: number; // RTF_*
  readonly source: Uint8Array | null; // the preferred one; null where the kernel leaves it out
}

/** The content of a link message. */
export interface Link {
  readonly index: number;
  readonly name: Uint8Array; // empty in what a socket delivers
  readonly flags: number; // IFF_*
  readonly type: number; // IFT_*
  readonly mtu: number;
  readonly address: Uint8Array; // the hardware address; empty where there is none
  readonly linkState: number; // LINK_STATE_*: 0 unknown, 1 down, 2 up; 0 where the system does not say
}

/** The content of an address message. */
export interface InterfaceAddress {
  readonly index: number; // the interface
  readonly family: "IPv4" | "IPv6";
  readonly address: Uint8Array;
  readonly prefixLength: number;
  readonly peerOrBroadcast: Uint8Array | null; // the peer on a point-to-point link; null for none
}

/** Visits the messages of a datagram or a dump, up to one whose length is impossible. Zeros at the end are padding. */
export function forEachMessage(bytes: Uint8Array, visit: (message: RouteMessage) => void): void {
  for (let at = 0, length = 0; at < bytes.length; at += length) {
    const left = bytes.length - at;
    length = left < COMMON_SIZE ? 0 : u16(bytes, at);
    if (length === 0 && isUnspecified(bytes.subarray(at))) return;
    if (length < COMMON_SIZE || length > left) throw new DecodeError("rtm_msglen", at);
    visit({
      version: bytes[at + 2]!,
      type: bytes[at + 3]!,
      bytes: bytes.subarray(at, at + length),
    });
  }
}

/** Visits the messages of a dump. Calls `malformed` for each that is unknown or that `visit` cannot decode. */
export function forEachRecord(
  dump: Uint8Array,
  layout: Layout,
  malformed: () => void,
  visit: (message: RouteMessage, header: Header) => void,
): void {
  forEachMessage(dump, (message) => {
    const header = headerOf(message, layout);
    if (header === null) return malformed();
    try {
      visit(message, header);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      malformed();
    }
  });
}

/** Looks up the layout of a message; null if its type or version is unknown. */
export function headerOf({ type, version }: RouteMessage, layout: Layout): Header | null {
  return version === layout.version ? layout.headers[type] ?? null : null;
}

/** An i32 of the header as unsigned; 0 where this struct has none. */
export function field({ bytes }: RouteMessage, offset: number | undefined): number {
  if (offset === undefined) return 0;
  if (offset + 4 > bytes.length) throw new DecodeError("rt_msghdr", offset);
  return u32(bytes, offset);
}

/** The index of the interface. */
export function indexOf({ bytes }: RouteMessage, { index }: { readonly index: number }): number {
  if (index + 2 > bytes.length) throw new DecodeError("rtm_index", index);
  return u16(bytes, index);
}

/** The offsets of the sockaddrs of a message, by RTAX_*. */
export function sockaddrsOf(
  message: RouteMessage,
  header: RouteHeader | LinkHeader | AddressHeader,
  layout: Layout,
): number[] {
  const { bytes } = message;
  if (bytes.length < header.size) throw new DecodeError("rt_msghdr", 0);
  return sockaddrOffsets(bytes, header.size, field(message, header.addresses), layout);
}

/** Decodes a route message; null for a family other than IP, and for a prefix longer than `longest`. */
export function decodeRoute(
  message: RouteMessage,
  header: RouteHeader,
  layout: Layout,
  longest: Readonly<Record<Route["family"], number>> = { IPv4: 32, IPv6: 128 },
): Route | null {
  const sockaddrs = sockaddrsOf(message, header, layout);
  const { bytes } = message;
  const destination = decodeIp(bytes, sockaddrs[C.RTAX_DST]!, layout);
  if (destination === null) return null;
  const family = familyOf(destination);
  const flags = field(message, header.flags);
  const prefixLength = routePrefixLength(bytes, sockaddrs[C.RTAX_NETMASK]!, destination, flags);
  if (prefixLength > longest[family]) return null;
  const gateway = sockaddrs[C.RTAX_GATEWAY]!;
  const source = decodeIp(bytes, sockaddrs[C.RTAX_IFA]!, layout);
  return {
    family,
    destination,
    prefixLength,
    // Without RTF_GATEWAY an IP address there is our own (point-to-point links, OpenBSD).
    gateway: (flags & C.RTF_GATEWAY) === 0 ? null : decodeIp(bytes, gateway, layout),
    // The echo of a request has no index (golang/net, pull request 220).
    index: indexOf(message, header) ||
      decodeLinkSockaddr(bytes, sockaddrs[C.RTAX_IFP]!)?.index ||
      decodeLinkSockaddr(bytes, gateway)?.index || 0,
    flags,
    source: source?.length === destination.length ? source : null,
  };
}

/** Decodes a link message. */
export function decodeLink(message: RouteMessage, header: LinkHeader, layout: Layout): Link {
  const sockaddrs = sockaddrsOf(message, header, layout);
  const { bytes } = message;
  const link = decodeLinkSockaddr(bytes, sockaddrs[C.RTAX_IFP]!);
  return {
    index: indexOf(message, header),
    name: link?.name ?? new Uint8Array(),
    flags: field(message, header.flags),
    type: bytes[header.type]!,
    mtu: field(message, header.mtu),
    address: link?.address ?? new Uint8Array(),
    linkState: header.linkState === undefined ? 0 : bytes[header.linkState]!,
  };
}

/** Decodes an address message; null for a family other than IP. */
export function decodeAddress(
  message: RouteMessage,
  header: AddressHeader,
  layout: Layout,
): InterfaceAddress | null {
  const sockaddrs = sockaddrsOf(message, header, layout);
  const { bytes } = message;
  const address = decodeIp(bytes, sockaddrs[C.RTAX_IFA]!, layout);
  if (address === null) return null;
  const family = familyOf(address);
  const mask = sockaddrs[C.RTAX_NETMASK]!;
  const other = decodeIp(bytes, sockaddrs[C.RTAX_BRD]!, layout);
  return {
    index: indexOf(message, header),
    family,
    address,
    prefixLength: mask === ABSENT ? address.length * 8 : decodePrefixLength(bytes, mask, family),
    peerOrBroadcast: other?.length === address.length ? other : null,
  };
}

/** A route without a mask leads to a host, or it is the default route if its destination is 0. */
function routePrefixLength(
  bytes: Uint8Array,
  mask: number,
  destination: Uint8Array,
  flags: number,
): number {
  const whole = destination.length * 8;
  if (flags & C.RTF_HOST) return whole;
  if (mask !== ABSENT) return decodePrefixLength(bytes, mask, familyOf(destination));
  return isUnspecified(destination) ? 0 : whole;
}

function familyOf(address: Uint8Array): "IPv4" | "IPv6" {
  return address.length === 4 ? "IPv4" : "IPv6";
}
