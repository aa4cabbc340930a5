/**
 * The routing socket: it hears everything that any routing socket of the machine is told.
 *
 * @module
 */
import type { SocketPort } from "../routing_socket.ts";
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
import type { RouteHeader } from "./layouts.ts";
import type { Syscalls } from "./syscalls.ts";
import type { Platform } from "./platforms.ts";

/** What the kernel gives by itself, where nothing larger is allowed. */
const LEAST_BUFFER_BYTES = 8_192;

/** A socket that delivers datagrams, for the shared poll. */
export class DatagramSocket implements SocketPort {
  /** For the shared poll. */
  readonly descriptor: number;
  readonly #kernel: Syscalls;
  readonly #heard: (datagram: Uint8Array) => void;
  readonly #what: string;

  /** Takes over an open socket; `what` it delivers is for the error. */
  constructor(
    kernel: Syscalls,
    descriptor: number,
    what: string,
    heard: (datagram: Uint8Array) => void,
  ) {
    this.#kernel = kernel;
    this.descriptor = descriptor;
    this.#what = what;
    this.#heard = heard;
  }

  receive(): boolean {
    const datagram = this.#kernel.receive(this.descriptor);
    if (datagram === null) return false;
    this.#heard(datagram);
    return true;
  }

  overflowHinted(): boolean {
    return this.#kernel.errno() === ENOBUFS;
  }

  pollNow(): number {
    return this.#kernel.pollNow(this.descriptor);
  }

  takeError(): "overflow" | null | Error {
    const code = this.#kernel.takeError(this.descriptor);
    if (code === ENOBUFS) return "overflow";
    return code === 0 ? null : this.#kernel.error(`recv of ${this.#what}`, code);
  }

  /** Closes it. No poll may be watching it any more. */
  close(): void {
    this.#kernel.close(this.descriptor);
  }
}

/**
 * Opens a routing socket: it hears from now on.
 *
 * @throws {SystemCallError} when the kernel refuses
 */
export function openRouteSocket(
  kernel: Syscalls,
  { overflowOption, socketFlags }: Platform,
  receiveBufferBytes: number,
  heard: (datagram: Uint8Array) => void,
): DatagramSocket {
  // Protocol 0: with a family, link messages would not be delivered (they have none, xnu raw_input()).
  const descriptor = kernel.socket(PF_ROUTE, SOCK_RAW | socketFlags, 0);
  if (descriptor < 0) throw kernel.error("socket(PF_ROUTE)");
  for (let bytes = receiveBufferBytes; bytes > LEAST_BUFFER_BYTES; bytes = bytes >> 1) {
    if (kernel.setOption(descriptor, SO_RCVBUF, bytes)) break;
  }
  // Refused by FreeBSD 13: there, as on macOS, an overflow is silent.
  if (overflowOption !== null) kernel.setOption(descriptor, overflowOption, 1);
  return new DatagramSocket(kernel, descriptor, "routing messages", heard);
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
