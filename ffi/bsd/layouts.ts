/**
 * How the systems lay out their routing messages: data, so that another BSD is a row and no code. Host
 * byte order is little-endian on every machine that Deno is built for.
 *
 * The rows of NetBSD and OpenBSD hold route messages alone: there is no Deno for those systems, so
 * nothing listens there, and the rows prove that the decoder knows no system by name.
 *
 * @module
 */
import {
  RTM_ADD,
  RTM_CHANGE,
  RTM_DELADDR,
  RTM_DELETE,
  RTM_DELMADDR,
  RTM_GET,
  RTM_GET2,
  RTM_IEEE80211,
  RTM_IFANNOUNCE,
  RTM_IFINFO,
  RTM_IFINFO2,
  RTM_LOCK,
  RTM_LOSING,
  RTM_MISS,
  RTM_NEWADDR,
  RTM_NEWMADDR,
  RTM_NEWMADDR2,
  RTM_OLDADD,
  RTM_OLDDEL,
  RTM_REDIRECT,
  RTM_RESOLVE,
} from "./constants.ts";

/** The systems that there is a row for. */
export type BsdName = "darwin" | "freebsd" | "netbsd" | "openbsd";

/** Offsets in the header of a message, in bytes. All messages begin with length (u16), version, type. */
export interface Header {
  /** What the message is about. */
  readonly about: "route" | "link" | "address" | "group" | "announcement" | "chatter";
  /** Where its sockaddrs begin, unless the message says so itself. */
  readonly size: number;
  /** u16: the index of the interface. */
  readonly index: number;
  /** i32: RTF_* or IFF_*; absent from announcements. */
  readonly flags?: number;
  /** i32: which sockaddrs follow; absent from announcements. */
  readonly addresses?: number;
  /** i32: whose request it was. */
  readonly pid?: number;
  /** i32: which of its requests. */
  readonly sequence?: number;
  /** i32: why the request failed. */
  readonly error?: number;
  /** u8: IFT_*. */
  readonly type?: number;
  /** u32: the MTU. */
  readonly mtu?: number;
  /** u8: LINK_STATE_*, where the system has it. */
  readonly linkState?: number;
}

/** The routing messages of one system. */
export interface Layout {
  /** Which system. */
  readonly os: BsdName;
  /** RTM_VERSION. */
  readonly version: number;
  /** AF_INET6. */
  readonly inet6: number;
  /** Sockaddrs are padded to a multiple of this. */
  readonly rounding: 4 | 8;
  /** How many sockaddrs a message can have (RTAX_MAX). */
  readonly sockaddrs: number;
  /** u16: where the message says itself how long its header is; null where it does not. */
  readonly headerLength: number | null;
  /** By type of message. A type that is not there is unknown. */
  readonly headers: Readonly<Record<number, Header>>;
}

function headers(...rows: (readonly [Header, readonly number[]])[]): Record<number, Header> {
  return Object.fromEntries(
    rows.flatMap(([header, types]) => types.map((type) => [type, header])),
  );
}

const ROUTE_TYPES = [
  RTM_ADD,
  RTM_DELETE,
  RTM_CHANGE,
  RTM_GET,
  RTM_LOSING,
  RTM_REDIRECT,
  RTM_MISS,
  RTM_LOCK,
  RTM_RESOLVE,
];

/** struct rt_msghdr without its metrics: the same on macOS and FreeBSD, but for its size. */
const RT_MSGHDR = {
  about: "route",
  index: 4,
  flags: 8,
  addresses: 12,
  pid: 16,
  sequence: 20,
  error: 24,
} as const;

/** struct ifa_msghdr of macOS and FreeBSD: 20 bytes, where sockaddrs begin even if padded to 8. */
const IFA_MSGHDR: Header = { about: "address", size: 20, addresses: 4, flags: 8, index: 12 };
const IFMA_MSGHDR: Header = { about: "group", size: 16, addresses: 4, flags: 8, index: 12 };
const IF_MSGHDR = { about: "link", addresses: 4, flags: 8, index: 12 } as const;

/** macOS, arm64 and x86_64 (xnu: bsd/net/route.h, bsd/net/if.h, bsd/net/if_var.h). */
const darwin: Layout = {
  os: "darwin",
  version: 5,
  inet6: 30,
  rounding: 4,
  sockaddrs: 8,
  headerLength: null,
  headers: headers(
    [{ ...RT_MSGHDR, size: 92 }, [...ROUTE_TYPES, RTM_OLDADD, RTM_OLDDEL]],
    // struct rt_msghdr2 counts references where the other has pid, seq and errno.
    [{ about: "route", size: 92, index: 4, flags: 8, addresses: 12 }, [RTM_GET2]],
    [IFA_MSGHDR, [RTM_NEWADDR, RTM_DELADDR]],
    [{ ...IF_MSGHDR, size: 112, type: 16, mtu: 24 }, [RTM_IFINFO]],
    [{ ...IF_MSGHDR, size: 160, type: 32, mtu: 40 }, [RTM_IFINFO2]],
    [IFMA_MSGHDR, [RTM_NEWMADDR, RTM_DELMADDR]],
    [{ ...IFMA_MSGHDR, size: 20 }, [RTM_NEWMADDR2]],
  ),
};

/** FreeBSD 11 and later, amd64 and arm64 (sys/net/route.h, sys/net/if.h). */
const freebsd: Layout = {
  os: "freebsd",
  version: 5,
  inet6: 28,
  rounding: 8,
  sockaddrs: 8,
  headerLength: null,
  headers: headers(
    [{ ...RT_MSGHDR, size: 152 }, ROUTE_TYPES],
    [IFA_MSGHDR, [RTM_NEWADDR, RTM_DELADDR]],
    [{ ...IF_MSGHDR, size: 168, type: 16, mtu: 24, linkState: 20 }, [RTM_IFINFO]],
    [IFMA_MSGHDR, [RTM_NEWMADDR, RTM_DELMADDR]],
    [{ about: "announcement", size: 24, index: 4 }, [RTM_IFANNOUNCE]],
    [{ about: "chatter", size: 24, index: 4 }, [RTM_IEEE80211]],
  ),
};

/** NetBSD 10, amd64 (sys/net/route.h). */
const netbsd: Layout = {
  os: "netbsd",
  version: 4,
  inet6: 24,
  rounding: 8,
  sockaddrs: 8,
  headerLength: null,
  headers: headers([
    { about: "route", size: 120, index: 4, flags: 8, addresses: 12 },
    ROUTE_TYPES,
  ]),
};

/** OpenBSD 7, amd64 (sys/net/route.h). */
const openbsd: Layout = {
  os: "openbsd",
  version: 5,
  inet6: 24,
  rounding: 8,
  sockaddrs: 15,
  headerLength: 4,
  headers: headers([
    {
      about: "route",
      size: 96,
      index: 6,
      addresses: 12,
      flags: 16,
    },
    ROUTE_TYPES,
  ]),
};

/** By operating system. */
export const LAYOUTS: Readonly<Record<BsdName, Layout>> = { darwin, freebsd, netbsd, openbsd };
