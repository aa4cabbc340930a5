import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { backoffMs } from "../../actor/machine/step.ts";
import { addresses, eth0, record, setUp } from "./support.ts";

Deno.test("backoffMs() doubles from 50 ms to 30 s, less at most half", () => {
  const whole = [0, 1, 2, 3, 9, 10, 100, 10_000].map((attempt) => backoffMs(attempt, 0));
  assertEquals(whole, [50, 100, 200, 400, 25_600, 30_000, 30_000, 30_000]);
  assertEquals(backoffMs(0, 0.5), 38);
  assert(backoffMs(0, 1 - Number.EPSILON) >= 25);
  assert(backoffMs(20, 1 - Number.EPSILON) >= 15_000);
});

Deno.test("a lost socket is opened again after 50 ms and what differs is published as reopen", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.end(new Error("ENOTCONN"));
  await it.clock.settle();
  assertEquals(it.monitor.health.status, "degraded");
  assertEquals(it.monitor.health.lastError, "ENOTCONN");
  assertStringIncludes(it.monitor.health.reason!, "ENOTCONN");
  assertEquals(it.source.calls.dispose, 1);
  await it.clock.advance(49);
  assertEquals(it.source.calls.subscribe, 1);
  await it.clock.advance(1);
  assertEquals(it.source.calls.subscribe, 2);
  assertEquals([it.monitor.current.cause, addresses(it.monitor.current)[0]], [
    "reopen",
    "192.0.2.2",
  ]);
  assertEquals(it.monitor.health.status, "live");
  const { reopens, canaries, driftsFound } = it.monitor.metrics;
  assertEquals([reopens, canaries, driftsFound], [1, 1, 0]);
  it.source.set([eth0("192.0.2.3/24")]);
  it.source.announce();
  await it.clock.advance(250);
  assertEquals(it.monitor.current.causes, ["event"]);
});

Deno.test("a socket that ends without an error is lost too", async () => {
  await using it = await setUp();
  it.source.end();
  await it.clock.advance(50);
  assertEquals([it.source.calls.subscribe, it.monitor.metrics.reopens], [2, 1]);
  assertEquals(it.monitor.health.lastError, "The subscription ended");
});

Deno.test("a view() that throws loses the socket with that error", async () => {
  await using it = await setUp();
  it.source.viewError = new Error("Broken view");
  it.source.announce();
  await it.clock.settle();
  assertEquals([it.monitor.health.status, it.monitor.health.lastError], [
    "degraded",
    "Broken view",
  ]);
  it.source.viewError = null;
  await it.clock.advance(50);
  assertEquals(it.monitor.health.status, "live");
});

Deno.test("a view() that throws after a refresh still answers it", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.viewError = new Error("Broken view");
  assertEquals(addresses(await it.monitor.refresh()), ["192.0.2.2"]);
});

Deno.test("an async adopt() that rejects loses the socket with that error", async () => {
  await using it = await setUp();
  const subscribe = it.source.subscribe.bind(it.source);
  it.source.subscribe = async () => {
    const subscription = await subscribe();
    subscription.adopt = () => Promise.reject(new Error("Broken adopt")); // TypeScript allows it
    return subscription;
  };
  it.source.end();
  await it.clock.advance(50);
  assertEquals([it.monitor.health.status, it.monitor.health.lastError], [
    "degraded",
    "Broken adopt",
  ]);
});

Deno.test("attempts follow the backoff, and the log stays short", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: Infinity } });
  it.source.refuse(12);
  it.source.end();
  const at: number[] = [];
  let known = it.source.calls.subscribe;
  for (const begin = it.clock.monotonic(); at.length < 13;) {
    await it.clock.advance(50);
    if (it.source.calls.subscribe > known) at.push(it.clock.monotonic() - begin);
    known = it.source.calls.subscribe;
  }
  const waits = at.map((time, i) => time - (at[i - 1] ?? 0));
  const doubled = [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600];
  assertEquals(waits, [...doubled, 30_000, 30_000, 30_000]);
  assertEquals(it.log.at("warn").length, 1);
  assertEquals(it.log.at("info").length, 1);
  assertEquals(it.log.at("debug").length, 12);
  assertEquals(it.monitor.health.status, "live");
});

Deno.test("each reconcile tick cuts a wait short", async () => {
  await using it = await setUp();
  it.source.refuse(9);
  it.source.end();
  await it.clock.advance(15_000 - 250 - 1);
  assertEquals(it.source.calls.subscribe, 9); // the 10th would come 12.8 s after the 9th
  await it.clock.advance(1);
  assertEquals(it.source.calls.subscribe, 10);
  assertEquals(it.clock.pending, 2); // the interval, and the wait for the next attempt
});

Deno.test("a tick that cuts a wait short leaves no timer of it", async () => {
  await using it = await setUp();
  it.source.refuse(8);
  it.source.end();
  await it.clock.advance(14_750);
  assertEquals([it.monitor.health.status, it.clock.pending], ["live", 1]);
});

Deno.test("a socket that is lost between two rounds leaves no timer", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.2/24")]);
  await it.clock.advance(14_750);
  assertEquals(it.clock.pending, 2); // the interval, and the next round
  it.source.refuse(1);
  it.source.end();
  await it.clock.settle();
  assertEquals(it.clock.pending, 2); // the interval, and the next attempt
});

Deno.test("the backoff restarts only after a subscription lived 30 s", async () => {
  const lifetimes: [number, number][] = [[29_999, 100], [30_000, 50]];
  for (const [lifetime, wait] of lifetimes) {
    await using it = await setUp({ monitor: { reconcileIntervalMs: Infinity } });
    it.source.end();
    await it.clock.advance(50);
    await it.clock.advance(lifetime);
    it.source.end();
    await it.clock.advance(wait - 1);
    assertEquals(it.source.calls.subscribe, 2);
    await it.clock.advance(1);
    assertEquals(it.source.calls.subscribe, 3);
  }
});

Deno.test("a canary that is missed replaces the socket at once", async () => {
  for (const canary of ["misses", new Error("EBADF")] as const) {
    await using it = await setUp();
    it.source.canary = canary;
    it.source.set([eth0("192.0.2.2/24")]);
    await it.clock.advance(14_750);
    assertEquals(it.source.calls.subscribe, 2);
    assertEquals(it.monitor.health.status, "degraded");
    assertEquals(it.monitor.metrics.canariesMissed, 2); // the new one is on trial
    assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
    it.source.canary = "answers";
    await it.clock.advance(50);
    assertEquals([it.source.calls.subscribe, it.monitor.health.status], [3, "live"]);
  }
});

Deno.test("a canary has 1 s to be answered", async () => {
  await using it = await setUp();
  it.source.canary = "hangs";
  await it.clock.advance(14_750 + 999);
  assertEquals([it.monitor.health.status, it.monitor.metrics.canariesMissed], ["live", 0]);
  it.source.canary = "answers";
  await it.clock.advance(1);
  assertEquals(it.monitor.metrics.canariesMissed, 1);
  assertEquals([it.source.calls.subscribe, it.monitor.health.status], [2, "live"]);
});

Deno.test("a canary that the lost socket never answers does not count against the next one", async () => {
  await using it = await setUp();
  it.source.canary = "hangs";
  await it.clock.advance(14_750);
  it.source.end();
  it.source.canary = "answers";
  await it.clock.advance(2_000);
  assertEquals([it.source.calls.subscribe, it.monitor.health.status], [2, "live"]);
  assertEquals(it.monitor.metrics.canariesMissed, 0);
});

Deno.test("a reopened socket that has answered its canary is replaced at once when it falls silent", async () => {
  await using it = await setUp();
  it.source.end();
  await it.clock.advance(50);
  assertEquals([it.source.calls.subscribe, it.source.calls.probe], [2, 1]);
  it.source.canary = "misses";
  await it.clock.advance(15_000 - 300);
  assertEquals(it.source.calls.subscribe, 3);
});

Deno.test("one canary is under way at a time", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: 300 } });
  it.source.canary = "hangs";
  await it.clock.advance(950);
  assertEquals([it.source.calls.probe, it.monitor.metrics.reconciles], [1, 4]);
});

Deno.test("a socket that stays deaf is replaced at growing intervals", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: 3_600_000 } });
  it.source.canary = "misses";
  await it.clock.advance(3_600_000);
  const before = it.source.calls.subscribe;
  await it.clock.advance(300_000);
  assert(it.source.calls.subscribe - before < 25);
  assertEquals(it.log.at("warn").length, 1);
});

Deno.test("a subscribe() that hangs times out, and a subscription that it returns later is released", async () => {
  await using it = await setUp();
  it.source.holdSubscribes();
  it.source.end();
  await it.clock.advance(50 + 5_000);
  assertStringIncludes(it.monitor.health.lastError!, "5000 ms");
  assertEquals(it.source.open, 0);
  it.source.releaseSubscribes();
  await it.clock.advance(100);
  assertEquals([it.source.calls.subscribe, it.source.calls.dispose, it.source.open], [3, 2, 1]);
});

Deno.test("without a subscription the reading is published as the state", async () => {
  await using it = await setUp();
  it.source.refuse(1_000);
  it.source.end();
  it.source.set([eth0("192.0.2.2/24")]);
  await it.clock.advance(14_750);
  assertEquals([it.monitor.current.cause, addresses(it.monitor.current)[0]], [
    "reconcile",
    "192.0.2.2",
  ]);
  const { driftsFound, reconciles } = it.monitor.metrics;
  assertEquals([driftsFound, reconciles], [0, 1]);
  assertEquals(it.monitor.health.status, "degraded");
});

Deno.test("while no socket can be opened, every reconcile tick reads", async () => {
  await using it = await setUp();
  it.source.refuse(1_000);
  it.source.end();
  await it.clock.advance(14_750);
  for (let n = 2; n < 5; n++) {
    it.source.set([eth0(`192.0.2.${n}/24`)]);
    await it.clock.advance(15_000);
    assertEquals([addresses(it.monitor.current)[0], it.monitor.metrics.reconciles], [
      `192.0.2.${n}`,
      n,
    ]);
  }
});

Deno.test("a reopened socket whose first read fails is opened again", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: Infinity } });
  it.source.failReads(1, new Error("EINTR"));
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.end();
  await it.clock.advance(50);
  assertEquals([it.monitor.health.status, it.monitor.health.lastError], ["degraded", "EINTR"]);
  await it.clock.advance(100);
  assertEquals([it.monitor.health.status, it.source.open], ["live", 1]);
  assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
});

Deno.test("late events of a replaced socket are ignored", async () => {
  await using it = await setUp();
  it.source.end();
  it.source.emit({ kind: "overflow" });
  await it.clock.advance(50);
  assertEquals(it.monitor.metrics.overflows, 0);
});

Deno.test("an overflow is read, adopted and published as such", async () => {
  await using it = await setUp();
  const { view, adopt, read } = it.source.calls;
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.emit({ kind: "overflow" });
  await it.clock.settle();
  assertEquals([it.monitor.current.cause, addresses(it.monitor.current)[0]], [
    "overflow",
    "192.0.2.2",
  ]);
  const { calls } = it.source;
  assertEquals([calls.view - view, calls.adopt - adopt, calls.read - read], [1, 1, 1]);
  assertEquals(it.monitor.metrics.overflows, 1);
});

Deno.test("a resync is read in full and counts as malformed, not as an overflow", async () => {
  await using it = await setUp();
  const { read } = it.source.calls;
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.emit({ kind: "resync" });
  await it.clock.settle();
  assertEquals([it.monitor.current.causes, addresses(it.monitor.current)], [
    ["event"],
    ["192.0.2.2"],
  ]);
  const { malformed, overflows } = it.monitor.metrics;
  assertEquals([malformed, overflows, it.source.calls.read - read], [1, 0, 1]);
});

Deno.test("overflows during a read lead to one further read, never to two at once", async () => {
  await using it = await setUp();
  const { read } = it.source.calls;
  it.source.holdReads();
  for (let n = 0; n < 100; n++) it.source.emit({ kind: "overflow" });
  await it.clock.settle();
  assertEquals(it.source.calls.read - read, 1);
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.releaseReads();
  await it.clock.settle();
  assertEquals(it.source.calls.read - read, 2);
  assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
  assertEquals(it.monitor.metrics.overflows, 100);
});

Deno.test("an overflow whose read fails replaces the socket, so that another read follows", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: Infinity } });
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.failReads(1);
  it.source.emit({ kind: "overflow" });
  await it.clock.advance(50);
  assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
});

Deno.test("a reading from which no state can be built counts as a failed read", async () => {
  await using it = await setUp();
  const seen = record(it.monitor);
  const [only] = it.source.reading.interfaces;
  it.source.set([{ ...only!, addresses: [{ ...only!.addresses[0]!, address: "nonsense" }] }]);
  await it.clock.advance(14_750);
  assertEquals(it.monitor.metrics.readFailures, 1);
  assertEquals(seen.length, 1);
});

Deno.test("health.since moves with the status only", async () => {
  await using it = await setUp();
  const opened = it.monitor.health.since;
  it.source.announce();
  await it.clock.advance(1_000);
  assertEquals(it.monitor.health.since, opened);
  assertEquals(it.monitor.health.lastEventAt, opened + 250);
  it.source.refuse(2);
  it.source.end();
  it.source.failReads(1); // the new socket is lost in its turn
  await it.clock.advance(350);
  assertEquals([it.source.calls.subscribe, it.source.calls.dispose], [4, 2]);
  assertEquals(it.monitor.health.status, "degraded");
  assertEquals(it.monitor.health.since, opened + 1_250);
});

Deno.test("a subscription that throws undefined is lost with an error all the same", async () => {
  await using it = await setUp();
  it.source.viewError = undefined as never;
  it.source.announce();
  await it.clock.settle();
  assertEquals(it.monitor.health.lastError, "The subscription failed without a reason");
});
