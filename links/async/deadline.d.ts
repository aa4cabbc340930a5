/**
 * The types of `@std/async/deadline` 1.x.
 *
 * @module
 */

/** How it may end early. */
export interface DeadlineOptions {
  /** Ends the wait when it aborts. */
  signal?: AbortSignal;
}

/** The promise, rejected with a `TimeoutError` DOMException after so many milliseconds. */
export function deadline<T>(p: Promise<T>, ms: number, options?: DeadlineOptions): Promise<T>;
