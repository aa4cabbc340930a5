/**
 * What a FreeBSD machine does that a Mac does not, and a read of either that the machine overtakes.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { scaled } from "../support/timing.ts";
import { startMachine } from "./machine.ts";
import { RTF } from "./simulated_network.ts";

const IFF_RUNNING = 0x40;

Deno.test("in a jail whose routes FreeBSD hides, netwatch does not claim to be offline", async () => {
  await using machine = await startMachine({ os: "freebsd" });
  const { monitor, network } = machine;
  assertEquals(monitor.current.state.knows.routes, true);
  network.isJailed = true;
  const { state } = await monitor.refresh();
  await machine.pass(1_000);
  assertEquals(state.defaultRoute, { ipv4: null, ipv6: null });
  assertEquals([state.knows.routes, state.online], [false, "unknown"]);
});

Deno.test("a machine without any address but that of its loopback knows its routes", async () => {
  for (const os of ["darwin", "freebsd"] as const) {
    await using machine = await startMachine({ os });
    const { monitor, network } = machine;
    network.removeAddress("en0", "192.0.2.7/24");
    network.removeRoute(network.routes.find(({ destination }) => destination === "0.0.0.0")!);
    await machine.pass(1_000);
    const { knows, online } = monitor.current.state;
    assertEquals([knows.routes, online], [true, false]);
  }
});

Deno.test("an interface of FreeBSD that stops after it was announced as down is no drift", async () => {
  await using machine = await startMachine({ os: "freebsd" });
  const { kernel, monitor, network } = machine;
  await machine.pass(16_000); // the next reconcile is far away
  // if_down() announces, then the driver stops (ifhwioctl() in if.c)
  kernel.afterRead = () => network.nic("en0").flags &= ~IFF_RUNNING;
  network.setUp("en0", false);
  const isRunning = () => monitor.current.state.interfaces.en0!.running;
  for (let ms = 0; isRunning() && ms < 5_000; ms += 100) {
    await delay(scaled(20)); // the timers of the poll loop run in real time
    await machine.pass(100);
  }
  assertEquals([isRunning(), monitor.current.cause], [false, "event"]);
  await machine.pass(16_000);
  assertEquals(monitor.metrics.driftsFound, 0);
});

for (const os of ["darwin", "freebsd"] as const) {
  Deno.test(`a VPN that comes up while the state is read is no loss of the default route: ${os}`, async () => {
    await using machine = await startMachine({ os });
    const { monitor, network, published } = machine;
    await machine.pass(1_000);
    const list = network.listInterfaces.bind(network);
    let calls = 0;
    network.listInterfaces = () => {
      const listed = list();
      if (++calls === 2) { // after the size, the content
        network.create("utun3");
        network.addAddress("utun3", "10.8.0.2/32", { other: "10.8.0.1" });
        const { index } = network.nic("utun3");
        const route = { prefixLength: 1, gateway: "10.8.0.1", index, source: "10.8.0.2" };
        for (const destination of ["0.0.0.0", "128.0.0.0"]) {
          network.addRoute({ ...route, destination, flags: RTF.up | RTF.gateway | RTF.static });
        }
      }
      return listed;
    };
    network.setMtu("en0", 1_400);
    await machine.pass(2_000);
    const exits = published.map(({ state }) => state.defaultRouteInterface);
    assertEquals([...new Set(exits)], ["en0", "utun3"]);
    assertEquals(monitor.current.state.online, true);
  });
}
