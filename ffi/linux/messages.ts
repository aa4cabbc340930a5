// Decodes the links, addresses and routes in messages of NETLINK_ROUTE (linux/rtnetlink.h), determines the event that
// each message means, and encodes requests for them, whose sequence numbers are set on sending.
import { DecodeError } from "../../state/errors.ts";
import { escapeText } from "../../state/format.ts";
import { interfaceName, kindByName } from "../../state/interface_name.ts";
import { compareBytes, formatIp, type IpBytes } from "../../state/ip.ts";
import { formatMac } from "../../state/normalize.ts";
import type { InterfaceKind } from "../../state/types.ts";
import { LONGEST_DEFAULT } from "../default_route.ts";
import { C } from "./constants.ts";
import type { LinkTable } from "./link_table.ts";
import {
  align4,
  Attributes,
  encodeMessage,
  i32,
  type NetlinkMessage,
  setU32,
  u16,
  u32,
} from "./netlink.ts";

/** The content of a link message (struct ifinfomsg and IFLA_*, linux/if_link.h). */
export interface LinkMessage {
  family: number; // AF_UNSPEC; AF_BRIDGE if the message is about a bridge port
  hardwareType: number; // ARPHRD_*
  index: number; // the interface index
  flags: number; // IFF_*
  name: string; // the name; empty where the message has none
  mac: string | null; // the hardware address; null unless it has 6 bytes, not all zero
  mtu: number | null; // in bytes; null where the message has none
  operstate: number; // IF_OPER_*; 0 (unknown) if the message has none
  kind: string | null; // the kind of a virtual link, such as `"veth"`; null for hardware
  master: number | null; // the index of the bridge, bond or VRF that it belongs to
  /** The index of the link that it sits on (VLAN, macvlan, veth); null if that is in another namespace. */
  parent: number | null;
}

/** The content of an address message (struct ifaddrmsg and IFA_*, linux/if_addr.h). */
export interface AddressMessage {
  family: "IPv4" | "IPv6";
  index: number; // the index of the interface
  prefixLength: number; // at most 32 or 128; of the peer, where there is one
  flags: number; // IFA_F_*, all 32 bits where the message has them
  local: IpBytes; // our address, 4 or 16 bytes: a copy
  /** The other end of a point-to-point link: a copy; null where there is none. */
  peer: IpBytes | null;
}

/** The content of a route message (struct rtmsg and RTA_*, linux/rtnetlink.h). */
export interface RouteMessage {
  family: number; // AF_INET or AF_INET6; others occur
  destinationLength: number; // how many bits of the destination count; 0 for a default route
  type: number; // RTN_*
  flags: number; // RTM_F_*, and RTNH_F_* of a route with a single next hop
  outInterface: number | null; // the index of the interface to send from
  /** The next hop, 4 or 16 bytes, perhaps of the other family (RFC 5549): a copy. */
  gateway: IpBytes | null;
  source: IpBytes | null; // the address to send from: a copy
  metric: number | null; // lower is better
  /**
   * Seconds until it disappears without a message, in steps of 0.01; 0 if overdue; null if it does not
   * expire. Of the answers to `encodeRouteQuery()`, only those to RTM_F_FIB_MATCH contain it.
   */
  expiresInSeconds: number | null;
  nexthops: Nexthop[]; // the next hops of a multipath route; else empty
  nexthopId: number | null; // the nexthop object that holds the next hops
}

export type Nexthop = Pick<RouteMessage, "outInterface" | "gateway" | "flags">;

/** Decodes the body of RTM_NEWLINK or RTM_DELLINK. Throws DecodeError. */
export function decodeLink(body: Uint8Array): LinkMessage {
  if (body.length < C.IFINFOMSG_SIZE) throw new DecodeError("ifinfomsg", 0);
  const index = u32(body, 4);
  const found = new Attributes(body, C.IFINFOMSG_SIZE, body.length, C.IFLA_LINK_NETNSID);
  const isForeign = found.at(C.IFLA_LINK_NETNSID) !== undefined;
  const parent = found.u32(C.IFLA_LINK, "IFLA_LINK");
  const kind = found.nested(C.IFLA_LINKINFO, C.IFLA_INFO_KIND)?.string(C.IFLA_INFO_KIND) ?? null;
  return {
    family: body[0]!,
    hardwareType: u16(body, 2),
    index,
    flags: u32(body, 8),
    name: interfaceName(found.string(C.IFLA_IFNAME) ?? new Uint8Array()),
    mac: formatMac(found.value(C.IFLA_ADDRESS) ?? []),
    mtu: found.u32(C.IFLA_MTU, "IFLA_MTU"),
    operstate: found.value(C.IFLA_OPERSTATE, 1, "IFLA_OPERSTATE")?.[0] ?? 0,
    kind: kind && interfaceName(kind), // ASCII, too
    master: found.u32(C.IFLA_MASTER, "IFLA_MASTER") || null,
    parent: isForeign || parent === index ? null : parent || null,
  };
}

/** Decodes the body of RTM_NEWADDR or RTM_DELADDR; null for another family. Throws DecodeError. */
export function decodeAddress(body: Uint8Array): AddressMessage | null {
  if (body.length < C.IFADDRMSG_SIZE) throw new DecodeError("ifaddrmsg", 0);
  const family = body[0]!;
  if (family !== C.AF_INET && family !== C.AF_INET6) return null;
  const prefixLength = body[1]!;
  if (prefixLength > (family === C.AF_INET ? 32 : 128)) throw new DecodeError("ifa_prefixlen", 1);
  const found = new Attributes(body, C.IFADDRMSG_SIZE, body.length, C.IFA_FLAGS);
  // With a peer, IFA_LOCAL is ours and IFA_ADDRESS the peer's; without one, IPv4 sends both, equal, and
  // IPv6 only IFA_ADDRESS (inet_fill_ifaddr(), inet6_fill_ifaddr()). An IPv4 peer of 0.0.0.0 is absent.
  const address = found.address(C.IFA_ADDRESS, family, "IFA_ADDRESS");
  const local = found.address(C.IFA_LOCAL, family, "IFA_LOCAL") ?? address;
  if (local === null) throw new DecodeError("IFA_LOCAL", 0);
  return {
    family: family === C.AF_INET ? "IPv4" : "IPv6",
    index: u32(body, 4),
    prefixLength,
    flags: found.u32(C.IFA_FLAGS, "IFA_FLAGS") ?? body[2]!,
    local,
    peer: address !== null && compareBytes(address, local) !== 0 ? address : null,
  };
}

/** USER_HZ, the unit of struct rta_cacheinfo: 100 wherever Deno runs (asm-generic/param.h). */
const CLOCK_TICKS_PER_SECOND = 100;

/** Decodes the body of RTM_NEWROUTE or RTM_DELROUTE. Throws DecodeError. */
export function decodeRoute(body: Uint8Array): RouteMessage {
  if (body.length < C.RTMSG_SIZE) throw new DecodeError("rtmsg", 0);
  const family = body[0]!;
  const found = new Attributes(body, C.RTMSG_SIZE);
  const cached = found.value(C.RTA_CACHEINFO, 12, "rta_cacheinfo");
  // 0 means never, less than 0 is in the past (rtnl_put_cacheinfo() in net/core/rtnetlink.c).
  const ticks = cached === null ? 0 : i32(cached, 8);
  return {
    family,
    destinationLength: body[1]!,
    type: body[7]!,
    flags: u32(body, 8),
    outInterface: found.u32(C.RTA_OIF, "RTA_OIF"),
    gateway: gatewayOf(found, family),
    source: found.address(C.RTA_PREFSRC, family, "RTA_PREFSRC"),
    metric: found.u32(C.RTA_PRIORITY, "RTA_PRIORITY"),
    expiresInSeconds: ticks === 0 ? null : Math.max(ticks, 0) / CLOCK_TICKS_PER_SECOND,
    nexthops: nexthopsAt(found.at(C.RTA_MULTIPATH), body, family),
    nexthopId: found.u32(C.RTA_NH_ID, "RTA_NH_ID"),
  };
}

/** RTA_VIA states its own family; null if that is not IP, such as for MPLS over Ethernet. */
function gatewayOf(found: Attributes, family: number): IpBytes | null {
  const via = found.value(C.RTA_VIA, 2, "RTA_VIA");
  if (via === null) return found.address(C.RTA_GATEWAY, family, "RTA_GATEWAY");
  const viaFamily = u16(via, 0);
  return isIp(viaFamily) ? found.address(C.RTA_VIA, viaFamily, "RTA_VIA", 2) : null;
}

function nexthopsAt(at: number | undefined, body: Uint8Array, family: number): Nexthop[] {
  if (at === undefined) return [];
  const nexthops: Nexthop[] = [];
  const end = at + u16(body, at);
  for (let hop = at + C.RTATTR_SIZE, size = 0; hop < end; hop += align4(size)) {
    if (end - hop < C.RTNEXTHOP_SIZE) throw new DecodeError("rtnexthop", hop);
    size = u16(body, hop);
    if (size < C.RTNEXTHOP_SIZE || size > end - hop) throw new DecodeError("rtnexthop", hop);
    nexthops.push({
      outInterface: u32(body, hop + 4),
      gateway: gatewayOf(new Attributes(body, hop + C.RTNEXTHOP_SIZE, hop + size), family),
      flags: body[hop + 2]!,
    });
  }
  return nexthops;
}

function isIp(family: number | undefined): boolean {
  return family === C.AF_INET || family === C.AF_INET6;
}

/** A decoded message, or the reason why there is none. */
export type KernelEvent =
  | { kind: "link"; link: LinkMessage }
  | { kind: "link-gone"; index: number }
  | { kind: "address" | "address-gone"; address: AddressMessage }
  | { kind: "routes"; early?: boolean } // the default route may have changed; early: or will within a moment
  | { kind: "acknowledgement"; sequence: number } // the answer to a canary
  | { kind: "noise" } // says nothing about the state
  | { kind: "malformed" } // of an unknown type or not decodable: the state must be read again
  | { kind: "spoofed" } // not sent by the kernel
  | { kind: "overflow" }; // the kernel dropped messages

const ROUTES: KernelEvent = { kind: "routes" };
/** IPv4 routes go after their message (fib_table_delete()), those of a nexthop object after its own, in silence. */
const EARLY: KernelEvent = { kind: "routes", early: true };
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
      if (type === C.RTM_DELLINK) return { kind: "link-gone", index: link.index };
      // The wireless extensions send a name and nothing else after each scan (rtnetlink_ifinfo_prep(), wext-core.c).
      return link.mtu === null ? NOISE : { kind: "link", link };
    }
    case C.RTM_NEWROUTE:
    case C.RTM_DELROUTE:
      // struct rtmsg: family, destination length. The BPF filter, if installed, applies the same rule.
      if (body.length >= 2 && !canBeDefault(body[0]!, body[1]!)) return NOISE;
      return type === C.RTM_DELROUTE ? EARLY : ROUTES;
    case C.RTM_NEWRULE:
    case C.RTM_DELRULE:
      // The rules of multicast routing have their own families (RTNL_FAMILY_IPMR, linux/rtnetlink.h).
      return isIp(body[0]) ? ROUTES : NOISE;
    case C.RTM_NEWNEXTHOP:
    case C.RTM_DELNEXTHOP:
      return EARLY;
    case C.RTM_NEWNEIGH:
    case C.RTM_DELNEIGH:
      // IPv6 switches between two routers by reachability, without a route message (RFC 4191, 3.2).
      return isRouterChange(body) ? ROUTES : NOISE;
    case C.RTM_GETNEIGH: // the kernel asks programs to resolve a neighbour (neigh_app_ns(), vxlan_fdb_miss())
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
 * Whether a change of a neighbour can change the default route: an IPv6 neighbour does not answer (the kernel may have
 * forgotten that it is a router), or it is a router, and its new state is not just a stage in the ageing of a reachable
 * neighbour. `body` is a struct ndmsg.
 */
export function isRouterChange(body: Uint8Array): boolean {
  if (body.length <= NDM_FLAGS || body[0] !== C.AF_INET6) return false;
  const state = body[NDM_STATE]!;
  return state === C.NUD_FAILED ||
    (body[NDM_FLAGS]! & C.NTF_ROUTER) !== 0 && (state & AGEING) === 0;
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

/** Asks for all links without the IPv6 counters, a quarter of each message. */
export function encodeLinkDump(): Uint8Array {
  // strict checking refuses a header that is not all zero (rtnl_valid_dump_ifinfo_req())
  const body = new Uint8Array(C.IFINFOMSG_SIZE + C.RTATTR_SIZE + 4);
  setU32Attribute(body, C.IFINFOMSG_SIZE, C.IFLA_EXT_MASK, C.RTEXT_FILTER_SKIP_STATS);
  return encodeMessage(C.RTM_GETLINK, C.NLM_F_REQUEST | C.NLM_F_DUMP, body);
}

export function encodeAddressDump(): Uint8Array {
  // All zero: AF_UNSPEC is any family, and strict checking refuses anything other than a family and an
  // interface in the header (inet_valid_dump_ifaddr_req()).
  const header = new Uint8Array(C.IFADDRMSG_SIZE);
  return encodeMessage(C.RTM_GETADDR, C.NLM_F_REQUEST | C.NLM_F_DUMP, header);
}

/**
 * Asks for the next hop to one destination of 4 or 16 bytes or, with RTM_F_FIB_MATCH, for the route that decides it;
 * `source` is the address to send from, null: none yet; `outInterface` allows only next hops through that interface.
 */
export function encodeRouteQuery(
  destination: IpBytes,
  flags: number,
  source: IpBytes | null = null,
  outInterface?: number,
): Uint8Array {
  const size = destination.length;
  const addresses = source === null ? [destination] : [destination, source];
  const attributes = C.RTMSG_SIZE + addresses.length * (C.RTATTR_SIZE + size);
  const body = new Uint8Array(attributes + (outInterface === undefined ? 0 : C.RTATTR_SIZE + 4));
  body[0] = size === 4 ? C.AF_INET : C.AF_INET6;
  setU32(body, 8, flags);
  addresses.forEach((address, i) => { // RTA_DST and rtm_dst_len, then RTA_SRC and rtm_src_len
    const at = C.RTMSG_SIZE + i * (C.RTATTR_SIZE + size);
    body[1 + i] = size * 8;
    setU32(body, at, (C.RTATTR_SIZE + size) | ((i === 0 ? C.RTA_DST : C.RTA_SRC) << 16));
    body.set(address, at + C.RTATTR_SIZE);
  });
  if (outInterface !== undefined) setU32Attribute(body, attributes, C.RTA_OIF, outInterface);
  return encodeMessage(C.RTM_GETROUTE, C.NLM_F_REQUEST, body);
}

function setU32Attribute(body: Uint8Array, at: number, type: number, value: number): void {
  setU32(body, at, (C.RTATTR_SIZE + 4) | (type << 16));
  setU32(body, at + C.RTATTR_SIZE, value);
}

/** Whether a route with this destination length can be a default route. */
export function canBeDefault(family: number, destinationLength: number): boolean {
  return destinationLength <= LONGEST_DEFAULT[family === C.AF_INET ? "IPv4" : "IPv6"];
}

/** By `IFLA_INFO_KIND`, which is the `rtnl_link_ops.kind` of the driver. */
const KINDS = new Map<string | null, InterfaceKind>(
  ([
    ["bridge", "bridge openvswitch"],
    ["tunnel", "tun wireguard gre gretap ip6gre ip6gretap erspan ip6erspan ipip sit ip6tnl"],
    ["tunnel", "vti vti6 xfrm ppp amt gtp ovpn ipoe"],
    ["cellular", "wwan rmnet"],
    ["virtual", "veth vxcan netkit dummy ifb nlmon vcan netdevsim"],
    ["virtual", "macvlan macvtap ipvlan ipvtap vlan vxlan geneve macsec bond team vrf hsr"],
  ] as const).flatMap(([kind, drivers]) => drivers.split(" ").map((it) => [it, kind] as const)),
);

const TUNNEL_TYPES: readonly number[] = [
  C.ARPHRD_PPP,
  C.ARPHRD_NONE,
  C.ARPHRD_TUNNEL,
  C.ARPHRD_TUNNEL6,
  C.ARPHRD_SIT,
  C.ARPHRD_IPGRE,
  C.ARPHRD_IP6GRE,
];

/** The loopback flag decides first (not the address: denoland/std#5933), then the driver, then the name. */
export function linkKind(link: LinkMessage): InterfaceKind {
  const { flags, hardwareType, kind, name } = link;
  if (flags & C.IFF_LOOPBACK) return "loopback";
  const known = KINDS.get(kind);
  if (known !== undefined) return known;
  // No Wi-Fi or cellular name begins with "e": eth0 and enp3s0 skip the patterns, which saves a first read 1 ms.
  const named = name.startsWith("e") ? "ethernet" : kindByName(name);
  // A modem without a driver of its own appears as a raw IP link: its name is the better hint.
  if (named === "wifi" || named === "cellular") return named;
  if (TUNNEL_TYPES.includes(hardwareType)) return "tunnel";
  return hardwareType === C.ARPHRD_ETHER ? "ethernet" : "unknown";
}
