/**
 * The timers of one monitor: they keep the process alive, or not, all together, and stop together.
 *
 * @module
 */
import type { Clock, Timer } from "../state/runtime.ts";

/** Starts timers that follow `ref()` and `unref()`, also those that are called later. */
export class TimerSet {
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  #refd: boolean;

  /** Timers of this clock; `refd` says whether they keep the process alive. */
  constructor(clock: Clock, refd: boolean) {
    this.#clock = clock;
    this.#refd = refd;
  }

  /** Whether the timers keep the process alive. */
  get refd(): boolean {
    return this.#refd;
  }

  /** Milliseconds of the monotonic clock. */
  monotonic(): number {
    return this.#clock.monotonic();
  }

  /** Calls once, after so many milliseconds. Returns what cancels it. */
  once(f: () => void, ms: number): () => void {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      f();
    }, Math.ceil(ms));
    return this.#keep(timer);
  }

  /** Calls every so many milliseconds. Returns what cancels it. */
  every(f: () => void, ms: number): () => void {
    return this.#keep(this.#clock.setInterval(f, ms));
  }

  /** The timers keep the process alive. */
  ref(): void {
    this.#refd = true;
    for (const timer of this.#timers) timer.ref();
  }

  /** The timers let the process end. */
  unref(): void {
    this.#refd = false;
    for (const timer of this.#timers) timer.unref();
  }

  /** Stops all of them. */
  clear(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #keep(timer: Timer): () => void {
    this.#timers.add(timer);
    if (!this.#refd) timer.unref();
    return () => {
      if (this.#timers.delete(timer)) timer.cancel();
    };
  }
}
