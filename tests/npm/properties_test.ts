/**
 * Properties of states and addresses, checked with fast-check, which shrinks what fails. `node:net` and
 * `ipaddr.js` say what the text of an address means.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { isIP } from "node:net";
import { buildState } from "../../state/build.ts";
import { applyChanges, diffStates } from "../../state/diff.ts";
import {
  allZero,
  formatIp,
  isLinkLocal,
  isPrivateAddress,
  parseIp,
  scopeOf,
} from "../../state/ip.ts";
import type { Address, DefaultRoute, Interface, State } from "../../state/types.ts";
import { address, nic } from "../support/states.ts";
import { HOSTILE_NAMES } from "../support/random_states.ts";

/** Text that is an address, or that almost is one. */
const ADDRESS_TEXT = fc.oneof(
  fc.ipV4(),
  fc.ipV4Extended(),
  fc.ipV6(),
  fc.stringMatching(/^[0-9a-fA-F:.]{0,20}$/),
  fc.array(fc.constantFrom("0", "1", "ffff", "::", ":", ".", "255", "256", "192.0.2.1", "%1"), {
    maxLength: 12,
  }).map((parts) => parts.join("")),
);

const BYTES = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.array(fc.constantFrom(0, 0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 })
    .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]))),
);

Deno.test("parseIp() accepts exactly what node:net accepts, but for zones", () => {
  fc.assert(
    fc.property(ADDRESS_TEXT, (text) => {
      assertEquals(parseIp(text) !== null, isIP(text) !== 0 && !text.includes("%"), text);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("parseIp() and ipaddr.js read the same bytes", () => {
  fc.assert(
    fc.property(ADDRESS_TEXT, (text) => {
      const bytes = parseIp(text);
      if (/^::[\d.]+$/.test(text)) return; // RFC 4291 2.5.5.1; ipaddr.js reads it as mapped
      if (bytes !== null) assertEquals([...bytes], ipaddr.parse(text).toByteArray(), text);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("formatIp() and ipaddr.js write the same text", () => {
  fc.assert(
    fc.property(BYTES, (bytes) => {
      const other = ipaddr.fromByteArray([...bytes]);
      const text = other instanceof ipaddr.IPv6
        ? other.isIPv4MappedAddress()
          ? `::ffff:${other.toIPv4Address()}` // RFC 5952 section 5
          : other.toRFC5952String()
        : other.toString();
      assertEquals(formatIp(bytes), text);
      assertEquals(parseIp(text), [...bytes]);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("the predicates of ranges agree with ipaddr.js", () => {
  const first = fc.constantFrom(0, 10, 127, 169, 172, 192, 0xfc, 0xfd, 0xfe, 0xff);
  const second = fc.constantFrom(0, 15, 16, 31, 32, 168, 254, 0x7f, 0x80, 0xbf, 0xc0);
  const bytes = fc.tuple(first, second, BYTES).map(([a, b, rest]) =>
    Uint8Array.of(a, b, ...rest.slice(2))
  );
  fc.assert(
    fc.property(fc.oneof(bytes, BYTES), (bytes) => {
      const range = ipaddr.fromByteArray([...bytes]).range();
      const scope = /^(loopback|linkLocal|uniqueLocal)$/.test(range) ? range : "global";
      assertEquals(scopeOf(formatIp(bytes)), scope);
      assertEquals(isLinkLocal(bytes), range === "linkLocal");
      if (allZero(bytes)) assertEquals(range, "unspecified");
    }),
    { numRuns: 1_000 },
  );
});

/** The ranges of ipaddr.js that are globally reachable. */
const REACHABLE = /^(unicast|multicast|6to4|amt|as112v?6?|orchid2|rfc6052|droneRemoteId.*)$/;

/** Where the IANA registries say something else than ipaddr.js 2.5: RFC 9780, 8215, 7526 and 7723. */
const NEWER = ["100:0:0:1::/64", "64:ff9b:1::/48", "192.88.99.0/24", "192.0.0.0/24"].map((cidr) =>
  ipaddr.parseCIDR(cidr)
);

Deno.test("isPrivateAddress() agrees with the ranges of ipaddr.js", () => {
  const prefix = fc.constantFrom(
    ...["0.0", "10.1", "100.64", "100.128", "127.0", "169.254", "172.16", "192.0", "192.31.196"],
    ...[
      "192.52.193",
      "192.168",
      "192.175.48",
      "198.18",
      "198.51.100",
      "203.0.113",
      "224.0",
      "240.1",
    ],
    ...[
      "::",
      "100::",
      "100:0:0:1::",
      "2001::",
      "2001:3::",
      "2001:4:112::",
      "2001:20::",
      "2001:30::",
    ],
    ...["2001:db8::", "2002::", "2620:4f:8000::", "3fff::", "5f00::", "64:ff9b::", "64:ff9b:1::"],
    ...["fc00::", "fe80::", "ff02::", "2606::"],
  );
  fc.assert(
    fc.property(prefix, fc.nat(0xffff), (text, suffix) => {
      const missing = 4 - text.split(".").length;
      const octets = [suffix >> 8, suffix & 0xff].slice(-missing);
      const address = text.includes(":")
        ? text + suffix.toString(16)
        : [text, ...Array(missing - octets.length).fill(0), ...octets].join(".");
      const parsed = ipaddr.parse(address);
      if (NEWER.some(([net, bits]) => net.kind() === parsed.kind() && parsed.match(net, bits))) {
        return;
      }
      assertEquals(isPrivateAddress(address), !REACHABLE.test(parsed.range()), address);
    }),
    { numRuns: 1_000 },
  );
});

const NAME = fc.oneof(fc.constantFrom(...HOSTILE_NAMES), fc.string({ maxLength: 3 }));
const NULL_OR = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const HOST = fc.constantFrom("192.0.2.1", "192.0.2.2", "10.0.0.1", "127.0.0.1", "fe80::1", "::1");

const ADDRESS: fc.Arbitrary<Address> = fc.record({
  host: HOST,
  bits: fc.constantFrom(0, 24, 32),
  flags: fc.record({
    tentative: fc.boolean(),
    deprecated: fc.boolean(),
    peer: NULL_OR(HOST),
    scopeId: NULL_OR(fc.nat(3)),
  }),
}).map(({ host, bits, flags }) => address(`${host}/${bits}`, flags));

const INTERFACE: fc.Arbitrary<Interface> = fc.record({
  name: NAME,
  fields: fc.record({
    index: fc.nat(4),
    up: fc.boolean(),
    running: fc.boolean(),
    mtu: fc.constantFrom(1400, 1500),
    addresses: fc.array(ADDRESS, { maxLength: 3 }),
  }),
}).map(({ name, fields }) => nic(name, fields));

const ROUTE: fc.Arbitrary<DefaultRoute> = fc.record({
  interface: NAME,
  gateway: NULL_OR(HOST),
  source: NULL_OR(HOST),
  metric: NULL_OR(fc.nat(2)),
});

const STATE: fc.Arbitrary<State> = fc.record({
  interfaces: fc.array(INTERFACE, { maxLength: 4 }),
  defaultRoute: fc.record({ ipv4: NULL_OR(ROUTE), ipv6: NULL_OR(ROUTE) }),
  knows: fc.record({ links: fc.boolean(), addressFlags: fc.boolean(), routes: fc.boolean() }),
  resumed: NULL_OR(fc.record({ at: fc.nat(3), sleptMs: fc.constantFrom(1, 600_000) })),
}).map(({ resumed, ...reading }) => buildState(reading, resumed));

Deno.test("applyChanges(a, diffStates(a, b)) equals b", () => {
  fc.assert(
    fc.property(STATE, STATE, (a, b) => {
      const applied = applyChanges(a, diffStates(a, b));
      assertEquals(JSON.stringify(applied), JSON.stringify(b));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("diffStates() is empty for equal states only, and the reverse difference leads back", () => {
  fc.assert(
    fc.property(STATE, STATE, (a, b) => {
      assertEquals(diffStates(a, structuredClone(a)), []);
      const changes = diffStates(a, b);
      assertEquals(changes.length === 0, JSON.stringify(a) === JSON.stringify(b));
      assertEquals(JSON.stringify(applyChanges(b, diffStates(b, a))), JSON.stringify(a));
    }),
    { numRuns: 300 },
  );
});
