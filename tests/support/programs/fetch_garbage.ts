/**
 * Reads bodies whose responses are garbage, changes the network, and prints how many of them rejected; and how many
 * bytes of the heap are left of each of many requests. Run with `--v8-flags=--expose-gc`.
 *
 * @module
 */
import { createFetch, NetworkChangedError } from "../../../actor/fetch.ts";
import { ManualClock, scriptedInterface, ScriptedSource } from "../../../actor/testing.ts";
import { NetworkMonitor } from "../../../mod.ts";
import { HttpServer } from "../http_server.ts";

const BODIES = 20;
const REQUESTS = 1_500;

declare const gc: () => void;

const clock = new ManualClock();
const source = new ScriptedSource({ interfaces: [scriptedInterface("eth0", ["192.0.2.1/24"])] });
const monitor = await NetworkMonitor.open({ source, clock });
const fetch = createFetch(monitor);
const server = new HttpServer();
const caller = new AbortController(); // lives as long as the program

async function collect(): Promise<number> {
  // finalizers run in tasks of their own
  for (let n = 0; n < 5; n++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return Deno.memoryUsage().heapUsed;
}

async function body(): Promise<ReadableStream<Uint8Array>> {
  return (await fetch(`${server.url}/body`)).body!;
}

let rejected = 0;
const reading = Array.from({ length: BODIES }, async () => {
  try {
    for await (const _ of await body());
  } catch (error) {
    if (error instanceof NetworkChangedError) rejected++;
  }
});
await server.until("/body", BODIES);
await collect();
source.set([scriptedInterface("eth0", ["192.0.2.2/24"])]);
source.announce();
await clock.advance(250);
await Promise.race([Promise.all(reading), new Promise((resolve) => setTimeout(resolve, 5_000))]);

let before = 0;
for (let n = 0; n < REQUESTS + 300; n++) {
  if (n === 300) before = await collect();
  server.arrivals.length = 0;
  await (await fetch(server.url, { signal: caller.signal })).text();
}
console.log(JSON.stringify({ rejected, bytes: (await collect() - before) / REQUESTS }));
Deno.exit();
