/**
 * How long to wait before a lost socket is opened again.
 *
 * @module
 */

const FIRST_MS = 50;
const LONGEST_MS = 30_000;

/**
 * The wait before an attempt (0 is the first), in milliseconds: 50 ms, doubling, at most 30 s, of
 * which a random half is taken off so that many monitors of one machine do not come back at the
 * same moment.
 *
 * @param attempt How many attempts have failed.
 * @param random From 0 to below 1.
 */
export function backoffMs(attempt: number, random: number): number {
  const whole = Math.min(FIRST_MS * 2 ** attempt, LONGEST_MS);
  return Math.ceil(whole * (1 - random / 2));
}
