/**
 * The cost of a flood of RTM_MISS on a simulated Mac (tailscale#19324): 100,000 of them in batches of a
 * thousand. The figure includes the work of the simulated kernel.
 *
 *     deno run tests/bench/bsd_miss.ts [COUNT]
 *
 * @module
 */
import process from "node:process";
import { encodeMiss, startMachine } from "../bsd/machine.ts";

const [count = 100_000] = Deno.args.map(Number);
const BATCH = 1_000;

await using machine = await startMachine();
const { kernel, monitor } = machine;
const miss = encodeMiss();
const calls = { ...kernel.calls };
const start = process.cpuUsage();
const startedAt = performance.now();
for (let sent = 0; sent < count; sent += BATCH) {
  for (let i = 0; i < BATCH; i++) kernel.deliver(miss);
  await machine.settle();
}
const elapsed = performance.now() - startedAt;
const { system, user } = process.cpuUsage(start);
const cpu = (user + system) / 1000;
console.log(
  `${count} RTM_MISS: ${cpu.toFixed(0)} ms of CPU (${(cpu * 1000 / count).toFixed(2)} µs each), ` +
    `${elapsed.toFixed(0)} ms elapsed, ${monitor.metrics.events} heard, ` +
    `${kernel.calls.sysctl! - calls.sysctl!} enumerations, ${
      monitor.current.sequence - 1
    } publications`,
);
