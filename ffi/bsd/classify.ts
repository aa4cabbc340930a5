/**
 * What a message of the routing socket means for the state. Its content is not kept: the kernels do not
 * report everything, so each change is a reason to read the kernel's state.
 *
 * @module
 */
import { RTM_ADD, RTM_CHANGE, RTM_DELETE, RTM_GET, RTM_MISS } from "./constants.ts";
import { shortRoute } from "./default_route.ts";
import type { Layout } from "./layouts.ts";
import { field, headerOf, indexOf, type RouteMessage } from "./route_message.ts";

/** What a message means. */
export type BsdEvent =
  /** The state may have changed. */
  | { readonly kind: "changed" }
  /** A multicast group was joined: news only for an interface that is not known yet. */
  | { readonly kind: "joined"; readonly index: number }
  /** The answer to a program's RTM_GET, perhaps to our canary. */
  | { readonly kind: "answer"; readonly pid: number; readonly sequence: number }
  /** The state is the same. */
  | { readonly kind: "noise" }
  /** A type or version of the future: the state may have changed. */
  | { readonly kind: "malformed" }
  /** The system dropped messages. */
  | { readonly kind: "overflow" };

const CHANGED: BsdEvent = { kind: "changed" };
const NOISE: BsdEvent = { kind: "noise" };
const MALFORMED: BsdEvent = { kind: "malformed" };

/**
 * Classifies a message.
 *
 * @throws {DecodeError} if it is malformed
 */
export function decodeEvent(message: RouteMessage, layout: Layout): BsdEvent {
  // One per destination without a route, thousands a second since macOS 26.4 (tailscale#19324,
  // net-tools#203): before anything else.
  if (message.type === RTM_MISS && message.version === layout.version) return NOISE;
  const header = headerOf(message, layout);
  switch (header?.about) {
    case undefined:
      return MALFORMED;
    case "chatter":
      return NOISE;
    case "group":
      // AWDL joins groups all day (tailscale#1514), but macOS announces a new interface by nothing else
      // than the groups that it joins.
      return { kind: "joined", index: indexOf(message, header) };
    case "route":
      break;
    default:
      return CHANGED;
  }
  switch (message.type) {
    case RTM_GET:
      return {
        kind: "answer",
        pid: field(message, header.pid),
        sequence: field(message, header.sequence),
      };
    case RTM_ADD:
    case RTM_DELETE:
    case RTM_CHANGE:
      // The echo of a request that was refused.
      if (field(message, header.error) !== 0) return NOISE;
      // A router that learns a million routes, and neighbours that come and go, change no default route.
      return shortRoute(message, header, layout) === null ? NOISE : CHANGED;
    default:
      return NOISE;
  }
}
