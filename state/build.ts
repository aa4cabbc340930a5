/**
 * The only maker of states.
 *
 * @module
 */
import { canonicalRoute } from "./normalize.ts";
import { isPrivateIpv4, parseIp } from "./ip.ts";
import { localFacts } from "./derived.ts";
import { interfaceRecord, orderedInterfaces } from "./interface_list.ts";
import type { Reading } from "./source.ts";
import type { DefaultRoute, DefaultRoutes, State } from "./types.ts";

/**
 * The state that a reading and the last wake-up make: sorted, each name once, every derived field
 * filled in, deeply frozen. The reading's objects are neither frozen nor changed; interfaces that
 * `canonicalInterface()` made are shared, so an event about one of thousands costs only that one. A
 * default route whose interface is not among the interfaces is kept as told.
 *
 * @param reading What the source told.
 * @param resumed The last wake-up; null where there was none.
 * @param previous The state before: the result does not depend on it, but is found sooner with it.
 * @throws {TypeError} When an address in the reading is none or a number of an interface is not an integer.
 * @throws {RangeError} When a prefix length does not fit its family.
 */
export function buildState(
  reading: Reading,
  resumed: { at: number; sleptMs: number } | null,
  previous: State | null = null,
): State {
  const interfaces = interfaceRecord(reading.interfaces, previous);
  const defaultRoute: DefaultRoutes = Object.freeze({
    ipv4: canonicalRoute(reading.defaultRoute.ipv4),
    ipv6: canonicalRoute(reading.defaultRoute.ipv6),
  });
  const defaultRouteInterface = (defaultRoute.ipv4 ?? defaultRoute.ipv6)?.interface ?? null;
  const { links, addressFlags, routes } = reading.knows;
  return Object.freeze({
    interfaces,
    defaultRoute,
    defaultRouteInterface,
    ...localFacts(orderedInterfaces({ interfaces }).facts),
    homeRouter: homeRouter(defaultRoute.ipv4),
    isExpensive: isCellular(interfaces, defaultRouteInterface) ? true : "unknown",
    resumedAt: resumed?.at ?? null,
    sleptMs: resumed?.sleptMs ?? null,
    knows: Object.freeze({ links, addressFlags, routes }),
  });
}

function homeRouter(route: DefaultRoute | null): State["homeRouter"] {
  const gateway = route?.gateway ?? null;
  if (route === null || gateway === null) return null;
  const bytes = parseIp(gateway); // may be IPv6 (RFC 5549)
  if (bytes === null || !isPrivateIpv4(bytes)) return null;
  return Object.freeze({ gateway, source: route.source });
}

/** A VPN over a metered link says nothing of that link: only what is known counts. */
function isCellular(interfaces: State["interfaces"], name: string | null): boolean {
  return name !== null && interfaces[name]?.kind === "cellular";
}
