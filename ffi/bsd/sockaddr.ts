// Socket addresses as they follow the header of a routing message: each begins with its length and its
// family.
import { DecodeError } from "../../state/errors.ts";
import { AF_INET, AF_LINK, SOCKADDR_DL, SOCKADDR_IN, SOCKADDR_IN6 } from "./constants.ts";
import type { Layout } from "./layouts.ts";

/** struct sockaddr_dl. Its arrays are copies, often empty. */
export interface LinkSockaddr {
  readonly index: number; // the interface; 0 where the kernel leaves it out
  readonly name: Uint8Array; // the name of the interface
  readonly address: Uint8Array; // the hardware address
}

/** The offset of a sockaddr that is absent. */
export const ABSENT = -1;

/**
 * The offsets of the sockaddrs of a message, by RTAX_*. The last one may lack its padding (rt_msg1() of
 * xnu). A bit whose sockaddr would begin beyond the end counts as absent: xnu sets RTAX_BRD for IPv6
 * addresses, which have none (tailscale/tailscale-rs#396). Throws DecodeError if one reaches beyond the end.
 */
export function sockaddrOffsets(
  bytes: Uint8Array,
  start: number,
  addresses: number,
  layout: Layout,
): number[] {
  const offsets: number[] = [];
  let at = start;
  for (let i = 0; i < layout.sockaddrs; i++) {
    if ((addresses & (1 << i)) === 0 || at >= bytes.length) {
      offsets.push(ABSENT);
      continue;
    }
    const length = bytes[at]!;
    if (length > bytes.length - at) throw new DecodeError("sockaddr", at);
    offsets.push(at);
    // ROUNDUP32 of xnu, SA_SIZE of FreeBSD: an empty sockaddr takes a whole unit.
    at += (Math.max(length, 1) + layout.rounding - 1) & -layout.rounding;
  }
  return offsets;
}

/**
 * Decodes an IP address: 4 or 16 bytes, a copy; null if it is absent or of another family. A sockaddr may
 * be cut short, down to no byte at all: the rest is zero (golang/go#70528, golang/go#71557). Masks are not
 * for this function, since their family byte is junk.
 */
export function decodeIp(bytes: Uint8Array, at: number, layout: Layout): Uint8Array | null {
  if (at === ABSENT) return null;
  const family = familyOf(bytes, at);
  if (family === AF_INET) return addressOf(bytes, at, "IPv4");
  if (family !== layout.inet6) return null;
  const address = addressOf(bytes, at, "IPv6");
  // KAME embeds the scope; with net.inet6.ip6.in6_embedded_scope=0 it is in sin6_scope_id instead.
  if (hasScope(address)) address[2] = address[3] = 0;
  return address;
}

/** Decodes a link-level address; null if it is absent or of another family. Throws DecodeError. */
export function decodeLinkSockaddr(bytes: Uint8Array, at: number): LinkSockaddr | null {
  const length = at === ABSENT ? 0 : bytes[at]!;
  if (length === 0 || familyOf(bytes, at) !== AF_LINK) return null;
  // It can be longer than its struct, and shorter: captures show 14 bytes.
  if (length < SOCKADDR_DL.sdl_data) {
    const index = length < SOCKADDR_DL.sdl_index + 2 ? 0 : u16(bytes, at + SOCKADDR_DL.sdl_index);
    return { index, name: new Uint8Array(), address: new Uint8Array() };
  }
  // All ones mean absent, as golang/net decodes them.
  const nameLength = bytes[at + SOCKADDR_DL.sdl_nlen]! % 0xff;
  const addressLength = bytes[at + SOCKADDR_DL.sdl_alen]! % 0xff;
  const name = at + SOCKADDR_DL.sdl_data;
  const address = name + nameLength;
  if (address + addressLength > at + length) throw new DecodeError("sockaddr_dl", at);
  return {
    index: u16(bytes, at + SOCKADDR_DL.sdl_index),
    name: bytes.slice(name, address),
    address: bytes.slice(address, address + addressLength),
  };
}

/**
 * Counts the leading ones of a mask. The radix tree cuts masks after their last significant byte and
 * fills what precedes the address with 0xff, the family byte too: hence the family of the address that
 * the mask belongs to.
 */
export function decodePrefixLength(bytes: Uint8Array, at: number, family: "IPv4" | "IPv6"): number {
  const mask = addressOf(bytes, at, family);
  let ones = 0;
  for (const byte of mask) {
    ones += Math.min(Math.clz32(~byte << 24), 8);
    if (byte !== 0xff) break;
  }
  return ones;
}

/** The kernel may write a family beside a length of zero. */
function familyOf(bytes: Uint8Array, at: number): number {
  return bytes[at] !== 1 && at + 1 < bytes.length ? bytes[at + 1]! : 0;
}

/** fe80::/10, and multicast of interface-local and link-local scope (RFC 4291, 2.7). */
function hasScope(address: Uint8Array): boolean {
  const [first, second] = [address[0]!, address[1]!];
  if (first === 0xfe) return (second & 0xc0) === 0x80;
  return first === 0xff && ((second & 0x0f) === 1 || (second & 0x0f) === 2);
}

/** Copies the address; bytes beyond the end of the sockaddr are zero. */
function addressOf(bytes: Uint8Array, at: number, family: "IPv4" | "IPv6"): Uint8Array {
  const copy = new Uint8Array(family === "IPv4" ? 4 : 16);
  const offset = family === "IPv4" ? SOCKADDR_IN.sin_addr : SOCKADDR_IN6.sin6_addr;
  const end = Math.min(bytes[at]!, offset + copy.length);
  for (let i = offset; i < end; i++) copy[i - offset] = bytes[at + i]!;
  return copy;
}

/** Reads a u16 in host order. */
export function u16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** Reads a u32 in host order. */
export function u32(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0;
}
