/**
 * The rules of default routes that all systems share.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  compareHops,
  likelySource,
  type NextHops,
  selectDefaultRoute,
} from "../../ffi/default_route.ts";
import { parseIp } from "../../state/ip.ts";
import type { Address } from "../../state/types.ts";
import { address, nic } from "../support/states.ts";

/** The next hops of a half: `2` is the link eth0 without a gateway. */
function half(
  prefixLength: number,
  hops: (number | [number, string])[],
  nexthopId?: number,
): NextHops {
  const list = hops.map((hop) => {
    const [index, gateway] = typeof hop === "number" ? [hop, null] : hop;
    return { index, gateway: gateway === null ? null : parseIp(gateway) };
  });
  return { prefixLength, hops: list.sort(compareHops), ...(nexthopId ? { nexthopId } : {}) };
}

const NONE = half(0, []);
const ROWS: [name: string, low: NextHops | null, high: NextHops | null, "low" | "high" | null][] = [
  ["none", null, null, null],
  ["halves that drop packets", NONE, NONE, null],
  ["one half, of a true default", null, half(0, [2]), "high"],
  ["one half, of a shorter prefix", half(1, [2]), NONE, null],
  ["the same hops: the low half, whatever the prefix lengths", half(1, [4]), half(0, [4]), "low"],
  ["different interfaces: the shorter prefix", half(1, [4]), half(0, [2]), "high"],
  ["different interfaces, equal prefixes: the low half", half(1, [4]), half(1, [2]), "low"],
  ["different gateways", half(1, [[2, "10.0.0.1"]]), half(0, [[2, "10.0.0.2"]]), "high"],
  ["a gateway on one half only", half(1, [[2, "10.0.0.1"]]), half(0, [2]), "high"],
  ["the same first hop, and another one", half(1, [2]), half(0, [2, 3]), "high"],
  ["the same second hop", half(1, [2, 4]), half(0, [3, 4]), "high"],
  ["two hops of one nexthop object", half(1, [2], 7), half(0, [3], 7), "low"],
  ["two nexthop objects", half(1, [2], 7), half(0, [3], 8), "high"],
];

Deno.test("selectDefaultRoute() of", async (t) => {
  for (const [name, low, high, expected] of ROWS) {
    await t.step(name, () => {
      const chosen = selectDefaultRoute(low, high);
      assertEquals(chosen, expected && (expected === "low" ? low : high));
    });
  }
});

const SOURCES: [
  name: string,
  addresses: (string | Address)[],
  ipv4: string | null,
  ipv6: string | null,
][] = [
  ["no address", [], null, null],
  ["one of each family", ["192.0.2.7/24", "2001:db8::7/64"], "192.0.2.7", "2001:db8::7"],
  ["link-local addresses", ["169.254.0.7/16", "fe80::7/64"], null, null],
  ["the lowest", ["2001:db8::9/64", "2001:db8::7/64", "2001:db8::8/64"], null, "2001:db8::7"],
  [
    "a temporary one",
    [
      "2001:db8::7/64",
      address("2001:db8::9/64", { temporary: true }),
      "2001:db8::8/64",
    ],
    null,
    "2001:db8::9",
  ],
  ...(["deprecated", "duplicated", "tentative"] as const).map((flag): (typeof SOURCES)[number] => [
    `none that is ${flag}`,
    [address("2001:db8::7/64", { [flag]: true }), "2001:db8::8/64"],
    null,
    "2001:db8::8",
  ]),
];

Deno.test("likelySource() of", async (t) => {
  for (const [name, addresses, ipv4, ipv6] of SOURCES) {
    await t.step(name, () => {
      const eth0 = nic("eth0", { addresses });
      assertEquals([likelySource(eth0, "IPv4"), likelySource(eth0, "IPv6")], [ipv4, ipv6]);
    });
  }
});
