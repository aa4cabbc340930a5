/**
 * The results of a run, as they are written to JSON.
 *
 * @module
 */
import type { Figure } from "./scenario.ts";
import { median, percentile } from "./statistics.ts";

/** A run of the suite. */
export interface Results {
  /** When it began, as ISO 8601. */
  date: string;
  /** The commit of the working tree; with "+" if it is changed. */
  commit: string;
  /** What it ran on. */
  machine: { cpu: string; cores: number; memoryGib: number; kernel: string; deno: string };
  /** Rounds of each measurement. */
  rounds: number;
  /** Whether it was a short run. */
  quick: boolean;
  /** The load average of a minute at the beginning of each scenario. */
  load: Record<string, number>;
  /** The programs that ran. */
  peers: { name: string; title: string; version: string }[];
  /** The programs that did not, and why. */
  skipped: { name: string; reason: string }[];
  /** The figures: scenario, program, metric. */
  figures: Figures;
}

/** By scenario, program and metric. */
export type Figures = Record<string, Record<string, Record<string, Summary>>>;

/** One metric of all rounds. */
export interface Summary {
  /** The median of the rounds; of a metric of single changes, of the medians of the rounds. */
  median: number;
  /** The smallest and the greatest value. */
  min: number;
  max: number;
  /** Of all values of all rounds, if a round has more than one. */
  p99?: number;
}

/** Collects figures round by round. */
export class Collector {
  readonly #values = new Map<string, number[][]>();

  /** Adds the figures of one round. */
  add({ scenario, program, metric, values }: Figure): void {
    const key = JSON.stringify([scenario, program, metric]);
    this.#values.set(key, [...this.#values.get(key) ?? [], values]);
  }

  /** The summaries so far. */
  summarize(): Figures {
    const figures: Figures = {};
    for (const [key, rounds] of this.#values) {
      if (rounds.flat().length === 0) continue; // changes that the program never saw
      const [scenario, program, metric] = JSON.parse(key);
      ((figures[scenario] ??= {})[program] ??= {})[metric] = summary(rounds);
    }
    return figures;
  }
}

function summary(rounds: readonly number[][]): Summary {
  const all = rounds.flat();
  const medians = rounds.filter((values) => values.length > 0).map(median);
  return {
    median: round(median(medians)),
    min: round(Math.min(...all)),
    max: round(Math.max(...all)),
    ...rounds.some((values) => values.length > 1) ? { p99: round(percentile(all, 0.99)) } : {},
  };
}

/** More digits would exceed the precision of such measurements. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}
