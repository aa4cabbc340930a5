/**
 * What is published for the interfaces, addresses and routes that a BSD kernel lists.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  type AddressFlags,
  decodeInterfaces,
  findDefaultRoutes,
  publishedInterface,
} from "../../ffi/bsd/dump.ts";
import type { InterfaceAddress, Link, Route } from "../../ffi/bsd/messages.ts";
import { type BsdSystem, SYSTEMS } from "../../ffi/bsd/systems.ts";
import { parseIp } from "../../state/ip.ts";
import {
  concat,
  EN0,
  encodeAddress,
  encodeListedNic,
  encodeLiveNic,
} from "../support/bsd_encode.ts";
import { nic } from "../support/states.ts";

const UP = 0x1;
const GATEWAY = 0x2;
const POINT_TO_POINT = 0x10;
const RUNNING = 0x40;

const LINK: Link = {
  index: 5,
  name: new TextEncoder().encode("en0"),
  flags: UP | RUNNING,
  type: 6,
  mtu: 1500,
  address: Uint8Array.of(2, 0, 0, 0, 0, 5),
  linkState: 0,
};

const IPV4: InterfaceAddress = {
  index: 5,
  family: "IPv4",
  address: bytes("192.0.2.7"),
  prefixLength: 24,
  peerOrBroadcast: bytes("192.0.2.255"),
};

const IPV6: InterfaceAddress = {
  index: 5,
  family: "IPv6",
  address: bytes("2001:db8::7"),
  prefixLength: 64,
  peerOrBroadcast: null,
};

function bytes(text: string): Uint8Array {
  return Uint8Array.from(parseIp(text)!);
}

function publish(
  link: Partial<Link>,
  system: BsdSystem = SYSTEMS.freebsd,
  ...addresses: InterfaceAddress[]
) {
  return publishedInterface({ link: { ...LINK, ...link }, addresses }, system, new Map());
}

Deno.test("a FreeBSD interface runs unless its link is down, whatever IFF_RUNNING says", () => {
  const running = [0, 1, 2].map((linkState) => publish({ linkState }).running);
  assertEquals(running, [true, false, true]);
  assertEquals(publish({ flags: UP, linkState: 2 }).running, false);
  assertEquals([UP, RUNNING].map((flags) => publish({ flags }).up), [true, false]);
});

Deno.test("a hardware address of zeros or of another length is null", () => {
  const macs = [[2, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0, 5], []]
    .map((address) => publish({ address: Uint8Array.from(address) }).mac);
  assertEquals(macs, ["02:00:00:00:00:05", null, null, null]);
});

Deno.test("the other end of a point-to-point link is the peer, unless it is missing or the same", () => {
  const peers = (flags: number) =>
    ["192.0.2.9", "0.0.0.0", "192.0.2.7", null].map((other) => {
      const peerOrBroadcast = other === null ? null : bytes(other);
      const { addresses } = publish({ flags }, SYSTEMS.darwin, { ...IPV4, peerOrBroadcast });
      return addresses[0]!.peer;
    });
  assertEquals(peers(UP | POINT_TO_POINT), ["192.0.2.9", null, null, null]);
  assertEquals(peers(UP), [null, null, null, null]);
});

Deno.test("an optimistic address can be used; FreeBSD has other flags in the same places", () => {
  const published = (system: BsdSystem, flags: number) => {
    const all: AddressFlags = new Map([[IPV6, flags]]);
    const [address] = publishedInterface({ link: LINK, addresses: [IPV6] }, system, all).addresses;
    return [address!.tentative, address!.permanent];
  };
  assertEquals(published(SYSTEMS.darwin, 0x2), [true, true]); // tentative
  assertEquals(published(SYSTEMS.darwin, 0x202), [false, true]); // and optimistic
  assertEquals(published(SYSTEMS.darwin, 0x100), [false, false]); // by DHCPv6
  assertEquals(published(SYSTEMS.freebsd, 0x202), [true, true]);
  assertEquals(published(SYSTEMS.freebsd, 0x100), [false, true]);
});

Deno.test("a record without a name is no interface", () => {
  const list = (bytes: Uint8Array) => decodeInterfaces(bytes, SYSTEMS.freebsd, () => {}).length;
  assertEquals(list(encodeListedNic("freebsd", EN0)), 1);
  assertEquals(list(encodeLiveNic("freebsd", EN0)), 0);
});

Deno.test("a record that cannot be decoded is counted, and the others of its list are published", () => {
  for (const os of ["darwin", "freebsd"] as const) {
    const address = { address: "192.0.2.7", prefixLength: 24, other: null, flags: 0 };
    const good = encodeAddress(os, 0xc, EN0, address, false);
    const bad = good.slice();
    bad[20] = 0xff; // the length of the first sockaddr
    let malformed = 0;
    const list = concat([encodeListedNic(os, EN0), bad, good]);
    const [en0] = decodeInterfaces(list, SYSTEMS[os], () => malformed++);
    assertEquals([en0?.addresses.length, malformed], [1, 1]);
  }
});

const INTERFACES = [
  nic("lo0", { index: 1, kind: "loopback", addresses: ["127.0.0.1/8"] }),
  nic("en0", { index: 5, addresses: ["192.0.2.7/24", "2001:db8::7/64"] }),
  nic("utun3", { index: 7, addresses: ["10.8.0.2/24", "2001:db8:8::2/64"] }),
];

/** A route such as `0.0.0.0/0 5 192.0.2.1`: destination, interface, gateway. */
function route(text: string, flags = UP | GATEWAY): Route {
  const [to = "", index, gateway] = text.split(" ");
  const [destination = "", length] = to.split("/");
  const family = destination.includes(":") ? "IPv6" : "IPv4";
  return {
    family,
    destination: bytes(destination),
    prefixLength: Number(length),
    gateway: gateway === undefined ? null : bytes(gateway),
    index: Number(index),
    flags,
    source: null,
  };
}

const DEFAULTS: [what: string, routes: Route[], ipv4: string | null, ipv6: string | null][] = [
  ["one that is not up", [route("0.0.0.0/0 5 192.0.2.1", GATEWAY)], null, null],
  ["one that rejects", [route("0.0.0.0/0 5 192.0.2.1", UP | 0x8)], null, null],
  [
    "both halves rejected",
    [
      route("0.0.0.0/0 5 192.0.2.1"),
      route("0.0.0.0/1 1 127.0.0.1", UP | GATEWAY | 0x8),
      route("128.0.0.0/1 1 127.0.0.1", UP | GATEWAY | 0x8),
    ],
    null,
    null,
  ],
  [
    "a blackhole for all global addresses",
    [route("::/0 5 fe80::1"), route("2000::/3 1 ::1", UP | GATEWAY | 0x1000)],
    null,
    null,
  ],
  [
    "one half rejected",
    [route("0.0.0.0/0 5 192.0.2.1"), route("128.0.0.0/1 1 127.0.0.1", UP | GATEWAY | 0x8)],
    "en0 192.0.2.1",
    null,
  ],
  [
    "two halves of IPv6 through a VPN",
    [route("::/0 5 fe80::1"), route("2000::/4 7 fe80::9"), route("3000::/4 7 fe80::9")],
    null,
    "utun3 fe80::9",
  ],
  [
    "two halves through a VPN that are listed first",
    [
      route("0.0.0.0/1 7 10.8.0.1"),
      route("128.0.0.0/1 7 10.8.0.1"),
      route("0.0.0.0/0 5 192.0.2.1"),
    ],
    "utun3 10.8.0.1",
    null,
  ],
  [
    "a lower half through a VPN",
    [route("0.0.0.0/0 5 192.0.2.1"), route("0.0.0.0/1 7 10.8.0.1")],
    "en0 192.0.2.1",
    null,
  ],
  [
    "two next hops, in any order",
    [route("0.0.0.0/0 7 10.8.0.1"), route("0.0.0.0/0 5 192.0.2.2"), route("0.0.0.0/0 5 192.0.2.1")],
    "en0 192.0.2.1",
    null,
  ],
];

for (const [what, routes, ipv4, ipv6] of DEFAULTS) {
  Deno.test(`the default route of a BSD kernel with ${what}: ${ipv4 ?? ipv6 ?? "none"}`, () => {
    const found = findDefaultRoutes(routes, INTERFACES, SYSTEMS.darwin.ignoredRoute);
    const [first, second] = [found.ipv4, found.ipv6].map((it) =>
      it && `${it.interface} ${it.gateway}`
    );
    assertEquals([first, second], [ipv4, ipv6]);
  });
}
