/**
 * What a storm costs: 100,000 address changes as fast as `ip -batch` goes, watched by netwatch and by a C
 * program that only receives, in interleaved rounds. CPU time is read from outside.
 *
 *     unshare -rn deno run -A tests/bench/storm_cpu.ts [ROUNDS] [CHANGES]
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { ipBatch } from "../support/netns.ts";
import { Consumer, median } from "./consumer.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));

interface Round {
  cpuMs: number;
  stallMs: number;
}

async function main(rounds: number, changes: number): Promise<void> {
  await ipBatch(["link add v0 type veth peer name v1", "link set v0 up", "link set v1 up"]);
  const loop = await Deno.makeTempFile();
  const { success } = await new Deno.Command("gcc", {
    args: ["-O2", "-o", loop, `${HERE}peers/recv_loop.c`],
  }).output();
  if (!success) throw new Error("gcc failed");
  const commands = stormCommands(changes);
  const consumers = new Map<string, () => Promise<Consumer>>([
    ["C recv loop", () => Consumer.start(loop, [])],
    ["netwatch", () => startOurs()],
    // its timer costs CPU time, too: a round of its own
    ["netwatch, timed", () => startOurs("{}", "timer")],
  ]);
  const results = new Map<string, Round[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const [name, start] of consumers) {
      const result = await watchStorm(await start(), commands, name.startsWith("netwatch"));
      results.set(name, [...results.get(name) ?? [], result]);
      console.log(
        `${round}  ${name}: ${result.cpuMs.toFixed(0)} ms, ${result.stallMs.toFixed(0)} ms`,
      );
    }
  }
  await Deno.remove(loop);
  const cpu = (name: string) => median(results.get(name)!.map((it) => it.cpuMs));
  const stall = Math.max(...results.get("netwatch, timed")!.map((it) => it.stallMs));
  const [c, ours] = [cpu("C recv loop"), cpu("netwatch")];
  console.log(
    `${changes} address changes, median of ${rounds}: C ${c.toFixed(0)} ms, netwatch ` +
      `${ours.toFixed(0)} ms (${(ours / c).toFixed(2)} x), longest stall ${stall.toFixed(0)} ms`,
  );
}

function startOurs(...args: string[]): Promise<Consumer> {
  const program = `${HERE}programs/consume.ts`;
  return Consumer.start(Deno.execPath(), ["run", "-A", "--no-check", program, ...args]);
}

async function watchStorm(
  consumer: Consumer,
  commands: readonly string[],
  reports: boolean,
): Promise<Round> {
  const before = consumer.cpuMs();
  await ipBatch([...commands]);
  await new Promise((resolve) => setTimeout(resolve, 600));
  const cpuMs = consumer.cpuMs() - before;
  if (!reports) {
    consumer.kill();
    return { cpuMs, stallMs: 0 };
  }
  const { worstMs = 0, metrics } = JSON.parse(await consumer.end());
  if (metrics.overflows > 0) console.log(`${metrics.overflows} overflows`);
  return { cpuMs, stallMs: worstMs };
}

function stormCommands(changes: number): string[] {
  return Array.from({ length: changes }, (_, i) => {
    const n = i % 2_000;
    const verb = Math.floor(i / 2_000) % 2 === 0 ? "add" : "del";
    return `addr ${verb} 10.9.${n >> 8}.${n & 255}/32 dev v0`;
  });
}

await main(Number(Deno.args[0] ?? 5), Number(Deno.args[1] ?? 100_000));
