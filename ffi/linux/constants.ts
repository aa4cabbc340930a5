/**
 * Linux numbers under their C names, each group with the header that defines it. They are the generic
 * ABI: the same on x86_64, aarch64 and riscv64, all of them little-endian.
 *
 * @module
 */
// Address families (linux/socket.h).
/** Any family. */
export const AF_UNSPEC = 0;
/** IPv4. */
export const AF_INET = 2;
/** Bridge ports: such a link message is about a port, not about the link. */
export const AF_BRIDGE = 7;
/** IPv6. */
export const AF_INET6 = 10;
/** Netlink sockets. */
export const AF_NETLINK = 16;

// Sockets (linux/net.h, asm-generic/socket.h, linux/socket.h).
/** The type of a netlink socket. */
export const SOCK_RAW = 3;
/** Or'ed into the type: not inherited by child processes. */
export const SOCK_CLOEXEC = 0x80000;
/** Level of the options below. */
export const SOL_SOCKET = 1;
/** i32: the pending error, cleared by asking; ENOBUFS after an overflow. */
export const SO_ERROR = 4;
/** i32: receive buffer in bytes; the kernel doubles it, up to net.core.rmem_max. */
export const SO_RCVBUF = 8;
/** struct sock_fprog: a classic BPF program. */
export const SO_ATTACH_FILTER = 26;
/** As SO_RCVBUF without that limit; needs CAP_NET_ADMIN. */
export const SO_RCVBUFFORCE = 33;
/** u32 array, read only: memory use of the socket (4.12, linux/sock_diag.h). */
export const SO_MEMINFO = 55;
/** Index in SO_MEMINFO: messages dropped because the receive buffer was full. */
export const SK_MEMINFO_DROPS = 8;
/** How many u32 SO_MEMINFO has at least. */
export const SK_MEMINFO_VARS = 9;
/** u64, read only: no other socket ever has the same (4.12). */
export const SO_COOKIE = 57;
/** Asked for: the real length. Answered: the datagram was cut. */
export const MSG_TRUNC = 0x20;
/** Do not block in this call. */
export const MSG_DONTWAIT = 0x40;

// poll(2) (asm-generic/poll.h).
/** Something to read. */
export const POLLIN = 0x1;
/** An error is pending; with netlink, an overflow. */
export const POLLERR = 0x8;
/** The other end is gone. */
export const POLLHUP = 0x10;
/** The descriptor is not open. */
export const POLLNVAL = 0x20;

// Clocks and timers (linux/time.h, linux/timerfd.h).
/** Wall clock: steps. */
export const CLOCK_REALTIME = 0;
/** Stops while the machine sleeps. */
export const CLOCK_MONOTONIC = 1;
/** Counts while the machine sleeps. */
export const CLOCK_BOOTTIME = 7;
/** timerfd_settime: the time is absolute. */
export const TFD_TIMER_ABSTIME = 1;
/** timerfd_settime: a step of the clock or a wake from sleep cancels the timer (ECANCELED). */
export const TFD_TIMER_CANCEL_ON_SET = 2;
/** timerfd_create: never block. */
export const TFD_NONBLOCK = 0x800;
/** timerfd_create: not inherited by child processes. */
export const TFD_CLOEXEC = 0x80000;
/** eventfd: never block. */
export const EFD_NONBLOCK = 0x800;
/** eventfd: not inherited by child processes. */
export const EFD_CLOEXEC = 0x80000;

// Error numbers that a decision hangs on (asm-generic/errno-base.h, errno.h).
/** Not permitted. */
export const EPERM = 1;
/** A signal came first: call again. */
export const EINTR = 4;
/** Nothing to read. */
export const EAGAIN = 11;
/** Refused, as Android does to bind(). */
export const EACCES = 13;
/** No such interface. */
export const ENODEV = 19;
/** The request is not understood. */
export const EINVAL = 22;
/** No route. */
export const ENETUNREACH = 101;
/** The receive buffer overflowed. */
export const ENOBUFS = 105;
/** The route says unreachable. */
export const EHOSTUNREACH = 113;
/** The clock was set. */
export const ECANCELED = 125;

// Sizes in bytes of the structs on the wire and in calls (64-bit, generic ABI).
/** struct sockaddr_nl: family 0:2, pad 2:2, pid 4:4, groups 8:4. */
export const SOCKADDR_NL_SIZE = 12;
/** struct pollfd: fd 0:4, events 4:2, revents 6:2. */
export const POLLFD_SIZE = 8;
/** struct nlmsghdr: len 0:4, type 4:2, flags 6:2, seq 8:4, pid 12:4. */
export const NLMSGHDR_SIZE = 16;
/** struct nlmsgerr: error 0:4 (negative), the request's nlmsghdr 4:16. */
export const NLMSGERR_SIZE = 20;
/** struct rtattr: len 0:2 with this header, type 2:2. */
export const RTATTR_SIZE = 4;
/** struct ifinfomsg: family 0:1, type 2:2, index 4:4, flags 8:4, change 12:4. */
export const IFINFOMSG_SIZE = 16;
/** struct ifaddrmsg: family 0, prefixlen 1, flags 2, scope 3, index 4:4. */
export const IFADDRMSG_SIZE = 8;
/** struct rtmsg: family 0, dst_len 1, src_len 2, tos 3, table 4, protocol 5, scope 6, type 7, flags 8:4. */
export const RTMSG_SIZE = 12;
/** struct rtnexthop: len 0:2, flags 2, hops 3, ifindex 4:4, then attributes. */
export const RTNEXTHOP_SIZE = 8;
/** struct fib_rule_hdr: family 0, dst_len 1, src_len 2, tos 3, table 4, action 7, flags 8:4. */
export const FIB_RULE_HDR_SIZE = 12;

// Netlink (linux/netlink.h): protocol, socket options.
/** The protocol of links, addresses, routes and rules. */
export const NETLINK_ROUTE = 0;
/** Level of the options below. */
export const SOL_NETLINK = 270;
/** i32: hear this group. */
export const NETLINK_ADD_MEMBERSHIP = 1;
/** u32 bit set: the groups heard. */
export const NETLINK_LIST_MEMBERSHIPS = 9;
/** Errors do not repeat the whole request. */
export const NETLINK_CAP_ACK = 10;
/** Errors carry a text. */
export const NETLINK_EXT_ACK = 11;
/** Requests are checked strictly, filters of dumps are honoured. */
export const NETLINK_GET_STRICT_CHK = 12;

// Netlink control messages (linux/netlink.h).
/** Nothing. */
export const NLMSG_NOOP = 1;
/** An error, or an acknowledgement. */
export const NLMSG_ERROR = 2;
/** The end of a dump. */
export const NLMSG_DONE = 3;

// Flags of netlink messages (linux/netlink.h).
/** A request. */
export const NLM_F_REQUEST = 0x1;
/** Part of a dump, which NLMSG_DONE ends. */
export const NLM_F_MULTI = 0x2;
/** Answer with an acknowledgement. */
export const NLM_F_ACK = 0x4;
/** The dump is torn, something changed meanwhile: ask again. */
export const NLM_F_DUMP_INTR = 0x10;
/** Request: everything. */
export const NLM_F_DUMP = 0x300;
/** In RTM_NEW*: an existing object was replaced. */
export const NLM_F_REPLACE = 0x100;
/** In NLMSG_ERROR: only the header of the request is repeated. */
export const NLM_F_CAPPED = 0x100;
/** In NLMSG_ERROR: attributes follow. */
export const NLM_F_ACK_TLVS = 0x200;
/** Attribute of NLMSG_ERROR: the error in words. */
export const NLMSGERR_ATTR_MSG = 1;
/** Attribute types without the bits for nested and network byte order. */
export const NLA_TYPE_MASK = 0x3fff;

// Classic BPF (linux/bpf_common.h).
/** Load into A. */
export const BPF_LD = 0x0;
/** Jump. */
export const BPF_JMP = 0x5;
/** Return. */
export const BPF_RET = 0x6;
/** 8 bits. */
export const BPF_B = 0x10;
/** From a fixed offset. */
export const BPF_ABS = 0x20;
/** Equal. */
export const BPF_JEQ = 0x10;
/** Greater, unsigned. */
export const BPF_JGT = 0x20;
/** The constant. */
export const BPF_K = 0x0;

// Multicast groups (linux/rtnetlink.h), for NETLINK_ADD_MEMBERSHIP.
// As a bit for bind(): 1 << (n - 1), up to 32.
/** Links. */
export const RTNLGRP_LINK = 1;
/** Neighbours. */
export const RTNLGRP_NEIGH = 3;
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
/** A neighbour, new or changed. */
export const RTM_NEWNEIGH = 28;
/** A neighbour is gone. */
export const RTM_DELNEIGH = 29;
/** A policy rule. */
export const RTM_NEWRULE = 32;
/** A policy rule is gone. */
export const RTM_DELRULE = 33;
/** A nexthop object. */
export const RTM_NEWNEXTHOP = 104;
/** A nexthop object is gone. */
export const RTM_DELNEXTHOP = 105;
/** A bucket of a resilient nexthop group migrated; a group has up to 65,536. */
export const RTM_NEWNEXTHOPBUCKET = 116;
/** A bucket of a resilient nexthop group is gone. */
export const RTM_DELNEXTHOPBUCKET = 117;

// Neighbours (linux/neighbour.h): flag, and states that follow each other while a neighbour ages.
/** The neighbour is an IPv6 router. */
export const NTF_ROUTER = 0x80;
/** Reachable some time ago. */
export const NUD_STALE = 0x04;
/** About to be asked. */
export const NUD_DELAY = 0x08;
/** Being asked. */
export const NUD_PROBE = 0x10;

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
