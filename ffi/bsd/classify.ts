// The event that a message means. Its content is not kept: the kernels do not report everything, so each
// change is a reason to read the kernel's state.
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

const { event_code, kev_subclass } = C.DARWIN.KERN_EVENT_MSG;
const NOISE_CODES: Readonly<Record<number, readonly number[]>> = {
  [C.DARWIN.KEV_INET_SUBCLASS]: Object.values(C.KERNEL_NOISE.KEV_INET_SUBCLASS),
  [C.DARWIN.KEV_DL_SUBCLASS]: Object.values(C.KERNEL_NOISE.KEV_DL_SUBCLASS),
  [C.DARWIN.KEV_INET6_SUBCLASS]: Object.values(C.KERNEL_NOISE.KEV_INET6_SUBCLASS),
  [C.DARWIN.KEV_ND6_SUBCLASS]: Object.values(C.KERNEL_NOISE.KEV_ND6_SUBCLASS),
};

/** Decodes a struct kern_event_msg of macOS. */
export function decodeKernelEvent(bytes: Uint8Array): BsdEvent {
  if (bytes.length < C.DARWIN.KEV_MSG_HEADER_SIZE) return { kind: "malformed" };
  const noise = NOISE_CODES[u32(bytes, kev_subclass)];
  return noise === undefined || noise.includes(u32(bytes, event_code)) ? NOISE : CHANGED;
}
