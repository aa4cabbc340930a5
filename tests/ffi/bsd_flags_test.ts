/**
 * What the flags of IPv6 addresses and the clocks mean on macOS and FreeBSD.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { publishedInterface } from "../../ffi/bsd/dump.ts";
import type { InterfaceAddress, Link } from "../../ffi/bsd/messages.ts";
import { SYSTEMS } from "../../ffi/bsd/systems.ts";
import { parseIp } from "../../state/ip.ts";

const LINK: Link = {
  index: 5,
  name: new TextEncoder().encode("em0"),
  flags: 0x41,
  type: 6,
  mtu: 1_500,
  address: new Uint8Array(),
  linkState: 0,
};

function listed(text: string): InterfaceAddress {
  const address = Uint8Array.from(parseIp(text)!);
  const [family, prefixLength] = text.includes(":") ? ["IPv6", 64] as const : ["IPv4", 24] as const;
  return { index: 5, family, address, prefixLength, peerOrBroadcast: null };
}

/** The flags that are published of an address with these IN6_IFF_*; null if it is not listed. */
function published(os: keyof typeof SYSTEMS, bits: number | null, text: string): string[] | null {
  const address = listed(text);
  const flags = bits === null ? null : new Map(text.includes(":") ? [[address, bits]] : []);
  const [made] = publishedInterface({ link: LINK, addresses: [address] }, SYSTEMS[os], flags)
    .addresses;
  const names = ["tentative", "duplicated", "deprecated", "temporary", "permanent"] as const;
  return made === undefined ? null : names.filter((name) => made[name]);
}

// netinet6/in6_var.h of both
const ROWS: [what: string, bits: number | null, darwin: string[] | null, freebsd?: string[]][] = [
  ["none", 0, ["permanent"]],
  ["IN6_IFF_ANYCAST", 0x1, null],
  ["IN6_IFF_TENTATIVE", 0x2, ["tentative", "permanent"]],
  ["IN6_IFF_DUPLICATED", 0x4, ["duplicated", "permanent"]],
  ["IN6_IFF_DETACHED", 0x8, ["tentative", "permanent"]],
  ["IN6_IFF_DEPRECATED", 0x10, ["deprecated", "permanent"]],
  ["IN6_IFF_NODAD", 0x20, ["permanent"]],
  ["IN6_IFF_AUTOCONF", 0x40, []],
  ["IN6_IFF_TEMPORARY", 0x80, ["temporary", "permanent"]],
  ["IN6_IFF_DYNAMIC, on FreeBSD IN6_IFF_PREFER_SOURCE", 0x100, [], ["permanent"]],
  ["IN6_IFF_OPTIMISTIC, on FreeBSD IN6_IFF_NO_PREFER_IFACE", 0x202, ["permanent"], [
    "tentative",
    "permanent",
  ]],
  ["unknown", null, []],
];

for (const [what, bits, darwin, freebsd = darwin] of ROWS) {
  Deno.test(`an IPv6 address with the BSD flags ${what}`, () => {
    assertEquals(published("darwin", bits, "2001:db8::1"), darwin);
    assertEquals(published("freebsd", bits, "2001:db8::1"), freebsd);
  });
}

Deno.test("an IPv4 address of a BSD is permanent, unless flags cannot be read at all", () => {
  for (const os of ["darwin", "freebsd"] as const) {
    assertEquals(published(os, 0, "192.0.2.1"), ["permanent"]);
    assertEquals(published(os, null, "192.0.2.1"), []);
  }
});

Deno.test("of the two clocks of a BSD, one counts sleep", () => {
  const clocks = (["darwin", "freebsd"] as const)
    .map((os) => [SYSTEMS[os].awakeClock, SYSTEMS[os].bootClock]);
  assertEquals(clocks, [
    [8, 4], // CLOCK_UPTIME_RAW, CLOCK_MONOTONIC_RAW: time.h of xnu
    [5, 4], // CLOCK_UPTIME, CLOCK_MONOTONIC: sys/_clock_id.h of FreeBSD
  ]);
});
