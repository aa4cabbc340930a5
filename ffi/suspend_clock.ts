/**
 * Tells a wake from sleep by two of the kernel's own clocks: one counts the time asleep and the other
 * does not, so their difference grows by it (net-tools#205: a monotonic clock alone never sees a sleep;
 * tailscale#11519: a busy or paused program is none).
 *
 * @module
 */
import type { SourceEvent } from "../state/source.ts";

/** What is seen of the clocks. */
export type ClockFinding = { kind: "resumed"; sleptMs: number } | { kind: "clock-stepped" } | null;

/** Below this it is the reading that is not exact. */
const EXACTNESS_MS = 100;
/** Two readings of a clock this close bracket the other one. */
const BRACKET_MS = 0.1;
const MOST_READINGS = 10;

/** The two clocks, in milliseconds; null where the system has none. */
export interface SleepClocks {
  /** Stops while the machine sleeps. */
  monotonic(): number | null;
  /** Goes on while it sleeps. */
  bootTime(): number | null;
}

/** Remembers how far the clocks are apart. */
export class SleepDetector {
  readonly #clocks: SleepClocks;
  readonly #shortestSleepMs: number;
  #apart: number | null;

  /** Starts from the clocks as they are. A shorter sleep is not told, nor what is no sleep at all. */
  constructor(clocks: SleepClocks, shortestSleepMs: number = EXACTNESS_MS) {
    this.#clocks = clocks;
    this.#shortestSleepMs = shortestSleepMs;
    this.#apart = readApart(clocks);
  }

  /** How long the machine slept since the last question; null when it did not. */
  sleptMs(): number | null {
    const apart = readApart(this.#clocks);
    if (apart === null || this.#apart === null) return null;
    const grown = apart - this.#apart;
    // Small growth is not forgotten: the clocks have the same rate, so it is the reading's error.
    if (Math.abs(grown) < EXACTNESS_MS) return null;
    this.#apart = apart;
    return grown < this.#shortestSleepMs ? null : Math.round(grown);
  }
}

/** Boot time minus monotonic time, read M, B, M so that a pause in between is noticed. */
function readApart(clocks: SleepClocks): number | null {
  let best: { width: number; apart: number } | null = null;
  for (let i = 0; i < MOST_READINGS; i++) {
    const before = clocks.monotonic();
    const boot = clocks.bootTime();
    const after = clocks.monotonic();
    if (before === null || boot === null || after === null) return null;
    const width = after - before;
    if (best === null || width < best.width) best = { width, apart: boot - before };
    if (width <= BRACKET_MS) break;
  }
  return best?.apart ?? null;
}

/** Tells its listeners what the clocks show. */
export class ClockWatch {
  readonly #detector: SleepDetector;
  readonly #listeners = new Set<(finding: ClockFinding) => void>();

  /** Starts from the clocks as they are. */
  constructor(detector: SleepDetector) {
    this.#detector = detector;
  }

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** Tells of wake-ups and stepped clocks until the returned function is called. */
  listen(listener: (finding: ClockFinding) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Compares the clocks now; `stepped` says that somebody set the wall clock, or that it slept. While
   * nobody listens, as between two sockets, a sleep is kept for who listens next.
   */
  look(stepped: boolean): void {
    if (this.#listeners.size === 0) return;
    const sleptMs = this.#detector.sleptMs();
    if (sleptMs !== null) this.#tell({ kind: "resumed", sleptMs });
    else if (stepped) this.#tell({ kind: "clock-stepped" });
  }

  #tell(finding: ClockFinding): void {
    for (const listener of this.#listeners) listener(finding);
  }
}

/** A finding as a source announces it; null says nothing. */
export function announcement(finding: ClockFinding): SourceEvent | null {
  return finding?.kind === "resumed"
    ? { kind: "resumed", at: Date.now(), sleptMs: finding.sleptMs }
    : finding;
}
