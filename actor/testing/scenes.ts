// Scenes: typical network changes that a test can play by name. Helpers that make interfaces, addresses and routes.
import { interfaceByName } from "../../state/interface_name.ts";
import { isLinkLocal, parseIp, scopeOf } from "../../state/ip.ts";
import { makeAddress } from "../../state/normalize.ts";
import type { Address, DefaultRoute, DefaultRoutes, Interface } from "../../state/types.ts";
import { ManualClock } from "./manual_clock.ts";
import { defined } from "./defined.ts";
import type { ScriptedSource, ScriptedSourceOptions } from "./scripted_source.ts";

/**
 * An interface that is up and has carrier: index 2 and MTU 1500 by default, kind and `hostOnly` by its name.
 *
 * @param name Its name, such as `"wlan0"`.
 * @param addresses The addresses, as text such as `"192.0.2.7/24"` or as objects.
 * @param fields Fields that differ from the defaults.
 * @returns The interface.
 * @throws {TypeError} if an address cannot be parsed.
 *
 * @example A Wi-Fi interface
 * ```ts
 * import { scriptedInterface } from "@netwatch/netwatch/testing";
 *
 * const wifi = scriptedInterface("wlan0", ["192.0.2.7/24", "fe80::7/64"], { index: 3 });
 * if (wifi.kind !== "wifi" || wifi.addresses[1]?.scopeId !== 3) throw new Error();
 * ```
 */
export function scriptedInterface(
  name: string,
  addresses: readonly (string | Address)[] = [],
  fields?: Partial<Omit<Interface, "name" | "addresses">>,
): Interface {
  const given = { index: 2, mtu: 1500, ...defined(fields) };
  const made = (address: string | Address): Address =>
    typeof address === "string" ? parsedAddress(address, given.index) : address;
  return interfaceByName(name, { ...given, addresses: addresses.map(made) });
}

/**
 * A permanent address without other flags.
 *
 * @param cidr Address and prefix length, such as `"192.0.2.7/24"`.
 * @param fields Fields that differ from the defaults, such as `{ tentative: true }`.
 * @returns The address.
 * @throws {TypeError} if the text is not an address with a prefix length.
 *
 * @example A tentative address
 * ```ts
 * import { scriptedAddress } from "@netwatch/netwatch/testing";
 *
 * if (!scriptedAddress("2001:db8::7/64", { tentative: true }).tentative) throw new Error();
 * ```
 */
export function scriptedAddress(cidr: string, fields?: Partial<Address>): Address {
  return { ...parsedAddress(cidr, null), ...defined(fields) };
}

function parsedAddress(cidr: string, index: number | null): Address {
  const [, text = "", length] = /^(.+)\/(\d+)$/.exec(cidr) ?? [];
  const bytes = parseIp(text);
  const prefixLength = Number(length);
  if (bytes === null || prefixLength > 8 * bytes.length) {
    throw new TypeError(`Cannot parse "${cidr}": give an address such as "192.0.2.7/24"`);
  }
  const scopeId = bytes.length === 16 && isLinkLocal(bytes) ? index : null;
  return makeAddress(bytes, { prefixLength, scopeId, permanent: true });
}

/**
 * A default route.
 *
 * @param name The name of its interface.
 * @param gateway The next hop. By default none: destinations are on the link.
 * @param fields Fields that differ from the defaults, such as `{ metric: 100 }`.
 * @returns The route.
 *
 * @example Through a gateway
 * ```ts
 * import { scriptedRoute } from "@netwatch/netwatch/testing";
 *
 * if (scriptedRoute("eth0", "192.0.2.1").gateway !== "192.0.2.1") throw new Error();
 * ```
 */
export function scriptedRoute(
  name: string,
  gateway: string | null = null,
  fields?: Partial<DefaultRoute>,
): DefaultRoute {
  return { interface: name, gateway, source: null, metric: null, ...defined(fields) };
}

/** Source options for the scenes: a laptop that is online through Wi-Fi, with IPv4 and IPv6. */
export const homeNetwork: Readonly<ScriptedSourceOptions> = {
  interfaces: [
    scriptedInterface("lo", ["127.0.0.1/8", "::1/128"], { index: 1, mtu: 65536 }),
    scriptedInterface("wlan0", ["192.168.1.7/24", "2001:db8:1::7/64", "fe80::7/64"], {
      index: 3,
      mac: "02:00:5e:00:53:03",
    }),
  ],
  defaultRoute: {
    ipv4: scriptedRoute("wlan0", "192.168.1.1", { source: "192.168.1.7", metric: 600 }),
    ipv6: scriptedRoute("wlan0", "fe80::1", { source: "2001:db8:1::7", metric: 600 }),
  },
};

/** Changes the network of the source. Resolves once a monitor with default options has published the changes. */
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

const BEFORE_VPN = new WeakMap<ScriptedSource, DefaultRoutes>(); // what `vpnDown` restores

/**
 * The scenes. Each takes a source created with `homeNetwork`, and the monitor's clock. Scenes can follow each other;
 * `cablePulled`, `dhcpRenumber` and `deafSocket` throw a TypeError if there is no IPv4 default route.
 *
 * - `wifiToCable`: eth0 appears and takes over both default routes; wlan0 stays.
 * - `cablePulled`: the interface of the IPv4 default route loses carrier; its default routes go, its addresses stay.
 * - `dhcpRenumber`: the same interface gets another gateway and IPv4 address: 192.168.2.8 instead of 192.168.1.7.
 * - `loseIpv6`: the IPv6 default route goes, and all IPv6 addresses except loopback and link-local ones.
 * - `vpnUp`, `vpnDown`: tun0 takes over the default routes, and gives them back.
 * - `dockerStart`: docker0 and a container's veth appear.
 * - `sleep`: the machine sleeps for eight hours.
 * - `storm`: two hundred veths come and go within a second, and the receive buffer overflows.
 * - `deafSocket`: the subscription goes deaf, then IPv6 is lost; reconcile detects both.
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
    const mac = "02:00:5e:00:53:02";
    const addresses = ["192.168.1.8/24", "2001:db8:1::8/64"];
    source.addInterface(scriptedInterface("eth0", addresses, { index: 2, mac }));
    await pass(clock);
    source.setDefaultRoute("IPv4", scriptedRoute("eth0", "192.168.1.1", { metric: 100 }));
    source.setDefaultRoute("IPv6", scriptedRoute("eth0", "fe80::1", { metric: 100 }));
    await pass(clock);
  },
  async cablePulled(source, clock) {
    const nic = defaultInterface(source);
    source.removeInterface(nic.name); // with its default routes
    source.addInterface({ ...nic, running: false });
    await pass(clock);
  },
  async dhcpRenumber(source, clock) {
    const nic = defaultInterface(source);
    const others = nic.addresses.filter(({ family }) => family === "IPv6");
    source.setDefaultRoute("IPv4", null);
    source.addInterface({ ...nic, addresses: others });
    await pass(clock);
    const leased = scriptedAddress("192.168.2.8/24", { permanent: false });
    source.addInterface({ ...nic, addresses: [leased, ...others] });
    source.setDefaultRoute("IPv4", scriptedRoute(nic.name, "192.168.2.1", { metric: 600 }));
    await pass(clock);
  },
  async loseIpv6(source, clock) {
    source.setDefaultRoute("IPv6", null);
    for (const nic of source.reading.interfaces) {
      const kept = nic.addresses.filter(({ address, family }) =>
        family === "IPv4" || ["linkLocal", "loopback"].includes(scopeOf(address))
      );
      source.addInterface({ ...nic, addresses: kept });
    }
    await pass(clock);
  },
  async vpnUp(source, clock) {
    if (!BEFORE_VPN.has(source)) BEFORE_VPN.set(source, source.reading.defaultRoute);
    const addresses = ["10.8.0.2/24", "2001:db8:8::2/64"];
    source.addInterface(scriptedInterface("tun0", addresses, { index: 8, mtu: 1420 }));
    source.setDefaultRoute("IPv4", scriptedRoute("tun0", null, { metric: 50 }));
    source.setDefaultRoute("IPv6", scriptedRoute("tun0", null, { metric: 50 }));
    await pass(clock);
  },
  async vpnDown(source, clock) {
    const routes = BEFORE_VPN.get(source);
    if (routes === undefined) throw new TypeError("The scene vpnDown must follow vpnUp");
    BEFORE_VPN.delete(source);
    source.removeInterface("tun0");
    source.setDefaultRoute("IPv4", routes.ipv4 && { ...routes.ipv4, source: null });
    source.setDefaultRoute("IPv6", routes.ipv6 && { ...routes.ipv6, source: null });
    await pass(clock);
  },
  async dockerStart(source, clock) {
    const docker0 = scriptedInterface("docker0", ["172.17.0.1/16"], { index: 20, running: false });
    source.addInterface(docker0);
    await pass(clock);
    source.addInterface(scriptedInterface("veth5b1c2d3", ["fe80::21/64"], { index: 21 }));
    source.addInterface({ ...docker0, running: true });
    await pass(clock);
  },
  async sleep(source, clock) {
    source.sleep(8 * 3_600_000, clock);
    await pass(clock);
  },
  async storm(source, clock) {
    for (let i = 0; i < 200; i++) {
      source.addInterface(scriptedInterface(`veth${i}`, ["fe80::99/64"], { index: 100 + i }));
      if (i >= 20) source.removeInterface(`veth${i - 20}`);
      await pass(clock, 5);
    }
    for (let i = 180; i < 200; i++) source.removeInterface(`veth${i}`);
    source.emit({ kind: "overflow" });
    await pass(clock);
  },
  async deafSocket(source, clock) {
    source.canary = "misses";
    const nic = defaultInterface(source);
    const addresses = nic.addresses.filter(({ family }) => family === "IPv4");
    const { interfaces, defaultRoute } = source.reading;
    source.set({
      interfaces: interfaces.map((it) => it.name === nic.name ? { ...nic, addresses } : it),
      defaultRoute: { ...defaultRoute, ipv6: null },
    });
    await pass(clock, 16_000); // the default of reconcileIntervalMs, plus a second
    source.canary = "answers";
    await pass(clock, 31_000); // the longest backoff, plus a second
  },
};

/** Lets time pass: by default long enough for a monitor to publish what changed. */
function pass(clock: ManualClock, ms = 1_000): Promise<void> {
  if (clock instanceof ManualClock) return clock.advance(ms);
  throw new TypeError("A scene takes the ManualClock of the monitor: scenes.vpnUp(source, clock)");
}

function defaultInterface(source: ScriptedSource): Interface {
  const { defaultRoute, interfaces } = source.reading;
  const nic = interfaces.find(({ name }) => name === defaultRoute.ipv4?.interface);
  if (nic !== undefined) return nic;
  throw new TypeError("A scene needs homeNetwork's IPv4 default route, which cablePulled ends");
}
