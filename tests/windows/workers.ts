/**
 * Terminates Workers whose operations are under way: the system completes them afterwards, and writes into
 * memory that must still be theirs. Then a monitor of this isolate receives a change.
 *
 * @module
 */
import { APIS, Standin, StandinMonitor } from "./standin.ts";

declare const self: { postMessage(message: unknown): void };

const WORKERS = 8;

async function main(): Promise<void> {
  await using standin = new Standin();
  standin.set("refused", APIS.all);
  for (let i = 0; i < WORKERS; i++) {
    const worker = new Worker(import.meta.url, { type: "module" });
    await new Promise((resolve) => worker.onmessage = resolve);
    worker.terminate();
    standin.change();
  }
  standin.set("refused", 0);
  await using it = await StandinMonitor.open();
  standin.set("addresses", 1);
  standin.storm(100);
  const { interfaces } = (await it.untilAddresses(2)).state;
  const [name] = Object.keys(interfaces);
  console.log(`1 interface: ${name}, ${interfaces[name!]!.addresses.length} addresses`);
}

if (import.meta.main && "Deno" in globalThis && !("WorkerGlobalScope" in globalThis)) main();
else StandinMonitor.open().then(() => self.postMessage("open"));
