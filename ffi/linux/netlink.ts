// Netlink framing (linux/netlink.h): messages in a datagram, errors, acknowledgements and attributes.
// Everything is little-endian, as is every target that Deno is built for.
import { DecodeError } from "../../state/errors.ts";
import type { IpBytes } from "../../state/ip.ts";
import { C } from "./constants.ts";

export interface NetlinkMessage {
  type: number; // NLMSG_* or RTM_*
  flags: number; // NLM_F_*
  /** The number of the request that it answers; in a multicast message, of somebody else's request. */
  sequence: number;
  body: Uint8Array; // what follows the header: a view of the datagram, not a copy
}

/**
 * Visits the messages of a datagram in order. Throws DecodeError at the first header that is cut short, or
 * whose length is less than its own size or reaches beyond the end; the messages before it were visited.
 * Fewer than 16 zero bytes after a message are padding. Errors that `visit` throws are passed on.
 */
export function forEachMessage(
  datagram: Uint8Array,
  visit: (message: NetlinkMessage) => void,
): void {
  for (let at = 0, length = 0; at < datagram.length; at += (length + 3) & ~3) {
    const left = datagram.length - at;
    if (left < C.NLMSGHDR_SIZE) {
      if (at > 0 && datagram.subarray(at).every((byte) => byte === 0)) return;
      throw new DecodeError("nlmsghdr", at);
    }
    length = u32(datagram, at);
    if (length < C.NLMSGHDR_SIZE || length > left) throw new DecodeError("nlmsghdr", at);
    visit({
      type: u16(datagram, at + 4),
      flags: u16(datagram, at + 6),
      sequence: u32(datagram, at + 8),
      body: datagram.subarray(at + C.NLMSGHDR_SIZE, at + length),
    });
  }
}

/**
 * The error number in an NLMSG_ERROR, positive, with its text if the socket asked for it (NETLINK_EXT_ACK); 0 for an
 * acknowledgement. NLMSG_DONE carries an error number, too, because a dump can fail half-way (netlink_dump_done()
 * in net/netlink/af_netlink.c). Throws DecodeError.
 */
export function decodeNetlinkError(message: NetlinkMessage): { code: number; text: string | null } {
  const { body, flags, type } = message;
  const done = type === C.NLMSG_DONE;
  if (done && body.length === 0) return { code: 0, text: null };
  if (body.length < (done ? 4 : C.NLMSGERR_SIZE)) throw new DecodeError("nlmsgerr", 0);
  const error = i32(body, 0);
  if (error > 0) throw new DecodeError("nlmsgerr", 0);
  if ((flags & C.NLM_F_ACK_TLVS) === 0) return { code: 0 - error, text: null };
  const text = new Attributes(body, done ? 4 : endOfEcho(message)).string(C.NLMSGERR_ATTR_MSG);
  return { code: 0 - error, text: text && new TextDecoder().decode(text) };
}

/** Where the attributes begin, after the repeated request: only its header if NLM_F_CAPPED is set. */
function endOfEcho({ flags, body }: NetlinkMessage): number {
  if ((flags & C.NLM_F_CAPPED) !== 0) return C.NLMSGERR_SIZE;
  const length = u32(body, 4);
  if (length < C.NLMSGHDR_SIZE || length > body.length - 4) throw new DecodeError("nlmsgerr", 4);
  return 4 + align4(length);
}

/** Encodes a single message as in a request: port 0, padded to a multiple of 4. */
export function encodeMessage(
  type: number,
  flags: number,
  body: ArrayLike<number>,
  sequence = 0,
): Uint8Array<ArrayBuffer> {
  const length = C.NLMSGHDR_SIZE + body.length;
  const bytes = new Uint8Array(align4(length));
  setU32(bytes, 0, length);
  setU32(bytes, 4, type | (flags << 16));
  setU32(bytes, 8, sequence);
  bytes.set(body, C.NLMSGHDR_SIZE);
  return bytes;
}

/** Rounds up to the next multiple of 4, like NLMSG_ALIGN, RTA_ALIGN and RTNH_ALIGN. */
export function align4(length: number): number {
  return (length + 3) & ~3;
}

// The offsets given to these functions are known to lie inside.
export function u16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function u32(bytes: Uint8Array, at: number): number {
  return i32(bytes, at) >>> 0;
}

export function i32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

export function setU32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (8 * i);
}

/**
 * The attributes of a message (struct rtattr, linux/rtnetlink.h). They are located once and read in place,
 * because a link message has forty, of which eight are used. If a type occurs twice, the last one counts.
 */
export class Attributes {
  readonly #bytes: Uint8Array;
  readonly #places: (number | undefined)[];

  /**
   * Keeps types up to `last`: a hostile one of 16,383 would make the array sparse and slow. Throws DecodeError if a
   * header or a length reaches beyond `end`, or if a length is less than that of the header: an endless loop.
   */
  constructor(bytes: Uint8Array, start: number, end: number = bytes.length, last = 31) {
    this.#bytes = bytes;
    const places = this.#places = new Array<number | undefined>(last + 1);
    for (let at = start, length = 0; at < end; at += (length + 3) & ~3) {
      if (end - at < C.RTATTR_SIZE) throw new DecodeError("rtattr", at);
      // not by the helpers: a read of ten links would call them 1,700 times before V8 compiles them
      length = bytes[at]! | (bytes[at + 1]! << 8);
      if (length < C.RTATTR_SIZE || length > end - at) throw new DecodeError("rtattr", at);
      const type = (bytes[at + 2]! | (bytes[at + 3]! << 8)) & C.NLA_TYPE_MASK;
      if (type <= last) places[type] = at;
    }
  }

  at(type: number): number | undefined {
    return this.#places[type];
  }

  /** The value: a view, not a copy. Throws DecodeError if it is shorter than `least` bytes. */
  value(type: number, least = 0, what = ""): Uint8Array | null {
    const at = this.#places[type];
    if (at === undefined) return null;
    const length = u16(this.#bytes, at);
    if (length < C.RTATTR_SIZE + least) throw new DecodeError(what, at);
    return this.#bytes.subarray(at + C.RTATTR_SIZE, at + length);
  }

  /** A u32; longer values are truncated, as in the kernel. Throws DecodeError. */
  u32(type: number, what: string): number | null {
    const at = this.#places[type];
    if (at === undefined) return null;
    if (u16(this.#bytes, at) < C.RTATTR_SIZE + 4) throw new DecodeError(what, at);
    return u32(this.#bytes, at + C.RTATTR_SIZE);
  }

  /** A string, up to its NUL if it has one: a view, not a copy. */
  string(type: number): Uint8Array | null {
    const at = this.#places[type];
    if (at === undefined) return null;
    const end = at + u16(this.#bytes, at);
    const nul = this.#bytes.indexOf(0, at + C.RTATTR_SIZE);
    return this.#bytes.subarray(at + C.RTATTR_SIZE, nul < 0 ? end : Math.min(nul, end));
  }

  /**
   * An address after `skipped` bytes: a copy. Throws DecodeError if its length does not match its family;
   * families other than IPv4 and IPv6 have addresses of any length.
   */
  address(type: number, family: number, what: string, skipped = 0): IpBytes | null {
    const at = this.#places[type];
    if (at === undefined) return null;
    const end = at + u16(this.#bytes, at);
    const start = at + C.RTATTR_SIZE + skipped;
    const size = family === C.AF_INET ? 4 : family === C.AF_INET6 ? 16 : end - start;
    if (end !== start + size) throw new DecodeError(what, at);
    const bytes = this.#bytes;
    if (size === 4) return [bytes[start]!, bytes[start + 1]!, bytes[start + 2]!, bytes[start + 3]!];
    const address: number[] = [];
    for (let i = start; i < end; i++) address.push(bytes[i]!);
    return address;
  }

  /** The attributes inside an attribute, of types up to `last`. Throws DecodeError. */
  nested(type: number, last: number): Attributes | null {
    const at = this.#places[type];
    if (at === undefined) return null;
    return new Attributes(this.#bytes, at + C.RTATTR_SIZE, at + u16(this.#bytes, at), last);
  }
}
