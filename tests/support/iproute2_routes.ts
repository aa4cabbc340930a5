/**
 * The default route, as it follows from the policy rules and the routes that iproute2 lists: the
 * kernel's lookup done again, where the code under test asks the kernel for its result.
 *
 * @module
 */
import { compareIp, isWithin } from "./ip_prefix.ts";
import type { IpLink } from "./iproute2.ts";

/** A route, as `ip -j -d route show table all` prints it. */
export interface IpRoute {
  /** Without the RTN_ prefix, in lower case. */
  type: string;
  /** `"default"`, an address or a prefix. */
  dst: string;
  /** A number, or a name of `/etc/iproute2/rt_tables`. */
  table: string;
  /** Where the route is valid. */
  scope: string;
  /** Missing for 0 of IPv4. */
  metric?: number;
  /** The address to send from, if the route states one. */
  prefsrc?: string;
  /** The next hops of a multipath route. */
  nexthops?: IpHop[];
  /** The interface of other routes. */
  dev?: string;
  /** The gateway of other routes. */
  gateway?: string;
  /** The same, if it is of the other family. */
  via?: { host: string };
  /** RTNH_F_* of other routes. */
  flags: string[];
}

/** One next hop of a multipath route. */
export type IpHop = Pick<IpRoute, "dev" | "gateway" | "via" | "flags">;

/** A policy rule, as `ip -j -d rule show` prints it. */
export interface IpRule {
  /** Its place in the order. */
  priority: number;
  /** `"all"`, or with `srclen` a prefix. */
  src: string;
  /** How many bits of the source count. */
  srclen?: number;
  /** With `dstlen` a prefix. */
  dst?: string;
  /** How many bits of the destination count. */
  dstlen?: number;
  /** Present if the rule applies to packets that do not match. */
  not?: null;
  /** Hexadecimal. */
  fwmark?: string;
  /** For packets that came in through this interface; `lo` stands for those that this machine sends. */
  iif?: string;
  /** For sockets bound to this interface. */
  oif?: string;
  /** The table to look in. */
  table?: string;
  /** Routes of at most this length do not count. */
  suppress_prefixlen?: number;
  /** What to do instead of looking in a table. */
  action?: string;
  /** The priority to continue at. */
  goto?: number;
}

/** A default route as the monitor should show it. */
export interface ExpectedRoute {
  /** The name of the interface. */
  interface: string;
  /** The next hop. */
  gateway: string | null;
  /** undefined for any address of the machine, or none. */
  source: string | null | undefined;
  /** The metric. */
  metric: number | null;
}

/** A next hop of a match, if it is alive. */
interface Hop {
  link: IpLink;
  gateway: string | null;
}

interface Match {
  route: IpRoute;
  length: number;
  hops: Hop[];
}

const PROBES = {
  ipv4: [["23.0.0.1", "73.0.0.1", "0.1.2.3"], ["151.0.0.1", "203.0.113.1", "240.0.0.1"]],
  ipv6: [["2a0f::1", "2c0f::1", "2d00::1"], ["3ffe::1", "3000::1"]],
} as const;
const LONGEST_DEFAULT = { ipv4: 3, ipv6: 4 };
const REJECTING = ["unreachable", "blackhole", "prohibit"];
/** `throw` means that the lookup goes on with the next rule, as if the table were empty. */
const NOTHING = "throw";
const RULE_KEYS: readonly string[] = [
  ...["priority", "src", "srclen", "dst", "dstlen", "not", "fwmark", "fwmask", "iif", "oif"],
  ...["iif_detached", "oif_detached", "table", "suppress_prefixlen", "action", "goto"],
  ...["unresolved", "nop", "protocol"],
];

/** The default route of a family, from the routes to probes in both halves of the address space. */
export function expectedRoute(
  family: "ipv4" | "ipv6",
  rules: readonly IpRule[],
  routes: readonly IpRoute[],
  links: readonly IpLink[],
): ExpectedRoute | null {
  const [lows = [], highs = []] = PROBES[family].map((probes) =>
    probes.flatMap((probe) => {
      const match = lookUp(probe, rules, routes, links);
      return match !== null && match.length <= LONGEST_DEFAULT[family] ? match : [];
    })
  );
  const match = choose(lows, highs);
  const hop = match?.hops[0];
  if (match === null || hop === undefined) return null;
  return {
    interface: hop.link.ifname,
    gateway: hop.gateway,
    source: expectedSource(family, match, hop, links),
    metric: match.route.metric ?? null,
  };
}

/** From the matches of both halves: those of the first probes, or of most probes where these differ. */
function choose(lows: readonly Match[], highs: readonly Match[]): Match | null {
  const firsts = [lows[0], highs[0]];
  const [low, high] = firsts;
  const isSplit = low !== undefined && high !== undefined && keyOf(low) !== keyOf(high);
  const [one, other] = (isSplit ? [mostUsed(lows), mostUsed(highs)] : firsts)
    .filter((match) => match !== undefined && match.hops.length > 0);
  if (!one) return null;
  if (!other) return one.length === 0 ? one : null;
  return keyOf(one) !== keyOf(other) && other.length < one.length ? other : one;
}

function mostUsed(matches: readonly Match[]): Match | undefined {
  const users = (match: Match) => matches.filter((it) => keyOf(it) === keyOf(match)).length;
  return matches.find((match) => matches.every((other) => users(other) <= users(match)));
}

function keyOf({ hops }: Match): string {
  return JSON.stringify(hops.map(({ link, gateway }) => [link.ifindex, gateway]));
}

/** The match that decides where a packet of this machine goes; null if it is refused. */
function lookUp(
  destination: string,
  rules: readonly IpRule[],
  routes: readonly IpRoute[],
  links: readonly IpLink[],
): Match | null {
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i]!;
    if (!ruleMatches(rule, destination)) continue;
    if (rule.goto !== undefined) {
      const target = rules.findIndex(({ priority }) => priority === rule.goto);
      if (target > i) i = target - 1;
      continue;
    }
    if ("nop" in rule) continue;
    if (rule.action !== undefined && REJECTING.includes(rule.action)) return null;
    if (rule.table === undefined) throw new Error(`Unknown rule: ${JSON.stringify(rule)}`);
    const match = lookUpInTable(
      destination,
      routes.filter(({ table }) => table === rule.table),
      links,
    );
    if (match === "rejected") return null;
    if (match !== null && match.length > (rule.suppress_prefixlen ?? -1)) return match;
  }
  return null;
}

/** For a packet without mark and source, from an unbound socket: fib_rule_match(), fib4_rule_match(). */
function ruleMatches(rule: IpRule, destination: string): boolean {
  const unknown = Object.keys(rule).filter((key) => !RULE_KEYS.includes(key));
  if (unknown.length > 0) throw new Error(`Unknown in a rule: ${unknown.join()}`);
  const matches = (rule.iif === undefined || rule.iif === "lo") && rule.oif === undefined &&
    (rule.fwmark === undefined || Number(rule.fwmark) === 0) && rule.src === "all" &&
    (rule.dst === undefined || isWithin(destination, rule.dst, rule.dstlen ?? widthOf(rule.dst)));
  return matches !== ("not" in rule);
}

/** The longest match, then the lowest metric, among routes with a next hop that is alive. */
function lookUpInTable(
  destination: string,
  routes: readonly IpRoute[],
  links: readonly IpLink[],
): Match | "rejected" | null {
  const metricOf = (route: IpRoute) => route.metric ?? 0;
  const candidates = routes
    .map((route) => ({ route, ...prefixOf(route.dst, destination) }))
    .filter(({ network, length }) => isWithin(destination, network, length))
    .sort((a, b) => b.length - a.length || metricOf(a.route) - metricOf(b.route));
  for (const { route, length } of candidates) {
    if (REJECTING.includes(route.type)) return "rejected";
    if (route.type === NOTHING) return null;
    const alive = (route.nexthops ?? [route]).filter(({ flags }) => !flags.includes("dead"));
    // the kernel keeps the hops without carrier, but only the others lead out
    const carried = alive.filter(({ flags }) => !flags.includes("linkdown"));
    const hops = hopsOf(carried.length > 0 ? carried : alive, links);
    if (alive.length > 0) return { route, length, hops };
  }
  return null;
}

/** By index, then gateway, without those through the loopback interface, which lead nowhere. */
function hopsOf(hops: readonly IpHop[], links: readonly IpLink[]): Hop[] {
  return hops
    .flatMap(({ dev, gateway, via }): Hop[] => {
      const link = links.find(({ ifname }) => ifname === dev);
      if (link === undefined || link.flags.includes("LOOPBACK")) return [];
      return [{ link, gateway: gateway ?? via?.host ?? null }];
    })
    .sort((a, b) =>
      a.link.ifindex - b.link.ifindex ||
      (a.gateway === null || b.gateway === null
        ? Number(a.gateway !== null) - Number(b.gateway !== null)
        : compareIp(a.gateway, b.gateway))
    );
}

/** undefined if it cannot be predicted: IPv6 follows RFC 6724. The choice of IPv4 is simple enough to repeat. */
function expectedSource(
  family: "ipv4" | "ipv6",
  { route, hops }: Match,
  hop: Hop,
  links: readonly IpLink[],
): string | null | undefined {
  if (hops.length > 1) return undefined;
  if (route.prefsrc !== undefined) return route.prefsrc;
  if (family === "ipv6" || hop.gateway?.includes(":")) return undefined;
  return selectAddress(route, hop, links);
}

/** inet_select_addr() in net/ipv4/devinet.c: one in the gateway's subnet, else the first of the link, else any. */
function selectAddress(route: IpRoute, hop: Hop, links: readonly IpLink[]): string | null {
  const candidates = ({ addr_info }: IpLink) =>
    addr_info.filter(({ family, secondary, scope }) =>
      family === "inet" && !secondary && (scope === "global" || scope === route.scope)
    );
  const own = candidates(hop.link);
  const facing = own.find(({ local, address, prefixlen }) =>
    hop.gateway !== null && isWithin(hop.gateway, address ?? local, prefixlen)
  );
  const elsewhere = links.flatMap(candidates).filter(({ scope }) => scope !== "link");
  return (facing ?? own[0] ?? elsewhere[0])?.local ?? null;
}

function prefixOf(dst: string, destination: string): { network: string; length: number } {
  if (dst === "default") {
    return { network: destination.includes(":") ? "::" : "0.0.0.0", length: 0 };
  }
  const [network = "", length] = dst.split("/");
  return { network, length: length === undefined ? widthOf(network) : Number(length) };
}

function widthOf(address: string): number {
  return address.includes(":") ? 128 : 32;
}
