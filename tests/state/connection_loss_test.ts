/**
 * Which changes lose connections.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { scriptedAddress, scriptedInterface, scriptedRoute } from "../../actor/testing.ts";
import { buildState } from "../../state/build.ts";
import { connectionLoss } from "../../state/impact.ts";
import type { Interface, State } from "../../state/types.ts";

const ROUTE = scriptedRoute("eth0", "192.0.2.254", { source: "192.0.2.7", metric: 100 });
const ROUTE6 = scriptedRoute("eth0", "fe80::1", { source: "2001:db8::7" });
const ETH0 = scriptedInterface("eth0", ["192.0.2.7/24", "192.0.2.8/24"]);
const DOCKER0 = scriptedInterface("docker0", ["172.17.0.1/16"], { index: 3 });
const KNOWS = { links: true, addressFlags: true, routes: true };

function state(
  interfaces: Interface[],
  ipv4: State["defaultRoute"]["ipv4"] = ROUTE,
  ipv6: State["defaultRoute"]["ipv6"] = null,
): State {
  return buildState({ interfaces, defaultRoute: { ipv4, ipv6 }, knows: KNOWS }, null);
}

function eth0(addresses: Interface["addresses"][number][] | string[], fields = {}): Interface {
  return scriptedInterface("eth0", addresses, fields);
}

const BEFORE = state([ETH0, DOCKER0]);

const CASES: [name: string, previous: State, next: State, kind: string | null][] = [
  ["the same state", BEFORE, BEFORE, null],
  ["an equal state", BEFORE, state([ETH0, DOCKER0]), null],
  ["another interface", BEFORE, state([ETH0], { ...ROUTE, interface: "wlan0" }), "default-route"],
  ["no default route", BEFORE, state([ETH0], null), "default-route"],
  ["another source", BEFORE, state([ETH0], { ...ROUTE, source: "192.0.2.8" }), "default-route"],
  ["a source at last", state([ETH0], { ...ROUTE, source: null }), BEFORE, null],
  ["another gateway", BEFORE, state([ETH0], { ...ROUTE, gateway: "192.0.2.253" }), null],
  ["another metric", BEFORE, state([ETH0], { ...ROUTE, metric: 1 }), null],
  ["another index", BEFORE, state([eth0(["192.0.2.7/24"], { index: 9 })]), "default-route"],
  ["the source is gone", BEFORE, state([eth0(["192.0.2.8/24"])]), "default-route"],
  [
    "the interface is down",
    BEFORE,
    state([eth0(["192.0.2.7/24"], { up: false })]),
    "default-route",
  ],
  ["no carrier", BEFORE, state([eth0(["192.0.2.7/24"], { running: false })]), null],
  ["an address that is not the source", BEFORE, state([eth0(["192.0.2.7/24"])]), null],
  ["a container network is gone", BEFORE, state([ETH0]), null],
  ["a family more", BEFORE, state([ETH0], ROUTE, ROUTE6), null],
  ["a route at last", state([ETH0], null), BEFORE, null],
  ["a family less", state([ETH0], ROUTE, ROUTE6), BEFORE, "default-route"],
];

for (const [name, previous, next, kind] of CASES) {
  Deno.test(`connectionLoss: ${name}: ${kind ?? "none"}`, () => {
    assertEquals(connectionLoss(previous, next)?.kind ?? null, kind);
  });
}

Deno.test("connectionLoss: a source on the loopback interface is kept, or is gone", () => {
  const lo = (...addresses: string[]) => scriptedInterface("lo", addresses, { index: 1 });
  const route = { ...ROUTE, source: "203.0.113.9" };
  const before = state([lo("127.0.0.1/8", "203.0.113.9/32"), ETH0], route);
  const other = state([lo("127.0.0.1/8", "203.0.113.9/32"), { ...ETH0, mtu: 1400 }], route);
  assertEquals(connectionLoss(before, other), null);
  assertEquals(
    connectionLoss(before, state([lo("127.0.0.1/8"), ETH0], route))?.kind,
    "default-route",
  );
});

Deno.test("connectionLoss: a temporary IPv6 address that follows another loses nothing", () => {
  const first = scriptedAddress("2001:db8::a/64", { temporary: true });
  const second = scriptedAddress("2001:db8::b/64", { temporary: true });
  const route = (source: string) => scriptedRoute("eth0", "fe80::1", { source });
  const before = state([eth0([first])], null, route("2001:db8::a"));
  const old = { ...first, deprecated: true };
  const both = state([eth0([old, second])], null, route("2001:db8::b"));
  const after = state([eth0([second])], null, route("2001:db8::b"));
  assertEquals([connectionLoss(before, both), connectionLoss(both, after)], [null, null]);
  assertEquals(connectionLoss(before, after)?.kind, "default-route");
});

Deno.test("connectionLoss: an interface beside the default one that loses all its addresses", () => {
  const tun0 = (...addresses: string[]) => scriptedInterface("tun0", addresses, { index: 5 });
  const before = state([ETH0, tun0("10.8.0.2/24", "10.8.0.3/24", "2001:db8:8::2/64")]);
  const without = (...addresses: string[]) =>
    connectionLoss(before, state([ETH0, tun0(...addresses)]));
  assertEquals(without("10.8.0.3/24", "2001:db8:8::2/64"), null);
  assertEquals(without("10.8.0.4/24", "2001:db8:8::2/64"), {
    kind: "address-unusable",
    interface: "tun0",
    address: scriptedAddress("10.8.0.2/24"),
  });
  assertEquals(without("10.8.0.2/24")?.kind, "address-unusable");
  assertEquals(connectionLoss(before, state([ETH0]))?.kind, "address-unusable");
});

Deno.test("connectionLoss: connections that are bound to one address last as long as it can be bound", () => {
  const ipv6 = "2001:db8::7/64";
  const before = state([eth0(["192.0.2.7/24", "192.0.2.8/24", ipv6]), DOCKER0]);
  const lost = (local: string, ...addresses: (string | Interface["addresses"][number])[]) => {
    const next = addresses.map((it) => typeof it === "string" ? scriptedAddress(it) : it);
    return connectionLoss(before, state([eth0(next)]), local);
  };
  assertEquals(lost("192.0.2.8", "192.0.2.7/24", ipv6), {
    kind: "address-unusable",
    interface: "eth0",
    address: scriptedAddress("192.0.2.8/24"),
  });
  assertEquals(lost("2001:DB8:0::7", "192.0.2.7/24")?.kind, "address-unusable");
  const deprecated = scriptedAddress(ipv6, { deprecated: true });
  const old = state([eth0([scriptedAddress("192.0.2.7/24"), deprecated])]);
  assertEquals(connectionLoss(old, state([eth0(["192.0.2.7/24"])])), null);
  const reason = connectionLoss(old, state([eth0(["192.0.2.7/24"])]), "2001:db8::7");
  assertEquals(reason?.kind, "address-unusable");
  assertEquals(lost("192.0.2.7", "192.0.2.7/24"), null); // of the others no connection is known
  assertEquals(lost("2001:db8::7", "192.0.2.7/24", deprecated), null);
  for (const elsewhere of ["172.17.0.1", "198.51.100.1", "not an address"]) {
    assertEquals(lost(elsewhere, "192.0.2.7/24", ipv6), null);
  }
});

Deno.test("connectionLoss: where routes are unknown the addresses decide", () => {
  const polled = (...addresses: string[]) =>
    buildState({
      interfaces: [eth0(addresses)],
      defaultRoute: { ipv4: null, ipv6: null },
      knows: { ...KNOWS, routes: false },
    }, null);
  assertEquals(connectionLoss(polled("192.0.2.7/24"), polled("192.0.2.7/24")), null);
  assertEquals(
    connectionLoss(polled("192.0.2.7/24"), polled("192.0.2.8/24"))?.kind,
    "address-unusable",
  );
});

Deno.test("connectionLoss: a long sleep, not a short one", () => {
  const slept = (sleptMs: number) => ({ ...BEFORE, resumedAt: 1_700_000_000_000, sleptMs });
  assertEquals(connectionLoss(BEFORE, slept(599_999)), null);
  assertEquals(connectionLoss(BEFORE, slept(600_000)), { kind: "resumed", sleptMs: 600_000 });
});
