/**
 * The types of `@std/async/retry` 1.x.
 *
 * @module
 */

/** Thrown when the last attempt has failed; its `cause` is what that threw. */
export class RetryError extends Error {
  /** Makes the error. */
  constructor(cause: unknown, attempts: number);
}

/** How often and how fast it tries again. */
export interface RetryOptions {
  /** The factor from one wait to the next; 2 if left out. */
  multiplier?: number;
  /** The longest wait, in milliseconds; 60_000 if left out. */
  maxTimeout?: number;
  /** How many attempts; 5 if left out. */
  maxAttempts?: number;
  /** The first wait, in milliseconds; 1_000 if left out. */
  minTimeout?: number;
  /** How much of a wait is random, from 0 to 1; 1 if left out. */
  jitter?: number;
  /** Whether an error is worth another attempt; all are if left out. */
  isRetriable?: (err: unknown) => boolean;
}

/** What the function returns, after at most so many attempts. */
export function retry<T>(fn: (() => Promise<T>) | (() => T), options?: RetryOptions): Promise<T>;
