// A clock for tests.
import type { Clock, Timer } from "../../state/ports.ts";
import { LONGEST_TIMER_MS, nextTurn } from "../clock.ts";

/** How to start a manual clock. */
export interface ManualClockOptions {
  /** The wall clock at the start, in epoch milliseconds. The default is 1_700_000_000_000. */
  now?: number;
}

interface ManualTimer extends Timer {
  readonly f: () => void;
  readonly every: number | null; // milliseconds; null if it fires once
  due: number;
  refd: boolean;
}

/**
 * Clocks and timers that only the test moves. Timers fire in order, each at its own time. Times are in milliseconds.
 * A delay that the runtime's timers would cut to 1 ms is a RangeError, and so are times that are not finite, and a
 * negative `tick()` or `advance()`.
 *
 * @example An interval
 * ```ts
 * import { ManualClock } from "@netwatch/netwatch/testing";
 *
 * const clock = new ManualClock({ now: 0 });
 * const fired: number[] = [];
 * clock.setInterval(() => fired.push(clock.now()), 1_000);
 * await clock.advance(2_500);
 * if (fired.join() !== "1000,2000") throw new Error();
 * ```
 */
export class ManualClock implements Clock {
  /** In the order in which they were started: those due at the same time fire in this order. */
  readonly #timers = new Set<ManualTimer>();
  #wall = 0;
  #monotonic = 0;

  /** Creates a clock without timers. */
  constructor(options: ManualClockOptions = {}) {
    this.jump(options.now ?? 1_700_000_000_000);
  }

  /** The number of running timers; 0 after the monitor is closed. */
  get pending(): number {
    return this.#timers.size;
  }

  /** The number of running timers that keep the process alive; 0 after `unref()`. */
  get pendingRefd(): number {
    return [...this.#timers].filter((timer) => timer.refd).length;
  }

  /** The wall clock, in milliseconds since the epoch. */
  now(): number {
    return this.#wall;
  }

  /** The monotonic clock: 0 at the start; `jump()` does not move it. */
  monotonic(): number {
    return this.#monotonic;
  }

  /** Calls a function once, after a delay. */
  setTimeout(f: () => void, ms: number): Timer {
    return this.#start(f, ms, null, 0);
  }

  /** Calls a function at an interval, from 1 ms. */
  setInterval(f: () => void, ms: number): Timer {
    return this.#start(f, ms, ms, 1);
  }

  /** Moves both clocks and fires the timers that are due. No promise settles in between. */
  tick(ms: number): void {
    const end = this.#endOf(ms);
    while (this.#fireNext(end)) continue;
    this.#moveTo(end);
  }

  /** Moves both clocks and fires the timers that are due. Promises settle first, after each timer and at the end. */
  async advance(ms: number): Promise<void> {
    const end = this.#endOf(ms);
    do await this.settle(); while (this.#fireNext(end));
    this.#moveTo(end);
    await this.settle();
  }

  /** Moves the wall clock alone, as setting the time does; negative to move it back. */
  jump(ms: number): void {
    if (!Number.isFinite(ms)) throw new RangeError(`The wall clock needs a finite time, not ${ms}`);
    this.#wall += ms;
  }

  /** Waits until every promise that needs no timer, input or output has settled, however long the chain. */
  async settle(): Promise<void> {
    await nextTurn();
  }

  #start(f: () => void, ms: number, every: number | null, least: number): Timer {
    if (!(ms >= least && ms <= LONGEST_TIMER_MS)) {
      throw new RangeError(`A timer waits from ${least} to ${LONGEST_TIMER_MS} ms, not ${ms}`);
    }
    const timer: ManualTimer = {
      f,
      every,
      due: this.#monotonic + ms,
      refd: true,
      cancel: () => void this.#timers.delete(timer),
      ref: () => void (timer.refd = true),
      unref: () => void (timer.refd = false),
    };
    this.#timers.add(timer);
    return timer;
  }

  #endOf(ms: number): number {
    if (Number.isFinite(ms) && ms >= 0) return this.#monotonic + ms;
    throw new RangeError(`Time moves by a finite number of milliseconds, 0 or more, not ${ms}`);
  }

  /** Fires the timer that is due first, at its time; false if none is due by `end`. */
  #fireNext(end: number): boolean {
    const [next] = [...this.#timers].sort((a, b) => a.due - b.due);
    if (next === undefined || next.due > end) return false;
    this.#moveTo(next.due);
    this.#timers.delete(next);
    if (next.every !== null) {
      next.due += next.every;
      this.#timers.add(next);
    }
    next.f();
    return true;
  }

  #moveTo(monotonic: number): void {
    if (monotonic < this.#monotonic) return; // a timer, or another `advance()`, has moved it further
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }
}
