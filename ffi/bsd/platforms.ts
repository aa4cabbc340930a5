// How macOS and FreeBSD differ, apart from their messages: data.
import type { InterfaceKind } from "../../state/types.ts";
import * as C from "./constants.ts";
import { type Layout, LAYOUTS } from "./layouts.ts";
import type { BsdSystemName } from "./libc.ts";

/** What is particular to a system. */
export interface Platform {
  readonly layout: Layout;
  readonly socketFlags: number; // or'ed into the type of a socket: SOCK_CLOEXEC, where there is one
  readonly listRequest: number; // NET_RT_*: the list of interfaces
  readonly overflowOption: number | null; // makes an overflow an error; null where it is silent
  readonly hasWakeupSources: boolean; // it has a notification centre and kernel events
  /** IFT_* that determine the kind. Wi-Fi and taps call themselves Ethernet, utun "other". */
  readonly linkKinds: Readonly<Record<number, InterfaceKind>>;
  readonly unusableRoute: number; // RTF_* of routes that no ordinary packet takes
  readonly optimisticAddress: number; // IN6_IFF_*: usable while duplicate address detection runs
  readonly leasedAddress: number; // IN6_IFF_*: has a lifetime, given by DHCPv6
  readonly awakeClock: number; // stops while the machine sleeps
  readonly bootClock: number; // goes on
}

const LINK_KINDS = {
  [C.IFT_LOOP]: "loopback",
  [C.IFT_BRIDGE]: "bridge",
  [C.IFT_PPP]: "tunnel",
  [C.IFT_L2VLAN]: "virtual",
} as const;

const darwin: Platform = {
  layout: LAYOUTS.darwin,
  socketFlags: 0,
  listRequest: C.DARWIN.NET_RT_IFLIST2,
  overflowOption: null,
  hasWakeupSources: true,
  linkKinds: {
    ...LINK_KINDS,
    [C.DARWIN.IFT_GIF]: "tunnel",
    [C.DARWIN.IFT_STF]: "tunnel",
    [C.DARWIN.IFT_IEEE8023ADLAG]: "virtual",
    [C.DARWIN.IFT_CELLULAR]: "cellular",
  },
  // Every interface of a Mac has a default route of its own, which is scoped; the primary one is not.
  unusableRoute: C.RTF_REJECT | C.RTF_BLACKHOLE | C.DARWIN.RTF_IFSCOPE,
  optimisticAddress: C.DARWIN.IN6_IFF_OPTIMISTIC,
  leasedAddress: C.DARWIN.IN6_IFF_DYNAMIC,
  awakeClock: C.DARWIN.CLOCK_UPTIME_RAW,
  bootClock: C.DARWIN.CLOCK_MONOTONIC_RAW,
};

const freebsd: Platform = {
  layout: LAYOUTS.freebsd,
  socketFlags: C.FREEBSD.SOCK_CLOEXEC,
  listRequest: C.FREEBSD.NET_RT_IFLIST,
  overflowOption: C.FREEBSD.SO_RERROR,
  hasWakeupSources: false,
  linkKinds: {
    ...LINK_KINDS,
    [C.FREEBSD.IFT_GIF]: "tunnel",
    [C.FREEBSD.IFT_STF]: "tunnel",
    [C.FREEBSD.IFT_TUNNEL]: "tunnel",
    [C.FREEBSD.IFT_ENC]: "tunnel",
    [C.FREEBSD.IFT_WIREGUARD]: "tunnel",
    [C.FREEBSD.IFT_IEEE8023ADLAG]: "virtual",
    [C.FREEBSD.IFT_PFLOG]: "virtual",
    [C.FREEBSD.IFT_PFSYNC]: "virtual",
    [C.FREEBSD.IFT_MBIM]: "cellular",
  },
  unusableRoute: C.RTF_REJECT | C.RTF_BLACKHOLE,
  // Their bits mean something else here: IN6_IFF_PREFER_SOURCE, IN6_IFF_NO_PREFER_IFACE.
  optimisticAddress: 0,
  leasedAddress: 0,
  // One and the same clock where CLOCK_MONOTONIC does not count sleep yet (before review D39270): a
  // sleep goes unreported there, and reconcile finds what changed meanwhile.
  awakeClock: C.FREEBSD.CLOCK_UPTIME,
  bootClock: C.FREEBSD.CLOCK_MONOTONIC,
};

/** By system. */
export const PLATFORMS: Readonly<Record<BsdSystemName, Platform>> = { darwin, freebsd };
