/**
 * BSD numbers under their C names: those that macOS (xnu) and FreeBSD share. What differs is in
 * `layouts.ts` and `systems.ts`.
 *
 * @module
 */

// Address families and sockets (sys/socket.h of both).
/** IPv4. */
export const AF_INET = 2;
/** Routing sockets. */
export const PF_ROUTE = 17;
/** Link-level addresses. */
export const AF_LINK = 18;
/** macOS: kernel events. */
export const PF_SYSTEM = 32;
/** macOS: the protocol of kernel events (sys/sys_domain.h). */
export const SYSPROTO_EVENT = 1;
/** A socket for IPv6 ioctls. */
export const SOCK_DGRAM = 2;
/** The type of a routing socket. */
export const SOCK_RAW = 3;
/** Level of the options below. */
export const SOL_SOCKET = 0xffff;
/** i32: receive buffer in bytes, up to kern.ipc.maxsockbuf. */
export const SO_RCVBUF = 0x1002;
/** i32: the pending error, cleared by asking. */
export const SO_ERROR = 0x1007;
/** Never block. */
export const MSG_DONTWAIT = 0x80;
/** The receive buffer has overflowed. */
export const ENOBUFS = 55;

// sysctl(3): CTL_NET, PF_ROUTE, 0, family, operation, argument.
/** The networking branch. */
export const CTL_NET = 4;
/** All routes. */
export const NET_RT_DUMP = 1;
/** All interfaces with their addresses. */
export const NET_RT_IFLIST = 3;
/** macOS: the same with 64-bit counters and multicast groups. */
export const NET_RT_IFLIST2 = 6;

// Routing messages (net/route.h).
/** A route was added, or somebody asked for that. */
export const RTM_ADD = 0x1;
/** A route was deleted. */
export const RTM_DELETE = 0x2;
/** A route was changed. */
export const RTM_CHANGE = 0x3;
/** The answer to a question about a route. */
export const RTM_GET = 0x4;
/** The kernel suspects a route. */
export const RTM_LOSING = 0x5;
/** A router sent an ICMP redirect: a route to one host. */
export const RTM_REDIRECT = 0x6;
/** No route was found for a destination. */
export const RTM_MISS = 0x7;
/** Metrics were locked. */
export const RTM_LOCK = 0x8;
/** Obsolete. */
export const RTM_OLDADD = 0x9;
/** Obsolete. */
export const RTM_OLDDEL = 0xa;
/** A destination is to be resolved to a link-level address. */
export const RTM_RESOLVE = 0xb;
/** An address was added. */
export const RTM_NEWADDR = 0xc;
/** An address was deleted. */
export const RTM_DELADDR = 0xd;
/** An interface: its flags, MTU or (FreeBSD) carrier. */
export const RTM_IFINFO = 0xe;
/** A multicast group was joined. */
export const RTM_NEWMADDR = 0xf;
/** A multicast group was left. */
export const RTM_DELMADDR = 0x10;
/** FreeBSD: an interface came or went. */
export const RTM_IFANNOUNCE = 0x11;
/** FreeBSD: wireless chatter. */
export const RTM_IEEE80211 = 0x12;
/** macOS, in dumps: as RTM_IFINFO. */
export const RTM_IFINFO2 = 0x12;
/** macOS, in dumps: as RTM_NEWMADDR. */
export const RTM_NEWMADDR2 = 0x13;
/** macOS, in dumps: as RTM_GET. */
export const RTM_GET2 = 0x14;

// Sockaddrs of a message: bit i of rtm_addrs (net/route.h).
/** The destination. */
export const RTAX_DST = 0;
/** The gateway. */
export const RTAX_GATEWAY = 1;
/** The mask. */
export const RTAX_NETMASK = 2;
/** The interface. */
export const RTAX_IFP = 4;
/** The address of the interface. */
export const RTAX_IFA = 5;
/** The broadcast address, or the other end of a point-to-point link. */
export const RTAX_BRD = 7;

// Flags of routes (net/route.h).
/** Can be used. */
export const RTF_UP = 0x1;
/** The way leads to a gateway. */
export const RTF_GATEWAY = 0x2;
/** To one host. */
export const RTF_HOST = 0x4;
/** Answers with an error. */
export const RTF_REJECT = 0x8;
/** Resolved to a link-level address: ARP, neighbour discovery. */
export const RTF_LLINFO = 0x400;
/** Drops silently. */
export const RTF_BLACKHOLE = 0x1000;
/** macOS: a copy of a route for one host. Unused on FreeBSD. */
export const RTF_WASCLONED = 0x20000;
/** To an address of our own. */
export const RTF_LOCAL = 0x200000;
/** To a broadcast address. */
export const RTF_BROADCAST = 0x400000;
/** To a multicast address. */
export const RTF_MULTICAST = 0x800000;
/** macOS: only for sockets that are bound to the interface. Unused on FreeBSD. */
export const RTF_IFSCOPE = 0x1000000;

// Flags of interfaces (net/if.h).
/** Administratively up. */
export const IFF_UP = 0x1;
/** A loopback. */
export const IFF_LOOPBACK = 0x8;
/** A link with one other end. */
export const IFF_POINTOPOINT = 0x10;
/** The driver runs. */
export const IFF_RUNNING = 0x40;

// Types of interfaces (net/if_types.h; the numbers are IANA's).
/** None of the others: utun reports it. */
export const IFT_OTHER = 0x01;
/** Ethernet; Wi-Fi too. */
export const IFT_ETHER = 0x06;
/** Point-to-point protocol. */
export const IFT_PPP = 0x17;
/** A loopback. */
export const IFT_LOOP = 0x18;
/** A generic tunnel. */
export const IFT_GIF = 0x37;
/** 6to4. */
export const IFT_STF = 0x39;
/** 802.1Q. */
export const IFT_L2VLAN = 0x87;
/** 802.3ad. */
export const IFT_IEEE8023ADLAG = 0x88;
/** A bridge. */
export const IFT_BRIDGE = 0xd1;
/** macOS: a modem. */
export const IFT_CELLULAR = 0xff;

// Flags of IPv6 addresses (netinet6/in6_var.h of both).
/** Duplicate address detection has not finished. */
export const IN6_IFF_TENTATIVE = 0x2;
/** Another host has it. */
export const IN6_IFF_DUPLICATED = 0x4;
/** Not to be used for new connections. */
export const IN6_IFF_DEPRECATED = 0x10;
/** Made out of a router advertisement: it has a lifetime. */
export const IN6_IFF_AUTOCONF = 0x40;
/** A privacy address. */
export const IN6_IFF_TEMPORARY = 0x80;
/** macOS: handed out by DHCP. Another flag on FreeBSD. */
export const IN6_IFF_DYNAMIC = 0x100;
/** macOS: may be used while it is checked (RFC 4429). */
export const IN6_IFF_OPTIMISTIC = 0x200;
/** `_IOWR('i', 73, struct in6_ifreq)`, of 288 bytes on both: the flags of an IPv6 address. */
export const SIOCGIFAFLAG_IN6 = 0xc120_6949n;
/** The size of `struct in6_ifreq`: the name (16) and a union of at most 34 counters of 64 bits. */
export const IN6_IFREQ_SIZE = 288;

// Kernel events of macOS (sys/kern_event.h, net/net_kev.h).
/** `_IOW('e', 2, struct kev_request)`: which events the socket delivers. */
export const SIOCSKEVFILT = 0x800c_6502n;
/** From the system itself. */
export const KEV_VENDOR_APPLE = 1;
/** About the network. */
export const KEV_NETWORK_CLASS = 1;
/** About all parts of it. */
export const KEV_ANY_SUBCLASS = 0;
/** About IPv4 addresses. */
export const KEV_INET_SUBCLASS = 1;
/** About links. */
export const KEV_DL_SUBCLASS = 2;
/** About IPv6 addresses. */
export const KEV_INET6_SUBCLASS = 6;
/** About neighbour discovery: duplicate address detection, lifetimes. */
export const KEV_ND6_SUBCLASS = 7;
/** The size of `struct kern_event_msg` without its data. */
export const KEV_MSG_HEADER_SIZE = 24;

// Clocks (time.h).
/** macOS: counts the time asleep, is not slewed. */
export const CLOCK_MONOTONIC_RAW = 4;
/** macOS: stops while asleep. */
export const CLOCK_UPTIME_RAW = 8;
/** FreeBSD and macOS: the wall clock. */
export const CLOCK_REALTIME = 0;
/** FreeBSD: the monotonic clock; another one on macOS. */
export const FREEBSD_CLOCK_MONOTONIC = 4;
