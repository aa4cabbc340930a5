import { assertEquals } from "@std/assert";
import { assertDeepFrozen } from "../support/frozen.ts";
import { eth0, prepare, setUp, START } from "./support.ts";

Deno.test("metrics counts what the source announced when the source counts nothing", async () => {
  await using it = await setUp();
  it.source.emit({ kind: "changed" });
  it.source.emit({ kind: "overflow" });
  it.source.emit({ kind: "resumed", at: START, sleptMs: 1 });
  it.source.emit({ kind: "clock-stepped" });
  await it.clock.settle();
  const { events, ignored, malformed, spoofed } = it.monitor.metrics;
  assertEquals([events, ignored, malformed, spoofed], [4, 0, 0, 0]);
});

Deno.test("metrics shows the counters of a source that counts", async () => {
  const counters = { events: 7, ignored: 3, malformed: 2, spoofed: 1 };
  await using it = await setUp({ source: { counters } });
  it.source.announce();
  await it.clock.settle();
  counters.events = 8;
  const { events, ignored, malformed, spoofed } = it.monitor.metrics;
  assertEquals([events, ignored, malformed, spoofed], [8, 3, 2, 1]);
});

Deno.test("health and metrics are frozen copies", async () => {
  await using it = await setUp();
  const { health, metrics } = it.monitor;
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  assertEquals([metrics.published, it.monitor.metrics.published], [1, 2]);
  assertEquals([health.lastEventAt, Object.isFrozen(health)], [null, true]);
  assertEquals(Object.isFrozen(metrics), true);
});

Deno.test("health shows the listeners of a source that can have several, as frozen copies", async () => {
  const it = prepare();
  const listeners = ["route"];
  Object.assign(it.source, { listeners });
  await using monitor = await it.open();
  const { health } = monitor;
  listeners.push("kernel-events");
  assertEquals([health.listeners, monitor.health.listeners], [["route"], listeners]);
  assertDeepFrozen(monitor.health);
});
