/**
 * Time limits for fast and slow machines.
 *
 * @module
 */

const VARIABLE = "NETWATCH_SLOW";
const FACTOR = readFactor();

/**
 * Multiplies a time limit by the environment variable `NETWATCH_SLOW`, which is 1 if it is not set or
 * may not be read. Set it to 10 on an emulated machine.
 *
 * @param ms The limit on an ordinary machine, in milliseconds.
 */
export function scaled(ms: number): number {
  return ms * FACTOR;
}

/** Fewer repetitions on a slow machine: an emulated one has a fifth. */
export function fewer(count: number): number {
  return Math.ceil(count / Math.min(FACTOR, 5));
}

function readFactor(): number {
  const { state } = Deno.permissions.querySync({ name: "env", variable: VARIABLE });
  const text = state === "granted" ? Deno.env.get(VARIABLE) : undefined;
  const factor = Number(text ?? 1);
  if (factor >= 1 && factor <= 1_000) return factor;
  throw new RangeError(`${VARIABLE} must be a number from 1 to 1000, not '${text}'`);
}
