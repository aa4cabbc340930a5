/**
 * Terminates a Worker while a call of iphlpapi.dll runs on a thread of Deno's pool, and while it is registered for
 * notifications. Nothing else in the process uses the library.
 *
 * @module
 */
import { Standin, StandinMonitor } from "./standin.ts";

declare const self: { postMessage(message: unknown): void };

const LIST_MS = 1_000;

async function main(): Promise<void> {
  const worker = new Worker(import.meta.url, { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  worker.terminate();
  await new Promise((resolve) => setTimeout(resolve, 2 * LIST_MS));
  console.log("alive");
}

async function read(): Promise<void> {
  const standin = new Standin();
  const { monitor } = await StandinMonitor.open();
  standin.set("listMs", LIST_MS);
  void monitor.refresh();
  await new Promise((resolve) => setTimeout(resolve, LIST_MS / 10));
  self.postMessage("reading");
}

if (import.meta.main && "Deno" in globalThis && !("WorkerGlobalScope" in globalThis)) main();
else read();
