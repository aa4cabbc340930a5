/**
 * The purpose of `createFetch()` on a real kernel: the address is replaced, as by DHCP, while requests are under
 * way. Shows that the global `fetch` hangs, how soon netwatch's `fetch` answers, that a POST is sent once, and that
 * many requests at the same time are neither lost nor wrongly repeated. Takes 30 seconds.
 *
 *     unshare -rn deno run -A tests/bench/fetch.ts
 *
 * @module
 */
import { createFetch, NetworkChangedError } from "../../actor/fetch.ts";
import { NetworkMonitor } from "../../mod.ts";
import { burst, FarServer } from "../support/two_networks.ts";

const HANG_MS = 20_000;
const ROUNDS = 20;

await using server = await FarServer.start();
await using monitor = await NetworkMonitor.open();
await using survivingFetch = createFetch(monitor, { waitUntilOnline: true });

/** Sends a request that the server holds, replaces the address, and waits until it settles. */
async function outcome(id: string, init?: RequestInit): Promise<{ ms: number; value: unknown }> {
  const settled = survivingFetch(`${server.url}/first?${id}`, init).catch((error) => error);
  await server.until(`${init?.method ?? "GET"} /first?${id}`);
  const start = performance.now();
  await server.renumber();
  const value = await settled;
  return { ms: performance.now() - start, value };
}

const times: number[] = [];
for (let i = 0; i < ROUNDS; i++) {
  const { ms, value } = await outcome(`get${i}`);
  if (!(value instanceof Response && value.ok)) throw value;
  times.push(ms);
}
console.log(`createFetch(): GET answered ${within(times)}: at most ${format(times)}`);

const rejections: number[] = [];
for (let i = 0; i < ROUNDS; i++) {
  const { ms, value } = await outcome(`post${i}`, { method: "POST", body: "once" });
  if (!(value instanceof NetworkChangedError)) throw value;
  rejections.push(ms);
}
const posts = Object.entries(await server.counts()).filter(([key]) => key.startsWith("POST"));
const sent = posts.reduce((sum, [, count]) => sum + count, 0);
console.log(
  `createFetch(): POST rejected within ${format(rejections)}; ${sent} of ${ROUNDS} arrived`,
);

const { answered, cutOff, lost, repeated } = await burst(server, survivingFetch, 200, 10);
console.log(
  `createFetch(): 200 at a time, 10 changes: ${answered} answered, ${cutOff} POSTs cut off, ` +
    `${lost.length} lost, ${repeated.length} wrongly repeated`,
);
for (const line of lost.slice(0, 5)) console.log(`  ${line}`);

const plain = fetch(`${server.url}/first?plain`).then(() => "answered", String);
await server.until("GET /first?plain");
await server.renumber();
const hang = new Promise((resolve) => setTimeout(resolve, HANG_MS, "still hanging"));
console.log(`The global fetch after ${HANG_MS / 1_000} s: ${await Promise.race([plain, hang])}`);
Deno.exit();

function within(ms: readonly number[]): string {
  return `within a second ${ms.filter((one) => one < 1_000).length} of ${ROUNDS} times`;
}

function format(ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b).map(Math.round);
  return `${sorted.at(-1)} ms (median ${sorted[sorted.length >> 1]} ms)`;
}
