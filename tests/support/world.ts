/**
 * The network as far as random operations know it, without asking the kernel.
 *
 * @module
 */
import type { Random } from "./random.ts";

/** The network that the operations so far would have made if the kernel had accepted all of them. */
export interface World {
  /** Links by name; `lo` is not among them. */
  readonly links: Map<string, Link>;
  /** Addresses: family, link, and the words between `addr del` and `dev`. */
  readonly addresses: { family: Family; address: string; link: string; words: string }[];
  /** Routes: family, and the words after `route del`. */
  readonly routes: { family: Family; words: string }[];
  /** Rules: family, and the words after `rule del`. */
  readonly rules: { family: Family; words: string }[];
  /** Nexthop objects by number. */
  readonly nexthops: Map<number, Nexthop>;
}

/** The option of `ip` for an address family. */
export type Family = "-4" | "-6";

/** A nexthop object, as far as known. */
export interface Nexthop {
  /** The family of its gateway, or of the members of a group. */
  family: Family;
  /** Whether it is a group of other objects. */
  group: boolean;
  /** Whether a route or a group has used it. */
  used: boolean;
}

/** A link, as far as known. */
export interface Link {
  /** The driver; tun and tap count as two. */
  kind: "veth" | "bridge" | "macvlan" | "tun" | "tap";
  /** Administratively up. */
  up: boolean;
  /** The other end of a veth pair, or the lower link of a macvlan: this link is deleted along with it. */
  other: string | null;
  /** Whether it is the port of a bridge. */
  port: boolean;
}

/** Makes a command without the leading `ip`; null if there is nothing to apply it to. */
export type Operation = (world: World, random: Random) => string | null;

/** An operation and how often it is chosen. */
export type Weighted = readonly [weight: number, operation: Operation];

/** Nothing but `lo`. */
export function emptyWorld(): World {
  return { links: new Map(), addresses: [], routes: [], rules: [], nexthops: new Map() };
}

/** One of the links, mostly one that is up. */
export function someLink({ links }: World, random: Random): string | null {
  const up = [...links].filter(([, link]) => link.up).map(([name]) => name);
  const names = up.length > 0 && random.chance(0.8) ? up : [...links.keys()];
  return names.length === 0 ? null : random.pick(names);
}

/** Removes one of the items and returns it. */
export function takeOne<T>(items: T[], random: Random): T | null {
  return items.length === 0 ? null : items.splice(random.below(items.length), 1)[0]!;
}

/** One of a few addresses, so that operations often use the same one. */
export function someAddress(family: Family, random: Random): string {
  const host = random.between(1, 4);
  if (family === "-4") {
    return `${random.pick(["10.0.0", "10.0.7", "192.168.1", "169.254.3"])}.${host}`;
  }
  return `${random.pick(["2001:db8::", "2001:db8:7::", "fd00::", "fe80::aa:"])}${host}`;
}
