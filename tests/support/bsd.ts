/**
 * Shared by the tests of the BSD codec: messages as text, and functions that run every decoder.
 *
 * @module
 */
import { decodeDefaultRoutes, decodeInterfaces, publishedInterface } from "../../ffi/bsd/dump.ts";
import { decodeEvent, decodeKernelEvent } from "../../ffi/bsd/messages.ts";
import {
  ABSENT,
  decodeAddress,
  decodeIp,
  decodeLink,
  decodeLinkSockaddr,
  decodePrefixLength,
  decodeRoute,
  forEachMessage,
  headerOf,
  type LinkSockaddr,
  sockaddrsOf,
} from "../../ffi/bsd/messages.ts";
import { type Header, type Layout, SYSTEMS } from "../../ffi/bsd/systems.ts";
import { formatIp } from "../../state/ip.ts";
import { concat } from "./bsd_encode.ts";

/** The content of a message, with addresses as text. */
export type LegibleMessage = Record<string, unknown>;

/** Decodes all messages; null for those about neither a route, a link nor an IP address. */
export function legibleMessages(bytes: Uint8Array, layout: Layout): (LegibleMessage | null)[] {
  const all: (LegibleMessage | null)[] = [];
  forEachMessage(bytes, (message) => all.push(legibleMessage(message, layout)));
  return all;
}

/** Decodes one message. */
export function legibleMessage(message: Uint8Array, layout: Layout): LegibleMessage | null {
  const header = headerOf(message, layout);
  switch (header?.about) {
    case "route":
      return legible(decodeRoute(message, header, layout));
    case "link":
      return legible(decodeLink(message, header, layout));
    case "address":
      return legible(decodeAddress(message, header, layout));
    default:
      return null;
  }
}

/** Runs every decoder of messages on the bytes. */
export function decodeEverything(bytes: Uint8Array, layout: Layout): void {
  forEachMessage(bytes, (message) => {
    decodeEvent(message, layout);
    legibleMessage(message, layout);
    const header = headerOf(message, layout);
    if (header !== null && "size" in header) decodeMessageSockaddrs(message, header, layout);
  });
}

/** Decodes all sockaddrs of a message. */
export function decodeMessageSockaddrs(
  message: Uint8Array,
  header: Extract<Header, { size: number }>,
  layout: Layout,
): Sockaddrs {
  return decodeAll(message, sockaddrsOf(message, header, layout), layout);
}

/** Decodes sockaddrs without a header. */
export function decodeSockaddrBlock(bytes: Uint8Array, mask: number, layout: Layout): Sockaddrs {
  const message = concat([Uint8Array.of(mask, mask >> 8, mask >> 16, mask >> 24), bytes]);
  return decodeMessageSockaddrs(
    message,
    { about: "group", size: 4, addresses: 0, index: 0 },
    layout,
  );
}

/** Runs every decoder of dumps on the bytes. */
export function decodeDumps(bytes: Uint8Array, layout: Layout): void {
  decodeDefaultRoutes(bytes, layout, () => {});
  for (const listed of decodeInterfaces(bytes, layout, () => {})) {
    publishedInterface(listed, SYSTEMS.darwin, null);
  }
  decodeKernelEvent(bytes);
}

/** An IP address, a link, the prefix length of a mask, or the family of something else. */
export type Sockaddr = string | LinkSockaddr | number | { readonly family: number } | null;

/** By RTAX_*. */
export type Sockaddrs = Sockaddr[];

const RTAX_NETMASK = 2;

function decodeAll(bytes: Uint8Array, offsets: readonly number[], layout: Layout): Sockaddrs {
  const all = offsets.map((at, i): Sockaddr => {
    if (at === ABSENT || i === RTAX_NETMASK) return null;
    const ip = decodeIp(bytes, at, layout);
    if (ip !== null) return formatIp(ip);
    return decodeLinkSockaddr(bytes, at) ?? { family: bytes[at + 1] ?? 0 };
  });
  const mask = offsets[RTAX_NETMASK]!;
  if (mask !== ABSENT) {
    const ip = [all[0], all[5], all[7]].find((it) => typeof it === "string");
    all[RTAX_NETMASK] = decodePrefixLength(bytes, mask, ip?.includes(":") ? "IPv6" : "IPv4");
  }
  return all;
}

/** A sockaddr of `decodeSockaddrBlock()` with links as text: index, name, address. */
export function legibleSockaddr(sockaddr: Sockaddr): string | number | null | { family: number } {
  if (sockaddr === null || typeof sockaddr !== "object" || !("index" in sockaddr)) return sockaddr;
  const { address, index, name } = sockaddr;
  return `link ${index} ${new TextDecoder().decode(name)} ${address.toHex()}`.trim();
}

/** Bytes as text: 4 and 16 of them as an address, others as hexadecimal digits. */
function legible(value: object | null): LegibleMessage | null {
  if (value === null) return null;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [key, legibleField(key, field)]),
  );
}

function legibleField(key: string, field: unknown): unknown {
  if (!(field instanceof Uint8Array)) return field;
  if (key === "name") return new TextDecoder().decode(field);
  return field.length === 4 || field.length === 16 ? formatIp(field) : field.toHex();
}
