/**
 * The default route, as what the kernel answers when it is asked for a route: right with policy rules,
 * VPN tables, split defaults and a full BGP table (tailscale#11447, #4038, #16652, #7621). Nothing is
 * kept of the routes that are announced, since IPv4 routes vanish without a message when a link goes
 * down or an address is removed.
 *
 * @module
 */
import { formatIp, parseIp } from "../../state/ip.ts";
import type { DefaultRoute, DefaultRoutes } from "../../state/types.ts";
import { chooseWay, compareHops, type Hop, type Way } from "../default_route.ts";
import {
  RTM_NEWROUTE,
  RTN_BLACKHOLE,
  RTN_PROHIBIT,
  RTN_UNREACHABLE,
  RTNH_F_DEAD,
} from "./constants.ts";
import { canBeDefault } from "./bpf_filter.ts";
import type { NetlinkMessage } from "./netlink.ts";
import type { Encode } from "./request_socket.ts";
import { decodeRoute, encodeRouteQuery, type RouteMessage } from "./route.ts";

/**
 * Addresses to ask for, per half of the address space: an address whose own prefix is routed elsewhere
 * says nothing about the default, then the next one is asked.
 */
const PROBES = {
  ipv4: {
    low: ["23.0.0.1", "73.0.0.1", "0.1.2.3"],
    high: ["151.0.0.1", "203.0.113.1", "240.0.0.1"],
  },
  ipv6: { low: ["2a0f::1", "2c0f::1", "2d00::1"], high: ["3ffe::1", "3000::1"] },
} as const;

/** Asks the kernel; null where it answered with an error. */
export type AskRoutes = (questions: readonly Encode[]) => (RouteMessage | null)[];

/** What is known of the interfaces. */
export interface LinkNames {
  /** null: it is not there, or not yet. */
  nameOf(index: number): string | null;
  /** Whether a route through it leads nowhere. */
  isLoopback(index: number): boolean;
}

/** The default routes at this moment. */
export interface DefaultRouteAnswer {
  /** As they are published. */
  routes: DefaultRoutes;
  /** When the first of them expires (router advertisements), in seconds from now; null: never. */
  expiresInSeconds: number | null;
}

/** The way that one half of the address space takes; IPv6 rotates the order of its hops. */
interface FoundWay extends Way {
  probe: Uint8Array;
  route: RouteMessage;
}

/** One half's probes, and how far the questions have come. */
interface Half {
  readonly probes: readonly Uint8Array[];
  next: number;
  found: FoundWay | null;
}

/** Decodes an answer to a question about a route. */
export function decodeRouteAnswer(message: NetlinkMessage): RouteMessage | null {
  return message.type === RTM_NEWROUTE ? decodeRoute(message.body) : null;
}

/** Asks for the default routes of both families. */
export function askDefaultRoutes(ask: AskRoutes, links: LinkNames): DefaultRouteAnswer {
  const halves = [PROBES.ipv4.low, PROBES.ipv4.high, PROBES.ipv6.low, PROBES.ipv6.high].map(
    (probes): Half => ({ probes: probes.map(bytesOf), next: 0, found: null }),
  );
  askHalves(ask, halves, links);
  const [low4, high4, low6, high6] = halves.map((half) => half.found);
  const ways = [chooseWay(low4 ?? null, high4 ?? null), chooseWay(low6 ?? null, high6 ?? null)];
  const sources = askSources(ask, ways);
  const [ipv4, ipv6] = ways.map((way, i) => publishedRoute(way, sources[i] ?? null, links));
  const expiries = ways.flatMap((way) => way?.route.expiresInSeconds ?? []);
  return {
    routes: { ipv4: ipv4 ?? null, ipv6: ipv6 ?? null },
    expiresInSeconds: expiries.length === 0 ? null : Math.min(...expiries),
  };
}

const parsed = new Map<string, Uint8Array>();

function bytesOf(text: string): Uint8Array {
  let bytes = parsed.get(text);
  if (bytes === undefined) parsed.set(text, bytes = parseIp(text)!);
  return bytes;
}

/** Asks all halves at once, then those again that have no answer yet, until their probes are used up. */
function askHalves(ask: AskRoutes, halves: readonly Half[], links: LinkNames): void {
  for (;;) {
    const open = halves.filter((half) => half.found === null && half.next < half.probes.length);
    if (open.length === 0) return;
    const probes = open.map((half) => half.probes[half.next++]!);
    const answers = ask(
      probes.map((probe) => (sequence) => encodeRouteQuery(sequence, probe, { fibMatch: true })),
    );
    open.forEach((half, i) => {
      const route = answers[i] ?? null;
      // A longer match is somebody's route to the probe, such as a host route to a VPN's server.
      if (route === null || !canBeDefault(route.family, route.destinationLength)) return;
      half.found = {
        probe: probes[i]!,
        route,
        prefixLength: route.destinationLength,
        hops: hopsOf(route, links),
      };
    });
  }
}

function hopsOf(route: RouteMessage, links: LinkNames): Hop[] {
  if ([RTN_UNREACHABLE, RTN_BLACKHOLE, RTN_PROHIBIT].includes(route.type)) return [];
  const all = route.nexthops.length > 0 ? route.nexthops : [{ ...route, flags: route.flags }];
  return all
    .filter((hop) => (hop.flags & RTNH_F_DEAD) === 0)
    .flatMap(({ outInterface, gateway }): Hop[] =>
      outInterface === null || links.isLoopback(outInterface)
        ? []
        : [{ index: outInterface, gateway }]
    )
    .sort(compareHops);
}

/** The address that the kernel would send from, per way: asked plainly, without FIB_MATCH. */
function askSources(ask: AskRoutes, ways: readonly (FoundWay | null)[]): (RouteMessage | null)[] {
  const some = ways.filter((way) => way !== null);
  if (some.length === 0) return ways.map(() => null);
  const answers = ask(
    some.map(({ probe, hops }) => (sequence) =>
      // With several next hops the answer would be one of them at random: ask for the one reported.
      encodeRouteQuery(sequence, probe, {
        fibMatch: false,
        ...(hops.length > 1 ? { outInterface: hops[0]!.index } : {}),
      })
    ),
  );
  return ways.map((way) => way === null ? null : answers[some.indexOf(way)] ?? null);
}

function publishedRoute(
  way: FoundWay | null,
  answer: RouteMessage | null,
  links: LinkNames,
): DefaultRoute | null {
  const hop = way?.hops[0];
  const name = hop === undefined ? null : links.nameOf(hop.index);
  if (way === null || hop === undefined || name === null) return null;
  return {
    interface: name,
    gateway: hop.gateway === null ? null : formatIp(hop.gateway),
    source: answer?.source ? formatIp(answer.source) : null,
    metric: way.route.metric,
  };
}
