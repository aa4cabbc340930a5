/**
 * The addresses that a program can use.
 *
 * @module
 */
import { orderedInterfaces } from "./interface_list.ts";
import type { Address, State } from "./types.ts";

/**
 * The usable addresses of a state, by interface index, then in the order of the interface: of both
 * families, unless one is given.
 *
 * @throws {TypeError} When the family is neither `"IPv4"` nor `"IPv6"`.
 */
export function usableAddresses(
  state: State,
  options: { family?: "IPv4" | "IPv6" } = {},
): readonly Address[] {
  const { family } = options;
  if (family !== undefined && family !== "IPv4" && family !== "IPv6") {
    throw new TypeError(`Unknown family "${String(family)}": give "IPv4" or "IPv6"`);
  }
  const addresses = orderedInterfaces(state).facts.flatMap((facts) => facts.usable);
  return Object.freeze(
    family === undefined ? addresses : addresses.filter((address) => address.family === family),
  );
}
