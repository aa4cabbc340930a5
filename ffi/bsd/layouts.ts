// How each system lays out its routing messages: data, so that the decoder knows no system by name.
// Every machine that Deno is built for is little-endian.
import type { BsdSystemName } from "./libc.ts";
import * as C from "./constants.ts";

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
  /** i32: who sent the request; left out where the struct has none, like the next two. */
  readonly pid?: number;
  readonly sequence?: number; // i32: which of the sender's requests
  readonly error?: number; // i32: why the request failed
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
  /** A multicast group was joined on an interface. */
  | { readonly about: "group"; readonly index: number }
  /** An interface arrived or departed. */
  | { readonly about: "announcement" }
  /** Nothing that is part of the state. */
  | { readonly about: "chatter" };

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

/** Makes `Layout.headers` of pairs of a header and the types that have it. */
export function headersByType(
  ...rows: (readonly [Header, readonly number[]])[]
): Record<number, Header> {
  return Object.fromEntries(
    rows.flatMap(([header, types]) => types.map((type) => [type, header])),
  );
}

const ROUTE_TYPES = [
  C.RTM_ADD,
  C.RTM_DELETE,
  C.RTM_CHANGE,
  C.RTM_GET,
  C.RTM_LOSING,
  C.RTM_REDIRECT,
  C.RTM_MISS,
  C.RTM_LOCK,
  C.RTM_RESOLVE,
];
const NEVER_DEFAULT = C.RTF_HOST | C.RTF_LLINFO | C.RTF_LOCAL | C.RTF_BROADCAST | C.RTF_MULTICAST;

/** What the structs of macOS and FreeBSD have in common. */
const RT_MSGHDR = {
  about: "route",
  index: 4,
  flags: 8,
  addresses: 12,
  pid: 16,
  sequence: 20,
  error: 24,
} as const;
const IF_MSGHDR = { about: "link", addresses: 4, flags: 8, index: 12 } as const;
/** 20 bytes: the sockaddrs begin there, even where they are padded to 8. */
const IFA_MSGHDR: Header = { about: "address", size: 20, addresses: 4, index: 12 };
const IFMA_MSGHDR: Header = { about: "group", index: 12 };

/** xnu, arm64 and x86_64: bsd/net/route.h, bsd/net/if.h. */
const darwin: Layout = {
  version: C.DARWIN.RTM_VERSION,
  inet6: C.DARWIN.AF_INET6,
  rounding: 4,
  sockaddrs: C.DARWIN.RTAX_MAX,
  neverDefault: NEVER_DEFAULT | C.DARWIN.RTF_WASCLONED,
  headers: headersByType(
    [{ ...RT_MSGHDR, size: 92 }, [...ROUTE_TYPES, C.DARWIN.RTM_OLDADD, C.DARWIN.RTM_OLDDEL]],
    // struct rt_msghdr2 counts references where the other has pid, seq and errno.
    [{ about: "route", size: 92, index: 4, flags: 8, addresses: 12 }, [C.DARWIN.RTM_GET2]],
    [IFA_MSGHDR, [C.RTM_NEWADDR, C.RTM_DELADDR]],
    [{ ...IF_MSGHDR, size: 112, type: 16, mtu: 24 }, [C.RTM_IFINFO]],
    [{ ...IF_MSGHDR, size: 160, type: 32, mtu: 40 }, [C.DARWIN.RTM_IFINFO2]],
    [IFMA_MSGHDR, [C.RTM_NEWMADDR, C.DARWIN.RTM_NEWMADDR2]],
    [{ about: "chatter" }, [C.RTM_DELMADDR]],
  ),
};

/** FreeBSD 11 and later, amd64 and arm64: sys/net/route.h, sys/net/if.h. */
const freebsd: Layout = {
  version: C.FREEBSD.RTM_VERSION,
  inet6: C.FREEBSD.AF_INET6,
  rounding: 8,
  sockaddrs: C.FREEBSD.RTAX_MAX,
  neverDefault: NEVER_DEFAULT,
  headers: headersByType(
    [{ ...RT_MSGHDR, size: 152 }, ROUTE_TYPES],
    [IFA_MSGHDR, [C.RTM_NEWADDR, C.RTM_DELADDR]],
    [{ ...IF_MSGHDR, size: 168, type: 16, mtu: 24, linkState: 20 }, [C.RTM_IFINFO]],
    [IFMA_MSGHDR, [C.RTM_NEWMADDR]],
    [{ about: "announcement" }, [C.FREEBSD.RTM_IFANNOUNCE]],
    [{ about: "chatter" }, [C.RTM_DELMADDR, C.FREEBSD.RTM_IEEE80211, C.FREEBSD.RTM_IPFWLOG]],
  ),
};

/** By system. */
export const LAYOUTS: Readonly<Record<BsdSystemName, Layout>> = { darwin, freebsd };
