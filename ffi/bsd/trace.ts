// One line of text per routing message, for the wire trace.
import { formatIp } from "../../state/ip.ts";
import { RTM_DELADDR } from "./constants.ts";
import type { Layout } from "./layouts.ts";
import {
  decodeAddress,
  decodeLink,
  decodeRoute,
  headerOf,
  indexOf,
  type RouteMessage,
} from "./route_message.ts";

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
      const kind = message.type === RTM_DELADDR ? "address-gone" : "address";
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
