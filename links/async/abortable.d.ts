/**
 * The types of `@std/async/abortable` 1.x.
 *
 * @module
 */

/** The promise, rejected with the signal's reason when that aborts first. */
export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T>;
/** The items, until the signal aborts: then it throws the signal's reason. */
export function abortable<T>(p: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T>;
