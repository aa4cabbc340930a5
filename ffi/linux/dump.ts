/**
 * The whole truth, asked from the kernel: dumps of the links and addresses, and the default routes.
 *
 * @module
 */
import type { Reading } from "../../state/source.ts";
import { decodeAddress, encodeAddressDump } from "./address.ts";
import { AF_UNSPEC, RTM_NEWADDR, RTM_NEWLINK } from "./constants.ts";
import { askDefaultRoutes, decodeRouteAnswer } from "./route_lookup.ts";
import type { Syscalls } from "./syscalls.ts";
import { decodeLink, encodeLinkDump } from "./link.ts";
import { RequestSocket } from "./request_socket.ts";
import { LinkTable } from "./link_table.ts";

/** Linux tells everything. */
export const LINUX_KNOWS: Reading["knows"] = Object.freeze({
  links: true,
  addressFlags: true,
  routes: true,
});

/**
 * How often a dump is read again that a change interrupted (NLM_F_DUMP_INTR, vishvananda/netlink#1018).
 * Under a storm that never ends the last one has to do: what it lacks is in the events.
 */
const MOST_DUMPS = 8;

/** The truth at one moment. */
export interface Dump {
  /** As it is handed to the actor. */
  reading: Reading;
  /** What the reading was made of; events can go on from it. */
  table: LinkTable;
  /** When a default route expires, in seconds; null: never. */
  expiresInSeconds: number | null;
}

/** Reads everything. Throws a SystemCallError when the kernel refuses, and the signal's reason. */
export async function readDump(kernel: Syscalls, signal: AbortSignal): Promise<Dump> {
  const socket = new RequestSocket(kernel);
  try {
    const table = await dumpTable(socket, signal);
    const { routes, expiresInSeconds } = askDefaultRoutes(
      (questions) => socket.askAll(questions, decodeRouteAnswer),
      table,
    );
    const reading = { interfaces: table.interfaces(), defaultRoute: routes, knows: LINUX_KNOWS };
    return { reading, table, expiresInSeconds };
  } finally {
    socket.close();
  }
}

async function dumpTable(socket: RequestSocket, signal: AbortSignal): Promise<LinkTable> {
  for (let attempt = 1;; attempt++) {
    const table = new LinkTable();
    // Links first: an address without its link is not shown, a link without addresses is a whole truth.
    const consistent = await dumpLinks(socket, table, signal) &&
      await dumpAddresses(socket, table, signal);
    if (consistent || attempt === MOST_DUMPS) return table;
  }
}

function dumpLinks(socket: RequestSocket, table: LinkTable, signal: AbortSignal): Promise<boolean> {
  return socket.dump("RTM_GETLINK dump", encodeLinkDump, (message) => {
    if (message.type !== RTM_NEWLINK) return;
    const link = decodeLink(message.body);
    if (link.family === AF_UNSPEC) table.setLink(link);
  }, signal);
}

function dumpAddresses(
  socket: RequestSocket,
  table: LinkTable,
  signal: AbortSignal,
): Promise<boolean> {
  return socket.dump("RTM_GETADDR dump", encodeAddressDump, (message) => {
    if (message.type !== RTM_NEWADDR) return;
    const address = decodeAddress(message.body);
    if (address !== null) table.setAddress(address);
  }, signal);
}
