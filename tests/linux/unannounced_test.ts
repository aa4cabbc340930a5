/**
 * Changes that the kernel does not announce, or announces too early: found by events all the same, with
 * reconcile off, and not taken for drift with reconcile on.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { createSocket } from "node:dgram";
import type { DefaultRouteAnswer, Links, RouteLookup } from "../../ffi/linux/route_lookup.ts";
import { LinuxRuntime, LinuxSource } from "../../ffi/linux/source.ts";
import { Syscalls } from "../../ffi/linux/syscalls.ts";
import { NetworkMonitor } from "../../mod.ts";
import type { DefaultRoute, State } from "../../state/types.ts";
import { withoutDad } from "../support/dad.ts";
import { ip, ipBatch, namespaceTest } from "../support/netns.ts";
import { openLibc } from "../support/real_libc.ts";
import { scaled } from "../support/timing.ts";
import { WatchedMonitor } from "../support/watched_monitor.ts";

function sysctl(name: string, value: string): void {
  Deno.writeTextFileSync(`/proc/sys/net/${name}`, value);
}

/** Two ends of a virtual cable, up. */
async function makeCable(): Promise<void> {
  withoutDad();
  await ipBatch(["link add v0 type veth peer name v1", "link set v0 up", "link set v1 up"]);
}

/** Makes the kernel look for the way to an address; whether anybody answers does not matter. */
function sendDatagram(address: string): Promise<void> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  return new Promise((resolve) =>
    socket.send(new Uint8Array(1), 9, address, () => socket.close(() => resolve()))
  );
}

async function untilState(watched: WatchedMonitor, fits: (state: State) => boolean): Promise<void> {
  await watched.monitor.waitFor(fits, { signal: AbortSignal.timeout(scaled(2_000)) });
}

namespaceTest(
  import.meta.url,
  "the default route through a nexthop object has its hop without nexthop_compat_mode",
  async () => {
    await makeCable();
    sysctl("ipv4/nexthop_compat_mode", "0");
    await ipBatch([
      "addr add 192.0.2.7/24 dev v0",
      "addr add 2001:db8::7/64 dev v0 nodad",
      "nexthop add id 1 via 192.0.2.1 dev v0",
      "nexthop add id 2 via 2001:db8::1 dev v0",
    ]);
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
    await ip("route add default nhid 1");
    await ip("-6 route add default nhid 2");
    const gateways = ({ ipv4, ipv6 }: State["defaultRoute"]) =>
      [ipv4, ipv6].map((route: DefaultRoute | null) => `${route?.interface} ${route?.gateway}`);
    await untilState(
      watched,
      ({ defaultRoute }) => `${gateways(defaultRoute)}` === "v0 192.0.2.1,v0 2001:db8::1",
    );
    assertEquals(watched.state.defaultRoute.ipv4?.source, "192.0.2.7");
    await ip("nexthop replace id 1 via 192.0.2.2 dev v0");
    await untilState(watched, ({ defaultRoute }) => defaultRoute.ipv4?.gateway === "192.0.2.2");
  },
);

namespaceTest(
  import.meta.url,
  "a multipath default route has the source of its hop with carrier",
  async () => {
    await makeCable();
    await ipBatch([
      "link add v2 type veth peer name v3",
      "link set v2 up",
      "addr add 192.0.2.7/24 dev v0",
      "addr add 198.51.100.7/24 dev v2",
    ]);
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
    // the kernel sends some packets through the hop without carrier, too
    await ip("route add default nexthop via 192.0.2.1 dev v0 nexthop via 198.51.100.1 dev v2");
    const routeOf = ({ defaultRoute: { ipv4 } }: State) => `${ipv4?.interface} ${ipv4?.source}`;
    await untilState(watched, (state) => routeOf(state).startsWith("v0"));
    assertEquals(routeOf(watched.state), "v0 192.0.2.7");
    await ipBatch(["link set v3 up", "link set v1 down"]);
    await untilState(watched, (state) => routeOf(state).startsWith("v2"));
    assertEquals(routeOf(watched.state), "v2 198.51.100.7");
  },
);

namespaceTest(
  import.meta.url,
  "buckets of a resilient nexthop group are noise",
  async () => {
    await makeCable();
    await ipBatch([
      "addr add 192.0.2.7/24 dev v0",
      "nexthop add id 1 via 192.0.2.1 dev v0",
      "nexthop add id 2 via 192.0.2.2 dev v0",
      "neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev v0",
      "neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev v0",
      "nexthop add id 10 group 1/2 type resilient buckets 64 idle_timer 1",
      "route add default nhid 10",
    ]);
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
    const { ignored } = watched.monitor.metrics;
    // Buckets in use migrate one by one when they are idle, each with a message; those that are idle at once
    // migrate without one, so the first must not be idle before the last is used.
    const started = performance.now();
    for (let i = 0; i < 500; i++) await sendDatagram(`23.0.${i >> 8}.${i & 255}`);
    const idleSeconds = Math.ceil(2 * (performance.now() - started) / 1000);
    await ip(`nexthop replace id 10 group 1,1/2,7 type resilient idle_timer ${idleSeconds}`);
    await watched.until("the buckets", () => watched.monitor.metrics.ignored >= ignored + 10);
    const { fullReads, malformed, overflows } = watched.monitor.metrics;
    assertEquals({ fullReads, malformed, overflows }, { fullReads: 1, malformed: 0, overflows: 0 });
  },
);

namespaceTest(
  import.meta.url,
  "the default route of a link that goes down goes, also behind 20,000 other routes",
  async () => {
    await makeCable();
    const routes = Array.from(
      { length: 20_000 },
      (_, i) => `route add 10.${i >> 14}.${(i >> 6) & 255}.${(i & 63) << 2}/30 via 192.0.2.1`,
    );
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
    for (let round = 0; round < 5; round++) {
      await ipBatch([
        "addr replace 192.0.2.7/24 dev v0",
        "route add default via 192.0.2.1",
        ...routes,
      ]);
      await untilState(watched, ({ defaultRoute }) => defaultRoute.ipv4 !== null);
      await ip("link set v0 down");
      await untilState(watched, ({ defaultRoute }) => defaultRoute.ipv4 === null);
      await ip("link set v0 up");
    }
    // The same when the address that the routes need is removed.
    await ipBatch(["route add default via 192.0.2.1", ...routes]);
    await untilState(watched, ({ defaultRoute }) => defaultRoute.ipv4 !== null);
    await ip("addr del 192.0.2.7/24 dev v0");
    await untilState(watched, ({ defaultRoute }) => defaultRoute.ipv4 === null);
  },
);

/** A kernel that is slow to remove routes: `late()` lets it show them as they are for a while longer. */
class LateRuntime extends LinuxRuntime {
  #last: DefaultRouteAnswer | null = null;
  #lateUntil = 0;

  late(ms: number): void {
    this.#lateUntil = performance.now() + ms;
  }

  override askRoutes(lookup: RouteLookup, links: Links): DefaultRouteAnswer {
    const answer = super.askRoutes(lookup, links);
    if (this.#last !== null && performance.now() < this.#lateUntil) {
      return lookup.current = { ...this.#last }; // asked again, the same answer
    }
    return this.#last = answer;
  }
}

namespaceTest(
  import.meta.url,
  "routes that the kernel changes after it announced the change are looked up again",
  async () => {
    await makeCable();
    const { close, libc } = openLibc();
    const runtime = new LateRuntime(new Syscalls(libc), close);
    const source = new LinuxSource(runtime, {}, () => runtime.dispose());
    await using monitor = await NetworkMonitor.open({
      source,
      coalesceMs: 0,
      reconcileIntervalMs: Infinity,
    });
    const until = (fits: (state: State) => boolean) =>
      monitor.waitFor(fits, { signal: AbortSignal.timeout(scaled(2_000)) });
    const route = "route add default via 192.0.2.1";
    const cases = [
      { command: "route del default via 192.0.2.1", lateMs: 20, route }, // fib_table_delete()
      { command: "addr del 192.0.2.7/24 dev v0", lateMs: 20, route },
      // the source is on another interface, and v0 keeps its address (fib_sync_down_addr())
      {
        command: "addr del 198.51.100.7/32 dev lo",
        lateMs: 20,
        route: `${route} src 198.51.100.7`,
      },
      // later than the first recheck
      { command: "link set v0 down", lateMs: 120, route },
    ];
    for (const { command, lateMs, route } of cases) {
      await ipBatch([
        "addr replace 192.0.2.7/24 dev v0",
        "addr replace 198.51.100.7/32 dev lo",
        route,
      ]);
      await until(({ defaultRoute }) => defaultRoute.ipv4 !== null);
      runtime.late(lateMs);
      await ip(command);
      await until(({ defaultRoute }) => defaultRoute.ipv4 === null);
    }
    // the kernel announces an address before a route can select it (__inet_insert_ifa())
    await ipBatch(["addr flush dev v0", "link set v0 up", "route add default dev v0"]);
    await until(({ defaultRoute }) => defaultRoute.ipv4?.source === "198.51.100.7"); // of lo
    runtime.late(20);
    await ip("addr add 192.0.2.7/24 dev v0");
    await until(({ defaultRoute }) => defaultRoute.ipv4?.source === "192.0.2.7");
    await monitor.close();
    await source[Symbol.asyncDispose]();
  },
);

namespaceTest(
  import.meta.url,
  "a default route is found when the kernel silently removes the route that hid it",
  async () => {
    await ipBatch([
      "link add v0 type veth peer name v1",
      "link set v0 up",
      "link set v1 up",
      "addr add 192.0.2.7/24 dev v0",
      "addr add 198.51.100.7/24 dev v1",
      "route add default via 198.51.100.1 dev v1",
      "route add 0.0.0.0/1 dev v0",
      "route add throw 128.0.0.0/1",
    ]);
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
    assertEquals(watched.state.defaultRoute.ipv4, null); // one half leads by v0, the other nowhere
    await ip("addr del 192.0.2.7/24 dev v0");
    await untilState(watched, ({ defaultRoute }) => defaultRoute.ipv4?.interface === "v1");
  },
);

namespaceTest(
  import.meta.url,
  "addresses that keep_addr_on_down makes tentative do not condemn the socket",
  async () => {
    await ipBatch(["link add v0 type veth peer name v1", "link set v0 up", "link set v1 up"]);
    sysctl("ipv6/conf/all/keep_addr_on_down", "1");
    sysctl("ipv6/conf/v0/keep_addr_on_down", "1");
    await ip("addr add 2001:db8::7/64 dev v0");
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: scaled(200) });
    const tentative = () =>
      watched.state.interfaces["v0"]!.addresses.some((it) =>
        it.cidr === "2001:db8::7/64" && it.tentative
      );
    await watched.untilAddress("v0", "2001:db8::7/64");
    for (let round = 0; round < 3; round++) {
      await watched.until("a usable address", () => !tentative());
      await ip("link set v0 down");
      await watched.until("a tentative address", tentative);
      const { reconciles } = watched.monitor.metrics;
      await watched.until(
        "two reconciles",
        () => watched.monitor.metrics.reconciles >= reconciles + 2,
      );
      await ip("link set v0 up");
    }
    const { driftsFound, reopens } = watched.monitor.metrics;
    assertEquals({ driftsFound, reopens }, { driftsFound: 0, reopens: 0 });
    assertEquals(watched.monitor.health.status, "live");
  },
);

namespaceTest(
  import.meta.url,
  "an optimistic address, announced only after its check, does not condemn the socket",
  async () => {
    await ipBatch(["link add v0 type veth peer name v1", "link set v0 up", "link set v1 up"]);
    for (const scope of ["all", "v0"]) sysctl(`ipv6/conf/${scope}/optimistic_dad`, "1");
    sysctl("ipv6/conf/v0/dad_transmits", "3"); // one a second
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: scaled(200) });
    await ip("addr add 2001:db8::7/64 dev v0 optimistic");
    await watched.untilAddress("v0", "2001:db8::7/64");
    const { reconciles } = watched.monitor.metrics;
    await watched.until(
      "two reconciles",
      () => watched.monitor.metrics.reconciles >= reconciles + 2,
    );
    const { driftsFound, reopens } = watched.monitor.metrics;
    assertEquals({ driftsFound, reopens }, { driftsFound: 0, reopens: 0 });
  },
);

for (const forgets of [false, true]) {
  const what = forgets ? ", also one that the kernel has forgotten as a router" : "";
  namespaceTest(
    import.meta.url,
    `of two IPv6 routers the one that answers is the default route, without a route message${what}`,
    () => loseRouter(forgets),
  );
}

async function loseRouter(forgets: boolean): Promise<void> {
  withoutDad();
  await ip("link add v0 type veth peer name v1");
  const router = new Deno.Command("unshare", { args: ["-n", "sleep", "60"] }).spawn();
  try {
    const inRouter = async (command: string) => {
      const { success, stderr } = await new Deno.Command("nsenter", {
        args: ["-t", String(router.pid), "-n", "--", ...command.split(" ")],
      }).output();
      if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
    };
    await delay(scaled(200)); // `unshare` has made the namespace
    await ip(`link set v1 netns ${router.pid}`);
    await inRouter("ip link set v1 up");
    await ip("link set v0 up");
    await inRouter("ip addr add fe80::a1/64 dev v1 nodad");
    await inRouter("ip addr add fe80::a2/64 dev v1 nodad");
    // A host that forwards says in its neighbour advertisements that it is a router.
    await inRouter("sh -c echo${IFS}1>/proc/sys/net/ipv6/conf/all/forwarding");
    const neighbours = "ipv6/neigh/v0";
    sysctl(`${neighbours}/base_reachable_time_ms`, "1000");
    sysctl(`${neighbours}/delay_first_probe_time`, "1");
    sysctl(`${neighbours}/retrans_time_ms`, "200");
    await ipBatch([
      "addr add 2001:db8::5/64 dev v0 nodad",
      "nexthop add id 1 via fe80::a1 dev v0",
      "nexthop add id 2 via fe80::a2 dev v0",
    ]);
    await ip("-6 route add default nhid 1");
    await ip("-6 route append default nhid 2");
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
    await untilState(watched, ({ defaultRoute }) => defaultRoute.ipv6 !== null);
    // The kernel looks for a router while there is something to send.
    const sending = setInterval(() => void sendDatagram("2a0f::1"), 100);
    try {
      const gateway = () => watched.state.defaultRoute.ipv6?.gateway ?? "";
      const first = gateway();
      await delay(scaled(1_000)); // both ends know each other
      await inRouter(`ip addr del ${first}/64 dev v1`);
      if (forgets) await ip("neigh flush dev v0"); // as after gc_stale_time
      const start = performance.now();
      await watched.until("the other router", () => gateway() !== first);
      assert(performance.now() - start < scaled(8_000));
      assertEquals(watched.monitor.metrics.fullReads, 1);
    } finally {
      clearInterval(sending);
    }
  } finally {
    router.kill("SIGKILL");
    await router.status;
  }
}

namespaceTest(
  import.meta.url,
  "a change of an address that stays tentative, because its link has no carrier, is no drift",
  async () => {
    await ipBatch([
      "link add v0 type veth peer name v1",
      "addr add 2001:db8::7/64 dev v0",
      "link set v0 up",
    ]);
    await delay(scaled(1_500)); // for as long as it would take with carrier
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: 200 });
    const address = () => watched.state.interfaces.v0!.addresses[0]!;
    assertEquals(address().tentative, true);
    await ip("addr change 2001:db8::7/64 dev v0 preferred_lft 0 valid_lft 3000");
    await watched.until("deprecated", () => address().deprecated);
    await delay(scaled(1_000));
    const { driftsFound, reopens } = watched.monitor.metrics;
    assertEquals({ driftsFound, reopens }, { driftsFound: 0, reopens: 0 });
  },
);
