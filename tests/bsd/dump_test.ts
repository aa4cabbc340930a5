/**
 * What a read publishes: not the traffic, not what cannot be used, and nothing worse than before when it fails.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { encodeRoute } from "../support/bsd_encode.ts";
import { startMachine } from "./machine.ts";
import { RTF } from "./simulated_network.ts";

const SYSTEMS = ["darwin", "freebsd"] as const;
const IFF_RUNNING = 0x40;
const IFF_OACTIVE = 0x400;
const IN6_IFF_ANYCAST = 0x1;
const RTM_GET = 4;
const ROUTE = {
  destination: "0.0.0.0",
  prefixLength: 0,
  gateway: 5,
  index: 5,
  flags: 0x1,
  source: null,
};

for (const os of SYSTEMS) {
  Deno.test(`without a descriptor for reading their flags, addresses keep them: ${os}`, async () => {
    await using machine = await startMachine({ os });
    const { kernel, monitor, network } = machine;
    network.addTentative("en0", "2001:db8::7/64");
    await machine.pass(1_000);
    kernel.lacksDescriptors = true;
    network.setMtu("en0", 1_400);
    await machine.pass(1_000);
    const { haveIpv6, knows } = monitor.current.state;
    assertEquals({ haveIpv6, knows: knows.addressFlags }, { haveIpv6: false, knows: true });
    assertEquals(monitor.health.status, "degraded");
    kernel.lacksDescriptors = false;
    await machine.pass(16_000);
    assertEquals(monitor.current.state.interfaces.en0?.mtu, 1_400);
    assertEquals(monitor.health.status, "live");
  });

  Deno.test(`an IPv6 address that goes before its flags are read does not make flags unknown: ${os}`, async () => {
    await using machine = await startMachine({ os });
    const { monitor, network } = machine;
    network.addAddress("en0", "2001:db8::7/64");
    await machine.pass(1_000);
    network.addressFlags = () => null;
    await monitor.refresh();
    assertEquals(monitor.current.state.knows.addressFlags, true);
  });

  Deno.test(`an anycast address, which nothing is sent from, is not published: ${os}`, async () => {
    await using machine = await startMachine({ os });
    const { monitor, network } = machine;
    network.addAddress("en0", "fe80::7/64");
    network.addAddress("en0", "2001:db8:1::/64", { flags: IN6_IFF_ANYCAST }); // ipv6_prefix_hostid_addr_common()
    network.addAddress("en0", "2001:db8:1::7/64");
    network.setDefaultRoute("en0", "fe80::1", "IPv6");
    await machine.pass(1_000);
    const { defaultRoute, localAddresses } = monitor.current.state;
    assertEquals(defaultRoute.ipv6?.source, "2001:db8:1::7");
    assertEquals(localAddresses.regular, ["192.0.2.7", "2001:db8:1::7"]);
  });

  Deno.test(`a full transmit queue is no change and no drift: ${os}`, async () => {
    await using machine = await startMachine({ os });
    const { monitor, network } = machine;
    await machine.pass(1_000);
    const { sequence } = monitor.current;
    network.nic("en0").flags |= IFF_OACTIVE;
    await machine.pass(16_000);
    const { driftsFound, reconciles } = monitor.metrics;
    assertEquals({ driftsFound, published: monitor.current.sequence - sequence, reconciles }, {
      driftsFound: 0,
      published: 0,
      reconciles: 1,
    });
  });

  Deno.test(`an interface whose driver stops, which no message announces, is no drift: ${os}`, async () => {
    await using machine = await startMachine({ os });
    const { monitor, network } = machine;
    await machine.pass(1_000);
    network.nic("en0").flags &= ~IFF_RUNNING; // ifnet_set_flags() in kpi_interface.c sends nothing
    await machine.pass(32_000);
    assertEquals(monitor.current.causes, ["reconcile"]);
    assertEquals(monitor.current.state.interfaces.en0?.running, false);
    const { driftsFound, reopens } = monitor.metrics;
    assertEquals({ driftsFound, reopens }, { driftsFound: 0, reopens: 0 });
  });

  Deno.test(`events that change nothing do not bring forward the next check for tentative addresses: ${os}`, async () => {
    await using machine = await startMachine({ os });
    const { kernel, network } = machine;
    network.addTentative("en0", "2001:db8::7/64");
    await machine.pass(1_000);
    const before = kernel.calls.sysctl!;
    for (const end = performance.now() + 3_500; performance.now() < end;) {
      await delay(100); // the timers of the poll loop run in real time
      kernel.deliver(encodeRoute(os, RTM_GET, ROUTE, "answer", { pid: Deno.pid + 1, sequence: 1 }));
      await machine.settle();
    }
    // after one second and after three, with four calls each
    assert(kernel.calls.sysctl! - before <= 8, `${kernel.calls.sysctl! - before} calls`);
  });

  Deno.test(`a temporary address that is deprecated, which no message announces, is no drift: ${os}`, async () => {
    await using machine = await startMachine({ os });
    const { monitor, network } = machine;
    network.addAddress("en0", "2001:db8::8/64", { flags: 0xc0 });
    await machine.pass(1_000);
    const heard: string[] = [];
    monitor.addEventListener("health", ({ health }) => heard.push(health.status));
    network.addressFlags = () => 0xd0; // IN6_IFF_TEMPORARY, IN6_IFF_AUTOCONF, IN6_IFF_DEPRECATED
    await machine.pass(16_000);
    assertEquals(monitor.current.causes, ["reconcile"]);
    assertEquals(monitor.current.state.haveIpv6, false);
    const { driftsFound, reopens } = monitor.metrics;
    assertEquals({ driftsFound, heard, reopens }, { driftsFound: 0, heard: [], reopens: 0 });
  });
}

Deno.test("0.0.0.0, which FreeBSD's dhclient sets until a server answers, is no address", async () => {
  await using machine = await startMachine({ os: "freebsd" });
  const { monitor, network } = machine;
  network.create("em0");
  network.removeAddress("en0", "192.0.2.7/24");
  await machine.pass(1_000);
  network.addAddress("em0", "0.0.0.0/8", { other: "255.255.255.255" });
  await machine.pass(1_000);
  assertEquals(monitor.current.state.interfaces.em0?.addresses, []);
  assertEquals(monitor.current.state.haveIpv4, false);
});

Deno.test("of a multipath default route the hop with carrier counts", async () => {
  await using machine = await startMachine({ os: "freebsd" });
  const { monitor, network } = machine;
  network.create("em1");
  network.addAddress("em1", "198.51.100.7/24");
  const { index } = network.nic("em1");
  const flags = RTF.up | RTF.gateway | RTF.static;
  const [gateway, source] = ["198.51.100.1", "198.51.100.7"];
  network.addRoute({ destination: "0.0.0.0", prefixLength: 0, gateway, index, flags, source });
  await machine.pass(1_000);
  assertEquals(monitor.current.state.defaultRouteInterface, "en0");
  network.setCarrier("en0", false);
  await machine.pass(1_000);
  const { defaultRouteInterface, online } = monitor.current.state;
  assertEquals({ defaultRouteInterface, online }, { defaultRouteInterface: "em1", online: true });
});
