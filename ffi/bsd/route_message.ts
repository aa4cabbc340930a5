/**
 * Routing messages (net/route.h, net/if.h): framing, headers, and what routes, links and addresses say.
 * The same for what a socket delivers and for what `sysctl` dumps.
 *
 * @module
 */
import { DecodeError } from "../../state/errors.ts";
import { isUnspecified } from "../../state/ip.ts";
import {
  RTAX_BRD,
  RTAX_DST,
  RTAX_GATEWAY,
  RTAX_IFA,
  RTAX_IFP,
  RTAX_NETMASK,
  RTF_GATEWAY,
  RTF_HOST,
} from "./constants.ts";
import type { Header, Layout } from "./layouts.ts";
import {
  decodePrefixLength,
  decodeSockaddr,
  type IpSockaddr,
  type LinkSockaddr,
  type Slot,
  type Sockaddr,
  sockaddrSlots,
  u16,
  u32,
} from "./sockaddr.ts";

/** Length, version and type: the same in every message of every system. */
const COMMON_SIZE = 4;

/** One message. */
export interface RouteMessage {
  /** RTM_*. */
  readonly type: number;
  /** RTM_VERSION of the kernel that wrote it. */
  readonly version: number;
  /** The whole message: a view, not a copy. */
  readonly bytes: Uint8Array;
}

/** What a route message says. */
export interface Route {
  /** The family of the destination. */
  readonly family: "IPv4" | "IPv6";
  /** The destination: a copy. */
  readonly destination: Uint8Array;
  /** How many bits of it count. */
  readonly prefixLength: number;
  /** The next hop: a copy; null where the link itself is the way. */
  readonly gateway: Uint8Array | null;
  /** The index of the interface; 0 where it is not told. */
  readonly index: number;
  /** RTF_*. */
  readonly flags: number;
  /** The address of ours that the route prefers: a copy; null where it is not told. */
  readonly source: Uint8Array | null;
}

/** What a link message of a dump says. */
export interface Link {
  /** The index of the interface. */
  readonly index: number;
  /** Its name; empty where it is not told, as in what a socket delivers. */
  readonly name: Uint8Array;
  /** IFF_*. */
  readonly flags: number;
  /** IFT_*. */
  readonly type: number;
  /** The MTU in bytes. */
  readonly mtu: number;
  /** The hardware address; empty where there is none. */
  readonly address: Uint8Array;
  /** LINK_STATE_*: 0 unknown, 1 down, 2 up; 0 where the system does not say. */
  readonly linkState: number;
}

/** What an address message says. */
export interface InterfaceAddress {
  /** The index of the interface. */
  readonly index: number;
  /** The family of the address. */
  readonly family: "IPv4" | "IPv6";
  /** The address: a copy. */
  readonly address: Uint8Array;
  /** How many bits of it name the network. */
  readonly prefixLength: number;
  /** The broadcast address or the other end: a copy; null where it is not told. */
  readonly other: Uint8Array | null;
}

/**
 * Visits the messages of a datagram or a dump. Zero bytes at the end are padding. Throws DecodeError at
 * the first that is cut, says less than its own header or reaches beyond the end; those before it were
 * visited. What `visit` throws goes through.
 */
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

/** The layout of a message; null where its type or version is not known. */
export function headerOf(message: RouteMessage, layout: Layout): Header | null {
  return message.version === layout.version ? layout.headers[message.type] ?? null : null;
}

/** A field of the header of 32 bits; 0 where this type of message has none. Throws DecodeError. */
export function field(message: RouteMessage, offset: number | undefined): number {
  if (offset === undefined) return 0;
  if (offset + 4 > message.bytes.length) throw new DecodeError("rt_msghdr", offset);
  return u32(message.bytes, offset);
}

/** The index of the interface. Throws DecodeError. */
export function indexOf(message: RouteMessage, header: Header): number {
  if (header.index + 2 > message.bytes.length) throw new DecodeError("rtm_index", header.index);
  return u16(message.bytes, header.index);
}

/** The sockaddrs of a message by RTAX_*, masks among them, which `decodeSockaddr()` must not see. */
export function slotsOf(
  message: RouteMessage,
  header: Header,
  layout: Layout,
): (Slot | null)[] {
  const { bytes } = message;
  if (bytes.length < header.size) throw new DecodeError("rt_msghdr", 0);
  const start = layout.headerLength === null ? header.size : u16(bytes, layout.headerLength);
  if (start < header.size) throw new DecodeError("rtm_hdrlen", layout.headerLength ?? 0);
  return sockaddrSlots(bytes, start, field(message, header.addresses), layout);
}

/**
 * Decodes a route message; null for a family other than IPv4 and IPv6. Throws DecodeError.
 */
export function decodeRoute(message: RouteMessage, header: Header, layout: Layout): Route | null {
  const slots = slotsOf(message, header, layout);
  const { bytes } = message;
  const destination = ipAt(bytes, slots[RTAX_DST], layout);
  if (destination === null) return null;
  const flags = field(message, header.flags);
  const gateway = sockaddrAt(bytes, slots[RTAX_GATEWAY], layout);
  const source = ipAt(bytes, slots[RTAX_IFA], layout);
  const family = familyOf(destination);
  return {
    family,
    destination: destination.bytes,
    prefixLength: routePrefixLength(bytes, slots[RTAX_NETMASK], destination, flags),
    // Without the flag an IP address there is our own (point-to-point links, OpenBSD).
    gateway: gateway?.kind === "ip" && (flags & RTF_GATEWAY) !== 0 ? gateway.bytes : null,
    index: routeIndex(bytes, slots, layout, indexOf(message, header)),
    flags,
    source: source !== null && familyOf(source) === family ? source.bytes : null,
  };
}

/** Decodes a link message. Throws DecodeError. */
export function decodeLink(message: RouteMessage, header: Header, layout: Layout): Link {
  const slots = slotsOf(message, header, layout);
  const { bytes } = message;
  const told = linkAt(bytes, slots[RTAX_IFP], layout);
  return {
    index: indexOf(message, header),
    name: told?.name ?? new Uint8Array(),
    flags: field(message, header.flags),
    type: header.type === undefined ? 0 : bytes[header.type]!,
    mtu: field(message, header.mtu),
    address: told?.address ?? new Uint8Array(),
    linkState: header.linkState === undefined ? 0 : bytes[header.linkState]!,
  };
}

/** Decodes an address message; null for a family other than IPv4 and IPv6. Throws DecodeError. */
export function decodeAddress(
  message: RouteMessage,
  header: Header,
  layout: Layout,
): InterfaceAddress | null {
  const slots = slotsOf(message, header, layout);
  const { bytes } = message;
  // The mask lies before the address that tells its family: hence in two passes.
  const address = ipAt(bytes, slots[RTAX_IFA], layout);
  if (address === null) return null;
  const family = familyOf(address);
  const mask = slots[RTAX_NETMASK];
  const other = ipAt(bytes, slots[RTAX_BRD], layout);
  return {
    index: indexOf(message, header),
    family,
    address: address.bytes,
    prefixLength: mask ? decodePrefixLength(bytes, mask, family) : address.bytes.length * 8,
    other: other !== null && familyOf(other) === family ? other.bytes : null,
  };
}

/** A route without a mask is to a host, or the default when it is to nowhere. */
function routePrefixLength(
  bytes: Uint8Array,
  mask: Slot | null | undefined,
  destination: IpSockaddr,
  flags: number,
): number {
  const whole = destination.bytes.length * 8;
  if (flags & RTF_HOST) return whole;
  if (mask) return decodePrefixLength(bytes, mask, familyOf(destination));
  return isUnspecified(destination.bytes) ? 0 : whole;
}

/** What a program asked for is echoed as it was sent, without an index (golang/net, pull request 220). */
function routeIndex(
  bytes: Uint8Array,
  slots: readonly (Slot | null)[],
  layout: Layout,
  told: number,
): number {
  return told || linkAt(bytes, slots[RTAX_IFP], layout)?.index ||
    linkAt(bytes, slots[RTAX_GATEWAY], layout)?.index || 0;
}

function sockaddrAt(
  bytes: Uint8Array,
  slot: Slot | null | undefined,
  layout: Layout,
): Sockaddr | null {
  return slot ? decodeSockaddr(bytes, slot, layout) : null;
}

function ipAt(
  bytes: Uint8Array,
  slot: Slot | null | undefined,
  layout: Layout,
): IpSockaddr | null {
  const sockaddr = sockaddrAt(bytes, slot, layout);
  return sockaddr?.kind === "ip" ? sockaddr : null;
}

function linkAt(
  bytes: Uint8Array,
  slot: Slot | null | undefined,
  layout: Layout,
): LinkSockaddr | null {
  const sockaddr = sockaddrAt(bytes, slot, layout);
  return sockaddr?.kind === "link" ? sockaddr : null;
}

function familyOf(address: IpSockaddr): "IPv4" | "IPv6" {
  return address.bytes.length === 4 ? "IPv4" : "IPv6";
}
