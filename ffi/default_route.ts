/**
 * Which way is the default: the one that covers what no other route covers. VPNs cover everything with
 * two halves instead of replacing the default route (tailscale#16652: 0/1 and 128/1), so both halves of
 * the address space are looked at.
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
  /** The index of the interface. */
  readonly index: number;
  /** Its address; null where the link itself is the way. */
  readonly gateway: Uint8Array | null;
}

/** The way that one half of the address space takes. */
export interface Way {
  /** How many bits of the destination the route names. */
  readonly prefixLength: number;
  /** Sorted with `compareHops()`; empty where it leads nowhere. */
  readonly hops: readonly Hop[];
}

/** Orders next hops by index, then gateway. */
export function compareHops(a: Hop, b: Hop): number {
  return a.index - b.index ||
    compareBytes(a.gateway ?? new Uint8Array(), b.gateway ?? new Uint8Array());
}

/** One way for both halves is the default route; half a way only when it was a true default (0 bits). */
export function chooseWay<W extends Way>(low: W | null, high: W | null): W | null {
  const [one, other] = [low, high].filter((way) => way !== null && way.hops.length > 0);
  if (!one) return null;
  if (!other) return one.prefixLength === 0 ? one : null;
  if (sameHops(one, other)) return one;
  return other.prefixLength < one.prefixLength ? other : one;
}

function sameHops(a: Way, b: Way): boolean {
  return a.hops.length === b.hops.length &&
    a.hops.every((hop, i) => compareHops(hop, b.hops[i]!) === 0);
}
