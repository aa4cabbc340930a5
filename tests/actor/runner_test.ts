/**
 * What the runner does with an opened source: status of one that polls, and its release.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { type MonitorOptions, resolveMonitorOptions } from "../../actor/options.ts";
import { Runner } from "../../actor/runner.ts";
import { eth0, prepare, type Setting } from "./support.ts";

interface RunnerSetting extends Omit<Setting, "open"> {
  /** How often the opened source was disposed. */
  disposed: () => number;
  open: () => Promise<Runner>;
}

function prepareRunner(reason: string | null = null, options: MonitorOptions = {}): RunnerSetting {
  const { clock, source, log } = prepare();
  let disposed = 0;
  const opened = {
    source,
    reason,
    polling: reason !== null,
    dispose: () => {
      disposed++;
      return Promise.reject(new Error("Cannot close"));
    },
  };
  const resolved = resolveMonitorOptions({ logger: log, ...options, source, clock });
  return {
    clock,
    source,
    log,
    disposed: () => disposed,
    open: () => Runner.open(opened, resolved),
  };
}

Deno.test("Runner disposes the opened source once, after its subscription, even if that throws", async () => {
  const it = prepareRunner();
  const runner = await it.open();
  assertEquals(it.disposed(), 0);
  await Promise.all([runner.close(), runner.close(), runner.closed]);
  assertEquals([it.source.open, it.clock.pending, it.disposed()], [0, 0, 1]);
  assertEquals(it.log.at("error"), ["Cannot release the source: Cannot close"]);
});

Deno.test("Runner.open() that fails disposes the opened source", async () => {
  const it = prepareRunner();
  it.source.refuse(1);
  await assertRejects(it.open, Error, "Refused");
  assertEquals(it.disposed(), 1);
});

Deno.test("Runner.open() with an aborted signal disposes the opened source and subscribes to nothing", async () => {
  const reason = new Error("Not today");
  const it = prepareRunner(null, { signal: AbortSignal.abort(reason) });
  assertEquals(await assertRejects(it.open), reason);
  assertEquals([it.source.calls.subscribe, it.disposed(), it.clock.pending], [0, 1, 0]);
});

Deno.test("Runner with a polling source reports that it polls, and why", async () => {
  const it = prepareRunner("No --allow-ffi");
  const runner = await it.open();
  assertEquals([runner.health.status, runner.health.reason], ["polling", "No --allow-ffi"]);
  it.source.end();
  await it.clock.settle();
  assertEquals(runner.health.status, "degraded");
  await it.clock.advance(50);
  assertEquals([runner.health.status, runner.health.reason], ["polling", "No --allow-ffi"]);
  await runner.close();
});

Deno.test("reconcile of a polling source trusts its view and never degrades", async () => {
  const it = prepareRunner("No --allow-ffi");
  const runner = await it.open();
  it.source.set([eth0("192.0.2.2/24")]); // the reading is ahead of the view
  await it.clock.advance(60_000);
  assertEquals(runner.metrics.driftsFound, 0);
  assertEquals([runner.health.status, runner.health.reason], ["polling", "No --allow-ffi"]);
  await runner.close();
});

/** The longest list of promises, and the longest result as text, that somebody waits for in the body. */
async function longestWaits(
  body: () => Promise<void>,
): Promise<[promises: number, result: number]> {
  const { all } = Promise;
  let [promises, result] = [0, 0];
  Promise.all = (async (values: Iterable<unknown>) => {
    const list = [...values];
    promises = Math.max(promises, list.length);
    const settled = await all.call(Promise, list);
    result = Math.max(result, JSON.stringify(settled).length);
    return settled;
  }) as typeof all;
  try {
    await body();
  } finally {
    Promise.all = all;
  }
  return [promises, result];
}

Deno.test("Runner forgets the release of a subscription once it is complete", async () => {
  const afterLosses = (losses: number) =>
    longestWaits(async () => {
      const it = prepareRunner();
      const runner = await it.open();
      for (let i = 0; i < losses; i++) {
        it.source.end();
        await it.clock.advance(31_000); // the longest backoff, and a second
      }
      assertEquals(it.source.calls.dispose, losses);
      await runner.close();
      assertEquals(it.source.calls.dispose, losses + 1);
    });
  assertEquals(await afterLosses(50), await afterLosses(1));
});
