/**
 * Measures the cost of isolated changes for a program: the time until each arrives, CPU time, wake-ups.
 *
 * @module
 */
import { isKernelState, makeChanges, sleep } from "./network.ts";
import type { Peer } from "./peers.ts";
import { Program } from "./program.ts";
import type { Bench } from "./scenario.ts";
import { latencies } from "./statistics.ts";

/** What a program does right after it has started is not measured. */
const SETTLE_MS = 1_000;
const LAST_EVENT_MS = 1_200;

/** How to measure. */
export interface ChangesOptions {
  /** The number of changes. */
  count: number;
  /** Milliseconds between two changes; default 330. */
  apartMs?: number;
  /** How long the program gets after its start; default 1,000. */
  settleMs?: number;
  /** How long it gets for its last event; default 1,200, because the slowest peer looks once a second. */
  lastEventMs?: number;
}

/** Measures one program in one round. */
export async function measureChanges(
  bench: Bench,
  scenario: string,
  peer: Peer,
  { count, apartMs, settleMs = SETTLE_MS, lastEventMs = LAST_EVENT_MS }: ChangesOptions,
): Promise<void> {
  const program = await Program.start(peer);
  await sleep(settleMs);
  const before = program.meter.read();
  const sent = await makeChanges(count, apartMs);
  await sleep(lastEventMs);
  const after = program.meter.read();
  const { died, events, state, values } = await program.end();
  const latencyMs = latencies(sent, events);
  bench.record(scenario, peer.name, {
    latencyMs,
    unseen: count - latencyMs.length,
    cpuMsEach: (after.cpuMs - before.cpuMs) / count,
    wakeUpsEach: (after.wakeUps - before.wakeUps) / count,
    ...state === null ? {} : { right: Number(await isKernelState(state)) },
    ...died ? { died: 1 } : {},
    ...blocks(values),
  });
}

/** How long the event loop was blocked, where the program measured it. */
export function blocks({ blockMs, blockCpuMs }: Record<string, number>): Record<string, number> {
  return blockMs === undefined ? {} : { blockMs, blockCpuMs: blockCpuMs! };
}
