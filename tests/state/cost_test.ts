/**
 * What a state looks at when little changes: as little as that, however many interfaces there are.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { buildState } from "../../state/build.ts";
import { diffStates } from "../../state/diff.ts";
import { isMajorChange, majorReasons } from "../../state/impact.ts";
import { assumeNormal, makeAddress, normalizeInterface } from "../../state/normalize.ts";
import type { Interface, State } from "../../state/types.ts";
import { nic, reading, route } from "../support/states.ts";
import { Tally } from "../support/tally.ts";

const OTHERS = 100;
const ETH0 = normalizeInterface(nic("eth0", { addresses: ["192.0.2.1/24"] }));

/** Counts reads of all interfaces but eth0. */
const tally = new Tally();
const others = Array.from({ length: OTHERS }, (_, i) => {
  const index = 10 + i;
  const addresses = [`10.0.${i}.1/24`, `fe80::${i + 1}/64`];
  const veth = normalizeInterface(nic(`veth${index}`, { index, addresses }));
  return assumeNormal(tally.of(veth)); // the proxy is another object
});

function build(interfaces: readonly Interface[], previous: State | null, metric = 100): State {
  const given = reading({ interfaces, ipv4: route("eth0", { metric }) });
  return buildState(given, null, previous);
}

const STATE = build([ETH0, ...others], null);

Deno.test("buildState() looks at no other interface if nothing but a default route changed", () => {
  const reads = tally.during(() => {
    const next = build([ETH0, ...others], STATE, 200);
    assertEquals(diffStates(STATE, next).map(({ kind }) => kind), ["default-route-changed"]);
    isMajorChange(STATE, next);
  });
  assertEquals(reads, 0);
});

for (
  const [what, changed] of Object.entries({
    "the MTU of an interface": { mtu: 1400 },
    "the carrier of an interface": { running: false },
    "an address": { addresses: ["192.0.2.2/24"] },
  })
) {
  Deno.test(`buildState() reads only the names of other interfaces if ${what} changed`, () => {
    const eth0 = normalizeInterface(nic("eth0", { addresses: ["192.0.2.1/24"], ...changed }), ETH0);
    let next = STATE;
    const reads = tally.namesDuring(() => {
      next = build([eth0, ...others], STATE);
    });
    assertEquals(Object.keys(reads), ["name"]); // for the record
    const comparing = tally.during(() => {
      assert(diffStates(STATE, next).length > 0);
      isMajorChange(STATE, next);
      majorReasons(STATE, next);
    });
    assertEquals(comparing, 0);
  });
}

Deno.test("buildState() looks up no addresses of the others if an interface comes or goes", () => {
  const docker0 = normalizeInterface(
    nic("docker0", { index: 50, addresses: ["172.17.0.1/16", "2001:db8::1/64"] }),
  );
  const half = OTHERS / 2;
  const between = [...others.slice(0, half), docker0, ...others.slice(half)];
  const reads = tally.namesDuring(() => {
    const next = build([ETH0, ...between], STATE);
    assertEquals(diffStates(STATE, next).map(({ kind }) => kind), ["interface-added"]);
    const last = build([ETH0, ...others], next);
    assertEquals(diffStates(next, last).map(({ kind }) => kind), ["interface-removed"]);
  });
  assertEquals(reads["addresses"], undefined);
});

Deno.test("a difference of many addresses compares their CIDRs, and parses none", () => {
  const own = new Tally();
  const eth0 = (third: number) =>
    assumeNormal({
      ...ETH0,
      addresses: Array.from(
        { length: 100 },
        (_, i) => own.of(makeAddress([192, 0, third, i], { prefixLength: 32 })),
      ),
    });
  const before = build([eth0(1)], null);
  const after = build([eth0(2)], before);
  const reads = own.namesDuring(() => {
    assertEquals(diffStates(before, after).length, 200);
    assertEquals(majorReasons(before, after).length, 200);
  });
  assertEquals(reads, { cidr: 600 });
});
