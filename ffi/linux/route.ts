// Route messages (struct rtmsg and RTA_*, linux/rtnetlink.h).
import { DecodeError } from "../../state/errors.ts";
import { LONGEST_DEFAULT_IPV4, LONGEST_DEFAULT_IPV6 } from "../default_route.ts";
import * as C from "./constants.ts";
import {
  addressValue,
  align4,
  attributeLength,
  attributeType,
  encodeAttribute,
  encodeMessage,
  i32,
  setU32,
  u16,
  u32,
  u32Value,
} from "./netlink.ts";

/** What a route message says. */
export interface RouteMessage {
  family: number; // AF_INET or AF_INET6; others occur
  destinationLength: number; // how many bits of the destination count; 0 for a default route
  type: number; // RTN_*
  flags: number; // RTM_F_*, and RTNH_F_* of a route with one way
  outInterface: number | null; // the index of the interface to send from
  /** The next hop, 4 or 16 bytes, perhaps of the other family (RFC 5549): a copy. */
  gateway: Uint8Array | null;
  source: Uint8Array | null; // the address to send from: a copy
  metric: number | null; // the metric; lower is better
  /**
   * Seconds until it vanishes without a message, in steps of 0.01; 0 when it should have; null where it
   * stays. Of answers to `encodeRouteQuery()` only those with `fibMatch` say so.
   */
  expiresInSeconds: number | null;
  nexthops: Nexthop[]; // the ways of a route with several; else empty
  nexthopId: number | null; // the nexthop object that holds the ways
}

/** One way of a route with several. */
export interface Nexthop {
  outInterface: number; // the index of the interface to send from
  gateway: Uint8Array | null; // the next hop, 4 or 16 bytes: a copy
  flags: number; // RTNH_F_*
}

/** Of struct rta_cacheinfo, in USER_HZ, which is 100 wherever Deno runs (asm-generic/param.h). */
const CLOCK_TICKS_PER_SECOND = 100;

/** Decodes the body of RTM_NEWROUTE or RTM_DELROUTE. Throws DecodeError. */
export function decodeRoute(body: Uint8Array): RouteMessage {
  if (body.length < C.RTMSG_SIZE) throw new DecodeError("rtmsg", 0);
  const family = body[0]!;
  const route: RouteMessage = {
    family,
    destinationLength: body[1]!,
    type: body[7]!,
    flags: u32(body, 8),
    outInterface: null,
    gateway: null,
    source: null,
    metric: null,
    expiresInSeconds: null,
    nexthops: [],
    nexthopId: null,
  };
  for (let at = C.RTMSG_SIZE, length = 0; at < body.length; at += align4(length)) {
    length = attributeLength(body, at, body.length);
    switch (attributeType(body, at)) {
      case C.RTA_OIF:
        route.outInterface = u32Value(body, at, length, "RTA_OIF");
        break;
      case C.RTA_GATEWAY:
        route.gateway = addressValue(body, at, length, family, "RTA_GATEWAY");
        break;
      case C.RTA_VIA:
        route.gateway = viaValue(body, at, length);
        break;
      case C.RTA_PREFSRC:
        route.source = addressValue(body, at, length, family, "RTA_PREFSRC");
        break;
      case C.RTA_PRIORITY:
        route.metric = u32Value(body, at, length, "RTA_PRIORITY");
        break;
      case C.RTA_CACHEINFO:
        route.expiresInSeconds ??= cacheExpiry(body, at, length);
        break;
      case C.RTA_EXPIRES:
        // Seconds as a u32; multicast routes have clock ticks since the last packet here, as a u64.
        if (length === C.RTATTR_SIZE + 4) route.expiresInSeconds = u32(body, at + C.RTATTR_SIZE);
        break;
      case C.RTA_MULTIPATH:
        route.nexthops = nexthopsValue(body, at, length, family);
        break;
      case C.RTA_NH_ID:
        route.nexthopId = u32Value(body, at, length, "RTA_NH_ID");
        break;
    }
  }
  return route;
}

/**
 * Asks which way the kernel would send to one destination of 4 or 16 bytes, or with `fibMatch` which
 * route of which table decides that; `outInterface` allows only ways through that interface. Throws
 * RangeError for a destination of another length.
 */
export function encodeRouteQuery(
  sequence: number,
  destination: Uint8Array,
  options: { fibMatch: boolean; outInterface?: number },
): Uint8Array {
  const size = destination.length;
  if (size !== 4 && size !== 16) {
    throw new RangeError(`A destination has 4 or 16 bytes, not ${size}`);
  }
  const attributes = [...encodeAttribute(C.RTA_DST, destination)];
  if (options.outInterface !== undefined) {
    const index = new Uint8Array(4);
    setU32(index, 0, options.outInterface);
    attributes.push(...encodeAttribute(C.RTA_OIF, index));
  }
  const body = new Uint8Array(C.RTMSG_SIZE + attributes.length);
  body[0] = size === 4 ? C.AF_INET : C.AF_INET6;
  body[1] = size * 8;
  // IPv6 always answers with the table where it found the route, and refuses the flag under strict
  // checking: "Invalid flags for get route request" (inet6_rtm_valid_getroute_req()).
  const lookup = size === 4 ? C.RTM_F_LOOKUP_TABLE : 0;
  setU32(body, 8, lookup | (options.fibMatch ? C.RTM_F_FIB_MATCH : 0));
  body.set(attributes, C.RTMSG_SIZE);
  return encodeMessage(C.RTM_GETROUTE, C.NLM_F_REQUEST, sequence, body);
}

/** struct rtvia: a family and an address. null where it is no IP address, as MPLS over Ethernet has. */
function viaValue(bytes: Uint8Array, at: number, length: number): Uint8Array | null {
  if (length < C.RTATTR_SIZE + 2) throw new DecodeError("RTA_VIA", at);
  const family = u16(bytes, at + C.RTATTR_SIZE);
  if (family !== C.AF_INET && family !== C.AF_INET6) return null;
  const size = family === C.AF_INET ? 4 : 16;
  if (length !== C.RTATTR_SIZE + 2 + size) throw new DecodeError("RTA_VIA", at);
  return bytes.slice(at + C.RTATTR_SIZE + 2, at + length);
}

/** `rta_expires`: 0 is never, less is in the past (rtnl_put_cacheinfo() in net/core/rtnetlink.c). */
function cacheExpiry(bytes: Uint8Array, at: number, length: number): number | null {
  if (length < C.RTATTR_SIZE + 12) throw new DecodeError("rta_cacheinfo", at);
  const ticks = i32(bytes, at + C.RTATTR_SIZE + 8);
  return ticks === 0 ? null : Math.max(ticks, 0) / CLOCK_TICKS_PER_SECOND;
}

function nexthopsValue(bytes: Uint8Array, at: number, length: number, family: number): Nexthop[] {
  const nexthops: Nexthop[] = [];
  const end = at + length;
  for (let hop = at + C.RTATTR_SIZE, size = 0; hop < end; hop += align4(size)) {
    if (end - hop < C.RTNEXTHOP_SIZE) throw new DecodeError("rtnexthop", hop);
    size = u16(bytes, hop);
    if (size < C.RTNEXTHOP_SIZE || size > end - hop) throw new DecodeError("rtnexthop", hop);
    nexthops.push({
      outInterface: u32(bytes, hop + 4),
      gateway: nexthopGateway(bytes, hop, size, family),
      flags: bytes[hop + 2]!,
    });
  }
  return nexthops;
}

function nexthopGateway(
  bytes: Uint8Array,
  hop: number,
  size: number,
  family: number,
): Uint8Array | null {
  let gateway: Uint8Array | null = null;
  const end = hop + size;
  for (let at = hop + C.RTNEXTHOP_SIZE, length = 0; at < end; at += align4(length)) {
    length = attributeLength(bytes, at, end);
    const type = attributeType(bytes, at);
    if (type === C.RTA_GATEWAY) gateway = addressValue(bytes, at, length, family, "RTA_GATEWAY");
    else if (type === C.RTA_VIA) gateway = viaValue(bytes, at, length);
  }
  return gateway;
}

/** Whether a route with this destination length can be a default route. */
export function canBeDefault(family: number, destinationLength: number): boolean {
  return destinationLength <= (family === C.AF_INET ? LONGEST_DEFAULT_IPV4 : LONGEST_DEFAULT_IPV6);
}
