// Decodes routes: `MIB_IPFORWARD_ROW2` of `GetBestRoute2`, and the table of `GetIpForwardTable2`.
import { DecodeError } from "../../state/errors.ts";
import { isUnspecified } from "../../state/ip.ts";
import { LONGEST_DEFAULT_IPV4, LONGEST_DEFAULT_IPV6 } from "../default_route.ts";
import {
  MIB_IPFORWARD_ROW2 as ROW,
  MIB_IPFORWARD_ROW2_SIZE as ROW_SIZE,
  MIB_IPFORWARD_TABLE2 as TABLE,
  SOCKADDR_INET_SIZE,
} from "./constants.ts";
import { MemoryImage } from "./memory_image.ts";
import { decodeSocketAddress } from "./socket_address.ts";

/** A route. */
export interface Route {
  readonly destination: Uint8Array;
  readonly prefixLength: number;
  readonly index: number; // the index of the interface
  readonly gateway: Uint8Array | null; // null if the destination is on the link
  readonly metric: number; // added to the metric of the interface
  readonly isLoopback: boolean; // it leads to this host
}

/**
 * Decodes one row.
 *
 * @throws {DecodeError} if it cannot be decoded
 */
export function decodeRoute(bytes: Uint8Array): Route {
  if (bytes.length < ROW_SIZE) throw new DecodeError("MIB_IPFORWARD_ROW2", bytes.length);
  const image = new MemoryImage(bytes, 0n);
  const destination = decodeSocketAddress(image, ROW.DestinationPrefix, SOCKADDR_INET_SIZE);
  const prefixLength = image.u8(ROW["DestinationPrefix.PrefixLength"]);
  if (prefixLength > destination.length * 8) {
    throw new DecodeError("DestinationPrefix.PrefixLength", 0);
  }
  const gateway = decodeSocketAddress(image, ROW.NextHop, SOCKADDR_INET_SIZE);
  return {
    destination,
    prefixLength,
    index: image.u32(ROW.InterfaceIndex),
    gateway: isUnspecified(gateway) ? null : gateway,
    metric: image.u32(ROW.Metric),
    isLoopback: image.u8(ROW.Loopback) !== 0,
  };
}

/**
 * How long a table is, from its first bytes.
 *
 * @throws {DecodeError} if they are too few
 */
export function tableSize(header: Uint8Array): number {
  if (header.length < TABLE.Table) throw new DecodeError("MIB_IPFORWARD_TABLE2", header.length);
  return TABLE.Table + new MemoryImage(header, 0n).u32(TABLE.NumEntries) * ROW_SIZE;
}

/**
 * Decodes the routes of a table that can be default routes: the short ones. Calls `malformed` for each row
 * that cannot be decoded, and skips it.
 *
 * @throws {DecodeError} if the table is cut short
 */
export function decodeDefaultRoutes(table: Uint8Array, malformed: () => void): Route[] {
  const size = tableSize(table);
  if (table.length < size) throw new DecodeError("MIB_IPFORWARD_TABLE2", table.length);
  const routes: Route[] = [];
  for (let row: number = TABLE.Table; row < size; row += ROW_SIZE) {
    if (table[row + ROW["DestinationPrefix.PrefixLength"]]! > LONGEST_DEFAULT_IPV6) continue;
    try {
      const route = decodeRoute(table.subarray(row, row + ROW_SIZE));
      if (canBeDefault(route)) routes.push(route);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      malformed();
    }
  }
  return routes;
}

/** Whether a route is short enough to be a default route. */
export function canBeDefault({ destination, prefixLength }: Route): boolean {
  return prefixLength <= (destination.length === 4 ? LONGEST_DEFAULT_IPV4 : LONGEST_DEFAULT_IPV6);
}
