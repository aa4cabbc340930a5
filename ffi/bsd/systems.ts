// macOS and FreeBSD as data, so that no other code knows a system by name: numbers under their C names, which
// `deno task layouts` compares with the systems' own headers, and how each system uses them. Every machine that
// Deno is built for is little-endian.

// sys/socket.h
export const AF_INET = 2;
export const PF_ROUTE = 17;
export const AF_LINK = 18;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOL_SOCKET = 0xffff;
export const SO_RCVBUF = 0x1002; // up to kern.ipc.maxsockbuf
export const SO_ERROR = 0x1007; // reading it clears it
export const MSG_DONTWAIT = 0x80;
export const CTL_NET = 4;
export const NET_RT_DUMP = 1;

export const ENOBUFS = 55; // sys/errno.h

// net/route.h: messages, sockaddrs (bit i of rtm_addrs), flags
export const RTM_VERSION = 5;
export const RTM_ADD = 0x1;
export const RTM_DELETE = 0x2;
export const RTM_CHANGE = 0x3;
export const RTM_GET = 0x4;
export const RTM_LOSING = 0x5;
export const RTM_REDIRECT = 0x6;
export const RTM_MISS = 0x7;
export const RTM_LOCK = 0x8;
export const RTM_RESOLVE = 0xb;
export const RTM_NEWADDR = 0xc;
export const RTM_DELADDR = 0xd;
export const RTM_IFINFO = 0xe;
export const RTM_NEWMADDR = 0xf;
export const RTM_DELMADDR = 0x10;
export const RTAX_DST = 0;
export const RTAX_GATEWAY = 1;
export const RTAX_NETMASK = 2;
export const RTAX_IFP = 4;
export const RTAX_IFA = 5;
export const RTAX_BRD = 7; // on point-to-point links the peer's address
export const RTAX_MAX = 8;
export const RTF_UP = 0x1;
export const RTF_GATEWAY = 0x2;
export const RTF_HOST = 0x4;
export const RTF_REJECT = 0x8;
export const RTF_LLINFO = 0x400; // an ARP or neighbour discovery entry
export const RTF_BLACKHOLE = 0x1000;
export const RTF_LOCAL = 0x200000;
export const RTF_BROADCAST = 0x400000;
export const RTF_MULTICAST = 0x800000;

// net/if.h
export const IFF_UP = 0x1;
export const IFF_LOOPBACK = 0x8;
export const IFF_POINTOPOINT = 0x10;
export const IFF_RUNNING = 0x40;
export const IFF_OACTIVE = 0x400; // the transmit queue is full: it comes and goes with traffic, without a message
export const IFNAMSIZ = 16;
export const IFT_ETHER = 0x06; // net/if_types.h: Wi-Fi and taps, too

// netinet6/in6_var.h
export const IN6_IFF_ANYCAST = 0x1;
export const IN6_IFF_TENTATIVE = 0x2;
export const IN6_IFF_DUPLICATED = 0x4;
export const IN6_IFF_DETACHED = 0x8; // no router of its prefix answers: bind() refuses it
export const IN6_IFF_DEPRECATED = 0x10;
export const IN6_IFF_AUTOCONF = 0x40; // from a router advertisement: it has a lifetime
export const IN6_IFF_TEMPORARY = 0x80;
export const SIOCGIFAFLAG_IN6 = 0xc120_6949n;
export const IN6_IFREQ_SIZE = 288;

// netinet/in.h, netinet6/in6.h, net/if_dl.h: offsets
export const SOCKADDR_IN = { sin_addr: 4 } as const;
export const SOCKADDR_IN_SIZE = 16;
export const SOCKADDR_IN6 = { sin6_addr: 8 } as const;
export const SOCKADDR_IN6_SIZE = 28;
export const SOCKADDR_DL = { sdl_index: 2, sdl_nlen: 5, sdl_alen: 6, sdl_data: 8 } as const;

/** macOS: what FreeBSD does not have or numbers differently. */
export const DARWIN = {
  AF_INET6: 30,
  NET_RT_IFLIST2: 6, // NET_RT_IFLIST with 64-bit counters and multicast groups
  RTM_IFINFO2: 0x12,
  RTM_NEWMADDR2: 0x13,
  RTF_WASCLONED: 0x20000, // a copy for one host
  RTF_IFSCOPE: 0x1000000, // only for sockets bound to the interface
  IN6_IFF_DYNAMIC: 0x100, // DHCPv6
  IN6_IFF_OPTIMISTIC: 0x200, // usable while it is checked (RFC 4429)
  CLOCK_MONOTONIC_RAW: 4, // counts sleep
  CLOCK_UPTIME_RAW: 8, // does not
  // sys/sys_domain.h, sys/kern_event.h, net/net_kev.h
  PF_SYSTEM: 32,
  SYSPROTO_EVENT: 1,
  SIOCSKEVFILT: 0x800c_6502n,
  KEV_VENDOR_APPLE: 1,
  KEV_NETWORK_CLASS: 1,
  KEV_ANY_SUBCLASS: 0,
  KEV_MSG_HEADER_SIZE: 24,
  KERN_EVENT_MSG: { kev_subclass: 12, event_code: 20 },
  KEV_INET_SUBCLASS: 1,
  KEV_DL_SUBCLASS: 2,
  KEV_INET6_SUBCLASS: 6,
  KEV_ND6_SUBCLASS: 7,
} as const;

/** macOS: kernel events that change no state, by subclass; others of these subclasses may (net/net_kev.h). */
export const KERNEL_NOISE: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  [DARWIN.KEV_INET_SUBCLASS]: {
    KEV_INET_ARPCOLLISION: 7,
    KEV_INET_PORTINUSE: 8,
    KEV_INET_ARPRTRFAILURE: 9,
    KEV_INET_ARPRTRALIVE: 10,
  },
  [DARWIN.KEV_DL_SUBCLASS]: {
    KEV_DL_ADDMULTI: 7,
    KEV_DL_DELMULTI: 8,
    KEV_DL_WAKEFLAGS_CHANGED: 17,
    KEV_DL_IF_IDLE_ROUTE_REFCNT: 18,
    KEV_DL_LINK_QUALITY_METRIC_CHANGED: 20,
    KEV_DL_NODE_PRESENCE: 21, // AWDL's neighbours come and go all day
    KEV_DL_NODE_ABSENCE: 22,
    KEV_DL_ISSUES: 24,
    KEV_DL_AWDL_RESTRICTED: 26,
    KEV_DL_AWDL_UNRESTRICTED: 27,
    KEV_DL_RRC_STATE_CHANGED: 28,
    KEV_DL_QOS_MODE_CHANGED: 29,
    KEV_DL_LOW_POWER_MODE_CHANGED: 30,
  },
  [DARWIN.KEV_INET6_SUBCLASS]: { KEV_INET6_REQUEST_NAT64_PREFIX: 7 },
  [DARWIN.KEV_ND6_SUBCLASS]: {
    KEV_ND6_RA: 1, // every few seconds (tailscale#4223)
    KEV_ND6_NDFAILURE: 2,
    KEV_ND6_NDALIVE: 3,
  },
};

/** FreeBSD: what macOS does not have or numbers differently. */
export const FREEBSD = {
  AF_INET6: 28,
  SOCK_CLOEXEC: 0x1000_0000,
  SO_RERROR: 0x0002_0000, // an overflow fails the next recv() with ENOBUFS, since 14
  NET_RT_IFLIST: 3,
  RTM_IFANNOUNCE: 0x11,
  RTM_IEEE80211: 0x12,
  RTM_IPFWLOG: 0x13, // since 15
  LINK_STATE_DOWN: 1,
  CLOCK_MONOTONIC: 4, // counts sleep (review D39270)
  CLOCK_UPTIME: 5, // does not
} as const;

/** Where a message has its fields: offsets in bytes. */
export interface Offsets {
  readonly size: number; // where the sockaddrs begin
  readonly index: number; // u16: the interface
  readonly addresses: number; // i32: which sockaddrs follow
}

export interface RouteHeader extends Offsets {
  readonly about: "route";
  readonly flags: number; // i32: RTF_*
  readonly pid: number; // i32: who sent the request
  readonly sequence: number; // i32: which of the sender's requests
  readonly error: number; // i32: why the request failed
}

export interface LinkHeader extends Offsets {
  readonly about: "link";
  readonly flags: number; // i32: IFF_*
  readonly type: number; // u8: IFT_*
  readonly mtu: number; // u32
  readonly linkState?: number; // u8: LINK_STATE_*; left out where the struct has none
}

export type Header =
  | RouteHeader
  | LinkHeader
  | Offsets & { readonly about: "address" }
  | Offsets & { readonly about: "group" } // a multicast group was joined on an interface
  | { readonly about: "announcement" } // an interface arrived or departed
  | { readonly about: "chatter" }; // nothing that is part of the state

export interface Layout {
  readonly version: number; // RTM_VERSION
  readonly inet6: number; // AF_INET6
  readonly rounding: number; // sockaddrs are padded to a multiple of this power of 2
  /** RTF_* of routes that are never a default: to one host, broadcast, multicast, or to the machine itself. */
  readonly neverDefault: number;
  readonly headers: Readonly<Record<number, Header>>; // by message type, as far as known
}

/** Makes `Layout.headers` from pairs of a header and the message types that have it. */
export function headersByType(...rows: [Header, number[]][]): Record<number, Header> {
  return Object.fromEntries(rows.flatMap(([header, types]) => types.map((type) => [type, header])));
}

const ROUTE_TYPES = [RTM_ADD, RTM_DELETE, RTM_CHANGE, RTM_GET, RTM_LOCK]
  .concat(RTM_LOSING, RTM_REDIRECT, RTM_MISS, RTM_RESOLVE);
const ADDRESS_TYPES = [RTM_NEWADDR, RTM_DELADDR];
const NEVER_DEFAULT = RTF_HOST | RTF_LLINFO | RTF_LOCAL | RTF_BROADCAST | RTF_MULTICAST;

const RTM_FIELDS = { index: 4, flags: 8, addresses: 12, pid: 16, sequence: 20, error: 24 };
const RT_MSGHDR = { about: "route", ...RTM_FIELDS } as const;
const IF_MSGHDR = { about: "link", addresses: 4, flags: 8, index: 12 } as const;
/** 20 bytes: the sockaddrs begin there, even where they are padded to 8. */
const IFA_MSGHDR: Header = { about: "address", size: 20, addresses: 4, index: 12 };
const IFMA_MSGHDR: Header = { about: "group", size: 16, addresses: 4, index: 12 };

/** xnu, arm64 and x86_64: bsd/net/route.h, bsd/net/if.h. */
const darwin = {
  version: RTM_VERSION,
  inet6: DARWIN.AF_INET6,
  rounding: 4,
  neverDefault: NEVER_DEFAULT | DARWIN.RTF_WASCLONED,
  headers: headersByType(
    [{ ...RT_MSGHDR, size: 92 }, ROUTE_TYPES],
    [IFA_MSGHDR, ADDRESS_TYPES],
    [{ ...IF_MSGHDR, size: 112, type: 16, mtu: 24 }, [RTM_IFINFO]],
    [{ ...IF_MSGHDR, size: 160, type: 32, mtu: 40 }, [DARWIN.RTM_IFINFO2]],
    [IFMA_MSGHDR, [RTM_NEWMADDR]],
    [{ about: "chatter" }, [RTM_DELMADDR, DARWIN.RTM_NEWMADDR2]],
  ),
  socketFlags: 0, // or'ed into the type of a socket
  listRequest: DARWIN.NET_RT_IFLIST2,
  overflowOption: null, // a socket option that turns an overflow into an error; here overflows are silent
  hasWakeupSources: true, // a notification centre and kernel events
  /** IFT_* by the `InterfaceKind` that they determine, net/if_types.h. utun calls itself "other". */
  linkTypes: {
    bridge: { IFT_BRIDGE: 0xd1 },
    tunnel: { IFT_PPP: 0x17, IFT_GIF: 0x37, IFT_STF: 0x39 }, // STF: 6to4
    virtual: { IFT_L2VLAN: 0x87, IFT_IEEE8023ADLAG: 0x88 },
    cellular: { IFT_CELLULAR: 0xff },
  },
  /** Every interface of a Mac has a default route of its own, which is scoped; the primary one is not. */
  ignoredRoute: DARWIN.RTF_IFSCOPE,
  optimisticAddress: DARWIN.IN6_IFF_OPTIMISTIC,
  leasedAddress: DARWIN.IN6_IFF_DYNAMIC,
  awakeClock: DARWIN.CLOCK_UPTIME_RAW,
  bootClock: DARWIN.CLOCK_MONOTONIC_RAW,
};

/** FreeBSD 11 and later, amd64 and arm64: sys/net/route.h, sys/net/if.h. */
const freebsd = {
  version: RTM_VERSION,
  inet6: FREEBSD.AF_INET6,
  rounding: 8,
  neverDefault: NEVER_DEFAULT,
  headers: headersByType(
    [{ ...RT_MSGHDR, size: 152 }, ROUTE_TYPES],
    [IFA_MSGHDR, ADDRESS_TYPES],
    [{ ...IF_MSGHDR, size: 168, type: 16, mtu: 24, linkState: 20 }, [RTM_IFINFO]],
    [IFMA_MSGHDR, [RTM_NEWMADDR]],
    [{ about: "announcement" }, [FREEBSD.RTM_IFANNOUNCE]],
    [{ about: "chatter" }, [RTM_DELMADDR, FREEBSD.RTM_IEEE80211, FREEBSD.RTM_IPFWLOG]],
  ),
  socketFlags: FREEBSD.SOCK_CLOEXEC,
  listRequest: FREEBSD.NET_RT_IFLIST,
  overflowOption: FREEBSD.SO_RERROR,
  hasWakeupSources: false,
  linkTypes: {
    bridge: { IFT_BRIDGE: 0xd1 },
    tunnel: {
      IFT_PPP: 0x17,
      IFT_TUNNEL: 0x83, // gre(4), ipsec(4)
      IFT_STF: 0xd7,
      IFT_GIF: 0xf0,
      IFT_ENC: 0xf4, // enc(4), ovpn(4)
      IFT_WIREGUARD: 0xf8,
    },
    virtual: { IFT_L2VLAN: 0x87, IFT_IEEE8023ADLAG: 0xa1, IFT_PFLOG: 0xf6, IFT_PFSYNC: 0xf7 },
    cellular: { IFT_MBIM: 0xf9 }, // umb(4), since 15
  },
  ignoredRoute: 0,
  // On FreeBSD these bits mean something else: IN6_IFF_PREFER_SOURCE, IN6_IFF_NO_PREFER_IFACE.
  optimisticAddress: 0,
  leasedAddress: 0,
  // Before review D39270 CLOCK_MONOTONIC does not count sleep, so these two are the same clock: a sleep
  // goes unreported there, and reconcile finds what changed meanwhile.
  awakeClock: FREEBSD.CLOCK_UPTIME,
  bootClock: FREEBSD.CLOCK_MONOTONIC,
};

export const SYSTEMS = { darwin, freebsd } as const;
export type BsdSystemName = keyof typeof SYSTEMS;
export type BsdSystem = typeof SYSTEMS[BsdSystemName];
