// Attributes of netlink messages (struct rtattr, linux/rtnetlink.h), read in place: no copy, no view
// and no callback for those that nobody asked for, because a link message has forty of them.
//
// Everything is little-endian, as is every target that Deno is built for.
import { DecodeError } from "../../state/errors.ts";
import * as C from "./constants.ts";

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
