/**
 * The numbers of rtnetlink under their C names, each group with the header that defines it.
 *
 * @module
 */

// Multicast groups (linux/rtnetlink.h), for NETLINK_ADD_MEMBERSHIP.
// As a bit for bind(): 1 << (n - 1), up to 32.
/** Links. */
export const RTNLGRP_LINK = 1;
/** IPv4 addresses. */
export const RTNLGRP_IPV4_IFADDR = 5;
/** IPv4 routes. */
export const RTNLGRP_IPV4_ROUTE = 7;
/** IPv4 rules. */
export const RTNLGRP_IPV4_RULE = 8;
/** IPv6 addresses. */
export const RTNLGRP_IPV6_IFADDR = 9;
/** IPv6 routes. */
export const RTNLGRP_IPV6_ROUTE = 11;
/** IPv6 rules. */
export const RTNLGRP_IPV6_RULE = 19;
/** Nexthop objects. */
export const RTNLGRP_NEXTHOP = 32;

// Message types (linux/rtnetlink.h).
/** A link, new or changed. */
export const RTM_NEWLINK = 16;
/** A link is gone. */
export const RTM_DELLINK = 17;
/** Ask for links. */
export const RTM_GETLINK = 18;
/** An address, new or changed. */
export const RTM_NEWADDR = 20;
/** An address is gone. */
export const RTM_DELADDR = 21;
/** Ask for addresses. */
export const RTM_GETADDR = 22;
/** A route. */
export const RTM_NEWROUTE = 24;
/** A route is gone. */
export const RTM_DELROUTE = 25;
/** Ask for routes. */
export const RTM_GETROUTE = 26;
/** A policy rule. */
export const RTM_NEWRULE = 32;
/** A policy rule is gone. */
export const RTM_DELRULE = 33;
/** A nexthop object. */
export const RTM_NEWNEXTHOP = 104;
/** A nexthop object is gone. */
export const RTM_DELNEXTHOP = 105;

// Interface flags (linux/if.h).
/** Administratively up. */
export const IFF_UP = 0x1;
/** Loopback. */
export const IFF_LOOPBACK = 0x8;
/** Point-to-point. */
export const IFF_POINTOPOINT = 0x10;
/** Operational (RFC 2863). */
export const IFF_RUNNING = 0x40;
/** The driver has carrier. */
export const IFF_LOWER_UP = 0x10000;

// Link attributes (linux/if_link.h).
/** The hardware address. */
export const IFLA_ADDRESS = 1;
/** The name. */
export const IFLA_IFNAME = 3;
/** u32: the MTU. */
export const IFLA_MTU = 4;
/** u32: the index of the bridge, bond or VRF it belongs to. */
export const IFLA_MASTER = 10;
/** u8: IF_OPER_*. */
export const IFLA_OPERSTATE = 16;
/** Nested: IFLA_INFO_*. */
export const IFLA_LINKINFO = 18;
/** In IFLA_LINKINFO: the kind, such as `veth`. */
export const IFLA_INFO_KIND = 1;
/** u32 in requests: RTEXT_FILTER_*. */
export const IFLA_EXT_MASK = 29;
/** u8: has carrier. */
export const IFLA_CARRIER = 33;
/** linux/rtnetlink.h: leave the counters out. */
export const RTEXT_FILTER_SKIP_STATS = 0x8;
/** Being tested: carrier but no traffic. */
export const IF_OPER_TESTING = 4;
/** Waits for something outside, such as 802.1X: carrier but no traffic. */
export const IF_OPER_DORMANT = 5;
/** linux/if.h: ready for packets. */
export const IF_OPER_UP = 6;

// Hardware types (linux/if_arp.h).
/** Ethernet, Wi-Fi too. */
export const ARPHRD_ETHER = 1;
/** PPP. */
export const ARPHRD_PPP = 512;
/** IPIP tunnel. */
export const ARPHRD_TUNNEL = 768;
/** IPv6 tunnel. */
export const ARPHRD_TUNNEL6 = 769;
/** IPv6 in IPv4. */
export const ARPHRD_SIT = 776;
/** GRE over IPv4. */
export const ARPHRD_IPGRE = 778;
/** GRE over IPv6. */
export const ARPHRD_IP6GRE = 823;
/** Raw IP, as modems have it. */
export const ARPHRD_RAWIP = 519;
/** No link layer header, as tun and wireguard have it. */
export const ARPHRD_NONE = 0xfffe;

// Address attributes and flags (linux/if_addr.h).
/** The address; with a peer, the peer. */
export const IFA_ADDRESS = 1;
/** Our address. */
export const IFA_LOCAL = 2;
/** u32: all flags, of which the header holds the low 8 bits. */
export const IFA_FLAGS = 8;
/** IPv6: a privacy address (RFC 8981). IPv4: IFA_F_SECONDARY. */
export const IFA_F_TEMPORARY = 0x1;
/** Usable before duplicate address detection is done (RFC 4429). */
export const IFA_F_OPTIMISTIC = 0x4;
/** Another host has it. */
export const IFA_F_DADFAILED = 0x8;
/** Not for new connections. */
export const IFA_F_DEPRECATED = 0x20;
/** Duplicate address detection runs. */
export const IFA_F_TENTATIVE = 0x40;
/** Has no lifetime. */
export const IFA_F_PERMANENT = 0x80;

// Route attributes, types, tables and flags (linux/rtnetlink.h).
/** Destination; absent in a default route. */
export const RTA_DST = 1;
/** u32: the interface to send from. */
export const RTA_OIF = 4;
/** The next hop, of the route's family. */
export const RTA_GATEWAY = 5;
/** u32: the metric. */
export const RTA_PRIORITY = 6;
/** The address to send from. */
export const RTA_PREFSRC = 7;
/** Array of rtnexthop. */
export const RTA_MULTIPATH = 9;
/** struct rta_cacheinfo: expires is an i32 at 8. */
export const RTA_CACHEINFO = 12;
/** u32: the table; the header holds 252 when it is above 255. */
export const RTA_TABLE = 15;
/** u16 family and the next hop, of another family (RFC 5549). */
export const RTA_VIA = 18;
/** u32: seconds; u64 clock ticks in multicast routes. */
export const RTA_EXPIRES = 23;
/** u32: a nexthop object. */
export const RTA_NH_ID = 30;
/** Dropped without a word. */
export const RTN_BLACKHOLE = 6;
/** Answered with unreachable. */
export const RTN_UNREACHABLE = 7;
/** Answered with prohibited. */
export const RTN_PROHIBIT = 8;
/** Made by hand, as `ip` does. */
export const RTPROT_BOOT = 3;
/** Made by a router advertisement. */
export const RTPROT_RA = 9;
/** In the header: see RTA_TABLE. */
export const RT_TABLE_COMPAT = 252;
/** Request: answer with the table where the route was found. IPv4 only. */
export const RTM_F_LOOKUP_TABLE = 0x1000;
/** Request: answer with the route that matched, not with the way. */
export const RTM_F_FIB_MATCH = 0x2000;
/** The link is down. */
export const RTNH_F_DEAD = 1;

// Rule attributes and actions (linux/fib_rules.h).
/** Destination. */
export const FRA_DST = 1;
/** Source. */
export const FRA_SRC = 2;
/** The interface that it came in by. */
export const FRA_IIFNAME = 3;
/** u32: the priority to go on at. */
export const FRA_GOTO = 4;
/** u32: the place in the order; 0 is left out. */
export const FRA_PRIORITY = 6;
/** u32: the mark. */
export const FRA_FWMARK = 10;
/** i32: routes of at most this length do not count; -1: all do. */
export const FRA_SUPPRESS_PREFIXLEN = 14;
/** u32: the table. */
export const FRA_TABLE = 15;
/** u32: the mask of the mark. */
export const FRA_FWMASK = 16;
/** The interface to send from. */
export const FRA_OIFNAME = 17;
/** u8: the table of the VRF. */
export const FRA_L3MDEV = 19;
/** Look in the table. */
export const FR_ACT_TO_TBL = 1;
/** Go on at another rule. */
export const FR_ACT_GOTO = 2;
