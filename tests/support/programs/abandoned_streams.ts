/**
 * Abandons 100,000 streams and iterators of a monitor and prints how many bytes of the heap each of them still takes after
 * a garbage collection. Run with `--v8-flags=--expose-gc`.
 *
 * @module
 */
import { ManualClock, scriptedInterface, ScriptedSource } from "../../../actor/testing.ts";
import { NetworkMonitor } from "../../../mod.ts";

const COUNT = 100_000;

declare const gc: () => void;

const clock = new ManualClock();
const source = new ScriptedSource({ interfaces: [scriptedInterface("eth0", ["192.0.2.1/24"])] });
const monitor = await NetworkMonitor.open({ source, clock });
const { signal } = new AbortController();

/** A reader that gets one snapshot, asks for another and leaves; or one whose stream ends, before it leaves. */
async function abandon(n: number): Promise<void> {
  if (n % 5 === 1 || n % 5 === 2) {
    const abort = new AbortController();
    if (n % 5 === 1) abort.abort();
    const { closed } = monitor.snapshots({ signal: abort.signal }).getReader();
    abort.abort();
    return await closed;
  }
  if (n % 3 === 0) return void await monitor[Symbol.asyncIterator]().next();
  const stream = monitor.snapshots(n % 100 ? { settleMs: 500 } : { majorOnly: true, signal });
  const reader = stream.getReader();
  if (n % 4 === 0) reader.closed.catch(() => {});
  await reader.read();
  reader.read().catch(() => {});
  reader.releaseLock();
}

async function heap(): Promise<number> {
  // finalizers run in tasks of their own
  for (let n = 0; n < 5; n++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return Deno.memoryUsage().heapUsed;
}

for (let n = 0; n < 1_000; n++) await abandon(n);
const before = await heap();
for (let n = 0; n < COUNT; n++) await abandon(n);
console.log((await heap() - before) / COUNT);
await monitor.close();
