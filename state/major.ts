/**
 * Which changes matter to programs that hold sockets.
 *
 * @module
 */
import { interfaceFacts } from "./derived.ts";
import { findInterface } from "./interface_list.ts";
import { pairInterfaces } from "./interface_list.ts";
import { sleptLongBetween } from "./diff.ts";
import type { Address, Interface, State } from "./types.ts";

/** Says which interfaces do not count. */
type Ignore = (nic: Interface) => boolean;

/**
 * Whether the way out of this machine changed: a family's default interface, that interface's index,
 * its gateway or source (not the metric alone); a usable address came, went, or became usable or
 * unusable; the index of an interface with usable addresses; a sleep of 600_000 ms or more. Judged
 * by effect, because judged by "some interface differs" every container start rebound every socket
 * (coder#11029, iroh#4488).
 *
 * @param previous The state before.
 * @param next The state after.
 * @param options `ignoreInterface` names the interfaces that never count, asked with the interface of the
 * state concerned; nor does a default route from or to one. What it throws is thrown.
 */
export function isMajorChange(
  previous: State,
  next: State,
  options: { ignoreInterface?: (nic: Interface) => boolean } = {},
): boolean {
  if (previous === next) return false;
  const ignore = options.ignoreInterface ?? (() => false);
  return sleptLongBetween(previous, next) || addressesChanged(previous, next, ignore) ||
    routeChanged("ipv4", previous, next, ignore) || routeChanged("ipv6", previous, next, ignore);
}

function addressesChanged(previous: State, next: State, ignore: Ignore): boolean {
  const { removed, added, kept } = pairInterfaces(previous, next);
  if (removed.some((nic) => counted(nic, ignore).length > 0)) return true;
  if (added.some((nic) => counted(nic, ignore).length > 0)) return true;
  return kept.some(({ from, to }) => {
    const before = counted(from, ignore);
    const after = counted(to, ignore);
    return before.length !== after.length || (before.length > 0 && from.index !== to.index) ||
      before.some((address, i) => address.cidr !== after[i]?.cidr);
  });
}

/** The usable addresses of an interface that counts; `up` is part of being usable. */
function counted(nic: Interface, ignore: Ignore): readonly Address[] {
  const { usable } = interfaceFacts(nic);
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
