/**
 * Which changes are major: what a program with open sockets must act on.
 *
 * @module
 */
import { addressesOf } from "./derived.ts";
import { sleptLongBetween } from "./diff.ts";
import { findInterface, pairInterfaces } from "./interface_list.ts";
import type { Address, Interface, State } from "./types.ts";

type Ignore = (nic: Interface) => boolean;

/**
 * Whether the difference between two states is major: the default interface of a family, that interface's
 * index, or its gateway or source changed (not the metric alone); a usable address came, went, or
 * became usable or unusable; the index of an interface with usable addresses changed; the machine slept
 * for 600_000 ms or more. The effect decides: when any difference of an interface counted, every
 * container start rebound every socket (coder#11029, iroh#4488).
 *
 * @param previous The state before.
 * @param next The state after.
 * @param options `ignoreInterface` returns true for interfaces that never count, nor do default routes
 * through them. It gets the interface of the state in question; what it throws is thrown.
 * @returns Whether the difference is major.
 *
 * @example Ignore the networks of containers
 * ```ts
 * import { isMajorChange, readNetworkState } from "@netwatch/netwatch";
 *
 * const before = await readNetworkState();
 * const after = await readNetworkState();
 * const ignoreInterface = ({ name }: { name: string }) => name.startsWith("veth");
 * console.log(isMajorChange(before, after, { ignoreInterface }));
 * ```
 */
export function isMajorChange(
  previous: State,
  next: State,
  options: { readonly ignoreInterface?: (nic: Interface) => boolean } = {},
): boolean {
  if (previous === next) return false;
  const ignore = options.ignoreInterface ?? (() => false);
  return sleptLongBetween(previous, next) || addressesChanged(previous, next, ignore) ||
    routeChanged("ipv4", previous, next, ignore) || routeChanged("ipv6", previous, next, ignore);
}

function addressesChanged(previous: State, next: State, ignore: Ignore): boolean {
  const { removed, added, kept } = pairInterfaces(previous, next);
  return [...removed, ...added].some((nic) => counted(nic, ignore).length > 0) ||
    kept.some(({ from, to }) => {
      const before = counted(from, ignore);
      const after = counted(to, ignore);
      return before.length !== after.length || (before.length > 0 && from.index !== to.index) ||
        before.some((address, i) => address.cidr !== after[i]?.cidr);
    });
}

/** The usable addresses of an interface that is not ignored; none while it is down. */
function counted(nic: Interface, ignore: Ignore): readonly Address[] {
  const { usable } = addressesOf(nic);
  return usable.length === 0 || ignore(nic) ? [] : usable;
}

function routeChanged(
  family: "ipv4" | "ipv6",
  previous: State,
  next: State,
  ignore: Ignore,
): boolean {
  const from = previous.defaultRoute[family];
  const to = next.defaultRoute[family];
  const fromNic = from && findInterface(previous, from.interface);
  const toNic = to && findInterface(next, to.interface);
  const same = from?.interface === to?.interface && from?.gateway === to?.gateway &&
    from?.source === to?.source && fromNic?.index === toNic?.index;
  return !same && !(fromNic && ignore(fromNic)) && !(toNic && ignore(toNic));
}
