// The kernel's whole state: interfaces with their addresses (`NET_RT_IFLIST`), the flags of IPv6 addresses
// (an ioctl for each), and the default routes (`NET_RT_DUMP`).
import { DecodeError } from "../../state/errors.ts";
import { hostOnlyByName, interfaceName, kindByName } from "../../state/interface_name.ts";
import { allZero, compareBytes, formatIp, isLinkLocal } from "../../state/ip.ts";
import { formatMac, makeAddress } from "../../state/normalize.ts";
import type { Reading } from "../../state/ports.ts";
import type { Address, DefaultRoute, Interface, InterfaceKind } from "../../state/types.ts";
import { compareHops, likelySource, PROBES, selectDefaultRoute } from "../default_route.ts";
import { TimeSlice } from "../timers.ts";
import type { Syscalls } from "./libc.ts";
import {
  decodeAddress,
  decodeLink,
  decodeRoute,
  forEachMessage,
  headerOf,
  type InterfaceAddress,
  type Link,
  type Route,
  u32,
} from "./messages.ts";
import * as C from "./systems.ts";

export interface ListedInterface {
  readonly link: Link;
  readonly addresses: InterfaceAddress[];
}

/** IN6_IFF_* by address. */
export type AddressFlags = ReadonlyMap<InterfaceAddress, number>;
const DROPS = C.RTF_REJECT | C.RTF_BLACKHOLE; // flags of routes that drop packets

/**
 * Reads everything. Calls `malformed` for each record that cannot be decoded. Throws SystemCallError if the kernel
 * refuses, DecodeError if the framing of its answer is broken, and the reason of the signal if it aborts.
 */
export async function readDump(
  syscalls: Syscalls,
  system: C.BsdSystem,
  signal: AbortSignal,
  malformed: () => void,
): Promise<Reading> {
  const slice = new TimeSlice(signal);
  const list = syscalls.routeTable("sysctl of the interfaces", system.listRequest);
  const listed = decodeInterfaces(list, system, malformed);
  if (slice.isOver) await slice.pause();
  const flags = await readAddressFlags(syscalls, system, listed, slice);
  const interfaces = listed.map((nic) => publishedInterface(nic, system, flags));
  const dump = syscalls.routeTable("sysctl of the routes", C.NET_RT_DUMP);
  const routes = decodeDefaultRoutes(dump, system, malformed);
  return {
    interfaces,
    defaultRoute: findDefaultRoutes(routes ?? [], interfaces, system.ignoredRoute),
    knows: { links: true, addressFlags: flags !== null, routes: routes !== null },
  };
}

/** Visits the known messages of a dump. Calls `malformed` for the others, and where `visit` throws DecodeError. */
function forEachRecord(
  dump: Uint8Array,
  layout: C.Layout,
  malformed: () => void,
  visit: (message: Uint8Array, header: C.Header) => void,
): void {
  forEachMessage(dump, (message) => {
    try {
      const header = headerOf(message, layout);
      if (header === null) malformed();
      else visit(message, header);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      malformed();
    }
  });
}

export function decodeInterfaces(
  dump: Uint8Array,
  layout: C.Layout,
  malformed: () => void,
): ListedInterface[] {
  const listed = new Map<number, ListedInterface>();
  forEachRecord(dump, layout, malformed, (message, header) => {
    if (header.about === "link") {
      const link = decodeLink(message, header, layout);
      if (link.name.length > 0) listed.set(link.index, { link, addresses: [] });
    } else if (header.about === "address") {
      const address = decodeAddress(message, header, layout);
      // FreeBSD's dhclient sets 0.0.0.0/8 until a server answers (dhclient-script, PREINIT)
      if (address === null || allZero(address.address)) return;
      listed.get(address.index)?.addresses.push(address);
    }
  });
  return [...listed.values()];
}

/**
 * Decodes the routes that can be default routes: the short ones. Null if all routes lead to hosts: FreeBSD hides the
 * others from a jail without a network stack (can_export_rte(), rtsock.c). Throws DecodeError if the framing is broken.
 */
export function decodeDefaultRoutes(
  dump: Uint8Array,
  layout: C.Layout,
  malformed: () => void,
): Route[] | null {
  const routes: Route[] = [];
  let isHidden = true;
  forEachRecord(dump, layout, malformed, (message, header) => {
    if (header.about !== "route") return;
    isHidden &&= (u32(message, header.flags) & C.RTF_HOST) !== 0;
    const route = decodeRoute(message, header, layout, true);
    if (route !== null) routes.push(route);
  });
  return isHidden ? null : routes;
}

/** Reads the flags of all IPv6 addresses, in slices; null if the system has always refused. */
async function readAddressFlags(
  syscalls: Syscalls,
  { inet6, socketFlags }: C.BsdSystem,
  interfaces: readonly ListedInterface[],
  slice: TimeSlice,
): Promise<AddressFlags | null> {
  const flags = new Map<InterfaceAddress, number>();
  const asked = interfaces.flatMap(({ addresses, link: { name } }) =>
    addresses.filter(({ family }) => family === "IPv6").map((address) => ({ address, name }))
  );
  const socket = syscalls.libc.socket(inet6, C.SOCK_DGRAM | socketFlags, 0);
  // not for lack of IPv6: descriptors or memory ran out
  if (socket < 0 && syscalls.hasReadFlags) throw syscalls.error("socket for address flags");
  try {
    for (const { address, name } of asked) {
      // struct in6_ifreq: the name, then a sockaddr_in6 that the kernel overwrites with the flags. The kernel
      // fills in the scope of a link-local address from the interface.
      const request = new Uint8Array(C.IN6_IFREQ_SIZE);
      request.set(name.subarray(0, C.IFNAMSIZ - 1));
      request.set([C.SOCKADDR_IN6_SIZE, inet6], C.IFNAMSIZ);
      request.set(address.address, C.IFNAMSIZ + C.SOCKADDR_IN6.sin6_addr);
      // Fails if the address is gone by now, or if there is no socket because the kernel lacks IPv6.
      const hasFlags = syscalls.control(socket, C.SIOCGIFAFLAG_IN6, request);
      if (hasFlags) flags.set(address, u32(request, C.IFNAMSIZ));
      if (slice.isOver) await slice.pause();
    }
  } finally {
    if (socket >= 0) syscalls.libc.close(socket);
  }
  syscalls.hasReadFlags ||= flags.size > 0;
  return asked.length > 0 && !syscalls.hasReadFlags ? null : flags;
}

/** The interface as it is published; `flags` is null where address flags cannot be read. */
export function publishedInterface(
  { addresses, link }: ListedInterface,
  system: C.BsdSystem,
  flags: AddressFlags | null,
): Interface {
  const name = interfaceName(link.name);
  const kind = linkKind(link, name, system);
  return {
    name,
    index: link.index,
    kind,
    up: (link.flags & C.IFF_UP) !== 0,
    // The list of macOS has no link state: IFF_RUNNING is all that is known there.
    running: (link.flags & C.IFF_RUNNING) !== 0 && link.linkState !== C.FREEBSD.LINK_STATE_DOWN,
    hostOnly: hostOnlyByName(kind, name),
    flags: link.flags & ~C.IFF_OACTIVE,
    mac: formatMac(link.address),
    mtu: link.mtu,
    // bind() refuses an anycast address, and nothing is sent from it (RFC 4291, 2.6)
    addresses: addresses.filter((it) => ((flags?.get(it) ?? 0) & C.IN6_IFF_ANYCAST) === 0)
      .map((address) => publishedAddress(address, link, system, flags)),
  };
}

export function linkKind(
  { flags, type }: Pick<Link, "flags" | "type">,
  name: string,
  { linkTypes }: C.BsdSystem,
): InterfaceKind {
  if (flags & C.IFF_LOOPBACK) return "loopback";
  for (const [kind, types] of Object.entries(linkTypes)) {
    if (Object.values(types).includes(type)) return kind as InterfaceKind;
  }
  const kind = kindByName(name);
  return kind === "unknown" && type === C.IFT_ETHER ? "ethernet" : kind;
}

function publishedAddress(
  listed: InterfaceAddress,
  link: Link,
  { leasedAddress, optimisticAddress }: C.BsdSystem,
  all: AddressFlags | null,
): Address {
  const { address, family, index, peerOrBroadcast: other, prefixLength } = listed;
  // IPv4 addresses have neither flags nor lifetimes in these kernels.
  const flags = all !== null && family === "IPv4" ? 0 : all?.get(listed) ?? null;
  const has = (flag: number) => flags !== null && (flags & flag) !== 0;
  // Many VPNs give both ends of a link the same address: then there is no peer.
  const isPeer = other !== null && (link.flags & C.IFF_POINTOPOINT) !== 0 &&
    !allZero(other) && compareBytes(other, address) !== 0;
  return makeAddress(address, {
    prefixLength,
    peer: isPeer ? formatIp(other) : null,
    scopeId: family === "IPv6" && isLinkLocal(address) ? index : null,
    tentative: has(C.IN6_IFF_TENTATIVE) && !has(optimisticAddress) || has(C.IN6_IFF_DETACHED),
    duplicated: has(C.IN6_IFF_DUPLICATED),
    deprecated: has(C.IN6_IFF_DEPRECATED),
    temporary: has(C.IN6_IFF_TEMPORARY),
    permanent: flags !== null && !has(C.IN6_IFF_AUTOCONF | leasedAddress),
  });
}

/**
 * Selects the default route of each family, as it is published. Routes with any flag in `ignored` (RTF_*), to the
 * machine itself or through unlisted interfaces do not count; those that drop packets hide shorter ones.
 */
export function findDefaultRoutes(
  routes: readonly Route[],
  interfaces: readonly Interface[],
  ignored: number,
): Reading["defaultRoute"] {
  const byIndex = new Map(interfaces.map((nic) => [nic.index, nic]));
  const usable = routes.filter(({ flags, index }) =>
    (flags & C.RTF_UP) !== 0 && (flags & ignored) === 0 &&
    ((flags & DROPS) !== 0 || (byIndex.get(index)?.kind ?? "loopback") !== "loopback")
  );
  const find = (family: "IPv4" | "IPv6"): DefaultRoute | null => {
    const ofFamily = usable.filter((route) => route.family === family);
    const [low, high] = PROBES[family].map(([probe]) => hopsTo(probe![0]!, ofFamily));
    const hops = selectDefaultRoute(low!, high!)?.hops;
    const route = hops?.find(({ index }) => byIndex.get(index)?.running) ?? hops?.[0];
    const nic = byIndex.get(route?.index ?? 0);
    if (route === undefined || nic === undefined) return null;
    const { gateway, source } = route;
    // For IPv6 the kernel usually states the link-local address, although it would send from another one.
    const isStated = source !== null && !(family === "IPv6" && isLinkLocal(source));
    return {
      interface: nic.name,
      gateway: gateway === null ? null : formatIp(gateway),
      source: isStated ? formatIp(source) : likelySource(nic, family),
      metric: null,
    };
  };
  return { ipv4: find("IPv4"), ipv6: find("IPv6") };
}

/**
 * The longest routes that cover an address with this first byte: no prefix here is longer. Several of the same length
 * form a multipath route.
 */
function hopsTo(first: number, routes: readonly Route[]): { prefixLength: number; hops: Route[] } {
  const covering = routes.filter(({ destination, prefixLength }) =>
    ((destination[0]! ^ first) & (0xff00 >> prefixLength)) === 0
  );
  const prefixLength = covering.reduce((most, route) => Math.max(most, route.prefixLength), 0);
  const leads = (it: Route) => it.prefixLength === prefixLength && (it.flags & DROPS) === 0;
  return { prefixLength, hops: covering.filter(leads).sort(compareHops) };
}
