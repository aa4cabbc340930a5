/**
 * Settling while a read is pending that will show what events have announced.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { addresses, eth0, hold, poll, setUp } from "./support.ts";

Deno.test("settling without a table waits for the read of a pending event", async () => {
  await using it = await setUp({ source: { keepsTable: false }, monitor: { coalesceMs: 0 } });
  const reader = it.monitor.snapshots({ settleMs: 100 }).getReader();
  await reader.read();
  const next = reader.read();
  await hold(it, "192.0.2.2/24", 90);
  it.source.holdReads();
  await hold(it, "192.0.2.1/24", 20);
  it.source.releaseReads();
  await it.clock.advance(1_000);
  assertEquals(await poll(it, next), null);
});

Deno.test("settling waits for a pending read at most until settleMaxMs, and for one that finds nothing", async () => {
  await using it = await setUp({ source: { keepsTable: false }, monitor: { coalesceMs: 0 } });
  const reader = it.monitor.snapshots({ settleMs: 100, settleMaxMs: 400 }).getReader();
  await reader.read();
  let next = reader.read();
  await hold(it, "192.0.2.2/24", 90);
  it.source.holdReads();
  it.source.emit({ kind: "changed" });
  await it.clock.advance(309);
  assertEquals(await poll(it, next), null);
  await it.clock.advance(1);
  assertEquals(addresses((await next).value!), ["192.0.2.2"]);
  it.source.releaseReads();
  await it.clock.advance(3_000); // reads rest three times as long as the last one took
  next = reader.read();
  await hold(it, "192.0.2.3/24", 90);
  it.source.holdReads();
  it.source.emit({ kind: "changed" });
  await it.clock.advance(60);
  assertEquals(await poll(it, next), null);
  it.source.releaseReads();
  await it.clock.advance(20);
  assertEquals(addresses((await next).value!), ["192.0.2.3"]);
});

Deno.test("settling waits for the full read after an overflow", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  const reader = it.monitor.snapshots({ settleMs: 100 }).getReader();
  await reader.read();
  const next = reader.read();
  await hold(it, "192.0.2.2/24", 90);
  it.source.set([eth0("192.0.2.1/24")]);
  it.source.holdReads();
  it.source.emit({ kind: "overflow" });
  await it.clock.advance(60);
  it.source.releaseReads();
  await it.clock.advance(1_000);
  assertEquals(await poll(it, next), null);
});

Deno.test("settling waits for a read that has to rest after a long one", async () => {
  await using it = await setUp({ source: { keepsTable: false }, monitor: { coalesceMs: 0 } });
  const reader = it.monitor.snapshots({ settleMs: 50, settleMaxMs: 1_000 }).getReader();
  await reader.read();
  const next = reader.read();
  it.source.holdReads();
  await hold(it, "192.0.2.2/24", 40);
  it.source.releaseReads(); // the next one begins in three times 40 ms
  await it.clock.advance(20);
  await hold(it, "192.0.2.1/24", 60);
  assertEquals(it.monitor.metrics.published, 2);
  await it.clock.advance(2_000);
  assertEquals(await poll(it, next), null);
});

Deno.test("settling waits for the end of a window with one timer, not with one each millisecond", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ settleMs: 100 }).getReader();
  await reader.read();
  const next = reader.read();
  const delays: number[] = [];
  const setTimeout = it.clock.setTimeout.bind(it.clock);
  it.clock.setTimeout = (f, ms) => {
    delays.push(ms);
    return setTimeout(f, ms);
  };
  await hold(it, "192.0.2.2/24", 50);
  await hold(it, "192.0.2.3/24", 400);
  assertEquals(addresses((await next).value!), ["192.0.2.3"]);
  // settling, the window, the rest of the window, settling again
  assertEquals(delays, [100, 200, 151, 99]);
});
