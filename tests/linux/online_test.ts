/**
 * What counts as a network: a tap that the test holds open is the real interface, since a namespace has no
 * hardware. Containers, idle bridges and the links of virtual machines come and go beside it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import {
  affects,
  type DefaultRoute,
  NetworkMonitor,
  primaryAddress,
  type Snapshot,
  type State,
  usableAddresses,
} from "../../mod.ts";
import { withoutDad } from "../support/dad.ts";
import { ip, ipBatch, namespaceTest } from "../support/netns.ts";
import { openTunTap } from "../support/tap.ts";
import { scaled } from "../support/timing.ts";

const BOUND = { hostname: "192.0.2.7" };

/** eth0 as a tap that is up and has carrier, without an address. */
async function plugIn(): Promise<Disposable> {
  withoutDad();
  await ip("link set lo up");
  await ip("tuntap add dev eth0 mode tap"); // it stays when the process lets go: that is a pulled cable
  const cable = openTunTap("eth0", "tap");
  await ip("link set eth0 up");
  return cable;
}

const CONNECT = ["addr add 192.0.2.7/24 dev eth0", "route add default via 192.0.2.1"];

const DOCKER = [
  "link add docker0 type bridge",
  "addr add 172.17.0.1/16 dev docker0",
  "link set docker0 up",
];

/** A container starts: its end of the cable would be in a namespace of its own. */
function container(i: number): string[] {
  return [
    `link add veth${i} type veth peer name c${i}`,
    `link set veth${i} master docker0`,
    `addr add 10.8.${i}.1/24 dev c${i}`,
    `link set veth${i} up`,
    `link set c${i} up`,
  ];
}

async function watch(): Promise<
  { monitor: NetworkMonitor; snapshots: Snapshot[] } & AsyncDisposable
> {
  const monitor = await NetworkMonitor.open({ source: "events", coalesceMs: 20 });
  const snapshots: Snapshot[] = [];
  const recording = (async () => {
    for await (const snapshot of monitor) snapshots.push(snapshot);
  })();
  return {
    monitor,
    snapshots,
    async [Symbol.asyncDispose]() {
      await monitor.close();
      await recording;
    },
  };
}

function until(monitor: NetworkMonitor, holds: (state: State) => boolean): Promise<Snapshot> {
  return monitor.waitFor(holds, { signal: AbortSignal.timeout(scaled(5_000)) });
}

function addressed(name: string, cidr: string): (state: State) => boolean {
  return ({ interfaces }) => interfaces[name]?.addresses.some((it) => it.cidr === cidr) ?? false;
}

function reasons({ reasons }: Snapshot): string[] {
  return reasons.map((it) => {
    if (it.kind === "default-route") {
      return `${it.family} ${routeText(it.from)} -> ${routeText(it.to)}`;
    }
    return `${it.kind} ${"address" in it ? `${it.interface} ${it.address.cidr}` : ""}`;
  });
}

function routeText(route: DefaultRoute | null): string {
  return route === null ? "none" : `${route.interface} via ${route.gateway} from ${route.source}`;
}

/** Reads of major snapshots only, which end after 10 seconds. */
function majors(monitor: NetworkMonitor, settleMs = 0): ReadableStreamDefaultReader<Snapshot> {
  const signal = AbortSignal.timeout(scaled(10_000));
  return monitor.snapshots({ majorOnly: true, initial: false, settleMs, signal }).getReader();
}

const OPTIONS = { needs: ["tun"] as const };

namespaceTest(
  import.meta.url,
  "an idle docker0 is no network; waitFor ends when eth0 is connected",
  async () => {
    using _cable = await plugIn();
    await ipBatch([...DOCKER, ...container(1)]);
    await using it = await watch();
    const { state } = await until(
      it.monitor,
      ({ interfaces }) => interfaces["docker0"]?.running === true,
    );
    assertEquals([state.online, state.haveIpv4, state.haveIpv6], [false, false, false]);
    assertEquals([usableAddresses(state), primaryAddress(state)], [[], null]);
    assertEquals(
      Object.values(state.interfaces).filter(({ hostOnly }) => !hostOnly).map(({ name }) => name),
      ["eth0"],
    );
    assertEquals(
      usableAddresses(state, { hostOnly: true }).map(({ cidr }) => cidr),
      ["172.17.0.1/16", "10.8.1.1/24"],
    );
    let connected = false;
    const waiting = it.monitor.waitFor(({ online }) => online === true).finally(() =>
      connected = true
    );
    await ipBatch(container(2));
    await until(it.monitor, addressed("c2", "10.8.2.1/24"));
    assertEquals(connected, false);
    const begin = performance.now();
    await ipBatch(CONNECT);
    const snapshot = await waiting;
    assert(performance.now() - begin < scaled(1_000));
    assertEquals(primaryAddress(snapshot.state)?.cidr, "192.0.2.7/24");
    assertEquals([snapshot.state.haveIpv4, snapshot.state.homeRouter], [true, null]);
  },
  OPTIONS,
);

namespaceTest(import.meta.url, "the life of docker is minor and affects no socket", async () => {
  using _cable = await plugIn();
  await ipBatch(CONNECT);
  await using it = await watch();
  const current = await until(
    it.monitor,
    ({ interfaces, online }) =>
      online === true && interfaces["eth0"]!.addresses.some(({ scopeId }) => scopeId !== null),
  );
  const delivered: Snapshot[] = [];
  const follow = async (stream: ReadableStream<Snapshot>) => {
    for await (const snapshot of stream) delivered.push(snapshot);
  };
  const streams = [
    follow(it.monitor.snapshots({ majorOnly: true, initial: false })),
    follow(it.monitor.snapshots({ affects: BOUND, initial: false })),
  ];
  const numbers = Array.from({ length: 10 }, (_, i) => i + 1);
  await ipBatch(DOCKER);
  for (const i of numbers.filter((i) => i % 2 === 1)) {
    await ipBatch([...container(i), ...container(i + 1)]);
  }
  await until(it.monitor, addressed("c10", "10.8.10.1/24"));
  await ipBatch([...numbers.map((i) => `link del veth${i}`), "link del docker0"]);
  const last = await until(it.monitor, ({ interfaces }) => !("docker0" in interfaces));
  const later = it.snapshots.filter(({ sequence }) => sequence > current.sequence);
  assert(later.length > 5, `${later.length} snapshots`);
  const own = last.state.interfaces["eth0"]!.addresses.map(({ address }) => address);
  const hostnames = ["192.0.2.7", "0.0.0.0", "::", ...own];
  assertEquals(own.includes("192.0.2.7"), true);
  let before = current;
  for (const snapshot of later) {
    assertEquals([snapshot.major, reasons(snapshot)], [false, []]);
    for (const hostname of hostnames) {
      assertEquals(affects({ hostname }, before.state, snapshot.state), false);
    }
    before = snapshot;
  }
  assertEquals([affects(BOUND, current.state, last.state), delivered.length], [false, 0]);
  await it.monitor.close();
  await Promise.all(streams);
}, OPTIONS);

namespaceTest(
  import.meta.url,
  "inside a container its veth counts, whatever unused tunnels there are",
  async () => {
    await ipBatch([
      "link set lo up",
      "link add eth0 type veth peer name host0", // the other end would be outside
      "link set host0 up",
      "link set eth0 up",
    ]);
    await ip("tuntap add dev tunl0 mode tun"); // down, as tunl0 and sit0 are
    await using it = await watch();
    assertEquals(it.monitor.current.state.online, false);
    await ipBatch(["addr add 172.17.0.2/16 dev eth0", "route add default via 172.17.0.1"]);
    const { state } = await until(it.monitor, ({ online }) => online === true);
    assertEquals(
      Object.values(state.interfaces).filter(({ hostOnly }) => hostOnly).map(({ name }) => name),
      ["lo"],
    );
    assertEquals(usableAddresses(state).map(({ cidr }) => cidr), ["172.17.0.2/16"]);
    const changed = majors(it.monitor).read();
    await ipBatch(["addr add 172.17.0.9/16 dev eth0"]);
    assertEquals(reasons((await changed).value!), ["address-usable eth0 172.17.0.9/16"]);
    // a VPN inside the container: the default route keeps eth0, and host0 no longer counts
    using _tun = openTunTap("tun0", "tun");
    await ipBatch(["addr add 10.9.0.2/24 dev tun0", "link set tun0 up"]);
    const vpn = await until(it.monitor, ({ interfaces }) => interfaces["tun0"]?.up === true);
    const { eth0, host0 } = vpn.state.interfaces;
    assertEquals([eth0?.hostOnly, host0?.hostOnly], [false, true]);
  },
  OPTIONS,
);

/** A process in a network namespace of its own: the other end of a sandbox's cable. */
async function sandbox(): Promise<
  { ip: (command: string) => Promise<void>; pid: number } & AsyncDisposable
> {
  const child = new Deno.Command("unshare", { args: ["-n", "sleep", "100"] }).spawn();
  const { pid } = child;
  const own = Deno.readLinkSync("/proc/self/ns/net");
  const end = performance.now() + scaled(5_000);
  while (Deno.readLinkSync(`/proc/${pid}/ns/net`) === own) {
    if (performance.now() > end) throw new Error("unshare -n never got its namespace");
    await delay(5);
  }
  return {
    pid,
    async ip(command) {
      const args = ["-t", `${pid}`, "-n", "ip", ...command.split(" ")];
      const { success } = await new Deno.Command("nsenter", { args }).output();
      assert(success, command);
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

// its reproduction: a sandbox's cable with an address and a route rebound every connection
namespaceTest(import.meta.url, "the commands of iroh#4488 are minor", async () => {
  using _cable = await plugIn();
  await ipBatch(CONNECT);
  await using it = await watch();
  await using inside = await sandbox();
  await ip(`link add veth-test-a type veth peer name veth-test-b netns ${inside.pid}`);
  await inside.ip("address add 198.18.0.1/31 dev veth-test-b");
  await inside.ip("link set veth-test-b up");
  await ipBatch([
    "address add 198.18.0.0/31 dev veth-test-a",
    "link set veth-test-a up",
    "route add 198.18.100.0/24 via 198.18.0.1",
  ]);
  await until(it.monitor, ({ interfaces }) => interfaces["veth-test-a"]?.running === true);
  await ipBatch(["link del veth-test-a"]);
  await until(it.monitor, ({ interfaces }) => !("veth-test-a" in interfaces));
  assertEquals(it.snapshots.slice(1).flatMap(reasons), []);
}, OPTIONS);

namespaceTest(
  import.meta.url,
  "a VPN, a flip of the default route and a pulled cable are major",
  async () => {
    const cable = await plugIn();
    await ipBatch(CONNECT);
    await using it = await watch();
    using _tun = openTunTap("tun0", "tun");
    await ipBatch(["addr add 10.9.0.2/24 dev tun0", "link set tun0 up"]);
    await until(it.monitor, addressed("tun0", "10.9.0.2/24"));
    const flip = it.monitor.snapshots({ majorOnly: true, initial: false, settleMs: 100 })
      .getReader();
    const next = async (commands: readonly string[]): Promise<string[]> => {
      const reading = flip.read();
      await ipBatch(commands);
      return reasons((await reading).value!);
    };
    assertEquals(await next(["route replace default dev tun0"]), [
      "IPv4 eth0 via 192.0.2.1 from 192.0.2.7 -> tun0 via null from 10.9.0.2",
    ]);
    assertEquals(await next(["route replace default via 192.0.2.1"]), [
      "IPv4 tun0 via null from 10.9.0.2 -> eth0 via 192.0.2.1 from 192.0.2.7",
    ]);
    const pulled = flip.read();
    cable[Symbol.dispose]();
    const { value } = await pulled;
    const { state } = value!;
    assertEquals(reasons(value!), ["address-unusable eth0 192.0.2.7/24"]);
    assertEquals([state.online, state.interfaces["eth0"]?.running], [false, false]);
    // the kernel keeps the default route through eth0
    assertEquals(state.defaultRouteInterface, "eth0");
    assertEquals(primaryAddress(state)?.cidr, "10.9.0.2/24");
    // the socket stays: the cable may be back in a second
    assertEquals(affects(BOUND, it.snapshots[0]!.state, state), false);
  },
  OPTIONS,
);

namespaceTest(
  import.meta.url,
  "docker0 counts while the default route goes through it",
  async () => {
    using _cable = await plugIn();
    await ipBatch([...DOCKER, ...container(1)]);
    await using it = await watch();
    await until(it.monitor, ({ interfaces }) => interfaces["docker0"]?.running === true);
    const read = majors(it.monitor);
    const up = read.read();
    await ip("route add default via 172.17.0.99");
    const { value } = await up;
    const { changes, state } = value!;
    assertEquals(reasons(value!), [
      "IPv4 none -> docker0 via 172.17.0.99 from 172.17.0.1",
      "address-usable docker0 172.17.0.1/16",
    ]);
    assertEquals([state.online, state.haveIpv4], [true, true]);
    assertEquals(changes.map(({ kind }) => kind), ["interface-changed", "default-route-changed"]);
    const down = read.read();
    await ip("route del default");
    assertEquals((await down).value!.state.haveIpv4, false);
    assertEquals(it.monitor.metrics.driftsFound, 0);
  },
  OPTIONS,
);
