/**
 * Random numbers that can be replayed: everything random in the tests comes from a seed, and a
 * failure names it.
 *
 * @module
 */

/** A seeded generator (mulberry32). Not for secrets. */
export class Random {
  /** What it was started with. */
  readonly seed: number;
  #state: number;

  /** Starts a generator; the seed is taken as an unsigned 32-bit number. */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** From 0 to 2 ** 32 - 1. */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** From 0 to below 1. */
  float(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** An integer from 0 to below the limit. */
  below(limit: number): number {
    return Math.floor(this.float() * limit);
  }

  /** An integer from the first to the last, both included. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("Cannot pick from an empty list");
    return items[this.below(items.length)] as T;
  }

  /** A copy of the items in another order. */
  shuffle<T>(items: readonly T[]): T[] {
    const copy = items.slice();
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
    }
    return copy;
  }

  /** This many random bytes. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.uint32() & 0xff;
    return bytes;
  }
}

/**
 * Runs the body `runs` times, each time with a generator of the next seed. If a run throws, the error
 * names its seed: `forSeeds({ runs: 1, seed }, body)` repeats that run alone.
 */
export function forSeeds(
  options: { runs: number; seed: number },
  body: (random: Random) => void,
): void {
  for (let run = 0; run < options.runs; run++) {
    const seed = (options.seed + run) >>> 0;
    try {
      body(new Random(seed));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Failed with seed ${seed}: ${reason}`, { cause });
    }
  }
}
