/**
 * Which of several next hops is reported, by events alone.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { readNetworkState, type State } from "../../mod.ts";
import { withoutDad } from "../support/dad.ts";
import { ip, ipBatch, namespaceTest } from "../support/netns.ts";
import { scaled } from "../support/timing.ts";
import { WatchedMonitor } from "../support/watched_monitor.ts";

/** Two virtual cables with an address each: 192.0.2.7 on v0, 198.51.100.7 on v2. */
async function makeCables(): Promise<void> {
  withoutDad();
  await ipBatch([
    "link add v0 type veth peer name v1",
    "link add v2 type veth peer name v3",
    ...["v0", "v1", "v2", "v3"].map((name) => `link set ${name} up`),
    "addr add 192.0.2.7/24 dev v0",
    "addr add 198.51.100.7/24 dev v2",
  ]);
}

const ROUTES = ["v0 192.0.2.1 192.0.2.7", "v2 198.51.100.1 198.51.100.7"];

function routeOf({ defaultRoute: { ipv4 } }: State): string {
  return `${ipv4?.interface} ${ipv4?.gateway} ${ipv4?.source}`;
}

namespaceTest(
  import.meta.url,
  "of two equal default routes between which the kernel alternates the same is reported each time",
  async () => {
    await makeCables();
    await ipBatch([
      "neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev v0",
      "neigh add 198.51.100.1 lladdr 02:00:00:00:00:02 dev v2",
      "route append default via 192.0.2.1",
      "route append default via 198.51.100.1",
    ]);
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: 100 });
    const first = routeOf(watched.state);
    assert(ROUTES.includes(first), first);
    const seen = new Set<string>();
    watched.monitor.addEventListener("change", ({ snapshot }) => seen.add(routeOf(snapshot.state)));
    for (let i = 0; i < 10; i++) {
      await ip(`link set v3 mtu ${1_400 + i}`);
      await delay(scaled(50));
    }
    assertEquals(seen, new Set([first]));
    const { driftsFound, routeSurprises } = watched.monitor.metrics;
    assertEquals({ driftsFound, routeSurprises }, { driftsFound: 0, routeSurprises: 0 });
    await ip("route del default via 192.0.2.1");
    await watched.until(
      "the other",
      () => routeOf(watched.state) === "v2 198.51.100.1 198.51.100.7",
    );
  },
);

namespaceTest(
  import.meta.url,
  "an address brings a dead hop of a multipath route back",
  async () => {
    await makeCables();
    await ip("route add default nexthop via 192.0.2.1 dev v0 nexthop via 198.51.100.1 dev v2");
    await ip("addr del 192.0.2.7/24 dev v0");
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
    assertEquals(routeOf(watched.state), "v2 198.51.100.1 198.51.100.7");
    await ip("addr add 192.0.2.7/24 dev v0");
    await watched.until("the hop", () => routeOf(watched.state) === "v0 192.0.2.1 192.0.2.7");
  },
);

namespaceTest(import.meta.url, "a default route to this host itself does not count", async () => {
  await makeCables();
  await ip("route add local default dev v0");
  await using watched = await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
  assertEquals([watched.state.defaultRoute.ipv4, watched.state.online], [null, false]);
});

namespaceTest(
  import.meta.url,
  "a default route with more next hops than fit into an answer of the kernel is found",
  async () => {
    await makeCables();
    await ip("addr add 2001:db8::7/64 dev v0 nodad");
    const hops = Array.from({ length: 140 }, (_, i) => `2001:db8::1:${i + 1}`);
    await ipBatch(hops.map((hop) => `-6 route append default via ${hop} dev v0 metric 100`));
    const { defaultRoute, online } = await readNetworkState();
    assertEquals(defaultRoute.ipv6?.interface, "v0");
    assertEquals(defaultRoute.ipv6?.source, "2001:db8::7");
    assert(hops.includes(defaultRoute.ipv6?.gateway ?? ""), defaultRoute.ipv6?.gateway ?? "none");
    assertEquals(online, true);
  },
);

// OpenWrt has no other IPv6 default routes
namespaceTest(
  import.meta.url,
  "an IPv6 default route for one source is found as soon as this host has such an address",
  async () => {
    await makeCables();
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
    const ipv6 = ({ defaultRoute: { ipv6 } }: State) => `${ipv6?.gateway} ${ipv6?.source}`;
    const until = (expected: string) =>
      watched.until(expected, () => ipv6(watched.state) === expected);
    await ip("-6 route add default from 2001:db8:1::/56 via fe80::1 dev v0");
    await ip("addr add 2001:db8:9::7/64 dev v0");
    await ip("addr add 2001:db8:1::7/64 dev v0");
    await until("fe80::1 2001:db8:1::7");
    assertEquals(watched.state.online, true);
    assertEquals((await readNetworkState()).defaultRoute.ipv6, watched.state.defaultRoute.ipv6);
    await ip("addr del 2001:db8:1::7/64 dev v0");
    await until("undefined undefined");
    assertEquals(watched.state.online, false);
    await ip("-6 rule add from 2001:db8:9::/64 table 77"); // the same, by a policy rule
    await ip("-6 route add default via fe80::2 dev v2 table 77");
    await until("fe80::2 2001:db8:9::7");
    await ip("-6 route add default via fe80::3 dev v2"); // one for all sources comes first
    await until("fe80::3 2001:db8:9::7");
  },
);

// a rule that sends a content provider's networks through another line: 23.0.0.0/12 holds a probe
namespaceTest(
  import.meta.url,
  "a policy rule for some destinations, of which one is a probe, does not decide the default route",
  async () => {
    await makeCables();
    await ipBatch([
      "addr add 2001:db8::7/64 dev v0 nodad",
      "addr add 2001:db8:2::7/64 dev v2 nodad",
      "route add default via 192.0.2.1",
      "route add default via 2001:db8::1",
      "route add default via 198.51.100.1 table 77",
      "route add default via 2001:db8:2::1 table 77",
    ]);
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
    const interfaces = ({ defaultRoute: { ipv4, ipv6 } }: State) =>
      `${ipv4?.interface} ${ipv6?.interface}`;
    const { events } = watched.monitor.metrics;
    await ip("rule add to 23.0.0.0/12 table 77");
    await ip("-6 rule add to 2a0f::/16 table 77");
    await watched.until("both rules", () => watched.monitor.metrics.events >= events + 2);
    assertEquals((await ip("route get 23.0.0.1")).includes(" dev v2 "), true);
    assertEquals(interfaces(await readNetworkState()), "v0 v0");
    assertEquals(watched.snapshots.map(({ state }) => interfaces(state)), ["v0 v0"]);
    await ip("rule add table 77"); // for all destinations
    await watched.until("v2", () => interfaces(watched.state) === "v2 v0");
  },
);
