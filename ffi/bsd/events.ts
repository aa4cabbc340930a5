// The event that a message means, and its line in the wire trace. The content of an event is not kept: the
// kernels do not report everything, so each change is a reason to read the kernel's state.
import { formatIp } from "../../state/ip.ts";
import * as C from "./constants.ts";
import {
  decodeAddress,
  decodeLink,
  decodeRoute,
  decodeShortRoute,
  field,
  headerOf,
  indexOf,
  type RouteMessage,
  u32,
} from "./route_message.ts";
import type { Layout, RouteHeader } from "./systems.ts";

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
  switch (message.type) {
    case C.RTM_GET:
      return {
        kind: "answer",
        pid: field(message, header.pid),
        sequence: field(message, header.sequence),
      };
    case C.RTM_ADD:
    case C.RTM_DELETE:
    case C.RTM_CHANGE: {
      const isRefused = field(message, header.error) !== 0; // the echo of a request
      // A router that learns a million routes, and neighbours that come and go, change no default route.
      return isRefused || decodeShortRoute(message, header, layout) === null ? NOISE : CHANGED;
    }
    default:
      // RTM_MISS: one per destination without a route, thousands a second since macOS 26.4
      // (tailscale#19324, net-tools#203).
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

/** Formats a struct kern_event_msg. */
export function formatKernelEvent(bytes: Uint8Array): string {
  if (bytes.length < C.DARWIN.KEV_MSG_HEADER_SIZE) return "kernel event cut short";
  return `kernel event ${u32(bytes, kev_subclass)}.${u32(bytes, event_code)}`;
}

/** RTM_ADD, RTM_DELETE, RTM_CHANGE, RTM_GET. */
const ROUTE_TYPES = [undefined, "add", "delete", "change", "get"] as const;

/** Formats a message, such as `address 2 192.0.2.1/24`: one line, safe to print. Throws DecodeError. */
export function formatMessage(message: RouteMessage, layout: Layout): string {
  const header = headerOf(message, layout);
  if (header === null) return `unknown type ${hex(message.type)} version ${message.version}`;
  switch (header.about) {
    case "route": {
      const route = decodeRoute(message, header, layout);
      const type = ROUTE_TYPES[message.type] ?? `type ${hex(message.type)}`;
      if (route === null) return `route ${type}`;
      const { destination, flags, gateway, index, prefixLength } = route;
      const prefix = `${formatIp(destination)}/${prefixLength}`;
      const via = gateway === null ? "" : ` via ${formatIp(gateway)}`;
      return `route ${type} ${index} ${prefix}${via} flags ${hex(flags)}`;
    }
    case "link": {
      const { flags, index, linkState, mtu } = decodeLink(message, header, layout);
      return `link ${index} flags ${hex(flags)} mtu ${mtu} state ${linkState}`;
    }
    case "address": {
      const found = decodeAddress(message, header, layout);
      const kind = message.type === C.RTM_DELADDR ? "address-gone" : "address";
      if (found === null) return kind;
      return `${kind} ${found.index} ${formatIp(found.address)}/${found.prefixLength}`;
    }
    case "group":
      return `group ${indexOf(message, header)}`;
    default:
      return header.about;
  }
}

function hex(number: number): string {
  return `0x${number.toString(16)}`;
}
