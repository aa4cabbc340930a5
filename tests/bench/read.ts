/**
 * What a one-shot read costs while a monitor is open, as a ratio to `Deno.networkInterfaces()`, which knows
 * neither routes nor flags nor interfaces without an address.
 *
 *     unshare -rn deno run -A tests/bench/read.ts [INTERFACES...]
 *
 * @module
 */
import { NetworkMonitor, readNetworkState } from "../../mod.ts";
import { ipBatch } from "../support/netns.ts";

const ROUNDS = 7;
const CALLS = 200;

/** The best of some rounds, in milliseconds a call. */
async function best(call: () => unknown): Promise<number> {
  let fastest = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < CALLS; i++) await call();
    fastest = Math.min(fastest, (performance.now() - start) / CALLS);
  }
  return fastest;
}

/** Each with two addresses, as interfaces have. */
async function grow(from: number, to: number): Promise<void> {
  const commands: string[] = [];
  for (let i = from; i < to; i++) {
    const host = `10.${i >> 8}.${i & 255}.1/24`;
    commands.push(`link add n${i} type ifb`, `addr add ${host} dev n${i}`, `link set n${i} up`);
  }
  await ipBatch(commands);
}

async function main(counts: readonly number[]): Promise<void> {
  await ipBatch(["link set lo up"]);
  await using _monitor = await NetworkMonitor.open({ source: "events" });
  let interfaces = 1;
  for (const count of counts) {
    await grow(interfaces, count);
    interfaces = count;
    await new Promise((resolve) => setTimeout(resolve, 2_000)); // address detection
    const read = await best(() => readNetworkState({ source: "events" }));
    const plain = await best(() => Deno.networkInterfaces());
    console.log(
      `${count} interfaces: readNetworkState() ${read.toFixed(3)} ms,` +
        ` Deno.networkInterfaces() ${plain.toFixed(3)} ms, ratio ${(read / plain).toFixed(1)}`,
    );
  }
}

if (import.meta.main) {
  const counts = Deno.args.map(Number);
  await main(counts.length > 0 ? counts : [10, 200]);
}
