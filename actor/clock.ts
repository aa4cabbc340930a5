// The clock of the runtime, and the timers of one monitor, with the time limits of its calls to a source.
import type { Clock, Timer } from "../state/ports.ts";

/** The longest delay of a timer, in milliseconds: `setTimeout()` with a longer one fires after 1 ms. */
export const LONGEST_TIMER_MS = 2_147_483_647;
/** Resolves in another turn of the event loop. The type library "dom" lacks `setImmediate()`. */
export const nextTurn = (): Promise<void> => new Promise(Reflect.get(globalThis, "setImmediate"));

/** The clocks and timers of the runtime. The timers keep the process alive until `unref()`. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (f, ms) => timer(setTimeout(f, ms)),
  setInterval: (f, ms) => timer(setInterval(f, ms)),
};

function timer(id: Parameters<typeof Deno.refTimer>[0]): Timer {
  return {
    cancel: () => clearTimeout(id), // an interval, too
    ref: () => Deno.refTimer(id),
    unref: () => Deno.unrefTimer(id),
  };
}

/**
 * The time limit of a call is split into slices, so that it does not count the time during which the event loop was
 * blocked: after a block, timers fire before answers are delivered, and a slice that ends late leaves time for them.
 */
const SLICES = 5;

export type Outcome<T> =
  | { readonly ok: true; readonly value: T; readonly error?: undefined }
  | { readonly ok: false; readonly value?: undefined; readonly error: unknown };

/** A call of a source, which may take too long, or never come back. */
export interface TimedCall<T> {
  readonly what: string; // what it does, for the error: `"Reading the network"`
  readonly limitMs: number;
  readonly call: (signal: AbortSignal) => Promise<T>;
  /** Called once: with the value, with what was thrown, or with a `TimeoutError`. */
  readonly done: (outcome: Outcome<T>) => void;
  /** Called with a value that came after the limit, or after everything was stopped. */
  readonly late?: (value: T) => void;
}

/** Timers and calls that stop together. The timers keep the process alive, or not, all together. */
export class TimerSet {
  readonly clock: Clock;
  readonly #timers = new Set<Timer>();
  readonly #calls = new Set<AbortController>();
  refd: boolean; // whether the timers keep the process alive

  constructor(clock: Clock, refd: boolean) {
    this.clock = clock;
    this.refd = refd;
  }

  setRefd(refd: boolean): void {
    this.refd = refd;
    for (const timer of this.#timers) refd ? timer.ref() : timer.unref();
  }

  /** Calls `f` once, after a delay. Returns a function that cancels the timer. */
  once(f: () => void, ms: number): () => void {
    let timer: Timer | null = null;
    const fire = (): void => {
      if (this.#timers.delete(timer!)) f();
    };
    // a user's clock may call back before its `setTimeout()` returns
    const onTime = (): void => timer === null ? queueMicrotask(fire) : fire();
    timer = this.clock.setTimeout(onTime, Math.ceil(ms));
    return this.#keep(timer);
  }

  every(f: () => void, ms: number): void {
    this.#keep(this.clock.setInterval(f, ms));
  }

  /** Starts a call; its signal is aborted at the time limit. */
  call<T>({ what, limitMs, call, done, late }: TimedCall<T>): void {
    const controller = new AbortController();
    this.#calls.add(controller);
    let cancel = (): void => {};
    const finish = (outcome: Outcome<T>): void => {
      cancel();
      if (this.#calls.delete(controller)) done(outcome);
      else if (outcome.ok) late?.(outcome.value);
    };
    const fail = (error: unknown): void =>
      finish({ ok: false, error: error ?? new Error(`${what} failed without a reason`) });
    const wait = (leftMs: number): void => {
      const ms = Math.min(leftMs, Math.ceil(limitMs / SLICES));
      cancel = this.once(() => leftMs > ms ? wait(leftMs - ms) : expire(), ms);
    };
    const expire = (): void => {
      const error = new DOMException(`${what} took longer than ${limitMs} ms`, "TimeoutError");
      // aborted first, because what follows from the failure may call the source again
      controller.abort(error);
      fail(error);
    };
    wait(limitMs);
    Promise.try(call, controller.signal).then((value) => finish({ ok: true, value }), fail);
  }

  /** Cancels all timers and aborts all calls: their outcomes are dropped. */
  stop(reason: unknown): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    const calls = [...this.#calls];
    this.#calls.clear();
    for (const controller of calls) controller.abort(reason);
  }

  #keep(timer: Timer): () => void {
    this.#timers.add(timer);
    if (!this.refd) timer.unref();
    return () => {
      if (this.#timers.delete(timer)) timer.cancel();
    };
  }
}
