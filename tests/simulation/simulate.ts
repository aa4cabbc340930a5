/**
 * Runs the simulation for any number of seeds: `deno task simulate --seeds 100000 --from 1`. It stops at the
 * first seed that fails, shrinks its plan and prints the trace. `--seeds 1 --from 42 --trace` prints the trace
 * of any run. `--random` starts at a random seed.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { makePlan, type Plan } from "./plan.ts";
import { REAL_PARTS } from "./real_parts.ts";
import { run } from "./run.ts";
import { shrink } from "./shrink.ts";

/** Milliseconds between two lines of progress. */
const PROGRESS_MS = 5_000;

const USAGE = "Usage: deno task simulate [--seeds COUNT] [--from SEED | --random] [--trace]";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    help: { type: "boolean", short: "h" },
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    random: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  Deno.exit();
}
const seeds = wholeNumber("seeds", values.seeds);
const from = values.random ? Math.floor(Math.random() * 2 ** 32) : wholeNumber("from", values.from);
if (!await simulate(seeds, from)) Deno.exit(1);

/** Whether all seeds passed. */
async function simulate(seeds: number, from: number): Promise<boolean> {
  const began = performance.now();
  let reported = began;
  let published = 0;
  const faults = new Map<string, number>();
  for (let seed = from; seed < from + seeds; seed++) {
    const result = await run(makePlan(seed), REAL_PARTS, values.trace);
    published += result.published;
    for (const [name, count] of result.faults) faults.set(name, (faults.get(name) ?? 0) + count);
    if (values.trace) console.log(result.lines.join("\n"));
    if (result.violation !== null) {
      await report(makePlan(seed), result.violation);
      return false;
    }
    if (performance.now() - reported > PROGRESS_MS) {
      reported = performance.now();
      console.log(progress(seed - from + 1, reported - began));
    }
  }
  console.log(`${progress(seeds, performance.now() - began)}, ${published} publications`);
  const sorted = [...faults].sort().map(([name, count]) => `${name} ${count}`);
  console.log(`Seeds ${from} to ${from + seeds - 1} passed. Faults: ${sorted.join(", ")}`);
  return true;
}

async function report(plan: Plan, violation: string): Promise<void> {
  console.log(`Seed ${plan.seed} failed: ${violation}`);
  const { initial, steps, ...rest } = await shrink(plan, REAL_PARTS, violation);
  const { lines, violation: found } = await run({ ...rest, initial, steps }, REAL_PARTS, true);
  console.log(`Shrunk from ${plan.steps.length} steps to ${steps.length}: ${found}`);
  console.log(JSON.stringify(rest));
  for (const mutation of initial) console.log(`  at first  ${JSON.stringify(mutation)}`);
  console.log(lines.join("\n"));
  console.log(`Replay: deno task simulate --seeds 1 --from ${plan.seed}`);
}

function progress(done: number, ms: number): string {
  const speed = Math.round(done / ms * 60_000);
  return `${done} seeds in ${(ms / 1000).toFixed(1)} s, ${speed} a minute`;
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new RangeError(`--${name} must be a whole number, not "${text}"`);
}
