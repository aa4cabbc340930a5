/**
 * The rule that selects the default route, shared by all systems. VPNs cover everything with two halves
 * instead of replacing the default route (tailscale#16652: 0/1 and 128/1), so both halves of the address
 * space are looked at.
 *
 * @module
 */
import { compareBytes } from "../state/ip.ts";

/** 0/0 and the halves and quarters with which VPNs cover it. */
export const LONGEST_DEFAULT_IPV4 = 3;
/** The same within 2000::/3, where all global addresses are. */
export const LONGEST_DEFAULT_IPV6 = 4;

/** A next hop. */
export interface Hop {
  readonly index: number; // the index of the interface
  /** The address of the gateway; null if the destination is on the link. */
  readonly gateway: Uint8Array | null;
}

/** The next hops of one half of the address space. */
export interface NextHops {
  readonly prefixLength: number; // the prefix length of the route that matched
  readonly hops: readonly Hop[]; // sorted with `compareHops()`; empty if packets are dropped
  readonly nexthopId?: number | null; // the nexthop object that the route refers to (Linux)
}

/** Orders next hops by index, then gateway. */
export function compareHops(a: Hop, b: Hop): number {
  return a.index - b.index ||
    compareBytes(a.gateway ?? new Uint8Array(), b.gateway ?? new Uint8Array());
}

/**
 * Both halves have the same next hops: that is the default route. Different ones: the shorter match,
 * then the low half. Only one half is covered: the default if its prefix length is 0.
 */
export function selectDefaultRoute<N extends NextHops>(low: N | null, high: N | null): N | null {
  const [one, other] = [low, high].filter((half) => half !== null && half.hops.length > 0);
  if (!one) return null;
  if (!other) return one.prefixLength === 0 ? one : null;
  if (sameHops(one, other)) return one;
  return other.prefixLength < one.prefixLength ? other : one;
}

function sameHops(a: NextHops, b: NextHops): boolean {
  // the kernel picks a hop of a nexthop group by flow, so two questions may name two hops of one group
  if (a.nexthopId && a.nexthopId === b.nexthopId) return true;
  return a.hops.length === b.hops.length &&
    a.hops.every((hop, i) => compareHops(hop, b.hops[i]!) === 0);
}
