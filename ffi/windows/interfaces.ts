// Adapters as they are published.
import { hostOnlyByName, kindByName } from "../../state/interface_name.ts";
import { formatIp, isLinkLocal, isUnspecified } from "../../state/ip.ts";
import type { Address, Interface, InterfaceKind } from "../../state/types.ts";
import type { Adapter, AdapterAddress } from "./adapters.ts";
import {
  IF_TYPE_ETHERNET_CSMACD,
  IF_TYPE_IEEE80211,
  IF_TYPE_PPP,
  IF_TYPE_PROP_VIRTUAL,
  IF_TYPE_SOFTWARE_LOOPBACK,
  IF_TYPE_TUNNEL,
  IF_TYPE_WWANPP,
  IF_TYPE_WWANPP2,
  IfOperStatusNotPresent,
  IfOperStatusUnknown,
  IfOperStatusUp,
  IpDadStateDeprecated,
  IpDadStateDuplicate,
  IpDadStateInvalid,
  IpDadStateTentative,
  IpSuffixOriginRandom,
  TUNNEL_TYPE_NONE,
} from "./constants.ts";

/** A lifetime that does not end, in seconds. */
const INFINITE = 0xffffffff;

const KINDS: Readonly<Record<number, InterfaceKind>> = {
  [IF_TYPE_SOFTWARE_LOOPBACK]: "loopback",
  [IF_TYPE_IEEE80211]: "wifi",
  [IF_TYPE_WWANPP]: "cellular",
  [IF_TYPE_WWANPP2]: "cellular",
  [IF_TYPE_PPP]: "tunnel",
  [IF_TYPE_TUNNEL]: "tunnel",
  [IF_TYPE_PROP_VIRTUAL]: "tunnel", // Wintun, WireGuard, OpenVPN DCO
};

/** Lead to virtual machines of this host, unless a default route uses them (an external Hyper-V switch). */
const VIRTUAL = /^(Hyper-V Virtual|VirtualBox Host-Only|VMware Virtual|WSL\b)/;

/** Drivers that call themselves Ethernet. */
const KINDS_BY_DESCRIPTION: readonly (readonly [InterfaceKind, RegExp])[] = [
  ["virtual", VIRTUAL],
  [
    "tunnel",
    /^(TAP-Win|OpenVPN|Wintun|WireGuard|Tailscale|ZeroTier|Cisco AnyConnect|Fortinet SSL VPN|PANGP)/i,
  ],
];

/** The index of an adapter, which is the same for both families unless one of them is not bound. */
export function adapterIndex({ ipv4Index, ipv6Index }: Adapter): number {
  return ipv4Index || ipv6Index;
}

/** The interface as it is published. Windows lists enabled adapters only. */
export function publishedInterface(adapter: Adapter): Interface {
  const { description, flags, macAddress, mtu, name, status } = adapter;
  const index = adapterIndex(adapter);
  const kind = adapterKind(adapter);
  return {
    name,
    index,
    kind,
    up: status !== IfOperStatusNotPresent,
    running: status === IfOperStatusUp || status === IfOperStatusUnknown,
    hostOnly: hostOnlyByName(kind, name) || (kind === "virtual" && VIRTUAL.test(description)),
    flags,
    mac: macAddress.length === 6 && !isUnspecified(macAddress)
      ? Array.from(macAddress, (byte) => byte.toString(16).padStart(2, "0")).join(":")
      : null,
    mtu,
    addresses: adapter.addresses
      .filter(({ dadState }) => dadState !== IpDadStateInvalid)
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
  if (tunnelType !== TUNNEL_TYPE_NONE) return "tunnel";
  for (const [kind, pattern] of KINDS_BY_DESCRIPTION) if (pattern.test(description)) return kind;
  const kind = kindByName(name);
  return kind === "unknown" && type === IF_TYPE_ETHERNET_CSMACD ? "ethernet" : kind;
}

function publishedAddress(
  { address, dadState, prefixLength, suffixOrigin, validLifetime }: AdapterAddress,
  index: number,
): Address {
  const text = formatIp(address);
  const isIpv6 = address.length === 16;
  const isLocal = isLinkLocal(address);
  return {
    family: isIpv6 ? "IPv6" : "IPv4",
    address: text,
    prefixLength,
    cidr: `${text}/${prefixLength}`,
    peer: null,
    scopeId: isIpv6 && isLocal ? index : null,
    tentative: dadState === IpDadStateTentative,
    duplicated: dadState === IpDadStateDuplicate,
    deprecated: dadState === IpDadStateDeprecated,
    temporary: isIpv6 && !isLocal && suffixOrigin === IpSuffixOriginRandom,
    permanent: validLifetime === INFINITE,
  };
}
