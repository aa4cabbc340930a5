/**
 * Shared by the tests of the netlink codec: captures as data, and functions that spoil them.
 *
 * @module
 */
import { formatIp, type IpBytes } from "../../state/ip.ts";
import { DecodeError } from "../../state/errors.ts";
import { C } from "../../ffi/linux/constants.ts";
import {
  type AddressMessage,
  decodeAddress,
  decodeLink,
  decodeRoute,
  type LinkMessage,
  type Nexthop,
  type RouteMessage,
} from "../../ffi/linux/messages.ts";
import {
  align4,
  decodeNetlinkError,
  encodeMessage,
  forEachMessage,
  type NetlinkMessage,
  setU32,
} from "../../ffi/linux/netlink.ts";
import type { Random } from "./random.ts";

/** The same with addresses as text, so that it can be written down. */
export type Legible<T> = {
  [K in keyof T]: T[K] extends IpBytes ? string
    : T[K] extends IpBytes | null ? string | null
    : T[K] extends Nexthop[] ? Legible<Nexthop>[]
    : T[K];
};

/** One captured datagram, or all datagrams of a dump joined. */
export interface LinuxFixture {
  /** The name of the capture. */
  name: string;
  /** The command or request that made the kernel send it. */
  after: string;
  /** The bytes. */
  hex: string;
  /** Their content, according to another decoder. */
  messages: readonly ExpectedMessage[];
}

/** The content of one message. */
export interface ExpectedMessage extends Omit<NetlinkMessage, "body">, Content {}

/** The content of a message's body: one of these fields, none for a type that is not decoded. */
export interface Content {
  /** Of RTM_NEWLINK and RTM_DELLINK. */
  link?: LinkMessage;
  /** Of RTM_NEWADDR and RTM_DELADDR; null for another family. */
  address?: Legible<AddressMessage> | null;
  /** Of RTM_NEWROUTE and RTM_DELROUTE. */
  route?: Legible<RouteMessage>;
  /** Of NLMSG_ERROR and NLMSG_DONE. */
  error?: ReturnType<typeof decodeNetlinkError>;
}

/** Bytes from hexadecimal digits; white space, and comments from `#` to the end of the line, are skipped. */
export function hex(text: string): Uint8Array {
  const digits = text.replace(/#.*/g, "").replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new SyntaxError(`Not hexadecimal: '${text}'`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Encodes one attribute with its padding. */
export function encodeAttribute(type: number, value: ArrayLike<number>): Uint8Array {
  const length = 4 + value.length;
  const bytes = new Uint8Array(align4(length));
  setU32(bytes, 0, length | (type << 16));
  bytes.set(value, 4);
  return bytes;
}

/** RTM_NEWADDR of an IPv4 address with 24 bits. */
export function newAddress(index: number, ...bytes: number[]): Uint8Array {
  const ifaddrmsg = [C.AF_INET, 24, 0x80, 0, index, 0, 0, 0];
  const local = encodeAttribute(C.IFA_LOCAL, Uint8Array.from(bytes));
  return encodeMessage(C.RTM_NEWADDR, 0, [...ifaddrmsg, ...local]);
}

/** RTM_NEWLINK of an Ethernet interface that is down. */
export function newLink(index: number, name: string): Uint8Array {
  return encodeMessage(C.RTM_NEWLINK, 0, [
    ...[C.AF_UNSPEC, 0, 1, 0, index, 0, 0, 0], // struct ifinfomsg: Ethernet, its index,
    ...[0, 0, 0, 0, 0, 0, 0, 0], // no flag, no change
    ...encodeAttribute(C.IFLA_IFNAME, new TextEncoder().encode(`${name}\0`)),
    ...encodeAttribute(C.IFLA_MTU, [1500 & 0xff, 1500 >> 8, 0, 0]),
  ]);
}

/** A link message of an Ethernet interface that is up. */
export function linkMessage(
  index: number,
  name: string,
  fields: Partial<Omit<LinkMessage, "index" | "name">> = {},
): LinkMessage {
  return {
    family: 0,
    hardwareType: 1,
    index,
    flags: 0x11043,
    name,
    mac: null,
    mtu: 1500,
    operstate: 6,
    kind: null,
    master: null,
    parent: null,
    ...fields,
  };
}

/** Decodes all messages of a datagram. */
export function decodeDatagram(datagram: Uint8Array): ExpectedMessage[] {
  const messages: ExpectedMessage[] = [];
  forEachMessage(datagram, ({ body, ...header }) => {
    messages.push({ ...header, ...decodeBody({ ...header, body }) });
  });
  return messages;
}

/** Decodes a body by the type of its message. */
export function decodeBody(message: NetlinkMessage): Content {
  switch (message.type) {
    case 2:
    case 3:
      return { error: decodeNetlinkError(message) };
    case 16:
    case 17:
      return { link: decodeLink(message.body) };
    case 20:
    case 21:
      return { address: legibleAddress(decodeAddress(message.body)) };
    case 24:
    case 25:
      return { route: legibleRoute(decodeRoute(message.body)) };
    default:
      return {};
  }
}

/** The messages of a datagram, with bodies of their own. */
export function splitDatagram(datagram: Uint8Array): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  forEachMessage(datagram, (message) => {
    messages.push({ ...message, body: message.body.slice() });
  });
  return messages;
}

/** Runs a decoder on bytes that may be spoiled: true when it understood them, false for a DecodeError. */
export function decodesOrRefuses(decode: () => unknown, describe: () => string): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw new Error(`${describe()}: ${error}`, { cause: error });
  }
}

/** A copy with one to four bytes changed, mostly where lengths and types stand, perhaps cut as well. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice(0, random.chance(0.2) ? random.below(bytes.length + 1) : bytes.length);
  if (copy.length === 0) return copy;
  for (let changes = random.between(1, 4); changes > 0; changes--) {
    const at = random.below(copy.length);
    const spot = random.chance(0.7) ? at & ~3 : at;
    copy[spot] = random.chance(0.5)
      ? random.below(256)
      : random.pick([0, 1, 3, 4, 5, 8, 0x7f, 255]);
  }
  return copy;
}

/** The bytes, throwing RangeError when one beyond their ends is read. Views of it are not guarded. */
export function guarded(bytes: Uint8Array): Uint8Array {
  return new Proxy(bytes, {
    get(target, key): unknown {
      if (typeof key === "string" && /^-?[0-9]+$/.test(key) && !(key in target)) {
        throw new RangeError(`Byte ${key} of ${target.length} was read`);
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function legibleAddress(address: AddressMessage | null): Legible<AddressMessage> | null {
  if (address === null) return null;
  return { ...address, local: formatIp(address.local), peer: ipOrNull(address.peer) };
}

function legibleRoute(route: RouteMessage): Legible<RouteMessage> {
  return {
    ...route,
    gateway: ipOrNull(route.gateway),
    source: ipOrNull(route.source),
    nexthops: route.nexthops.map((hop) => ({ ...hop, gateway: ipOrNull(hop.gateway) })),
  };
}

/** Addresses of families other than these two are not IP addresses: they stay numbers. */
function ipOrNull(bytes: IpBytes | null): string | null {
  if (bytes === null) return null;
  return bytes.length === 4 || bytes.length === 16
    ? formatIp(bytes)
    : Uint8Array.from(bytes).toHex();
}
