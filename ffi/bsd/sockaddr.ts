/**
 * Socket addresses as they follow the header of a routing message (sys/socket.h, netinet/in.h,
 * netinet6/in6.h, net/if_dl.h): each begins with its length and its family, and is read in place.
 *
 * @module
 */
import { DecodeError } from "../../state/errors.ts";
import { AF_INET, AF_LINK } from "./constants.ts";
import type { Layout } from "./layouts.ts";

/** Where one of them lies. Its length may be 0. */
export interface Slot {
  /** The offset of its first byte. */
  readonly at: number;
  /** sa_len. */
  readonly length: number;
}

/** What a socket address says. */
export type Sockaddr =
  | IpSockaddr
  | LinkSockaddr
  | { readonly kind: "other"; readonly family: number };

/** An IP address. */
export interface IpSockaddr {
  /** Always this. */
  readonly kind: "ip";
  /** 4 or 16 bytes: a copy, without an embedded scope. */
  readonly bytes: Uint8Array;
  /** The index of the interface that it is local to; null where there is none. */
  readonly scopeId: number | null;
}

/** A link-level address. */
export interface LinkSockaddr {
  /** Always this. */
  readonly kind: "link";
  /** The index of the interface; 0 where it is not told. */
  readonly index: number;
  /** IFT_*. */
  readonly type: number;
  /** The name of the interface: a copy; empty where it is not told. */
  readonly name: Uint8Array;
  /** The hardware address: a copy; empty where it is not told. */
  readonly address: Uint8Array;
}

const MASK_OFFSET_IPV4 = 4; // struct sockaddr_in: len, family, port, addr
const MASK_OFFSET_IPV6 = 8; // struct sockaddr_in6: len, family, port, flowinfo, addr, scope_id
const SCOPE_OFFSET = 24;
const LINK_HEADER = 8; // struct sockaddr_dl: len, family, index, type, nlen, alen, slen, data

/**
 * Where the sockaddrs of a message lie, by RTAX_*; null where there is none. The last one may lack its
 * padding (rt_msg1() of xnu). A bit whose sockaddr is beyond the end counts as absent: xnu promises a
 * broadcast address with IPv6 addresses, which have none (tailscale/tailscale-rs#396).
 *
 * @throws {DecodeError} when one reaches beyond the end
 */
export function sockaddrSlots(
  bytes: Uint8Array,
  start: number,
  addresses: number,
  layout: Layout,
): (Slot | null)[] {
  const slots: (Slot | null)[] = [];
  let at = start;
  for (let i = 0; i < layout.sockaddrs; i++) {
    if ((addresses & (1 << i)) === 0 || at >= bytes.length) {
      slots.push(null);
      continue;
    }
    const length = bytes[at]!;
    if (length > bytes.length - at) throw new DecodeError("sockaddr", at);
    slots.push({ at, length });
    at += roundUp(length, layout.rounding);
  }
  return slots;
}

/** ROUNDUP32 of xnu and SA_SIZE of FreeBSD: an empty one takes a whole unit. */
export function roundUp(length: number, rounding: number): number {
  return length === 0 ? rounding : (length + rounding - 1) & -rounding;
}

/**
 * Decodes one that is not a mask. It may be cut short at its end, down to no byte at all: the rest is
 * zero (golang/go#70528, golang/go#71557).
 *
 * @throws {DecodeError} when a link-level one says more than it holds
 */
export function decodeSockaddr(bytes: Uint8Array, slot: Slot, layout: Layout): Sockaddr {
  // The kernel may write a family beside a length of zero.
  const family = slot.length !== 1 && slot.at + 1 < bytes.length ? bytes[slot.at + 1]! : 0;
  if (family === AF_INET) {
    return { kind: "ip", bytes: cutShort(bytes, slot, MASK_OFFSET_IPV4, 4), scopeId: null };
  }
  if (family === layout.inet6) return decodeIpv6(bytes, slot);
  if (family === AF_LINK && slot.length > 0) return decodeLink(bytes, slot);
  return { kind: "other", family };
}

/**
 * The prefix length that a mask means. Its own family cannot be trusted: the radix tree cuts masks
 * short and fills what is before the address with 0xff, the family byte too. So the family is that of
 * the address which it belongs to.
 */
export function decodePrefixLength(
  bytes: Uint8Array,
  slot: Slot,
  family: "IPv4" | "IPv6",
): number {
  const [offset, size] = family === "IPv4" ? [MASK_OFFSET_IPV4, 4] : [MASK_OFFSET_IPV6, 16];
  const mask = cutShort(bytes, slot, offset, size);
  let ones = 0;
  for (const byte of mask) {
    const leading = Math.clz32(~byte << 24);
    ones += Math.min(leading, 8);
    if (byte !== 0xff) break;
  }
  return ones;
}

function decodeIpv6(bytes: Uint8Array, slot: Slot): IpSockaddr {
  const address = cutShort(bytes, slot, MASK_OFFSET_IPV6, 16);
  const field = slot.length >= SCOPE_OFFSET + 4 ? u32(bytes, slot.at + SCOPE_OFFSET) : 0;
  const embedded = hasScope(address) ? (address[2]! << 8) | address[3]! : 0;
  // KAME keeps the scope inside the address; net.inet6.ip6.in6_embedded_scope moves it to the field.
  if (embedded !== 0) address[2] = address[3] = 0;
  return { kind: "ip", bytes: address, scopeId: embedded || field || null };
}

/** fe80::/10, and multicast of interface-local and link-local scope (RFC 4291, 2.7). */
function hasScope(address: Uint8Array): boolean {
  const [first, second] = [address[0]!, address[1]!];
  if (first === 0xfe) return (second & 0xc0) === 0x80;
  return first === 0xff && ((second & 0x0f) === 1 || (second & 0x0f) === 2);
}

/** It can be longer than its struct, and shorter: 14 bytes were seen (net-tools and tailscale captures). */
function decodeLink(bytes: Uint8Array, slot: Slot): LinkSockaddr {
  const { at, length } = slot;
  if (length < LINK_HEADER) {
    const index = length >= 4 ? u16(bytes, at + 2) : 0;
    return { kind: "link", index, type: 0, name: new Uint8Array(), address: new Uint8Array() };
  }
  // All ones says that there is no name and no address (golang/net decodes it so).
  const nameLength = bytes[at + 5] === 0xff ? 0 : bytes[at + 5]!;
  const addressLength = bytes[at + 6] === 0xff ? 0 : bytes[at + 6]!;
  const name = at + LINK_HEADER;
  const address = name + nameLength;
  if (LINK_HEADER + nameLength + addressLength > length) throw new DecodeError("sockaddr_dl", at);
  return {
    kind: "link",
    index: u16(bytes, at + 2),
    type: bytes[at + 4]!,
    name: bytes.slice(name, address),
    address: bytes.slice(address, address + addressLength),
  };
}

/** So many bytes from an offset of the sockaddr on; those that it does not have are zero. */
function cutShort(bytes: Uint8Array, slot: Slot, offset: number, size: number): Uint8Array {
  const copy = new Uint8Array(size);
  const end = Math.min(slot.length, offset + size);
  if (end > offset) copy.set(bytes.subarray(slot.at + offset, slot.at + end));
  return copy;
}

/** A number of 16 bits. */
export function u16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** A number of 32 bits. */
export function u32(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0;
}
