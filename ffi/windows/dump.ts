// The system's whole state: the adapters with their addresses, and the default route of each family. The latter is
// the route that Windows would use for an arbitrary destination or, where it does not answer that (Wine), the best
// row of the routing table.
import { DecodeError } from "../../state/errors.ts";
import { hostOnlyByName, kindByName } from "../../state/interface_name.ts";
import { formatIp, type IpBytes, isLinkLocal } from "../../state/ip.ts";
import { formatMac, makeAddress } from "../../state/normalize.ts";
import type { Reading } from "../../state/ports.ts";
import type {
  Address,
  DefaultRoute,
  DefaultRoutes,
  Interface,
  InterfaceKind,
} from "../../state/types.ts";
import { likelySource, type NextHops, PROBES, selectDefaultRoute } from "../default_route.ts";
import * as C from "./constants.ts";
import {
  type Adapter,
  type AdapterAddress,
  canBeDefault,
  decodeAdapters,
  decodeDefaultRoutes,
  decodeRoute,
  decodeSocketAddress,
  encodeSocketAddress,
  MemoryImage,
  type Route,
} from "./records.ts";
import type { Syscalls } from "./syscalls.ts";

const NO_ROUTE: readonly number[] = [C.ERROR_NETWORK_UNREACHABLE, C.ERROR_HOST_UNREACHABLE];

/** The list takes some time: a VPN that comes up meanwhile would look like the loss of the default route. */
const MAX_LISTS = 2;

const KNOWS: Reading["knows"] = Object.freeze({ links: true, addressFlags: true, routes: true });

/**
 * Reads everything. Calls `malformed` for each record that cannot be decoded, and skips it.
 *
 * @throws {SystemCallError} if the system refuses.
 * @throws {DecodeError} if a list in its answer is broken.
 */
export async function readDump(
  syscalls: Pick<Syscalls, "adapters" | "bestRoute" | "routeTable">,
  malformed: () => void,
): Promise<Reading> {
  for (let lists = 1;; lists++) {
    const { address, bytes } = await syscalls.adapters();
    const listed = decodeAdapters(bytes, address, malformed)
      .map((adapter): Listed => ({ adapter, nic: publishedInterface(adapter) }));
    const found = findDefaultRoutes(askSystem(syscalls, listed, malformed), listed);
    if (found.isNewer && lists < MAX_LISTS) continue;
    const { defaultRoute } = found;
    return { interfaces: listed.map(({ nic }) => nic), defaultRoute, knows: KNOWS };
  }
}

/** Asks the system for routes or, if it lacks the function (Wine 10: error 50), its routing table. */
function askSystem(
  syscalls: Pick<Syscalls, "bestRoute" | "routeTable">,
  listed: readonly Listed[],
  malformed: () => void,
): AskRoute {
  let table: AskRoute | null = null;
  return (destination) => {
    const answer = syscalls.bestRoute(encodeSocketAddress(destination));
    if (typeof answer === "number") {
      if (NO_ROUTE.includes(answer)) return null;
      table ??= askTable(decodeDefaultRoutes(syscalls.routeTable(), malformed), listed);
      return table(destination);
    }
    try {
      const { row, source } = answer;
      return {
        route: decodeRoute(row),
        source: decodeSocketAddress(new MemoryImage(source, 0n), 0, source.length),
      };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      malformed();
      return null;
    }
  };
}

/** The lifetime in seconds that means forever. */
const INFINITE = 0xffffffff;

const KINDS: Readonly<Record<number, InterfaceKind>> = {
  [C.IF_TYPE_SOFTWARE_LOOPBACK]: "loopback",
  [C.IF_TYPE_IEEE80211]: "wifi",
  [C.IF_TYPE_WWANPP]: "cellular",
  [C.IF_TYPE_WWANPP2]: "cellular",
  [C.IF_TYPE_PPP]: "tunnel",
  [C.IF_TYPE_TUNNEL]: "tunnel",
  [C.IF_TYPE_PROP_VIRTUAL]: "tunnel", // Wintun, WireGuard, OpenVPN DCO
};

/** Adapters to virtual machines of this host, unless they have a gateway (an external Hyper-V switch). */
const VIRTUAL = /^(Hyper-V Virtual|VirtualBox Host-Only|VMware Virtual|WSL\b)/;

/** Drivers whose adapters have the type Ethernet. */
const KINDS_BY_DESCRIPTION: readonly (readonly [InterfaceKind, RegExp])[] = [
  ["virtual", VIRTUAL],
  [
    "tunnel",
    /^(TAP-Win|OpenVPN|Wintun|WireGuard|Tailscale|ZeroTier|Cisco AnyConnect|Fortinet SSL VPN|PANGP)/i,
  ],
];

/** The index of an adapter, which is the same for both families unless one of them is not bound. */
function adapterIndex({ ipv4Index, ipv6Index }: Adapter): number {
  return ipv4Index || ipv6Index;
}

/** The interface as it is published. Windows lists enabled adapters only. */
export function publishedInterface(adapter: Adapter): Interface {
  const { description, flags, hasGateway, macAddress, mtu, name, status } = adapter;
  const index = adapterIndex(adapter);
  const kind = adapterKind(adapter);
  return {
    name,
    index,
    kind,
    up: status !== C.IfOperStatusNotPresent,
    running: status === C.IfOperStatusUp || status === C.IfOperStatusUnknown,
    hostOnly: !hasGateway && (hostOnlyByName(kind, name) || VIRTUAL.test(description)),
    flags,
    mac: formatMac(macAddress),
    mtu,
    addresses: adapter.addresses
      .filter(({ dadState }) => dadState !== C.IpDadStateInvalid)
      .map((address) => publishedAddress(address, adapter.ipv6Index || index)),
  };
}

/** Determines the kind by type, then by the description of the driver, then by name. */
export function adapterKind(
  { description, name, tunnelType, type }: Pick<
    Adapter,
    "description" | "name" | "tunnelType" | "type"
  >,
): InterfaceKind {
  const known = KINDS[type];
  if (known !== undefined) return known;
  if (tunnelType !== C.TUNNEL_TYPE_NONE) return "tunnel";
  for (const [kind, pattern] of KINDS_BY_DESCRIPTION) if (pattern.test(description)) return kind;
  const kind = kindByName(name);
  return kind === "unknown" && type === C.IF_TYPE_ETHERNET_CSMACD ? "ethernet" : kind;
}

function publishedAddress(
  { address, dadState, prefixLength, suffixOrigin, validLifetime }: AdapterAddress,
  index: number,
): Address {
  const isIpv6 = address.length === 16;
  const isLocal = isLinkLocal(address);
  return makeAddress(address, {
    prefixLength,
    scopeId: isIpv6 && isLocal ? index : null,
    tentative: dadState === C.IpDadStateTentative,
    duplicated: dadState === C.IpDadStateDuplicate,
    deprecated: dadState === C.IpDadStateDeprecated,
    temporary: isIpv6 && !isLocal && suffixOrigin === C.IpSuffixOriginRandom,
    permanent: validLifetime === INFINITE,
  });
}

/** Wine's value for an interface without a metric. */
const UNKNOWN_METRIC = 0xffffffff;

/** An adapter, and the interface that is published for it. */
interface Listed {
  readonly adapter: Adapter;
  readonly nic: Interface;
}

interface RouteAnswer {
  readonly route: Route;
  /** The source address that the system selects; null if it does not say. */
  readonly source: Uint8Array | null;
}

/** Returns the route to a destination; null if there is none. */
type AskRoute = (destination: IpBytes) => RouteAnswer | null;

interface Found extends NextHops {
  readonly answer: RouteAnswer;
}

/**
 * Finds the default routes of both families, as they are published. `isNewer`: one leads through an adapter that is not
 * listed, or that was not connected when it was listed.
 */
function findDefaultRoutes(
  ask: AskRoute,
  listed: readonly Listed[],
): { defaultRoute: DefaultRoutes; isNewer: boolean } {
  let isNewer = false;
  const find = (family: "IPv4" | "IPv6"): DefaultRoute | null => {
    const [low, high] = PROBES[family].map((probes) => nextHops(probes, ask));
    const found = selectDefaultRoute(low!, high!);
    if (found === null) return null;
    const { route, source } = found.answer;
    const exit = exitOf(route, listed);
    isNewer ||= exit?.nic.running !== true;
    if (exit === null || exit.nic.kind === "loopback") return null;
    return {
      interface: exit.nic.name,
      gateway: route.gateway === null ? null : formatIp(route.gateway),
      source: source === null ? likelySource(exit.nic, family) : formatIp(source),
      metric: exit.metric,
    };
  };
  const defaultRoute = { ipv4: find("IPv4"), ipv6: find("IPv6") };
  return { defaultRoute, isNewer };
}

/** The next hops of the first probe that no more specific route covers. */
function nextHops(probes: readonly IpBytes[], ask: AskRoute): Found | null {
  for (const probe of probes) {
    const answer = ask(probe);
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
function askTable(routes: readonly Route[], listed: readonly Listed[]): AskRoute {
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

/** The interface of a route, and the sum of their metrics, as `route print` shows it. */
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

function covers({ destination, prefixLength }: Route, address: IpBytes): boolean {
  if (destination.length !== address.length) return false;
  // Only the first byte counts: no prefix here is longer.
  const mask = 0xff00 >> prefixLength;
  return (destination[0]! & mask) === (address[0]! & mask);
}
