// A datagram socket as an AsyncIterable of decoded events: each wake-up drains it until it would block, in
// slices between which the event loop can run. A reader that takes one message per wake-up leaves bytes in
// the queue and stalls without an error (net-tools#165).
import type { SourceCounters, SourceEvent } from "../state/ports.ts";
import { POLLHUP, POLLNVAL, type Watch } from "./poll_loop.ts";
import { macrotask, nextTurn, SLICE_MS } from "./timers.ts";

/** A socket that wakes the loop this many times in a row with nothing to read is lost (net-tools#109). */
const EMPTY_WAKE_UPS = 3;
/** Datagrams may arrive after a failed receive; more failures than this end the slice. */
const RETRIES = 2;
export const CHANGED: SourceEvent = { kind: "changed" };
const SEVERITY = ["overflow", "resync", "changed", "clock-stepped"] as const; // the most severe first

export type Counters = { -readonly [Name in keyof SourceCounters]: number };

export interface SocketPort<E> {
  readonly descriptor: number; // the descriptor to poll
  /** The most datagrams that one `receive()` takes; if it takes fewer, the queue is empty. */
  readonly batch: number;
  /** Receives without blocking, decodes, and appends the events. Returns the number of datagrams. */
  receive(events: E[]): number;
  /**
   * Called with `revents` 0 after a receive that took nothing, and with the `revents` of the poll before the first
   * receive of a wake-up. Appends an event if messages were lost. Returns whether they were or, with `revents` 0,
   * there may be more to receive. Throws if the socket is lost.
   */
  checkErrors(revents: number, events: E[]): boolean;
  /** Throws away what is queued, or leaves it. Returns why another read is needed; null: it is not. Optional. */
  discard?(): "overflow" | "resync" | null;
}

export class EventSocket<E> implements AsyncIterableIterator<E[]> {
  readonly watch: Watch;
  readonly #port: SocketPort<E>;
  #more = false; // the last slice of this wake-up was cut short
  #isLossy = false; // messages were lost, and the queue has not been empty since
  /** Messages were lost, or are too many: the next read shows what they say, so they stay unread until `skip()`. */
  isFlooded = false;
  #emptyWakeUps = 0;
  #closed: Promise<void> | null = null;
  #received = 0; // datagrams since the last wake-up

  /** `watch` must watch the descriptor of `port`. */
  constructor(port: SocketPort<E>, watch: Watch) {
    this.#port = port;
    this.watch = watch;
  }

  /** Receives one slice now, without a wake-up. `drained` is false if more may be queued. */
  drain(events: E[] = []): { events: E[]; drained: boolean } {
    const drained = this.isFlooded || this.#receive(events);
    // until its queue is empty, Linux drops further messages without another error (NETLINK_S_CONGESTED, af_netlink.c)
    if (drained && this.#isLossy) this.#isLossy = this.#port.checkErrors(0, events);
    return { events, drained };
  }

  /** A read is about to begin: throws away what is queued. Returns why another is needed; null: the flood is over. */
  skip(): "overflow" | "resync" | null {
    const kind = this.#port.discard!();
    this.#isLossy = this.isFlooded = kind !== null;
    if (kind === null) this.watch.wake();
    return kind;
  }

  /** The events of the next slice; an empty list after `wake()` of the watch. */
  async next(): Promise<IteratorResult<E[], undefined>> {
    const events: E[] = [];
    const revents = this.#more ? 0 : await this.watch.ready(this.isFlooded);
    // whatever woke the watch may do so again: without a pause, in an endless chain of microtasks
    if (revents === 0) await (this.#more ? macrotask() : nextTurn());
    if (revents === null || this.#closed !== null) return { done: true, value: undefined };
    if (revents & (POLLHUP | POLLNVAL)) throw new Error("Other code closed the event socket");
    if (revents === 0 && !this.#more) return { done: false, value: events };
    if (revents !== 0 && this.#port.checkErrors(revents, events)) this.#isLossy = true;
    this.isFlooded ||= this.#isLossy && this.#port.discard !== undefined;
    this.#more = !this.drain(events).drained;
    if (revents !== 0) this.#countEmptyWakeUps(events.length);
    return { done: false, value: events };
  }

  /** Ends the iteration. Once it resolves, no poll uses the descriptor and it may be closed. */
  close(): Promise<void> {
    return this.#closed ??= this.watch.close();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Returns whether the queue was empty. */
  #receive(events: E[]): boolean {
    const deadline = performance.now() + SLICE_MS;
    for (let failures = 0;;) {
      const received = this.#port.receive(events);
      this.#received += received;
      if (received === 0) {
        if (!this.#port.checkErrors(0, events)) return true;
        this.#isLossy = true;
        if (failures++ === RETRIES) return true;
      } else if (received < this.#port.batch) {
        return true;
      } else if (performance.now() > deadline) return false;
    }
  }

  #countEmptyWakeUps(events: number): void {
    // between two wake-ups, drain() may have taken the datagrams that caused this one
    const empty = events === 0 && this.#received === 0;
    this.#received = 0;
    this.#emptyWakeUps = empty ? this.#emptyWakeUps + 1 : 0;
    if (this.#emptyWakeUps !== EMPTY_WAKE_UPS) return;
    throw new Error(`The event socket woke ${EMPTY_WAKE_UPS} times with nothing to read`);
  }
}

/**
 * The canary: a question whose answer must come through the event socket and the poll. If no answer comes, the
 * socket is deaf, however healthy it looks (net-tools#158). One question at a time.
 */
export class Canary {
  readonly #send: () => number;
  #sequence = 0;
  #answer: PromiseWithResolvers<boolean> | null = null;

  /** `send` sends a question and returns the sequence number that its answer will carry. */
  constructor(send: () => number) {
    this.#send = send;
  }

  /** Sends a question. Resolves to true when it is answered; until then, only `settle()` ends it. */
  async probe(): Promise<boolean> {
    this.#sequence = this.#send();
    this.#answer = Promise.withResolvers();
    return await this.#answer.promise;
  }

  /**
   * Handles an answer. Only one that came through the poll proves that events come through it, too: after
   * an answer that was drained without a wake-up, the question is sent again.
   */
  answered(sequence: number, throughPoll: boolean): void {
    if (sequence !== this.#sequence) return;
    if (throughPoll) this.settle(true);
    else this.resend();
  }

  /** Asks again, because the answer may have been lost in an overflow. */
  resend(): void {
    if (this.#answer !== null) this.#sequence = this.#send();
  }

  /** Ends the pending question: there is other evidence, or no answer. */
  settle(isHealthy: boolean): void {
    this.#answer?.resolve(isHealthy);
    this.#answer = null;
  }
}

/**
 * Merges events other than sleeps until they are taken. The subscriptions of a source share it: the next one delivers
 * what a lost one did not, because nothing else reports a sleep again.
 */
export class PendingEvents {
  readonly #kinds = { overflow: false, resync: false, changed: false, "clock-stepped": false };
  readonly #sleeps: SourceEvent[] = [];

  get isEmpty(): boolean {
    return this.#sleeps.length === 0 && !SEVERITY.some((kind) => this.#kinds[kind]);
  }

  add(event: SourceEvent): void {
    if (event.kind === "resumed") this.#sleeps.push(event);
    else this.#kinds[event.kind] = true;
  }

  /** Takes the next event: sleeps first, then the most severe; null: none is left. */
  take(): SourceEvent | null {
    if (this.#sleeps.length > 0) return this.#sleeps.shift()!;
    for (let i = 0; i < SEVERITY.length; i++) {
      const kind = SEVERITY[i]!;
      if (!this.#kinds[kind]) continue;
      this.#kinds[kind] = this.#kinds.changed = false; // the more severe ones imply a change
      return { kind };
    }
    return null;
  }
}
