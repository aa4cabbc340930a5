import { assertEquals } from "@std/assert";
import { scriptedRoute } from "../../actor/testing.ts";
import { addresses, eth0, nic, type OpenSetting, record, setUp, START } from "./support.ts";
import { assertDeepFrozen } from "../support/frozen.ts";

/** eth0 gets another address. */
function change({ source }: OpenSetting, n: number): void {
  source.set([eth0(`198.51.100.${n % 250 + 1}/24`)]);
  source.announce();
}

/** The same so many times, 10 ms apart. */
async function storm(it: OpenSetting, changes: number): Promise<void> {
  for (let n = 0; n < changes; n++) {
    change(it, n);
    await it.clock.advance(10);
  }
}

Deno.test("Monitor publishes the first change at once", async () => {
  await using it = await setUp();
  const seen = record(it.monitor);
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  assertEquals(seen.map((s) => [s.sequence, s.cause, s.at]), [
    [1, "initial", START],
    [2, "event", START + 250],
  ]);
  assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
});

Deno.test("Monitor publishes once per window, at its end, with the newest state", async () => {
  await using it = await setUp();
  const seen = record(it.monitor);
  await storm(it, 5);
  await it.clock.advance(200);
  assertEquals(seen.map((s) => s.at - START), [0, 250, 500]);
  assertEquals(addresses(seen[2]!), ["198.51.100.5"]);
  assertEquals(seen[2]!.changes.map((change) => change.kind), ["address-removed", "address-added"]);
});

Deno.test("Monitor publishes every coalesceMs under a storm that never pauses", async () => {
  await using it = await setUp();
  const seen = record(it.monitor);
  await storm(it, 1_000);
  const gaps = seen.slice(1).map((s, i) => s.at - seen[i]!.at);
  assertEquals(gaps, gaps.map(() => 250));
  assertEquals(gaps.length, 41);
});

Deno.test("Monitor takes one view per window, however many events come", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  const { view } = it.source.calls;
  for (let n = 0; n < 25; n++) {
    it.source.announce();
    await it.clock.advance(10);
  }
  assertEquals(it.source.calls.view, view + 1);
});

Deno.test("Monitor keeps its leading edge under noise that changes nothing", async () => {
  await using it = await setUp();
  const seen = record(it.monitor);
  for (let n = 0; n < 100; n++) {
    it.source.announce();
    await it.clock.advance(7);
  }
  assertEquals(seen.length, 1);
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  assertEquals(it.monitor.current.at, it.clock.now());
});

Deno.test("Monitor with coalesceMs 0 publishes each change at once", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  const seen = record(it.monitor);
  for (let n = 0; n < 5; n++) {
    change(it, n);
    await it.clock.settle();
  }
  assertEquals(seen.map((s) => s.sequence), [1, 2, 3, 4, 5, 6]);
  assertEquals(it.clock.pending, 1); // the reconcile interval, and no window
});

Deno.test("Monitor drops causes when a change was undone within its window", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.advance(10);
  it.source.set([eth0("192.0.2.3/24")]);
  it.source.announce();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.advance(240);
  assertEquals(it.monitor.current.sequence, 2);
  it.source.set({ defaultRoute: { ipv4: scriptedRoute("eth0"), ipv6: null } });
  await it.monitor.refresh();
  assertEquals(it.monitor.current.causes, ["refresh"]);
});

Deno.test("Monitor lists all causes since the last publication, in order of precedence", async () => {
  await using it = await setUp();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.advance(10);
  it.source.set([eth0("192.0.2.3/24")]);
  it.source.announce();
  it.source.emit({ kind: "overflow" });
  it.source.emit({ kind: "resumed", at: START + 5, sleptMs: 1_000 });
  const refreshed = it.monitor.refresh();
  await it.clock.advance(240);
  const { cause, causes, sequence } = await refreshed;
  assertEquals({ cause, causes, sequence }, {
    cause: "resume",
    causes: ["resume", "overflow", "refresh", "event"],
    sequence: 3,
  });
});

Deno.test("Monitor publishes a minor change once (tailscale#15484)", async () => {
  await using it = await setUp();
  const seen = record(it.monitor);
  const { reading } = it.source;
  it.source.set([{ ...reading.interfaces[0]!, mtu: 1400 }]);
  it.source.announce();
  await it.clock.advance(300);
  it.source.set([...it.source.reading.interfaces, nic("veth1")]);
  it.source.announce();
  await it.clock.advance(60_000);
  assertEquals(seen.map((s) => s.changes.map((change) => change.kind)), [
    [],
    ["interface-changed"],
    ["interface-added"],
  ]);
  assertEquals(seen.map((s) => s.major), [false, false, false]);
});

for (const field of ["tentative", "duplicated", "deprecated", "temporary", "permanent"] as const) {
  Deno.test(`Monitor publishes when only ${field} of an address changes`, async () => {
    await using it = await setUp();
    const [only] = it.source.reading.interfaces;
    const [address] = only!.addresses;
    it.source.set([{ ...only!, addresses: [{ ...address!, [field]: !address![field] }] }]);
    it.source.announce();
    await it.clock.settle();
    assertEquals(it.monitor.current.changes.map((c) => c.kind), ["address-changed"]);
  });
}

Deno.test("Monitor delivers deeply frozen snapshots that survive JSON and structuredClone", async () => {
  await using it = await setUp();
  assertDeepFrozen(it.monitor.current);
  it.source.set({
    interfaces: [eth0("192.0.2.2/24"), nic("veth1", "fe80::1/64")],
    defaultRoute: { ipv4: scriptedRoute("eth0", "192.0.2.254"), ipv6: null },
  });
  it.source.announce();
  await it.clock.settle();
  const snapshot = it.monitor.current;
  assertDeepFrozen(snapshot);
  assertEquals(structuredClone(snapshot).changes, [...snapshot.changes]);
  assertEquals(JSON.parse(JSON.stringify(snapshot)).sequence, 2);
  assertEquals(Object.getPrototypeOf(snapshot.state.interfaces), null);
});

Deno.test("Monitor reads after an event if the source keeps no table", async () => {
  await using it = await setUp({ source: { keepsTable: false } });
  const before = it.source.calls.read;
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
  assertEquals(it.monitor.current.causes, ["event"]);
  assertEquals(it.source.calls.read, before + 1);
});

Deno.test("Monitor reads again after an event during a read, if the source keeps no table", async () => {
  await using it = await setUp({ source: { keepsTable: false } });
  it.source.holdReads();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  const during = it.source.calls.read;
  it.source.set([eth0("192.0.2.3/24")]);
  it.source.announce();
  it.source.announce();
  await it.clock.settle();
  assertEquals(it.source.calls.read, during);
  it.source.releaseReads();
  await it.clock.advance(250);
  assertEquals(it.source.calls.read, during + 1);
  assertEquals(addresses(it.monitor.current), ["192.0.2.3"]);
  assertEquals(it.monitor.metrics.driftsFound, 0);
});

Deno.test("Monitor reads at the end of the window if the source keeps no table", async () => {
  await using it = await setUp({ source: { keepsTable: false } });
  const seen = record(it.monitor);
  for (let n = 0; n < 30; n++) {
    change(it, n);
    await it.clock.advance(10);
  }
  await it.clock.advance(250);
  assertEquals(seen.map((s) => s.at - START), [0, 250, 500, 750]);
  assertEquals(addresses(it.monitor.current), ["198.51.100.30"]);
  assertEquals(seen.slice(1).map((s) => s.causes), [["event"], ["event"], ["event"]]);
});

Deno.test("the read of a tick that covers an event may take longer than the interval", async () => {
  await using it = await setUp({
    source: { keepsTable: false },
    monitor: { reconcileIntervalMs: 1_000 },
  });
  await it.clock.advance(550); // 800 since it opened
  it.source.addInterface(eth0("192.0.2.2/24")); // published at once
  await it.clock.advance(100);
  it.source.holdReads();
  it.source.addInterface(eth0("192.0.2.3/24")); // in the window until 1,050; the tick at 1,000 reads
  await it.clock.advance(2_000);
  it.source.releaseReads();
  await it.clock.advance(500);
  assertEquals(addresses(it.monitor.current)[0], "192.0.2.3");
  assertEquals([it.monitor.metrics.readFailures, it.monitor.metrics.reopens], [0, 0]);
});
