// The routing socket, which receives every message that the kernel announces, and a socket of datagrams in
// general.
import { DecodeError } from "../../state/errors.ts";
import type { SocketPort } from "../event_socket.ts";
import type { EventSourceOptions } from "../open.ts";
import { POLLERR, POLLIN } from "../poll_loop.ts";
import { type BsdEvent, decodeEvent } from "./classify.ts";
import * as C from "./constants.ts";
import type { RouteHeader } from "./layouts.ts";
import type { Platform } from "./platforms.ts";
import { forEachMessage } from "./route_message.ts";
import type { Syscalls } from "./syscalls.ts";
import { formatMessage } from "./trace.ts";

/** The default of the option `receiveBufferBytes`. */
const RECEIVE_BUFFER_BYTES = 262_144;
/** The default of the systems (RAWRCVQ of xnu, net.rtsock.recvspace of FreeBSD). */
const LEAST_BUFFER_BYTES = 8_192;

/** A socket of the system. */
export interface BsdPort extends SocketPort<BsdEvent> {
  /** Closes it. No poll may be watching it. */
  close(): void;
}

/** The port of an open socket. `what` it delivers is for the error; `decode` appends the events. */
export function datagramPort(
  syscalls: Syscalls,
  descriptor: number,
  what: string,
  decode: (datagram: Uint8Array, events: BsdEvent[]) => void,
): BsdPort {
  return {
    descriptor,
    batch: 1,
    receive(events) {
      const datagram = syscalls.receive(descriptor);
      if (datagram === null) return 0;
      decode(datagram, events);
      return 1;
    },
    // FreeBSD reports an overflow through SO_ERROR without POLLERR, so SO_ERROR is read at every wake-up. A
    // failed receive takes the error with it; its errno is only a hint, worth no more than a change.
    checkErrors(revents, events) {
      if (revents === 0 && syscalls.errno() === C.ENOBUFS) events.push({ kind: "changed" });
      const state = revents || syscalls.pollNow(descriptor);
      const isClear = revents === 0 && (state & POLLERR) === 0;
      const code = isClear ? 0 : syscalls.takeError(descriptor);
      if (code === C.ENOBUFS) events.push({ kind: "overflow" });
      else if (code !== 0) throw syscalls.error(`recv of ${what}`, code);
      return (state & (POLLIN | POLLERR)) !== 0;
    },
    close: () => syscalls.close(descriptor),
  };
}

/** Opens a routing socket: the kernel queues messages from now on. Throws SystemCallError if it refuses. */
export function openRouteSocket(
  syscalls: Syscalls,
  { layout, overflowOption, socketFlags }: Platform,
  { receiveBufferBytes = RECEIVE_BUFFER_BYTES, trace }: EventSourceOptions = {},
): BsdPort {
  // Protocol 0: xnu does not deliver link messages, which have no family, to a socket with one (raw_input()).
  const descriptor = syscalls.socket(C.PF_ROUTE, C.SOCK_RAW | socketFlags, 0);
  if (descriptor < 0) throw syscalls.error("socket(PF_ROUTE)");
  for (let bytes = receiveBufferBytes; bytes > LEAST_BUFFER_BYTES; bytes >>= 1) {
    if (syscalls.setOption(descriptor, C.SO_RCVBUF, bytes)) break;
  }
  // FreeBSD 13 refuses: an overflow is silent there, as on macOS.
  if (overflowOption !== null) syscalls.setOption(descriptor, overflowOption, 1);
  return datagramPort(syscalls, descriptor, "routing messages", (datagram, events) => {
    try {
      forEachMessage(datagram, (message) => {
        events.push(decodeEvent(message, layout));
        trace?.(formatMessage(message, layout));
      });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      events.push({ kind: "malformed" });
      trace?.(error.message);
    }
  });
}

/**
 * Encodes RTM_GET for 0.0.0.0. Every routing socket of the machine receives the answer, which may be an
 * error, and so the answer proves that ours is not deaf. RTM_GET needs no privilege.
 */
export function encodeCanary({ layout }: Platform, sequence: number): Uint8Array<ArrayBuffer> {
  const { addresses, sequence: at, size } = layout.headers[C.RTM_GET] as RouteHeader;
  const bytes = new Uint8Array(size + C.SOCKADDR_IN_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bytes.length, true);
  view.setUint8(2, layout.version);
  view.setUint8(3, C.RTM_GET);
  view.setInt32(addresses, 1 << C.RTAX_DST, true);
  view.setInt32(at!, sequence, true);
  view.setUint8(size, C.SOCKADDR_IN_SIZE);
  view.setUint8(size + 1, C.AF_INET);
  return bytes;
}
