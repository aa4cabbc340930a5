/**
 * The seed of a random test: fixed, so that failures do not depend on luck, and replaceable, to search further.
 *
 * @module
 */

const VARIABLE = "NETWATCH_SEED";

/** The number in the environment variable `NETWATCH_SEED`, if it may be read, else this one. */
export function testSeed(fallback: number): number {
  return integerOf(VARIABLE, fallback);
}

/** How many seeds to try: the number in `NETWATCH_RUNS`, if it may be read, else this one. */
export function testRuns(fallback: number): number {
  return integerOf("NETWATCH_RUNS", fallback);
}

function integerOf(variable: string, fallback: number): number {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  const text = state === "granted" ? Deno.env.get(variable) : undefined;
  const number = Number(text ?? fallback);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${variable} is no integer: ${text}`);
  return number;
}

/** How to run the test again with the same seed. */
export function replay(seed: number): string {
  return `${VARIABLE}=${seed}`;
}
