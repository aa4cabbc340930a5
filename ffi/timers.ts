// Timers built on the timeout of the blocking poll: the first timer of the runtime loads `node:timers` (8 ms, 4 MiB),
// and each of the runtime's timers wakes the event loop even after it was cancelled. Also splits long work into
// slices, between which the event loop can run.
import type { Clock, Timer } from "../state/ports.ts";

/** The most timers called in one turn of the event loop, fewer if it takes longer than a slice. */
const MAX_AT_ONCE = 32;

interface Entry {
  readonly call: () => void;
  readonly everyMs: number | null;
  at: number; // when it is due, by `performance.now()`
  ref: boolean;
}

export interface Alarm extends Timer {
  isSet(): boolean;
  /** Sets it to call after this many milliseconds, replacing the time set before; null cancels it. */
  set(ms: number | null): void;
}

/** The timers of a poll loop, which calls `fire()` when one of them is due. */
export class PollTimers implements Clock {
  readonly #entries = new Set<Entry>();
  readonly #onChange: () => void;
  #closed = false;

  /** `onChange` runs when the timeout of the poll may have changed, or whether a timer keeps the process alive. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  readonly now = (): number => Date.now();
  readonly monotonic = (): number => performance.now();
  readonly setTimeout = (f: () => void, ms: number): Timer => this.alarm(f, null, ms);
  readonly setInterval = (f: () => void, ms: number): Timer => this.alarm(f, ms, ms);

  /** A timer that calls once or, with `everyMs`, repeatedly; it is set at once only if `ms` is given. */
  alarm(call: () => void, everyMs: number | null = null, ms: number | null = null): Alarm {
    const entries = this.#entries;
    const entry: Entry = { call, everyMs, at: Infinity, ref: true };
    const set = (ms: number | null): void => {
      const wasSet = entries.delete(entry);
      const isSet = ms !== null && !this.#closed;
      if (isSet) entry.at = performance.now() + ms;
      if (isSet) entries.add(entry);
      if (isSet || wasSet) this.#onChange();
    };
    set(ms);
    const setRef = (ref: boolean): void => {
      entry.ref = ref;
      this.#onChange();
    };
    return {
      isSet: () => entries.has(entry), // not a getter: V8 takes 20 µs to define one
      set,
      cancel: () => set(null),
      ref: () => setRef(true),
      unref: () => setRef(false),
    };
  }

  get isRefd(): boolean {
    for (const { ref } of this.#entries) if (ref) return true;
    return false;
  }

  /** When the next timer is due, on the monotonic clock; Infinity if there is none. */
  get nextAt(): number {
    return this.#next?.at ?? Infinity;
  }

  get #next(): Entry | null {
    let next: Entry | null = null;
    for (const entry of this.#entries) if (next === null || entry.at < next.at) next = entry;
    return next;
  }

  fire(): void {
    const now = performance.now();
    for (let called = 0; called < MAX_AT_ONCE && performance.now() - now <= SLICE_MS; called++) {
      const entry = this.#next;
      if (entry === null || entry.at > now) return;
      if (entry.everyMs === null) this.#entries.delete(entry);
      else entry.at = now + entry.everyMs;
      try {
        entry.call();
      } catch (error) {
        reportError(error);
      }
    }
  }

  /** Cancels all timers. One set later is never called. */
  close(): void {
    this.#closed = true;
    this.#entries.clear();
    this.#onChange();
  }
}

/** A guard is not set again if it would fire at most this much sooner or later than asked for. */
const SLACK_MS = 5_000;

/**
 * Calls the timers of the poll loop if the poll does not return: a program may keep all threads of Deno's
 * pool busy (32 file operations that hang), and then no poll begins. It need not be punctual. Unlike a timer of the
 * runtime, a wait for shared memory loads nothing and keeps no process alive. Returns a function that sets it to call
 * once at about this time of `performance.now()`; Infinity cancels it.
 */
export function pollGuard(call: () => void): (at: number) => void {
  const word = new Int32Array(new SharedArrayBuffer(4));
  let setTo = Infinity;
  const fire = (end: "timed-out" | "ok" | "not-equal"): void => {
    if (end !== "timed-out") return; // another time was set
    setTo = Infinity;
    call();
  };
  return (at) => {
    if (Math.abs(setTo - at) < SLACK_MS) return;
    Atomics.notify(word, 0);
    setTo = at;
    if (at === Infinity) return;
    const ms = Math.max(at - performance.now(), 1); // with 0 there is no wait
    const { value } = Atomics.waitAsync(word, 0, 0, ms);
    void Promise.resolve(value).then(fire);
  };
}

export const SLICE_MS = 8;
/** The first slice of a read is longer, so that short reads need no pause: a process's first timer takes 8 ms. */
const FIRST_SLICE_MS = 16;

/** Splits long work into slices, so that it blocks the event loop for no longer than a slice at a time. */
export class TimeSlice {
  readonly #signal: AbortSignal;
  #end = performance.now() + FIRST_SLICE_MS;

  /** Pauses and waits throw the reason of the signal, if it aborts. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get isOver(): boolean {
    return performance.now() >= this.#end;
  }

  async pause(): Promise<void> {
    await macrotask();
    this.#signal.throwIfAborted();
    this.#end = performance.now() + SLICE_MS;
  }

  /** Waits for a call; its time does not count. */
  async wait<T>(call: Promise<T>): Promise<T> {
    const since = performance.now();
    const result = await call;
    this.#signal.throwIfAborted();
    this.#end += performance.now() - since;
    return result;
  }
}

/** Lets timers and sockets have their turn: after `setImmediate()` Deno 2.9 looks at sockets in 1 turn of 61 only. */
export const macrotask = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve));

/** Lets timers have their turn, without loading any. The type library "dom" lacks `setImmediate()`. */
export const nextTurn = (): Promise<void> => new Promise(Reflect.get(globalThis, "setImmediate"));
