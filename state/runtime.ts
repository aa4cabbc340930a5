/**
 * The ports for time and logging: types only. Tests bring implementations of their own.
 *
 * @module
 */

/** The clock of a monitor. */
export interface Clock {
  /** The wall clock, in epoch milliseconds. It can step. */
  now(): number;
  /** Milliseconds since any fixed moment. It never steps back. */
  monotonic(): number;
  /** Calls the function once, after that many milliseconds. */
  setTimeout(f: () => void, ms: number): Timer;
  /** Calls the function every that many milliseconds. */
  setInterval(f: () => void, ms: number): Timer;
}

/** A running timer. */
export interface Timer {
  /** Stops it. No effect after it has fired. */
  cancel(): void;
  /** Makes it keep the process alive. */
  ref(): void;
  /** Lets the process end before it fires. */
  unref(): void;
}

/** The log of a monitor. Loggers of `@std/log` fit, and so does `console`. */
export interface Logger {
  /** For developers of this module. */
  debug(message: string): void;
  /** For operators who ask for detail. */
  info(message: string): void;
  /** A failure that the monitor recovered from. */
  warn(message: string): void;
  /** A failure that it did not recover from. */
  error(message: string): void;
}
