/**
 * Names and addresses of the simulated network: few, so that they are soon reused.
 *
 * @module
 */
import type { InterfaceKind } from "../../state/types.ts";

/** A slot for one interface. */
export interface Slot {
  /** Its possible names. A new interface gets the first free one. */
  readonly names: readonly string[];
  readonly kind: InterfaceKind;
  /** IFLA_INFO_KIND; null for hardware. */
  readonly driver: string | null;
  /** ARPHRD_* (linux/if_arp.h). */
  readonly hardwareType: number;
}

const ETHER = 1;
const NONE = 0xfffe;

/** Two slots share their names, so that a name passes from one index to another. */
export const SLOTS: readonly Slot[] = [
  { names: ["eth0", "eth1", "eth2"], kind: "ethernet", driver: null, hardwareType: ETHER },
  { names: ["eth1", "eth0", "eth2"], kind: "ethernet", driver: null, hardwareType: ETHER },
  { names: ["wlan0", "wlan1"], kind: "wifi", driver: null, hardwareType: ETHER },
  { names: ["wwan0"], kind: "cellular", driver: null, hardwareType: NONE },
  { names: ["tun0", "tun1"], kind: "tunnel", driver: "tun", hardwareType: NONE },
  { names: ["docker0", "br-1"], kind: "bridge", driver: "bridge", hardwareType: ETHER },
  { names: ["veth1", "veth2"], kind: "virtual", driver: "veth", hardwareType: ETHER },
  { names: ["vlan5", "veth1"], kind: "virtual", driver: "vlan", hardwareType: ETHER },
];

/** An address that an interface can have. */
export interface AddressSpec {
  readonly family: "IPv4" | "IPv6";
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly prefixLength: number;
  readonly peer: { readonly bytes: Uint8Array; readonly text: string } | null;
  readonly linkLocal: boolean;
}

/**
 * Of those that share address and prefix length the one with the lowest peer comes first: that one is
 * published.
 */
export const ADDRESSES: readonly AddressSpec[] = [
  ipv4("192.0.2.1", 24),
  ipv4("192.0.2.1", 32),
  ipv4("10.0.0.1", 32),
  ipv4("10.0.0.1", 32, "10.0.0.2"),
  ipv4("10.0.0.1", 32, "10.0.0.3"),
  ipv4("198.51.100.7", 24),
  ipv4("169.254.1.1", 16),
  ipv6("2001:db8::1", [0x20, 0x01, 0x0d, 0xb8], 1, 64),
  ipv6("2001:db8::1", [0x20, 0x01, 0x0d, 0xb8], 1, 128),
  ipv6("2001:db8::2", [0x20, 0x01, 0x0d, 0xb8], 2, 128, "2001:db8::3"),
  ipv6("2001:db8::2", [0x20, 0x01, 0x0d, 0xb8], 2, 128, "2001:db8::4"),
  ipv6("fd00::1", [0xfd], 1, 64),
  ipv6("fe80::1", [0xfe, 0x80], 1, 64),
];

/** The gateways that a default route can have. */
export const GATEWAYS: Record<"ipv4" | "ipv6", readonly (string | null)[]> = {
  ipv4: ["192.0.2.254", "10.0.0.254", null],
  ipv6: ["fe80::ff", "2001:db8::ff", null],
};

function ipv4(text: string, prefixLength: number, peer: string | null = null): AddressSpec {
  return {
    family: "IPv4",
    bytes: ipv4Bytes(text),
    text,
    prefixLength,
    peer: peer === null ? null : { bytes: ipv4Bytes(peer), text: peer },
    linkLocal: text.startsWith("169.254."),
  };
}

function ipv4Bytes(text: string): Uint8Array {
  return Uint8Array.from(text.split(".").map(Number));
}

function ipv6(
  text: string,
  begin: number[],
  end: number,
  prefixLength: number,
  peer: string | null = null,
): AddressSpec {
  const ending = (last: number): Uint8Array => {
    const bytes = new Uint8Array(16);
    bytes.set(begin);
    bytes[15] = last;
    return bytes;
  };
  return {
    family: "IPv6",
    bytes: ending(end),
    text,
    prefixLength,
    peer: peer === null ? null : { bytes: ending(Number(peer.at(-1))), text: peer },
    linkLocal: text.startsWith("fe80:"),
  };
}
