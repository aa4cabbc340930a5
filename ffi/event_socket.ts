// A socket that delivers datagrams, as an AsyncIterable of decoded events: each wake-up drains it until
// it would block, in slices that leave the event loop room. A reader that takes one message per wake-up
// leaves bytes in the queue and stalls without an error (net-tools#165).
import type { SourceCounters } from "../state/source.ts";
import { POLLHUP, POLLNVAL, type Watch } from "./poll_loop.ts";
import { macrotask, SLICE_MS } from "./time_slice.ts";

/** A slice ends after this many datagrams, if not by its time. */
const SLICE_DATAGRAMS = 256;
/** A socket that wakes the loop this often in a row with nothing to read is lost (net-tools#109). */
const EMPTY_WAKE_UPS = 3;
/** Datagrams may arrive after a failed receive; more failures in a row than this end the slice. */
const RETRIES = 2;

/** The live counts of a source over all its subscriptions. */
export type Counters = { -readonly [Name in keyof SourceCounters]: number };

/** One socket of the operating system, with its decoder. */
export interface SocketPort<E> {
  readonly descriptor: number; // the descriptor, for the poll
  /** The most datagrams that one `receive()` takes; fewer mean that the queue was empty. */
  readonly batch: number;
  /** Receives without blocking, decodes, and appends the events. Returns the number of datagrams. */
  receive(events: E[]): number;
  /**
   * Called after a receive that took nothing (`revents` 0), and before the first receive of a wake-up
   * with the `revents` of the poll. Appends an event if messages were lost. Returns whether there may
   * be more to receive.
   *
   * @throws {Error} if the socket is lost
   */
  checkErrors(revents: number, events: E[]): boolean;
}

/** A socket that is drained on every wake-up. The iteration ends when its watch is closed. */
export class EventSocket<E> implements AsyncIterableIterator<E[]> {
  readonly #port: SocketPort<E>;
  readonly #watch: Watch;
  #more = false; // the last slice of this wake-up was cut short
  #emptyWakeUps = 0;
  #closed = false;
  #received = 0; // datagrams received so far, and at the last wake-up
  #lastReceived = 0;

  /** `watch` must watch the descriptor of `port`. */
  constructor(port: SocketPort<E>, watch: Watch) {
    this.#port = port;
    this.#watch = watch;
  }

  /** Receives one slice now, without a wake-up. `drained` is false if more may be queued. */
  drain(events: E[] = []): { events: E[]; drained: boolean } {
    const deadline = performance.now() + SLICE_MS;
    let taken = 0;
    for (let failures = 0; taken < SLICE_DATAGRAMS;) {
      const received = this.#port.receive(events);
      taken += received;
      this.#received += received;
      if (received === 0) {
        const more = this.#port.checkErrors(0, events);
        if (!more || failures++ === RETRIES) return { events, drained: true };
      } else if (received < this.#port.batch) {
        return { events, drained: true };
      } else if (performance.now() > deadline) break;
    }
    return { events, drained: false };
  }

  /** The events of the next slice; none after `wake()` of the watch. */
  async next(): Promise<IteratorResult<E[], undefined>> {
    const events: E[] = [];
    if (this.#more) {
      await macrotask();
      if (this.#closed) return { done: true, value: undefined };
    } else {
      const revents = this.#closed ? null : await this.#watch.ready();
      if (revents === null) return { done: true, value: undefined };
      if (revents === 0) {
        // what woke the watch may do so again, in a chain of microtasks that never ends
        await macrotask();
        return { done: false, value: events };
      }
      if (revents & (POLLHUP | POLLNVAL)) {
        throw new Error("The routing socket was closed underneath");
      }
      this.#port.checkErrors(revents, events);
    }
    const wakeUp = !this.#more;
    this.#more = !this.drain(events).drained;
    if (wakeUp) this.#countEmptyWakeUps(events.length);
    return { done: false, value: events };
  }

  /** Ends the iteration. The watch must be closed as well. */
  close(): void {
    this.#closed = true;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #countEmptyWakeUps(events: number): void {
    // drain() may have taken between two wake-ups what this one was for
    const empty = events === 0 && this.#received === this.#lastReceived;
    this.#lastReceived = this.#received;
    this.#emptyWakeUps = empty ? this.#emptyWakeUps + 1 : 0;
    if (this.#emptyWakeUps === EMPTY_WAKE_UPS) {
      throw new Error(`The routing socket woke ${EMPTY_WAKE_UPS} times with nothing to read`);
    }
  }
}
