// The event that a message means. Its content is not kept: the kernels do not report everything, so each
// change is a reason to read the kernel's state.
import * as C from "./constants.ts";
import { shortRoute } from "./default_route.ts";
import type { Layout, RouteHeader } from "./layouts.ts";
import { field, headerOf, indexOf, type RouteMessage } from "./route_message.ts";
import { u32 } from "./sockaddr.ts";

/**
 * An event.
 *
 * - `removed`: an address goes, but the kernel may list it for another moment.
 * - `joined`: a multicast group, which is news only on an interface that is not known yet.
 * - `answer`: to a program's RTM_GET, perhaps to our canary.
 * - `malformed`: unknown or not decodable, so the state may have changed.
 */
export type BsdEvent =
  | { readonly kind: "changed" | "removed" | "noise" | "malformed" | "overflow" }
  | { readonly kind: "joined"; readonly index: number }
  | { readonly kind: "answer"; readonly pid: number; readonly sequence: number };

const CHANGED: BsdEvent = { kind: "changed" };
const NOISE: BsdEvent = { kind: "noise" };

/** Decodes a message of the routing socket. Throws DecodeError. */
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
      return decodeRouteEvent(message, header, layout);
  }
}

function decodeRouteEvent(message: RouteMessage, header: RouteHeader, layout: Layout): BsdEvent {
  if (message.type === C.RTM_GET) {
    const [pid, sequence] = [field(message, header.pid), field(message, header.sequence)];
    return { kind: "answer", pid, sequence };
  }
  if (![C.RTM_ADD, C.RTM_DELETE, C.RTM_CHANGE].includes(message.type)) return NOISE;
  const isRefused = field(message, header.error) !== 0; // the echo of a request
  // A router that learns a million routes, and neighbours that come and go, change no default route.
  return isRefused || shortRoute(message, header, layout) === null ? NOISE : CHANGED;
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
