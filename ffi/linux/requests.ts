// Requests to the kernel and their answers: dumps of links and addresses, and route lookups. Netlink answers within
// the call that sends, and produces a dump as it is read. For a dump both calls take the lock of the interfaces
// (`rtnl_mutex`, net/core/rtnetlink.c), which the kernel may hold for seconds, so threads of Deno's pool make them.
import { DecodeError, SystemCallError } from "../../state/errors.ts";
import type { Reading } from "../../state/ports.ts";
import { errnoName } from "../errno.ts";
import { TimeSlice } from "../timers.ts";
import { C } from "./constants.ts";
import { LinkTable } from "./link_table.ts";
import {
  applyEvent,
  decodeEvent,
  decodeRoute,
  encodeAddressDump,
  encodeLinkDump,
  type RouteMessage,
} from "./messages.ts";
import { decodeNetlinkError, forEachMessage, type NetlinkMessage, setU32 } from "./netlink.ts";
import { type DefaultRouteAnswer, RouteLookup } from "./route_lookup.ts";
import type { LinuxSubscription } from "./subscription.ts";
import type { ReceiveBuffer, Syscalls } from "./syscalls.ts";

// encoded once: what runs once in 15 s is slow where it allocates
const LINK_DUMP = encodeLinkDump();
const ADDRESS_DUMP = encodeAddressDump();

/** A netlink socket for requests. Each request throws SystemCallError if the kernel refuses or does not answer. */
export class RequestSocket {
  readonly #syscalls: Syscalls;
  readonly #socket: number;
  readonly #cookie: bigint;
  isWaiting = false; // answers may still arrive, because a request failed half-way
  #sequence = 0;

  constructor(syscalls: Syscalls) {
    this.#syscalls = syscalls;
    this.#socket = syscalls.openNetlink(0);
    this.#cookie = syscalls.cookie(this.#socket);
    // Improvements that older kernels lack: error texts, exact filters.
    for (const option of [C.NETLINK_EXT_ACK, C.NETLINK_GET_STRICT_CHK]) {
      syscalls.setOption(this.#socket, C.SOL_NETLINK, option, 1);
    }
  }

  /** Sends route queries in one datagram. Returns their answers; null for an error, since there is no route. */
  askRoutes(queries: readonly Uint8Array[]): (RouteMessage | null)[] {
    const { first, datagram } = this.#number(queries);
    this.#syscalls.send(this.#socket, datagram);
    const answers: (RouteMessage | null)[] = Array(queries.length).fill(null);
    let missing = queries.length;
    while (missing > 0) {
      const buffer = this.#receive("RTM_GETROUTE");
      for (let i = 0; i < buffer.received; i++) {
        visitMessages("RTM_GETROUTE", buffer, i, (message) => {
          const i = message.sequence - first;
          if (i < 0 || i >= queries.length) return;
          missing--;
          if (message.type === C.RTM_NEWROUTE) answers[i] = decodeRoute(message.body);
          else if (decodeNetlinkError(message).code === C.EMSGSIZE) {
            answers[i] = hoplessRoute(queries[i]![C.NLMSGHDR_SIZE]!);
          }
        });
      }
    }
    this.isWaiting = false;
    return answers;
  }

  /**
   * Asks for a dump and reads it in slices; several dumps share one, because they may be short. Returns false if a
   * change interrupted the dump, so that it must be read again.
   */
  async ask(
    operation: string,
    request: Uint8Array,
    visit: (message: NetlinkMessage) => void,
    slice: TimeSlice,
    inPool: boolean,
  ): Promise<boolean> {
    const { first, datagram } = this.#number([request]);
    const socket = this.#socket;
    const syscalls = this.#syscalls;
    const isSent = inPool && await slice.wait(syscalls.sendInPool(socket, datagram));
    if (!isSent) syscalls.send(socket, datagram);
    let consistent = true;
    let done = false;
    while (!done) {
      const pooled = inPool && await slice.wait(syscalls.receiveInPool(socket));
      const buffer = pooled || this.#receive(operation, 1); // which throws with its errno
      const { received } = buffer; // the buffer of the event loop has other users
      for (let i = 0; i < received; i++) {
        visitMessages(operation, buffer, i, (message) => {
          if (message.sequence !== first) return;
          // Any part may carry the flag, the last one included.
          if (message.flags & C.NLM_F_DUMP_INTR) consistent = false;
          if (isLast(operation, message)) done = true;
          visit(message);
        });
        if (slice.isOver) await slice.pause();
      }
    }
    this.isWaiting = false;
    return consistent;
  }

  /** Closes the socket, unless its descriptor belongs to another file by now. */
  close(): void {
    if (this.#syscalls.cookie(this.#socket) === this.#cookie) this.#syscalls.close(this.#socket);
  }

  /** Numbers the requests. Returns the number of the first, and the datagram to send. */
  #number(requests: readonly Uint8Array[]): { first: number; datagram: Uint8Array<ArrayBuffer> } {
    const first = this.#sequence + 1;
    this.#sequence += requests.length;
    const datagram = new Uint8Array(requests.reduce((sum, { length }) => sum + length, 0));
    let offset = 0;
    for (let i = 0; i < requests.length; i++) {
      datagram.set(requests[i]!, offset);
      setU32(datagram, offset + 8, first + i); // nlmsg_seq
      offset += requests[i]!.length;
    }
    this.isWaiting = true;
    return { first, datagram };
  }

  /** Receives what is queued. Returns the buffer that holds it. */
  #receive(operation: string, most?: number): ReceiveBuffer {
    const received = this.#syscalls.receive(this.#socket, most);
    if (received === 0) throw this.#syscalls.error(`recv of ${operation}`);
    return this.#syscalls.buffer;
  }
}

/** Visits the messages of a datagram, unless another process sent it. */
function visitMessages(
  operation: string,
  buffer: ReceiveBuffer,
  i: number,
  visit: (message: NetlinkMessage) => void,
): void {
  if (!buffer.isFromKernel(i)) return;
  const datagram = buffer.datagram(i);
  if (datagram === null) throw new DecodeError(operation, 0);
  forEachMessage(datagram, visit);
}

/** Stands for a default route with over a hundred next hops, which fit into no answer: the plain query names one. */
function hoplessRoute(family: number): RouteMessage {
  return decodeRoute(Uint8Array.of(family, 0, 0, 0, 0, 0, 0, C.RTN_UNICAST, 0, 0, 0, 0)); // struct rtmsg
}

/** Whether an answer ends with this message. NLMSG_DONE carries an error if the dump failed half-way. */
function isLast(operation: string, message: NetlinkMessage): boolean {
  if (message.type !== C.NLMSG_ERROR && message.type !== C.NLMSG_DONE) return false;
  const { code, text } = decodeNetlinkError(message);
  if (code === 0) return true;
  throw new SystemCallError(operation, code, errnoName("linux", code), { detail: text ?? "" });
}

export function readingOf(table: LinkTable, { isKnown, routes }: DefaultRouteAnswer): Reading {
  const knows = { links: true, addressFlags: true, routes: isKnown };
  return { interfaces: table.interfaces(), defaultRoute: routes, knows };
}

export interface Dump extends Reading {
  readonly table: LinkTable; // the table that the reading was made from; events can be applied to it
  readonly routes: DefaultRouteAnswer;
  readonly isConsistent: boolean; // no change interrupted it
}

/** Shared by single reads: it remembers what to ask first, which saves a round trip. */
const LOOKUP = new RouteLookup();

/**
 * Reads everything, in slices. Nobody else may use the socket meanwhile. Interfaces that equal those in the table of
 * the subscription are the same objects. Throws the reason of the signal, if it aborts.
 */
export async function readDump(
  socket: RequestSocket,
  signal: AbortSignal,
  subscription: Pick<LinuxSubscription, "table" | "lookup"> | null = null,
  inPool = true,
): Promise<Dump> {
  const { table: live = null, lookup = LOOKUP } = subscription ?? {};
  const slice = new TimeSlice(signal);
  let table = new LinkTable(live);
  const dump = (what: string, request: Uint8Array) =>
    socket.ask(`${what} dump`, request, (it) => applyEvent(table, decodeEvent(it)), slice, inPool);
  // Links first: an address without its link is not shown, a link without addresses is valid.
  const read = async (): Promise<boolean> => {
    const isWhole = await dump("RTM_GETLINK", LINK_DUMP);
    return await dump("RTM_GETADDR", ADDRESS_DUMP) && isWhole;
  };
  let isConsistent = await read();
  if (!isConsistent) {
    // a change interrupted it (NLM_F_DUMP_INTR, vishvananda/netlink#1018): it may lack what is there all the time
    const first = table;
    table = new LinkTable(live);
    isConsistent = await read();
    if (!isConsistent) table.addMissing(first);
  }
  for (const _ of table.build()) if (slice.isOver) await slice.pause();
  lookup.invalidate();
  const routes = lookup.ask((queries) => socket.askRoutes(queries), table);
  const reading = readingOf(table, routes);
  if (slice.isOver) await slice.pause(); // the caller's next steps take long, too
  return { ...reading, table, routes, isConsistent };
}
