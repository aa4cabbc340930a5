/**
 * What happens to networks, as scenes that a test can play by name.
 *
 * @module
 */
import type { DefaultRoutes } from "../../state/types.ts";
import type { ManualClock } from "./manual_clock.ts";
import { scriptedAddress, scriptedInterface, scriptedRoute } from "./parts.ts";
import type { ScriptedSource, ScriptedSourceOptions } from "./scripted_source.ts";

/** Longer than `coalesceMs`, so that what a step changed is published before the next one. */
const STEP_MS = 1_000;
const HOUR_MS = 3_600_000;

const HOME_ROUTE: DefaultRoutes = {
  ipv4: scriptedRoute("wlan0", "192.168.1.1", { source: "192.168.1.7", metric: 600 }),
  ipv6: scriptedRoute("wlan0", "fe80::1", { source: "2001:db8:1::7", metric: 600 }),
};

/** The default routes that `vpnDown` gives back. */
const BEFORE_VPN = new WeakMap<ScriptedSource, DefaultRoutes>();

/** The options of a source for the scenes: a laptop that is online by Wi-Fi, with IPv4 and IPv6. */
export const homeNetwork: ScriptedSourceOptions = {
  interfaces: [
    scriptedInterface("lo", ["127.0.0.1/8", "::1/128"], { index: 1, mtu: 65536 }),
    scriptedInterface("wlan0", ["192.168.1.7/24", "2001:db8:1::7/64", "fe80::7/64"], {
      index: 3,
      mac: "02:00:5e:00:53:03",
    }),
  ],
  defaultRoute: HOME_ROUTE,
};

/** Changes the network of the source step by step. Ends when a monitor with default options has published it. */
export type Scene = (source: ScriptedSource, clock: ManualClock) => Promise<void>;

/** The names of the scenes. */
export type SceneName =
  | "cablePulled"
  | "deafSocket"
  | "dhcpRenumber"
  | "dockerStart"
  | "loseIpv6"
  | "sleep"
  | "storm"
  | "vpnDown"
  | "vpnUp"
  | "wifiToCable";

/**
 * The scenes. Each plays on a source that began as `homeNetwork`, and can follow another.
 *
 * - `wifiToCable`: eth0 appears and takes over both default routes; wlan0 stays.
 * - `cablePulled`: the interface of the IPv4 default route loses its carrier; its default routes go, its addresses stay.
 * - `dhcpRenumber`: that interface gets another IPv4 address and gateway: 192.168.2.8 instead of 192.168.1.7.
 * - `loseIpv6`: every IPv6 address but link-local ones goes, and the default route.
 * - `vpnUp`, `vpnDown`: tun0 takes over the default routes, and gives them back.
 * - `dockerStart`: docker0 and a container's veth appear.
 * - `sleep`: the machine sleeps for eight hours.
 * - `storm`: two hundred veths come and go within a second, and the receive buffer overflows.
 * - `deafSocket`: the subscription stops hearing, then an address goes; reconcile finds both.
 *
 * @example A program that must survive a VPN
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 * import { homeNetwork, ManualClock, scenes, ScriptedSource } from "@netwatch/netwatch/testing";
 *
 * const clock = new ManualClock();
 * const source = new ScriptedSource(homeNetwork);
 * await using monitor = await NetworkMonitor.open({ source, clock });
 *
 * await scenes.vpnUp(source, clock);
 * if (monitor.current.state.defaultRouteInterface !== "tun0") throw new Error();
 * ```
 */
export const scenes: Readonly<Record<SceneName, Scene>> = {
  async wifiToCable(source, clock) {
    source.addInterface(
      scriptedInterface("eth0", ["192.168.1.8/24", "2001:db8:1::8/64"], {
        index: 2,
        mac: "02:00:5e:00:53:02",
      }),
    );
    await clock.advance(STEP_MS);
    source.setDefaultRoute("IPv4", scriptedRoute("eth0", "192.168.1.1", { metric: 100 }));
    source.setDefaultRoute("IPv6", scriptedRoute("eth0", "fe80::1", { metric: 100 }));
    await clock.advance(STEP_MS);
  },
  async cablePulled(source, clock) {
    const nic = defaultInterface(source);
    dropRoutes(source, nic.name);
    source.addInterface({ ...nic, running: false });
    await clock.advance(STEP_MS);
  },
  async dhcpRenumber(source, clock) {
    const nic = defaultInterface(source);
    const others = nic.addresses.filter(({ family }) => family === "IPv6");
    source.setDefaultRoute("IPv4", null);
    source.addInterface({ ...nic, addresses: others });
    await clock.advance(STEP_MS);
    const leased = scriptedAddress("192.168.2.8/24", { permanent: false });
    source.addInterface({ ...nic, addresses: [leased, ...others] });
    source.setDefaultRoute("IPv4", scriptedRoute(nic.name, "192.168.2.1", { metric: 600 }));
    await clock.advance(STEP_MS);
  },
  async loseIpv6(source, clock) {
    source.setDefaultRoute("IPv6", null);
    for (const nic of source.reading.interfaces) {
      const kept = nic.addresses.filter(({ address, family, scopeId }) =>
        family === "IPv4" || scopeId !== null || address === "::1"
      );
      if (kept.length < nic.addresses.length) source.addInterface({ ...nic, addresses: kept });
    }
    await clock.advance(STEP_MS);
  },
  async vpnUp(source, clock) {
    BEFORE_VPN.set(source, source.reading.defaultRoute);
    source.addInterface(
      scriptedInterface("tun0", ["10.8.0.2/24", "2001:db8:8::2/64"], { index: 8, mtu: 1420 }),
    );
    source.setDefaultRoute("IPv4", scriptedRoute("tun0", null, { metric: 50 }));
    source.setDefaultRoute("IPv6", scriptedRoute("tun0", null, { metric: 50 }));
    await clock.advance(STEP_MS);
  },
  async vpnDown(source, clock) {
    const routes = BEFORE_VPN.get(source);
    if (routes === undefined) throw new TypeError("The scene vpnDown follows vpnUp");
    source.removeInterface("tun0");
    source.setDefaultRoute("IPv4", routes.ipv4);
    source.setDefaultRoute("IPv6", routes.ipv6);
    await clock.advance(STEP_MS);
  },
  async dockerStart(source, clock) {
    const docker0 = scriptedInterface("docker0", ["172.17.0.1/16"], { index: 20, running: false });
    source.addInterface(docker0);
    await clock.advance(STEP_MS);
    source.addInterface(scriptedInterface("veth5b1c2d3", ["fe80::21/64"], { index: 21 }));
    source.addInterface({ ...docker0, running: true });
    await clock.advance(STEP_MS);
  },
  async sleep(source, clock) {
    source.sleep(8 * HOUR_MS, clock);
    await clock.advance(STEP_MS);
  },
  async storm(source, clock) {
    for (let i = 0; i < 200; i++) {
      source.addInterface(scriptedInterface(`veth${i}`, ["fe80::99/64"], { index: 100 + i }));
      if (i >= 20) source.removeInterface(`veth${i - 20}`);
      await clock.advance(5);
    }
    for (let i = 180; i < 200; i++) source.removeInterface(`veth${i}`);
    source.emit({ kind: "overflow" });
    await clock.advance(STEP_MS);
  },
  async deafSocket(source, clock) {
    source.canary = "misses";
    const nic = defaultInterface(source);
    const addresses = nic.addresses.filter(({ family }) => family === "IPv4");
    source.set(
      source.reading.interfaces.map((other) =>
        other.name === nic.name ? { ...nic, addresses } : other
      ),
    );
    source.set({ defaultRoute: { ...source.reading.defaultRoute, ipv6: null } });
    await clock.advance(16_000); // the default of reconcileIntervalMs, and a second
    source.canary = "answers";
    await clock.advance(31_000); // the longest backoff, and a second
  },
};

function defaultInterface(source: ScriptedSource) {
  const { defaultRoute, interfaces } = source.reading;
  const nic = interfaces.find(({ name }) => name === defaultRoute.ipv4?.interface);
  if (nic === undefined) {
    throw new TypeError("The scene needs an IPv4 default route: begin with homeNetwork");
  }
  return nic;
}

function dropRoutes(source: ScriptedSource, name: string): void {
  const { ipv4, ipv6 } = source.reading.defaultRoute;
  if (ipv4?.interface === name) source.setDefaultRoute("IPv4", null);
  if (ipv6?.interface === name) source.setDefaultRoute("IPv6", null);
}
