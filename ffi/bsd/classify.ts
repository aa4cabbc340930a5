/**
 * The event that a message means. Its content is not kept: the kernels do not report everything, so each
 * change is a reason to read the kernel's state.
 *
 * @module
 */
import * as C from "./constants.ts";
import { shortRoute } from "./default_route.ts";
import type { Layout } from "./layouts.ts";
import { field, headerOf, indexOf, type RouteMessage } from "./route_message.ts";
import { u32 } from "./sockaddr.ts";

/** An event. */
export type BsdEvent =
  /** The state may have changed. */
  | { readonly kind: "changed" }
  /** An address is removed, but the kernel may list it for another moment. */
  | { readonly kind: "removed" }
  /** A multicast group was joined: news only for an interface that is not known yet. */
  | { readonly kind: "joined"; readonly index: number }
  /** The answer to a program's RTM_GET, perhaps to our canary. */
  | { readonly kind: "answer"; readonly pid: number; readonly sequence: number }
  /** The state is the same. */
  | { readonly kind: "noise" }
  /** An unknown type or version, or a message that cannot be decoded: the state may have changed. */
  | { readonly kind: "malformed" }
  /** The kernel dropped messages. */
  | { readonly kind: "overflow" };

const CHANGED: BsdEvent = { kind: "changed" };
const NOISE: BsdEvent = { kind: "noise" };

/**
 * Decodes a message of the routing socket.
 *
 * @throws {DecodeError} if it is malformed
 */
export function decodeEvent(message: RouteMessage, layout: Layout): BsdEvent {
  // One per destination without a route, thousands a second since macOS 26.4 (tailscale#19324,
  // net-tools#203): before anything else.
  if (message.type === C.RTM_MISS && message.version === layout.version) return NOISE;
  const header = headerOf(message, layout);
  switch (header?.about) {
    case undefined:
      return { kind: "malformed" };
    case "chatter":
      return NOISE;
    case "link":
    case "announcement":
      return CHANGED;
    case "address":
      return message.type === C.RTM_DELADDR ? { kind: "removed" } : CHANGED;
    case "group":
      // AWDL joins groups all day (tailscale#1514), but macOS announces a new interface by nothing else
      // than the groups that it joins.
      return { kind: "joined", index: indexOf(message, header) };
    case "route":
      break;
  }
  switch (message.type) {
    case C.RTM_GET:
      return {
        kind: "answer",
        pid: field(message, header.pid),
        sequence: field(message, header.sequence),
      };
    case C.RTM_ADD:
    case C.RTM_DELETE:
    case C.RTM_CHANGE:
      // The echo of a request that was refused.
      if (field(message, header.error) !== 0) return NOISE;
      // A router that learns a million routes, and neighbours that come and go, change no default route.
      return shortRoute(message, header, layout) === null ? NOISE : CHANGED;
    default:
      return NOISE;
  }
}

/** Codes that change no state, by subclass; other codes of these subclasses may. */
const KERNEL_NOISE: Readonly<Record<number, readonly number[]>> = {
  [C.DARWIN.KEV_INET_SUBCLASS]: [
    C.DARWIN.KEV_INET_ARPCOLLISION,
    C.DARWIN.KEV_INET_PORTINUSE,
    C.DARWIN.KEV_INET_ARPRTRFAILURE,
    C.DARWIN.KEV_INET_ARPRTRALIVE,
  ],
  [C.DARWIN.KEV_DL_SUBCLASS]: [
    C.DARWIN.KEV_DL_ADDMULTI,
    C.DARWIN.KEV_DL_DELMULTI,
    C.DARWIN.KEV_DL_WAKEFLAGS_CHANGED,
    C.DARWIN.KEV_DL_IF_IDLE_ROUTE_REFCNT,
    C.DARWIN.KEV_DL_LINK_QUALITY_METRIC_CHANGED,
    C.DARWIN.KEV_DL_NODE_PRESENCE, // AWDL's neighbours come and go all day
    C.DARWIN.KEV_DL_NODE_ABSENCE,
    C.DARWIN.KEV_DL_ISSUES,
    C.DARWIN.KEV_DL_AWDL_RESTRICTED,
    C.DARWIN.KEV_DL_AWDL_UNRESTRICTED,
    C.DARWIN.KEV_DL_RRC_STATE_CHANGED,
    C.DARWIN.KEV_DL_QOS_MODE_CHANGED,
    C.DARWIN.KEV_DL_LOW_POWER_MODE_CHANGED,
  ],
  [C.DARWIN.KEV_INET6_SUBCLASS]: [C.DARWIN.KEV_INET6_REQUEST_NAT64_PREFIX],
  [C.DARWIN.KEV_ND6_SUBCLASS]: [
    C.DARWIN.KEV_ND6_RA, // every few seconds (tailscale#4223)
    C.DARWIN.KEV_ND6_NDFAILURE,
    C.DARWIN.KEV_ND6_NDALIVE,
  ],
};

/** Decodes a struct kern_event_msg of macOS. One that is cut short may mean a change. */
export function decodeKernelEvent(bytes: Uint8Array): BsdEvent {
  if (bytes.length < C.DARWIN.KEV_MSG_HEADER_SIZE) return { kind: "malformed" };
  const noise = KERNEL_NOISE[u32(bytes, C.DARWIN.KERN_EVENT_MSG.kev_subclass)];
  const code = u32(bytes, C.DARWIN.KERN_EVENT_MSG.event_code);
  return noise === undefined || noise.includes(code) ? NOISE : CHANGED;
}
