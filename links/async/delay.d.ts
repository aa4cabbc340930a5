/**
 * The types of `@std/async/delay` 1.x.
 *
 * @module
 */

/**
 * How it may end early. The real package's `persistent` is left out: it calls `Deno.unrefTimer()`,
 * which has no effect on the timers that code out of the npm registry gets.
 */
export interface DelayOptions {
  /** Rejects the promise with its reason when it aborts. */
  signal?: AbortSignal;
}

/** Resolves after so many milliseconds. */
export function delay(ms: number, options?: DelayOptions): Promise<void>;
