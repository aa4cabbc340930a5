// Address messages (struct ifaddrmsg and IFA_*, linux/if_addr.h).
import { DecodeError } from "../../state/errors.ts";
import * as C from "./constants.ts";
import { align4, attributeLength, attributeType, encodeMessage, u32, u32Value } from "./netlink.ts";

/** What an address message says. */
export interface AddressMessage {
  family: "IPv4" | "IPv6"; // IPv4 or IPv6
  index: number; // the index of the interface
  prefixLength: number; // the prefix length, at most 32 or 128; of the peer, where there is one
  flags: number; // IFA_F_*, all 32 bits where the message has them
  local: Uint8Array; // our address, 4 or 16 bytes: a copy
  /** The other end of a point-to-point link: a copy; null where there is none. */
  peer: Uint8Array | null;
}

/**
 * Decodes the body of RTM_NEWADDR or RTM_DELADDR; null for a family other than IPv4 and IPv6. Throws
 * DecodeError.
 */
export function decodeAddress(body: Uint8Array): AddressMessage | null {
  if (body.length < C.IFADDRMSG_SIZE) throw new DecodeError("ifaddrmsg", 0);
  const family = body[0]!;
  if (family !== C.AF_INET && family !== C.AF_INET6) return null;
  const size = family === C.AF_INET ? 4 : 16;
  const prefixLength = body[1]!;
  if (prefixLength > size * 8) throw new DecodeError("ifa_prefixlen", 1);
  let flags = body[2]!;
  // Offsets of the values: 0, which is in the header, means absent.
  let address = 0;
  let local = 0;
  for (let at = C.IFADDRMSG_SIZE, length = 0; at < body.length; at += align4(length)) {
    length = attributeLength(body, at, body.length);
    switch (attributeType(body, at)) {
      case C.IFA_ADDRESS:
        if (length !== C.RTATTR_SIZE + size) throw new DecodeError("IFA_ADDRESS", at);
        address = at + C.RTATTR_SIZE;
        break;
      case C.IFA_LOCAL:
        if (length !== C.RTATTR_SIZE + size) throw new DecodeError("IFA_LOCAL", at);
        local = at + C.RTATTR_SIZE;
        break;
      case C.IFA_FLAGS:
        flags = u32Value(body, at, length, "IFA_FLAGS");
        break;
    }
  }
  // With a peer IFA_LOCAL is ours and IFA_ADDRESS the peer's; without one IPv4 has both, equal, and
  // IPv6 only IFA_ADDRESS (inet_fill_ifaddr(), inet6_fill_ifaddr()). An IPv4 peer of 0.0.0.0 is absent.
  const ours = local || address;
  if (ours === 0) throw new DecodeError("IFA_LOCAL", 0);
  const hasPeer = local !== 0 && address !== 0 && !sameBytes(body, local, address, size);
  return {
    family: family === C.AF_INET ? "IPv4" : "IPv6",
    index: u32(body, 4),
    prefixLength,
    flags,
    local: body.slice(ours, ours + size),
    peer: hasPeer ? body.slice(address, address + size) : null,
  };
}

/** Asks for all addresses of both families. */
export function encodeAddressDump(sequence = 0): Uint8Array {
  // All zero: AF_UNSPEC is any family, and strict checking refuses anything else than a family and an
  // interface in the header (inet_valid_dump_ifaddr_req()).
  const body = new Uint8Array(C.IFADDRMSG_SIZE);
  return encodeMessage(C.RTM_GETADDR, C.NLM_F_REQUEST | C.NLM_F_DUMP, sequence, body);
}

function sameBytes(bytes: Uint8Array, a: number, b: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}
