import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { scriptedRoute } from "../../actor/testing.ts";
import { Random } from "../support/random.ts";
import { addresses, eth0, nic, record, setUp } from "./support.ts";

for (const keepsTable of [true, false]) {
  const kind = keepsTable ? "with a table" : "without a table";

  Deno.test(`reconcile publishes within one interval what no event announced, ${kind}`, async () => {
    await using it = await setUp({ source: { keepsTable } });
    await it.clock.advance(14_750);
    it.source.set([eth0("192.0.2.2/24")]);
    await it.clock.advance(15_000 + 50);
    assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
    assertEquals(it.monitor.current.cause, "reconcile");
    assertEquals(it.monitor.metrics.driftsFound, 1);
  });

  Deno.test(`reconcile publishes nothing over ten intervals without a change, ${kind}`, async () => {
    await using it = await setUp({ source: { keepsTable } });
    await it.clock.advance(150_000);
    const { published, reconciles, fullReads, canaries, driftsFound } = it.monitor.metrics;
    assertEquals({ published, reconciles, fullReads, canaries, driftsFound }, {
      published: 1,
      reconciles: 10,
      fullReads: 11,
      canaries: 10,
      driftsFound: 0,
    });
    assertEquals(it.monitor.health.lastReconcileAt, it.clock.now() - 250);
    assertEquals(it.log.lines, []);
  });

  Deno.test(`reconcile publishes a default route that changed silently at once, ${kind}`, async () => {
    await using it = await setUp({ source: { keepsTable } });
    it.source.set({ defaultRoute: { ipv4: scriptedRoute("eth0", "192.0.2.254"), ipv6: null } });
    await it.clock.advance(15_000);
    assertEquals(it.monitor.current.cause, "reconcile");
    assertEquals(it.monitor.current.state.defaultRouteInterface, "eth0");
    const { routeSurprises, driftsFound, reopens } = it.monitor.metrics;
    assertEquals({ routeSurprises, driftsFound, reopens }, {
      routeSurprises: 1,
      driftsFound: 0,
      reopens: 0,
    });
    assertEquals(it.monitor.health.status, "live");
  });
}

Deno.test("reconcile publishes what it read when the view throws and no socket can be opened", async () => {
  await using it = await setUp();
  it.source.viewError = new Error("Broken view");
  it.source.refuse(1_000);
  it.source.set([eth0("192.0.2.2/24")]);
  await it.clock.advance(15_000);
  assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
  assertEquals([it.monitor.current.cause, it.monitor.metrics.reconciles], ["reconcile", 1]);
});

Deno.test("reconcile with Infinity never reads, sends no canary and runs no timer", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: Infinity } });
  it.source.set([eth0("192.0.2.2/24")]);
  await it.clock.advance(10_000_000);
  assertEquals([it.source.calls.read, it.source.calls.probe, it.clock.pending], [1, 0, 0]);
});

Deno.test("reconcile that finds drift names it, replaces the socket and is live again", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  it.source.canary = "hangs";
  it.source.set([eth0("192.0.2.1/24", "192.0.2.2/24"), nic("\u001b[2Jeth1")]);
  await it.clock.advance(15_000 - 1);
  assertEquals(it.monitor.current.sequence, 1);
  it.source.canary = "answers";
  await it.clock.advance(1);
  assertEquals(it.monitor.current.sequence, 1); // one round proves nothing
  it.source.canary = "hangs";
  await it.clock.advance(50);
  assertEquals([it.monitor.current.sequence, it.monitor.current.cause], [2, "reconcile"]);
  assertEquals(it.monitor.health.status, "degraded");
  assertEquals([it.source.open, it.source.calls.dispose], [1, 1]);
  const [warning] = it.log.at("warn");
  assertStringIncludes(warning!, "eth0 got 192.0.2.2/24");
  assert(!warning!.includes("\u001b"));
  assertStringIncludes(it.monitor.health.reason!, "eth0 got 192.0.2.2/24");
  assertEquals(it.monitor.metrics.reopens, 1);
});

Deno.test("reconcile is live again only when the new socket has answered its canary", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.2/24")]);
  await it.clock.advance(15_000 - 250);
  it.source.canary = "hangs";
  await it.clock.advance(50);
  assertEquals(it.monitor.health.status, "degraded");
  assertEquals(it.source.calls.probe, 2);
  it.source.canary = "answers";
  await it.clock.advance(1_000 + 50);
  assertEquals(it.monitor.health.status, "live");
  assertEquals(it.monitor.health.reason, null);
  assertEquals(it.log.at("info").filter((line) => !line.includes("is major")).length, 1);
});

Deno.test("reconcile publishes drift without waiting for the new socket", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.holdSubscribes();
  await it.clock.advance(15_050);
  assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
  assertEquals(it.monitor.health.status, "degraded");
});

Deno.test("reconcile does not let an older table undo what it published", async () => {
  await using it = await setUp();
  const seen = record(it.monitor);
  it.source.set([eth0("192.0.2.2/24")]);
  await it.clock.advance(16_000);
  it.source.emit({ kind: "changed" });
  await it.clock.advance(60_000);
  assertEquals(seen.map(addresses), [["192.0.2.1"], ["192.0.2.2"]]);
});

Deno.test("reconcile treats a message that arrives between two rounds as late, not as lost", async () => {
  await using it = await setUp();
  await it.clock.advance(14_749);
  it.source.set([eth0("192.0.2.2/24")]);
  await it.clock.advance(11);
  assertEquals(it.monitor.current.sequence, 1);
  it.source.announce();
  await it.clock.advance(100);
  assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
  assertEquals(it.monitor.current.causes, ["event"]);
  const { driftsFound, reconciles, reopens } = it.monitor.metrics;
  assertEquals([driftsFound, reconciles, reopens], [0, 2, 0]);
});

Deno.test("reconcile publishes what waited for its window as an event", async () => {
  await using it = await setUp();
  await it.clock.advance(14_740);
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.advance(5);
  it.source.set({ defaultRoute: { ipv4: scriptedRoute("eth0"), ipv6: null } });
  it.source.announce();
  await it.clock.advance(300);
  assertEquals(it.monitor.current.causes, ["event"]);
  assertEquals(it.monitor.metrics.routeSurprises, 0);
});

Deno.test("reconcile finds no drift in 1000 ticks on a healthy socket under constant churn", async () => {
  const random = new Random(20_260_401);
  await using it = await setUp({ monitor: { reconcileIntervalMs: 200, coalesceMs: 250 } });
  let late: (() => void)[] = [];
  for (let n = 0; it.monitor.metrics.reconciles < 1_000; n++) {
    // a container every few milliseconds, and messages that sometimes lag behind what a dump shows
    const name = `veth${n % 8}`;
    const others = it.source.reading.interfaces.filter((one) => one.name !== name);
    const made = nic(name, `10.1.${random.below(200)}.${n % 250}/16`);
    it.source.set(random.chance(0.5) ? [...others, made] : others);
    if (random.chance(0.6)) late.push(() => it.source.announce(name));
    else it.source.announce(name);
    await it.clock.advance(7);
    for (const announce of late) announce();
    late = [];
  }
  const { driftsFound, reopens } = it.monitor.metrics;
  assertEquals([driftsFound, reopens, it.log.at("warn")], [0, 0, []]);
});

Deno.test("a record that differs in two rounds with events in between is no drift", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.1/24"), nic("veth1")]); // in flight at the first round
  await it.clock.advance(14_750 + 20);
  it.source.announce();
  it.source.set([eth0("192.0.2.1/24")]);
  it.source.announce();
  it.source.set([eth0("192.0.2.1/24"), nic("veth1")]); // in flight again at the second
  await it.clock.advance(50);
  it.source.announce();
  await it.clock.advance(1_000);
  const { driftsFound, reconciles } = it.monitor.metrics;
  assertEquals([driftsFound, reconciles], [0, 3]);
});

Deno.test("reconcile without a table finds changes that go on between its rounds", async () => {
  await using it = await setUp({ source: { keepsTable: false } });
  it.source.set([eth0("192.0.2.1/24", "192.0.2.2/24")]);
  await it.clock.advance(14_750);
  it.source.set([eth0("192.0.2.1/24", "192.0.2.3/24")]);
  await it.clock.advance(50);
  assertEquals([addresses(it.monitor.current)[1], it.monitor.metrics.driftsFound], [
    "192.0.2.3",
    1,
  ]);
});

Deno.test("reconcile without a table finds no drift in what waits for its window", async () => {
  await using it = await setUp({ source: { keepsTable: false } });
  await it.clock.advance(14_700);
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.advance(40);
  it.source.set([eth0("192.0.2.3/24")]);
  const refreshed = it.monitor.refresh();
  await it.clock.advance(210);
  assertEquals((await refreshed).cause, "refresh");
  assertEquals([it.monitor.metrics.driftsFound, it.monitor.metrics.reconciles], [0, 1]);
});

Deno.test("reconcile without a table finds no drift while events come with every change", async () => {
  const random = new Random(7);
  await using it = await setUp({ source: { keepsTable: false } });
  let late = false;
  for (let n = 0; n < 10_000; n++) {
    it.source.set([eth0("192.0.2.1/24"), nic("veth1", `10.1.${n % 250}.1/16`)]);
    if (late) it.source.announce();
    late = random.chance(0.8);
    if (!late) it.source.announce();
    await it.clock.advance(7);
  }
  assertEquals(it.monitor.metrics.driftsFound, 0);
});

Deno.test("reconcile and a refresh that wait for the same read are both done by it", async () => {
  await using it = await setUp();
  await it.clock.advance(14_740);
  it.source.holdReads();
  const first = it.monitor.refresh();
  await it.clock.advance(10);
  const second = it.monitor.refresh();
  it.source.releaseReads();
  await it.clock.advance(1); // between two reads the event loop has its turn
  await Promise.all([first, second]);
  assertEquals(it.monitor.metrics.reconciles, 1);
  await it.clock.advance(15_000);
  assertEquals(it.monitor.metrics.reconciles, 2);
});

Deno.test("reconcile does not publish a read that is older than the published state", async () => {
  await using it = await setUp();
  const seen = record(it.monitor);
  it.source.holdReads();
  await it.clock.advance(14_750); // a read that knows nothing of what follows
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  it.source.refuse(1_000);
  it.source.end();
  await it.clock.advance(300);
  it.source.releaseReads();
  await it.clock.advance(900); // three times what the read took
  assertEquals(seen.map((s) => addresses(s)[0]), ["192.0.2.1", "192.0.2.2"]);
  assertEquals(it.monitor.metrics.reconciles, 1);
});

Deno.test("reconcile finds one lost message within one tick amid unrelated churn", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.2/24")]); // lost: only the containers are announced below
  for (let n = 0; n < 3_100; n++) {
    const kept = it.source.reading.interfaces.filter((one) => one.name !== "veth1");
    it.source.set(n % 2 === 0 ? [...kept, nic("veth1", "10.0.0.1/24")] : kept);
    it.source.announce("veth1");
    await it.clock.advance(5);
    if (it.clock.monotonic() >= 15_000 + 3 * 50 + 250) break;
  }
  assertEquals(it.monitor.metrics.driftsFound, 1);
  assert(addresses(it.monitor.current).includes("192.0.2.2"));
  const [warning] = it.log.at("warn");
  assert(!warning!.includes("veth1"));
});

Deno.test("reconcile aborts a read that hangs, drops its late result and tries again", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.66/24")]);
  it.source.holdReads();
  await it.clock.advance(15_000 - 250 + 4_999);
  assertEquals(it.monitor.metrics.readFailures, 0);
  await it.clock.advance(1);
  assertEquals(it.monitor.metrics.readFailures, 1);
  assertStringIncludes(it.monitor.health.lastError!, "5000 ms");
  assertEquals(it.log.at("warn").length, 1);
  it.source.set([eth0("192.0.2.1/24")]);
  const seen = record(it.monitor);
  it.source.releaseReads();
  await it.clock.advance(15_000);
  assertEquals(seen.length, 1);
  assertEquals(it.monitor.metrics.fullReads, 2);
  assertEquals(it.monitor.metrics.reconciles, 1);
});

Deno.test("reconcile aborts the signal of a read that took too long", async () => {
  await using it = await setUp();
  let given: AbortSignal | undefined;
  it.source.read = (signal) => {
    given = signal;
    return new Promise(() => {});
  };
  await it.clock.advance(14_750 + 4_999);
  assertEquals(given?.aborted, false);
  await it.clock.advance(1);
  assertEquals(given?.reason.name, "TimeoutError");
});

Deno.test("reconcile limits a read to its interval", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: 1_000 } });
  it.source.holdReads();
  await it.clock.advance(1_750);
  assertEquals([it.source.calls.read, it.monitor.metrics.readFailures], [2, 1]);
});

Deno.test("health is degraded after two reads in a row failed, with the reason, until one succeeds", async () => {
  await using it = await setUp();
  it.source.failReads(3, new Error("Too many open files"));
  await it.clock.advance(15_000);
  assertEquals(it.monitor.health.status, "live");
  await it.clock.advance(15_000);
  const { status, reason, since } = it.monitor.health;
  assertEquals([status, reason], ["degraded", "Reads fail: Too many open files"]);
  await it.clock.advance(15_000);
  assertEquals(it.monitor.health.since, since);
  assertEquals(it.monitor.metrics.readFailures, 3);
  await it.clock.advance(15_000);
  assertEquals([it.monitor.health.status, it.monitor.health.reason], ["live", null]);
  it.source.failReads(1);
  await it.clock.advance(15_000);
  assertEquals(it.monitor.health.status, "live");
});

Deno.test("a socket that is verified again does not hide failing reads", async () => {
  await using it = await setUp();
  const refreshes = [1, 2].map(() => it.monitor.refresh().catch(() => {}));
  it.source.failReads(2, new Error("Too many open files"));
  await it.clock.advance(1);
  await Promise.all(refreshes);
  it.source.failReads(1, new Error("Too many open files"));
  await it.clock.advance(14_749); // the canary is answered, and the read of the tick fails
  assertEquals(it.monitor.health.status, "degraded");
});

Deno.test("reconcile warns once while reads go on failing", async () => {
  await using it = await setUp();
  it.source.failReads(5);
  await it.clock.advance(5 * 15_000);
  assertEquals([it.log.at("warn").length, it.log.at("debug").length], [1, 4]);
  await it.clock.advance(15_000);
  it.source.failReads(1);
  await it.clock.advance(15_000);
  assertEquals(it.log.at("warn").length, 2);
});

Deno.test("reconcile begins no read while the last one is under way, but sends its canary", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: 40, coalesceMs: 0 } });
  const { read, probe } = it.source.calls;
  it.source.set([eth0("192.0.2.2/24")]); // waits 50 ms for its second round
  await it.clock.advance(40 + 40);
  assertEquals([it.source.calls.read - read, it.source.calls.probe - probe], [1, 2]);
});

Deno.test("reconcile does not wait for the canary", async () => {
  await using it = await setUp();
  it.source.canary = "hangs";
  await it.clock.advance(15_000);
  assertEquals(it.monitor.metrics.reconciles, 1);
});

Deno.test("a stepped clock starts a reconcile and nothing else", async () => {
  await using it = await setUp();
  const { read, probe } = it.source.calls;
  it.clock.jump(3_600_000);
  it.source.emit({ kind: "clock-stepped" });
  await it.clock.advance(1_000);
  assertEquals([it.source.calls.read, it.source.calls.probe], [read + 1, probe]);
  assertEquals(it.monitor.current.sequence, 1);
  assertEquals(it.monitor.metrics.resumes, 0);
});

Deno.test("an event during a read that replaces the table is not lost", async () => {
  await using it = await setUp();
  it.source.holdReads();
  it.source.emit({ kind: "overflow" });
  await it.clock.settle();
  it.source.set([eth0("192.0.2.2/24")]); // after the read copied the network, and announced at once
  it.source.announce();
  await it.clock.settle();
  assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
  it.source.releaseReads(); // the older reading overwrites the table
  await it.clock.advance(1_000);
  assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
  assertEquals([it.monitor.metrics.driftsFound, it.monitor.health.status], [0, "live"]);
});

Deno.test("a reconcile that finds nothing counts no route surprise", async () => {
  await using it = await setUp();
  await it.clock.advance(60_000);
  const { reconciles, routeSurprises } = it.monitor.metrics;
  assertEquals([reconciles, routeSurprises], [4, 0]);
});
