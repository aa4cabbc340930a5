/**
 * Shortens the plan of a failing run: leaves out all items that the failure does not need.
 *
 * @module
 */
import type { Parts } from "./parts.ts";
import type { Plan } from "./plan.ts";
import { run } from "./run.ts";

/** The most runs of one shrinking. */
const MAX_RUNS = 3_000;

/** The lists that are shortened, one after the other. */
const LISTS = ["steps", "initial", "opening"] as const;

/**
 * The shortest plan found that breaks the same invariant, by delta debugging (Zeller, Hildebrandt, 2002): it
 * leaves out smaller and smaller parts as long as the failure stays.
 */
export async function shrink(plan: Plan, parts: Parts, violation: string): Promise<Plan> {
  const wanted = kindOf(violation);
  let runs = 0;
  const fails = async (candidate: Plan): Promise<boolean> => {
    if (++runs > MAX_RUNS) return false;
    const result = await run(candidate, parts);
    return result.violation !== null && kindOf(result.violation) === wanted;
  };
  let smallest = plan;
  for (const list of LISTS) {
    smallest = await shrinkList(smallest, list, fails);
  }
  smallest = await shrinkList(await shrinkWaits(smallest, fails), "steps", fails);
  return smallest;
}

/** The text of an invariant without the numbers and names of this run. */
export function kindOf(violation: string): string {
  return violation.replace(/[:0-9][^]*$/, "");
}

async function shrinkList(
  plan: Plan,
  list: (typeof LISTS)[number],
  fails: (candidate: Plan) => Promise<boolean>,
): Promise<Plan> {
  let smallest = plan;
  for (let size = Math.ceil(plan[list].length / 2); size >= 1; size = Math.floor(size / 2)) {
    let at = 0;
    while (at < smallest[list].length) {
      const candidate = without(smallest, list, at, size);
      if (await fails(candidate)) smallest = candidate;
      else at += size;
    }
  }
  return smallest;
}

/** The plan without some items. The time that they took still passes. */
function without(plan: Plan, list: (typeof LISTS)[number], at: number, size: number): Plan {
  if (list !== "steps") {
    return { ...plan, [list]: plan[list].filter((_, i) => i < at || i >= at + size) };
  }
  const gone = plan.steps.slice(at, at + size);
  const waited = gone.reduce((sum, step) => sum + step.wait, 0);
  const rest = plan.steps.slice(at + size)
    .map((step, i) => i === 0 ? { ...step, wait: step.wait + waited } : step);
  return { ...plan, steps: [...plan.steps.slice(0, at), ...rest] };
}

async function shrinkWaits(
  plan: Plan,
  fails: (candidate: Plan) => Promise<boolean>,
): Promise<Plan> {
  let smallest = plan;
  for (let i = 0; i < smallest.steps.length; i++) {
    if (smallest.steps[i]?.wait === 0) continue;
    const steps = smallest.steps.map((step, at) => at === i ? { ...step, wait: 0 } : step);
    const candidate = { ...smallest, steps };
    if (await fails(candidate)) smallest = candidate;
  }
  return smallest;
}
