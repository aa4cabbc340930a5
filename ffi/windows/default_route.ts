// The default route of each family: what Windows answers for a packet to nowhere in particular, or where it
// does not answer that (Wine), the best row of the routing table.
import { formatIp, parseIp } from "../../state/ip.ts";
import type { DefaultRoute, DefaultRoutes, Interface } from "../../state/types.ts";
import { likelySource, type NextHops, PROBES, selectDefaultRoute } from "../default_route.ts";
import type { Adapter } from "./adapters.ts";
import { canBeDefault, type Route } from "./routes.ts";

/** What Wine says of an interface without one. */
const UNKNOWN_METRIC = 0xffffffff;

/** An adapter, and the interface as which it is published. */
export interface Listed {
  readonly adapter: Adapter;
  readonly nic: Interface;
}

/** The route of a packet. */
export interface RouteAnswer {
  readonly route: Route;
  /** The source address that the system selects; null if it does not say. */
  readonly source: Uint8Array | null;
}

/** Answers for a destination: its route, null if there is none. */
export type AskRoute = (destination: Uint8Array) => RouteAnswer | null;

interface Found extends NextHops {
  readonly answer: RouteAnswer;
}

/** Finds the default routes of both families, as they are published. */
export function findDefaultRoutes(ask: AskRoute, listed: readonly Listed[]): DefaultRoutes {
  const find = (family: "IPv4" | "IPv6"): DefaultRoute | null => {
    const [low, high] = PROBES[family].map((probes) => nextHops(probes, ask));
    const found = selectDefaultRoute(low!, high!);
    if (found === null) return null;
    const { route, source } = found.answer;
    const exit = exitOf(route, listed);
    if (exit === null || exit.nic.kind === "loopback") return null;
    return {
      interface: exit.nic.name,
      gateway: route.gateway === null ? null : formatIp(route.gateway),
      source: source === null ? likelySource(exit.nic, family) : formatIp(source),
      metric: exit.metric,
    };
  };
  return { ipv4: find("IPv4"), ipv6: find("IPv6") };
}

/** The first of the probes that is not routed by a longer prefix of its own. */
function nextHops(probes: readonly string[], ask: AskRoute): Found | null {
  for (const probe of probes) {
    const answer = ask(parseIp(probe)!);
    if (answer === null || answer.route.isLoopback || !canBeDefault(answer.route)) continue;
    const { gateway, index, prefixLength } = answer.route;
    return { prefixLength, hops: [{ index, gateway }], answer };
  }
  return null;
}

/**
 * Answers from the rows of the routing table: the longest prefix, then the lowest metric. Routes through an
 * interface without carrier do not count.
 */
export function askTable(routes: readonly Route[], listed: readonly Listed[]): AskRoute {
  const usable = routes.flatMap((route) => {
    const exit = exitOf(route, listed);
    return exit?.nic.running ? [{ route, metric: exit.metric }] : [];
  }).sort((a, b) =>
    b.route.prefixLength - a.route.prefixLength || a.metric - b.metric ||
    a.route.index - b.route.index
  );
  return (destination) => {
    const found = usable.find(({ route }) => covers(route, destination));
    return found === undefined ? null : { route: found.route, source: null };
  };
}

/** The interface of a route, and the sum of both their metrics, which `route print` shows, too. */
function exitOf(
  { destination, index, metric }: Route,
  listed: readonly Listed[],
): { nic: Interface; metric: number } | null {
  const isIpv4 = destination.length === 4;
  const found = listed.find(({ adapter: { ipv4Index, ipv6Index } }) =>
    (isIpv4 ? ipv4Index : ipv6Index || ipv4Index) === index
  );
  if (found === undefined) return null;
  const { adapter: { ipv4Metric, ipv6Metric }, nic } = found;
  const own = isIpv4 ? ipv4Metric : ipv6Metric;
  return { nic, metric: metric + (own === UNKNOWN_METRIC ? 0 : own) };
}

function covers({ destination, prefixLength }: Route, address: Uint8Array): boolean {
  if (destination.length !== address.length) return false;
  // Only the first byte counts: no prefix here is longer.
  const mask = (0xff00 >> prefixLength) & 0xff;
  return (destination[0]! & mask) === (address[0]! & mask);
}
