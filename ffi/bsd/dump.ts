/**
 * The kernel's whole state: the interfaces with their addresses, and the default routes.
 *
 * @module
 */
import type { Reading } from "../../state/source.ts";
import { readAddressFlags } from "./address_flags.ts";
import { NET_RT_DUMP } from "./constants.ts";
import { decodeDefaultRoutes, findDefaultRoutes } from "./default_route.ts";
import { decodeInterfaces, publishedInterface } from "./interfaces.ts";
import type { Platform } from "./platforms.ts";
import type { Syscalls } from "./syscalls.ts";

/**
 * Reads everything. Calls `malformed` for each record that cannot be decoded, and skips it.
 *
 * @throws {SystemCallError} if the kernel refuses
 * @throws {DecodeError} if the framing of its answer is broken
 */
export function readDump(
  kernel: Syscalls,
  platform: Platform,
  malformed: () => void,
): Reading {
  const { layout, listRequest, unusableRoute } = platform;
  const list = kernel.routeTable("sysctl of the interfaces", listRequest);
  const listed = [...decodeInterfaces(list, layout, malformed).values()];
  const flags = readAddressFlags(kernel, platform, listed);
  const interfaces = listed.map((nic) => publishedInterface(nic, platform, flags));
  const dump = kernel.routeTable("sysctl of the routes", NET_RT_DUMP);
  const routes = decodeDefaultRoutes(dump, layout, malformed);
  return {
    interfaces,
    defaultRoute: findDefaultRoutes(routes, interfaces, unusableRoute),
    knows: { links: true, addressFlags: flags !== null, routes: true },
  };
}
