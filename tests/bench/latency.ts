/**
 * How long an isolated change takes from the kernel to the consumer. The clock starts before the request
 * that makes the change, so the kernel's own work is in the figure.
 *
 *     unshare -rn deno run -A tests/bench/latency.ts [CHANGES] [INTERFACES]
 *
 * @module
 */
import { NetworkMonitor } from "../../mod.ts";
import { ipBatch } from "../support/netns.ts";
import { NetworkChanger } from "../support/rtnetlink.ts";

const LOOPBACK = 1;
const COALESCE_MS = 2;
const APART_MS = 12;

async function main(changes: number, interfaces: number): Promise<void> {
  await ipBatch(Array.from({ length: interfaces }, (_, i) => `link add ifb${i + 10} type ifb`));
  using changer = new NetworkChanger();
  changer.setUp(LOOPBACK, true);
  await using monitor = await NetworkMonitor.open({
    source: "events",
    coalesceMs: COALESCE_MS,
    reconcileIntervalMs: 60_000,
  });
  const reader = monitor.snapshots({ initial: false }).getReader();
  const times: number[] = [];
  for (let i = 0; i < changes + 50; i++) {
    await new Promise((resolve) => setTimeout(resolve, APART_MS));
    const address = Uint8Array.of(10, 1, 2, 3);
    const next = reader.read();
    const start = performance.now();
    if (i % 2 === 0) changer.addAddress(LOOPBACK, address, 32);
    else changer.deleteAddress(LOOPBACK, address, 32);
    await next;
    if (i >= 50) times.push(performance.now() - start); // the first ones are compiled
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * (times.length - 1))]!.toFixed(3);
  const { length } = Object.keys(monitor.current.state.interfaces);
  console.log(
    `isolated change, kernel to consumer, ${length} interfaces, ${changes} changes: ` +
      `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`,
  );
}

if (import.meta.main) await main(Number(Deno.args[0] ?? 500), Number(Deno.args[1] ?? 10));
