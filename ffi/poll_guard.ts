// Calls the timers of the poll loop when the poll does not come back: a program may keep all threads of Deno's
// pool busy (32 file operations that hang), and then no poll begins.

/** A guard that is set earlier by less than this stays as it is. */
const SLACK_MS = 5_000;
/** The longest that timers of the runtime allow. */
const LONGEST_MS = 2_147_483_647;

/**
 * A timer of the runtime that need not be punctual. `AbortSignal.timeout()` does not load `node:timers`, as
 * `setTimeout()` does, but a listener keeps the process alive.
 */
export class PollGuard {
  readonly #call: () => void;
  #at = Infinity;
  #isRefd = true;
  #cancel: (() => void) | null = null;

  /** What to call. */
  constructor(call: () => void) {
    this.#call = call;
  }

  /** Calls once at about this time of `performance.now()`; with Infinity not at all. */
  set(at: number, isRefd: boolean): void {
    const isKept = at !== Infinity && isRefd === this.#isRefd && this.#at < at + SLACK_MS;
    if (isKept) return;
    this.#cancel?.();
    this.#cancel = null;
    this.#at = at;
    this.#isRefd = isRefd;
    if (at === Infinity) return;
    const ms = Math.ceil(Math.min(Math.max(at - performance.now(), 0), LONGEST_MS));
    this.#cancel = (isRefd ? afterRefd : afterUnrefd)(this.#fire, ms);
  }

  readonly #fire = (): void => {
    this.#at = Infinity;
    this.#cancel = null;
    this.#call();
  };
}

function afterRefd(call: () => void, ms: number): () => void {
  const signal = AbortSignal.timeout(ms);
  signal.addEventListener("abort", call);
  return () => signal.removeEventListener("abort", call);
}

function afterUnrefd(call: () => void, ms: number): () => void {
  const timer = setTimeout(call, ms);
  Deno.unrefTimer(timer);
  return () => clearTimeout(timer);
}
