// The event that a message means, what it changes in the link table, what it may do to the default routes, and
// its line in the wire trace.
import { escapeText } from "../../state/format.ts";
import { formatIp } from "../../state/ip.ts";
import type { DefaultRoute } from "../../state/types.ts";
import * as C from "./constants.ts";
import type { LinkTable } from "./link_table.ts";
import {
  type AddressMessage,
  canBeDefault,
  decodeAddress,
  decodeLink,
  type LinkMessage,
} from "./messages.ts";
import type { NetlinkMessage } from "./netlink.ts";
import type { DefaultRouteAnswer } from "./route_lookup.ts";

/** A decoded message, or what became of one. */
export type KernelEvent =
  | { kind: "link"; link: LinkMessage }
  | { kind: "link-gone"; index: number }
  | { kind: "address" | "address-gone"; address: AddressMessage }
  | { kind: "routes" } // nothing in the link table, but the default route may have changed
  | { kind: "acknowledgement"; sequence: number } // the answer to a canary
  | { kind: "noise" } // says nothing about the state
  | { kind: "malformed" } // of an unknown type or not decodable: the state must be read again
  | { kind: "spoofed" } // not sent by the kernel
  | { kind: "overflow" }; // the kernel dropped messages

const ROUTES: KernelEvent = { kind: "routes" };
const NOISE: KernelEvent = { kind: "noise" };

/** Decodes one message. Throws DecodeError if it is cut or contradicts itself. */
export function decodeEvent({ body, sequence, type }: NetlinkMessage): KernelEvent {
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
      return { kind: "acknowledgement", sequence };
    default:
      return type < C.RTM_NEWLINK ? NOISE : { kind: "malformed" };
  }
}

// struct ndmsg: family 0:1, ifindex 4:4, state 8:2, flags 10:1 (linux/neighbour.h).
export const NDM_STATE = 8;
export const NDM_FLAGS = 10;
/** `rt6_check_neigh()` treats these as reachable (net/ipv6/route.c). */
export const AGEING: number = C.NUD_STALE | C.NUD_DELAY | C.NUD_PROBE;

/**
 * Whether a change of a neighbour can change the default route: the neighbour is a router, and its new
 * state is more than the ageing of a reachable one. `body` is a struct ndmsg.
 */
export function isRouterChange(body: Uint8Array): boolean {
  return body.length > NDM_FLAGS && (body[NDM_FLAGS]! & C.NTF_ROUTER) !== 0 &&
    (body[NDM_STATE]! & AGEING) === 0;
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
    default:
      return event.kind === "routes";
  }
}

/** What to look up after an event. */
export interface RouteEffect {
  readonly ask: "nothing" | "known" | "all"; // the default routes that there are, or also new ones
  /** Once more a little later: the kernel announces the event before it removes the routes. */
  readonly again: boolean;
}

/**
 * What to look up after an event that changed the table: a lookup takes a quarter of an event's time. `last` was
 * looked up last; it is certain if nothing has changed since then, and no other route takes part.
 */
export function routeEffect(
  event: KernelEvent,
  table: LinkTable,
  last: DefaultRouteAnswer,
  isCertain: boolean,
): RouteEffect {
  switch (event.kind) {
    case "link": {
      const { index } = event.link;
      return { ask: "all", again: last.indexes.includes(index) && !table.isUp(index) };
    }
    case "link-gone":
      return { ask: "all", again: last.indexes.includes(event.index) };
    case "address": {
      const keeps = isCertain && keepsSource(event.address, table, last);
      return { ask: keeps ? "nothing" : "known", again: false };
    }
    case "address-gone": {
      const { family, index, local } = event.address;
      const route = routeOf(event.address, last);
      // With an address the kernel removes the routes that have it as their source, and with the last of its
      // family all routes of the interface (fib_inetaddr_event() in net/ipv4/fib_frontend.c).
      const again = route?.source === formatIp(local) ||
        last.indexes.includes(index) && (!isCertain || !table.hasAddress(index, family));
      return { ask: isCertain && !again && route !== null ? "nothing" : "known", again };
    }
    default:
      return { ask: "all", again: false };
  }
}

/**
 * Whether a new address leaves the source of the default route as it is: in IPv4 if it is on another interface,
 * or in another subnet than the gateway, because the kernel takes the first address with that subnet, else the
 * first (inet_select_addr() in net/ipv4/devinet.c). Any new IPv6 address may be better (RFC 6724, section 5).
 */
function keepsSource(address: AddressMessage, table: LinkTable, last: DefaultRouteAnswer): boolean {
  const route = routeOf(address, last);
  if (route === null || route.source === null || address.family === "IPv6") return false;
  const index = last.indexes.find((it) => table.nameOf(it) === route.interface);
  if (index === undefined || !table.hasAddress(index, "IPv4")) return false;
  if (address.index !== index) return true;
  return last.gateway?.length === 4 && !isInSubnet(last.gateway, address);
}

function routeOf({ family }: AddressMessage, { routes }: DefaultRouteAnswer): DefaultRoute | null {
  return family === "IPv4" ? routes.ipv4 : routes.ipv6;
}

/** Whether the IPv4 address is in the subnet, which is the peer's on a point-to-point link. */
function isInSubnet(ip: readonly number[], { local, peer, prefixLength }: AddressMessage): boolean {
  const subnet = peer ?? local;
  return ip.every((byte, i) => {
    const bits = Math.min(Math.max(prefixLength - 8 * i, 0), 8);
    return (byte ^ subnet[i]!) >> (8 - bits) === 0;
  });
}

/** An event as text, such as `address 2 192.0.2.1/24 flags 0x80`: one line, safe to print. */
export function formatEvent(event: KernelEvent): string {
  switch (event.kind) {
    case "link": {
      const { flags, index, kind, mtu, name, operstate } = event.link;
      const driver = kind === null ? "" : ` kind ${escapeText(kind)}`;
      return `link ${index} ${escapeText(name)} flags 0x${flags.toString(16)} mtu ${mtu}` +
        ` operstate ${operstate}${driver}`;
    }
    case "link-gone":
      return `link-gone ${event.index}`;
    case "address":
    case "address-gone": {
      const { flags, index, local, peer, prefixLength } = event.address;
      const other = peer === null ? "" : ` peer ${formatIp(peer)}`;
      return `${event.kind} ${index} ${formatIp(local)}/${prefixLength}${other}` +
        ` flags 0x${flags.toString(16)}`;
    }
    case "acknowledgement":
      return `acknowledgement ${event.sequence}`;
    default:
      return event.kind;
  }
}
