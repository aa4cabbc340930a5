// The default route of each family, from the kernel's routing table.
import { formatIp, isLinkLocal, parseIp } from "../../state/ip.ts";
import type { DefaultRoute, DefaultRoutes, Interface } from "../../state/types.ts";
import {
  compareHops,
  likelySource,
  LONGEST_DEFAULT_IPV4,
  LONGEST_DEFAULT_IPV6,
  type NextHops,
  PROBES,
  selectDefaultRoute,
} from "../default_route.ts";
import { RTF_UP } from "./constants.ts";
import type { Layout, RouteHeader } from "./layouts.ts";
import {
  decodeRoute,
  field,
  forEachRecord,
  type Route,
  type RouteMessage,
} from "./route_message.ts";

const LONGEST = { IPv4: LONGEST_DEFAULT_IPV4, IPv6: LONGEST_DEFAULT_IPV6 } as const;

interface RouteHops extends NextHops {
  readonly hops: readonly Route[];
}

/**
 * Decodes the routes of a dump that can be default routes: the short ones. Calls `malformed` for each
 * record that cannot be decoded. Throws DecodeError if the framing is broken.
 */
export function decodeDefaultRoutes(
  dump: Uint8Array,
  layout: Layout,
  malformed: () => void,
): Route[] {
  const routes: Route[] = [];
  forEachRecord(dump, layout, malformed, (message, header) => {
    if (header.about !== "route") return;
    const route = shortRoute(message, header, layout);
    if (route !== null) routes.push(route);
  });
  return routes;
}

/** Decodes a route if it is short enough to be a default route; else null. Throws DecodeError. */
export function shortRoute(
  message: RouteMessage,
  header: RouteHeader,
  layout: Layout,
): Route | null {
  if ((field(message, header.flags) & layout.neverDefault) !== 0) return null;
  return decodeRoute(message, header, layout, LONGEST);
}

/**
 * Selects the default route of each family, as it is published. Routes with a flag of `unusable` (RTF_*)
 * do not count, nor do those to the machine itself.
 */
export function findDefaultRoutes(
  routes: readonly Route[],
  interfaces: readonly Interface[],
  unusable: number,
): DefaultRoutes {
  const byIndex = new Map(interfaces.map((nic) => [nic.index, nic]));
  const usable = routes.filter(({ flags, index }) =>
    (flags & RTF_UP) !== 0 && (flags & unusable) === 0 && byIndex.get(index)?.kind !== "loopback"
  );
  const find = (family: "IPv4" | "IPv6"): DefaultRoute | null => {
    const ofFamily = usable.filter((route) => route.family === family);
    const [low, high] = PROBES[family].map(([probe]) => nextHopsTo(parseIp(probe)!, ofFamily));
    const route = selectDefaultRoute(low ?? null, high ?? null)?.hops[0];
    const nic = byIndex.get(route?.index ?? 0);
    if (route === undefined || nic === undefined) return null;
    return {
      interface: nic.name,
      gateway: route.gateway === null ? null : formatIp(route.gateway),
      source: sourceOf(route, nic),
      metric: null,
    };
  };
  return { ipv4: find("IPv4"), ipv6: find("IPv6") };
}

/** The longest of the routes that cover the address; several of one length are a multipath route. */
function nextHopsTo(probe: Uint8Array, routes: readonly Route[]): RouteHops | null {
  const covering = routes.filter((route) => covers(route, probe));
  if (covering.length === 0) return null;
  const prefixLength = Math.max(...covering.map((route) => route.prefixLength));
  const hops = covering.filter((route) => route.prefixLength === prefixLength).sort(compareHops);
  return { prefixLength, hops };
}

function covers({ destination, prefixLength }: Route, address: Uint8Array): boolean {
  // Only the first byte counts: no prefix here is longer.
  const mask = (0xff00 >> prefixLength) & 0xff;
  return (destination[0]! & mask) === (address[0]! & mask);
}

/**
 * The source address of a route, where the kernel states one. For IPv6 it mostly states the link-local
 * address, which it would not send from.
 */
function sourceOf({ family, source }: Route, nic: Interface): string | null {
  if (source !== null && !(family === "IPv6" && isLinkLocal(source))) return formatIp(source);
  return likelySource(nic, family);
}
