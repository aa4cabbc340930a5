// What an event may do to the default routes: looking them up takes a quarter of an event's time.
import { formatIp, readIp } from "../../state/ip.ts";
import type { DefaultRoute } from "../../state/types.ts";
import type { AddressMessage } from "./messages.ts";
import type { KernelEvent } from "./classify.ts";
import type { LinkTable } from "./link_table.ts";
import type { DefaultRouteAnswer } from "./route_lookup.ts";

/** What to look up after an event. */
export interface RouteEffect {
  readonly ask: "nothing" | "known" | "all"; // the default routes that there are, or also new ones
  /** Once more a little later: the kernel announces the event before it removes the routes. */
  readonly again: boolean;
}

/**
 * What to look up after an event that changed the table.
 *
 * @param event The event.
 * @param table The table after the event.
 * @param last The default routes that were looked up last.
 * @param isCertain Whether nothing has changed since then, and no other route takes part.
 */
export function routeEffect(
  event: KernelEvent,
  table: LinkTable,
  last: DefaultRouteAnswer,
  isCertain: boolean,
): RouteEffect {
  switch (event.kind) {
    case "link": {
      const { index } = event.link;
      return { ask: "all", again: last.indexes.includes(index) && !table.isUp(index) };
    }
    case "link-gone":
      return { ask: "all", again: last.indexes.includes(event.index) };
    case "address": {
      const keeps = isCertain && keepsSource(event.address, table, last);
      return { ask: keeps ? "nothing" : "known", again: false };
    }
    case "address-gone": {
      const again = mayTakeRoutes(event.address, table, last, isCertain);
      const keeps = isCertain && !again && routeOf(event.address, last) !== null;
      return { ask: keeps ? "nothing" : "known", again };
    }
    default:
      return { ask: "all", again: false };
  }
}

/**
 * With an address the kernel removes the routes that have it as their source, and with the last of its family
 * all routes of the interface (fib_inetaddr_event() in net/ipv4/fib_frontend.c).
 */
function mayTakeRoutes(
  address: AddressMessage,
  table: LinkTable,
  last: DefaultRouteAnswer,
  isCertain: boolean,
): boolean {
  const { family, index, local } = address;
  if (routeOf(address, last)?.source === formatIp(local)) return true;
  return last.indexes.includes(index) && (!isCertain || !table.hasAddress(index, family));
}

/**
 * Whether a new address leaves the source of the default route as it is: in IPv4 if it is on another interface,
 * or in another subnet than the gateway, because the kernel takes the first address with that subnet, else the
 * first (inet_select_addr() in net/ipv4/devinet.c). Any new IPv6 address may be better (RFC 6724, section 5).
 */
function keepsSource(
  address: AddressMessage,
  table: LinkTable,
  last: DefaultRouteAnswer,
): boolean {
  const route = routeOf(address, last);
  if (route === null || route.source === null || address.family === "IPv6") return false;
  const index = last.indexes.find((it) => table.nameOf(it) === route.interface);
  if (index === undefined || !table.hasAddress(index, "IPv4")) return false;
  if (address.index !== index) return true;
  const gateway = route.gateway === null ? null : readIp(route.gateway);
  return gateway?.length === 4 && !isInSubnet(gateway, address);
}

function routeOf({ family }: AddressMessage, { routes }: DefaultRouteAnswer): DefaultRoute | null {
  return family === "IPv4" ? routes.ipv4 : routes.ipv6;
}

/** Whether the IPv4 address is in the subnet, which is the peer's on a point-to-point link. */
function isInSubnet(ip: Uint8Array, { local, peer, prefixLength }: AddressMessage): boolean {
  const subnet = peer ?? local;
  return ip.every((byte, i) => {
    const bits = Math.min(Math.max(prefixLength - 8 * i, 0), 8);
    return (byte ^ subnet[i]!) >> (8 - bits) === 0;
  });
}
