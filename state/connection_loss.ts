// Whether connections survive a change of state.
import { addressesOf, isBindable } from "./derived.ts";
import { longSleepBetween, routeOf } from "./diff.ts";
import { findInterface, pairInterfaces } from "./interface_list.ts";
import type { Address, Interface, Reason, State } from "./types.ts";

/**
 * Why connections opened in one state are lost in another; null if they are not. Nobody says which address a
 * connection has, so a network counts, not a connection:
 *
 * - The default route of a family has another interface, that interface another index, or the route another source.
 *   A route that was added loses nothing. Nor does another source of IPv6 while the interface keeps the one before,
 *   as when a temporary address follows another (RFC 8981).
 * - The source of a default route can no longer be bound, or none of the usable addresses that an interface had of
 *   a family: a virtual address that moves to another host ends no connection.
 * - The machine slept for 600_000 ms or more.
 */
export function connectionLoss(previous: State, next: State): Reason | null {
  if (previous === next) return null;
  return longSleepBetween(previous, next) ?? routeLoss("IPv4", previous, next) ??
    routeLoss("IPv6", previous, next) ?? addressLoss(previous, next);
}

function routeLoss(family: "IPv4" | "IPv6", previous: State, next: State): Reason | null {
  const from = routeOf(previous, family);
  const to = routeOf(next, family);
  if (from === null || from === to) return null;
  const before = findInterface(previous, from.interface);
  const after = findInterface(next, from.interface);
  const keeps = from.source === null || holds(after, from.source);
  const isSame = to !== null && to.interface === from.interface && before?.index === after?.index &&
    (to.source === from.source || from.source === null || (family === "IPv6" && keeps));
  return isSame && keeps ? null : { kind: "default-route", family, from, to };
}

function addressLoss(previous: State, next: State): Reason | null {
  const { kept, removed } = pairInterfaces(previous, next);
  for (const { from, to } of [...kept, ...removed.map((from) => ({ from, to: undefined }))]) {
    const { usable } = addressesOf(from);
    for (const family of ["IPv4", "IPv6"] as const) {
      const before = usable.filter((one) => one.family === family);
      if (before.some((one) => holds(to, one.address))) continue;
      const [address] = before;
      if (address) return { kind: "address-unusable", interface: from.name, address };
    }
  }
  return null;
}

/** Whether the interface has the address and it can be bound. */
function holds(nic: Interface | undefined, address: Address["address"]): boolean {
  return nic !== undefined &&
    nic.addresses.some((one) => one.address === address && isBindable(one, nic));
}
