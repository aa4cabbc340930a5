/**
 * Publishes 100,000 snapshots that a stream and an iterator do not read, and prints how many bytes of the heap each
 * takes after a garbage collection, and what they read at last. Run with `--v8-flags=--expose-gc`.
 *
 * @module
 */
import { ManualClock, scriptedInterface, ScriptedSource } from "../../../actor/testing.ts";
import { NetworkMonitor } from "../../../mod.ts";

const COUNT = 100_000;

declare const gc: () => void;

const clock = new ManualClock();
const source = new ScriptedSource({ interfaces: [scriptedInterface("eth0")] });
await using monitor = await NetworkMonitor.open({
  source,
  clock,
  coalesceMs: 0,
  reconcileIntervalMs: Infinity,
});
const settling = monitor.snapshots({ settleMs: 500, majorOnly: true }).getReader();
const iterator = monitor[Symbol.asyncIterator]();
await settling.read();
await iterator.next();

/** One publication; the addresses repeat, so that no text is new. */
async function change(n: number): Promise<void> {
  const published = monitor.current.sequence;
  source.addInterface(scriptedInterface("eth0", [`192.0.2.${n % 100 + 1}/24`]));
  for (let i = 0; monitor.current.sequence === published; i++) {
    if (i === 100) throw new Error(`Change ${n} is not published`);
    await null;
  }
  if (n % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
}

async function heap(): Promise<number> {
  // finalizers run in tasks of their own
  for (let n = 0; n < 5; n++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return Deno.memoryUsage().heapUsed;
}

for (let n = 0; n < 5_000; n++) await change(n); // compiled code and caches take a megabyte
const before = await heap();
for (let n = 0; n < COUNT; n++) await change(n);
const bytes = (await heap() - before) / COUNT;
const last = (await iterator.next()).value!;
const reading = settling.read();
await clock.advance(500);
const settled = (await reading).value!;
const sequences = [last, settled].map(({ sequence }) => sequence);
console.log(JSON.stringify({ bytes, sequences, current: monitor.current.sequence }));
