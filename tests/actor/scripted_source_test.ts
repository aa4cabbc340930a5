import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ManualClock,
  scriptedAddress,
  scriptedInterface,
  scriptedRoute,
  ScriptedSource,
} from "../../actor/testing.ts";
import type { SourceEvent, Subscription } from "../../state/ports.ts";
import type { Interface } from "../../state/types.ts";
import { address, nic, route } from "../support/states.ts";

const { signal } = new AbortController();
const clock = new ManualClock();

Deno.test("scriptedInterface(), scriptedAddress() and scriptedRoute() fill in the defaults", () => {
  assertEquals(
    scriptedInterface("wlan0", ["192.0.2.1/24", "fe80::1/64"], { index: 7, mtu: 1280 }),
    nic("wlan0", { index: 7, mtu: 1280, addresses: ["192.0.2.1/24", "fe80::1/64"] }),
  );
  assertEquals(
    scriptedAddress("2001:DB8:0::1/64", { tentative: true }),
    address("2001:db8::1/64", { tentative: true }),
  );
  assertEquals(
    scriptedRoute("eth0", "192.0.2.254", { metric: 5 }),
    route("eth0", { gateway: "192.0.2.254", metric: 5 }),
  );
  const plain = { tentative: false, duplicated: false, deprecated: false, temporary: false };
  const ipv4 = { family: "IPv4", address: "192.0.2.1", prefixLength: 24, cidr: "192.0.2.1/24" };
  const ipv6 = { family: "IPv6", address: "fe80::1", prefixLength: 64, cidr: "fe80::1/64" };
  const global = { ...ipv6, address: "2001:db8::1", cidr: "2001:db8::1/64" };
  const made = scriptedInterface("eth0", ["192.0.2.1/24", "fe80::1/64", "2001:db8::1/64"]);
  assertEquals<unknown>(made, {
    name: "eth0",
    index: 2,
    kind: "ethernet",
    up: true,
    running: true,
    hostOnly: false,
    flags: 0,
    mac: null,
    mtu: 1500,
    addresses: [
      { ...ipv4, peer: null, scopeId: null, ...plain, permanent: true },
      { ...ipv6, peer: null, scopeId: 2, ...plain, permanent: true },
      { ...global, peer: null, scopeId: null, ...plain, permanent: true },
    ],
  });
  assertEquals<unknown>(scriptedAddress("192.0.2.1/24"), made.addresses[0]);
  assertEquals(scriptedAddress("fe80::1/64").scopeId, null);
  assertEquals(scriptedInterface("eth0", ["169.254.0.7/16"]).addresses[0]?.scopeId, null);
  const onLink = { interface: "eth0", gateway: null, source: null, metric: null };
  assertEquals(scriptedRoute("eth0"), onLink);
  const { addresses } = nic("eth0", { addresses: ["192.0.2.1/24"] }); // readonly
  assertEquals(scriptedInterface("eth1", addresses).addresses, addresses);
  const wrong = ["192.0.2.1", "eth0/24", "192.0.2.1/x", "", "192.0.2.1/33", "::1/129", "::1/64/64"];
  for (const text of wrong) assertThrows(() => scriptedAddress(text), TypeError, text);
});

Deno.test("the test kit takes a field that is undefined for one that is not given", () => {
  // The types allow it unless `exactOptionalPropertyTypes` is set, which few programs do.
  const no = (...names: string[]) => Object.fromEntries(names.map((name) => [name, undefined]));
  assertEquals(
    scriptedInterface("eth0", ["fe80::1/64"], no("index", "kind", "up", "hostOnly", "mtu")),
    scriptedInterface("eth0", ["fe80::1/64"]),
  );
  assertEquals(scriptedAddress("::1/128", no("peer", "tentative")), scriptedAddress("::1/128"));
  assertEquals(scriptedRoute("eth0", null, no("source", "metric")), scriptedRoute("eth0"));
  const source = new ScriptedSource({ defaultRoute: no("ipv4"), knows: no("routes") });
  assertEquals(source.reading, new ScriptedSource().reading);
});

Deno.test("ScriptedSource starts without interfaces and routes, knows all, and takes what the options say", () => {
  const source = new ScriptedSource();
  assertEquals([source.name, source.counters], ["scripted", undefined]);
  assertEquals(source.reading, {
    interfaces: [],
    defaultRoute: { ipv4: null, ipv6: null },
    knows: { links: true, addressFlags: true, routes: true },
  });
  const counters = { events: 1, ignored: 2, malformed: 3, spoofed: 4 };
  const given = new ScriptedSource({ name: "router", counters, knows: { routes: false } });
  assertEquals([given.name, given.counters], ["router", counters]);
  assertEquals(given.reading.knows, { links: true, addressFlags: true, routes: false });
});

Deno.test("ScriptedSource.set() changes the network and not the tables", async () => {
  const source = new ScriptedSource({ interfaces: [scriptedInterface("eth0")] });
  await using subscription = await source.subscribe(signal);
  subscription.adopt(await source.read(signal));
  source.set({
    interfaces: [],
    defaultRoute: { ipv4: scriptedRoute("eth0"), ipv6: null },
  });
  assertEquals((await source.read(signal)).interfaces, []);
  assertEquals(subscription.view()!.interfaces.length, 1);
  assertEquals(subscription.view()!.defaultRoute.ipv4?.interface, "eth0");
});

Deno.test("ScriptedSource.announce() copies the network, or a part of it, into the tables", async () => {
  const source = new ScriptedSource();
  await using subscription = await source.subscribe(signal);
  subscription.adopt(await source.read(signal));
  source.set([scriptedInterface("eth0"), scriptedInterface("eth1"), scriptedInterface("eth2")]);
  source.announce("eth1");
  assertEquals(subscription.view()!.interfaces.map(({ name }) => name), ["eth1"]);
  source.announce();
  assertEquals(subscription.view()!.interfaces.map(({ name }) => name), ["eth0", "eth1", "eth2"]);
  source.set([]);
  source.announce("eth2");
  assertEquals(subscription.view()!.interfaces.map(({ name }) => name), ["eth0", "eth1"]);
  assertEquals(await events(source, subscription), ["changed", "changed", "changed"]);
});

Deno.test("ScriptedSource adds, replaces and removes interfaces, and announces them", async () => {
  const source = new ScriptedSource();
  await using subscription = await source.subscribe(signal);
  source.addInterface(scriptedInterface("eth0"));
  source.addInterface(scriptedInterface("eth1", ["192.0.2.1/24"]));
  source.addInterface(scriptedInterface("eth0", [], { mtu: 9000 }));
  source.setDefaultRoute("IPv4", scriptedRoute("eth1", "192.0.2.254"));
  source.setDefaultRoute("IPv6", scriptedRoute("eth0"));
  assertEquals(subscription.view()!.interfaces.map(({ name, mtu }) => [name, mtu]), [
    ["eth1", 1500],
    ["eth0", 9000],
  ]);
  source.removeInterface("eth1");
  assertEquals(subscription.view()!.interfaces.map(({ name }) => name), ["eth0"]);
  const { ipv4, ipv6 } = subscription.view()!.defaultRoute;
  assertEquals([ipv4, ipv6?.interface], [null, "eth0"]);
  source.setDefaultRoute("IPv6", null);
  assertEquals(source.reading.defaultRoute, { ipv4: null, ipv6: null });
  assertEquals(await events(source, subscription), Array(7).fill("changed"));
});

Deno.test("ScriptedSource.setDefaultRoute() chooses a source of the family, unless given", () => {
  const source = new ScriptedSource();
  source.addInterface(scriptedInterface("eth0", ["192.0.2.1/24", "2001:db8::1/64"]));
  source.setDefaultRoute("IPv4", scriptedRoute("eth0", "192.0.2.254", { source: "192.0.2.9" }));
  source.setDefaultRoute("IPv6", scriptedRoute("eth0", "fe80::1"));
  const { interfaces, defaultRoute } = source.reading;
  const { ipv4, ipv6 } = defaultRoute;
  assertEquals([ipv4?.source, ipv6?.source], ["192.0.2.9", "2001:db8::1"]);
  const chosen = { ipv4: scriptedRoute("eth0", "192.0.2.254"), ipv6 };
  source.setDefaultRoute("IPv4", scriptedRoute("eth1", "192.0.2.254")); // no such interface
  assertEquals(source.reading.defaultRoute.ipv4, scriptedRoute("eth1", "192.0.2.254"));
  const another = new ScriptedSource({ interfaces, defaultRoute: chosen });
  assertEquals(another.reading.defaultRoute.ipv4?.source, "192.0.2.1");
});

Deno.test("ScriptedSource.addInterface() gives a default route another source when its own is gone", () => {
  const source = new ScriptedSource();
  const sourceAfter = (...addresses: string[]) => {
    source.addInterface(scriptedInterface("eth0", addresses));
    return source.reading.defaultRoute.ipv4?.source;
  };
  sourceAfter("192.0.2.1/24");
  source.setDefaultRoute("IPv4", scriptedRoute("eth0", "192.0.2.254"));
  assertEquals(sourceAfter("192.0.2.8/24", "192.0.2.1/24"), "192.0.2.1");
  assertEquals(sourceAfter("192.0.2.8/24"), "192.0.2.8");
  assertEquals(sourceAfter(), null);
  source.setDefaultRoute("IPv4", scriptedRoute("eth0", null, { source: "198.51.100.1" }));
  assertEquals(sourceAfter("192.0.2.8/24"), "198.51.100.1"); // of another interface
});

Deno.test("ScriptedSource.sleep() sends a resume, and moves the wall clock that it is given", async () => {
  const source = new ScriptedSource();
  await using subscription = await source.subscribe(signal);
  const manual = new ManualClock({ now: 1_000 });
  const before = Date.now();
  source.sleep(60_000, manual);
  source.sleep(5_000);
  source.end();
  const [first, second] = await Array.fromAsync(subscription);
  assertEquals(first, { kind: "resumed", at: 61_000, sleptMs: 60_000 });
  assertEquals([manual.now(), manual.monotonic()], [61_000, 0]);
  assert(second?.kind === "resumed" && second.sleptMs === 5_000 && second.at >= before);
  source.sleep(0);
  for (const ms of [-1, NaN, Infinity]) {
    assertThrows(() => source.sleep(ms), RangeError, `0 ms or more, not ${ms}`);
  }
});

Deno.test("ScriptedSource returns copies", async () => {
  const mine = scriptedInterface("eth0");
  const source = new ScriptedSource({ interfaces: [mine] });
  Object.assign(mine, { mtu: 1 });
  ((await source.read(signal)).interfaces as Interface[]).pop();
  (source.reading.interfaces as Interface[]).pop();
  assertEquals(source.reading.interfaces[0]!.mtu, 1500);
});

Deno.test("ScriptedSource without a table answers null", async () => {
  const source = new ScriptedSource({ keepsTable: false });
  await using subscription = await source.subscribe(signal);
  assertEquals(subscription.view(), null);
  source.keepsTable = true;
  assert(subscription.view() !== null);
  source.viewError = new Error("Broken");
  assertThrows(() => subscription.view(), Error, "Broken");
});

Deno.test("ScriptedSource.end() ends with what was announced before, or throws", async () => {
  const source = new ScriptedSource();
  await using one = await source.subscribe(signal);
  source.emit({ kind: "overflow" });
  assertEquals(await events(source, one), ["overflow"]);
  await using two = await source.subscribe(signal);
  source.end(new Error("ENOTCONN"));
  source.emit({ kind: "changed" }); // the socket is lost
  source.end();
  const late: SourceEvent[] = [];
  await assertRejects(
    async () => {
      for await (const event of two) late.push(event);
    },
    Error,
    "ENOTCONN",
  );
  assertEquals(late, []);
  await using three = await source.subscribe(signal);
  const waiting = Array.fromAsync(three);
  await clock.settle();
  source.end();
  assertEquals(await waiting, []);
});

Deno.test("ScriptedSource refuses, fails and holds calls", async () => {
  const source = new ScriptedSource();
  source.refuse(2, new Error("No"));
  await assertRejects(() => source.subscribe(signal), Error, "No");
  await assertRejects(() => source.subscribe(signal), Error, "No");
  source.failReads(1);
  await assertRejects(() => source.read(signal), Error, "Cannot read");
  source.holdReads();
  source.holdSubscribes();
  let done = 0;
  const reading = source.read(signal).then(({ interfaces }) => {
    done++;
    return interfaces.length;
  });
  const subscribing = source.subscribe(signal).finally(() => done++);
  source.set([scriptedInterface("eth0")]);
  await clock.settle();
  assertEquals(done, 0);
  source.releaseReads();
  source.releaseSubscribes();
  assertEquals(await reading, 0); // the network at the time of the call
  await using _subscription = await subscribing;
  assertEquals((await source.read(signal)).interfaces.length, 1);
  source.releaseReads(); // none is held
  source.releaseSubscribes();
  source.refuse(1);
  await assertRejects(() => source.subscribe(signal), Error, "Refused");
});

Deno.test("ScriptedSource holds calls again, and releases what several holds held", async () => {
  const source = new ScriptedSource();
  for (const round of [1, 2]) {
    const done: string[] = [];
    const calls: Promise<unknown>[] = [];
    for (let n = 1; n <= 2; n++) {
      source.holdReads();
      source.holdSubscribes();
      calls.push(source.read().then(() => done.push("read")));
      calls.push(source.subscribe().then(() => done.push("subscribe")));
    }
    await clock.settle();
    assertEquals(done, [], `round ${round}`);
    source.releaseReads();
    source.releaseSubscribes();
    await Promise.all(calls);
  }
});

Deno.test("ScriptedSource refuses a number of failures that cannot be counted", async () => {
  const source = new ScriptedSource();
  for (const times of [-1, 1.5, NaN, Infinity, 10_001]) {
    const text = `from 0 to 10000, not ${times}`;
    assertThrows(() => source.refuse(times), RangeError, text);
    assertThrows(() => source.failReads(times), RangeError, text);
  }
  source.failReads(0);
  assertEquals((await source.read(signal)).interfaces, []);
  source.failReads(10_000);
  await assertRejects(() => source.read(signal), Error, "Cannot read");
});

Deno.test("ScriptedSource answers canaries as set", async () => {
  const source = new ScriptedSource();
  await using subscription = await source.subscribe(signal);
  assertEquals(await subscription.probe(signal), true);
  source.canary = "misses";
  assertEquals(await subscription.probe(signal), false);
  source.canary = new Error("EBADF");
  await assertRejects(() => subscription.probe(signal), Error, "EBADF");
  source.canary = "hangs";
  const controller = new AbortController();
  const hanging = assertRejects(() => subscription.probe(controller.signal), Error, "Late");
  controller.abort(new Error("Late"));
  await hanging;
});

Deno.test("ScriptedSource counts calls and open subscriptions", async () => {
  const source = new ScriptedSource();
  const subscription = await source.subscribe(signal);
  subscription.adopt(await source.read(signal));
  subscription.view();
  await subscription.probe(signal);
  assertEquals([source.open, source.openRefd], [1, 1]);
  subscription.unref();
  assertEquals([source.open, source.openRefd], [1, 0]);
  subscription.ref();
  assertEquals(source.openRefd, 1);
  const pending = Array.fromAsync(subscription);
  await clock.settle();
  await subscription[Symbol.asyncDispose]();
  assertEquals([source.open, source.calls.dispose], [0, 1]);
  await subscription[Symbol.asyncDispose]();
  assertEquals(await pending, []);
  assertEquals(source.calls, { subscribe: 1, read: 1, view: 1, adopt: 1, probe: 1, dispose: 1 });
});

Deno.test("ScriptedSource gives a default route the source that the kernel would choose, again when it returns", () => {
  const source = new ScriptedSource({ interfaces: [scriptedInterface("eth0")] });
  const chosen = () => source.reading.defaultRoute.ipv6?.source;
  source.setDefaultRoute("IPv6", scriptedRoute("eth0", "fe80::1"));
  assertEquals(chosen(), null);
  source.addInterface(scriptedInterface("eth0", ["fe80::7/64"]));
  assertEquals(chosen(), "fe80::7");
  source.addInterface(scriptedInterface("eth0"));
  assertEquals(chosen(), null);
  const tentative = scriptedAddress("2001:db8::8/64", { tentative: true });
  source.addInterface(scriptedInterface("eth0", ["fe80::7/64", tentative, "2001:db8::7/64"]));
  assertEquals(chosen(), "2001:db8::7");
});

Deno.test("ScriptedSource selects link-local sources last, also of addresses made elsewhere", () => {
  const source = new ScriptedSource();
  const made = scriptedAddress("fe80::7/64", { temporary: true });
  const addresses = [made, "2001:db8::7/64", "169.254.0.7/16", "192.0.2.7/24"];
  source.addInterface(scriptedInterface("eth0", addresses));
  for (const family of ["IPv4", "IPv6"] as const) {
    source.setDefaultRoute(family, scriptedRoute("eth0"));
  }
  const { ipv4, ipv6 } = source.reading.defaultRoute;
  assertEquals([ipv4?.source, ipv6?.source], ["192.0.2.7", "2001:db8::7"]);
});

/** Ends the source and gives what it announced. */
async function events(source: ScriptedSource, subscription: Subscription): Promise<string[]> {
  source.end();
  const heard: SourceEvent[] = [];
  for await (const event of subscription) heard.push(event);
  return heard.map(({ kind }) => kind);
}
