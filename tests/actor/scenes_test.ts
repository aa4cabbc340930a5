/**
 * The scenes of the test kit, each as a monitor reports it.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  homeNetwork,
  ManualClock,
  type SceneName,
  scenes,
  scriptedAddress,
  scriptedInterface,
  scriptedRoute,
  ScriptedSource,
} from "../../actor/testing.ts";
import { affects, formatChange, formatReason, NetworkMonitor, type Snapshot } from "../../mod.ts";
import { Log, record } from "./support.ts";

/** What a monitor says about the last of these scenes. */
async function play(...names: SceneName[]) {
  const clock = new ManualClock();
  const source = new ScriptedSource(homeNetwork);
  const log = new Log();
  await using monitor = await NetworkMonitor.open({ source, clock, logger: log });
  let snapshots: Snapshot[] = [];
  let events: string[] = [];
  for (const type of ["online", "offline", "resume"] as const) {
    monitor.addEventListener(type, () => events.push(type));
  }
  monitor.addEventListener("health", ({ health }) => events.push(health.status));
  for (const name of names) {
    events = [];
    await clock.advance(1_000);
    snapshots = record(monitor);
    await scenes[name](source, clock);
  }
  const [before, ...news] = snapshots;
  const { health, metrics, current: { state } } = monitor;
  return { before: before!.state, news, state, health, metrics, log, events: [...events] };
}

/** Cause and reasons of each snapshot. */
function gist(news: readonly Snapshot[]): string[][] {
  return news.map(({ causes, reasons }) => [causes.join(" "), ...reasons.map(formatReason)]);
}

Deno.test("wifiToCable: other default routes, the old socket is unharmed", async () => {
  const { before, news, state } = await play("wifiToCable");
  assertEquals(news.map(({ major, reasons }) => [major, reasons.map(({ kind }) => kind)]), [
    [true, ["address-usable", "address-usable"]],
    [true, ["default-route", "default-route"]],
  ]);
  assertEquals([state.online, state.defaultRouteInterface], [true, "eth0"]);
  const { ipv4, ipv6 } = state.defaultRoute;
  assertEquals([ipv4?.gateway, ipv4?.source], ["192.168.1.1", "192.168.1.8"]);
  assertEquals([ipv6?.interface, ipv6?.gateway], ["eth0", "fe80::1"]);
  assertEquals(state.interfaces.wlan0, before.interfaces.wlan0);
  assert(!affects({ hostname: "192.168.1.7" }, before, state));
  assert(affects({ hostname: "0.0.0.0" }, before, state));
});

Deno.test("cablePulled: offline, sockets stay bound", async () => {
  const { before, events, news, state } = await play("cablePulled");
  assertEquals(events, ["offline"]);
  assertEquals(news.map(({ reasons }) => reasons.map(({ kind }) => kind).sort()), [
    ["address-unusable", "address-unusable", "default-route", "default-route"],
  ]);
  assertEquals([state.online, state.haveIpv4, state.haveIpv6], [false, false, false]);
  assert(!affects({ hostname: "192.168.1.7" }, before, state));
});

Deno.test("dhcpRenumber: the address and the gateway are others, online by IPv6 meanwhile", async () => {
  const { before, news, state } = await play("dhcpRenumber");
  assertEquals(
    news.map(({ major, state: { defaultRoute, haveIpv4, online } }) => [
      [major, online, haveIpv4],
      [defaultRoute.ipv4?.interface, defaultRoute.ipv6?.interface],
    ]),
    [
      [[true, true, false], [undefined, "wlan0"]],
      [[true, true, true], ["wlan0", "wlan0"]],
    ],
  );
  const { addresses } = state.interfaces.wlan0!;
  assertEquals(addresses.map(({ cidr, permanent }) => [cidr, permanent]), [
    ["192.168.2.8/24", false], // a lease ends
    ["2001:db8:1::7/64", true],
    ["fe80::7/64", true],
  ]);
  assertEquals(state.homeRouter, { gateway: "192.168.2.1", source: "192.168.2.8" });
  assert(affects({ hostname: "192.168.1.7" }, before, state));
});

Deno.test("loseIpv6: IPv4 stays", async () => {
  const { news, state } = await play("loseIpv6");
  assertEquals(news.map(({ reasons }) => reasons.map(({ kind }) => kind).sort()), [
    ["address-unusable", "default-route"],
  ]);
  assertEquals([state.online, state.haveIpv4, state.haveIpv6], [true, true, false]);
  assertEquals(state.defaultRoute.ipv6, null);
  assertEquals(state.interfaces.wlan0?.addresses.map(({ address }) => address), [
    "192.168.1.7",
    "fe80::7",
  ]);
  assertEquals(state.localAddresses.loopback, ["127.0.0.1", "::1"]);
});

Deno.test("loseIpv6 leaves link-local addresses that scriptedAddress() made", async () => {
  const clock = new ManualClock();
  const linkLocal = scriptedAddress("fe80::7/64", { temporary: true });
  const source = new ScriptedSource({ interfaces: [scriptedInterface("wlan0", [linkLocal])] });
  await scenes.loseIpv6(source, clock);
  assertEquals(source.reading.interfaces[0]?.addresses, [linkLocal]);
});

Deno.test("vpnUp: the default routes are the tunnel's", async () => {
  const { before, news, state } = await play("vpnUp");
  assertEquals(news.map(({ reasons }) => reasons.map(({ kind }) => kind).sort()), [
    ["address-usable", "address-usable", "default-route", "default-route"],
  ]);
  assertEquals([state.online, state.defaultRouteInterface], [true, "tun0"]);
  assertEquals(state.defaultRoute.ipv6?.source, "2001:db8:8::2");
  assert(affects({ hostname: "::" }, before, state));
});

Deno.test("vpnDown: as before the VPN", async () => {
  const { news, state } = await play("vpnUp", "vpnDown");
  assertEquals(news.map(({ reasons }) => reasons.map(({ kind }) => kind).sort()), [
    ["address-unusable", "address-unusable", "default-route", "default-route"],
  ]);
  assertEquals(state.defaultRoute, { ipv6: null, ...homeNetwork.defaultRoute });
  assertEquals(Object.keys(state.interfaces).sort(), ["lo", "wlan0"]);
});

Deno.test("dockerStart: minor, and no local address is affected", async () => {
  const { before, news, state } = await play("dockerStart");
  assertEquals(gist(news), [["event"], ["event"]]);
  assertEquals(news.map(({ changes }) => changes.map(formatChange)), [
    ["docker0 is new: up without carrier, 172.17.0.1/16 (containers)"],
    ["veth5b1c2d3 is new: up, fe80::21/64 (containers)", "docker0 has carrier (containers)"],
  ]);
  assert(news.every(({ major }) => !major));
  assertEquals([state.interfaces.docker0?.hostOnly, state.interfaces.docker0?.running], [
    true,
    true,
  ]);
  for (const hostname of ["192.168.1.7", "2001:db8:1::7", "0.0.0.0", "::"]) {
    assert(!affects({ hostname }, before, state), hostname);
  }
});

Deno.test("sleep: a major resume at once, of eight hours", async () => {
  const { before, events, news, state } = await play("sleep");
  assertEquals(events, ["resume"]);
  assertEquals(news.map(({ causes, major }) => [causes, major]), [[["resume"], true]]);
  assertEquals(news[0]?.changes, [
    { kind: "resumed", at: news[0]!.at, sleptMs: 28_800_000 },
  ]);
  assert(affects({ hostname: "192.168.1.7" }, before, state));
});

Deno.test("storm: minor, few snapshots, nothing is left, and the overflow is counted", async () => {
  const { before, news, state, health, metrics } = await play("storm");
  assertEquals(news.flatMap(({ reasons }) => reasons), []);
  assert(news.length <= 8, `${news.length} snapshots of 400 changes`);
  assertEquals(news.at(-1)?.causes.includes("overflow"), true);
  assertEquals(state.interfaces, before.interfaces);
  assertEquals([health.status, metrics.overflows], ["live", 1]);
});

Deno.test("deafSocket: reconcile finds what was lost, and the new socket receives events", async () => {
  const { before, events, news, state, health, metrics, log } = await play("deafSocket");
  assertEquals(events, ["degraded", "live"]);
  assertEquals(news.map(({ causes, major }) => [causes, major]), [[["reconcile"], true]]);
  assertEquals([state.haveIpv4, state.haveIpv6, state.online], [true, false, true]);
  const { lo, wlan0 } = state.interfaces;
  assertEquals(lo, before.interfaces.lo);
  assertEquals([state.defaultRoute.ipv6, wlan0?.addresses.map(({ cidr }) => cidr)], [null, [
    "192.168.1.7/24",
  ]]);
  assert(log.at("warn").some((line) => line.includes("canary")), log.at("warn").join("\n"));
  assert(metrics.canariesMissed > 0 && metrics.reopens > 0);
  assertEquals([health.status, health.reason], ["live", null]);
});

Deno.test("every scene can follow any other", async () => {
  const names = Object.keys(scenes) as SceneName[];
  for (const first of names.filter((name) => name !== "cablePulled" && name !== "vpnDown")) {
    await play(first, "vpnUp", "vpnDown", "dockerStart", "sleep");
    const { state } = await play("loseIpv6", first, "dhcpRenumber");
    assertEquals(state.defaultRoute.ipv4?.source, "192.168.2.8", first);
  }
});

Deno.test("vpnDown restores what was before the VPN, with sources that exist, and only once", async () => {
  const twice = await play("vpnUp", "vpnUp", "vpnDown");
  assertEquals([twice.state.defaultRouteInterface, twice.state.online], ["wlan0", true]);
  const { state } = await play("vpnUp", "loseIpv6", "vpnDown");
  assertEquals(state.defaultRoute.ipv4?.source, "192.168.1.7");
  assertEquals(state.defaultRoute.ipv6?.source, "fe80::7");
  await assertRejects(() => play("vpnUp", "vpnDown", "vpnDown"), TypeError, "must follow vpnUp");
});

Deno.test("vpnDown restores each family's default route, or that there was none", async () => {
  const clock = new ManualClock();
  const { ipv4 = null, ipv6 = null } = homeNetwork.defaultRoute!;
  for (const defaultRoute of [{ ipv4, ipv6: null }, { ipv4: null, ipv6 }]) {
    const source = new ScriptedSource({ ...homeNetwork, defaultRoute });
    await scenes.vpnUp(source, clock);
    await scenes.vpnDown(source, clock);
    assertEquals(source.reading.defaultRoute, defaultRoute);
  }
  const source = new ScriptedSource(homeNetwork);
  await scenes.vpnUp(source, clock);
  source.addInterface(scriptedInterface("wlan0", ["192.168.1.9/24"], { index: 3 }));
  await scenes.vpnDown(source, clock);
  assertEquals(source.reading.defaultRoute.ipv4, { ...ipv4!, source: "192.168.1.9" });
});

Deno.test("homeNetwork is a laptop behind Wi-Fi, the same for every test", () => {
  const { interfaces, defaultRoute } = new ScriptedSource(homeNetwork).reading;
  assertEquals(
    interfaces.map(({ name, index, mac, addresses }) => [
      [name, index, mac],
      addresses.map(({ cidr }) => cidr),
    ]),
    [
      [["lo", 1, null], ["127.0.0.1/8", "::1/128"]],
      [["wlan0", 3, "02:00:5e:00:53:03"], ["192.168.1.7/24", "2001:db8:1::7/64", "fe80::7/64"]],
    ],
  );
  assertEquals([defaultRoute.ipv4?.gateway, defaultRoute.ipv6?.gateway], [
    "192.168.1.1",
    "fe80::1",
  ]);
  // @ts-expect-error: readonly property
  const change = () => homeNetwork.knows = { routes: false };
  assert(change !== undefined && homeNetwork.knows === undefined);
});

Deno.test("a scene says what it needs", async () => {
  const clock = new ManualClock();
  await assertRejects(() => play("vpnDown"), TypeError, "must follow vpnUp");
  await assertRejects(
    () => scenes.dhcpRenumber(new ScriptedSource(), clock),
    TypeError,
    "homeNetwork's IPv4 default route",
  );
  for (const name of ["cablePulled", "dhcpRenumber", "deafSocket"] as const) {
    await assertRejects(() => play("cablePulled", name), TypeError, "which cablePulled ends");
  }
  for (const scene of Object.values(scenes)) {
    const source = new ScriptedSource(homeNetwork);
    await scenes.vpnUp(source, clock);
    await assertRejects(() => Reflect.apply(scene, null, [source]), TypeError, "ManualClock");
  }
});

// home-assistant/iOS#5544: the next network may have the same addresses, and no network has a name here
Deno.test("a network with the same addresses shows by its carrier, and its gateway also where streams settle", async () => {
  const clock = new ManualClock();
  const source = new ScriptedSource(homeNetwork);
  await using monitor = await NetworkMonitor.open({ source, clock, logger: new Log() });
  const wlan0 = source.reading.interfaces[1]!;
  const settled: Snapshot[] = [];
  const options = { initial: false, majorOnly: true, settleMs: 500 };
  const settling = (async () => {
    for await (const snapshot of monitor.snapshots(options)) settled.push(snapshot);
  })();
  const join = async (gateway: string) => {
    await clock.advance(5_000);
    source.addInterface({ ...wlan0, running: false });
    await clock.advance(300);
    source.set({ interfaces: source.reading.interfaces.toSpliced(1, 1, wlan0) });
    const { source: from } = source.reading.defaultRoute.ipv4!;
    source.setDefaultRoute("IPv4", scriptedRoute("wlan0", gateway, { source: from }));
    source.announce();
    await clock.advance(5_000);
  };
  const kinds = (all: readonly Snapshot[]) => all.map((it) => it.reasons.map(({ kind }) => kind));
  const gone = ["address-unusable", "address-unusable"];
  const back = ["address-usable", "address-usable"];
  const seen = record(monitor);
  await join("192.168.1.1");
  assertEquals([kinds(seen.splice(0)), kinds(settled)], [[[], gone, back], []]);
  await join("192.168.1.254");
  assertEquals([kinds(seen), kinds(settled)], [[gone, ["default-route", ...back]], [[
    "default-route",
  ]]]);
  await monitor.close();
  await settling;
});
