// The flags of IPv6 addresses: tentative, duplicated, deprecated, temporary. Neither messages nor lists
// contain them; an ioctl returns them, one address at a time.
import * as C from "./constants.ts";
import type { AddressFlags, ListedInterface } from "./interfaces.ts";
import type { Platform } from "./platforms.ts";
import type { InterfaceAddress } from "./route_message.ts";
import { u32 } from "./sockaddr.ts";
import type { Syscalls } from "./syscalls.ts";

/** Reads the flags of all IPv6 addresses; null if the system refuses every one of them. */
export function readAddressFlags(
  kernel: Syscalls,
  { layout, socketFlags }: Platform,
  interfaces: Iterable<ListedInterface>,
): AddressFlags | null {
  const flags = new Map<InterfaceAddress, number>();
  let asked = 0;
  const socket = kernel.socket(layout.inet6, C.SOCK_DGRAM | socketFlags, 0);
  try {
    for (const { addresses, link } of interfaces) {
      for (const address of addresses) {
        if (address.family !== "IPv6") continue;
        asked++;
        const request = encodeRequest(link.name, address.address, layout.inet6);
        // It fails for an address that is gone by now, and without a socket: a kernel without IPv6.
        if (!kernel.control(socket, C.SIOCGIFAFLAG_IN6, request)) continue;
        flags.set(address, u32(request, C.IFNAMSIZ));
      }
    }
  } finally {
    if (socket >= 0) kernel.close(socket);
  }
  return asked > 0 && flags.size === 0 ? null : flags;
}

/**
 * struct in6_ifreq: the name, then a sockaddr_in6 that the kernel overwrites with the flags. The kernel
 * fills in the scope of a link-local address from the interface.
 */
function encodeRequest(
  name: Uint8Array,
  address: Uint8Array,
  family: number,
): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(C.IN6_IFREQ_SIZE);
  request.set(name.subarray(0, C.IFNAMSIZ - 1));
  request[C.IFNAMSIZ] = C.SOCKADDR_IN6_SIZE;
  request[C.IFNAMSIZ + 1] = family;
  request.set(address, C.IFNAMSIZ + C.SOCKADDR_IN6.sin6_addr);
  return request;
}
