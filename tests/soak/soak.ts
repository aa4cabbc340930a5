/**
 * Runs a monitor for as long as told while its namespace churns, and prints once a minute what it costs and
 * whether it is right: memory, descriptors, event loop lag, counters, and the comparison with iproute2.
 *
 *     unshare -rn deno run -A tests/soak/soak.ts [MINUTES] [CHANGES A SECOND] [SEED]
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { NetworkMonitor } from "../../mod.ts";
import { differences } from "../support/compare.ts";
import { withoutDad } from "../support/dad.ts";
import { askIproute2 } from "../support/iproute2.ts";
import { ipBatch } from "../support/netns.ts";
import { operations } from "../support/operations.ts";
import { Random } from "../support/random.ts";
import { emptyWorld } from "../support/world.ts";

const MINUTE_MS = 60_000;
const SETTLE_MS = 3_000;
/** Of the changes, so many are addresses that come and go; the others are of every kind. */
const ADDRESS_SHARE = 0.9;

/** The longest time that the event loop was held since the last question. */
class Lag implements Disposable {
  #worstMs = 0;
  #last = performance.now();
  readonly #timer = setInterval(() => {
    const now = performance.now();
    this.#worstMs = Math.max(this.#worstMs, now - this.#last - 10);
    this.#last = now;
  }, 10);

  take(): number {
    const worst = this.#worstMs;
    this.#worstMs = 0;
    return worst;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** One second of churn. */
function* churn(random: Random, changesASecond: number): Generator<string[]> {
  const others = operations(random, emptyWorld(), { rules: true });
  for (;;) {
    const commands: string[] = [];
    while (commands.length < changesASecond) {
      const next = random.chance(ADDRESS_SHARE) ? null : others.next().value ?? null;
      const host = `10.${random.below(8)}.${random.below(32)}.1/32`;
      if (next !== null) commands.push(next);
      else commands.push(`addr add ${host} dev lo`, `addr del ${host} dev lo`);
    }
    yield commands;
  }
}

async function compare(monitor: NetworkMonitor): Promise<string[]> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const wrong = differences(await askIproute2(), monitor.current.state);
    if (wrong.length === 0 || performance.now() > deadline) return wrong;
    await delay(20);
  }
}

function report(minute: number, monitor: NetworkMonitor, lagMs: number, wrong: string[]): void {
  const { heapUsed, rss } = Deno.memoryUsage();
  const descriptors = [...Deno.readDirSync("/proc/self/fd")].length;
  const { metrics } = monitor;
  const mega = (bytes: number) => (bytes / 1e6).toFixed(1);
  console.log(
    `minute ${minute}: rss ${mega(rss)} MB, heap ${
      mega(heapUsed)
    } MB, ${descriptors} descriptors,` +
      ` lag ${lagMs.toFixed(0)} ms, ${metrics.events} events, ${metrics.published} published,` +
      ` ${metrics.overflows} overflows, ${metrics.reconciles} reconciles,` +
      ` ${metrics.driftsFound} drifts, ${metrics.reopens} reopens,` +
      ` ${metrics.canariesMissed} canaries missed, ${metrics.malformed} malformed,` +
      ` health ${monitor.health.status}, ${wrong.length === 0 ? "right" : `WRONG: ${wrong}`}`,
  );
}

async function main(minutes: number, changesASecond: number, seed: number): Promise<void> {
  console.log(`soak: ${minutes} minutes, ${changesASecond} changes a second, seed ${seed}`);
  withoutDad();
  await ipBatch(["link set lo up"]);
  await using monitor = await NetworkMonitor.open({ source: "events" });
  using lag = new Lag();
  const reading = (async () => {
    for await (const _ of monitor) { /* a reader that keeps up */ }
  })();
  const seconds = churn(new Random(seed), changesASecond);
  let mismatches = 0;
  for (let minute = 1; minute <= minutes; minute++) {
    const end = performance.now() + MINUTE_MS;
    while (performance.now() < end) {
      const next = performance.now() + 1_000;
      await ipBatch(seconds.next().value as string[]);
      await delay(Math.max(0, next - performance.now()));
    }
    const lagMs = lag.take();
    const wrong = await compare(monitor);
    mismatches += Number(wrong.length > 0);
    report(minute, monitor, lagMs, wrong);
    lag.take();
  }
  await monitor.close();
  await reading;
  console.log(`${mismatches} mismatches`);
  if (mismatches > 0) Deno.exitCode = 1;
}

if (import.meta.main) {
  const [minutes = "20", changes = "600", seed = "1"] = Deno.args;
  await main(Number(minutes), Number(changes), Number(seed));
}
