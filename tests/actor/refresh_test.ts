import { assertEquals, assertRejects } from "@std/assert";
import { addresses, eth0, setUp, START } from "./support.ts";

Deno.test("refresh() resolves with the current snapshot when nothing differs", async () => {
  await using it = await setUp();
  const { read } = it.source.calls;
  assertEquals(await it.monitor.refresh(), it.monitor.current);
  assertEquals(it.source.calls.read, read + 1);
  assertEquals(it.monitor.current.sequence, 1);
});

Deno.test("refresh() publishes what differs and resolves with it", async () => {
  for (const keepsTable of [true, false]) {
    await using it = await setUp({ source: { keepsTable } });
    it.source.set([eth0("192.0.2.2/24")]);
    const snapshot = await it.monitor.refresh();
    assertEquals([snapshot.sequence, snapshot.cause, addresses(snapshot)[0]], [
      2,
      "refresh",
      "192.0.2.2",
    ]);
    assertEquals(snapshot, it.monitor.current);
  }
});

Deno.test("refresh() waits for the end of the window", async () => {
  await using it = await setUp();
  it.source.emit({ kind: "resumed", at: START, sleptMs: 1 });
  await it.clock.advance(100);
  it.source.set([eth0("192.0.2.2/24")]);
  let done = false;
  const refreshed = it.monitor.refresh().finally(() => done = true);
  await it.clock.advance(149);
  assertEquals(done, false);
  await it.clock.advance(1);
  assertEquals((await refreshed).at, START + 500);
});

Deno.test("refresh() resolves with the current snapshot when its change was undone within the window", async () => {
  await using it = await setUp();
  it.source.emit({ kind: "resumed", at: START, sleptMs: 1 });
  await it.clock.advance(100);
  it.source.set([eth0("192.0.2.2/24")]);
  const refreshed = it.monitor.refresh();
  await it.clock.settle();
  it.source.set([eth0("192.0.2.1/24")]);
  it.source.announce();
  await it.clock.advance(150);
  assertEquals((await refreshed).sequence, 2);
});

Deno.test("refresh() waits for a read that began after the call", async () => {
  await using it = await setUp();
  const { read } = it.source.calls;
  it.source.holdReads();
  const first = it.monitor.refresh();
  await it.clock.settle();
  it.source.set([eth0("192.0.2.2/24")]);
  const second = it.monitor.refresh();
  const third = it.monitor.refresh();
  it.source.releaseReads();
  await it.clock.settle();
  assertEquals((await first).sequence, 1);
  assertEquals([(await second).sequence, (await third).sequence], [2, 2]);
  assertEquals(it.source.calls.read - read, 2);
});

Deno.test("refresh() rejects with what the read threw", async () => {
  await using it = await setUp();
  it.source.failReads(1, new TypeError("Broken"));
  await assertRejects(() => it.monitor.refresh(), TypeError, "Broken");
  assertEquals((await it.monitor.refresh()).sequence, 1);
});

Deno.test("refresh() rejects with an error even if the read threw nothing", async () => {
  await using it = await setUp();
  it.source.read = () => Promise.reject(undefined);
  await assertRejects(
    () => it.monitor.refresh(),
    Error,
    "Reading the network failed without a reason",
  );
});

Deno.test("refresh() rejects with a TimeoutError when the read hangs", async () => {
  await using it = await setUp();
  it.source.holdReads();
  const refreshed = assertRejects(() => it.monitor.refresh(), DOMException, "5000 ms");
  await it.clock.advance(5_000);
  assertEquals((await refreshed).name, "TimeoutError");
});

Deno.test("refresh() works while there is no subscription", async () => {
  await using it = await setUp();
  it.source.refuse(1_000);
  it.source.end();
  await it.clock.settle();
  it.source.set([eth0("192.0.2.2/24")]);
  assertEquals((await it.monitor.refresh()).cause, "refresh");
});

Deno.test("the interval does not limit a read that refresh() requested together with a tick", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: 100 } });
  const { read } = it.source.calls;
  it.source.holdReads();
  it.source.emit({ kind: "overflow" }); // its read may take 5 seconds
  await it.clock.advance(150); // a tick asks for the next read
  let end = "pending";
  it.monitor.refresh().then(() => end = "resolved", (error) => end = String(error)); // and so does this
  it.source.releaseReads();
  it.source.holdReads();
  await it.clock.advance(300); // longer than the interval
  assertEquals([it.source.calls.read - read, end], [2, "pending"]);
  it.source.releaseReads();
  await it.clock.settle();
  assertEquals(end, "resolved");
});

// net-tools#206, iroh's network_change(): a host that knows better than the system decides when to look
Deno.test("refresh() alone finds changes where nothing is announced or compared", async () => {
  for (const keepsTable of [true, false]) {
    await using it = await setUp({
      source: { keepsTable },
      monitor: { reconcileIntervalMs: Infinity },
    });
    const { read } = it.source.calls;
    it.source.set([eth0("192.0.2.2/24")]);
    await it.clock.advance(3_600_000);
    assertEquals([it.source.calls.read - read, it.monitor.current.sequence], [0, 1]);
    assertEquals(addresses(await it.monitor.refresh()), ["192.0.2.2"]);
    await it.monitor.refresh(); // nothing differs: nothing is published
    assertEquals([it.source.calls.read - read, it.monitor.current.sequence], [2, 2]);
    assertEquals([it.clock.pending, it.monitor.metrics.driftsFound], [0, 0]);
  }
});
