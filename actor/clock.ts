// The clock of the runtime, and the timers of one monitor.
import type { Clock, Timer } from "../state/runtime.ts";

/** The longest delay of a timer, in milliseconds: `setTimeout()` with a longer one fires after 1 ms. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** The clocks and timers of the runtime. The timers keep the process alive until `unref()`. */
export const systemClock: Clock = {
  now: (): number => Date.now(),
  monotonic: (): number => performance.now(),
  setTimeout: (f: () => void, ms: number): Timer => {
    const id = setTimeout(f, ms);
    return timer(id, () => clearTimeout(id));
  },
  setInterval: (f: () => void, ms: number): Timer => {
    const id = setInterval(f, ms);
    return timer(id, () => clearInterval(id));
  },
};

function timer(id: Parameters<typeof Deno.refTimer>[0], cancel: () => void): Timer {
  return { cancel, ref: () => Deno.refTimer(id), unref: () => Deno.unrefTimer(id) };
}

/** Timers that keep the process alive, or not, all together, and stop together. */
export class TimerSet {
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  #refd: boolean;

  /** No timers yet; `refd` says whether they keep the process alive. */
  constructor(clock: Clock, refd: boolean) {
    this.#clock = clock;
    this.#refd = refd;
  }

  /** Whether the timers keep the process alive. */
  get refd(): boolean {
    return this.#refd;
  }

  set refd(refd: boolean) {
    this.#refd = refd;
    for (const timer of this.#timers) refd ? timer.ref() : timer.unref();
  }

  /** The monotonic clock, in milliseconds. */
  monotonic(): number {
    return this.#clock.monotonic();
  }

  /** Calls once after a delay. Returns what cancels it. */
  once(f: () => void, ms: number): () => void {
    let returned = false;
    const fire = (): void => {
      if (this.#timers.delete(timer)) f();
    };
    // a clock of the user's may call back before it returns
    const onTime = (): void => returned ? fire() : queueMicrotask(fire);
    const timer = this.#clock.setTimeout(onTime, Math.ceil(ms));
    returned = true;
    return this.#keep(timer);
  }

  /** Calls at an interval. Returns what cancels it. */
  every(f: () => void, ms: number): () => void {
    return this.#keep(this.#clock.setInterval(f, ms));
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
