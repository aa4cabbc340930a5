// The system's whole state: the adapters with their addresses, and the default routes.
import { DecodeError } from "../../state/errors.ts";
import type { Reading } from "../../state/source.ts";
import { decodeAdapters } from "./adapters.ts";
import { ERROR_HOST_UNREACHABLE, ERROR_NETWORK_UNREACHABLE } from "./constants.ts";
import { type AskRoute, askTable, findDefaultRoutes, type Listed } from "./default_route.ts";
import { publishedInterface } from "./interfaces.ts";
import { MemoryImage } from "./memory_image.ts";
import { decodeDefaultRoutes, decodeRoute } from "./routes.ts";
import { decodeSocketAddress, encodeSocketAddress } from "./socket_address.ts";
import type { Syscalls } from "./syscalls.ts";

const NO_ROUTE: readonly number[] = [ERROR_NETWORK_UNREACHABLE, ERROR_HOST_UNREACHABLE];

/** Windows reports links, address flags and routes. */
const KNOWS: Reading["knows"] = Object.freeze({ links: true, addressFlags: true, routes: true });

/**
 * Reads everything. Calls `malformed` for each record that cannot be decoded, and skips it.
 *
 * @throws {SystemCallError} if the system refuses
 * @throws {DecodeError} if a list in its answer is broken
 */
export async function readDump(
  syscalls: Pick<Syscalls, "adapters" | "bestRoute" | "routeTable">,
  malformed: () => void,
): Promise<Reading> {
  const { address, bytes } = await syscalls.adapters();
  const listed = decodeAdapters(bytes, address, malformed)
    .map((adapter): Listed => ({ adapter, nic: publishedInterface(adapter) }));
  return {
    interfaces: listed.map(({ nic }) => nic),
    defaultRoute: findDefaultRoutes(askSystem(syscalls, listed, malformed), listed),
    knows: KNOWS,
  };
}

/** Where the system has no function for that (Wine 10: error 50), its routing table answers. */
function askSystem(
  syscalls: Pick<Syscalls, "bestRoute" | "routeTable">,
  listed: readonly Listed[],
  malformed: () => void,
): AskRoute {
  let table: AskRoute | null = null;
  return (destination) => {
    const answer = syscalls.bestRoute(encodeSocketAddress(destination));
    if (typeof answer === "number") {
      if (NO_ROUTE.includes(answer)) return null;
      table ??= askTable(decodeDefaultRoutes(syscalls.routeTable(), malformed), listed);
      return table(destination);
    }
    try {
      const { row, source } = answer;
      return {
        route: decodeRoute(row),
        source: decodeSocketAddress(new MemoryImage(source, 0n), 0, source.length),
      };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      malformed();
      return null;
    }
  };
}
