/**
 * The default route of each family, out of the kernel's routing table.
 *
 * @module
 */
import { DecodeError } from "../../state/errors.ts";
import { compareBytes, formatIp, isLinkLocal, parseIp } from "../../state/ip.ts";
import type { Address, DefaultRoute, DefaultRoutes, Interface } from "../../state/types.ts";
import {
  chooseWay,
  compareHops,
  type Hop,
  LONGEST_DEFAULT_IPV4,
  LONGEST_DEFAULT_IPV6,
  type Way,
} from "../default_route.ts";
import {
  RTF_BLACKHOLE,
  RTF_BROADCAST,
  RTF_HOST,
  RTF_IFSCOPE,
  RTF_LLINFO,
  RTF_LOCAL,
  RTF_MULTICAST,
  RTF_REJECT,
  RTF_UP,
  RTF_WASCLONED,
} from "./constants.ts";
import type { BsdName, Header, Layout } from "./layouts.ts";
import {
  decodeRoute,
  field,
  forEachMessage,
  headerOf,
  type Route,
  type RouteMessage,
} from "./route_message.ts";

/** One address in each half of what a default route covers. */
const HALVES = {
  ipv4: ["23.0.0.1", "151.0.0.1"],
  ipv6: ["2a0f::1", "3ffe::1"],
} as const;

/** Routes that lead to one host, to nobody or to ourselves: never a default, whatever they are to. */
const NEVER_DEFAULT = RTF_HOST | RTF_LLINFO | RTF_LOCAL | RTF_BROADCAST | RTF_MULTICAST;

interface RouteWay extends Way {
  readonly hops: readonly Hop[];
  /** One for each hop. */
  readonly routes: readonly Route[];
}

/** Whether these flags rule a default route out, before any sockaddr is looked at. */
export function neverDefault(flags: number, os: BsdName): boolean {
  // The bits of the other two mean something else elsewhere.
  const cloned = os === "darwin" ? RTF_WASCLONED : 0;
  return (flags & (NEVER_DEFAULT | cloned)) !== 0;
}

/**
 * The routes of a dump that can be default routes: short ones, or `[]` where the table has none. A
 * record that cannot be understood is left out and told of.
 *
 * @throws {DecodeError} when the framing is broken
 */
export function decodeDefaultRoutes(
  dump: Uint8Array,
  layout: Layout,
  misunderstood: () => void,
): Route[] {
  const routes: Route[] = [];
  forEachMessage(dump, (message) => {
    const header = headerOf(message, layout);
    if (header === null) return misunderstood();
    try {
      const route = shortRoute(message, header, layout);
      if (route !== null) routes.push(route);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      misunderstood();
    }
  });
  return routes;
}

/** The route, if it is short enough to be a default; null if not. Throws DecodeError. */
export function shortRoute(
  message: RouteMessage,
  header: Header,
  layout: Layout,
): Route | null {
  if (header.about !== "route") return null;
  if (neverDefault(field(message, header.flags), layout.os)) return null;
  const route = decodeRoute(message, header, layout);
  if (route === null) return null;
  const longest = route.family === "IPv4" ? LONGEST_DEFAULT_IPV4 : LONGEST_DEFAULT_IPV6;
  return route.prefixLength <= longest ? route : null;
}

/** The default routes, as they are published. */
export function findDefaultRoutes(
  routes: readonly Route[],
  interfaces: readonly Interface[],
  os: BsdName,
): DefaultRoutes {
  const byIndex = new Map(interfaces.map((nic) => [nic.index, nic]));
  const usable = routes.filter((route) => leadsOut(route, byIndex, os));
  const find = (family: "IPv4" | "IPv6"): DefaultRoute | null => {
    const [low, high] = HALVES[family === "IPv4" ? "ipv4" : "ipv6"].map((probe) =>
      wayTo(parseIp(probe)!, usable.filter((route) => route.family === family))
    );
    const route = chooseWay(low ?? null, high ?? null)?.routes[0];
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

/**
 * Every interface of a Mac has a default route of its own, which is for sockets that are bound to it:
 * the primary one has no scope.
 */
function leadsOut(
  { flags, index }: Route,
  byIndex: ReadonlyMap<number, Interface>,
  os: BsdName,
): boolean {
  if ((flags & RTF_UP) === 0 || (flags & (RTF_REJECT | RTF_BLACKHOLE)) !== 0) return false;
  if (os === "darwin" && (flags & RTF_IFSCOPE) !== 0) return false;
  return byIndex.get(index)?.kind !== "loopback";
}

/** The longest of the short routes that cover the address; several of one length are a multipath route. */
function wayTo(probe: Uint8Array, routes: readonly Route[]): RouteWay | null {
  const covering = routes.filter((route) => covers(route, probe));
  if (covering.length === 0) return null;
  const prefixLength = Math.max(...covering.map((route) => route.prefixLength));
  const best = covering
    .filter((route) => route.prefixLength === prefixLength)
    .sort(compareHops);
  return { prefixLength, hops: best, routes: best };
}

function covers({ destination, prefixLength }: Route, address: Uint8Array): boolean {
  // Only the first byte counts: no prefix here is longer.
  const mask = (0xff00 >> prefixLength) & 0xff;
  return (destination[0]! & mask) === (address[0]! & mask);
}

/**
 * The address of the route, where the kernel tells one. Of IPv6 it mostly tells the link-local address,
 * which it would not send from: then the first of the interface that can be used, and a temporary one
 * before the others (RFC 6724, rule 7), as both systems do.
 */
function sourceOf({ family, source }: Route, nic: Interface): string | null {
  if (source !== null && !(family === "IPv6" && isLinkLocal(source))) return formatIp(source);
  const usable = nic.addresses
    .filter((address) => address.family === family && isSource(address))
    .sort(compareSources);
  return usable[0]?.address ?? null;
}

function isSource({ address, deprecated, duplicated, tentative }: Address): boolean {
  return !deprecated && !duplicated && !tentative && !isLinkLocal(parseIp(address)!);
}

function compareSources(a: Address, b: Address): number {
  return Number(b.temporary) - Number(a.temporary) ||
    compareBytes(parseIp(a.address)!, parseIp(b.address)!);
}
