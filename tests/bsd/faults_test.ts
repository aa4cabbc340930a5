/**
 * A monitor on simulated kernels with faults and oddities.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { SystemCallError } from "../../state/errors.ts";
import { EN0, encodeLiveNic } from "../support/bsd_encode.ts";
import { scaled } from "../support/timing.ts";
import { addresses, startMachine } from "./machine.ts";
import { RTF } from "./simulated_network.ts";

const SYSTEMS = ["darwin", "freebsd"] as const;

Deno.test("several messages in one datagram are all processed", async () => {
  for (const os of SYSTEMS) {
    await using machine = await startMachine({ os });
    const { kernel, monitor, network } = machine;
    kernel.merges = true;
    const { events } = monitor.metrics;
    for (let i = 1; i <= 20; i++) network.addAddress("en0", `10.0.${i}.1/24`);
    await machine.pass(500);
    assertEquals(addresses(machine).length, 21);
    assert(monitor.metrics.events - events >= 40, `${monitor.metrics.events - events} messages`);
    assertEquals(monitor.metrics.malformed, 0);
  }
});

Deno.test("a table that grows between the two calls is read whole", async () => {
  for (const os of SYSTEMS) {
    await using machine = await startMachine({ os });
    machine.kernel.growths = 4;
    const { state } = await machine.monitor.refresh();
    await machine.pass(500);
    assertEquals(Object.keys(machine.monitor.current.state.interfaces).length, 42);
    assert(Object.keys(state.interfaces).length >= 2);
    assertEquals(machine.monitor.metrics.readFailures, 0);
  }
});

Deno.test("a table that never stops growing fails the read, and the next read succeeds", async () => {
  await using machine = await startMachine();
  const { kernel, monitor } = machine;
  kernel.grows = (size) => size * 4;
  await assertRejects(() => monitor.refresh(), SystemCallError, "ENOMEM");
  kernel.grows = null;
  await monitor.refresh();
  assertEquals(monitor.metrics.readFailures, 1);
});

Deno.test("a source that is closed during a read waits for the read", async () => {
  const { kernel, monitor, network, source } = await startMachine();
  for (let i = 1; i <= 3_000; i++) network.addAddress("en0", `2001:db8::${i.toString(16)}/64`);
  await monitor.close();
  const reading = source.read(new AbortController().signal);
  await source[Symbol.asyncDispose]();
  assertEquals(kernel.open, 0);
  const { interfaces } = await reading;
  assertEquals(interfaces.find(({ name }) => name === "en0")?.addresses.length, 3_001);
});

Deno.test("a message of an unknown type or version is counted, and leads to a read", async () => {
  for (const os of SYSTEMS) {
    for (const strange of [[0x63, 5], [0xe, 6], [0xc, 0]] as const) {
      const [type, version] = strange;
      await using machine = await startMachine({ os });
      await machine.pass(1_000);
      const { kernel, monitor } = machine;
      const { sysctl } = kernel.calls;
      const bytes = encodeLiveNic(os, machine.network.nic("en0"));
      bytes[2] = version;
      bytes[3] = type;
      kernel.deliver(bytes);
      await machine.pass(500);
      assertEquals(monitor.metrics.malformed, 1);
      assertEquals(kernel.calls.sysctl! - sysctl!, 4, "two tables, two questions each");
      assertEquals(monitor.metrics.reopens, 0);
    }
  }
});

Deno.test("malformed bytes are counted, and lead to a read", async () => {
  await using machine = await startMachine();
  machine.kernel.deliver(Uint8Array.of(0, 0, 5, 12, 1, 2, 3, 4));
  machine.kernel.deliver(Uint8Array.of(200, 0, 5, 12));
  await machine.pass(500);
  assertEquals(machine.monitor.metrics.malformed, 2);
  assertEquals(machine.monitor.health.status, "live");
});

Deno.test("a receive that a signal interrupts is repeated in the same wake-up", async () => {
  for (const os of SYSTEMS) {
    await using machine = await startMachine({ os, without: ["kernel-events", "network_change"] });
    const { clock, kernel, network } = machine;
    await machine.pass(1_000);
    const now = clock.monotonic();
    const { poll_blocking } = kernel.calls;
    kernel.interruptions = 2;
    network.addAddress("en0", "198.51.100.7/24");
    await machine.settle();
    assertEquals(addresses(machine), ["192.0.2.7", "198.51.100.7"]);
    assertEquals(
      kernel.calls.poll_blocking! - poll_blocking!,
      1,
      "the next poll is after the wake-up",
    );
    assertEquals(clock.monotonic(), now);
  }
});

Deno.test("the wire trace has a line for each message of each wake-up source", async () => {
  const lines: string[] = [];
  await using machine = await startMachine({ trace: (line) => lines.push(line) });
  lines.length = 0;
  machine.network.addAddress("en0", "198.51.100.7/24");
  machine.kernel.deliver(Uint8Array.of(200, 0, 5, 12));
  await machine.settle();
  assertEquals(lines.toSorted(), [
    "Cannot decode rtm_msglen at byte 0",
    "address 2 198.51.100.7/24",
    "kernel event 1.1",
    "network_change",
    "route add 2 198.51.100.0/24 flags 0x1",
  ]);
});

Deno.test("FreeBSD reports an overflow with SO_RERROR, which leads to a full read", async () => {
  await using machine = await startMachine({
    os: "freebsd",
    monitor: { receiveBufferBytes: 16_384 },
  });
  const { monitor, network } = machine;
  await machine.pass(1_000);
  for (let i = 0; i < 500; i++) network.setMtu("en0", 1_000 + i);
  network.addAddress("en0", "198.51.100.7/24");
  await machine.pass(500);
  assertEquals(addresses(machine), ["192.0.2.7", "198.51.100.7"]);
  assertEquals(monitor.metrics.overflows, 1);
  assertEquals(monitor.metrics.reopens, 0);
});

Deno.test("an overflow is silent on FreeBSD 13, and costs no more than on a Mac", async () => {
  await using machine = await startMachine({
    os: "freebsd",
    without: ["SO_RERROR"],
    monitor: { receiveBufferBytes: 16_384 },
  });
  for (let i = 0; i < 500; i++) machine.network.setMtu("en0", 1_000 + i);
  await machine.pass(500);
  assertEquals(machine.monitor.metrics.overflows, 0);
  assertEquals(machine.monitor.current.state.interfaces.en0?.mtu, 1_499);
});

Deno.test("a receive buffer that is larger than the system allows is halved until it fits", async () => {
  await using machine = await startMachine({
    os: "freebsd",
    monitor: { receiveBufferBytes: 64 * 1024 * 1024 },
  });
  for (let i = 0; i < 10_000; i++) machine.network.setMtu("en0", 1_000 + i % 500);
  await machine.pass(500);
  assertEquals(machine.monitor.metrics.overflows, 0);
});

Deno.test("a sleep is reported once, with its length", async () => {
  for (const os of SYSTEMS) {
    await using machine = await startMachine({ os });
    const { kernel, monitor, network } = machine;
    await machine.pass(1_000);
    kernel.sleep(3_600_000);
    network.joinGroup("en0", "ff02::fb"); // changes nothing, but wakes the poll
    await machine.pass(500);
    assertEquals(monitor.current.state.sleptMs, 3_600_000);
    assertEquals(monitor.current.cause, "resume");
    assertEquals(monitor.metrics.resumes, 1);
    await machine.pass(60_000);
    assertEquals(monitor.metrics.resumes, 1);
  }
});

Deno.test("a sleep after which no event arrives is found at the next tick", async () => {
  await using machine = await startMachine();
  machine.kernel.sleep(600_000);
  await machine.pass(16_000);
  assertEquals(machine.monitor.current.state.sleptMs, 600_000);
});

Deno.test("a FreeBSD without a clock that counts sleep reports none", async () => {
  await using machine = await startMachine({ os: "freebsd", without: ["sleep-clock"] });
  machine.kernel.sleep(600_000);
  await machine.pass(16_000);
  assertEquals(machine.monitor.metrics.resumes, 0);
  assertEquals(machine.monitor.health.status, "live");
});

Deno.test("the default route is the primary one", async () => {
  await using machine = await startMachine();
  const { monitor, network } = machine;
  const ipv4 = async () => {
    await machine.pass(500);
    return monitor.current.state.defaultRoute.ipv4;
  };
  const add = (
    destination: string,
    length: number,
    gateway: string | number,
    name: string,
    flags = 0,
  ) => {
    const { index } = network.nic(name);
    const route = {
      destination,
      prefixLength: length,
      gateway,
      index,
      flags: RTF.up | flags,
      source: null,
    };
    network.addRoute(route);
    return route;
  };
  network.create("en1");
  network.addAddress("en1", "198.51.100.7/24");
  add("0.0.0.0", 0, "198.51.100.1", "en1", RTF.gateway | RTF.scope);
  assertEquals((await ipv4())?.interface, "en0", "a scoped route is not the primary one");

  network.create("utun3");
  network.addAddress("utun3", "10.8.0.2/24", { other: "10.8.0.1" });
  network.setDefaultRoute("utun3", null);
  assertEquals(await ipv4(), {
    interface: "utun3",
    gateway: null,
    source: "10.8.0.2",
    metric: null,
  });
  assertEquals(monitor.current.state.interfaces.utun3?.addresses[0]?.peer, "10.8.0.1");

  network.setDefaultRoute("en0", "192.0.2.1");
  const halves = [
    add("0.0.0.0", 1, "10.8.0.1", "utun3", RTF.gateway),
    add("128.0.0.0", 1, "10.8.0.1", "utun3", RTF.gateway),
  ];
  assertEquals(await ipv4(), {
    interface: "utun3",
    gateway: "10.8.0.1",
    source: "10.8.0.2",
    metric: null,
  });
  network.removeRoute(halves[0]!);
  assertEquals((await ipv4())?.interface, "en0", "one half is no default route");
  add("0.0.0.0", 1, "127.0.0.1", "lo0", RTF.gateway);
  assertEquals((await ipv4())?.interface, "en0", "a route to the loopback is none");
});

Deno.test("the source address of IPv6 is one that the kernel would send from", async () => {
  for (const os of SYSTEMS) {
    await using machine = await startMachine({ os });
    const { monitor, network } = machine;
    network.addAddress("en0", "fe80::7/64");
    network.addAddress("en0", "2001:db8::7/64", { flags: 0x40 });
    network.addAddress("en0", "2001:db8::8/64", { flags: 0xc0 });
    network.addAddress("en0", "2001:db8::9/64", { flags: 0xd0 });
    network.setDefaultRoute("en0", "fe80::1", "IPv6");
    await machine.pass(500);
    assertEquals(monitor.current.state.defaultRoute.ipv6, {
      interface: "en0",
      gateway: "fe80::1",
      source: "2001:db8::8",
      metric: null,
    });
    const [, linkLocal, plain, temporary, deprecated] = monitor.current.state.interfaces.en0!
      .addresses.toSorted((a, b) => a.family.localeCompare(b.family) || b.scopeId! - a.scopeId!);
    assertEquals([linkLocal?.scopeId, linkLocal?.permanent], [2, true]);
    assertEquals([plain?.permanent, plain?.temporary], [false, false]);
    assertEquals([temporary?.temporary, temporary?.deprecated], [true, false]);
    assertEquals([deprecated?.temporary, deprecated?.deprecated], [true, true]);
  }
});

Deno.test("a tentative address is not usable until its check ends", async () => {
  await using machine = await startMachine();
  const { monitor, network } = machine;
  network.addTentative("en0", "2001:db8::7/64");
  await machine.pass(500);
  assertEquals(monitor.current.state.haveIpv6, false);
  network.finishCheck("en0", "2001:db8::7");
  await machine.pass(500);
  assertEquals(monitor.current.state.haveIpv6, true);
});

for (
  const { os, without } of [
    { os: "freebsd", without: [] },
    { os: "darwin", without: ["kernel-events"] },
  ] as const
) {
  Deno.test(`the end of a check that no message announces is found: ${os} ${without}`, async () => {
    await using machine = await startMachine({ os, without: [...without] });
    const { monitor, network } = machine;
    await machine.pass(16_000); // the next reconcile is far away
    network.addTentative("en0", "2001:db8::7/64");
    await machine.pass(500);
    assertEquals(monitor.current.state.haveIpv6, false);
    network.finishCheck("en0", "2001:db8::7");
    for (let ms = 0; !monitor.current.state.haveIpv6 && ms < 5_000; ms += 100) {
      await delay(scaled(100)); // the timers of the poll loop run in real time
      await machine.pass(100);
    }
    assertEquals(monitor.current.state.haveIpv6, true);
  });
}

Deno.test("a detached IPv6 address, which bind() refuses, is not usable", async () => {
  for (const os of ["darwin", "freebsd"] as const) {
    await using machine = await startMachine({ os });
    const { monitor, network } = machine;
    const flagsOf = network.addressFlags.bind(network);
    network.addressFlags = (name, address) => {
      const flags = flagsOf(name, address);
      return address === "2001:db8::7" && flags !== null ? flags | 0x8 : flags; // IN6_IFF_DETACHED
    };
    network.addAddress("en0", "2001:db8::7/64");
    network.setDefaultRoute("en0", "fe80::1", "IPv6");
    await machine.pass(1_000);
    const { haveIpv6 } = monitor.current.state;
    assertEquals(haveIpv6, false);
  }
});

Deno.test("a route table that outgrows its buffer is read again, although FreeBSD reports no error", async () => {
  await using machine = await startMachine({ os: "freebsd" });
  const { kernel, monitor } = machine;
  let calls = 0;
  kernel.grows = (room) => calls++ === 1 ? room + 1 : 0; // the second table, once
  await monitor.refresh();
  const { malformed, readFailures } = monitor.metrics;
  assertEquals({ calls, malformed, readFailures }, { calls: 3, malformed: 0, readFailures: 0 });
  assert(monitor.current.state.defaultRoute.ipv4 !== null);
});

Deno.test("without the ioctl address flags are unknown, and neutral", async () => {
  await using machine = await startMachine({ without: ["address-flags"] });
  const { monitor, network } = machine;
  network.addTentative("en0", "2001:db8::7/64");
  await machine.pass(500);
  assertEquals(monitor.current.state.knows.addressFlags, false);
  const flags = monitor.current.state.interfaces.en0!.addresses.map((it) => [
    it.tentative,
    it.permanent,
  ]);
  assertEquals(flags, [[false, false], [false, false]]);
});

Deno.test("a canary whose answer an overflow swallowed is sent again", async () => {
  await using machine = await startMachine({ os: "freebsd" });
  await machine.pass(14_500);
  const { canaries } = machine.monitor.metrics;
  for (let i = 0; i < 2_000; i++) machine.kernel.deliver(encodeLiveNic("freebsd", EN0));
  machine.clock.tick(250); // reconcile, while the receive buffer is full
  await machine.pass(2_000);
  const { canariesMissed, overflows, reopens } = machine.monitor.metrics;
  assertEquals(machine.monitor.metrics.canaries, canaries + 1);
  assertEquals([overflows, canariesMissed, reopens], [1, 0, 0]);
});
