/**
 * What the page of the example program `dashboard` says about a state.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { createView, type View } from "../examples/dashboard/view.ts";
import type { Health, NetworkMonitor, State } from "../mod.ts";
import { address, nic, route, state } from "./support/states.ts";
import { AT, LIVE, snapshot } from "./support/watch_view.ts";

/** What the page shows while the monitor has this state and this health. */
function viewOf(shown: State, health: Health = LIVE): View {
  const metrics = { events: 3, readFailures: 12 };
  const monitor: unknown = { current: snapshot(shown), health, metrics };
  return createView(monitor as NetworkMonitor);
}

Deno.test("the page shows routes, interfaces, health and counters", () => {
  const shown = state({
    interfaces: [
      nic("lo", { index: 5, mtu: 65536, addresses: ["127.0.0.1/8"] }),
      nic("d\x1bc", { index: 3, up: false }),
      nic("wlan0", { index: 2, running: false }),
      nic("eth0", { index: 8, mac: "02:00:00:00:00:01", addresses: ["2001:db8::7/64"] }),
      nic("tun0", {
        index: 9,
        addresses: [
          address("10.8.0.2/32", { peer: "10.8.0.1" }),
          address("2001:db8:9::1/64", { deprecated: true, temporary: true }),
          address("2001:db8:9::2/64", { tentative: true, duplicated: true }),
        ],
      }),
    ],
    ipv4: route("tun0", { source: "10.8.0.2" }),
    ipv6: route("eth0", { gateway: "fe80::1", source: "2001:db8::7", metric: 100 }),
  });
  const health: Health = {
    ...LIVE,
    listeners: ["one", "two"],
    reason: "bad\x1b[1J",
    lastEventAt: AT + 1,
    lastReconcileAt: AT + 2,
    lastError: "bad\x1b[2J",
  };
  const kindOf = (kind: string, index: string, mtu = "1500") =>
    [["Kind", kind], ["Index", index], ["MTU", mtu]] as const;
  const interfaces = Object.fromEntries(Object.entries(shown.interfaces).reverse());
  assertEquals(viewOf({ ...shown, interfaces }, health), {
    online: "Online",
    summary: "through tun0, as 10.8.0.2",
    at: AT,
    routes: [["IPv4", "tun0 from 10.8.0.2"], [
      "IPv6",
      "eth0 via fe80::1 from 2001:db8::7 metric 100",
    ]],
    interfaces: [ // first those of the default routes, then what is up
      {
        name: "tun0",
        hostOnly: false,
        badges: ["up", "carrier", "IPv4 default"],
        addresses: [
          "10.8.0.2/32 peer 10.8.0.1",
          "2001:db8:9::1/64 deprecated temporary",
          "2001:db8:9::2/64 tentative duplicated",
        ],
        rows: kindOf("tunnel", "9"),
      },
      {
        name: "eth0",
        hostOnly: false,
        badges: ["up", "carrier", "IPv6 default"],
        addresses: ["2001:db8::7/64"],
        rows: [...kindOf("ethernet", "8"), ["MAC", "02:00:00:00:00:01"]],
      },
      {
        name: "lo",
        hostOnly: true,
        badges: ["up", "carrier"],
        addresses: ["127.0.0.1/8"],
        rows: kindOf("loopback", "5", "65536"),
      },
      {
        name: "wlan0",
        hostOnly: false,
        badges: ["up", "no carrier"],
        addresses: [],
        rows: kindOf("wifi", "2"),
      },
      {
        name: "d\\u{1b}c",
        hostOnly: false,
        badges: ["down", "carrier"],
        addresses: [],
        rows: kindOf("unknown", "3"),
      },
    ],
    interfacesLeftOut: 0,
    health: [
      ["Status", "live"],
      ["Source", "netlink, one, two"],
      ["Reason", "bad\\u{1b}[1J"],
      ["Since", AT],
      ["Last event", AT + 1],
      ["Last check", AT + 2],
      ["Last error", "bad\\u{1b}[2J"],
    ],
    metrics: [["Events", "3"], ["Read failures", "12"]],
  });
});

Deno.test("the page has no row for what has not happened", () => {
  assertEquals(viewOf(state()).health, [["Status", "live"], ["Source", "netlink"], ["Since", AT]]);
});

Deno.test("the page says in a sentence whether the machine is online", () => {
  const says = (parts: Parameters<typeof state>[0]) => {
    const { online, summary } = viewOf(state(parts));
    return `${online}: ${summary}`;
  };
  const wwan0 = nic("wwan0", { addresses: ["192.0.2.7/24"] });
  const ipv4 = route("wwan0", { source: "192.0.2.7" });
  assertEquals(viewOf(state({ ipv4: route("wwan0") })).routes, [["IPv4", "wwan0"], [
    "IPv6",
    "none",
  ]]);
  assertEquals(says({ interfaces: [wwan0] }), "Offline: No default route");
  assertEquals(
    says({ interfaces: [wwan0], ipv4 }),
    "Online: through wwan0, as 192.0.2.7, metered",
  );
  assertEquals(
    says({ interfaces: [nic("eth0")], ipv4: route("eth0", { source: "192.0.2.7" }) }),
    "Online: through eth0", // a source that no interface has any more
  );
  assertEquals(
    says({ interfaces: [{ ...wwan0, running: false }], ipv4 }),
    "Offline: The default route leads through wwan0, which cannot be used",
  );
});

Deno.test("the page says how many interfaces and addresses it leaves out", () => {
  const interfaces = (count: number, addresses: number) =>
    Array.from({ length: count }, (_, i) =>
      nic(`eth${i}`, {
        index: i + 1,
        addresses: Array.from({ length: i === 0 ? addresses : 0 }, (_, j) => `192.0.2.${j}/24`),
      }));
  const left = (count: number, addresses: number) => {
    const { interfaces: cards, interfacesLeftOut } = viewOf(
      state({ interfaces: interfaces(count, addresses) }),
    );
    return [cards.length, interfacesLeftOut, cards[0]!.addresses.slice(19)];
  };
  assertEquals(left(200, 20), [200, 0, ["192.0.2.19/24"]]);
  assertEquals(left(201, 21), [200, 1, ["192.0.2.19/24", "and 1 more"]]);
});
