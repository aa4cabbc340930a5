/**
 * Time and log as the monitor sees them: types only, so that tests can bring their own.
 *
 * @module
 */

/** Where a monitor takes its time from. */
export interface Clock {
  /** The wall clock, in epoch milliseconds; it can step. */
  now(): number;
  /** Milliseconds from any origin; never steps back. */
  monotonic(): number;
  /** Calls once, after so many milliseconds. */
  setTimeout(f: () => void, ms: number): Timer;
  /** Calls again and again, every so many milliseconds. */
  setInterval(f: () => void, ms: number): Timer;
}

/** A running timer. */
export interface Timer {
  /** Stops it. Harmless on one that has fired. */
  cancel(): void;
  /** Lets it keep the process alive. */
  ref(): void;
  /** Lets the process end before it fires. */
  unref(): void;
}

/** Where a monitor writes its log. `@std/log` loggers and `console` fit. */
export interface Logger {
  /** For the developer of the module. */
  debug(message: string): void;
  /** For the operator, when asked. */
  info(message: string): void;
  /** Something went wrong and was mended. */
  warn(message: string): void;
  /** Something went wrong and was not. */
  error(message: string): void;
}
