/**
 * Replaces the runtime's clock and timers until the end of a test, and counts turns of the event loop.
 *
 * @module
 */

/** Replaces `performance.now()` with a time that only the test moves. */
export class SimulatedTime implements Disposable {
  readonly #now = performance.now;
  /** The monotonic time, in milliseconds. */
  ms: number;

  /** Starts at this time. */
  constructor(ms = 1_000) {
    this.ms = ms;
    performance.now = () => this.ms;
  }

  /** Restores the runtime's clock. */
  [Symbol.dispose](): void {
    performance.now = this.#now;
  }
}

/** Replaces `setTimeout()` with one that waits only for a turn of the event loop, and records the times. */
export class InstantTimeouts implements Disposable {
  readonly #setTimeout = globalThis.setTimeout; // loaded now: microtasks run meanwhile
  /** The times that were asked for, in milliseconds. */
  readonly asked: number[] = [];

  /** Replaces it. */
  constructor() {
    globalThis.setTimeout = ((call: () => void, ms: number) => {
      this.asked.push(ms);
      return this.#setTimeout(call, 0);
    }) as typeof setTimeout;
  }

  /** Restores the runtime's timers. */
  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#setTimeout;
  }
}

/** Counts the turns of the event loop until the result is called. */
export function countTurns(): () => number {
  let turns = 0;
  let immediate = setImmediate(function count() {
    turns++;
    immediate = setImmediate(count);
  });
  return () => {
    clearImmediate(immediate);
    return turns;
  };
}
