/**
 * Whether the machine slept between two states.
 *
 * @module
 */
import type { State } from "./types.ts";

/**
 * From this long a sleep on, nothing that was open before can be trusted, in milliseconds. Shorter gaps are
 * seen on machines that only dozed or were paused (tailscale#11519).
 */
const MAJOR_SLEEP_MS = 600_000;

/** The wake-up that the second state has heard of and the first has not; null where there is none. */
export function resumeBetween(
  previous: State,
  next: State,
): { at: number; sleptMs: number } | null {
  const { resumedAt: at, sleptMs } = next;
  if (at === null || sleptMs === null) return null;
  return at === previous.resumedAt && sleptMs === previous.sleptMs ? null : { at, sleptMs };
}

/** Whether a sleep of 600_000 ms or more lies between the two states. */
export function sleptLongBetween(previous: State, next: State): boolean {
  return (resumeBetween(previous, next)?.sleptMs ?? 0) >= MAJOR_SLEEP_MS;
}
