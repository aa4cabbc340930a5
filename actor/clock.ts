// The clock of the runtime, the timers of one monitor, and its calls of a source with their time limits: a
// source may take too long, or never come back.
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

/**
 * The time limit is split into slices, so that time during which the event loop was blocked is not charged to
 * the call: after a block timers fire before answers are delivered, and a slice that ends late leaves time
 * for the answer.
 */
const SLICES = 5;

/** How a call ended. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

/** A call with its time limit and what becomes of it. */
export interface TimedCall<T> {
  readonly what: string; // what it does, for the error: `"Reading the network"`
  readonly limitMs: number; // milliseconds
  call(signal: AbortSignal): Promise<T>;
  /** Called once: with the value, with what was thrown, or with a `TimeoutError`. */
  done(outcome: Outcome<T>): void;
  /** Called with a value that came after the limit or after `abort()`. */
  late?(value: T): void;
}

/** The calls of one monitor that are under way. */
export class TimedCalls {
  readonly #timers: TimerSet;
  readonly #pending = new Set<AbortController>();

  /** The limits are measured with these timers. */
  constructor(timers: TimerSet) {
    this.#timers = timers;
  }

  /** Starts a call. At its limit, and by `abort()`, its signal is aborted. */
  start<T>(timed: TimedCall<T>): void {
    const { what, limitMs } = timed;
    const controller = new AbortController();
    this.#pending.add(controller);
    let cancel = (): void => {};
    const finish = (outcome: Outcome<T>): void => {
      cancel();
      if (this.#pending.delete(controller)) timed.done(outcome);
      else if (outcome.ok) timed.late?.(outcome.value);
    };
    const fail = (error: unknown): void =>
      finish({ ok: false, error: error ?? new Error(`${what} failed without a reason`) });
    const expire = (): void => {
      const error = new DOMException(`${what} took longer than ${limitMs} ms`, "TimeoutError");
      // aborted first, because what follows from the failure may call the source again
      controller.abort(error);
      fail(error);
    };
    const wait = (leftMs: number): void => {
      const ms = Math.min(leftMs, Math.ceil(limitMs / SLICES));
      cancel = this.#timers.once(() => leftMs > ms ? wait(leftMs - ms) : expire(), ms);
    };
    wait(limitMs);
    try {
      Promise.resolve(timed.call(controller.signal))
        .then((value) => finish({ ok: true, value }), fail);
    } catch (error) {
      fail(error);
    }
  }

  /** Aborts all calls: their outcomes are dropped. */
  abort(reason: unknown): void {
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const controller of pending) controller.abort(reason);
  }
}
