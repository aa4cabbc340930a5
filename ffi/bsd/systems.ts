// macOS and FreeBSD as data: how they lay out their routing messages, and how else they differ, so that no
// other code knows a system by name. Every machine that Deno is built for is little-endian.
import type { InterfaceKind } from "../../state/types.ts";
import * as C from "./constants.ts";
import type { BsdSystemName } from "./libc.ts";

/** Where a message has its fields: offsets in bytes. */
interface Offsets {
  readonly size: number; // where the sockaddrs begin
  readonly index: number; // u16: the interface
  readonly addresses: number; // i32: which sockaddrs follow
}

/** A route message. */
export interface RouteHeader extends Offsets {
  readonly about: "route";
  readonly flags: number; // i32: RTF_*
  readonly pid: number; // i32: who sent the request
  readonly sequence: number; // i32: which of the sender's requests
  readonly error: number; // i32: why the request failed
}

/** A link message. */
export interface LinkHeader extends Offsets {
  readonly about: "link";
  readonly flags: number; // i32: IFF_*
  readonly type: number; // u8: IFT_*
  readonly mtu: number; // u32
  readonly linkState?: number; // u8: LINK_STATE_*; left out where the struct has none
}

/** An address message. */
export interface AddressHeader extends Offsets {
  readonly about: "address";
}

/** What a message is about, with the offsets that are read. */
export type Header =
  | RouteHeader
  | LinkHeader
  | AddressHeader
  | { readonly about: "group"; readonly index: number } // a multicast group was joined on an interface
  | { readonly about: "announcement" } // an interface arrived or departed
  | { readonly about: "chatter" }; // nothing that is part of the state

/** The routing messages of one system. */
export interface Layout {
  readonly version: number; // RTM_VERSION
  readonly inet6: number; // AF_INET6
  readonly rounding: 4 | 8; // sockaddrs are padded to a multiple of this
  readonly sockaddrs: number; // RTAX_MAX: how many sockaddrs a message can have
  /** RTF_* of routes that are never a default: to one host, to nobody, or to the machine itself. */
  readonly neverDefault: number;
  readonly headers: Readonly<Record<number, Header>>; // by message type, as far as known
}

/** One system. */
export interface BsdSystem extends Layout {
  readonly socketFlags: number; // or'ed into the type of a socket: SOCK_CLOEXEC, where there is one
  readonly listRequest: number; // NET_RT_*: the list of interfaces
  readonly overflowOption: number | null; // makes an overflow an error; null where it is silent
  readonly hasWakeupSources: boolean; // it has a notification centre and kernel events
  readonly linkTypes: Readonly<Partial<Record<InterfaceKind, Readonly<Record<string, number>>>>>;
  readonly unusableRoute: number; // RTF_* of routes that no ordinary packet takes
  readonly optimisticAddress: number; // IN6_IFF_*: usable while duplicate address detection runs
  readonly leasedAddress: number; // IN6_IFF_*: has a lifetime, given by DHCPv6
  readonly awakeClock: number; // stops while the machine sleeps
  readonly bootClock: number; // goes on
}

/** Makes `Layout.headers` of pairs of a header and the types that have it. */
export function headersByType(
  ...rows: (readonly [Header, readonly number[]])[]
): Record<number, Header> {
  return Object.fromEntries(rows.flatMap(([header, types]) => types.map((type) => [type, header])));
}

const REQUESTS = [C.RTM_ADD, C.RTM_DELETE, C.RTM_CHANGE, C.RTM_GET, C.RTM_LOCK];
const REPORTS = [C.RTM_LOSING, C.RTM_REDIRECT, C.RTM_MISS, C.RTM_RESOLVE];
const ADDRESS_TYPES = [C.RTM_NEWADDR, C.RTM_DELADDR];
const NEVER_DEFAULT = C.RTF_HOST | C.RTF_LLINFO | C.RTF_LOCAL | C.RTF_BROADCAST | C.RTF_MULTICAST;
const UNUSABLE = C.RTF_REJECT | C.RTF_BLACKHOLE;

/** What the structs of macOS and FreeBSD have in common. */
const RTM_FIELDS = { index: 4, flags: 8, addresses: 12, pid: 16, sequence: 20, error: 24 };
const RT_MSGHDR = { about: "route", ...RTM_FIELDS } as const;
const IF_MSGHDR = { about: "link", addresses: 4, flags: 8, index: 12 } as const;
/** 20 bytes: the sockaddrs begin there, even where they are padded to 8. */
const IFA_MSGHDR: Header = { about: "address", size: 20, addresses: 4, index: 12 };
const IFMA_MSGHDR: Header = { about: "group", index: 12 };

/** xnu, arm64 and x86_64: bsd/net/route.h, bsd/net/if.h. */
const darwin: BsdSystem = {
  version: C.RTM_VERSION,
  inet6: C.DARWIN.AF_INET6,
  rounding: 4,
  sockaddrs: C.RTAX_MAX,
  neverDefault: NEVER_DEFAULT | C.DARWIN.RTF_WASCLONED,
  headers: headersByType(
    [{ ...RT_MSGHDR, size: 92 }, [...REQUESTS, ...REPORTS]],
    [IFA_MSGHDR, ADDRESS_TYPES],
    [{ ...IF_MSGHDR, size: 112, type: 16, mtu: 24 }, [C.RTM_IFINFO]],
    [{ ...IF_MSGHDR, size: 160, type: 32, mtu: 40 }, [C.DARWIN.RTM_IFINFO2]],
    [IFMA_MSGHDR, [C.RTM_NEWMADDR, C.DARWIN.RTM_NEWMADDR2]],
    [{ about: "chatter" }, [C.RTM_DELMADDR]],
  ),
  socketFlags: 0,
  listRequest: C.DARWIN.NET_RT_IFLIST2,
  overflowOption: null,
  hasWakeupSources: true,
  linkTypes: C.LINK_TYPES.darwin,
  // Every interface of a Mac has a default route of its own, which is scoped; the primary one is not.
  unusableRoute: UNUSABLE | C.DARWIN.RTF_IFSCOPE,
  optimisticAddress: C.DARWIN.IN6_IFF_OPTIMISTIC,
  leasedAddress: C.DARWIN.IN6_IFF_DYNAMIC,
  awakeClock: C.DARWIN.CLOCK_UPTIME_RAW,
  bootClock: C.DARWIN.CLOCK_MONOTONIC_RAW,
};

/** FreeBSD 11 and later, amd64 and arm64: sys/net/route.h, sys/net/if.h. */
const freebsd: BsdSystem = {
  version: C.RTM_VERSION,
  inet6: C.FREEBSD.AF_INET6,
  rounding: 8,
  sockaddrs: C.RTAX_MAX,
  neverDefault: NEVER_DEFAULT,
  headers: headersByType(
    [{ ...RT_MSGHDR, size: 152 }, [...REQUESTS, ...REPORTS]],
    [IFA_MSGHDR, ADDRESS_TYPES],
    [{ ...IF_MSGHDR, size: 168, type: 16, mtu: 24, linkState: 20 }, [C.RTM_IFINFO]],
    [IFMA_MSGHDR, [C.RTM_NEWMADDR]],
    [{ about: "announcement" }, [C.FREEBSD.RTM_IFANNOUNCE]],
    [{ about: "chatter" }, [C.RTM_DELMADDR, C.FREEBSD.RTM_IEEE80211, C.FREEBSD.RTM_IPFWLOG]],
  ),
  socketFlags: C.FREEBSD.SOCK_CLOEXEC,
  listRequest: C.FREEBSD.NET_RT_IFLIST,
  overflowOption: C.FREEBSD.SO_RERROR,
  hasWakeupSources: false,
  linkTypes: C.LINK_TYPES.freebsd,
  unusableRoute: UNUSABLE,
  // Their bits mean something else here: IN6_IFF_PREFER_SOURCE, IN6_IFF_NO_PREFER_IFACE.
  optimisticAddress: 0,
  leasedAddress: 0,
  // One and the same clock where CLOCK_MONOTONIC does not count sleep yet (before review D39270): a
  // sleep goes unreported there, and reconcile finds what changed meanwhile.
  awakeClock: C.FREEBSD.CLOCK_UPTIME,
  bootClock: C.FREEBSD.CLOCK_MONOTONIC,
};

/** By name. */
export const SYSTEMS: Readonly<Record<BsdSystemName, BsdSystem>> = { darwin, freebsd };
