/**
 * The questions about default routes that a read of Windows asks, and the addresses in their answers.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { readDump } from "../../ffi/windows/dump.ts";
import {
  decodeSocketAddress,
  encodeSocketAddress,
  MemoryImage,
} from "../../ffi/windows/records.ts";
import { buildState } from "../../state/build.ts";
import { DecodeError } from "../../state/errors.ts";
import {
  type AdapterImage,
  BASE,
  encodeAdapters,
  encodeRoute,
  encodeRoutes,
  type RouteImage,
} from "../support/windows_images.ts";

const ERROR_NOT_SUPPORTED = 50;
const ERROR_NETWORK_UNREACHABLE = 1231;

/** Reads a machine whose adapters are these, list by list; its IPv4 default route leads through number 7. */
async function readLists(
  lists: AdapterImage[][],
): Promise<{ exit: string | null; listed: number }> {
  let listed = 0;
  const row = encodeRoute({ destination: "0.0.0.0", prefixLength: 0, index: 7 });
  const source = encodeSocketAddress([192, 0, 2, 7]);
  const { defaultRoute: { ipv4 } } = await readDump({
    adapters: () => Promise.resolve({ bytes: encodeAdapters(lists[listed++]!), address: BASE }),
    bestRoute: ([family]) => family === 2 ? { row, source } : ERROR_NETWORK_UNREACHABLE,
    routeTable: () => encodeRoutes([]),
  }, () => {});
  return { exit: ipv4?.interface ?? null, listed };
}

Deno.test("the routing table is read once, however many destinations are asked about", async () => {
  let tables = 0;
  await readDump({
    adapters: () =>
      Promise.resolve({ bytes: encodeAdapters([{ name: "a", index: 5 }]), address: BASE }),
    bestRoute: () => ERROR_NOT_SUPPORTED,
    routeTable: () => {
      tables++;
      return encodeRoutes([{ destination: "0.0.0.0", prefixLength: 0, index: 5 }]);
    },
  }, () => {});
  assertEquals(tables, 1);
});

Deno.test("a VPN that takes the default route after the adapters were listed does not look like its loss", async () => {
  const wifi = { name: "Wi-Fi", index: 5, type: 71 };
  const vpn = { name: "VPN", index: 7, type: 23 };
  const isDown = 2; // IfOperStatusDown
  assertEquals(await readLists([[wifi], [wifi, vpn]]), { exit: "VPN", listed: 2 });
  assertEquals(await readLists([[wifi, { ...vpn, status: isDown }], [wifi, vpn]]), {
    exit: "VPN",
    listed: 2,
  });
  assertEquals(await readLists([[wifi, vpn]]), { exit: "VPN", listed: 1 });
  assertEquals(await readLists([[wifi], [wifi]]), { exit: null, listed: 2 });
});

Deno.test("decodeSocketAddress() refuses an address that its length cuts", () => {
  const bytes = (family: number) => Uint8Array.of(family, 0, ...Array(26).fill(1));
  const decode = (family: number, length: number) =>
    decodeSocketAddress(new MemoryImage(bytes(family), 0n), 0, length).length;
  assertEquals([decode(2, 16), decode(23, 28)], [4, 16]);
  for (const [family, length] of [[2, 15], [23, 27], [23, 16], [2, 1], [1, 28]] as const) {
    assertThrows(() => decode(family, length), DecodeError);
  }
});

Deno.test("an external Hyper-V switch counts, too, while a VPN has the default route", async () => {
  const type = 6;
  const adapters = [
    { name: "vEthernet (LAN)", index: 5, type, gateway: true },
    { name: "vEthernet (Default Switch)", index: 6, type },
    { name: "Wi-Fi", index: 8, type: 71, status: 2 },
    { name: "VPN", index: 7, type: 23 },
  ];
  const reading = await readDump({
    adapters: () => Promise.resolve({ bytes: encodeAdapters(adapters), address: BASE }),
    bestRoute: () => ERROR_NOT_SUPPORTED,
    routeTable: () => encodeRoutes([{ destination: "0.0.0.0", prefixLength: 0, index: 7 }]),
  }, () => {});
  const { defaultRouteInterface, interfaces } = buildState(reading, null);
  assertEquals(defaultRouteInterface, "VPN");
  assertEquals(adapters.map(({ name }) => interfaces[name]!.hostOnly), [false, true, false, false]);
});

/** The default routes where GetBestRoute2 always answers with this route, and how many answers were malformed. */
async function bestRoute(route: RouteImage, adapter: AdapterImage) {
  let malformed = 0;
  const source = new Uint8Array(28);
  source.set([2, 0, 0, 0, 192, 0, 2, 7]);
  const { defaultRoute } = await readDump({
    adapters: () => Promise.resolve({ bytes: encodeAdapters([adapter]), address: BASE }),
    bestRoute: () => ({ row: encodeRoute(route), source }),
    routeTable: () => encodeRoutes([]),
  }, () => malformed++);
  return { defaultRoute, malformed };
}

Deno.test("an answer of GetBestRoute2 that cannot be decoded is counted, and no default route", async () => {
  const route = { destination: "0.0.0.0", prefixLength: 33, index: 5 };
  const { defaultRoute, malformed } = await bestRoute(route, { name: "a", index: 5 });
  assertEquals(defaultRoute, { ipv4: null, ipv6: null });
  assert(malformed > 0);
});

Deno.test("a route of GetBestRoute2 that leads to this host is no default route", async () => {
  const route = { destination: "0.0.0.0", prefixLength: 0, index: 5, loopback: true };
  assertEquals((await bestRoute(route, { name: "a", index: 5 })).defaultRoute.ipv4, null);
});

Deno.test("a default route is of the adapter that has its index in this family", async () => {
  const adapter = { name: "a", ipv4Index: 5, ipv6Index: 9 };
  const read = async (destination: string, index: number) => {
    const { defaultRoute } = await bestRoute({ destination, prefixLength: 0, index }, adapter);
    return (defaultRoute.ipv4 ?? defaultRoute.ipv6)?.interface;
  };
  assertEquals(await read("0.0.0.0", 5), "a");
  assertEquals(await read("0.0.0.0", 9), undefined);
  assertEquals(await read("::", 9), "a");
  assertEquals(await read("::", 5), undefined);
});
