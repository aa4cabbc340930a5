// Netlink framing (linux/netlink.h): messages in a datagram, errors, acknowledgements and attributes.
// Everything is little-endian, as is every target that Deno is built for.
import { DecodeError } from "../../state/errors.ts";
import * as C from "./constants.ts";

/** One message of a datagram. */
export interface NetlinkMessage {
  type: number; // NLMSG_* or RTM_*
  flags: number; // NLM_F_*
  /** Of the request that it answers; of somebody else's request in a multicast message. */
  sequence: number;
  pid: number; // the requester's port, not the sender's: that one is in the socket address
  body: Uint8Array; // what follows the header: a view of the datagram, not a copy
}

/** What a message of type NLMSG_ERROR or NLMSG_DONE says. */
export interface NetlinkError {
  code: number; // the error number, positive; 0 for an acknowledgement or a dump that went well
  sequence: number; // the sequence number of the request
  text: string | null; // the error in words, where the socket asked for them with NETLINK_EXT_ACK
}

/**
 * Visits the messages of a datagram in order. Throws DecodeError at the first header that is cut, says
 * less than its own size or reaches beyond the end; those before it were visited. Fewer than 16 zero
 * bytes after a message are padding. What `visit` throws goes through.
 */
export function forEachMessage(
  datagram: Uint8Array,
  visit: (message: NetlinkMessage) => void,
): void {
  for (let at = 0, length = 0; at < datagram.length; at += align4(length)) {
    const left = datagram.length - at;
    if (left < C.NLMSGHDR_SIZE) {
      if (at > 0 && isZero(datagram, at)) return;
      throw new DecodeError("nlmsghdr", at);
    }
    length = u32(datagram, at);
    if (length < C.NLMSGHDR_SIZE || length > left) throw new DecodeError("nlmsghdr", at);
    visit({
      type: u16(datagram, at + 4),
      flags: u16(datagram, at + 6),
      sequence: u32(datagram, at + 8),
      pid: u32(datagram, at + 12),
      body: datagram.subarray(at + C.NLMSGHDR_SIZE, at + length),
    });
  }
}

/**
 * What an NLMSG_ERROR says, or the NLMSG_DONE that ends a dump: the kernel reports there that a dump
 * failed on its way (netlink_dump_done() in net/netlink/af_netlink.c). Throws DecodeError.
 */
export function decodeNetlinkError(message: NetlinkMessage): NetlinkError {
  const { body } = message;
  const done = message.type === C.NLMSG_DONE;
  if (done && body.length === 0) return { code: 0, sequence: message.sequence, text: null };
  if (body.length < (done ? 4 : C.NLMSGERR_SIZE)) throw new DecodeError("nlmsgerr", 0);
  const error = i32(body, 0);
  if (error > 0) throw new DecodeError("nlmsgerr", 0);
  const start = done ? 4 : endOfEcho(message);
  return {
    code: 0 - error,
    sequence: done ? message.sequence : u32(body, 4 + 8),
    text: (message.flags & C.NLM_F_ACK_TLVS) === 0 ? null : errorText(body, start),
  };
}

/** A message of its own, as a request carries it: port 0, padded to a multiple of 4. */
export function encodeMessage(
  type: number,
  flags: number,
  sequence: number,
  body: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const length = C.NLMSGHDR_SIZE + body.length;
  const bytes = new Uint8Array(align4(length));
  setU32(bytes, 0, length);
  setU16(bytes, 4, type);
  setU16(bytes, 6, flags);
  setU32(bytes, 8, sequence);
  bytes.set(body, C.NLMSGHDR_SIZE);
  return bytes;
}

/** Where attributes follow the repeated request, of which NLM_F_CAPPED left only the header. */
function endOfEcho({ flags, body }: NetlinkMessage): number {
  if ((flags & C.NLM_F_CAPPED) !== 0) return C.NLMSGERR_SIZE;
  const length = u32(body, 4);
  if (length < C.NLMSGHDR_SIZE || length > body.length - 4) throw new DecodeError("nlmsgerr", 4);
  return 4 + align4(length);
}

function errorText(body: Uint8Array, start: number): string | null {
  let text: string | null = null;
  for (let at = start, length = 0; at < body.length; at += align4(length)) {
    length = attributeLength(body, at, body.length);
    if (attributeType(body, at) === C.NLMSGERR_ATTR_MSG) {
      text = new TextDecoder().decode(stringValue(body, at, length));
    }
  }
  return text;
}

function isZero(bytes: Uint8Array, start: number): boolean {
  for (let at = start; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}

// Attributes (struct rtattr, linux/rtnetlink.h) are read in place: no copy, no view and no callback for those
// that nobody asked for, because a link message has forty of them.

/** Up to the next multiple of 4, as NLMSG_ALIGN, RTA_ALIGN and RTNH_ALIGN do. */
export function align4(length: number): number {
  return (length + 3) & ~3;
}

/** The u16 at an offset that is known to lie inside. */
export function u16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** The u32 at an offset that is known to lie inside. */
export function u32(bytes: Uint8Array, at: number): number {
  return i32(bytes, at) >>> 0;
}

/** The i32 at an offset that is known to lie inside. */
export function i32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Writes a u16. */
export function setU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** Writes a u32. */
export function setU32(bytes: Uint8Array, at: number, value: number): void {
  setU16(bytes, at, value);
  setU16(bytes, at + 2, value >>> 16);
}

/**
 * The length of the attribute at `at`, its header included, its padding not. The next one stands
 * `align4()` of it further. Throws DecodeError when header or length reach beyond `end`, or when the
 * length is less than the header, which would be an endless loop.
 */
export function attributeLength(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < C.RTATTR_SIZE) throw new DecodeError("rtattr", at);
  const length = u16(bytes, at);
  if (length < C.RTATTR_SIZE || length > end - at) throw new DecodeError("rtattr", at);
  return length;
}

/** The type of the attribute at `at`, without the bits for nested and network byte order. */
export function attributeType(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 2) & C.NLA_TYPE_MASK;
}

/** The value of an attribute that is a u8; longer ones are cut, as the kernel does. */
export function u8Value(bytes: Uint8Array, at: number, length: number, what: string): number {
  if (length < C.RTATTR_SIZE + 1) throw new DecodeError(what, at);
  return bytes[at + C.RTATTR_SIZE]!;
}

/** The value of an attribute that is a u32; longer ones are cut, as the kernel does. */
export function u32Value(bytes: Uint8Array, at: number, length: number, what: string): number {
  if (length < C.RTATTR_SIZE + 4) throw new DecodeError(what, at);
  return u32(bytes, at + C.RTATTR_SIZE);
}

/** The value of an attribute that is a string, up to its NUL if it has one: a view, not a copy. */
export function stringValue(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const value = bytes.subarray(at + C.RTATTR_SIZE, at + length);
  const nul = value.indexOf(0);
  return nul < 0 ? value : value.subarray(0, nul);
}

/**
 * The value of an attribute that is an address: a copy. Throws DecodeError when it is not of the length
 * that its family has; families other than IPv4 and IPv6 have addresses of any length.
 */
export function addressValue(
  bytes: Uint8Array,
  at: number,
  length: number,
  family: number,
  what: string,
): Uint8Array {
  const size = family === C.AF_INET ? 4 : family === C.AF_INET6 ? 16 : length - C.RTATTR_SIZE;
  if (length !== C.RTATTR_SIZE + size) throw new DecodeError(what, at);
  return bytes.slice(at + C.RTATTR_SIZE, at + length);
}

/** One attribute with its padding. Throws RangeError when the value is longer than its u16 can say. */
export function encodeAttribute(type: number, value: Uint8Array): Uint8Array {
  const length = C.RTATTR_SIZE + value.length;
  if (length > 0xffff) {
    throw new RangeError(`An attribute holds at most 65531 bytes, not ${value.length}`);
  }
  const bytes = new Uint8Array(align4(length));
  setU16(bytes, 0, length);
  setU16(bytes, 2, type);
  bytes.set(value, C.RTATTR_SIZE);
  return bytes;
}
