/**
 * The types of the assertions that `mod.ts` hands on, as `@std/assert` 1.x declares them.
 *
 * @module
 */

/** Thrown when an assertion fails. */
export class AssertionError extends Error {
  /** Makes the error. */
  constructor(message: string, options?: ErrorOptions);
}

/** What is not truthy. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/** Something with a length and indexes that is not a string. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

// Any function with `new`: the parameters do not matter, and `never[]` would refuse callers' types.
// deno-lint-ignore no-explicit-any
type Constructor<T> = new (...args: any[]) => T;
// deno-lint-ignore no-explicit-any
type AbstractConstructor<T> = abstract new (...args: any[]) => T;

/** Deep equality. */
export function equal(a: unknown, b: unknown): boolean;

/** Fails unless the value is truthy. */
export function assert(expr: unknown, msg?: string): asserts expr;

/** Fails unless the numbers differ by at most the tolerance. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void;

/** Fails unless all values are in it. */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void;

/** Fails unless deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void;

/** Fails on null and undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T>;

/** Fails when the value is truthy. */
export function assertFalse(expr: unknown, msg?: string): asserts expr is Falsy;

/** Fails unless actual > expected. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void;

/** Fails unless actual >= expected. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void;

/** Fails unless it is an instance of the class. */
// deno-lint-ignore no-explicit-any
export function assertInstanceOf<T extends AbstractConstructor<any>>(
  actual: unknown,
  expectedType: T,
  msg?: string,
): asserts actual is InstanceType<T>;

/** Fails unless it is an error of the class with the message. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: AbstractConstructor<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E;

/** Fails unless actual < expected. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void;

/** Fails unless actual <= expected. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void;

/** Fails unless the text matches. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void;

/** Fails when deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;

/** Fails when it is an instance of the class. */
export function assertNotInstanceOf<A, T>(
  actual: A,
  unexpectedType: AbstractConstructor<T>,
  msg?: string,
): asserts actual is Exclude<A, T>;

/** Fails when the text matches. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void;

/** Fails when it is the same value. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void;

/** Fails unless it has all that is expected, deeply; it may have more. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void;

/** Fails unless the promise rejects. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Fails unless the promise rejects with an error of the class whose message includes the text. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Constructor<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;

/** Fails unless it is the same value. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T;

/** Fails unless the text contains the other. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void;

/** Fails unless the function throws. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails unless the function throws an error of the class whose message includes the text. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Constructor<E>,
  msgIncludes?: string,
  msg?: string,
): E;

/** Fails. */
export function fail(msg?: string): never;

/** Fails, since it is not written yet. */
export function unimplemented(msg?: string): never;

/** Fails, since nothing comes here. */
export function unreachable(msg?: string): never;
