/**
 * One run of the simulation.
 *
 * @module
 */
import { Actions } from "./actions.ts";
import type { Parts } from "./parts.ts";
import type { Plan } from "./plan.ts";
import { World } from "./world.ts";

/** The result of a run. */
export interface Result {
  /** The first broken invariant; null if all hold. */
  readonly violation: string | null;
  /** The trace; empty if the run was not traced. */
  readonly lines: readonly string[];
  /** The number of published snapshots. */
  readonly published: number;
  /** How often each fault happened. */
  readonly faults: ReadonlyMap<string, number>;
}

/** The current run, for unhandled rejections. */
let current: World | null = null;
let listening = false;

/** Runs a plan. The same plan always has the same result. */
export async function run(plan: Plan, parts: Parts, traced = false): Promise<Result> {
  listen();
  const world = new World(plan, parts, traced);
  current = world;
  const actions = new Actions(world);
  const { random } = Math;
  Math.random = () => world.jitter.float(); // the jitter of the backoff
  try {
    await runThrough(plan, world, actions);
  } catch (error) {
    world.fail(`The simulation itself failed: ${error instanceof Error ? error.stack : error}`);
  } finally {
    Math.random = random;
    current = null;
  }
  const { violation, lines, ledger } = world;
  return { violation, lines, published: actions.published, faults: ledger.counts };
}

async function runThrough(plan: Plan, world: World, actions: Actions): Promise<void> {
  actions.open();
  for (const step of plan.steps) {
    await actions.advance(step.wait);
    if (world.violation !== null) return;
    world.trace(() => `* ${JSON.stringify(step.operation)}`);
    await actions.perform(step.operation);
    if (world.violation !== null) return;
  }
  await actions.heal();
  if (world.violation !== null) return;
  await actions.close("close");
}

/** An unhandled rejection breaks an invariant. */
function listen(): void {
  if (listening) return;
  listening = true;
  globalThis.addEventListener("unhandledrejection", (event) => {
    if (current === null) return;
    event.preventDefault();
    current.fail(`Unhandled rejection: ${event.reason?.stack ?? event.reason}`);
  });
}
