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

/** Replaces waits for shared memory with ones that only the test times out, and records their times. */
export class SimulatedWaits implements Disposable {
  readonly #real = { notify: Atomics.notify, waitAsync: Atomics.waitAsync };
  /** The limits that were asked for, in milliseconds. */
  readonly asked: number[] = [];
  /** Those that go on: the array, and what ends the wait. */
  #running: { array: unknown; resolve: (end: "timed-out" | "ok") => void }[] = [];

  /** Calls `started` for each wait, with what times it out. */
  constructor(started: (timeOut: () => void, ms: number) => void = () => {}) {
    Object.assign(Atomics, {
      waitAsync: (array: unknown, _index: number, _value: number, ms: number) => {
        this.asked.push(ms);
        if (ms <= 0) return { async: false, value: "timed-out" };
        const { promise: value, resolve } = Promise.withResolvers<"timed-out" | "ok">();
        this.#running.push({ array, resolve });
        started(() => resolve("timed-out"), ms);
        return { async: true, value };
      },
      notify: (array: unknown) => {
        for (const it of this.#running) if (it.array === array) it.resolve("ok");
        this.#running = this.#running.filter((it) => it.array !== array);
      },
    });
  }

  /** How many go on. */
  get running(): number {
    return this.#running.length;
  }

  /** Times out all that go on. */
  timeOut(): void {
    for (const { resolve } of this.#running.splice(0)) resolve("timed-out");
  }

  /** Restores the runtime's waits. */
  [Symbol.dispose](): void {
    Object.assign(Atomics, this.#real);
  }
}

/**
 * Counts, until the result is called, how often the code under test waits for a turn of the event loop: going on
 * without waiting for one that it has asked for, it gets no other.
 */
export function countTurns(): () => number {
  const { setImmediate, setTimeout } = globalThis;
  let turns = 0;
  let pending = 0;
  const counted = (call: () => void): () => void => {
    if (pending++ === 0) turns++;
    return () => {
      pending--;
      call();
    };
  };
  globalThis.setTimeout =
    ((call: () => void, ms = 0) =>
      setTimeout(ms === 0 ? counted(call) : call, ms)) as typeof setTimeout;
  globalThis.setImmediate =
    ((call: () => void) => setImmediate(counted(call))) as typeof setImmediate;
  return () => {
    Object.assign(globalThis, { setImmediate, setTimeout });
    return turns;
  };
}
