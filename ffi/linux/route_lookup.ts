// Asks the kernel for the default routes: its answer is right even with policy rules, VPN tables, split
// defaults and a full BGP table (tailscale#11447, #4038, #16652, #7621). Announced routes are not
// tracked, because IPv4 routes vanish without a message when a link goes down or an address is removed:
// `routeEffect()` says after which events to look them up.
import { compareBytes, formatIp, type IpBytes, isLinkLocal } from "../../state/ip.ts";
import { assumeNormal } from "../../state/normalize.ts";
import type { Address, DefaultRoute, DefaultRoutes } from "../../state/types.ts";
import {
  compareHops,
  type Hop,
  type NextHops,
  PROBES,
  sameHops,
  selectDefaultRoute,
} from "../default_route.ts";
import { C } from "./constants.ts";
import type { LinkTable } from "./link_table.ts";
import {
  type AddressMessage,
  canBeDefault,
  encodeRouteQuery,
  type KernelEvent,
  type RouteMessage,
} from "./messages.ts";

/** Sends route queries, and returns the answers in order; null where the kernel answers with an error. */
export type AskRoutes = (queries: readonly Uint8Array[]) => (RouteMessage | null)[];

type AnswerTo = (query: Uint8Array) => RouteMessage | null;

export type Links = Pick<LinkTable, "nameOf" | "isLoopback" | "addresses">;

type SourcedHop = Hop & { readonly source: IpBytes | null };

export interface DefaultRouteAnswer {
  routes: DefaultRoutes; // as published
  hops: Record<Address["family"], SourcedHop | null>; // the same as bytes, to compare each new address with
  indexes: number[]; // the interfaces of all next hops that were found
  isPlain: boolean; // in each family one route of prefix length 0 covers everything, or nothing matched
  isKnown: boolean; // the kernel says which route matches (RTM_F_FIB_MATCH)
  /** When the first of them expires (router advertisements), in seconds from now; null: never. */
  expiresInSeconds: number | null;
}

export const NO_DEFAULTS: DefaultRouteAnswer = {
  routes: { ipv4: null, ipv6: null },
  hops: { IPv4: null, IPv6: null },
  indexes: [],
  isPlain: true,
  isKnown: true,
  expiresInSeconds: null,
};

/** A destination to ask about, with its queries, which are encoded when they are first sent. */
class Probe {
  readonly destination: IpBytes;
  readonly source: IpBytes | null;
  #match: Uint8Array | undefined;
  #plain: Uint8Array | undefined;

  constructor(destination: IpBytes, source: IpBytes | null = null) {
    this.destination = destination;
    this.source = source;
  }

  /** Which route matches? */
  get match(): Uint8Array {
    return this.#match ??= encodeRouteQuery(this.destination, C.RTM_F_FIB_MATCH, this.source);
  }

  /** What would the kernel do with a packet? */
  get plain(): Uint8Array {
    return this.#plain ??= encodeRouteQuery(this.destination, 0, this.source);
  }
}

/** The route that one half of the address space takes; IPv6 rotates the order of its hops. */
interface Found extends NextHops {
  readonly probe: Probe;
  readonly route: RouteMessage;
}

interface Half {
  readonly family: Address["family"];
  readonly isLow: boolean;
  readonly probes: readonly Probe[];
}

const MAX_SOURCES = 4; // for which an IPv6 default route is looked for
const FAMILIES = ["IPv4", "IPv6"] as const;
const HALVES: readonly Half[] = FAMILIES.flatMap((family) =>
  PROBES[family].map((to, i) => ({ family, isLow: i === 0, probes: to.map((it) => new Probe(it)) }))
);

/** Asks for the default routes; remembers which halves have one, so that one datagram is usually enough. */
export class RouteLookup {
  /** The last answer; null once a route may have been removed, or its source changed: then it is asked for again. */
  current: DefaultRouteAnswer | null = null;
  /** Halves whose first probe had no answer last time: all of their probes are asked at once. */
  readonly #uncovered = new Set<Half>();
  readonly #families = { IPv4: true, IPv6: true }; // those to ask about
  #hops = NO_DEFAULTS.hops; // of the last answer: among equal routes the same is reported again

  /**
   * A route may have been added: the next lookup asks about both families. Other lookups skip a family in which
   * nothing matched: the kernel removes routes silently, but adds none without a message about a link, a route, a
   * rule or a nexthop object. A route that matched may hide a default route until it is removed.
   */
  invalidate(): void {
    this.#families.IPv4 = this.#families.IPv6 = true;
    this.current = null;
  }

  ask(ask: AskRoutes, links: Links): DefaultRouteAnswer {
    const asked = HALVES.filter(({ family }) => this.#families[family]);
    let halves = asked;
    if (halves.length === 0) return NO_DEFAULTS;
    const answers = new Map<Uint8Array, RouteMessage | null>();
    const askFor = (queries: readonly Uint8Array[]): void => {
      const unknown = queries.filter((query) => !answers.has(query));
      if (unknown.length === 0) return;
      ask(unknown).forEach((answer, i) => answers.set(unknown[i]!, answer));
    };
    askFor(halves.flatMap((half) => {
      if (this.#uncovered.has(half)) return matchesOf(half);
      const probe = half.probes[0]!;
      return half.isLow ? [probe.match, probe.plain] : probe.match; // the plain answer has the source address
    }));
    askFor(halves.flatMap((half) => matching(half.probes, answers) ? [] : matchesOf(half)));
    const isMissing = (): boolean =>
      this.#families.IPv6 &&
      !halves.some(({ family, probes }) => family === "IPv6" && matching(probes, answers));
    // without a route the kernel selects a source and tries again (ip6_dst_lookup_tail() in net/ipv6/ip6_output.c)
    const sources = isMissing() ? sourcesOf(links) : [];
    for (let i = 0; i < sources.length && isMissing(); i++) {
      halves = asked.map((half) => half.family === "IPv6" ? withSource(half, sources[i]!) : half);
      askFor(halves.flatMap((half) => [...matchesOf(half), half.probes[0]!.plain]));
    }
    const matches = halves.map(({ probes }) => matching(probes, answers));
    // Linux before 4.13 answers both queries alike, gVisor refuses the first
    const hasMatch = ({ match }: Probe): boolean =>
      ((answers.get(match)?.flags ?? C.RTM_F_CLONED) & C.RTM_F_CLONED) === 0;
    const isKnown = matches.some((it) => it !== null) ||
      halves.every(({ probes: [one] }) => !answers.get(one!.plain) || hasMatch(one!));
    // without `nexthop_compat_mode` the match names a nexthop object and no hop
    askFor(matches.flatMap((it) => it !== null && isHopless(it.route) ? it.probe.plain : []));
    const found = matches.map((it) => it && hopsOf(it, answers.get(it.probe.plain) ?? null, links));
    const answerTo: AnswerTo = (query) => {
      askFor([query]);
      return answers.get(query) ?? null;
    };
    let isPlain = true;
    const chosen = FAMILIES.map((family) => {
      const both = halves.filter((half) => half.family === family);
      let [low = null, high = null] = found.filter((_, i) => halves[i]!.family === family);
      if (low !== null && high !== null && !sameHops(low, high)) {
        askFor(both.flatMap(matchesOf));
        [low = null, high = null] = both.map((half) => mostUsed(half, answerTo, links));
      }
      this.#families[family] = !isKnown ||
        both.some((half) => matchesOf(half).some((match) => answers.get(match) != null));
      isPlain &&= !this.#families[family] || isOneDefault(low, high);
      return selectDefaultRoute(low, high);
    });
    const [IPv4 = null, IPv6 = null] = chosen.map((it, i) =>
      it && reportedHop(it, this.#hops[FAMILIES[i]!], answerTo)
    );
    this.#hops = { IPv4, IPv6 };
    for (const half of asked) {
      if (isKnown && matching(half.probes.slice(0, 1), answers) === null) this.#uncovered.add(half);
      else this.#uncovered.delete(half);
    }
    const [ipv4 = null, ipv6 = null] = [IPv4, IPv6].map((hop, i) =>
      hop && publishedRoute(hop, chosen[i]!.route.metric, links)
    );
    const hops = found.flatMap((it) => it?.hops ?? []);
    const expiries = found.flatMap((it) => it?.route.expiresInSeconds ?? []);
    return this.current = {
      routes: { ipv4, ipv6 },
      hops: this.#hops,
      indexes: [...new Set([...hops, IPv4 ?? [], IPv6 ?? []].flat().map(({ index }) => index))],
      isPlain,
      isKnown,
      expiresInSeconds: expiries.length === 0 ? null : Math.min(...expiries),
    };
  }
}

/** The IPv6 addresses that a connection may have as its source, in order: one of each of the first networks. */
function sourcesOf(links: Links): readonly IpBytes[] {
  const unusable = C.IFA_F_TENTATIVE | C.IFA_F_DADFAILED | C.IFA_F_DEPRECATED;
  const usable = [...links.addresses()].filter(({ family, flags, index, local }) =>
    family === "IPv6" && (flags & unusable) === 0 && !isLinkLocal(local) && !links.isLoopback(index)
  );
  const sources = usable.map(({ local }) => Array.from(local)).sort(compareBytes);
  const network = (ip: readonly number[]) => ip.slice(0, 8).join(); // the first 64 bits
  return sources.filter((ip, i) => i === 0 || network(ip) !== network(sources[i - 1]!))
    .slice(0, MAX_SOURCES);
}

function withSource(half: Half, source: IpBytes): Half {
  return { ...half, probes: half.probes.map((it) => new Probe(it.destination, source)) };
}

function matchesOf({ probes }: Half): Uint8Array[] {
  return probes.map(({ match }) => match);
}

/**
 * The first probe that matched a route short enough to be a default. A longer match is somebody's route to the
 * probe, such as a host route to a VPN server.
 */
function matching(
  probes: readonly Probe[],
  answers: ReadonlyMap<Uint8Array, RouteMessage | null>,
): { probe: Probe; route: RouteMessage } | null {
  for (const probe of probes) {
    const route = answers.get(probe.match);
    if (route && canBeDefault(route.family, route.destinationLength)) return { probe, route };
  }
  return null;
}

/** The route of most probes, else of the first: a policy rule may be only for destinations that include a probe. */
function mostUsed({ probes }: Half, answerTo: AnswerTo, links: Links): Found | null {
  const all = probes.flatMap((probe) => {
    const route = answerTo(probe.match);
    if (!route || !canBeDefault(route.family, route.destinationLength)) return [];
    return hopsOf({ probe, route }, isHopless(route) ? answerTo(probe.plain) : null, links);
  });
  const votes = (one: Found): number => all.filter((it) => sameHops(it, one)).length;
  return all.toSorted((a, b) => votes(b) - votes(a))[0] ?? null;
}

function isHopless({ nexthops, outInterface }: RouteMessage): boolean {
  return outInterface === null && nexthops.length === 0;
}

function hopsOf(
  { probe, route }: { probe: Probe; route: RouteMessage },
  plain: RouteMessage | null,
  links: Links,
): Found {
  const { destinationLength: prefixLength, nexthopId, type } = route;
  const shown = isHopless(route) && plain !== null ? { ...plain, flags: 0 } : route;
  const all = shown.nexthops.length > 0 ? shown.nexthops : [shown];
  // a route of another type, such as unreachable or local, leads nowhere
  const alive = type === C.RTN_UNICAST ? all.filter((it) => (it.flags & C.RTNH_F_DEAD) === 0) : [];
  // Linux sends through hops without carrier, too, but only the others lead out
  const carried = alive.filter((hop) => (hop.flags & C.RTNH_F_LINKDOWN) === 0);
  const hops = (carried.length > 0 ? carried : alive)
    .flatMap(({ outInterface: index, gateway }): Hop[] =>
      index === null || links.isLoopback(index) ? [] : [{ index, gateway }]
    )
    .sort(compareHops);
  return { probe, route, prefixLength, nexthopId, hops };
}

/** Whether one route of prefix length 0 covers both halves, so that no other route matters while it exists. */
function isOneDefault(low: Found | null, high: Found | null): boolean {
  return low?.prefixLength === 0 && high?.prefixLength === 0 &&
    low.hops[0]?.index === high.hops[0]?.index &&
    low.hops.length >= low.route.nexthops.length; // an address may bring a dead hop back (fib_sync_up())
}

/**
 * The hop to report, with its source. Between equal IPv4 routes the kernel alternates from lookup to lookup
 * (fib_select_default()), so the one that was reported last is reported again. An ICMP redirect is no route.
 */
function reportedHop(found: Found, last: SourcedHop | null, answerTo: AnswerTo): SourcedHop {
  const { hops: [first], probe, route: { family, nexthops } } = found;
  const isMultipath = nexthops.length > 1; // then the plain answer is any of its hops
  const plain = isMultipath ? null : answerTo(probe.plain);
  const isRedirected = plain !== null && (plain.flags & C.RTCF_REDIRECTED) !== 0;
  const used = family !== C.AF_INET || !plain?.outInterface || isRedirected
    ? first!
    : { index: plain.outInterface, gateway: plain.gateway };
  const hop = last && compareHops(first!, last) === 0 ? first! : used;
  const isUsed = compareHops(hop, used) === 0;
  if (isUsed && !isMultipath) return { ...hop, source: plain?.source ?? null };
  // of two gateways on one interface the same always answers, so the source towards the other is asked for
  const isBeside = !isUsed && hop.index === used.index && hop.gateway?.length === 4;
  const to = isBeside ? hop.gateway! : probe.destination;
  const answer = answerTo(encodeRouteQuery(to, 0, probe.source, hop.index));
  return { ...hop, source: answer?.source ?? null };
}

function publishedRoute(
  { gateway, index, source }: SourcedHop,
  metric: number | null,
  links: Links,
): DefaultRoute | null {
  const name = links.nameOf(index);
  return name === null ? null : assumeNormal({
    interface: name,
    gateway: gateway === null ? null : formatIp(gateway),
    source: source === null ? null : formatIp(source),
    metric,
  });
}

export interface RouteEffect {
  readonly ask: "nothing" | "known" | "all"; // "known": the default routes found last; "all": also new ones
  readonly again: boolean; // once more a little later: the kernel removes routes after it announces the event
}

/**
 * What to look up after an event that changed the table: a lookup takes a quarter of an event's time. `last` is the
 * last answer; `isCertain` says that nothing has changed since, and that no other route matters.
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
      // a link that comes up revives dead hops in silence (fib_sync_up() in net/ipv4/fib_semantics.c)
      const again = table.isUp(index) ? !last.isPlain : last.indexes.includes(index);
      return { ask: "all", again };
    }
    case "link-gone":
      return { ask: "all", again: last.indexes.includes(event.index) };
    case "address": {
      const keeps = isCertain && keepsSource(event.address, table, last);
      // IPv4 announces an address before a route can select it (__inet_insert_ifa() in net/ipv4/devinet.c)
      const again = !keeps && event.address.family === "IPv4" && last.hops.IPv4 !== null;
      // an IPv6 default route may be only for this source
      const isFirst = event.address.family === "IPv6" && last.hops.IPv6 === null;
      return { ask: keeps ? "nothing" : isFirst ? "all" : "known", again };
    }
    case "address-gone": {
      const { family, index, local } = event.address;
      const hop = last.hops[family];
      // When an address goes, the kernel removes the routes that have it as their source; when the last of its family
      // goes, all routes of the interface (fib_inetaddr_event() in net/ipv4/fib_frontend.c).
      const again = hop?.source && compareBytes(hop.source, local) === 0 ||
        last.indexes.includes(index) && (!isCertain || !table.hasAddress(index, family));
      return { ask: isCertain && !again && hop !== null ? "nothing" : "known", again };
    }
    default:
      return { ask: "all", again: event.kind === "routes" && event.early === true };
  }
}

/**
 * Whether a new address leaves the source of the default route as it is: in IPv4 if it is on another interface, or
 * not in the gateway's subnet, because the kernel takes the first address in that subnet or, without one, the first
 * of all (inet_select_addr() in net/ipv4/devinet.c). Any new IPv6 address may be better (RFC 6724, section 5).
 */
function keepsSource(address: AddressMessage, table: LinkTable, last: DefaultRouteAnswer): boolean {
  const hop = last.hops.IPv4;
  if (hop === null || hop.source === null || address.family === "IPv6") return false;
  // a source on another interface: the route's own has none that the kernel may select, until now
  if (!table.hasAddress(hop.index, "IPv4", hop.source)) return false;
  if (address.index !== hop.index) return true;
  return hop.gateway?.length === 4 && !isInSubnet(hop.gateway, address);
}

/** Whether the IPv4 address is in the subnet, which is the peer's on a point-to-point link. */
function isInSubnet(ip: IpBytes, { local, peer, prefixLength }: AddressMessage): boolean {
  const subnet = peer ?? local;
  for (let i = 0; i < ip.length; i++) {
    const bits = Math.min(Math.max(prefixLength - 8 * i, 0), 8);
    if ((ip[i]! ^ subnet[i]!) >> (8 - bits) !== 0) return false;
  }
  return true;
}
