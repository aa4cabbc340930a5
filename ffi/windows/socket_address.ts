// Addresses as Windows stores them, and as the rest of netwatch does: 4 or 16 bytes.
import { DecodeError } from "../../state/errors.ts";
import {
  AF_INET,
  AF_INET6,
  SOCKADDR_IN,
  SOCKADDR_IN6,
  SOCKADDR_IN6_SIZE,
  SOCKADDR_IN_SIZE,
  SOCKADDR_INET_SIZE,
} from "./constants.ts";
import type { MemoryImage } from "./memory_image.ts";

/**
 * The bytes of an address.
 *
 * @throws {DecodeError} if it is neither IPv4 nor IPv6, or longer than `length`
 */
export function decodeSocketAddress(
  image: MemoryImage,
  offset: number,
  length: number,
): Uint8Array {
  const family = length < 2 ? null : image.u16(offset + SOCKADDR_IN.sin_family);
  if (family === AF_INET && length >= SOCKADDR_IN_SIZE) {
    return image.bytes(offset + SOCKADDR_IN.sin_addr, 4).slice();
  }
  if (family === AF_INET6 && length >= SOCKADDR_IN6_SIZE) {
    return image.bytes(offset + SOCKADDR_IN6.sin6_addr, 16).slice();
  }
  throw new DecodeError("sockaddr", offset);
}

/** An address as a SOCKADDR_INET. */
export function encodeSocketAddress(address: Uint8Array): Uint8Array<ArrayBuffer> {
  const isIpv4 = address.length === 4;
  const bytes = new Uint8Array(SOCKADDR_INET_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(SOCKADDR_IN.sin_family, isIpv4 ? AF_INET : AF_INET6, true);
  bytes.set(address, isIpv4 ? SOCKADDR_IN.sin_addr : SOCKADDR_IN6.sin6_addr);
  return bytes;
}
