/**
 * The decoders of Windows' structures, on every system.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { decodeAdapters, decodeDefaultRoutes, decodeRoute } from "../../ffi/windows/records.ts";
import { adapterKind, publishedInterface, readDump } from "../../ffi/windows/dump.ts";
import { buildState } from "../../state/build.ts";
import { DecodeError } from "../../state/errors.ts";
import type { Interface, InterfaceKind } from "../../state/types.ts";
import { WINE_ADAPTERS, WINE_ROUTES } from "../fixtures/wine.ts";
import { hex } from "../support/netlink.ts";
import {
  type AdapterImage,
  BASE,
  encodeAdapters,
  encodeRoute,
  encodeRoutes,
  type RouteImage,
} from "../support/windows_images.ts";

function never(): void {
  throw new Error("A record was malformed");
}

/** Publishes adapters, none of them malformed. */
function publish(adapters: readonly AdapterImage[]): Interface[] {
  return decodeAdapters(encodeAdapters(adapters), BASE, never).map(publishedInterface);
}

/** Reads a system with these adapters; `best` is what GetBestRoute2 answers. */
async function read(
  adapters: readonly AdapterImage[],
  best: (destination: Uint8Array) => { row: Uint8Array; source: Uint8Array } | number,
  routes: readonly RouteImage[] = [],
) {
  return await readDump({
    adapters: () => Promise.resolve({ bytes: encodeAdapters(adapters), address: BASE }),
    bestRoute: best as never,
    routeTable: () => encodeRoutes(routes),
  }, never);
}

Deno.test("readDump() reads what Wine 10 fills in", async () => {
  const { base, hex: adapters } = WINE_ADAPTERS;
  const reading = await readDump({
    adapters: () => Promise.resolve({ bytes: hex(adapters) as never, address: base }),
    bestRoute: () => 50,
    routeTable: () => hex(WINE_ROUTES) as never,
  }, never);
  const nics = reading.interfaces.map(({ addresses, index, kind, mac, mtu, name, running }) => ({
    nic: [index, name, kind, mac, mtu, running],
    addresses: addresses.map(({ cidr, scopeId }) => scopeId === null ? cidr : [cidr, scopeId]),
  }));
  assertEquals(nics, [
    {
      nic: [2, "peer0", "ethernet", "02:00:00:00:00:08", 1500, true],
      addresses: [["fe80::ff:fe00:8/64", 2]],
    },
    {
      nic: [3, "eth0", "ethernet", "02:00:00:00:00:07", 1500, true],
      addresses: ["2001:db8::7/64", ["fe80::ff:fe00:7/64", 3], "192.0.2.7/24"],
    },
    { nic: [1, "lo", "loopback", null, 65536, true], addresses: ["::1/128", "127.0.0.1/8"] },
  ]);
  assertEquals(reading.defaultRoute, {
    ipv4: { interface: "eth0", gateway: "192.0.2.1", source: "192.0.2.7", metric: 0 },
    ipv6: { interface: "eth0", gateway: "2001:db8::1", source: "2001:db8::7", metric: 1280 },
  });
  assertEquals(reading.knows, { links: true, addressFlags: true, routes: true });
});

Deno.test("publishedInterface() has the flags of addresses", () => {
  const [nic] = publish([{
    name: "Ethernet",
    index: 12,
    mac: [0, 1, 2, 3, 4, 255],
    flags: 0x1c5,
    mtu: 9000,
    addresses: [
      { address: "192.0.2.1", prefixLength: 24, dadState: 1 },
      { address: "192.0.2.2", prefixLength: 24, dadState: 2, suffixOrigin: 5 },
      { address: "192.0.2.3", prefixLength: 24, dadState: 0 },
      { address: "2001:db8::1", prefixLength: 64, dadState: 3, validLifetime: 60 },
      { address: "2001:db8::2", prefixLength: 64, suffixOrigin: 5, validLifetime: 60 },
      { address: "fe80::2", prefixLength: 64, suffixOrigin: 5 },
      { address: "169.254.0.2", prefixLength: 16 },
    ],
  }]);
  const { addresses, ...rest } = nic!;
  assertEquals(rest, {
    name: "Ethernet",
    index: 12,
    kind: "ethernet",
    up: true,
    running: true,
    hostOnly: false,
    flags: 0x1c5,
    mac: "00:01:02:03:04:ff",
    mtu: 9000,
  });
  const flags = ["tentative", "duplicated", "deprecated", "temporary", "permanent"] as const;
  assertEquals(
    addresses.map((one) => [one.cidr, one.scopeId, ...flags.filter((flag) => one[flag])]),
    [
      ["192.0.2.1/24", null, "tentative", "permanent"],
      ["192.0.2.2/24", null, "duplicated", "permanent"],
      ["2001:db8::1/64", null, "deprecated"],
      ["2001:db8::2/64", null, "temporary"],
      ["fe80::2/64", 12, "permanent"],
      ["169.254.0.2/16", null, "permanent"],
    ],
  );
});

Deno.test("publishedInterface() maps the operational status", () => {
  const states = [0, 1, 2, 3, 4, 5, 6, 7].map((status) => {
    const [{ running, up }] = publish([{ name: "a", status }]) as [Interface];
    return [status, up, running];
  });
  assertEquals(states, [
    [0, true, false],
    [1, true, true], // up
    [2, true, false], // down: no cable, since disabled adapters are not listed
    [3, true, false], // testing
    [4, true, true], // unknown
    [5, true, false], // dormant
    [6, false, false], // not present
    [7, true, false], // lower layer down
  ]);
});

Deno.test("publishedInterface() takes the index of IPv6 where IPv4 is not bound", () => {
  const addresses = [{ address: "fe80::1", prefixLength: 64 }];
  const nics = publish([
    { name: "a", ipv4Index: 0, ipv6Index: 9, addresses },
    { name: "b", ipv4Index: 8, ipv6Index: 0, addresses },
    { name: "c", ipv4Index: 6, ipv6Index: 7, addresses },
  ]);
  assertEquals(nics.map(({ addresses, index }) => [index, addresses[0]!.scopeId]), [
    [9, 9],
    [8, 8],
    [6, 7],
  ]);
});

Deno.test("adapterKind() goes by type, then by driver, then by name", () => {
  const cases: [InterfaceKind, number, string, string, number?][] = [
    ["loopback", 24, "Software Loopback Interface 1", "Loopback Pseudo-Interface 1"],
    ["wifi", 71, "Intel(R) Wi-Fi 6 AX201 160MHz", "WLAN"],
    ["cellular", 243, "Sierra Wireless EM7455", "Mobilfunk"],
    ["cellular", 244, "Generic Mobile Broadband Adapter", "Cellular"],
    ["tunnel", 131, "Teredo Tunneling Pseudo-Interface", "Teredo", 14],
    ["tunnel", 6, "Some adapter", "a", 11],
    ["tunnel", 23, "VPN", "VPN"],
    ["tunnel", 53, "WireGuard Tunnel", "wg0"],
    ["tunnel", 6, "TAP-Windows Adapter V9", "Ethernet 3"],
    ["tunnel", 6, "Cisco AnyConnect Virtual Miniport Adapter", "Ethernet 5"],
    ["tunnel", 6, "Fortinet SSL VPN Virtual Ethernet Adapter", "Ethernet 6"],
    ["virtual", 6, "Hyper-V Virtual Ethernet Adapter #2", "vEthernet (WSL)"],
    ["virtual", 6, "VirtualBox Host-Only Ethernet Adapter", "Ethernet 4"],
    ["virtual", 6, "VMware Virtual Ethernet Adapter for VMnet8", "VMnet8"],
    // the guest's own adapters
    ["ethernet", 6, "Microsoft Hyper-V Network Adapter", "Ethernet"],
    ["ethernet", 6, "vmxnet3 Ethernet Adapter", "Ethernet0"],
    ["ethernet", 6, "WSLan Gigabit Adapter", "Ethernet"],
    ["ethernet", 6, "Realtek PCIe GbE Family Controller", "LAN-Verbindung"],
    ["unknown", 1, "Something", "Something"],
  ];
  for (const [kind, type, description, name, tunnelType = 0] of cases) {
    assertEquals(adapterKind({ description, name, tunnelType, type }), kind, description);
  }
});

Deno.test("adapters of virtual machines are host-only, by driver and by name", () => {
  const cases: [hostOnly: boolean, description: string, name: string][] = [
    [true, "Hyper-V Virtual Ethernet Adapter", "vEthernet (Default Switch)"],
    [true, "Hyper-V Virtual Ethernet Adapter #2", "renamed"],
    [true, "VirtualBox Host-Only Ethernet Adapter", "Ethernet 4"],
    [true, "VMware Virtual Ethernet Adapter for VMnet8", "VMnet8"],
    [true, "WSL", "WSL"],
    [true, "Something", "vEthernet (WSL)"],
    [false, "Microsoft Hyper-V Network Adapter", "Ethernet"],
    [false, "vmxnet3 Ethernet Adapter", "Ethernet0"],
    [false, "Realtek PCIe GbE Family Controller", "LAN-Verbindung"],
    [false, "WireGuard Tunnel", "wg0"],
  ];
  const bytes = encodeAdapters(cases.map(([, description, name]) => ({ description, name })));
  const nics = decodeAdapters(bytes, BASE, never).map(publishedInterface);
  assertEquals(nics.map(({ hostOnly }) => hostOnly), cases.map(([hostOnly]) => hostOnly));
});

Deno.test("an external Hyper-V switch counts, since the default route goes through it", () => {
  const names = ["vEthernet (LAN)", "vEthernet (WSL)", "Ethernet"];
  const bytes = encodeAdapters(names.map((name) => ({
    name,
    description: name === "Ethernet" ? "Realtek" : "Hyper-V Virtual Ethernet Adapter",
  })));
  const interfaces = decodeAdapters(bytes, BASE, never).map(publishedInterface);
  const ipv4 = { interface: "vEthernet (LAN)", gateway: "192.0.2.1", source: null, metric: 0 };
  const knows = { links: true, addressFlags: true, routes: true };
  const made = buildState({ interfaces, defaultRoute: { ipv4, ipv6: null }, knows }, null);
  assertEquals(names.map((name) => made.interfaces[name]?.hostOnly), [false, true, false]);
});

Deno.test("decodeAdapters() reads any name", () => {
  const names = ["Lokales Netz ä", "网络", "📡", "a\u0007b", "\ud800x"];
  const adapters = decodeAdapters(encodeAdapters(names.map((name) => ({ name }))), BASE, never);
  assertEquals(adapters.map(({ name }) => name), [...names.slice(0, 4), "\ufffdx"]);
});

Deno.test("decodeAdapters() skips and counts what it cannot decode", () => {
  let malformed = 0;
  const addresses = [
    { address: "192.0.2.1", prefixLength: 33 },
    { address: "192.0.2.2", prefixLength: 32 },
  ];
  const bytes = encodeAdapters([{ name: "" }, { name: "a", addresses }, { name: "b" }]);
  const adapters = decodeAdapters(bytes, BASE, () => malformed++);
  assertEquals(adapters.map(({ addresses, name }) => [name, addresses.length]), [["a", 1], [
    "b",
    0,
  ]]);
  assertEquals(malformed, 2);
});

Deno.test("decodeAdapters() of no adapters is empty", () => {
  assertEquals(decodeAdapters(new Uint8Array(), BASE, never), []);
});

Deno.test("decodeAdapters() refuses a list that goes round in circles", () => {
  const bytes = encodeAdapters([{ name: "a" }, { name: "b" }]);
  const image = new DataView(bytes.buffer);
  image.setBigUint64(Number(image.getBigUint64(8, true) - BASE) + 8, BASE, true);
  assertThrows(() => decodeAdapters(bytes, BASE, () => {}), DecodeError);
});

Deno.test("decodeAdapters() skips the records of 32-bit Windows", () => {
  const bytes = encodeAdapters([{ name: "a" }]);
  new DataView(bytes.buffer).setUint32(0, 376, true); // sizeof(IP_ADAPTER_ADDRESSES_LH) there
  let malformed = 0;
  assertEquals(decodeAdapters(bytes, BASE, () => malformed++), []);
  assertEquals(malformed, 1);
});

Deno.test("decodeRoute() decodes both families, and refuses an impossible prefix length", () => {
  const route = decodeRoute(encodeRoute({
    destination: "2001:db8::",
    prefixLength: 32,
    index: 4,
    gateway: "fe80::1",
    metric: 256,
  }));
  assertEquals([route.destination.length, route.prefixLength, route.index], [16, 32, 4]);
  assertEquals([route.gateway?.[0], route.metric, route.isLoopback], [0xfe, 256, false]);
  const onLink = decodeRoute(
    encodeRoute({ destination: "127.0.0.0", prefixLength: 8, index: 1, loopback: true }),
  );
  assertEquals([onLink.gateway, onLink.isLoopback], [null, true]);
  const long = encodeRoute({ destination: "0.0.0.0", prefixLength: 33, index: 1 });
  assertThrows(() => decodeRoute(long), DecodeError);
});

Deno.test("decodeDefaultRoutes() keeps the short ones and skips what it cannot decode", () => {
  const table = encodeRoutes([
    { destination: "0.0.0.0", prefixLength: 0, index: 1 },
    { destination: "10.0.0.0", prefixLength: 8, index: 2 },
    { destination: "128.0.0.0", prefixLength: 1, index: 3 },
    { destination: "16.0.0.0", prefixLength: 4, index: 4 },
    { destination: "2000::", prefixLength: 4, index: 5 },
    { destination: "0.0.0.0", prefixLength: 0, index: 6 },
  ]);
  table[8 + 5 * 104 + 12] = 99; // the family of the last
  let malformed = 0;
  const routes = decodeDefaultRoutes(table, () => malformed++);
  assertEquals([routes.map(({ index }) => index), malformed], [[1, 3, 5], 1]);
  assertThrows(() => decodeDefaultRoutes(table.subarray(0, 100), never), DecodeError);
});

const ADAPTERS: AdapterImage[] = [
  { name: "lo", index: 1, type: 24 },
  {
    name: "Ethernet",
    index: 5,
    ipv4Metric: 25,
    ipv6Metric: 45,
    addresses: [
      { address: "192.0.2.7", prefixLength: 24 },
      { address: "2001:db8::7", prefixLength: 64 },
      { address: "2001:db8::aa", prefixLength: 64, suffixOrigin: 5 },
    ],
  },
  { name: "Wi-Fi", index: 6, type: 71, ipv4Metric: 50, ipv6Metric: 0xffffffff },
  { name: "VPN", index: 7, type: 53, ipv4Metric: 5 },
  { name: "unplugged", index: 8, status: 2 },
];

const ROUTES = {
  ethernet: { destination: "0.0.0.0", prefixLength: 0, index: 5, gateway: "192.0.2.1", metric: 10 },
  wifi: { destination: "0.0.0.0", prefixLength: 0, index: 6, gateway: "192.0.2.2" },
  unplugged: { destination: "0.0.0.0", prefixLength: 0, index: 8, gateway: "192.0.2.3" },
  vpnLow: { destination: "0.0.0.0", prefixLength: 1, index: 7 },
  vpnHigh: { destination: "128.0.0.0", prefixLength: 1, index: 7 },
  loopback: { destination: "0.0.0.0", prefixLength: 0, index: 1 },
  unlisted: { destination: "0.0.0.0", prefixLength: 0, index: 99 },
  ipv6: { destination: "::", prefixLength: 0, index: 5, gateway: "fe80::1", metric: 16 },
} satisfies Record<string, RouteImage>;

const ethernet = {
  interface: "Ethernet",
  gateway: "192.0.2.1",
  source: "192.0.2.7",
  metric: 35,
};

for (
  const [name, routes, ipv4, ipv6 = null] of [
    ["by both metrics", [ROUTES.wifi, ROUTES.ethernet], ethernet],
    ["not through an adapter without carrier", [ROUTES.unplugged, ROUTES.ethernet], ethernet],
    ["by two halves", [ROUTES.ethernet, ROUTES.vpnLow, ROUTES.vpnHigh], {
      interface: "VPN",
      gateway: null,
      source: null,
      metric: 5,
    }],
    ["by two halves, whatever their metric", [
      ROUTES.ethernet,
      { ...ROUTES.vpnLow, metric: 100 },
      { ...ROUTES.vpnHigh, metric: 100 },
    ], { interface: "VPN", gateway: null, source: null, metric: 105 }],
    ["by the index, if the metrics are equal", [ROUTES.wifi, { ...ROUTES.ethernet, metric: 25 }], {
      ...ethernet,
      metric: 50,
    }],
    ["by the shorter half, if their gateways differ", [
      { ...ROUTES.ethernet, prefixLength: 1, gateway: "192.0.2.9" },
      ROUTES.ethernet,
    ], ethernet],
    ["not by one half alone", [ROUTES.vpnLow], null],
    ["not to this host", [ROUTES.loopback], null],
    ["not through an adapter that is not listed", [ROUTES.unlisted], null],
    ["IPv6 from a temporary address", [ROUTES.ipv6], null, {
      interface: "Ethernet",
      gateway: "fe80::1",
      source: "2001:db8::aa",
      metric: 61,
    }],
  ] as const
) {
  Deno.test(`the routing table says the default route: ${name}`, async () => {
    assertEquals((await read(ADAPTERS, () => 50, routes)).defaultRoute, { ipv4, ipv6 });
  });
}

Deno.test("GetBestRoute2 returns the default route with its source", async () => {
  const source = new Uint8Array(28);
  source.set([2, 0, 0, 0, 192, 0, 2, 99]);
  const asked: number[] = [];
  const { defaultRoute } = await read(ADAPTERS, (destination) => {
    asked.push(destination[0]!);
    return destination[0] === 2 ? { row: encodeRoute(ROUTES.ethernet), source } : 1231;
  }, [ROUTES.ipv6]);
  assertEquals(defaultRoute, { ipv4: { ...ethernet, source: "192.0.2.99" }, ipv6: null });
  assertEquals(asked, [2, 2, 23, 23, 23, 23, 23]);
});

Deno.test("GetBestRoute2 is asked again where a probe has a route of its own", async () => {
  const source = new Uint8Array(28);
  source.set([2, 0, 0, 0, 192, 0, 2, 99]);
  const { defaultRoute } = await read(ADAPTERS, (destination) => {
    if (destination[0] !== 2) return 1231;
    const own = { destination: "23.0.0.0", prefixLength: 8, index: 7 };
    const isOwn = [23, 151].includes(destination[4]!); // the first probe of each half
    return { row: encodeRoute(isOwn ? own : ROUTES.ethernet), source };
  });
  assertEquals(defaultRoute.ipv4?.interface, "Ethernet");
});
