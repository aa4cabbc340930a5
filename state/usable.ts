/**
 * Whether an address is of use to a program.
 *
 * @module
 */
import { addressBytes } from "./canonical.ts";
import { isLinkLocal, isLoopback } from "./ip.ts";
import type { Address, Interface } from "./types.ts";

/**
 * Whether a program on this machine can send from the address: its interface is up (carrier is not
 * asked) and no loopback, and the address is not tentative, duplicated, deprecated, loopback or
 * link-local. Binding to a tentative address fails (avahi#615), and Linux keeps IPv4 addresses on a
 * link that is down.
 *
 * @param address The address to judge.
 * @param nic The interface that holds it.
 * @throws {TypeError} When the address's text is none.
 */
export function isUsable(address: Address, nic: Interface): boolean {
  return isBindable(address, nic) && !isLinkLocal(addressBytes(address));
}

/**
 * As `isUsable()`, link-local addresses included: for who names one and means it.
 *
 * @param address The address to judge.
 * @param nic The interface that holds it.
 */
export function isBindable(address: Address, nic: Interface): boolean {
  return nic.up && !address.tentative && !address.duplicated && !address.deprecated &&
    !isLoopbackAddress(address, nic);
}

/**
 * Whether the address is loopback by its bytes or by its interface: WSL puts 10.255.255.254 on `lo`
 * (denoland/std#5933).
 */
export function isLoopbackAddress(address: Address, nic: Interface): boolean {
  return nic.kind === "loopback" || isLoopback(addressBytes(address));
}
