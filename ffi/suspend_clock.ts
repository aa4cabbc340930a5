// Detects that the machine slept, from two kernel clocks: only one counts the time asleep, so each sleep
// adds its length to their difference (net-tools#205: a monotonic clock alone never sees a sleep;
// tailscale#11519: a busy or stopped program is not a sleep).
import type { SourceEvent } from "../state/ports.ts";

/** Differences below this are measurement error, in milliseconds. */
const PRECISION_MS = 100;
/** A reading of one clock is exact if those of the other before and after it are this close, in milliseconds. */
const BRACKET_MS = 0.1;
const MAX_READINGS = 10;

/** The two clocks, in milliseconds; null if the system has none. */
export interface SleepClocks {
  monotonic(): number | null; // stops while the machine sleeps
  bootTime(): number | null; // keeps counting while the machine sleeps
}

/** The clocks of an isolate, and the listeners to notify of a sleep. */
export class SuspendClock {
  readonly #clocks: SleepClocks;
  readonly #listeners = new Set<(event: SourceEvent) => void>();
  #difference: number | null;

  constructor(clocks: SleepClocks) {
    this.#clocks = clocks;
    this.#difference = readDifference(clocks);
  }

  /** How long the machine slept since the last call, in milliseconds; null if it did not. */
  sleptMs(): number | null {
    const difference = readDifference(this.#clocks);
    if (difference === null || this.#difference === null) return null;
    const grown = difference - this.#difference;
    // A small difference does not move the baseline: both clocks run at the same rate, so it is a reading error.
    if (Math.abs(grown) < PRECISION_MS) return null;
    this.#difference = difference;
    return grown < 0 ? null : Math.round(grown);
  }

  /** Calls the listener after a sleep and when the wall clock was set. Returns a function that ends this. */
  listen(listener: (event: SourceEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Compares the clocks now. `wasSet`: the kernel reported that the wall clock was set, as it also does on
   * resume. While nobody listens, a sleep is kept for the next listener.
   */
  check(wasSet: boolean): void {
    if (this.#listeners.size === 0) return;
    const sleptMs = this.sleptMs();
    if (sleptMs === null && !wasSet) return;
    const event: SourceEvent = sleptMs === null
      ? { kind: "clock-stepped" }
      : { kind: "resumed", at: Date.now(), sleptMs };
    for (const listener of this.#listeners) listener(event);
  }
}

/** Boot time minus monotonic time, which is read before and after so that a pause in between is noticed. */
function readDifference(clocks: SleepClocks): number | null {
  let difference: number | null = null;
  for (let i = 0, closest = Infinity; i < MAX_READINGS && closest > BRACKET_MS; i++) {
    const before = clocks.monotonic();
    const boot = clocks.bootTime();
    const after = clocks.monotonic();
    if (before === null || boot === null || after === null) return null;
    if (after - before >= closest) continue;
    closest = after - before;
    difference = boot - before;
  }
  return difference;
}
