/**
 * A monitor needs no timer of the runtime: the first one of a process loads `node:timers`, 8 ms and 4 MiB.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { NetworkMonitor } from "../../mod.ts";
import { ip, namespaceTest } from "../support/netns.ts";

const NAMES = ["setTimeout", "setInterval"] as const;

namespaceTest(
  import.meta.url,
  "a monitor opens, publishes and reconciles without a timer of the runtime",
  async () => {
    const used: string[] = [];
    const real = NAMES.map((name) => globalThis[name]);
    for (const [i, name] of NAMES.entries()) {
      // deno-lint-ignore no-explicit-any
      (globalThis as any)[name] = (...args: unknown[]) => {
        used.push(name);
        return (real[i] as (...args: unknown[]) => unknown)(...args);
      };
    }
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
    for (const [i, name] of NAMES.entries()) Object.assign(globalThis, { [name]: real[i] });
    assert(monitor.metrics.published >= 2);
    assertEquals(used, []);
  },
);
