import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  allZero,
  compareBytes,
  formatIp,
  type IpBytes,
  isLinkLocal,
  parseIp,
  scopeOf,
  unmapIpv4,
} from "../../state/ip.ts";
import { forSeeds } from "../support/random.ts";

/** What RFC 5952 prescribes, by section. */
const FORMS: [name: string, text: string, canonical: string][] = [
  ["IPv4", "192.0.2.1", "192.0.2.1"],
  ["IPv4, lowest", "0.0.0.0", "0.0.0.0"],
  ["IPv4, highest", "255.255.255.255", "255.255.255.255"],
  ["leading zeros go (4.1)", "2001:0db8:0000:0000:0000:0000:0001:0002", "2001:db8::1:2"],
  ["as short as can be (4.2.1)", "2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
  ["one zero group stays (4.2.2)", "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["one zero group at the end stays", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["one zero group at the start stays", "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ["the longest run (4.2.3)", "2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["the first of two (4.2.3)", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["lower case (4.3)", "2001:DB8::ABCD", "2001:db8::abcd"],
  ["mapped IPv4 (5)", "::ffff:c000:201", "::ffff:192.0.2.1"],
  ["embedded IPv4 elsewhere is not mapped", "64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["compatible IPv4 is not mapped", "::192.0.2.1", "::c000:201"],
  ["all zero", "0:0:0:0:0:0:0:0", "::"],
  ["loopback", "::1", "::1"],
  ["run at the end", "fe80:0:0:0:0:0:0:0", "fe80::"],
  ["mapped zero", "::ffff:0.0.0.0", "::ffff:0.0.0.0"],
];

Deno.test("formatIp() of parseIp() returns the form of RFC 5952", async (t) => {
  for (const [name, text, canonical] of FORMS) {
    await t.step(name, () => {
      const bytes = parseIp(text);
      assert(bytes !== null, text);
      assertEquals(formatIp(bytes), canonical);
    });
  }
});

Deno.test("parseIp() gives the bytes", () => {
  assertEquals(parseIp("192.0.2.1"), [192, 0, 2, 1]);
  assertEquals(
    parseIp("2001:db8::ff"),
    [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff],
  );
});

const REFUSED: [name: string, text: string][] = [
  ["nothing", ""],
  ["a name", "localhost"],
  ["leading zero in an octet (octal to some)", "192.0.2.01"],
  ["octet above 255", "192.0.2.256"],
  ["octet with a sign", "192.0.2.+1"],
  ["octet in hexadecimal", "0x7f.0.0.1"],
  ["three octets", "192.0.2"],
  ["five octets", "192.0.2.1.1"],
  ["empty octet", "192.0..1"],
  ["white space", " 192.0.2.1"],
  ["line break at the end", "192.0.2.1\n"],
  ["prefix length", "192.0.2.1/24"],
  ["zone", "fe80::1%eth0"],
  ["brackets", "[::1]"],
  ["seven groups", "1:2:3:4:5:6:7"],
  ["nine groups", "1:2:3:4:5:6:7:8:9"],
  ["compression of nothing", "1:2:3:4::5:6:7:8"],
  ["two compressions", "1::2::3"],
  ["three colons", ":::"],
  ["one colon at the start", ":1:2:3:4:5:6:7"],
  ["one colon at the end", "1:2:3:4:5:6:7:"],
  ["five digits", "12345::"],
  ["no digit", "g::"],
  ["embedded IPv4 not at the end", "192.0.2.1::"],
  ["embedded IPv4 in the middle", "::192.0.2.1:1"],
  ["embedded IPv4 with a leading zero", "::ffff:192.0.2.01"],
  ["embedded IPv4 without room", "1:2:3:4:5:6:7:192.0.2.1"],
];

Deno.test("parseIp() returns null for text that is not an address", async (t) => {
  for (const [name, text] of REFUSED) {
    await t.step(name, () => assertEquals(parseIp(text), null));
  }
});

Deno.test("formatIp() throws RangeError for other lengths", () => {
  assertThrows(() => formatIp(new Uint8Array(5)), RangeError, "4 or 16 bytes, not 5");
});

Deno.test("parseIp() of formatIp() gives any bytes back", () => {
  forSeeds({ runs: 5_000, seed: 1 }, (random) => {
    const bytes = random.bytes(random.pick([4, 16]));
    for (let i = 0; i < bytes.length; i += 2) if (random.chance(0.5)) bytes.fill(0, i, i + 2);
    assertEquals(parseIp(formatIp(bytes)), [...bytes]);
  });
});

Deno.test("compareBytes() orders IPv4 before IPv6, then by value of the bytes", () => {
  const ordered = [
    "9.0.0.0",
    "10.0.0.1",
    "10.0.0.2",
    "200.0.0.0",
    "::",
    "::1",
    "2001:db8::",
    "fe80::",
  ];
  const bytes = ordered.map((text) => parseIp(text)!);
  assertEquals(bytes.toReversed().sort(compareBytes).map(formatIp), ordered);
  assertEquals(compareBytes(Uint8Array.of(1, 2, 3, 4), Uint8Array.of(1, 2, 3, 4)), 0);
});

/** The first and last address of each range, and its neighbours outside. */
const inScope = (scope: string) => (bytes: IpBytes): boolean => scopeOf(formatIp(bytes)) === scope;

const RANGES: [
  name: string,
  predicate: (bytes: IpBytes) => boolean,
  inside: string[],
  outside: string[],
][] = [
  ["scopeOf() of loopback", inScope("loopback"), ["127.0.0.0", "127.255.255.255", "::1"], [
    "126.255.255.255",
    "128.0.0.0",
    "::",
    "::2",
    "::1:2",
    "1::1",
    "::ffff:127.0.0.1",
  ]],
  ["isLinkLocal()", isLinkLocal, ["169.254.0.0", "169.254.255.255", "fe80::", "febf:ffff::1"], [
    "169.253.255.255",
    "169.255.0.0",
    "fe7f::",
    "fec0::",
    "10.254.0.1",
    "254.128.0.1",
    "2a80::1",
  ]],
  ["scopeOf() of link-local", inScope("linkLocal"), ["169.254.0.0", "fe80::", "febf:ffff::1"], [
    "169.253.255.255",
    "169.255.0.0",
    "fe7f::",
    "fec0::",
    "fe8::1",
    "2e80::1",
  ]],
  ["scopeOf() of unique-local", inScope("uniqueLocal"), ["fc00::", "fdff:ffff::1"], [
    "fbff::",
    "fe00::",
    "252.0.0.1",
    "fc::1",
    "fc:a:b::1",
    "2c0f:fb50::1",
  ]],
  ["allZero()", allZero, ["0.0.0.0", "::"], ["0.0.0.1", "::1", "1::"]],
];

Deno.test("predicates of ranges hold inside and nowhere else", async (t) => {
  for (const [name, predicate, inside, outside] of RANGES) {
    await t.step(name, () => {
      for (const text of inside) assert(predicate(parseIp(text)!), text);
      for (const text of outside) assert(!predicate(parseIp(text)!), text);
    });
  }
});

Deno.test("unmapIpv4() returns the IPv4 address inside, and others unchanged", () => {
  assertEquals(unmapIpv4(parseIp("::ffff:192.0.2.1")!), [192, 0, 2, 1]);
  for (const text of ["::192.0.2.1", "2001:db8::1", "192.0.2.1"]) {
    assertEquals(
      formatIp(unmapIpv4(parseIp(text)!)),
      formatIp(parseIp(text)!),
    );
  }
});

Deno.test("unmapIpv4() and formatIp() treat only ::ffff:0:0/96 as mapped IPv4", () => {
  for (const text of ["2001:db8::ffff:c000:201", "::1:ffff:c000:201", "::ff:c000:201"]) {
    assertEquals(formatIp(parseIp(text)!), text);
    assertEquals(unmapIpv4(parseIp(text)!).length, 16);
  }
});
