/**
 * Terminates Workers that have a monitor open, then uses one itself, and prints how many interfaces there
 * are.
 *
 * @module
 */
import { NetworkMonitor, readNetworkState } from "../../../mod.ts";

async function main(): Promise<void> {
  for (let round = 0; round < 8; round++) {
    const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
    await new Promise((resolve) => worker.onmessage = resolve);
    worker.terminate();
    await readNetworkState();
  }
  const monitor = await NetworkMonitor.open({ source: "events" });
  const { state } = await monitor.refresh();
  await monitor.close();
  console.log(Object.keys(state.interfaces).length > 0 ? "well" : "empty");
}

main();
