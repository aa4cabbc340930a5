/**
 * Healing on the real kernel: a socket that receives nothing, or not everything, is found and replaced
 * within one reconcile interval.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { C } from "../../ffi/linux/constants.ts";
import type { Metrics } from "../../state/types.ts";
import { withoutDad } from "../support/dad.ts";
import { Harm, ipBlocking } from "../support/harm.ts";
import { ip, namespaceTest } from "../support/netns.ts";
import { scaled } from "../support/timing.ts";
import { risen, WatchedMonitor } from "../support/watched_monitor.ts";

const INTERVAL_MS = scaled(300);
/** How long a canary may take (DESIGN: an answer within 1 s). */
const CANARY_MS = 1_000;
/** A machine under load is late. */
const MARGIN_MS = scaled(1_500);

/** What the counters say that are about healing. */
function healing(before: Metrics, after: Metrics): Partial<Metrics> {
  const { canariesMissed, driftsFound, reopens, overflows, routeSurprises, readFailures } = risen(
    before,
    after,
  );
  const all = { canariesMissed, driftsFound, reopens, overflows, routeSurprises, readFailures };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** An interface to change, and a monitor that is used to it. */
async function open(): Promise<WatchedMonitor> {
  withoutDad();
  await ip("link add h0 type veth peer name h1");
  await ip("link set h0 up");
  const watched = await WatchedMonitor.open({ reconcileIntervalMs: INTERVAL_MS });
  await ip("addr add 10.1.0.1/24 dev h0");
  await watched.untilAddress("h0", "10.1.0.1/24");
  return watched;
}

/** After it was harmed: it is degraded, then live with another socket, and hears at once. */
async function assertHeals(
  watched: WatchedMonitor,
  before: Metrics,
  reason: string,
  limitMs: number,
): Promise<void> {
  const harmedAt = performance.now();
  const socket = watched.source.last;
  const logged = watched.log.length;
  await watched.until("healing", () => watched.log.slice(logged).some((it) => it.level === "info"));
  const took = performance.now() - harmedAt;
  assert(took < limitMs + MARGIN_MS, `It took ${took} ms`);

  const [degraded, live] = watched.log.slice(logged);
  assertEquals([degraded?.level, degraded?.status], ["warn", "degraded"]);
  assertStringIncludes(degraded!.message, reason);
  assertEquals([live?.level, live?.status], ["info", "live"]);
  assertEquals(watched.monitor.health.reason, null);
  assertNotEquals(watched.source.last, socket);
  assertEquals(watched.source.subscriptions.length, before.reopens + 2);

  const { driftsFound, reconciles } = watched.monitor.metrics;
  await ip("addr add 10.1.0.99/24 dev h0");
  const { causes } = await watched.untilAddress("h0", "10.1.0.99/24");
  assertEquals(causes, ["event"]);
  assertEquals(watched.monitor.metrics.driftsFound, driftsFound);
  assert(watched.monitor.metrics.reconciles <= reconciles + 1);
}

/** A test in which the socket of such a monitor is harmed. */
function harmTest(
  name: string,
  body: (watched: WatchedMonitor, harm: Harm, before: Metrics) => Promise<void>,
): void {
  namespaceTest(import.meta.url, name, async () => {
    await using watched = await open();
    using harm = new Harm();
    await body(watched, harm, watched.monitor.metrics);
  });
}

harmTest(
  "a socket that left its groups is found by the canary and replaced",
  async (watched, harm, before) => {
    harm.leaveGroups(watched.descriptor);
    await assertHeals(watched, before, "canary", INTERVAL_MS);
    assertEquals(healing(before, watched.monitor.metrics), { canariesMissed: 1, reopens: 1 });
  },
);

harmTest(
  "a socket that swallows everything is found by the canary and replaced",
  async (watched, harm, before) => {
    harm.swallowEverything(watched.descriptor);
    await assertHeals(watched, before, "canary", INTERVAL_MS + CANARY_MS);
    assertEquals(healing(before, watched.monitor.metrics), { canariesMissed: 1, reopens: 1 });
  },
);

harmTest(
  "a change that a deaf socket missed is in the state within one interval",
  async (watched, harm) => {
    harm.leaveGroups(watched.descriptor);
    await ip("addr add 10.1.0.2/24 dev h0");
    const { causes } = await watched.untilAddress("h0", "10.1.0.2/24");
    assert(causes.includes("reopen") || causes.includes("reconcile"), causes.join());
    await watched.until("live", () => watched.monitor.health.status === "live");
  },
);

harmTest(
  "one message that the socket filtered away is found by reconcile",
  async (watched, harm, before) => {
    const { descriptor } = watched;
    harm.swallowNewAddresses(descriptor);
    ipBlocking("addr add 10.1.0.2/24 dev h0");
    harm.letEverythingPass(descriptor);
    await assertHeals(watched, before, "10.1.0.2", INTERVAL_MS);
    assertEquals(healing(before, watched.monitor.metrics), { driftsFound: 1, reopens: 1 });
    const found = watched.snapshots.find((one) =>
      one.changes.some((it) => it.kind === "address-added" && it.address.cidr === "10.1.0.2/24")
    );
    assertEquals(found?.cause, "reconcile");
  },
);

harmTest(
  "one message that was read behind its back is found by reconcile",
  async (watched, harm, before) => {
    const { descriptor } = watched;
    ipBlocking("addr del 10.1.0.1/24 dev h0");
    harm.steal(descriptor, C.RTM_DELADDR);
    assert(watched.addresses("h0").includes("10.1.0.1/24"));
    await assertHeals(watched, before, "10.1.0.1", INTERVAL_MS);
    assertEquals(healing(before, watched.monitor.metrics), { driftsFound: 1, reopens: 1 });
    assert(!watched.addresses("h0").includes("10.1.0.1/24"));
  },
);

harmTest(
  "a lost message about each kind of thing is found by reconcile",
  async (watched, harm) => {
    const losses: [command: string, type: number, isThere: () => boolean][] = [
      ["link set h0 mtu 1400", C.RTM_NEWLINK, () => watched.state.interfaces["h0"]?.mtu === 1400],
      ["link set h1 name h2", C.RTM_NEWLINK, () => "h2" in watched.state.interfaces],
      [
        "link set h0 address 02:00:00:00:00:42",
        C.RTM_NEWLINK,
        () => watched.state.interfaces["h0"]?.mac === "02:00:00:00:00:42",
      ],
      ["link add h5 type bridge", C.RTM_NEWLINK, () => "h5" in watched.state.interfaces],
      ["link del h5", C.RTM_DELLINK, () => !("h5" in watched.state.interfaces)],
      [
        "-6 addr add 2001:db8::1/64 dev h0 nodad",
        C.RTM_NEWADDR,
        () => watched.addresses("h0").includes("2001:db8::1/64"),
      ],
    ];
    for (const [command, type, isThere] of losses) {
      await watched.until("live", () => watched.monitor.health.status === "live");
      const { driftsFound } = watched.monitor.metrics;
      ipBlocking(command);
      harm.steal(watched.descriptor, type);
      await watched.until(command, isThere);
      assertEquals(watched.monitor.metrics.driftsFound, driftsFound + 1, command);
    }
  },
);

namespaceTest(
  import.meta.url,
  "a default route that changes without a message is found, and does not condemn the socket",
  async () => {
    await using watched = await open();
    await ip("link set h1 up");
    await ip("route add default via 10.1.0.254 dev h0");
    const byInterface = (name: string | null) => () =>
      (watched.state.defaultRoute.ipv4?.interface ?? null) === name;
    await watched.until("the default route", byInterface("h0"));
    await ip("link set h1 down");
    // The carrier goes with a message of its own, up to a second later (net/core/link_watch.c).
    await watched.until("no carrier", () => watched.state.interfaces["h0"]?.running === false);
    // The second look at the routes that the carrier's message asks for is over by then.
    const { reconciles } = watched.monitor.metrics;
    await watched.until("quiet", () => watched.monitor.metrics.reconciles >= reconciles + 2);
    assertEquals(watched.state.defaultRoute.ipv4?.interface, "h0");

    const before = watched.monitor.metrics;
    const setting = "/proc/sys/net/ipv4/conf/h0/ignore_routes_with_linkdown";
    Deno.writeTextFileSync(setting, "1");
    await watched.until("the surprise", byInterface(null));
    assertEquals(healing(before, watched.monitor.metrics), { routeSurprises: 1 });
    assertEquals(watched.monitor.current.causes, ["reconcile"]);
    assertEquals(watched.monitor.health.status, "live");
  },
);

namespaceTest(
  import.meta.url,
  "a healthy socket under steady change is never replaced",
  async () => {
    await using watched = await open();
    for (let i = 0; i < 60; i++) {
      await ip(`addr ${i % 2 === 0 ? "add" : "del"} 10.2.0.1/24 dev h0`);
      await ip(`link set h1 ${i % 2 === 0 ? "up" : "down"}`);
      await delay(15);
    }
    await watched.until("reconciles", () => watched.monitor.metrics.reconciles >= 3);
    const { canaries, canariesMissed, driftsFound, reopens } = watched.monitor.metrics;
    assertEquals([canariesMissed, driftsFound, reopens], [0, 0, 0]);
    assert(canaries >= 3);
    assertEquals(watched.log, []);
  },
);
