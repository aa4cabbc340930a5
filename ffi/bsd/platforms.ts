/**
 * How macOS and FreeBSD are listened to, as far as they differ: data.
 *
 * @module
 */
import {
  CLOCK_MONOTONIC_RAW,
  CLOCK_REALTIME,
  CLOCK_UPTIME_RAW,
  FREEBSD_CLOCK_MONOTONIC,
  NET_RT_IFLIST,
  NET_RT_IFLIST2,
} from "./constants.ts";
import { type Layout, LAYOUTS } from "./layouts.ts";
import type { BsdSystemName } from "./libc.ts";

/** What is particular to a system. */
export interface Platform {
  /** Which system. */
  readonly os: BsdSystemName;
  /** Its routing messages. */
  readonly layout: Layout;
  /** Or'ed into the type of a socket: not inherited by child processes, where that can be said so. */
  readonly socketFlags: number;
  /** NET_RT_*: the list of interfaces. */
  readonly listRequest: number;
  /** The option that makes an overflow heard; null where the system has none. */
  readonly overflowOption: number | null;
  /** It has a notification centre and kernel events. */
  readonly hasWakeupSources: boolean;
  /** The clocks whose difference grows by the time asleep. */
  readonly clocks: {
    /** Stops while asleep. */
    readonly awake: number;
    /** Goes on. */
    readonly always: number;
    /** What is told as a sleep. */
    readonly shortestSleepMs: number;
  };
}

const darwin: Platform = {
  os: "darwin",
  layout: LAYOUTS.darwin,
  socketFlags: 0,
  listRequest: NET_RT_IFLIST2,
  overflowOption: null,
  hasWakeupSources: true,
  clocks: { awake: CLOCK_UPTIME_RAW, always: CLOCK_MONOTONIC_RAW, shortestSleepMs: 100 },
};

const freebsd: Platform = {
  os: "freebsd",
  layout: LAYOUTS.freebsd,
  socketFlags: 0x1000_0000, // SOCK_CLOEXEC
  listRequest: NET_RT_IFLIST,
  overflowOption: 0x0002_0000, // SO_RERROR, since FreeBSD 14
  hasWakeupSources: false,
  // No clock of FreeBSD is known to count the time asleep but the wall clock, which is also set by hand
  // and by ntpd: what is shorter than this is taken for that.
  clocks: { awake: FREEBSD_CLOCK_MONOTONIC, always: CLOCK_REALTIME, shortestSleepMs: 10_000 },
};

/** By operating system. */
export const PLATFORMS: Readonly<Record<BsdSystemName, Platform>> = { darwin, freebsd };
