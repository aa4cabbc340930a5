/**
 * Layouts of NetBSD and OpenBSD, amd64, in addition to those of the product. Deno is not built for these
 * systems; their captures show that the decoder knows no system by name. `tests/layouts/` compares the
 * numbers with the systems' own headers.
 *
 * @module
 */
import {
  headersByType,
  type Layout,
  RTF_HOST,
  RTF_LLINFO,
  RTM_ADD,
  RTM_CHANGE,
  RTM_DELETE,
  RTM_GET,
  RTM_LOCK,
  RTM_LOSING,
  RTM_MISS,
  RTM_REDIRECT,
  SYSTEMS,
} from "../../ffi/bsd/systems.ts";

/** NetBSD: net/route.h, net/if.h. Those marked "O" are of NetBSD before 8. */
export const NETBSD = {
  AF_INET6: 24,
  RTM_VERSION: 4,
  RTM_ONEWADDR: 0xc,
  RTM_ODELADDR: 0xd,
  RTM_IFANNOUNCE: 0x10,
  RTM_IEEE80211: 0x11,
  RTM_IFINFO: 0x14,
  RTM_NEWADDR: 0x16,
  RTM_DELADDR: 0x17,
  RTM_CHGADDR: 0x18,
  RTF_LOCAL: 0x40000,
  RTF_BROADCAST: 0x80000,
} as const;

/** OpenBSD: net/route.h, net/if.h. */
export const OPENBSD = {
  AF_INET6: 24,
  RTM_VERSION: 5,
  RTM_NEWADDR: 0xc,
  RTM_DELADDR: 0xd,
  RTM_IFINFO: 0xe,
  RTM_IFANNOUNCE: 0xf,
  RTM_80211INFO: 0x15,
  RTF_MULTICAST: 0x200,
  RTF_LOCAL: 0x200000,
  RTF_BROADCAST: 0x400000,
} as const;

const ROUTE_TYPES = [RTM_ADD, RTM_DELETE, RTM_CHANGE, RTM_GET, RTM_LOSING, RTM_REDIRECT, RTM_MISS];

const netbsd: Layout = {
  version: NETBSD.RTM_VERSION,
  inet6: NETBSD.AF_INET6,
  rounding: 8,
  neverDefault: RTF_HOST | RTF_LLINFO | NETBSD.RTF_LOCAL | NETBSD.RTF_BROADCAST,
  headers: headersByType(
    [
      {
        about: "route",
        size: 120,
        index: 4,
        flags: 8,
        addresses: 12,
        pid: 16,
        sequence: 20,
        error: 24,
      },
      [...ROUTE_TYPES, RTM_LOCK],
    ],
    [
      {
        about: "link",
        size: 152,
        index: 12,
        flags: 8,
        addresses: 4,
        type: 16,
        mtu: 24,
        linkState: 20,
      },
      [NETBSD.RTM_IFINFO],
    ],
    [
      { about: "address", size: 32, index: 4, addresses: 12 },
      [NETBSD.RTM_NEWADDR, NETBSD.RTM_DELADDR, NETBSD.RTM_CHGADDR],
    ],
    // struct ifa_msghdr of NetBSD before 8, which today's headers do not have any more.
    [
      { about: "address", size: 24, index: 16, addresses: 4 },
      [NETBSD.RTM_ONEWADDR, NETBSD.RTM_ODELADDR],
    ],
    [{ about: "announcement" }, [NETBSD.RTM_IFANNOUNCE]],
    [{ about: "chatter" }, [NETBSD.RTM_IEEE80211]],
  ),
};

const openbsd: Layout = {
  version: OPENBSD.RTM_VERSION,
  inet6: OPENBSD.AF_INET6,
  rounding: 8,
  neverDefault: RTF_HOST | RTF_LLINFO | OPENBSD.RTF_LOCAL | OPENBSD.RTF_BROADCAST |
    OPENBSD.RTF_MULTICAST,
  headers: headersByType(
    [
      {
        about: "route",
        size: 96,
        index: 6,
        flags: 16,
        addresses: 12,
        pid: 24,
        sequence: 28,
        error: 32,
      },
      ROUTE_TYPES,
    ],
    [
      { about: "address", size: 24, index: 6, addresses: 12 },
      [OPENBSD.RTM_NEWADDR, OPENBSD.RTM_DELADDR],
    ],
    [{ about: "announcement" }, [OPENBSD.RTM_IFANNOUNCE]],
    [{ about: "chatter" }, [OPENBSD.RTM_80211INFO]],
  ),
};

/**
 * RTM_GET2, of the dump NET_RT_DUMP2 that the product does not request: struct rt_msghdr2 counts references
 * where struct rt_msghdr has pid, seq and errno, and has zeros at 24.
 */
const darwin: Layout = {
  ...SYSTEMS.darwin,
  headers: {
    ...SYSTEMS.darwin.headers,
    0x14: {
      about: "route",
      size: 92,
      index: 4,
      flags: 8,
      addresses: 12,
      pid: 24,
      sequence: 24,
      error: 24,
    },
  },
};

/** By system. */
export const LAYOUTS = { darwin, freebsd: SYSTEMS.freebsd, netbsd, openbsd } as const;

/** The systems whose messages can be decoded. */
export type BsdName = keyof typeof LAYOUTS;
