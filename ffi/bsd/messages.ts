// Routing messages (net/route.h, net/if.h) of sockets and of sysctl's dumps: framing, sockaddrs, the content of
// routes, links and addresses, and the event that each message means. Also the kernel events of macOS. The decoders
// throw DecodeError if a message is too short or contradicts itself; byte arrays in their results are copies.
import { DecodeError } from "../../state/errors.ts";
import { allZero, formatIp, isLinkLocal } from "../../state/ip.ts";
import { LONGEST_DEFAULT } from "../default_route.ts";
import * as C from "./systems.ts";

/** On all systems, each message begins with its length (u16), its version and its type. */
const COMMON_SIZE = 4;
export const VERSION = 2;
export const TYPE = 3;
/** The offset of a sockaddr that is absent. */
export const ABSENT = -1;
const NO_LINK: LinkSockaddr = { index: 0, name: new Uint8Array(), address: new Uint8Array() };

const { event_code, kev_subclass } = C.DARWIN.KERN_EVENT_MSG;
const ROUTE_TYPES = [undefined, "add", "delete", "change", "get"] as const;

const CHANGED: BsdEvent = { kind: "changed" };
const NOISE: BsdEvent = { kind: "noise" };

type Family = "IPv4" | "IPv6";

export interface Route {
  readonly family: Family;
  readonly destination: Uint8Array;
  readonly prefixLength: number;
  readonly gateway: Uint8Array | null; // null where the destination is on the link
  readonly index: number; // the interface; 0 where the kernel leaves it out
  readonly flags: number; // RTF_*
  readonly source: Uint8Array | null; // the preferred one; null where the kernel leaves it out
}

export interface Link {
  readonly index: number;
  readonly name: Uint8Array; // empty in messages from a socket
  readonly flags: number; // IFF_*
  readonly type: number; // IFT_*
  readonly mtu: number;
  readonly address: Uint8Array; // the hardware address; empty where there is none
  readonly linkState: number; // LINK_STATE_*: 0 unknown, 1 down, 2 up; 0 where the system does not say
}

export interface InterfaceAddress {
  readonly index: number; // the interface
  readonly family: Family;
  readonly address: Uint8Array;
  readonly prefixLength: number;
  readonly peerOrBroadcast: Uint8Array | null; // the peer on a point-to-point link; null for none
}

/**
 * An event, without its content: the kernels do not report everything, so each change is a reason to read.
 *
 * - `changing`: an address is being removed or a link changes, but the kernel may list the old state for a moment.
 * - `joined`: an interface joined a multicast group, which is news only if the interface is not known yet.
 * - `answer`: the answer to a program's RTM_GET, perhaps to our canary.
 */
export type BsdEvent =
  | { readonly kind: "changed" | "changing" | "noise" | "malformed" | "overflow" }
  | { readonly kind: "joined"; readonly index: number }
  | { readonly kind: "answer"; readonly pid: number; readonly sequence: number };

/** struct sockaddr_dl; the index is 0 where the kernel leaves it out. */
export type LinkSockaddr = Pick<Link, "index" | "name" | "address">;

/**
 * Visits the messages of a datagram or a dump (views, not copies). Throws DecodeError at one whose length is
 * impossible. Zeros at the end are padding.
 */
export function forEachMessage(bytes: Uint8Array, visit: (message: Uint8Array) => void): void {
  for (let at = 0, length = 0; at < bytes.length; at += length) {
    const left = bytes.length - at;
    length = u16(bytes, at);
    if (length === 0 && allZero(bytes.subarray(at))) return;
    if (length < COMMON_SIZE || length > left) throw new DecodeError("rtm_msglen", at);
    visit(bytes.subarray(at, at + length));
  }
}

/** Looks up the layout of a message; null if its type or version is unknown. Throws DecodeError if it is cut short. */
export function headerOf(message: Uint8Array, layout: C.Layout): C.Header | null {
  const header = message[VERSION] === layout.version ? layout.headers[message[TYPE]!] : undefined;
  if (header === undefined) return null;
  if ("size" in header && message.length < header.size) throw new DecodeError(header.about, 0);
  return header;
}

export function decodeEvent(message: Uint8Array, layout: C.Layout): BsdEvent {
  const type = message[TYPE]!;
  const header = headerOf(message, layout);
  switch (header?.about) {
    case undefined:
      return { kind: "malformed" };
    case "chatter":
      return NOISE;
    case "group":
      // AWDL joins groups all day (tailscale#1514), but on macOS nothing announces a new interface
      // except the groups that it joins.
      return { kind: "joined", index: u16(message, header.index) };
    case "route": {
      if (type === C.RTM_GET) {
        const [pid, sequence] = [u32(message, header.pid), u32(message, header.sequence)];
        return { kind: "answer", pid, sequence };
      }
      // RTM_MISS comes for each destination without a route, thousands a second since macOS 26.4
      // (tailscale#19324, net-tools#203), and the echo of a request may be a refusal. A router that learns a
      // million routes, and neighbours that come and go, change no default route.
      const isDone = type <= C.RTM_CHANGE && u32(message, header.error) === 0; // RTM_ADD and RTM_DELETE, too
      return isDone && decodeRoute(message, header, layout, true) !== null ? CHANGED : NOISE;
    }
    default:
      return type === C.RTM_DELADDR || type === C.RTM_IFINFO ? { kind: "changing" } : CHANGED;
  }
}

export function decodeKernelEvent(bytes: Uint8Array): BsdEvent {
  if (bytes.length < C.DARWIN.KEV_MSG_HEADER_SIZE) throw new DecodeError("kern_event_msg", 0);
  const noise = C.KERNEL_NOISE[u32(bytes, kev_subclass)];
  if (noise === undefined) return NOISE;
  return Object.values(noise).includes(u32(bytes, event_code)) ? NOISE : CHANGED;
}

export function formatKernelEvent(bytes: Uint8Array): string {
  return `kernel event ${u32(bytes, kev_subclass)}.${u32(bytes, event_code)}`;
}

/** Formats a message, such as `address 2 192.0.2.1/24`: one line, safe to print. Throws DecodeError. */
export function formatMessage(message: Uint8Array, layout: C.Layout): string {
  const type = message[TYPE]!;
  const header = headerOf(message, layout);
  if (header === null) return `unknown type ${hex(type)} version ${message[VERSION]}`;
  switch (header.about) {
    case "route": {
      const what = `route ${ROUTE_TYPES[type] ?? `type ${hex(type)}`}`;
      const route = decodeRoute(message, header, layout);
      if (route === null) return what;
      const via = route.gateway === null ? "" : ` via ${formatIp(route.gateway)}`;
      return `${what} ${route.index} ${formatIp(route.destination)}/${route.prefixLength}${via}` +
        ` flags ${hex(route.flags)}`;
    }
    case "link": {
      const { flags, index, linkState, mtu } = decodeLink(message, header, layout);
      return `link ${index} flags ${hex(flags)} mtu ${mtu} state ${linkState}`;
    }
    case "address": {
      const found = decodeAddress(message, header, layout);
      const kind = type === C.RTM_DELADDR ? "address-gone" : "address";
      if (found === null) return kind;
      return `${kind} ${found.index} ${formatIp(found.address)}/${found.prefixLength}`;
    }
    case "group":
      return `group ${u16(message, header.index)}`;
    default:
      return header.about;
  }
}

/** Decodes a route message; null if it is not IP or, with `defaultsOnly`, if it cannot be a default route. */
export function decodeRoute(
  message: Uint8Array,
  header: C.RouteHeader,
  layout: C.Layout,
  defaultsOnly = false,
): Route | null {
  const flags = u32(message, header.flags);
  if (defaultsOnly && (flags & layout.neverDefault) !== 0) return null;
  const sockaddrs = sockaddrsOf(message, header, layout);
  const destination = decodeIp(message, sockaddrs[C.RTAX_DST]!, layout);
  if (destination === null) return null;
  const family = destination.length === 4 ? "IPv4" : "IPv6";
  const mask = sockaddrs[C.RTAX_NETMASK]!;
  const isUnmaskedDefault = (flags & C.RTF_HOST) === 0 && mask === ABSENT && allZero(destination);
  const prefixLength = isUnmaskedDefault ? 0 : decodePrefixLength(message, mask, family);
  if (defaultsOnly && prefixLength > LONGEST_DEFAULT[family]) return null;
  const gateway = sockaddrs[C.RTAX_GATEWAY]!;
  const source = decodeIp(message, sockaddrs[C.RTAX_IFA]!, layout);
  return {
    family,
    destination,
    prefixLength,
    // Without RTF_GATEWAY, an IP address in RTAX_GATEWAY is our own (point-to-point links, OpenBSD).
    gateway: (flags & C.RTF_GATEWAY) === 0 ? null : decodeIp(message, gateway, layout),
    // The echo of a request has no index (golang/net, pull request 220).
    index: u16(message, header.index) ||
      decodeLinkSockaddr(message, sockaddrs[C.RTAX_IFP]!)?.index ||
      decodeLinkSockaddr(message, gateway)?.index || 0,
    flags,
    source: source?.length === destination.length ? source : null,
  };
}

export function decodeLink(message: Uint8Array, header: C.LinkHeader, layout: C.Layout): Link {
  const sockaddrs = sockaddrsOf(message, header, layout);
  const { address, name } = decodeLinkSockaddr(message, sockaddrs[C.RTAX_IFP]!) ?? NO_LINK;
  return {
    index: u16(message, header.index),
    name,
    flags: u32(message, header.flags),
    type: message[header.type]!,
    mtu: u32(message, header.mtu),
    address,
    linkState: header.linkState === undefined ? 0 : message[header.linkState]!,
  };
}

/** Decodes an address message; null for a family other than IP. */
export function decodeAddress(
  message: Uint8Array,
  header: C.Offsets,
  layout: C.Layout,
): InterfaceAddress | null {
  const sockaddrs = sockaddrsOf(message, header, layout);
  const address = decodeIp(message, sockaddrs[C.RTAX_IFA]!, layout);
  if (address === null) return null;
  const family = address.length === 4 ? "IPv4" : "IPv6";
  const other = decodeIp(message, sockaddrs[C.RTAX_BRD]!, layout);
  return {
    index: u16(message, header.index),
    family,
    address,
    prefixLength: decodePrefixLength(message, sockaddrs[C.RTAX_NETMASK]!, family),
    peerOrBroadcast: other?.length === address.length ? other : null,
  };
}

/**
 * The offsets of the sockaddrs of a message, by RTAX_*. Each begins with its length and its family. The last one
 * may lack its padding (rt_msg1() of xnu). A bit whose sockaddr would begin beyond the end counts as absent: xnu
 * sets RTAX_BRD for IPv6 addresses, which have none (tailscale/tailscale-rs#396).
 */
export function sockaddrsOf(
  message: Uint8Array,
  { addresses, size }: C.Offsets,
  { rounding }: C.Layout,
): number[] {
  const present = u32(message, addresses);
  const offsets = new Array<number>(C.RTAX_MAX).fill(ABSENT);
  for (let i = 0, at = size; i < C.RTAX_MAX && at < message.length; i++) {
    if ((present & (1 << i)) === 0) continue;
    const length = message[at]!;
    if (length > message.length - at) throw new DecodeError("sockaddr", at);
    offsets[i] = at;
    // ROUNDUP32 of xnu, SA_SIZE of FreeBSD: an empty sockaddr takes a whole unit.
    at += (Math.max(length, 1) + rounding - 1) & -rounding;
  }
  return offsets;
}

/**
 * Decodes an IP address: 4 or 16 bytes; null if it is absent or of another family. A sockaddr may be cut short,
 * even to nothing: the missing bytes are zero (golang/go#70528, golang/go#71557). Not for masks: theirs is junk.
 */
export function decodeIp(bytes: Uint8Array, at: number, layout: C.Layout): Uint8Array | null {
  const family = sockaddrFamily(bytes, at);
  if (family === C.AF_INET) return addressOf(bytes, at, "IPv4");
  if (family !== layout.inet6) return null;
  const address = addressOf(bytes, at, "IPv6");
  const isLocalMulticast = address[0] === 0xff && [1, 2].includes(address[1]! & 0x0f); // RFC 4291, 2.7
  // KAME embeds the scope; with net.inet6.ip6.in6_embedded_scope=0 it is in sin6_scope_id instead.
  if (isLinkLocal(address) || isLocalMulticast) address[2] = address[3] = 0;
  return address;
}

/** Decodes a link-level address; null if it is absent or of another family. */
export function decodeLinkSockaddr(bytes: Uint8Array, at: number): LinkSockaddr | null {
  if (sockaddrFamily(bytes, at) !== C.AF_LINK) return null;
  const length = bytes[at]!;
  const { sdl_alen, sdl_data, sdl_index, sdl_nlen } = C.SOCKADDR_DL;
  const index = length < sdl_index + 2 ? 0 : u16(bytes, at + sdl_index);
  // A sockaddr_dl can be longer or shorter than its struct: captures show 14 bytes.
  if (length < sdl_data) return { ...NO_LINK, index };
  // A length of all ones means absent, as in golang/net.
  const name = at + sdl_data;
  const address = name + bytes[at + sdl_nlen]! % 0xff;
  const end = address + bytes[at + sdl_alen]! % 0xff;
  if (end > at + length) throw new DecodeError("sockaddr_dl", at);
  return { index, name: bytes.slice(name, address), address: bytes.slice(address, end) };
}

/**
 * Counts the leading ones of a mask; the full length if it is absent. The radix tree cuts masks after their last
 * significant byte and fills the bytes before the address with 0xff, the family byte included: so the caller
 * passes the family of the address that the mask belongs to.
 */
export function decodePrefixLength(bytes: Uint8Array, at: number, family: Family): number {
  if (at === ABSENT) return family === "IPv4" ? 32 : 128;
  let ones = 0;
  for (const byte of addressOf(bytes, at, family)) {
    ones += Math.min(Math.clz32(~byte << 24), 8);
    if (byte !== 0xff) break;
  }
  return ones;
}

/** AF_*; 0 if it is absent. The kernel may write a family although the length is zero. */
function sockaddrFamily(bytes: Uint8Array, at: number): number {
  return at === ABSENT || bytes[at] === 1 || at + 1 >= bytes.length ? 0 : bytes[at + 1]!;
}

/** Copies the address; bytes beyond the end of the sockaddr are zero. */
function addressOf(bytes: Uint8Array, at: number, family: Family): Uint8Array {
  const [offset, size] = family === "IPv4"
    ? [C.SOCKADDR_IN.sin_addr, 4]
    : [C.SOCKADDR_IN6.sin6_addr, 16];
  const address = new Uint8Array(size);
  const end = Math.min(bytes[at]!, offset + size);
  for (let i = offset; i < end; i++) address[i - offset] = bytes[at + i]!;
  return address;
}

export function u16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function u32(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0;
}

function hex(number: number): string {
  return `0x${number.toString(16)}`;
}
