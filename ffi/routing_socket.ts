/**
 * The discipline of reading a routing socket, the same on every system: each wake-up drains it until it
 * would block, in slices that leave the event loop room, and what poll and `SO_ERROR` say decides
 * between drained, overflowed and lost. errno decides nothing alone.
 *
 * A reader that takes one message a wake-up leaves bytes in the queue that nothing announces again, and
 * stalls for ever without an error (net-tools#165).
 *
 * @module
 */
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, type Watch } from "./poll_loop.ts";

/** A storm may not hold the event loop longer than this at a time. */
const SLICE_DATAGRAMS = 256;
const SLICE_MS = 8;
/** How often in a row a wake-up may bring nothing before the socket counts as lost (net-tools#109). */
const EMPTY_WAKE_UPS = 3;
/** Data can arrive between the failed receive and the poll after it; more than that is no coincidence. */
const RETRIES = 2;

/** One socket of the operating system. */
export interface SocketPort {
  /** Takes one datagram, without waiting, and hands it on; false when there was none. */
  receive(): boolean;
  /** Whether the receive that just failed hints at an overflow. */
  overflowHinted(): boolean;
  /** `revents` of the socket at this moment. */
  pollNow(): number;
  /** `SO_ERROR`, cleared by asking: an overflow, no error, or the error that ends the socket. */
  takeError(): "overflow" | null | Error;
}

/** What a slice brought. */
export interface Batch {
  /** How many datagrams were handed on. */
  datagrams: number;
  /** The receive buffer overflowed: something is missing. */
  overflow: boolean;
  /** Nothing is left to read. */
  drained: boolean;
}

/** A routing socket that is drained on every wake-up. Its iteration ends when the watch is closed. */
export class RoutingSocket implements AsyncIterable<Batch> {
  readonly #port: SocketPort;
  readonly #watch: Watch;
  #received = 0;

  /** The watch must be on the socket's descriptor. */
  constructor(port: SocketPort, watch: Watch) {
    this.#port = port;
    this.#watch = watch;
  }

  /**
   * Reads one slice now, without waiting for a wake-up.
   *
   * @throws the error that ended the socket
   */
  drain(): Batch {
    const deadline = performance.now() + SLICE_MS;
    const batch: Batch = { datagrams: 0, overflow: false, drained: false };
    for (let failures = 0; batch.datagrams < SLICE_DATAGRAMS;) {
      if (this.#port.receive()) {
        batch.datagrams++;
        this.#received++;
        if (batch.datagrams % 16 === 0 && performance.now() > deadline) return batch;
        continue;
      }
      if (this.#port.overflowHinted()) batch.overflow = true;
      const revents = this.#port.pollNow();
      if (this.#pendingError(revents)) batch.overflow = true;
      if ((revents & (POLLIN | POLLERR)) === 0 || failures++ === RETRIES) {
        batch.drained = true;
        return batch;
      }
    }
    return batch;
  }

  /** Slices as they are read, one readiness after another; throws when the socket is lost. */
  async *[Symbol.asyncIterator](): AsyncIterator<Batch> {
    let received = this.#received;
    let empty = 0;
    for (;;) {
      const revents = await this.#watch.ready();
      if (revents === null) return;
      const overflow = this.#pendingError(revents);
      for (let first = true;; first = false) {
        const batch = this.drain();
        if (first && overflow) batch.overflow = true;
        if (batch.datagrams > 0 || batch.overflow) yield batch;
        if (batch.drained) break;
        await macrotask();
      }
      // drain() may also have been called between two wake-ups, and have left nothing for this one.
      empty = this.#received === received && !overflow ? empty + 1 : 0;
      received = this.#received;
      if (empty === EMPTY_WAKE_UPS) {
        throw new Error(`The routing socket woke ${empty} times with nothing to read`);
      }
    }
  }

  /** True for an overflow; throws what ended the socket. */
  #pendingError(revents: number): boolean {
    if (revents & (POLLHUP | POLLNVAL)) throw new Error("The routing socket was closed underneath");
    if ((revents & POLLERR) === 0) return false;
    const error = this.#port.takeError();
    if (error instanceof Error) throw error;
    return error === "overflow";
  }
}

/** Lets timers and other sockets have their turn. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
