/**
 * What a message of the routing socket means: whether the state may be another one now. Nothing is kept
 * of its content, since the kernels do not tell everything: the truth is asked for.
 *
 * @module
 */
import { RTM_ADD, RTM_CHANGE, RTM_DELETE, RTM_GET, RTM_MISS, RTM_NEWMADDR } from "./constants.ts";
import { shortRoute } from "./default_route.ts";
import type { Layout } from "./layouts.ts";
import { field, headerOf, indexOf, type RouteMessage } from "./route_message.ts";

/** What a message means. */
export type Meaning =
  /** The state may be another one now. */
  | { readonly kind: "changed" }
  /** A multicast group was joined on an interface: news only where nobody has heard of it. */
  | { readonly kind: "joined"; readonly index: number }
  /** The answer to somebody's question, perhaps to our canary. */
  | { readonly kind: "answer"; readonly pid: number; readonly sequence: number }
  /** It says nothing about the state. */
  | { readonly kind: "noise" }
  /** A type or version of the future: whatever it says, something changed. */
  | { readonly kind: "unknown" };

const CHANGED: Meaning = { kind: "changed" };
const NOISE: Meaning = { kind: "noise" };
const UNKNOWN: Meaning = { kind: "unknown" };

/** What the message means. Throws DecodeError. */
export function meaningOf(message: RouteMessage, layout: Layout): Meaning {
  // One for each destination without a route, thousands a second since macOS 26.4 (tailscale#19324,
  // net-tools#203): before anything else.
  if (message.type === RTM_MISS && message.version === layout.version) return NOISE;
  const header = headerOf(message, layout);
  if (header === null) return UNKNOWN;
  switch (header.about) {
    case "link":
    case "address":
    case "announcement":
      return CHANGED;
    case "group":
      // AWDL joins and leaves groups all day (tailscale#1514), but macOS announces a new interface by
      // nothing else than the groups that it joins.
      return message.type === RTM_NEWMADDR
        ? { kind: "joined", index: indexOf(message, header) }
        : NOISE;
    case "chatter":
      return NOISE;
    case "route":
      break;
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
      // What a program asked for and was refused is announced like everything else.
      if (field(message, header.error) !== 0) return NOISE;
      // A router that learns a million routes, and neighbours that come and go, change no default route.
      return shortRoute(message, header, layout) === null ? NOISE : CHANGED;
    default:
      return NOISE;
  }
}
