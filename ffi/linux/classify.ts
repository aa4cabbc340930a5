/**
 * What a datagram of the event socket means for the table.
 *
 * @module
 */
import { type AddressMessage, decodeAddress } from "./address.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  NLMSG_ERROR,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEXTHOP,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEXTHOP,
  RTM_NEWROUTE,
  RTM_NEWRULE,
} from "./constants.ts";
import { canBeDefault } from "./bpf_filter.ts";
import { decodeLink, type LinkMessage } from "./link.ts";
import type { NetlinkMessage } from "./netlink.ts";
import { decodeRule } from "./rule.ts";
import type { LinkTable } from "./link_table.ts";

/** A decoded message. */
export type NetworkEvent =
  | { kind: "link"; link: LinkMessage }
  | { kind: "link-gone"; index: number }
  | { kind: "address"; address: AddressMessage }
  | { kind: "address-gone"; address: AddressMessage }
  /** The table holds nothing of it, but the default route may be another one now. */
  | { kind: "routes" }
  /** The answer to a canary. */
  | { kind: "acknowledgement"; sequence: number }
  /** It says nothing about the state. */
  | { kind: "noise" }
  /** A type of the future: whatever it says, everything has to be read again. */
  | { kind: "unknown" };

/** Decodes one message. Throws a DecodeError. */
export function decodeEvent(message: NetlinkMessage): NetworkEvent {
  const { body, type } = message;
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const link = decodeLink(body);
      // A link message of family AF_BRIDGE is about a port: a "delete" there means that the link left
      // its bridge, not that it is gone.
      if (link.family !== AF_UNSPEC) return { kind: "noise" };
      return type === RTM_NEWLINK
        ? { kind: "link", link }
        : { kind: "link-gone", index: link.index };
    }
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = decodeAddress(body);
      if (address === null) return { kind: "noise" };
      return { kind: type === RTM_NEWADDR ? "address" : "address-gone", address };
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      // struct rtmsg: family, destination length. The socket's filter did the same, where it is in place.
      return body.length < 2 || canBeDefault(body[0]!, body[1]!)
        ? { kind: "routes" }
        : { kind: "noise" };
    case RTM_NEWRULE:
    case RTM_DELRULE:
      // Multicast routing has rules of families of its own (RTNL_FAMILY_IPMR, linux/rtnetlink.h).
      if (body[0] !== AF_INET && body[0] !== AF_INET6) return { kind: "noise" };
      decodeRule(body); // what cannot be understood may be anything
      return { kind: "routes" };
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      return { kind: "routes" };
    case NLMSG_ERROR:
      return { kind: "acknowledgement", sequence: message.sequence };
    default:
      return type < RTM_NEWLINK ? { kind: "noise" } : { kind: "unknown" };
  }
}

/** Brings the table up to date; true when the state may be another one now. */
export function applyEvent(table: LinkTable, event: NetworkEvent): boolean {
  switch (event.kind) {
    case "link":
      // Even when the record is the same: IPv4 routes come and go with a link's state without a message.
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
