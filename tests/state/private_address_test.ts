import { assertEquals, assertThrows } from "@std/assert";
import { isPrivateAddress } from "../../state/ip.ts";

/** The first and the last address of blocks that are not globally reachable, and their neighbours. */
const EDGES: [block: string, before: string | null, first: string, last: string, after: string][] =
  [
    ["0.0.0.0/8", null, "0.0.0.0", "0.255.255.255", "1.0.0.0"],
    ["10.0.0.0/8", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"],
    ["100.64.0.0/10", "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"],
    ["127.0.0.0/8", "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"],
    ["169.254.0.0/16", "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"],
    ["172.16.0.0/12", "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"],
    ["192.0.0.0/24", "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"],
    ["192.0.2.0/24", "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"],
    ["192.88.99.2/32", "192.88.99.1", "192.88.99.2", "192.88.99.2", "192.88.99.3"],
    ["192.168.0.0/16", "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"],
    ["198.18.0.0/15", "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"],
    ["198.51.100.0/24", "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"],
    ["203.0.113.0/24", "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"],
    ["::/127", null, "::", "::1", "::2"],
    ["64:ff9b:1::/48", "64:ff9b::ffff:ffff", "64:ff9b:1::", "64:ff9b:1:ffff::", "64:ff9b:2::"],
    ["100::/63", "ff:ffff::", "100::", "100:0:0:1:ffff::", "100:0:0:2::"],
    ["2001:db8::/32", "2001:db7:ffff::", "2001:db8::", "2001:db8:ffff::", "2001:db9::"],
    ["3fff::/20", "3ffe:ffff::", "3fff::", "3fff:fff:ffff::", "3fff:1000::"],
    ["5f00::/16", "5eff:ffff::", "5f00::", "5f00:ffff::", "5f01::"],
    ["fc00::/7", "fbff::", "fc00::", "fdff:ffff::", "fe00::"],
    ["fe80::/10", "fe7f:ffff::", "fe80::", "febf:ffff::", "fec0::"],
  ];

Deno.test("isPrivateAddress() is true inside a block and false beside it", async (t) => {
  for (const [block, before, first, last, after] of EDGES) {
    await t.step(block, () => {
      assertEquals([first, last].map(isPrivateAddress), [true, true]);
      if (before !== null) assertEquals(isPrivateAddress(before), false);
      assertEquals(isPrivateAddress(after), false);
    });
  }
});

/** Reachable blocks inside others that are not. */
const HOLES: [block: string, before: string, first: string, last: string, after: string][] = [
  ["192.0.0.9/32 and 192.0.0.10/32", "192.0.0.8", "192.0.0.9", "192.0.0.10", "192.0.0.11"],
  ["2001:1::1/128 to 2001:1::3/128", "2001:1::", "2001:1::1", "2001:1::3", "2001:1::4"],
  ["2001:3::/32", "2001:2:ffff::", "2001:3::", "2001:3:ffff::", "2001:4::"],
  ["2001:4:112::/48", "2001:4:111::", "2001:4:112::", "2001:4:112:ffff::", "2001:4:113::"],
  ["2001:20::/28 and 2001:30::/28", "2001:1f:ffff::", "2001:20::", "2001:3f:ffff::", "2001:40::"],
];

Deno.test("isPrivateAddress() is false inside a reachable block and true beside it", async (t) => {
  for (const [block, before, first, last, after] of HOLES) {
    await t.step(block, () => {
      assertEquals([before, after].map(isPrivateAddress), [true, true]);
      assertEquals([first, last].map(isPrivateAddress), [false, false]);
    });
  }
});

const ROWS: [name: string, address: string, isPrivate: boolean][] = [
  ["public IPv4", "8.8.8.8", false],
  ["public IPv6", "2606:4700::1111", false],
  ["reserved", "240.0.0.0", true],
  ["limited broadcast", "255.255.255.255", true],
  ["multicast is not in the registries", "224.0.0.251", false],
  ["multicast, IPv6", "ff02::1", false],
  ["NAT64", "64:ff9b::a00:1", false],
  ["IETF protocol assignments", "2001:100::1", true],
  ["beyond them", "2001:200::1", false],
  ["Teredo: N/A inside an unreachable block", "2001::1", true],
  ["benchmarking", "2001:2::1", true],
  ["TURN anycast", "2001:1::2", false],
  ["AS112", "192.31.196.1", false],
  ["6to4 is N/A", "2002:a00:1::1", false],
  ["IPv4 in IPv6", "::ffff:10.0.0.1", true],
  ["IPv4 in IPv6, hexadecimal", "::ffff:808:808", false],
  ["with a zone", "fe80::1%eth0", true],
  ["with a zone that contains a line break", "fe80::1%a\nb", true],
  ["with a zone that contains %", "2001:db9::1%a%b", false],
];

Deno.test("isPrivateAddress() of", async (t) => {
  for (const [name, address, expected] of ROWS) {
    await t.step(name, () => assertEquals(isPrivateAddress(address), expected));
  }
});

Deno.test("isPrivateAddress() throws TypeError for text that is not an address", async (t) => {
  const texts = [
    "",
    "localhost",
    "10.0.0.1/8",
    "[::1]",
    "10.1",
    "fe80::1%",
    "10.0.0.1%eth0",
    "\x1b",
  ];
  for (const text of [...texts, null, undefined, 10, {}, Symbol.iterator]) {
    await t.step(String(text), () => {
      const error = assertThrows(() => isPrivateAddress(text as string), TypeError, "give an IP");
      assertEquals(error.message.includes("\x1b"), false);
    });
  }
});
