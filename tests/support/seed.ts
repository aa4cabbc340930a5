/**
 * The seed of a random test: fixed, so that a failure is nobody's luck, and replaced to look further.
 *
 * @module
 */

const VARIABLE = "NETWATCH_SEED";

/** The number in the environment variable `NETWATCH_SEED`, where it may be read, else this one. */
export function testSeed(fallback: number): number {
  const { state } = Deno.permissions.querySync({ name: "env", variable: VARIABLE });
  const text = state === "granted" ? Deno.env.get(VARIABLE) : undefined;
  const seed = Number(text ?? fallback);
  if (!Number.isSafeInteger(seed)) throw new RangeError(`${VARIABLE} is no integer: ${text}`);
  return seed;
}

/** How to run the test again with the same seed. */
export function replay(seed: number): string {
  return `${VARIABLE}=${seed}`;
}
