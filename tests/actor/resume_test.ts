import { assertEquals } from "@std/assert";
import { addresses, eth0, prepare, publish, record, setUp, START } from "./support.ts";

const LONG = 600_000;

Deno.test("a resume is published at once, before the read that it leads to", async () => {
  await using it = await setUp();
  const { read } = it.source.calls;
  it.source.emit({ kind: "resumed", at: START + 7, sleptMs: 90_000 });
  await it.clock.settle();
  const { cause, causes, changes, major, state } = it.monitor.current;
  assertEquals([cause, causes, major], ["resume", ["resume"], false]);
  assertEquals(changes, [{ kind: "resumed", at: START + 7, sleptMs: 90_000 }]);
  assertEquals([state.resumedAt, state.sleptMs], [START + 7, 90_000]);
  assertEquals(it.source.calls.read, read + 1);
  assertEquals(it.monitor.metrics.resumes, 1);
  assertEquals(it.monitor.health.lastEventAt, it.clock.now());
});

Deno.test("a resume of 600000 ms or more is major", async () => {
  for (const sleptMs of [LONG - 1, LONG]) {
    await using it = await setUp();
    it.source.emit({ kind: "resumed", at: START, sleptMs });
    await it.clock.settle();
    assertEquals(it.monitor.current.major, sleptMs === LONG);
  }
});

Deno.test("resumes get a publication each", async () => {
  await using it = await setUp();
  const seen = record(it.monitor);
  it.source.emit({ kind: "resumed", at: START + 1, sleptMs: LONG });
  it.source.emit({ kind: "resumed", at: START + 2, sleptMs: 1_000 });
  it.source.emit({ kind: "resumed", at: START + 2, sleptMs: 1_000 }); // the same one again
  await it.clock.advance(750);
  it.source.emit({ kind: "resumed", at: START + 3, sleptMs: 2_000 });
  await it.clock.advance(2_000);
  it.source.emit({ kind: "resumed", at: START + 3, sleptMs: 2_000 }); // again, although published
  it.source.emit({ kind: "resumed", at: START + 4, sleptMs: 3_000 });
  await it.clock.settle();
  assertEquals(seen.map((s) => [s.at - START, s.state.sleptMs, s.causes]), [
    [0, null, ["initial"]],
    [250, LONG, ["resume"]],
    [500, 1_000, ["resume"]],
    [1_000, 2_000, ["resume"]],
    [3_000, 3_000, ["resume"]],
  ]);
});

Deno.test("two resumes get a publication each with coalesceMs 0", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  const seen = record(it.monitor);
  it.source.emit({ kind: "resumed", at: START + 1, sleptMs: LONG });
  it.source.emit({ kind: "resumed", at: START + 2, sleptMs: 1_000 });
  await it.clock.settle();
  assertEquals(seen.map((s) => s.state.sleptMs), [null, LONG, 1_000]);
});

Deno.test("resumes that wait for the same window get a publication each, in order", async () => {
  await using it = await setUp();
  const seen = record(it.monitor);
  for (const sleptMs of [LONG, 1_000, 2_000, 3_000]) {
    it.source.emit({ kind: "resumed", at: START + sleptMs, sleptMs });
  }
  await it.clock.advance(2_000);
  assertEquals(seen.map((s) => s.state.sleptMs), [null, LONG, 1_000, 2_000, 3_000]);
});

Deno.test("a resume that was pending when the subscription was lost is published", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  it.source.viewError = new Error("Lost");
  it.source.emit({ kind: "changed" }); // its view fails, and the subscription is replaced
  it.source.emit({ kind: "resumed", at: START + 7, sleptMs: LONG });
  it.source.emit({ kind: "overflow" }); // of the lost subscription: the next one reads everything
  await it.clock.settle();
  const { causes, state } = it.monitor.current;
  assertEquals([causes, state.sleptMs], [["resume"], LONG]);
  const { events, overflows, resumes } = it.monitor.metrics;
  assertEquals([events, overflows, resumes], [1, 0, 1]);
});

Deno.test("a resume stays in the state that later events make", async () => {
  await using it = await setUp();
  it.source.emit({ kind: "resumed", at: START, sleptMs: 5_000 });
  await it.clock.advance(300);
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  assertEquals(it.monitor.current.state.sleptMs, 5_000);
  assertEquals(it.monitor.current.changes.map((change) => change.kind), [
    "address-removed",
    "address-added",
  ]);
});

Deno.test("a long sleep is one reason for a subscriber, although something else changed after it", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ initial: false }).getReader();
  it.source.emit({ kind: "resumed", at: START, sleptMs: LONG });
  await it.clock.advance(300);
  await publish(it, "192.0.2.2/24");
  const { value } = await reader.read();
  assertEquals(value!.reasons.map(({ kind }) => kind).toSorted(), [
    "address-unusable",
    "address-usable",
    "resumed",
  ]);
});

Deno.test("a resume finds what changed during the sleep", async () => {
  await using it = await setUp();
  it.source.set([eth0("198.51.100.1/24")]);
  it.source.emit({ kind: "resumed", at: START, sleptMs: LONG });
  await it.clock.advance(300);
  assertEquals(addresses(it.monitor.current), ["198.51.100.1"]);
});

Deno.test("a resume without a table is published before the read it starts", async () => {
  await using it = await setUp({ source: { keepsTable: false } });
  it.source.holdReads();
  it.source.announce();
  it.source.emit({ kind: "resumed", at: START, sleptMs: LONG });
  await it.clock.settle();
  assertEquals(it.monitor.current.cause, "resume");
});

Deno.test("a resume while the first read is under way is in the first snapshot", async () => {
  const it = prepare();
  it.source.holdReads();
  const opening = it.open();
  await it.clock.settle();
  it.source.emit({ kind: "resumed", at: START, sleptMs: 42 });
  await it.clock.settle();
  it.source.releaseReads();
  await using monitor = await opening;
  assertEquals(monitor.current.causes, ["initial", "resume"]);
  assertEquals(monitor.current.state.sleptMs, 42);
});

Deno.test("a sleep whose times are not finite is ignored", async () => {
  await using it = await setUp();
  for (const [at, sleptMs] of [[NaN, 1_000], [START, NaN], [START, Infinity], [START, 1n]]) {
    it.source.emit({ kind: "resumed", at: at as number, sleptMs: sleptMs as number });
    await it.clock.advance(1_000);
  }
  assertEquals([it.monitor.current.sequence, it.monitor.metrics.resumes], [1, 0]);
});

Deno.test("a long sleep makes only one snapshot of a reader major", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ initial: false }).getReader();
  const slept = reader.read();
  it.source.emit({ kind: "resumed", at: START, sleptMs: LONG });
  assertEquals((await slept).value?.reasons, [{ kind: "resumed", sleptMs: LONG }]);
  for (const mtu of [1_400, 1_300]) { // two publications, so that the reader gets the sum
    it.source.set([{ ...eth0("192.0.2.1/24"), mtu }]);
    it.source.announce();
    await it.clock.advance(250);
  }
  const { value } = await reader.read();
  assertEquals([value?.causes, value?.reasons], [["event"], []]);
  await reader.cancel();
});
