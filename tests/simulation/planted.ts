/**
 * Plants bugs in copies of the code under test and searches for the first seed that finds each:
 * `deno task simulate:planted`. A bug that no seed finds is a gap in the invariants.
 *
 * @module
 */
import { BUGS, type PlantedBug } from "./bugs.ts";
import { copyCode } from "./copy.ts";
import { loadParts } from "./parts.ts";
import { makePlan } from "./plan.ts";
import { run } from "./run.ts";

/** The most seeds for one bug. */
const MAX_SEEDS = 20_000;

/** The first failure that a bug causes. */
export interface Finding {
  /** The seed; null if no seed failed. */
  readonly seed: number | null;
  /** The broken invariant. */
  readonly violation: string | null;
}

/** Runs seeds from 1 on against the code with the bug until one fails. */
export async function find(bug: PlantedBug, maxSeeds: number): Promise<Finding> {
  await using code = await copyCode(bug.edits ?? []);
  const parts = await loadParts(code.root, bug.quirks);
  for (let seed = 1; seed <= maxSeeds; seed++) {
    const { violation } = await run(makePlan(seed), parts);
    if (violation !== null) return { seed, violation };
  }
  return { seed: null, violation: null };
}

async function main(): Promise<void> {
  let survivors = 0;
  const wanted = Deno.args;
  const unknown = wanted.filter((name) => !BUGS.some((bug) => bug.name === name));
  if (unknown.length > 0) throw new TypeError(`No such bug: ${unknown.join(", ")}`);
  for (const bug of BUGS) {
    if (wanted.length > 0 && !wanted.includes(bug.name)) continue;
    const { seed, violation } = await find(bug, MAX_SEEDS);
    if (seed === null) survivors++;
    const needed = seed === null ? "survived" : String(seed);
    const words = (violation ?? "").split("\n")[0]?.slice(0, 90);
    console.log(`${bug.name.padEnd(34)} ${needed.padStart(8)}  ${words}`);
  }
  if (survivors > 0) {
    console.log(`${survivors} of the bugs survived ${MAX_SEEDS} seeds`);
    Deno.exit(1);
  }
}

if (import.meta.main) await main();
