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
import { applyChanges } from "../../state/apply.ts";
import { buildState } from "../../state/build.ts";
import { diffStates } from "../../state/diff.ts";
import {
  formatIp,
  isLinkLocal,
  isLoopback,
  isPrivateIpv4,
  isUniqueLocal,
  isUnspecified,
  parseIp,
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
      assertEquals(parseIp(text), bytes);
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
      assertEquals(isLoopback(bytes), range === "loopback");
      assertEquals(isLinkLocal(bytes), range === "linkLocal");
      assertEquals(isUniqueLocal(bytes), range === "uniqueLocal");
      assertEquals(isPrivateIpv4(bytes), range === "private");
      if (isUnspecified(bytes)) assertEquals(range, "unspecified");
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

Deno.test("diffStates() is empty for equal states only, and the way back is as long", () => {
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
