import { assertEquals, assertThrows } from "@std/assert";
import { decodeAddress, decodeLink, decodeRoute } from "../../ffi/linux/messages.ts";
import { DecodeError } from "../../state/errors.ts";
import {
  IPROUTE2_ADDRESSES,
  IPROUTE2_LINKS,
  IPROUTE2_ROUTES,
  LINUX_FIXTURES,
} from "../fixtures/linux.ts";
import { LINK_AND_ADDRESS_IMAGES } from "../fixtures/linux_images.ts";
import { ROUTE_IMAGES } from "../fixtures/linux_route_images.ts";
import { decodeBody, decodeDatagram, type ExpectedMessage, hex } from "../support/netlink.ts";

Deno.test("the decoders understand every capture as other decoders do", () => {
  for (const { name, hex: bytes, messages } of LINUX_FIXTURES) {
    assertEquals(decodeDatagram(hex(bytes)), [...messages], name);
  }
});

const IMAGES = [...LINK_AND_ADDRESS_IMAGES, ...ROUTE_IMAGES];

Deno.test("the decoders understand links, addresses and routes that no capture shows", () => {
  for (const { name, type, hex: bytes, ...content } of IMAGES) {
    const message = { type, flags: 0, sequence: 0, pid: 0, body: hex(bytes) };
    assertEquals(decodeBody(message), content, name);
  }
});

function dump(name: string): ExpectedMessage[] {
  const fixture = LINUX_FIXTURES.find((candidate) => candidate.name === name);
  if (fixture === undefined) throw new Error(`No capture '${name}'`);
  return decodeDatagram(hex(fixture.hex));
}

Deno.test("decodeLink() agrees with iproute2 on a dump", () => {
  const links = dump("dump-link").flatMap(({ link }) => link ?? []);
  assertEquals(
    links.map(({ index, name, mtu, mac, flags }) => ({
      index,
      name,
      mtu,
      address: mac ?? "00:00:00:00:00:00",
      up: (flags & 1) !== 0,
    })),
    [...IPROUTE2_LINKS],
  );
});

Deno.test("decodeAddress() agrees with iproute2 on a dump", () => {
  const byText = (a: { local: string }, b: { local: string }) => a.local < b.local ? -1 : 1;
  const addresses = dump("dump-addr").flatMap(({ address }) => address ?? []);
  assertEquals(
    addresses
      .map(({ index, local, prefixLength, peer }) => ({ index, local, prefixLength, peer }))
      .toSorted(byText),
    IPROUTE2_ADDRESSES.toSorted(byText),
  );
});

Deno.test("decodeRoute() agrees with iproute2 on the dumps", () => {
  for (const [name, expected] of Object.entries(IPROUTE2_ROUTES)) {
    const routes = dump(name).flatMap(({ route }) => route ?? []);
    const defaults = routes.filter((route) => route.destinationLength === 0);
    assertEquals(
      { count: routes.length, defaultGateways: defaults.map((route) => route.gateway) },
      { ...expected, defaultGateways: [...expected.defaultGateways] },
      name,
    );
  }
});

const IFINFO = "0000 0100 07000000 43100100 00000000";
const IFADDR4 = "02 18 80 00 03000000";
const IFADDR6 = "0a 40 80 00 03000000";
const RT4 = "02 00 00 00 fe 03 00 01 00000000";
const RT6 = "0a 00 00 00 fe 03 00 01 00000000";

const LIES: readonly [
  name: string,
  decode: (body: Uint8Array) => unknown,
  body: string,
  what: string,
  offset: number,
][] = [
  ["no link header", decodeLink, "", "ifinfomsg", 0],
  ["a link header that is cut", decodeLink, IFINFO.slice(0, -2), "ifinfomsg", 0],
  ["an attribute without length", decodeLink, `${IFINFO} 0000 0300`, "rtattr", 16],
  ["an attribute beyond the end", decodeLink, `${IFINFO} 0900 0300 65746830`, "rtattr", 16],
  ["an attribute header that is cut", decodeLink, `${IFINFO} 0400`, "rtattr", 16],
  ["an MTU of 2 bytes", decodeLink, `${IFINFO} 0600 0400 dc05 0000`, "IFLA_MTU", 16],
  ["an empty operstate", decodeLink, `${IFINFO} 0400 1000`, "IFLA_OPERSTATE", 16],
  ["a master of 3 bytes", decodeLink, `${IFINFO} 0700 0a00 010000 00`, "IFLA_MASTER", 16],
  ["a parent of 3 bytes", decodeLink, `${IFINFO} 0700 0500 010000 00`, "IFLA_LINK", 16],
  ["link info that is cut", decodeLink, `${IFINFO} 0600 1200 0400 0000`, "rtattr", 20],
  [
    "a kind beyond its link info, inside the message",
    decodeLink,
    `
    ${IFINFO} 0c00 1200 0900 0100 76657468 0800 0400 dc050000
  `,
    "rtattr",
    20,
  ],
  ["a kind without length", decodeLink, `${IFINFO} 0800 1200 0000 0100`, "rtattr", 20],

  ["no address header", decodeAddress, "", "ifaddrmsg", 0],
  ["an address header that is cut", decodeAddress, IFADDR4.slice(0, -2), "ifaddrmsg", 0],
  ["no address", decodeAddress, IFADDR4, "IFA_LOCAL", 0],
  ["an IPv4 address of 3 bytes", decodeAddress, `${IFADDR4} 0700 0200 c00002 00`, "IFA_LOCAL", 8],
  [
    "an IPv4 address of 16 bytes",
    decodeAddress,
    `${IFADDR4} 1400 0100 ${"00".repeat(16)}`,
    "IFA_ADDRESS",
    8,
  ],
  ["an IPv6 address of 4 bytes", decodeAddress, `${IFADDR6} 0800 0100 c0000201`, "IFA_ADDRESS", 8],
  [
    "an IPv6 address of 4 bytes, local",
    decodeAddress,
    `${IFADDR6} 0800 0200 c0000201`,
    "IFA_LOCAL",
    8,
  ],
  [
    "IPv4 with a prefix length of 33",
    decodeAddress,
    "02 21 80 00 03000000 0800 0200 c0000201",
    "ifa_prefixlen",
    1,
  ],
  ["IPv6 with a prefix length of 129", decodeAddress, "0a 81 80 00 03000000", "ifa_prefixlen", 1],
  [
    "flags of 2 bytes",
    decodeAddress,
    `${IFADDR4} 0800 0200 c0000201 0600 0800 8000 0000`,
    "IFA_FLAGS",
    16,
  ],

  ["a route header that is cut", decodeRoute, RT4.slice(0, -2), "rtmsg", 0],
  ["an interface of 2 bytes", decodeRoute, `${RT4} 0600 0400 0300 0000`, "RTA_OIF", 12],
  ["a metric of 2 bytes", decodeRoute, `${RT4} 0600 0600 0300 0000`, "RTA_PRIORITY", 12],
  ["a nexthop object of 2 bytes", decodeRoute, `${RT4} 0600 1e00 0300 0000`, "RTA_NH_ID", 12],
  [
    "an IPv4 gateway of 5 bytes",
    decodeRoute,
    `${RT4} 0900 0500 c000020100 000000`,
    "RTA_GATEWAY",
    12,
  ],
  ["an IPv6 gateway of 4 bytes", decodeRoute, `${RT6} 0800 0500 c0000201`, "RTA_GATEWAY", 12],
  ["an empty source", decodeRoute, `${RT4} 0400 0700`, "RTA_PREFSRC", 12],
  ["RTA_VIA without a family", decodeRoute, `${RT4} 0500 1200 11 000000`, "RTA_VIA", 12],
  ["RTA_VIA, IPv6 of 4 bytes", decodeRoute, `${RT4} 0a00 1200 0a00 c0000201 0000`, "RTA_VIA", 12],
  ["RTA_VIA, IPv4 of 3 bytes", decodeRoute, `${RT6} 0900 1200 0200 c00002 000000`, "RTA_VIA", 12],
  [
    "cache info that is cut",
    decodeRoute,
    `${RT6} 0f00 0c00 00000000 00000000 000000 00`,
    "rta_cacheinfo",
    12,
  ],
  ["a way without length", decodeRoute, `${RT4} 0c00 0900 0000 00 00 03000000`, "rtnexthop", 16],
  ["a way that is cut", decodeRoute, `${RT4} 0800 0900 0800 00 00`, "rtnexthop", 16],
  [
    "a way beyond the ways",
    decodeRoute,
    `${RT4} 0c00 0900 1000 00 00 03000000 0800 0500 c0000201`,
    "rtnexthop",
    16,
  ],
  [
    "a gateway beyond its way",
    decodeRoute,
    `
    ${RT4} 1c00 0900 0c00 00 00 03000000 0800 0500 0c00 00 00 04000000 c0000201
  `,
    "rtattr",
    24,
  ],
  [
    "a gateway of a way of 5 bytes",
    decodeRoute,
    `
    ${RT4} 1800 0900 1400 00 00 03000000 0900 0500 c000020100 000000
  `,
    "RTA_GATEWAY",
    24,
  ],
];

Deno.test("the decoders throw DecodeError, which says what and where, at a bad length", () => {
  for (const [name, decode, body, what, offset] of LIES) {
    const error = assertThrows(() => decode(hex(body)), DecodeError, undefined, name);
    assertEquals({ what: error.what, offset: error.offset }, { what, offset }, name);
  }
});
