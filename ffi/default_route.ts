// The rule that selects the default route, shared by all systems. VPNs cover the address space with two half-size
// routes instead of replacing the default route (tailscale#16652: 0/1 and 128/1), so the rule examines both halves.
import { compareBytes, type IpBytes, isLinkLocal, parseIp } from "../state/ip.ts";
import type { Address, Interface } from "../state/types.ts";

/** The longest prefixes of default routes: VPNs halve and quarter 0/0 and 2000::/3 (all global addresses). */
export const LONGEST_DEFAULT = { IPv4: 3, IPv6: 4 } as const;

/**
 * Destinations in each half of the address space. One that a more specific route covers says nothing
 * about the default route, so the next one is tried.
 */
export const PROBES: Record<Address["family"], [low: number[][], high: number[][]]> = {
  IPv4: [
    [[23, 0, 0, 1], [73, 0, 0, 1], [0, 1, 2, 3]],
    [[151, 0, 0, 1], [203, 0, 113, 1], [240, 0, 0, 1]],
  ],
  IPv6: [[ipv6(0x2a0f), ipv6(0x2c0f), ipv6(0x2d00)], [ipv6(0x3ffe), ipv6(0x3000)]],
};

/** An address from its first group, with 1 as the last. As text it would have to be parsed: 0.5 ms at the start. */
function ipv6(group: number): number[] {
  return [group >> 8, group & 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
}

export interface Hop {
  readonly index: number; // the index of the interface
  readonly gateway: IpBytes | null; // null if the destination is on the link
}

/** The next hops of one half of the address space. */
export interface NextHops {
  readonly prefixLength: number; // the prefix length of the route that matched
  readonly hops: readonly Hop[]; // sorted with `compareHops()`; empty if packets are dropped
  readonly nexthopId?: number | null; // the nexthop object that the route refers to (Linux)
}

export function compareHops(a: Hop, b: Hop): number {
  return a.index - b.index || compareBytes(a.gateway ?? [], b.gateway ?? []);
}

/**
 * Selects the default route. If both halves have the same next hops: those. If they differ: the half with the
 * shorter match, the low one on a tie. If only one half is covered: that one, if its prefix length is 0.
 */
export function selectDefaultRoute<N extends NextHops>(low: N | null, high: N | null): N | null {
  const [one, other] = [low, high].filter((half) => half !== null && half.hops.length > 0);
  if (!one) return null;
  if (!other) return one.prefixLength === 0 ? one : null;
  if (sameHops(one, other)) return one;
  return other.prefixLength < one.prefixLength ? other : one;
}

export function sameHops(a: NextHops, b: NextHops): boolean {
  // the kernel picks a hop of a nexthop group by flow, so two lookups may return two hops of one group
  if (a.nexthopId && a.nexthopId === b.nexthopId) return true;
  return a.hops.length === b.hops.length &&
    a.hops.every((hop, i) => compareHops(hop, b.hops[i]!) === 0);
}

/**
 * The source address that the system probably selects, if it does not state one: the first usable address
 * of the interface, temporary ones before the others (RFC 6724, rule 7).
 */
export function likelySource(nic: Interface, family: Address["family"]): string | null {
  const usable = nic.addresses
    .filter((it) => it.family === family && !it.deprecated && !it.duplicated && !it.tentative)
    .map(({ address, temporary }) => ({ address, temporary, bytes: parseIp(address)! }))
    .filter(({ bytes }) => !isLinkLocal(bytes))
    .sort((a, b) => Number(b.temporary) - Number(a.temporary) || compareBytes(a.bytes, b.bytes));
  return usable[0]?.address ?? null;
}
