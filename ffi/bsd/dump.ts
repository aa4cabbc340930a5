// The kernel's whole state: the interfaces with their addresses, and the default routes.
import type { Reading } from "../../state/source.ts";
import { macrotask } from "../time_slice.ts";
import { readAddressFlags } from "./address_flags.ts";
import { NET_RT_DUMP } from "./constants.ts";
import { decodeDefaultRoutes, findDefaultRoutes } from "./default_route.ts";
import { decodeInterfaces, publishedInterface } from "./interfaces.ts";
import type { Platform } from "./platforms.ts";
import type { Syscalls } from "./syscalls.ts";

/** A longer list, of about 500 addresses, leaves the event loop its turn between the steps. */
const LONG_BYTES = 65_536;

/**
 * Reads everything. Calls `malformed` for each record that cannot be decoded. Throws SystemCallError if the kernel
 * refuses, DecodeError if the framing of its answer is broken, and the reason of the signal if it aborts.
 */
export async function readDump(
  syscalls: Syscalls,
  platform: Platform,
  signal: AbortSignal,
  malformed: () => void,
): Promise<Reading> {
  const { layout, listRequest, unusableRoute } = platform;
  const list = syscalls.routeTable("sysctl of the interfaces", listRequest);
  const pause = async (): Promise<void> => {
    if (list.length > LONG_BYTES) await macrotask();
    signal.throwIfAborted();
  };
  const listed = [...decodeInterfaces(list, layout, malformed).values()];
  await pause();
  const flags = readAddressFlags(syscalls, platform, listed);
  await pause();
  const interfaces = listed.map((nic) => publishedInterface(nic, platform, flags));
  const dump = syscalls.routeTable("sysctl of the routes", NET_RT_DUMP);
  const routes = decodeDefaultRoutes(dump, layout, malformed);
  return {
    interfaces,
    defaultRoute: findDefaultRoutes(routes, interfaces, unusableRoute),
    knows: { links: true, addressFlags: flags !== null, routes: true },
  };
}
