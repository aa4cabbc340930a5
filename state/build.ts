// The only maker of states.
import { localFields } from "./derived.ts";
import { interfaceRecord } from "./interface_list.ts";
import { isLinkLocal, isPrivateIpv4, readIp } from "./ip.ts";
import { normalizeRoute } from "./normalize.ts";
import type { Reading } from "./source.ts";
import type { DefaultRoute, DefaultRoutes, State } from "./types.ts";

/**
 * Builds the state of a reading and the last wake-up: interfaces in normal form, each name once, derived
 * fields filled in, deeply frozen. The reading's objects are neither frozen nor changed. A default
 * route through an interface that the reading does not list stays as it is. Interfaces that equal those of the
 * state before are shared, so that an event about one of thousands costs little.
 *
 * @throws {TypeError} if an address cannot be parsed or a number of an interface is not an integer.
 * @throws {RangeError} if a prefix length does not fit its family.
 */
export function buildState(
  reading: Reading,
  resumed: { readonly at: number; readonly sleptMs: number } | null,
  previous: State | null = null,
): State {
  const defaultRoute: DefaultRoutes = Object.freeze({
    ipv4: normalizeRoute(reading.defaultRoute.ipv4),
    ipv6: normalizeRoute(reading.defaultRoute.ipv6),
  });
  const interfaces = interfaceRecord(reading.interfaces, defaultRoute, previous);
  const main = defaultRoute.ipv4 ?? defaultRoute.ipv6;
  const { links, addressFlags, routes } = reading.knows;
  const local = localFields(interfaces, previous);
  const isOnline = leadsOut(defaultRoute.ipv4, interfaces) ||
    leadsOut(defaultRoute.ipv6, interfaces);
  return Object.freeze({
    interfaces,
    defaultRoute,
    defaultRouteInterface: main?.interface ?? null,
    online: isOnline || (!routes && (local.haveIpv4 || local.haveIpv6) ? "unknown" : false),
    ...local,
    homeRouter: homeRouter(defaultRoute.ipv4),
    // a VPN over a metered link says nothing about that link, so only the interface itself counts
    isExpensive: main !== null && interfaces[main.interface]?.kind === "cellular"
      ? true
      : "unknown",
    resumedAt: resumed?.at ?? null,
    sleptMs: resumed?.sleptMs ?? null,
    knows: Object.freeze({ links, addressFlags, routes }),
  });
}

/**
 * Whether packets leave through the route: without a source address a connection attempt fails at once, and
 * routers forward nothing from fe80::/10 (RFC 4291, 2.5.6), as while an IPv6 router announces no prefix.
 */
function leadsOut(route: DefaultRoute | null, interfaces: State["interfaces"]): boolean {
  if (route === null || route.source === null) return false;
  const source = readIp(route.source);
  if (source?.length === 16 && isLinkLocal(source)) return false;
  const nic = interfaces[route.interface];
  return nic !== undefined && nic.up && nic.running;
}

function homeRouter(route: DefaultRoute | null): State["homeRouter"] {
  if (route === null || route.gateway === null) return null;
  const bytes = readIp(route.gateway); // may be IPv6 (RFC 5549)
  if (bytes === null || !isPrivateIpv4(bytes)) return null;
  return Object.freeze({ gateway: route.gateway, source: route.source });
}
