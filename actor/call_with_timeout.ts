/**
 * Calls into a source that may take too long, or never come back.
 *
 * @module
 */
import type { TimerSet } from "./timers.ts";

/**
 * A limit is waited for in so many parts, one after the other. While the event loop is blocked, answers wait
 * as timers do, and afterwards the timers come first: a part that ends late leaves time for the answer.
 */
const SLICES = 5;

/** How a bounded call ended. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

/** Calls that are under way, each with a limit of its own. */
export class BoundedCalls {
  readonly #timers: TimerSet;
  readonly #pending = new Set<AbortController>();

  /** The limits are measured with these timers. */
  constructor(timers: TimerSet) {
    this.#timers = timers;
  }

  /**
   * Calls, and hands the outcome to `done` once: the value, what was thrown, or a `TimeoutError` after
   * `limitMs`, upon which the call's signal is aborted. A value that comes after that, or after
   * `abort()`, goes to `late`. Time for which the event loop was blocked hardly counts: a busy program is
   * no reason to give up a source.
   */
  start<T>(
    what: string,
    limitMs: number,
    call: (signal: AbortSignal) => Promise<T>,
    done: (outcome: Outcome<T>) => void,
    late: (value: T) => void = () => {},
  ): void {
    const controller = new AbortController();
    this.#pending.add(controller);
    const finish = (outcome: Outcome<T>): void => {
      cancel();
      if (this.#pending.delete(controller)) done(outcome);
      else if (outcome.ok) late(outcome.value);
    };
    const expire = (): void => {
      const error = new DOMException(`${what} took longer than ${limitMs} ms`, "TimeoutError");
      // first, because what comes next may call the source again
      controller.abort(error);
      finish({ ok: false, error });
    };
    let cancel = (): void => {};
    const wait = (leftMs: number): void => {
      const ms = Math.min(leftMs, Math.ceil(limitMs / SLICES));
      cancel = this.#timers.once(() => leftMs > ms ? wait(leftMs - ms) : expire(), ms);
    };
    wait(limitMs);
    const fail = (error: unknown): void =>
      finish({ ok: false, error: error ?? new Error(`${what} failed without a reason`) });
    try {
      Promise.resolve(call(controller.signal)).then((value) => finish({ ok: true, value }), fail);
    } catch (error) {
      fail(error);
    }
  }

  /** Aborts all calls; none of them is done any more. */
  abort(reason: unknown): void {
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const controller of pending) controller.abort(reason);
  }
}
