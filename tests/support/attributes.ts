/**
 * The attributes of a netlink message, for tests: the decoders read theirs in place.
 *
 * @module
 */
import { align4, attributeLength, attributeType } from "../../ffi/linux/netlink.ts";

/** Visits the attributes from `start` to the end of the bytes. Throws DecodeError. */
export function forEachAttribute(
  bytes: Uint8Array,
  start: number,
  visit: (type: number, value: Uint8Array) => void,
): void {
  for (let at = start, length = 0; at < bytes.length; at += align4(length)) {
    length = attributeLength(bytes, at, bytes.length);
    visit(attributeType(bytes, at), bytes.subarray(at + 4, at + length));
  }
}
