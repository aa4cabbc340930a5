// Calls of a source, each with a time limit: a source may take too long, or never come back.
import type { TimerSet } from "./clock.ts";

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
