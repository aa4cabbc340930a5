/**
 * When the subscription of Linux looks up the default routes again without a message, over a kernel that the test
 * plays and in simulated time.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { C } from "../../ffi/linux/constants.ts";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { encodeMessage } from "../../ffi/linux/netlink.ts";
import { type Dump, readingOf } from "../../ffi/linux/requests.ts";
import { LinuxRuntime } from "../../ffi/linux/source.ts";
import { LinuxSubscription } from "../../ffi/linux/subscription.ts";
import { POLLERR, POLLIN } from "../../ffi/poll_loop.ts";
import { macrotask } from "../../ffi/timers.ts";
import { EVENT_SOCKET, FakeLinux } from "../support/fake_linux.ts";
import { microtasks } from "../support/fake_poll.ts";
import { FakeRoutes } from "../support/fake_routes.ts";
import { linkMessage, newAddress, newLink } from "../support/netlink.ts";
import { SimulatedTime } from "../support/simulated_time.ts";

/** The timeout of a poll without timers. */
const NO_TIMER = 20_000;
const INDEX = 2;
const ROUTE = { to: "0.0.0.0/0", dev: INDEX, via: "192.0.2.254", source: "192.0.2.1" };
const NO_ROUTES = new FakeRoutes([]);
const RULE = encodeMessage(C.RTM_NEWRULE, 0, Uint8Array.of(C.AF_INET));
const LINK_DOWN = newLink(INDEX, "eth0");

/** A subscription whose default route goes through eth0. */
class Machine implements AsyncDisposable {
  readonly kernel = new FakeLinux();
  readonly subscription: LinuxSubscription;
  readonly dump: Dump;
  readonly #time: SimulatedTime;
  readonly #runtime = new LinuxRuntime(this.kernel.syscalls, () => {});

  constructor(time: SimulatedTime, public routes = new FakeRoutes([ROUTE])) {
    this.#time = time;
    const runtime = this.#runtime;
    runtime.askRoutes = (lookup, links) => lookup.ask((queries) => this.routes.ask(queries), links);
    const counters = { events: 0, ignored: 0, malformed: 0, spoofed: 0 };
    this.subscription = new LinuxSubscription({ runtime, counters });
    const table = new LinkTable();
    table.setLink(linkMessage(INDEX, "eth0"));
    const answer = runtime.askRoutes(this.subscription.lookup, table);
    this.dump = { ...readingOf(table, answer), table, routes: answer, isConsistent: true };
    this.subscription.adopt(this.dump);
  }

  /** A message arrives. Returns the default interface in the view that follows. */
  receive(datagram: Uint8Array): Promise<string | undefined> {
    this.kernel.queue(datagram);
    return this.#next(() => this.kernel.port.current.ready({ [EVENT_SOCKET]: POLLIN }));
  }

  /** The poll waits until its timeout. Returns the same. */
  async pass(): Promise<string | undefined> {
    const ms = await this.timeout();
    return await this.#next(() => {
      this.#time.ms += ms;
      this.kernel.port.current.timeOut();
    });
  }

  /** How long the poll waits now. */
  async timeout(): Promise<number> {
    await settle();
    return this.kernel.port.current.timeoutMs;
  }

  async #next(happen: () => void): Promise<string | undefined> {
    const next = this.subscription.next();
    await settle();
    happen();
    assertEquals((await next).value, { kind: "changed" });
    return this.subscription.view()?.defaultRoute.ipv4?.interface;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscription[Symbol.asyncDispose]();
    await this.#runtime.dispose();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await macrotask();
    await microtasks();
  }
}

Deno.test("after a link went down its default route is looked up again, later each time, for 750 ms", async () => {
  using time = new SimulatedTime();
  await using machine = new Machine(time);
  assertEquals(await machine.timeout(), NO_TIMER);
  assertEquals(await machine.receive(LINK_DOWN), "eth0");
  for (const ms of [50, 100, 200, 400]) {
    assertEquals(await machine.timeout(), ms);
    assertEquals(await machine.pass(), "eth0");
  }
  assertEquals(await machine.timeout(), NO_TIMER);
});

Deno.test("after a flood, which may hide that a link went down, the lookups restart", async () => {
  using time = new SimulatedTime();
  await using machine = new Machine(time);
  const { dump, kernel, subscription } = machine;
  await machine.receive(LINK_DOWN);
  for (let lookup = 0; lookup < 4; lookup++) await machine.pass();
  kernel.dropped = 1;
  const next = subscription.next();
  await settle();
  kernel.port.current.ready({ [EVENT_SOCKET]: POLLIN | POLLERR });
  assertEquals((await next).value, { kind: "overflow" });
  void subscription.next();
  subscription.startJournal();
  dump.table.setLink(linkMessage(INDEX, "eth0", { flags: 0 }));
  subscription.adopt(dump);
  assertEquals(await machine.timeout(), 100);
});

Deno.test("after a link went down the routes are not looked up again once they are gone", async () => {
  using time = new SimulatedTime();
  await using machine = new Machine(time);
  assertEquals(await machine.receive(LINK_DOWN), "eth0");
  machine.routes = NO_ROUTES;
  assertEquals(await machine.timeout(), 50);
  assertEquals(await machine.pass(), undefined);
  assertEquals(await machine.timeout(), NO_TIMER);
});

Deno.test("a message that a link is gone begins anew with the lookups", async () => {
  using time = new SimulatedTime();
  await using machine = new Machine(time);
  await machine.receive(LINK_DOWN);
  for (const ms of [50, 100]) {
    assertEquals(await machine.timeout(), ms);
    await machine.pass();
  }
  await machine.receive(encodeMessage(C.RTM_DELLINK, 0, LINK_DOWN.subarray(C.NLMSGHDR_SIZE)));
  assertEquals(await machine.timeout(), 50);
  await machine.pass();
  assertEquals(await machine.timeout(), 100); // the kernel has not removed the route
});

Deno.test("a new address may be a better source for the default route, which is looked up at once", async () => {
  using time = new SimulatedTime();
  await using machine = new Machine(time);
  machine.routes = new FakeRoutes([{ ...ROUTE, source: "192.0.2.9" }]);
  await machine.receive(newAddress(INDEX, 192, 0, 2, 9));
  assertEquals(machine.subscription.view()?.defaultRoute.ipv4?.source, "192.0.2.9");
});

Deno.test("a message about no link sets no timer", async () => {
  using time = new SimulatedTime();
  await using machine = new Machine(time);
  assertEquals(await machine.receive(RULE), "eth0");
  assertEquals(await machine.timeout(), NO_TIMER);
});

Deno.test("a default route that expires is looked up a quarter of a second later", async () => {
  using time = new SimulatedTime();
  await using machine = new Machine(time, new FakeRoutes([{ ...ROUTE, expires: 7 }]));
  assertEquals(await machine.timeout(), 7_250);
  machine.routes = NO_ROUTES;
  assertEquals(await machine.pass(), undefined);
  assertEquals(await machine.timeout(), NO_TIMER);
});

Deno.test("a default route expires at its time, whatever else is viewed before", async () => {
  using time = new SimulatedTime();
  await using machine = new Machine(time, new FakeRoutes([{ ...ROUTE, expires: 7 }]));
  await machine.receive(newAddress(INDEX, 192, 0, 2, 1));
  await machine.pass(); // the kernel may announce an address too early
  time.ms += 3_000;
  assertEquals(await machine.receive(newAddress(INDEX + 1, 198, 51, 100, 1)), "eth0");
  assertEquals(await machine.timeout(), 4_250);
});

Deno.test("a default route that expires is noticed if an address that leaves it arrives during the lookup", async () => {
  using time = new SimulatedTime();
  await using machine = new Machine(time);
  await machine.receive(newAddress(INDEX, 192, 0, 2, 1));
  await machine.pass(); // the kernel may announce an address too early
  const routes = new FakeRoutes([{ ...ROUTE, expires: 7 }]);
  const { ask } = routes;
  const arriving = [newAddress(INDEX + 1, 198, 51, 100, 1)];
  machine.routes = Object.assign(routes, {
    ask: (queries: readonly Uint8Array[]) => {
      arriving.splice(0).forEach((datagram) => machine.kernel.queue(datagram));
      return ask(queries);
    },
  });
  assertEquals(await machine.receive(RULE), "eth0");
  assertEquals(await machine.timeout(), 7_250);
});

Deno.test("an interrupted dump is read again: it may lack records that no event will bring", async () => {
  using time = new SimulatedTime();
  await using machine = new Machine(time);
  const interrupted: Dump = { ...machine.dump, isConsistent: false };
  machine.subscription.adopt(interrupted);
  assertEquals((await machine.subscription.next()).value, { kind: "resync" });
});

Deno.test("a view that comes some time after a slice, here of noise, drains the socket again", async () => {
  using time = new SimulatedTime();
  await using machine = new Machine(time);
  const { kernel, subscription } = machine;
  const next = subscription.next();
  await settle();
  kernel.queue(encodeMessage(C.RTM_NEWNEIGH, 0, new Uint8Array(12)));
  kernel.port.current.ready({ [EVENT_SOCKET]: POLLIN });
  await settle();
  kernel.queue(LINK_DOWN);
  assertEquals(subscription.view()?.interfaces[0]?.up, false);
  assertEquals((await next).value, { kind: "changed" });
});
