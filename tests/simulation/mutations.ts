/**
 * Random changes of the network.
 *
 * @module
 */
import type { Random } from "../support/random.ts";
import { IFA_FLAGS } from "./link.ts";
import type { Family, Mutation } from "./network.ts";
import { ADDRESSES, GATEWAYS, SLOTS } from "./pool.ts";

/** Sorts of changes; frequent ones are listed more than once. */
export const MUTATIONS: readonly Mutation["do"][] = [
  "link-add",
  "link-add",
  "link-remove",
  "link-again",
  "link-up",
  "carrier",
  "mtu",
  "rename",
  "master",
  "master",
  "parent",
  "address-set",
  "address-set",
  "address-set",
  "address-remove",
  "address-again",
  "address-hidden",
  "route-set",
  "route-remove",
  "route-silent",
  "rule",
  "route-noise",
];

/** One of these changes, by default of a random interface. */
export function makeMutation(
  random: Random,
  sorts: readonly Mutation["do"][],
  slot: number = random.below(SLOTS.length),
): Mutation {
  const sort = random.pick(sorts);
  const family: Family = random.chance(0.6) ? "ipv4" : "ipv6";
  switch (sort) {
    case "link-add":
    case "link-remove":
    case "link-again":
      return { do: sort, slot };
    case "link-up":
    case "carrier":
      return { do: sort, slot, on: random.chance(0.6) };
    case "mtu":
      return { do: sort, slot, mtu: random.pick([1280, 1400, 1500, 9000]) };
    case "master":
    case "parent":
      return { do: sort, slot, other: random.chance(0.25) ? null : random.below(SLOTS.length) };
    case "rename":
      return { do: sort, slot, name: random.below(3) };
    case "address-set":
      return {
        do: sort,
        slot,
        spec: random.below(ADDRESSES.length),
        flags: random.pick(IFA_FLAGS),
      };
    case "address-hidden":
    case "address-remove":
    case "address-again":
      return { do: sort, slot, spec: random.below(ADDRESSES.length) };
    case "route-set":
    case "route-silent": {
      const gateway = random.pick(GATEWAYS[family]);
      return { do: sort, slot, family, gateway, metric: random.pick([100, 600, 1024]) };
    }
    case "route-remove":
      return { do: sort, slot, family };
    case "rule":
      return { do: sort, slot: random.chance(0.4) ? null : slot, family };
    case "route-noise":
      return { do: sort };
  }
}

/** The change with the first of the addresses that share address and prefix length. */
export function withoutTwin(mutation: Mutation): Mutation {
  if (!("spec" in mutation)) return mutation;
  const wanted = ADDRESSES[mutation.spec];
  const spec = ADDRESSES.findIndex((it) =>
    it.text === wanted?.text && it.prefixLength === wanted.prefixLength
  );
  return { ...mutation, spec };
}
