/**
 * The whole truth, asked from the kernel: the interfaces with their addresses, and the default routes.
 *
 * @module
 */
import type { Reading } from "../../state/source.ts";
import { readAddressFlags } from "./address_flags.ts";
import { NET_RT_DUMP } from "./constants.ts";
import { decodeDefaultRoutes, findDefaultRoutes } from "./default_route.ts";
import { decodeInterfaces, publishedInterface } from "./interfaces.ts";
import type { Syscalls } from "./syscalls.ts";
import type { Platform } from "./platforms.ts";

/**
 * Reads everything. Records that cannot be understood are told of and left out.
 *
 * @throws {SystemCallError} when the kernel refuses
 * @throws {DecodeError} when its answer makes no sense
 */
export function readDump(
  kernel: Syscalls,
  platform: Platform,
  misunderstood: () => void,
): Reading {
  const { layout, listRequest, os } = platform;
  const list = kernel.routeTable("sysctl of the interfaces", listRequest);
  const listed = [...decodeInterfaces(list, layout, misunderstood).values()];
  const flags = readAddressFlags(kernel, platform, listed);
  const interfaces = listed.map((nic) => publishedInterface(nic, os, flags));
  const dump = kernel.routeTable("sysctl of the routes", NET_RT_DUMP);
  const routes = decodeDefaultRoutes(dump, layout, misunderstood);
  return {
    interfaces,
    defaultRoute: findDefaultRoutes(routes, interfaces, os),
    knows: { links: true, addressFlags: flags !== null, routes: true },
  };
}
