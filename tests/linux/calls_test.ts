/**
 * How many system calls an event costs: one blocking poll, nothing that interrupts it, few others.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { LibcFunctions } from "../../ffi/linux/libc.ts";
import { LinuxRuntime } from "../../ffi/linux/runtime.ts";
import { LinuxSource } from "../../ffi/linux/source.ts";
import { Syscalls } from "../../ffi/linux/syscalls.ts";
import { NetworkMonitor } from "../../mod.ts";
import { ip, namespaceTest } from "../support/netns.ts";
import { openLibc } from "../support/real_libc.ts";
import { NetworkChanger } from "../support/rtnetlink.ts";

const EVENTS = 30;
/** Farther apart than `coalesceMs`, so that each event is published by itself. */
const APART_MS = 330;

/** The functions, with their calls counted. */
function counted(libc: LibcFunctions): { libc: LibcFunctions; calls: Map<string, number> } {
  const calls = new Map<string, number>();
  const wrapped = Object.fromEntries(
    Object.entries(libc).map(([name, call]) => [name, (...args: unknown[]) => {
      calls.set(name, (calls.get(name) ?? 0) + 1);
      return (call as (...args: unknown[]) => unknown)(...args);
    }]),
  );
  return { libc: wrapped as unknown as LibcFunctions, calls };
}

namespaceTest(
  import.meta.url,
  "30 isolated events cost one blocking poll each and no traffic on the wake-up descriptor",
  async () => {
    await ip("link set lo up");
    const { close, libc } = openLibc();
    const { calls, libc: functions } = counted(libc);
    const runtime = new LinuxRuntime(new Syscalls(functions), close);
    const source = new LinuxSource(runtime, {}, () => runtime.dispose());
    const monitor = await NetworkMonitor.open({ source, reconcileIntervalMs: Infinity });
    using changer = new NetworkChanger();
    const iterator = monitor.snapshots({ initial: false })[Symbol.asyncIterator]();
    await new Promise((resolve) => setTimeout(resolve, APART_MS));
    calls.clear();
    for (let i = 0; i < EVENTS; i++) {
      const next = iterator.next();
      changer.addAddress(1, Uint8Array.of(10, 0, 0, i), 32);
      assertEquals((await next).value?.changes.length, 1);
      await new Promise((resolve) => setTimeout(resolve, APART_MS));
    }
    const counts = Object.fromEntries(calls);
    const total = [...calls.values()].reduce((sum, count) => sum + count, 0);
    assertEquals(counts["poll_blocking"], EVENTS);
    // the wake-up descriptor: timerfd_settime makes it readable, read makes it quiet
    assertEquals([counts["timerfd_settime"], counts["write"], counts["read"]], [
      undefined,
      undefined,
      undefined,
    ]);
    assert(total <= EVENTS * 20, `${total / EVENTS} calls an event: ${JSON.stringify(counts)}`);
    console.log(`${total / EVENTS} calls an event: ${JSON.stringify(counts)}`);
    await monitor.close();
    await source[Symbol.asyncDispose]();
  },
);
