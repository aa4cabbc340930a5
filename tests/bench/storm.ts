/**
 * What storms cost: 200,000 route changes that concern nobody, and 100,000 address changes of which every one
 * does, both as fast as `ip -batch` goes.
 *
 *     unshare -rn deno run -A tests/bench/storm.ts [ROUTES] [ADDRESSES]
 *
 * @module
 */
import { NetworkMonitor } from "../../mod.ts";
import { ip, ipBatch } from "../support/netns.ts";

const COALESCE_MS = 250;

/** Event loop lag, sampled. */
class Lag {
  worstMs = 0;
  #last = performance.now();
  readonly #timer = setInterval(() => {
    const now = performance.now();
    this.worstMs = Math.max(this.worstMs, now - this.#last - 5);
    this.#last = now;
  }, 5);
  stop(): void {
    clearInterval(this.#timer);
  }
}

/** User and system time of this process (/proc/self/stat, in clock ticks of 10 ms). */
function cpuMs(): number {
  const fields = Deno.readTextFileSync("/proc/self/stat").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The program feeds `ip` as well, so the same is measured without a monitor first. */
async function routes(count: number): Promise<void> {
  const commands = Array.from({ length: count / 2 }, (_, i) => {
    const prefix = `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}/32`;
    return [`route add ${prefix} dev v0`, `route del ${prefix} dev v0`];
  }).flat();
  await ipBatch(commands); // compiled, and the pipe is warm
  const unwatched = await storm(commands);
  await using monitor = await NetworkMonitor.open({ source: "events" });
  const { events } = monitor.metrics;
  const watched = await storm(commands);
  const own = watched.cpuMs - unwatched.cpuMs;
  console.log(
    `${count} route changes in ${watched.wallMs.toFixed(0)} ms: own CPU ${own} ms` +
      ` (${(100 * own / watched.wallMs).toFixed(1)} % of it),` +
      ` ${monitor.metrics.events - events} messages heard`,
  );
}

async function storm(commands: readonly string[]): Promise<{ cpuMs: number; wallMs: number }> {
  const start = { cpu: cpuMs(), at: performance.now() };
  await ipBatch(commands);
  return { cpuMs: cpuMs() - start.cpu, wallMs: performance.now() - start.at };
}

async function addresses(count: number): Promise<void> {
  await using monitor = await NetworkMonitor.open({ source: "events", coalesceMs: COALESCE_MS });
  const publishedAt: number[] = [];
  const watching = (async () => {
    for await (const _ of monitor.snapshots({ initial: false })) {
      publishedAt.push(performance.now());
    }
  })();
  const commands: string[] = [];
  for (let i = 0; i < count; i++) {
    const n = i % 2_000;
    const verb = Math.floor(i / 2_000) % 2 === 0 ? "add" : "del";
    commands.push(`addr ${verb} 10.9.${n >> 8}.${n & 255}/32 dev v0`);
  }
  const lag = new Lag();
  const start = performance.now();
  const cpu = cpuMs();
  await ipBatch(commands);
  const ended = performance.now();
  const expected = JSON.parse(await ip("-j addr show dev v0"))[0].addr_info.length;
  const right = await monitor.waitFor(
    (state) => state.interfaces.v0!.addresses.length === expected,
    { signal: AbortSignal.timeout(10_000) },
  )
    .then(() => performance.now() - ended);
  lag.stop();
  const gaps = publishedAt.slice(1).map((at, i) => at - publishedAt[i]!);
  console.log(
    `${count} address changes in ${(ended - start).toFixed(0)} ms: own CPU ${cpuMs() - cpu} ms,` +
      ` right ${right.toFixed(0)} ms after the end, ${publishedAt.length} publications,` +
      ` shortest gap ${Math.min(...gaps).toFixed(0)} ms, longest ${
        Math.max(...gaps).toFixed(0)
      } ms,` +
      ` event loop held at most ${lag.worstMs.toFixed(0)} ms`,
  );
  console.log(monitor.metrics);
  await monitor.close();
  await watching;
}

if (import.meta.main) {
  await ipBatch(["link add v0 type veth peer name v1", "link set v0 up", "link set v1 up"]);
  await routes(Number(Deno.args[0] ?? 200_000));
  await addresses(Number(Deno.args[1] ?? 100_000));
}
