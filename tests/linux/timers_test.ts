/**
 * Neither a monitor nor a single read needs a timer of the runtime: the first one of a process loads `node:timers`, 8 ms
 * and 4 MiB.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { NetworkMonitor, readNetworkState } from "../../mod.ts";
import { ip, namespaceTest } from "../support/netns.ts";
import { runDenoOk } from "../support/run.ts";
import { ffi, read, run, skippable } from "../support/skip.ts";

const NAMES = ["setTimeout", "setInterval"] as const;

/** Runs the body; returns the timers that it set. */
async function timersOf(body: () => Promise<void>): Promise<string[]> {
  const used: string[] = [];
  const real = NAMES.map((name) => globalThis[name]);
  const { timeout } = AbortSignal;
  for (const [i, name] of NAMES.entries()) {
    // deno-lint-ignore no-explicit-any
    (globalThis as any)[name] = (...args: unknown[]) => {
      used.push(name);
      return (real[i] as (...args: unknown[]) => unknown)(...args);
    };
  }
  AbortSignal.timeout = (ms) => {
    used.push("AbortSignal.timeout");
    return timeout.call(AbortSignal, ms);
  };
  await body();
  for (const [i, name] of NAMES.entries()) Object.assign(globalThis, { [name]: real[i] });
  AbortSignal.timeout = timeout;
  return used;
}

namespaceTest(
  import.meta.url,
  "a monitor opens, publishes and reconciles without a timer of the runtime",
  async () => {
    const used = await timersOf(async () => {
      const monitor = await NetworkMonitor.open({ reconcileIntervalMs: 100, coalesceMs: 50 });
      const changed = monitor.waitFor(({ interfaces }) => interfaces["lo"]!.up);
      await ip("link set lo up");
      await changed;
      const reader = monitor.snapshots({ settleMs: 50 }).getReader();
      await reader.read();
      void reader.read().catch(() => {});
      await ip("addr add 192.0.2.7/32 dev lo");
      while (monitor.metrics.reconciles < 3) await monitor.refresh();
      await monitor.close();
      assert(monitor.metrics.published >= 2);
    });
    assertEquals(used, []);
  },
);

namespaceTest(import.meta.url, "a single read sets no timer at all", async () => {
  const used = await timersOf(async () => {
    assertEquals((await readNetworkState()).online, false);
  });
  assertEquals(used, []);
});

skippable({
  name: "the first read of a process sets no timer, however soon it comes",
  needs: ["linux", ffi, read, run],
  async fn() {
    const program = "tests/support/programs/first_read.ts";
    assertEquals((await runDenoOk(["run", "--allow-ffi", program])).stdout, "0\n");
  },
});
