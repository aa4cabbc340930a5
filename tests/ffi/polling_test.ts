/**
 * The source that looks instead of listening, with a look and a clock that the test plays. No permission
 * is needed.
 *
 * @module
 */
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { ManualClock } from "../../actor/testing/manual_clock.ts";
import { pollingSource } from "../../ffi/polling.ts";
import { macrotask } from "../../ffi/timers.ts";
import { buildState } from "../../state/build.ts";
import type { Clock } from "../../state/ports.ts";

type Info = Deno.NetworkInterfaceInfo;

/** One interval, ticked by hand. */
class OneInterval implements Clock {
  intervalMs: number | null = null;
  refd = true;
  #tick: (() => void) | null = null;

  now(): number {
    return 0;
  }

  monotonic(): number {
    return 0;
  }

  setTimeout(): never {
    throw new Error("No timeout is wanted");
  }

  setInterval(f: () => void, ms: number): ReturnType<Clock["setInterval"]> {
    this.intervalMs = ms;
    this.#tick = f;
    return {
      cancel: () => this.#tick = null,
      ref: () => this.refd = true,
      unref: () => this.refd = false,
    };
  }

  get running(): boolean {
    return this.#tick !== null;
  }

  tick(): void {
    this.#tick?.();
  }
}

const signal = new AbortController().signal;

function ipv4(name: string, address: string, fields: Partial<Info> = {}): Info {
  return {
    family: "IPv4",
    name,
    address,
    netmask: "255.255.255.0",
    scopeid: null,
    cidr: `${address}/24`,
    mac: "02:00:00:00:00:01",
    ...fields,
  };
}

function ipv6(name: string, address: string, scopeid: number): Info {
  return {
    family: "IPv6",
    name,
    address,
    netmask: "ffff:ffff:ffff:ffff::",
    scopeid,
    cidr: `${address}/64`,
    mac: "02:00:00:00:00:01",
  };
}

/** A machine whose interfaces the test changes. */
function setup(...infos: Info[]) {
  const clock = new OneInterval();
  const machine = { infos, looks: 0, error: null as Error | null };
  Deno.networkInterfaces = () => { // for this file only, which has an isolate of its own
    machine.looks++;
    if (machine.error !== null) throw machine.error;
    return machine.infos;
  };
  const source = pollingSource({ clock, pollingIntervalMs: 5_000 });
  return { clock, machine, source };
}

Deno.test("pollingSource().read() fills what it cannot know with neutral values", async () => {
  const { source } = setup(ipv4("eth0", "192.0.2.1"));
  assertEquals(await source.read(signal), {
    interfaces: [{
      name: "eth0",
      index: 0,
      kind: "ethernet",
      up: true,
      running: true,
      hostOnly: false,
      flags: 0,
      mac: "02:00:00:00:00:01",
      mtu: 0,
      addresses: [{
        family: "IPv4",
        address: "192.0.2.1",
        prefixLength: 24,
        cidr: "192.0.2.1/24",
        peer: null,
        scopeId: null,
        tentative: false,
        duplicated: false,
        deprecated: false,
        temporary: false,
        permanent: false,
      }],
    }],
    defaultRoute: { ipv4: null, ipv6: null },
    knows: { links: false, addressFlags: false, routes: false },
  });
  assertEquals(source.name, "polling");
});

Deno.test("pollingSource().read() gathers the addresses of an interface, labels such as eth0:1 too", async () => {
  const { source } = setup(
    ipv4("eth0", "192.0.2.1"),
    ipv4("eth0:1", "192.0.2.2"),
    ipv4(":a", "192.0.2.3"), // no label
    ipv6("eth0", "fe80::1", 2),
    ipv6("eth0", "2001:db8::1", 0),
    ipv4("lo", "127.0.0.1", { cidr: "127.0.0.1/8", mac: "00:00:00:00:00:00" }),
  );
  const { interfaces } = await source.read(signal);
  assertEquals(
    interfaces.map(({ name, kind, addresses }) => [name, kind, addresses.map((one) => one.cidr)]),
    [
      ["eth0", "ethernet", ["192.0.2.1/24", "192.0.2.2/24", "fe80::1/64", "2001:db8::1/64"]],
      [":a", "unknown", ["192.0.2.3/24"]],
      ["lo", "loopback", ["127.0.0.1/8"]],
    ],
  );
});

Deno.test("pollingSource().read() has the scope of link-local IPv6 only", async () => {
  const { source } = setup(ipv6("eth0", "fe80::1", 2), ipv6("eth0", "2001:db8::1", 2));
  const [nic] = (await source.read(signal)).interfaces;
  assertEquals(nic?.addresses.map((one) => one.scopeId), [2, null]);
});

Deno.test("the polling source's MAC of zeros is null once the state is built", async () => {
  const { source } = setup(ipv4("lo", "127.0.0.1", { mac: "00:00:00:00:00:00" }));
  assertEquals(buildState(await source.read(signal), null).interfaces.lo?.mac, null);
});

Deno.test("the polling source leaves out an address that it cannot parse", async () => {
  const { source } = setup(
    ipv4("eth0", "not an address"),
    ipv4("eth0", "192.0.2.9", { cidr: "192.0.2.9" }),
    ipv4("eth0", "192.0.2.1"),
  );
  const [nic] = (await source.read(signal)).interfaces;
  assertEquals(nic?.addresses.map((one) => one.address), ["192.0.2.1"]);
});

Deno.test("pollingSource().subscribe() announces what differs from the last poll", async () => {
  const { clock, machine, source } = setup(ipv4("eth0", "192.0.2.1"));
  await using subscription = await source.subscribe(signal);
  const events = subscription[Symbol.asyncIterator]();
  assertEquals(clock.intervalMs, 5_000);
  assertEquals(machine.looks, 1);

  let next = events.next();
  let heard = 0;
  void next.then(() => heard++);
  clock.tick();
  await macrotask();
  assertEquals([machine.looks, heard], [2, 0]);

  const same = [ipv4("eth0", "192.0.2.1")];
  for (const infos of [[], [ipv4("eth0", "192.0.2.2")], [ipv4("eth1", "192.0.2.2")], same]) {
    machine.infos = infos;
    clock.tick();
    assertEquals((await next).value, { kind: "changed" });
    next = events.next();
  }
  void next.then(() => heard++);
  const before = heard;
  clock.tick();
  await macrotask();
  assertEquals(heard, before);
  await subscription[Symbol.asyncDispose]();
  assertEquals((await next).done, true);
});

Deno.test("the polling source's view polls again, and its canary is always answered", async () => {
  const { machine, source } = setup(ipv4("eth0", "192.0.2.1"));
  await using subscription = await source.subscribe(signal);
  machine.infos = [ipv4("eth0", "192.0.2.7")];
  const view = subscription.view();
  assertEquals(view?.interfaces[0]?.addresses[0]?.address, "192.0.2.7");
  assertEquals(await subscription.probe(signal), true);
  subscription.adopt(await source.read(signal));
  assertEquals(subscription.view(), view);
});

Deno.test("the polling source ends with the error of a poll that fails", async () => {
  const { clock, machine, source } = setup(ipv4("eth0", "192.0.2.1"));
  await using subscription = await source.subscribe(signal);
  const next = subscription[Symbol.asyncIterator]().next();
  const error = machine.error = new Deno.errors.NotCapable("Requires sys access");
  clock.tick();
  assertStrictEquals(await assertRejects(() => next), error);
  assertEquals(clock.running, false);
  assertThrows(() => subscription.view(), Deno.errors.NotCapable);
  await assertRejects(() => source.read(signal), Deno.errors.NotCapable);
  await assertRejects(() => source.subscribe(signal), Deno.errors.NotCapable);
});

Deno.test("the polling source ends with the error of a poll that fails before the change is read", async () => {
  const { clock, machine, source } = setup(ipv4("eth0", "192.0.2.1"));
  await using subscription = await source.subscribe(signal);
  const events = subscription[Symbol.asyncIterator]();
  machine.infos = [];
  clock.tick();
  const error = machine.error = new Deno.errors.NotCapable("Requires sys access");
  clock.tick();
  assertStrictEquals(await assertRejects(() => events.next()), error);
});

Deno.test("the polling source ends with the error of a poll that fails while the change is handled", async () => {
  const { clock, machine, source } = setup(ipv4("eth0", "192.0.2.1"));
  await using subscription = await source.subscribe(signal);
  const events = subscription[Symbol.asyncIterator]();
  machine.infos = [];
  clock.tick();
  assertEquals((await events.next()).value, { kind: "changed" });
  const error = machine.error = new Deno.errors.NotCapable("Requires sys access");
  clock.tick();
  await new Promise((resolve) => setTimeout(resolve)); // an unhandled rejection would end the test
  assertStrictEquals(await assertRejects(() => events.next()), error);
});

Deno.test("the polling source ends when it is disposed with a change that nobody has read", async () => {
  const { clock, machine, source } = setup(ipv4("eth0", "192.0.2.1"));
  const subscription = await source.subscribe(signal);
  machine.infos = [];
  clock.tick();
  await subscription[Symbol.asyncDispose]();
  assertEquals(await Array.fromAsync(subscription), []);
});

Deno.test("the polling source stops polling when it is disposed", async () => {
  const { clock, machine, source } = setup(ipv4("eth0", "192.0.2.1"));
  const subscription = await source.subscribe(signal);
  await subscription[Symbol.asyncDispose]();
  assertEquals(clock.running, false);
  clock.tick();
  assertEquals(machine.looks, 1);
  assertEquals(await Array.fromAsync(subscription), []);
});

Deno.test("the polling source's timer follows ref() and unref()", async () => {
  const { clock, source } = setup();
  await using subscription = await source.subscribe(signal);
  subscription.unref();
  assertEquals(clock.refd, false);
  subscription.ref();
  assertEquals(clock.refd, true);
});

Deno.test("the polling source does not poll if its signal is already aborted", async () => {
  const { clock, machine, source } = setup();
  const reason = new Error("enough");
  const aborted = AbortSignal.abort(reason);
  assertStrictEquals(await assertRejects(() => source.read(aborted)), reason);
  assertStrictEquals(await assertRejects(() => source.subscribe(aborted)), reason);
  assertEquals([machine.looks, clock.running], [0, false]);
});

Deno.test("polling: what is unknown stays unknown", async (t) => {
  const rows: [name: string, infos: Info[], online: unknown, haveIpv4: boolean][] = [
    ["eth0", [ipv4("eth0", "192.0.2.1")], "unknown", true],
    ["br0 may bridge anything", [ipv4("br0", "192.0.2.1")], "unknown", true],
    [
      "docker0 beside Wi-Fi without IPv4",
      [
        ipv4("docker0", "172.17.0.1"),
        { ...ipv4("wlan0", "fe80::1"), family: "IPv6", cidr: "fe80::1/64" },
      ],
      false,
      false,
    ],
    ["a veth in a container", [ipv4("veth0", "172.17.0.2")], "unknown", true],
    ["loopback only", [ipv4("lo", "127.0.0.1")], false, false],
    ["nothing", [], false, false],
  ];
  for (const [name, infos, online, haveIpv4] of rows) {
    await t.step(name, async () => {
      const made = buildState(await setup(...infos).source.read(signal), null);
      assertEquals([made.online, made.haveIpv4], [online, haveIpv4]);
    });
  }
});

Deno.test("polls that take long leave three quarters of the time to the program", async () => {
  const clock = new ManualClock();
  let polls = 0;
  Deno.networkInterfaces = () => {
    polls++;
    return [];
  };
  const source = pollingSource({
    pollingIntervalMs: 1,
    clock: { // a poll takes 40 ms, during which no timer fires
      now: () => clock.now(),
      monotonic: () => clock.monotonic() + 40 * polls,
      setTimeout: (f, ms) => clock.setTimeout(f, ms),
      setInterval: (f, ms) => clock.setInterval(f, ms),
    },
  });
  await using _subscription = await source.subscribe(signal);
  assertEquals(polls, 1);
  await clock.advance(1_200);
  assertEquals(polls, 11); // each is followed by 120 ms
});
