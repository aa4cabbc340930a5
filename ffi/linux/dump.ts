// The kernel's whole state: dumps of the links and addresses, and the default routes.
import type { Reading } from "../../state/source.ts";
import { TimeSlice } from "../time_slice.ts";
import { decodeAddress, decodeLink, encodeAddressDump, encodeLinkRequest } from "./messages.ts";
import * as C from "./constants.ts";
import { LinkTable } from "./link_table.ts";
import type { NetlinkMessage } from "./netlink.ts";
import type { RequestSocket } from "./request_socket.ts";
import { decodeRouteAnswer, type DefaultRouteAnswer, RouteLookup } from "./route_lookup.ts";

/** Linux reports links, address flags and routes. */
export const LINUX_KNOWS: Reading["knows"] = Object.freeze({
  links: true,
  addressFlags: true,
  routes: true,
});

/**
 * A dump that a change interrupted (NLM_F_DUMP_INTR, vishvananda/netlink#1018) is read again, this often
 * at most. Under a storm that never ends the last one has to do: what it lacks is in the events.
 */
const MOST_DUMPS = 8;

/** Shared by single reads: it remembers what to ask first. */
const LOOKUP = new RouteLookup();

/** The kernel's state at one moment. */
export interface Dump {
  reading: Reading; // as handed to the actor
  table: LinkTable; // what the reading was made of; events can be applied to it
  routes: DefaultRouteAnswer;
}

/**
 * Reads everything, in slices.
 *
 * @param socket Used by nobody else meanwhile.
 * @param live The table that events keep: interfaces that are as there are the same objects.
 * @param lookup Looks up the default routes, whatever it knows.
 * @throws {SystemCallError} if the kernel refuses
 * @throws The reason of the signal, if it aborts
 */
export async function readDump(
  socket: RequestSocket,
  signal: AbortSignal,
  live: LinkTable | null = null,
  lookup: RouteLookup = LOOKUP,
): Promise<Dump> {
  const slice = new TimeSlice();
  const table = await dumpTable(socket, slice, signal);
  for (const _ of table.build(live)) if (slice.isOver) await slice.pause(signal);
  lookup.invalidate();
  const routes = lookup.ask((queries) => socket.askAll(queries, decodeRouteAnswer), table);
  const interfaces = table.interfaces();
  const reading = { interfaces, defaultRoute: routes.routes, knows: LINUX_KNOWS };
  return { reading, table, routes };
}

async function dumpTable(
  socket: RequestSocket,
  slice: TimeSlice,
  signal: AbortSignal,
): Promise<LinkTable> {
  for (let attempt = 1;; attempt++) {
    const table = new LinkTable();
    const dump = (what: string, request: Uint8Array, visit: (message: NetlinkMessage) => void) =>
      socket.dump(what, request, visit, slice, signal);
    // Links first: an address without its link is not shown, a link without addresses is valid.
    const consistent = await dump("RTM_GETLINK dump", encodeLinkRequest(null), (it) =>
      takeLink(table, it)) &&
      await dump("RTM_GETADDR dump", encodeAddressDump(), (it) => takeAddress(table, it));
    if (consistent || attempt === MOST_DUMPS) return table;
  }
}

function takeLink(table: LinkTable, { type, body }: NetlinkMessage): void {
  if (type !== C.RTM_NEWLINK) return;
  const link = decodeLink(body);
  if (link.family === C.AF_UNSPEC) table.setLink(link);
}

function takeAddress(table: LinkTable, { type, body }: NetlinkMessage): void {
  if (type !== C.RTM_NEWADDR) return;
  const address = decodeAddress(body);
  if (address !== null) table.setAddress(address);
}
