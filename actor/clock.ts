/**
 * The clock of the real world: the one place that starts real timers.
 *
 * @module
 */
import type { Clock, Timer } from "../state/runtime.ts";

/** The longest that a timer can wait, in milliseconds: a longer `setTimeout` fires after 1 ms. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Wall clock, monotonic clock and timers of the runtime. Its timers keep the process alive until
 * told otherwise.
 */
export const systemClock: Clock = {
  now: (): number => Date.now(),
  monotonic: (): number => performance.now(),
  setTimeout: (f: () => void, ms: number): Timer => {
    const id = setTimeout(f, ms);
    return timer(id, () => clearTimeout(id));
  },
  setInterval: (f: () => void, ms: number): Timer => {
    const id = setInterval(f, ms);
    return timer(id, () => clearInterval(id));
  },
};

function timer(id: Parameters<typeof Deno.refTimer>[0], cancel: () => void): Timer {
  return { cancel, ref: () => Deno.refTimer(id), unref: () => Deno.unrefTimer(id) };
}
