/**
 * The event socket on the real kernel: whom it believes, what it is made of, and what it hears when links
 * and addresses change in unusual ways. Reconcile is off: only events tell.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { NetlinkEventSocket } from "../../ffi/linux/event_socket.ts";
import type { KernelEvent } from "../../ffi/linux/messages.ts";
import { encodeMessage } from "../../ffi/linux/netlink.ts";
import { encodeAttribute } from "../support/netlink.ts";
import { LinuxSource } from "../../ffi/linux/source.ts";
import { type MonitorOptions, NetworkMonitor } from "../../mod.ts";
import { withoutDad } from "../support/dad.ts";
import { Harm, ipBlocking } from "../support/harm.ts";
import { ip, ipBatch, namespaceTest } from "../support/netns.ts";
import { CountingSyscalls, openRuntime } from "../support/real_libc.ts";
import { scaled } from "../support/timing.ts";
import { WatchedMonitor } from "../support/watched_monitor.ts";

const signal = new AbortController().signal;

async function open(): Promise<WatchedMonitor> {
  withoutDad();
  return await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
}

/** What must never have been needed. */
function assertByEventsAlone({ monitor }: WatchedMonitor): void {
  const { driftsFound, fullReads, reopens } = monitor.metrics;
  assertEquals([driftsFound, fullReads, reopens], [0, 1, 0]);
}

/** The table that events kept says what a dump says. */
async function assertTrue(watched: WatchedMonitor): Promise<void> {
  await using source = await LinuxSource.open({});
  const truth = await source.read(signal);
  const view = watched.source.last.view();
  const byIndex = (nics: typeof truth.interfaces) => nics.toSorted((a, b) => a.index - b.index);
  assertEquals(byIndex(view!.interfaces), byIndex(truth.interfaces));
  assertEquals(view!.defaultRoute, truth.defaultRoute);
}

/** RTM_NEWADDR 10.66.66.66/24 on lo. */
function forgedAddress(): Uint8Array {
  const body = [2, 24, 0x80, 0, 1, 0, 0, 0, ...encodeAttribute(2, Uint8Array.of(10, 66, 66, 66))];
  return encodeMessage(20, 0, body);
}

namespaceTest(
  import.meta.url,
  "a forged message is no event, even if it is the first that the process receives",
  async () => {
    const { runtime, syscalls } = openRuntime((libc) => new CountingSyscalls(libc));
    const port = new NetlinkEventSocket(syscalls);
    using harm = new Harm();
    harm.forge(port.descriptor, forgedAddress());
    const events: KernelEvent[] = [];
    port.receive(events);
    assertEquals(events, [{ kind: "spoofed" }]);
    port.close();
    await runtime.dispose();
  },
);

namespaceTest(
  import.meta.url,
  "a forged message from another process is counted and ignored",
  async () => {
    await using watched = await open();
    using harm = new Harm();
    const before = watched.monitor.current;
    harm.forge(watched.descriptor, forgedAddress());
    await watched.until("the forged one", () => watched.monitor.metrics.spoofed === 1);
    harm.forgeToAll(forgedAddress());
    await watched.until("the other", () => watched.monitor.metrics.spoofed === 2);
    harm.forge(watched.descriptor, new Uint8Array(20).fill(0xff));
    await watched.until("the broken one", () => watched.monitor.metrics.spoofed === 3);
    assertEquals((await watched.monitor.refresh()).sequence, before.sequence);
    assertEquals(watched.addresses("lo"), []);
    const { events, malformed, overflows } = watched.monitor.metrics;
    assertEquals([events, malformed, overflows], [0, 0, 0]);
  },
);

namespaceTest(import.meta.url, "no descriptor is inherited by child processes", async () => {
  // the one that lists them is closed by now: its number may be used again
  const before = new Set(descriptors().filter((one) => descriptorFlags(one) !== null));
  await using watched = await open();
  watched.source.last.view();
  const opened = descriptors().filter((one) => !before.has(one));
  assert(opened.includes(String(watched.descriptor)));
  assert(opened.length >= 3, `Only ${opened}: the events, the route lookups, the timer`);
  for (const one of opened) {
    const flags = descriptorFlags(one);
    // O_CLOEXEC, asm-generic/fcntl.h
    assert(flags === null || (flags & 0o2000000) !== 0, `descriptor ${one} has flags ${flags}`);
  }
});

namespaceTest(import.meta.url, "an index that is used again is another interface", async () => {
  await using watched = await open();
  await ip("link add name a0 index 77 type bridge");
  await ip("addr add 10.1.0.1/24 dev a0");
  await watched.untilAddress("a0", "10.1.0.1/24");
  ipBlocking("link del a0");
  ipBlocking("link add name b0 index 77 type bridge");
  await watched.until("b0", () => watched.state.interfaces["b0"]?.index === 77);
  assertEquals(Object.keys(watched.state.interfaces).sort(), ["b0", "lo"]);
  assertEquals(watched.addresses("b0"), []);
  await assertTrue(watched);
  assertByEventsAlone(watched);
});

namespaceTest(import.meta.url, "names that are swapped belong to the right index", async () => {
  await using watched = await open();
  await ip("link add name a0 index 11 type bridge");
  await ip("link add name b0 index 12 type bridge");
  await ip("addr add 10.1.0.1/24 dev a0");
  await watched.untilAddress("a0", "10.1.0.1/24");
  for (const [from, to] of [["a0", "c0"], ["b0", "a0"], ["c0", "b0"]]) {
    ipBlocking(`link set ${from} name ${to}`);
  }
  await watched.untilAddress("b0", "10.1.0.1/24");
  await watched.until("a0", () => watched.state.interfaces["a0"]?.index === 12);
  assertEquals(watched.state.interfaces["b0"]?.index, 11);
  await assertTrue(watched);
  assertByEventsAlone(watched);
});

namespaceTest(
  import.meta.url,
  "a port that changes or leaves its bridge stays an interface",
  async () => {
    await using watched = await open();
    await ipBatch([
      "link add br1 type bridge",
      "link add br2 type bridge",
      "link add p0 type veth peer name p1",
      "link set p0 up",
      "addr add 10.1.0.1/24 dev p0",
    ]);
    await watched.untilAddress("p0", "10.1.0.1/24");
    for (const master of ["master br1", "master br2", "nomaster", "master br1"]) {
      await ip(`link set p0 ${master}`);
    }
    // The bridge goes, and with it a port of it, which stays as a link.
    await ip("link del br1");
    await watched.until("br1 gone", () => !("br1" in watched.state.interfaces));
    assertEquals(watched.addresses("p0"), ["10.1.0.1/24"]);
    await assertTrue(watched);
    assertByEventsAlone(watched);
  },
);

namespaceTest(
  import.meta.url,
  "the peer and the flags of an address may change in place",
  async () => {
    await using watched = await open();
    await ip("link add p0 type veth peer name p1");
    for (const name of ["p0", "p1"]) {
      await ip(`link set ${name} addrgenmode none`); // a tentative address is not announced
      await ip(`link set ${name} up`);
    }
    for (
      const command of [
        "addr add 10.1.0.1 peer 10.1.0.2/32 dev p0",
        "addr add 10.1.0.1 peer 10.1.0.3/32 dev p0",
        "-6 addr add 2001:db8::1 peer 2001:db8::2/64 dev p0",
        "-6 addr change 2001:db8::1 peer 2001:db8::3/64 dev p0",
        "-6 addr change 2001:db8::1 peer 2001:db8::4/80 dev p0",
        "-6 addr change 2001:db8::1/64 dev p0 preferred_lft 0 valid_lft 1000",
        "addr del 10.1.0.1 peer 10.1.0.2/32 dev p0",
      ]
    ) {
      // Some kernels refuse some of these: then the state is what it was.
      await ip(command).catch(() => {});
      await delay(20);
      await assertTrue(watched);
    }
    assertEquals(watched.monitor.metrics.malformed, 0);
  },
);

namespaceTest(
  import.meta.url,
  "links that come and go during a full read do no harm",
  async () => {
    await using watched = await open();
    const commands = Array.from({ length: 40 }, (_, i) => [
      `link add d${i % 7} type veth peer name e${i % 7}`,
      `addr add 10.3.0.${i % 250}/24 dev d${i % 7}`,
      `link set d${i % 7} up`,
      `link del d${i % 7}`,
    ]).flat();
    const churn = ipBatch([...commands, "link add last type bridge"]);
    let over = false;
    void churn.then(() => over = true);
    let refreshes = 0;
    while (!over) {
      await watched.monitor.refresh();
      refreshes++;
      await delay(refreshes % 4);
    }
    await watched.until("the last", () => "last" in watched.state.interfaces);
    assert(refreshes > 3, `${refreshes} refreshes`);
    assertEquals(Object.keys(watched.state.interfaces).sort(), ["last", "lo"]);
    const { driftsFound, malformed, readFailures, reopens } = watched.monitor.metrics;
    assertEquals([driftsFound, malformed, readFailures, reopens], [0, 0, 0, 0]);
    await assertTrue(watched);
  },
);

namespaceTest(import.meta.url, "a namespace without even lo up has a state", async () => {
  await using watched = await open();
  assertEquals(Object.keys(watched.state.interfaces), ["lo"]);
  const { defaultRoute, haveIpv4, haveIpv6, interfaces, localAddresses } = watched.state;
  assertEquals([interfaces["lo"]?.up, haveIpv4, haveIpv6], [false, false, false]);
  assertEquals(interfaces["lo"]?.addresses, []);
  assertEquals(localAddresses, { loopback: [], regular: [] });
  assertEquals(defaultRoute, { ipv4: null, ipv6: null });

  await ip("link set lo up");
  await watched.untilAddress("lo", "127.0.0.1/8");
  await watched.untilAddress("lo", "::1/128");
  assertEquals(watched.state.localAddresses.loopback, ["127.0.0.1", "::1"]);
  assertByEventsAlone(watched);
});

namespaceTest(import.meta.url, "a machine without IPv6 has a state", async () => {
  for (const scope of ["all", "default", "lo"]) {
    Deno.writeTextFileSync(`/proc/sys/net/ipv6/conf/${scope}/disable_ipv6`, "1");
  }
  await using watched = await open();
  await ip("link set lo up");
  await ip("link add p0 type veth peer name p1");
  await ip("link set p1 up");
  await ip("link set p0 up");
  await ip("addr add 10.1.0.1/24 dev p0");
  await ip("route add default via 10.1.0.254");
  await watched.until("the route", () => watched.state.defaultRoute.ipv4 !== null);
  assertEquals(watched.state.defaultRoute.ipv6, null);
  assertEquals(watched.addresses("lo"), ["127.0.0.1/8"]);
  assertEquals([watched.state.haveIpv4, watched.state.haveIpv6], [true, false]);
  assertByEventsAlone(watched);
});

namespaceTest(
  import.meta.url,
  "a default route that expires is gone soon after, without reconcile",
  async () => {
    await using watched = await open();
    await ip("link add p0 type veth peer name p1");
    await ip("link set p1 up");
    await ip("link set p0 up");
    await ip("-6 addr add 2001:db8::1/64 dev p0");
    const seconds = Math.ceil(scaled(1_000) / 1_000);
    await ip(`-6 route add default via 2001:db8::fe dev p0 expires ${seconds}`);
    await watched.until("the route", () => watched.state.defaultRoute.ipv6 !== null);
    const seen = performance.now();
    await watched.until("its end", () => watched.state.defaultRoute.ipv6 === null);
    const took = performance.now() - seen;
    assert(took > 300 && took < scaled(4_000), `It was there for ${took} ms`);
    assertEquals(watched.monitor.current.causes, ["event"]);
    assertByEventsAlone(watched);
  },
);

function descriptors(): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].map((entry) => entry.name);
}

/** null when it is open no more, as the one that lists the others. */
function descriptorFlags(descriptor: string): number | null {
  try {
    const info = Deno.readTextFileSync(`/proc/self/fdinfo/${descriptor}`);
    return parseInt(info.match(/flags:\s*(\d+)/)?.[1] ?? "0", 8);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

namespaceTest(import.meta.url, "the option trace logs each message, decoded", async () => {
  const ignore = () => {};
  const traced: string[] = [];
  const logged: string[] = [];
  const open = (lines: string[], options: MonitorOptions) => {
    const debug = (line: string) => void lines.push(line);
    const logger = { debug, info: ignore, warn: ignore, error: ignore };
    return NetworkMonitor.open({ source: "events", logger, ...options });
  };
  await using monitor = await open(traced, { trace: true });
  await using other = await open(logged, {});
  await ip("addr add 192.0.2.7/24 dev lo");
  for (const it of [monitor, other]) {
    await it.waitFor(({ interfaces }) => interfaces["lo"]!.addresses.length > 0, {
      signal: AbortSignal.timeout(scaled(5_000)),
    });
  }
  const about = (lines: string[]) => lines.filter((line) => line.includes("192.0.2.7"));
  assertEquals([about(traced), about(logged)], [["address 1 192.0.2.7/24 flags 0x80"], []]);
});

namespaceTest(import.meta.url, "refreshed lifetimes of an address are noise", async () => {
  await using watched = await open();
  await ip("link add p0 type veth peer name p1");
  await ip("link set p0 up");
  await ip("addr add 2001:db8::7/64 dev p0 valid_lft 600 preferred_lft 300");
  await watched.until("the address", () => watched.addresses("p0").includes("2001:db8::7/64"));
  await delay(scaled(500)); // the link-local address comes later
  const { ignored, published } = watched.monitor.metrics;
  for (let n = 1; n <= 50; n++) { // as routers do every few seconds
    await ip(`addr change 2001:db8::7/64 dev p0 valid_lft ${600 + n} preferred_lft ${300 + n}`);
  }
  await watched.until("the refreshes", () => watched.monitor.metrics.ignored >= ignored + 50);
  assertEquals(watched.monitor.metrics.published, published);
  await ip("addr change 2001:db8::7/64 dev p0 valid_lft 600 preferred_lft 0");
  await watched.until("its deprecation", () => watched.monitor.metrics.published === published + 1);
  assertEquals(watched.monitor.current.changes.map(({ kind }) => kind), ["address-changed"]);
});

namespaceTest(
  import.meta.url,
  "an unreachable default route, or one through the loopback, does not count",
  async () => {
    await using watched = await open();
    await ip("link set lo up");
    await ip("link add p0 type veth peer name p1");
    for (const link of ["p0", "p1"]) await ip(`link set ${link} up`);
    await ip("addr add 192.0.2.7/24 dev p0");
    await ip("route add default via 192.0.2.1 metric 100");
    const interfaceIs = (name: string | null) => () => watched.state.defaultRouteInterface === name;
    await watched.until("the route", interfaceIs("p0"));
    for (const better of ["unreachable default", "blackhole default", "default dev lo"]) {
      await ip(`route add ${better} metric 1`);
      await watched.until(better, interfaceIs(null));
      await ip(`route del ${better} metric 1`);
      await watched.until("the route again", interfaceIs("p0"));
    }
    assertByEventsAlone(watched);
  },
);

namespaceTest(
  import.meta.url,
  "of a multipath default route the hop with carrier is reported, while the other has none",
  async () => {
    await using watched = await open();
    for (const [n, m] of [[0, 1], [2, 3]]) {
      await ip(`link add p${n} type veth peer name p${m}`);
      for (const link of [`p${n}`, `p${m}`]) await ip(`link set ${link} up`);
      await ip(`addr add 192.0.${n! + 2}.7/24 dev p${n}`);
    }
    await ip("route add default nexthop via 192.0.2.1 dev p0 nexthop via 192.0.4.1 dev p2");
    const leavesBy = (name: string) => () =>
      watched.state.defaultRouteInterface === name && watched.state.online === true;
    await watched.until("the first hop", leavesBy("p0"));
    await ip("link set p1 down");
    await watched.until("the other hop", leavesBy("p2"));
    await ip("link set p1 up");
    await watched.until("the first hop again", leavesBy("p0"));
    assertByEventsAlone(watched);
  },
);
