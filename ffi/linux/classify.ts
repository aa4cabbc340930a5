// What a message of the event socket means, and what it changes in the link table.
import { type AddressMessage, decodeAddress } from "./address.ts";
import { isRouterChange } from "./bpf_filter.ts";
import * as C from "./constants.ts";
import { decodeLink, type LinkMessage } from "./link.ts";
import type { LinkTable } from "./link_table.ts";
import type { NetlinkMessage } from "./netlink.ts";
import { canBeDefault } from "./route.ts";

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
    case C.RTM_NEWADDR:
    case C.RTM_DELADDR: {
      const address = decodeAddress(body);
      if (address === null) return NOISE;
      return { kind: type === C.RTM_NEWADDR ? "address" : "address-gone", address };
    }
    case C.RTM_NEWLINK:
    case C.RTM_DELLINK: {
      const link = decodeLink(body);
      // A message of family AF_BRIDGE is about a bridge port: "deleted" means that the link left the bridge.
      if (link.family !== C.AF_UNSPEC) return NOISE;
      return type === C.RTM_NEWLINK
        ? { kind: "link", link }
        : { kind: "link-gone", index: link.index };
    }
    case C.RTM_NEWROUTE:
    case C.RTM_DELROUTE:
      // struct rtmsg: family, destination length. The BPF filter decides the same where it is installed.
      return body.length < 2 || canBeDefault(body[0]!, body[1]!) ? ROUTES : NOISE;
    case C.RTM_NEWRULE:
    case C.RTM_DELRULE:
      // Multicast routing has rules of families of its own (RTNL_FAMILY_IPMR, linux/rtnetlink.h).
      return body[0] === C.AF_INET || body[0] === C.AF_INET6 ? ROUTES : NOISE;
    case C.RTM_NEWNEXTHOP:
    case C.RTM_DELNEXTHOP:
      return ROUTES;
    case C.RTM_NEWNEIGH:
    case C.RTM_DELNEIGH:
      // IPv6 switches between two routers by reachability, without a route message (RFC 4191, 3.2).
      return isRouterChange(body) ? ROUTES : NOISE;
    case C.RTM_NEWNEXTHOPBUCKET:
    case C.RTM_DELNEXTHOPBUCKET:
      return NOISE;
    case C.NLMSG_ERROR:
      return { kind: "acknowledgement", sequence: message.sequence };
    default:
      return type < C.RTM_NEWLINK ? NOISE : MALFORMED;
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
