/**
 * The flags of IPv6 addresses: tentative, duplicated, deprecated, temporary. No message and no list has
 * them, only an ioctl, address by address.
 *
 * @module
 */
import { IN6_IFREQ_SIZE, SIOCGIFAFLAG_IN6, SOCK_DGRAM } from "./constants.ts";
import type { AddressFlags, ListedInterface } from "./interfaces.ts";
import type { Syscalls } from "./syscalls.ts";
import type { Platform } from "./platforms.ts";
import type { InterfaceAddress } from "./route_message.ts";

const IFNAMSIZ = 16;
const SOCKADDR_IN6_SIZE = 28;

/** Asks for the flags of all addresses; null where the system answers none of the questions. */
export function readAddressFlags(
  kernel: Syscalls,
  { layout, socketFlags }: Platform,
  interfaces: Iterable<ListedInterface>,
): AddressFlags | null {
  const flags = new Map<InterfaceAddress, number>();
  const socket = kernel.socket(layout.inet6, SOCK_DGRAM | socketFlags, 0);
  // Without IPv6 in the kernel there is nothing to ask, and no address to ask about.
  if (socket < 0) return hasIpv6(interfaces) ? null : flags;
  let asked = 0;
  try {
    for (const { addresses, link } of interfaces) {
      for (const address of addresses) {
        if (address.family !== "IPv6") continue;
        asked++;
        const request = encodeRequest(link.name, address.address, layout.inet6);
        // An address that has gone meanwhile has no flags.
        if (!kernel.control(socket, SIOCGIFAFLAG_IN6, request)) continue;
        flags.set(address, new DataView(request.buffer).getUint32(IFNAMSIZ, true));
      }
    }
  } finally {
    kernel.close(socket);
  }
  return asked > 0 && flags.size === 0 ? null : flags;
}

/**
 * struct in6_ifreq: the name, and the address as sockaddr_in6, in whose place the flags are written. The
 * kernels fill a link-local scope in by themselves, from the interface.
 */
function encodeRequest(
  name: Uint8Array,
  address: Uint8Array,
  family: number,
): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(IN6_IFREQ_SIZE);
  request.set(name.subarray(0, IFNAMSIZ - 1));
  request[IFNAMSIZ] = SOCKADDR_IN6_SIZE;
  request[IFNAMSIZ + 1] = family;
  request.set(address, IFNAMSIZ + 8);
  return request;
}

function hasIpv6(interfaces: Iterable<ListedInterface>): boolean {
  for (const { addresses } of interfaces) {
    if (addresses.some(({ family }) => family === "IPv6")) return true;
  }
  return false;
}
