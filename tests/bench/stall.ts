/**
 * How long the event loop of a program is blocked at most, whatever the kernel, the options and the faults
 * do: a 10 ms timer runs beside the monitor, 30 s per scenario, and netwatch must not hold it for 50 ms.
 *
 *     unshare -n deno run -A tests/bench/stall.ts [SECONDS] [SCENARIO]
 *
 * Run it as root, so that the receive buffer has its full size. Next to the longest delay it prints the most CPU
 * time between two calls of the timer: on a machine that is busy with other work, that is our share of the delay.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { type MonitorOptions, NetworkMonitor } from "../../mod.ts";
import { FaultLibc } from "../faults/fault_libc.ts";
import { LoopLag } from "../support/loop_lag.ts";
import { ipBatch } from "../support/netns.ts";

const BOUND_MS = 50;
const ENOBUFS = 105;

interface Scenario {
  name: string;
  options: MonitorOptions;
  /** Made once, before the monitor is opened. */
  setUp?: string[];
  /** Done again and again, by `ip`. */
  storm: string[];
  /** Every third receive fails with ENOBUFS. */
  faulty?: boolean;
}

/** `addr add` or `addr del` of this many addresses. */
function addresses(verb: "add" | "del", first: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const n = first + i;
    return `addr ${verb} 10.${n >> 16}.${(n >> 8) & 255}.${n & 255}/32 dev v0`;
  });
}

function churn(first: number, count: number): string[] {
  return [...addresses("add", first, count), ...addresses("del", first, count)];
}

const MANY_LINKS = Array.from({ length: 10_000 }, (_, i) => `link add ifb${i + 10} type ifb`);

const SCENARIOS: Scenario[] = [
  {
    name: "every third receive fails with ENOBUFS",
    options: { coalesceMs: 0 },
    storm: churn(100_000, 200),
    faulty: true,
  },
  ...[0, 20, 250].map((coalesceMs): Scenario => ({
    name: `coalesceMs ${coalesceMs} beside 10,000 addresses`,
    options: { coalesceMs, reconcileIntervalMs: 2_000 },
    setUp: addresses("add", 0, 10_000),
    storm: churn(100_000, 200),
  })),
  {
    name: "overflow after overflow beside 3,000 addresses",
    options: { receiveBufferBytes: 2_304 },
    setUp: addresses("add", 0, 3_000),
    storm: churn(100_000, 5_000),
  },
  {
    name: "address changes as fast as ip goes",
    options: {},
    storm: churn(100_000, 2_000),
  },
  {
    name: "10,000 interfaces",
    options: { coalesceMs: 0, reconcileIntervalMs: 2_000 },
    setUp: MANY_LINKS,
    storm: churn(100_000, 200),
  },
];

/** In another process, since starting one blocks this event loop, too. */
function startStorm(commands: readonly string[]): Disposable {
  const file = Deno.makeTempFileSync();
  Deno.writeTextFileSync(file, commands.join("\n"));
  const storm = `ip -force -batch ${file} & wait $!`;
  const script = `trap 'kill $!; exit' TERM; while kill -0 $PPID; do ${storm}; done`;
  const child = new Deno.Command("bash", { args: ["-c", script], stdout: "null", stderr: "null" })
    .spawn();
  return {
    [Symbol.dispose]: () => {
      child.kill();
      Deno.removeSync(file);
    },
  };
}

async function run(scenario: Scenario, seconds: number): Promise<boolean> {
  const { faulty = false, name, options, setUp = [], storm } = scenario;
  await ipBatch(["link add v0 type veth peer name v1", "link set v0 up", "link set v1 up"]);
  await ipBatch([...setUp]);
  using libc = faulty ? new FaultLibc() : null;
  const lag = new LoopLag();
  const monitor = await NetworkMonitor.open({
    ...options,
    source: "events",
    ...(libc === null ? {} : { libc: libc.path }),
  });
  libc?.inject("everyThirdReceiveFails", -1, ENOBUFS);
  const watching = (async () => {
    for await (const _ of monitor.snapshots());
  })();
  {
    using _storm = startStorm(storm);
    await delay(seconds * 1_000);
  }
  lag.stop();
  await delay(1_000);
  const { fullReads, overflows, published } = monitor.metrics;
  await monitor.close();
  await watching;
  const held = lag.worstMs <= BOUND_MS || lag.worstCpuMs <= BOUND_MS;
  console.log(
    `${held ? "ok    " : "FAILED"} ${name}: longest delay ${lag.worstMs.toFixed(0)} ms, most CPU ` +
      `between two calls ${lag.worstCpuMs.toFixed(0)} ms (${published} publications, ` +
      `${fullReads} full reads, ${overflows} overflows)`,
  );
  const links = setUp === MANY_LINKS
    ? MANY_LINKS.map((it) => it.replace(/add (\S+) .*/, "del $1"))
    : [];
  await ipBatch(["link del v0", ...links]);
  return held;
}

const [seconds = "30", only] = Deno.args;
let failed = 0;
for (const scenario of SCENARIOS) {
  if (only !== undefined && !scenario.name.includes(only)) continue;
  if (!(await run(scenario, Number(seconds)))) failed++;
}
if (failed > 0) Deno.exit(1);
