/**
 * What a message of the event socket means, and what it changes in the link table.
 *
 * @module
 */
import { type AddressMessage, decodeAddress } from "./address.ts";
import { canBeDefault, isRouterChange } from "./bpf_filter.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  NLMSG_ERROR,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELNEXTHOP,
  RTM_DELNEXTHOPBUCKET,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWNEXTHOP,
  RTM_NEWNEXTHOPBUCKET,
  RTM_NEWROUTE,
  RTM_NEWRULE,
} from "./constants.ts";
import { decodeLink, type LinkMessage } from "./link.ts";
import type { LinkTable } from "./link_table.ts";
import type { NetlinkMessage } from "./netlink.ts";

/** A decoded message, or what became of one. */
export type KernelEvent =
  | { kind: "link"; link: LinkMessage }
  | { kind: "link-gone"; index: number }
  | { kind: "address" | "address-gone"; address: AddressMessage }
  /** Nothing in the link table, but the default route may have changed. */
  | { kind: "routes" }
  /** The answer to a canary. */
  | { kind: "acknowledgement"; sequence: number }
  /** Says nothing about the state. */
  | { kind: "noise" }
  /** Of an unknown type or not decodable: the state must be read again. */
  | { kind: "malformed" }
  /** Not sent by the kernel. */
  | { kind: "spoofed" }
  /** The kernel dropped messages. */
  | { kind: "overflow" };

const ROUTES: KernelEvent = { kind: "routes" };
const NOISE: KernelEvent = { kind: "noise" };
const MALFORMED: KernelEvent = { kind: "malformed" };

/**
 * Decodes one message.
 *
 * @throws {DecodeError} if it is cut or contradicts itself
 */
export function decodeEvent(message: NetlinkMessage): KernelEvent {
  const { body, type } = message;
  switch (type) {
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = decodeAddress(body);
      if (address === null) return NOISE;
      return { kind: type === RTM_NEWADDR ? "address" : "address-gone", address };
    }
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const link = decodeLink(body);
      // A message of family AF_BRIDGE is about a bridge port: "deleted" means that the link left the bridge.
      if (link.family !== AF_UNSPEC) return NOISE;
      return type === RTM_NEWLINK
        ? { kind: "link", link }
        : { kind: "link-gone", index: link.index };
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      // struct rtmsg: family, destination length. The BPF filter decides the same where it is installed.
      return body.length < 2 || canBeDefault(body[0]!, body[1]!) ? ROUTES : NOISE;
    case RTM_NEWRULE:
    case RTM_DELRULE:
      // Multicast routing has rules of families of its own (RTNL_FAMILY_IPMR, linux/rtnetlink.h).
      return body[0] === AF_INET || body[0] === AF_INET6 ? ROUTES : NOISE;
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      return ROUTES;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      // IPv6 switches between two routers by reachability, without a route message (RFC 4191, 3.2).
      return isRouterChange(body) ? ROUTES : NOISE;
    case RTM_NEWNEXTHOPBUCKET:
    case RTM_DELNEXTHOPBUCKET:
      return NOISE;
    case NLMSG_ERROR:
      return { kind: "acknowledgement", sequence: message.sequence };
    default:
      return type < RTM_NEWLINK ? NOISE : MALFORMED;
  }
}

/** Applies an event to the table. Returns whether the state may have changed. */
export function applyEvent(table: LinkTable, event: KernelEvent): boolean {
  switch (event.kind) {
    case "link":
      // Even if the record is the same: IPv4 routes come and go with a link's state without a message.
      table.setLink(event.link);
      return true;
    case "link-gone":
      return table.deleteLink(event.index);
    case "address":
      return table.setAddress(event.address);
    case "address-gone":
      return table.deleteAddress(event.address);
    case "routes":
      return true;
    default:
      return false;
  }
}
