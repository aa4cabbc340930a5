/**
 * The rounds in which reconcile compares the table with the kernel, and when their reads begin.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { restMs } from "../../actor/machine/reads.ts";
import { scriptedAddress, scriptedRoute } from "../../actor/testing.ts";
import { addresses, eth0, nic, type OpenSetting, record, setUp, START } from "./support.ts";

/** Reads take so many milliseconds from now on. Returns when they began, in monotonic milliseconds. */
function slowReads(it: OpenSetting, ms: number): number[] {
  const begun: number[] = [];
  const read = it.source.read.bind(it.source);
  it.source.read = async () => {
    begun.push(it.clock.monotonic());
    await new Promise<void>((resolve) => void it.clock.setTimeout(resolve, ms));
    return read();
  };
  return begun;
}

Deno.test("once a table agrees again after a read that raced with events, a later difference is drift", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  it.source.holdReads();
  const refreshed = it.monitor.refresh();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  it.source.releaseReads();
  await refreshed;
  await it.clock.advance(1_000);
  it.source.set([eth0("192.0.2.3/24")]); // is not announced
  await it.clock.advance(15_000);
  assertEquals(addresses(it.monitor.current), ["192.0.2.3"]);
  const { driftsFound, reopens } = it.monitor.metrics;
  assertEquals([driftsFound, reopens], [1, 1]);
});

Deno.test("another difference in the second round, instead of the first one, is not drift", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.1/24", "192.0.2.2/24")]); // its messages are in flight at the first round
  await it.clock.advance(14_750 + 20);
  it.source.set([eth0("192.0.2.1/24", "192.0.2.3/24")]); // and at the second
  await it.clock.advance(40);
  it.source.announce();
  await it.clock.advance(1_000);
  const { driftsFound, reopens } = it.monitor.metrics;
  assertEquals([driftsFound, reopens, it.monitor.current.causes], [0, 0, ["event"]]);
});

Deno.test("a refresh() that fails between two rounds does not end the comparison", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.2/24")]); // is not announced
  await it.clock.advance(14_750);
  it.source.failReads(1);
  await assertRejects(() => it.monitor.refresh());
  await it.clock.advance(50);
  assertEquals([addresses(it.monitor.current), it.monitor.metrics.driftsFound], [["192.0.2.2"], 1]);
});

Deno.test("a difference that persists is drift in the fourth round, even if events come in between", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  const lost = eth0("192.0.2.1/24", "192.0.2.2/24");
  it.source.set([lost]);
  await it.clock.advance(15_000);
  for (let n = 1; n <= 3; n++) {
    assertEquals([it.monitor.metrics.reconciles, it.monitor.metrics.driftsFound], [n, 0]);
    await it.clock.advance(25);
    it.source.set([lost, nic(`veth${n}`)]);
    it.source.announce(`veth${n}`);
    await it.clock.advance(25);
  }
  assertEquals(it.monitor.metrics.driftsFound, 1);
  assertEquals(addresses(it.monitor.current), ["192.0.2.1", "192.0.2.2"]);
});

Deno.test("the second round begins 50 ms after the first, however long reads take", async () => {
  await using it = await setUp();
  const begun = slowReads(it, 40);
  it.source.set([eth0("192.0.2.2/24")]);
  await it.clock.advance(14_750 + 200);
  assertEquals(begun.slice(0, 2), [15_000, 15_090]);
});

Deno.test("a read requested before the first round is no second one: the message is under way", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 }, source: { keepsTable: false } });
  const begun = slowReads(it, 2);
  const refreshed = it.monitor.refresh(); // its read is adopted, which ends the check that the sleep begins
  await it.clock.advance(1);
  it.source.emit({ kind: "resumed", at: START, sleptMs: 60_000 });
  await it.clock.advance(8);
  await refreshed;
  assertEquals(begun.length, 2);
  it.source.emit({ kind: "clock-stepped" }); // begins another, while the read of the first is under way
  it.source.set([eth0("192.0.2.2/24")]);
  await it.clock.advance(30);
  assertEquals([begun.length, it.monitor.metrics.driftsFound], [3, 0]);
  it.source.announce();
  await it.clock.advance(1_000);
  const { driftsFound, reopens } = it.monitor.metrics;
  assertEquals([driftsFound, reopens, addresses(it.monitor.current)], [0, 0, ["192.0.2.2"]]);
});

Deno.test("the first read of a new socket does not wait for its pace", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: Infinity } });
  const begun = slowReads(it, 40);
  it.source.emit({ kind: "overflow" });
  await it.clock.advance(41);
  it.source.end();
  await it.clock.advance(200);
  const [first, second] = begun;
  assertEquals(second! - first!, 41 + 50); // 50 ms: the backoff
});

Deno.test("a read that took 5 s and failed does not delay the next one", async () => {
  await using it = await setUp();
  it.source.holdReads();
  await it.clock.advance(14_750 + 5_000);
  assertEquals(it.monitor.metrics.readFailures, 1);
  it.source.releaseReads();
  const { read } = it.source.calls;
  it.source.emit({ kind: "overflow" });
  await it.clock.settle();
  assertEquals(it.source.calls.read, read + 1);
});

Deno.test("a default route that changed silently while a resume waits for its window has both causes", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.advance(100);
  it.source.set({ defaultRoute: { ipv4: scriptedRoute("eth0"), ipv6: null } });
  it.source.emit({ kind: "resumed", at: START, sleptMs: 1_000 });
  await it.clock.advance(150);
  assertEquals([it.monitor.current.sequence, it.monitor.current.causes], [3, [
    "resume",
    "reconcile",
  ]]);
  assertEquals(it.monitor.metrics.routeSurprises, 1);
});

Deno.test("without a table, what the BSDs never announce is published at once, and is not drift", async () => {
  const before = eth0("192.0.2.1/24");
  const silent: Record<string, typeof before> = {
    "a driver stopped": { ...before, running: false, flags: 1 },
    "an address is deprecated": {
      ...before,
      addresses: [scriptedAddress("192.0.2.1/24", { deprecated: true })],
    },
  };
  for (const [what, after] of Object.entries(silent)) {
    await using it = await setUp({ source: { keepsTable: false } });
    it.source.set([after]);
    await it.clock.advance(14_750);
    const { metrics: { driftsFound, reopens }, current } = it.monitor;
    assertEquals([driftsFound, reopens, current.causes], [0, 0, ["reconcile"]], what);
    await it.clock.advance(15_000);
    assertEquals(it.monitor.metrics.reconciles, 2);
  }
});

Deno.test("with a table, a carrier that changed without a message is drift, and no view undoes it", async () => {
  await using it = await setUp();
  it.source.set([{ ...eth0("192.0.2.1/24"), running: false }]);
  await it.clock.advance(15_000);
  it.source.emit({ kind: "changed" });
  await it.clock.advance(1_000);
  assertEquals(it.monitor.current.state.interfaces.eth0?.running, false);
  assertEquals([it.monitor.metrics.driftsFound, it.monitor.metrics.published], [1, 2]);
});

Deno.test("a comparison does not publish the default route of a read that is older than the view", async () => {
  await using it = await setUp();
  const seen = record(it.monitor);
  it.source.holdReads();
  await it.clock.advance(14_750); // a read that knows nothing of what follows
  it.source.setDefaultRoute("IPv4", scriptedRoute("eth0"));
  await it.clock.advance(250);
  it.source.releaseReads();
  await it.clock.advance(1_000);
  assertEquals(seen.map(({ state }) => state.defaultRouteInterface), [null, "eth0"]);
});

Deno.test("comparisons leave three quarters of the time to the program", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: 100 } });
  const begun = slowReads(it, 40);
  await it.clock.advance(1_000);
  const gaps = begun.slice(1).map((at, i) => at - begun[i]!);
  assertEquals(gaps.filter((gap) => gap < 160), []);
});

Deno.test("restMs() is three times the work, at least 1 ms and at most 3 s, and nothing for no work", () => {
  assertEquals([0, 0.1, 1, 40, 2_000].map(restMs), [0, 1, 3, 120, 3_000]);
});
