/**
 * One run of the simulation.
 *
 * @module
 */
import { Actions } from "./actions.ts";
import type { Parts } from "./parts.ts";
import type { Plan } from "./plan.ts";
import { World } from "./world.ts";

/** How a run went. */
export interface Result {
  /** The first invariant that did not hold; null when all did. */
  readonly violation: string | null;
  /** What happened, when it was traced. */
  readonly lines: readonly string[];
  /** How many snapshots were published. */
  readonly published: number;
  /** The faults that happened, and how often. */
  readonly faults: ReadonlyMap<string, number>;
}

/** The run whose promises these are. */
let current: World | null = null;
let listening = false;

/** Runs the plan against the parts. The same plan always goes the same way. */
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

/** A promise that nobody handles is a fault of the module, or of the simulation. */
function listen(): void {
  if (listening) return;
  listening = true;
  globalThis.addEventListener("unhandledrejection", (event) => {
    if (current === null) return;
    event.preventDefault();
    current.fail(`Nobody handles a rejection: ${event.reason?.stack ?? event.reason}`);
  });
}
