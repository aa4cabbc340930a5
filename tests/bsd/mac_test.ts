/**
 * A monitor on a simulated Mac.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { encodeLiveNic } from "../support/bsd_encode.ts";
import { scaled } from "../support/timing.ts";
import { addresses, encodeMiss, type Machine, startMachine } from "./machine.ts";

const INTERVAL_MS = 15_000;
/** A reconcile interval, its recheck, and the canary's time limit. */
const HEALED_MS = INTERVAL_MS + 50 + 1_000;

Deno.test("a monitor on a Mac publishes interfaces, addresses and the default route", async () => {
  await using machine = await startMachine();
  const { state } = machine.monitor.current;
  assertEquals(Object.keys(state.interfaces), ["lo0", "en0"]);
  const en0 = state.interfaces.en0!;
  assertEquals(
    [en0.index, en0.kind, en0.up, en0.running, en0.mac, en0.mtu],
    [2, "ethernet", true, true, "02:00:00:00:00:02", 1500],
  );
  assertEquals(en0.addresses.map((it) => [it.cidr, it.peer, it.permanent]), [
    ["192.0.2.7/24", null, true],
  ]);
  assertEquals(state.defaultRoute.ipv4, {
    interface: "en0",
    gateway: "192.0.2.1",
    source: "192.0.2.7",
    metric: null,
  });
  assertEquals(state.knows, { links: true, addressFlags: true, routes: true });
  const { source, status, listeners } = machine.monitor.health;
  assertEquals([source, status], ["af_route", "live"]);
  assertEquals(listeners, ["route", "network_change", "kernel-events"]);
});

Deno.test("a monitor on a Mac publishes a change at once, without a reconcile", async () => {
  await using machine = await startMachine();
  await machine.pass(1_000);
  machine.network.addAddress("en0", "198.51.100.7/24");
  await machine.settle();
  assertEquals(addresses(machine), ["192.0.2.7", "198.51.100.7"]);
  assertEquals(machine.monitor.current.causes, ["event"]);
  assertEquals(machine.monitor.metrics.reconciles, 0);
});

/** The production failure: net-tools#158, net-tools#165. */
async function failInProduction(machine: Machine): Promise<void> {
  const { kernel, network } = machine;
  // A burst, faster than the monitor reads: the kernel drops most of it silently.
  for (let i = 0; i < 5_000; i++) network.setMtu("en0", 1_000 + i % 500);
  await machine.pass(1_000);
  await delay(scaled(100)); // the second read after a message about a link, whose timer runs in real time
  await machine.pass(1_000);
  // Then the socket goes deaf, without an error.
  kernel.stall();
  network.removeAddress("en0", "192.0.2.7/24");
  await machine.pass(5_000);
  assertEquals(addresses(machine), ["192.0.2.7"], "the message arrived: the socket is not deaf");
}

Deno.test("a deaf socket on a Mac costs one reconcile interval, and is replaced", async () => {
  await using machine = await startMachine({ without: ["kernel-events", "network_change"] });
  const { kernel, monitor, network } = machine;
  await failInProduction(machine);
  await machine.pass(HEALED_MS);
  assertEquals(addresses(machine), []);
  assertEquals(monitor.health.status, "live");
  assertEquals(monitor.metrics.reopens >= 1, true);
  assertEquals(kernel.routeSockets, 1);

  network.addAddress("en0", "192.0.2.7/24", { other: "192.0.2.255" });
  await machine.settle();
  await machine.pass(250);
  assertEquals(addresses(machine), ["192.0.2.7"]);
  await machine.pass(1_000);
  const { reconciles } = monitor.metrics;
  network.addAddress("en0", "198.51.100.7/24");
  await machine.settle();
  assertEquals(addresses(machine), ["192.0.2.7", "198.51.100.7"]);
  assertEquals(monitor.metrics.reconciles, reconciles, "found by reconcile, not by an event");
});

Deno.test("an address that is replaced while a Mac's socket is deaf is correct within one interval", async () => {
  await using machine = await startMachine({ without: ["kernel-events", "network_change"] });
  await failInProduction(machine);
  machine.network.addAddress("en0", "192.0.2.9/24");
  await machine.pass(HEALED_MS);
  assertEquals(addresses(machine), ["192.0.2.9"]);
  assert(machine.monitor.metrics.reopens >= 1);
});

Deno.test("a deaf socket on a Mac is replaced even if nothing has changed", async () => {
  await using machine = await startMachine();
  machine.kernel.stall();
  await machine.pass(HEALED_MS);
  const { canariesMissed, driftsFound, reopens } = machine.monitor.metrics;
  assertEquals({ canariesMissed, driftsFound, reopens }, {
    canariesMissed: 1,
    driftsFound: 0,
    reopens: 1,
  });
  assertEquals(machine.monitor.health.status, "live");
});

Deno.test("without reconcile and canary the same socket stays deaf", async () => {
  await using machine = await startMachine({
    without: ["kernel-events", "network_change"],
    monitor: { reconcileIntervalMs: Infinity },
  });
  await failInProduction(machine);
  await machine.pass(5 * HEALED_MS);
  assertEquals(addresses(machine), ["192.0.2.7"]);
  assertEquals(machine.monitor.metrics.reopens, 0);
  assertEquals(machine.monitor.health.status, "live");
});

Deno.test("the other wake-up sources report what a deaf socket on a Mac does not", async () => {
  await using machine = await startMachine({ monitor: { reconcileIntervalMs: Infinity } });
  machine.kernel.stall();
  machine.network.addAddress("en0", "198.51.100.7/24");
  await machine.pass(250);
  assertEquals(addresses(machine), ["192.0.2.7", "198.51.100.7"]);
});

Deno.test("a DHCP renewal is delivered without settleMs, and not with it", async () => {
  await using machine = await startMachine();
  const { monitor, network } = machine;
  const delivered = { plain: [] as (readonly string[])[], settled: [] as (readonly string[])[] };
  const follow = async (settleMs: number, into: (readonly string[])[]) => {
    for await (const { state } of monitor.snapshots({ settleMs, initial: false })) {
      into.push(state.localAddresses.regular);
    }
  };
  const following = [follow(0, delivered.plain), follow(250, delivered.settled)];
  await machine.pass(1_000);

  network.removeAddress("en0", "192.0.2.7/24");
  await machine.pass(50);
  network.addAddress("en0", "192.0.2.7/24", { other: "192.0.2.255" });
  await machine.pass(2_000);
  assertEquals(delivered, { plain: [[], ["192.0.2.7"]], settled: [] });

  network.addAddress("en0", "198.51.100.7/24");
  await machine.pass(2_000);
  assertEquals(delivered.settled, [["192.0.2.7", "198.51.100.7"]]);
  await monitor.close();
  await Promise.all(following);
});

Deno.test("100,000 RTM_MISS in a second cost no read and no publication", async () => {
  await using machine = await startMachine();
  const { kernel, monitor } = machine;
  await machine.pass(1_000);
  const before = { ...kernel.calls };
  const miss = encodeMiss();
  for (let i = 0; i < 100; i++) {
    for (let j = 0; j < 1_000; j++) kernel.deliver(miss);
    await machine.pass(10);
  }
  assertEquals(kernel.calls.sysctl, before.sysctl);
  assertEquals(monitor.current.sequence, 1);
  assertEquals(monitor.metrics.events >= 100_000, true);
  assertEquals(monitor.metrics.ignored, monitor.metrics.events);
});

Deno.test("a monitor survives ENOTCONN on every receive: backoff, few log lines, a correct state", async () => {
  await using machine = await startMachine({ without: ["kernel-events", "network_change"] });
  const { kernel, log, monitor, network } = machine;
  await machine.pass(1_000);
  kernel.disconnected = true;
  const start = machine.clock.monotonic();
  kernel.deliver(encodeLiveNic("darwin", network.nic("en0")));
  await machine.pass(20_000);
  network.addAddress("en0", "198.51.100.7/24");
  await machine.pass(40_000);
  const attempts = kernel.openedAt.filter((at) => at >= start).map((at) => at - start);
  const waits = attempts.map((at, i) => at - (attempts[i - 1] ?? 0));
  assertEquals(waits.slice(0, 8), [50, 100, 200, 400, 800, 1_600, 3_200, 6_400]);
  assertEquals(addresses(machine), ["192.0.2.7", "198.51.100.7"]);
  const { reopens } = monitor.metrics;
  // 50 ms, 100, 200 … 25.6 s: ten waits in a minute, and the four ticks that cut one short.
  assert(reopens >= 8 && reopens <= 16, `${reopens} reopens`);
  const loud = log.at("warn").length + log.at("error").length;
  assert(loud <= 5, `${loud} warnings:\n${log.at("warn").join("\n")}`);
  assert(log.lines.length <= 60, `${log.lines.length} lines`);
  assertEquals(monitor.health.status, "degraded");

  kernel.disconnected = false;
  await machine.pass(HEALED_MS + 30_000);
  assertEquals(monitor.health.status, "live");
  await machine.pass(1_000);
  network.addAddress("en0", "203.0.113.7/24");
  await machine.settle();
  assertEquals(addresses(machine).length, 3);
});

Deno.test("what macOS announces nowhere is published within one interval", async () => {
  await using machine = await startMachine({ without: ["kernel-events", "network_change"] });
  assertEquals(machine.monitor.health.listeners, ["route"]);
  await machine.pass(1_000);
  const { events } = machine.monitor.metrics;
  machine.network.addAddress("en0", "192.0.2.8/24");
  await machine.pass(1_000);
  assertEquals(addresses(machine), ["192.0.2.7"]);
  assertEquals(machine.monitor.metrics.events, events);
  await machine.pass(HEALED_MS);
  assertEquals(addresses(machine), ["192.0.2.7", "192.0.2.8"]);
  assert(machine.published.at(-1)!.causes.includes("reconcile"));
});

Deno.test("an address that xnu lists until after RTM_DELADDR is removed without a kernel event", async () => {
  await using machine = await startMachine({ without: ["kernel-events", "network_change"] });
  const { kernel, monitor, network } = machine;
  await machine.pass(1_000);
  const { reconciles } = monitor.metrics;
  kernel.afterRead = network.beginRemoval("en0", "192.0.2.7/24");
  await monitor.waitFor(({ localAddresses }) => localAddresses.regular.length === 0, {
    signal: AbortSignal.timeout(scaled(5_000)),
  });
  assertEquals(monitor.metrics.reconciles, reconciles);
});

Deno.test("closing a monitor closes every descriptor on a Mac", async () => {
  const machine = await startMachine();
  await machine[Symbol.asyncDispose]();
  assertEquals(machine.kernel.open, 0);
  assertEquals(machine.monitor.health.listeners, []);
});

Deno.test("a canary's answer counts only if it comes through the poll", async () => {
  await using machine = await startMachine();
  const { kernel, source } = machine;
  const { signal } = new AbortController();
  await using subscription = await source.subscribe(signal);
  let isHeard: boolean | null = null;
  const probing = subscription.probe(signal).then((it) => isHeard = it);
  kernel.stall();
  subscription.view();
  await machine.settle();
  assertEquals(isHeard, null);
  await subscription[Symbol.asyncDispose]();
  assertEquals(await probing, false);
});
