/**
 * The routing socket: it hears everything that any routing socket of the machine is told.
 *
 * @module
 */
import { DecodeError } from "../../state/errors.ts";
import type { SocketPort } from "../event_socket.ts";
import { POLLERR, POLLIN } from "../poll_loop.ts";
import { type BsdEvent, decodeEvent } from "./classify.ts";
import {
  AF_INET,
  ENOBUFS,
  PF_ROUTE,
  RTAX_DST,
  RTM_GET,
  SO_RCVBUF,
  SOCK_RAW,
  SOCKADDR_IN_SIZE,
} from "./constants.ts";
import type { Layout, RouteHeader } from "./layouts.ts";
import type { Syscalls } from "./syscalls.ts";
import type { Platform } from "./platforms.ts";
import { forEachMessage } from "./route_message.ts";

/** What the kernel gives by itself, where nothing larger is allowed. */
const LEAST_BUFFER_BYTES = 8_192;

/** A socket that delivers datagrams, with their decoder. */
export class DatagramSocket implements SocketPort<BsdEvent> {
  readonly descriptor: number;
  readonly batch = 1;
  readonly #syscalls: Syscalls;
  readonly #decode: (datagram: Uint8Array, events: BsdEvent[]) => void;
  readonly #what: string;

  /** Takes over an open socket; `what` it delivers is for the error. */
  constructor(
    syscalls: Syscalls,
    descriptor: number,
    what: string,
    decode: (datagram: Uint8Array, events: BsdEvent[]) => void,
  ) {
    this.#syscalls = syscalls;
    this.descriptor = descriptor;
    this.#what = what;
    this.#decode = decode;
  }

  receive(events: BsdEvent[]): number {
    const datagram = this.#syscalls.receive(this.descriptor);
    if (datagram === null) return 0;
    this.#decode(datagram, events);
    return 1;
  }

  /**
   * FreeBSD reports an overflow through SO_ERROR without POLLERR, so SO_ERROR is read at every wake-up. A
   * failed receive takes the error with it; its errno is only a hint, worth no more than a change.
   */
  checkErrors(revents: number, events: BsdEvent[]): boolean {
    if (revents === 0 && this.#syscalls.errno() === ENOBUFS) events.push({ kind: "changed" });
    const state = revents || this.#syscalls.pollNow(this.descriptor);
    const code = revents === 0 && (state & POLLERR) === 0
      ? 0
      : this.#syscalls.takeError(this.descriptor);
    if (code === ENOBUFS) events.push({ kind: "overflow" });
    else if (code !== 0) throw this.#syscalls.error(`recv of ${this.#what}`, code);
    return (state & (POLLIN | POLLERR)) !== 0;
  }

  /** Closes the socket. No poll may be watching it. */
  close(): void {
    this.#syscalls.close(this.descriptor);
  }
}

/**
 * Opens a routing socket: it hears from now on.
 *
 * @throws {SystemCallError} when the kernel refuses
 */
export function openRouteSocket(
  kernel: Syscalls,
  { layout, overflowOption, socketFlags }: Platform,
  receiveBufferBytes: number,
): DatagramSocket {
  // Protocol 0: with a family, link messages would not be delivered (they have none, xnu raw_input()).
  const descriptor = kernel.socket(PF_ROUTE, SOCK_RAW | socketFlags, 0);
  if (descriptor < 0) throw kernel.error("socket(PF_ROUTE)");
  for (let bytes = receiveBufferBytes; bytes > LEAST_BUFFER_BYTES; bytes = bytes >> 1) {
    if (kernel.setOption(descriptor, SO_RCVBUF, bytes)) break;
  }
  // Refused by FreeBSD 13: there, as on macOS, an overflow is silent.
  if (overflowOption !== null) kernel.setOption(descriptor, overflowOption, 1);
  return new DatagramSocket(
    kernel,
    descriptor,
    "routing messages",
    (datagram, events) => decodeDatagram(datagram, layout, events),
  );
}

/**
 * A question for the route to nowhere. Its answer, an error too, is told to every routing socket of the
 * machine, and that is what it is for: it shows that ours hears. Asking needs no privilege.
 */
export function encodeCanary({ layout }: Platform, sequence: number): Uint8Array<ArrayBuffer> {
  const { addresses, sequence: at, size } = layout.headers[RTM_GET] as RouteHeader;
  const bytes = new Uint8Array(size + SOCKADDR_IN_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bytes.length, true);
  view.setUint8(2, layout.version);
  view.setUint8(3, RTM_GET);
  view.setInt32(addresses, 1 << RTAX_DST, true);
  view.setInt32(at!, sequence, true);
  view.setUint8(size, SOCKADDR_IN_SIZE);
  view.setUint8(size + 1, AF_INET);
  return bytes;
}

/** Appends the events of a datagram; what cannot be decoded is one `malformed`. */
function decodeDatagram(datagram: Uint8Array, layout: Layout, events: BsdEvent[]): void {
  try {
    forEachMessage(datagram, (message) => void events.push(decodeEvent(message, layout)));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    events.push({ kind: "malformed" });
  }
}
