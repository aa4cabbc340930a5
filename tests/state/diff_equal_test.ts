import { assert, assertEquals } from "@std/assert";
import { diffInterfaces, diffStates, majorSleepBetween, sameRoutes } from "../../state/diff.ts";
import type { State } from "../../state/types.ts";
import { assertEveryFieldCounts } from "../support/fields.ts";
import { forSeeds } from "../support/random.ts";
import { randomNeighbour, randomState } from "../support/random_states.ts";
import { nic, route, state } from "../support/states.ts";

const isEqual = (a: State, b: State) => diffStates(a, b).length === 0;

/** The fields that no other follows from. */
type Primary = "interfaces" | "defaultRoute" | "resumedAt" | "sleptMs" | "knows";

/** A value other than the one there, for each field: the type makes sure that none is forgotten. */
const STATE_FIELDS: Pick<State, Primary> = {
  interfaces: {},
  defaultRoute: { ipv4: null, ipv6: null },
  resumedAt: 1,
  sleptMs: 1,
  knows: { links: false, addressFlags: false, routes: false },
};

Deno.test("diffStates() compares every field that is not derived", () => {
  const given = state({
    interfaces: [
      nic("lo", { index: 1, addresses: ["127.0.0.1/8"] }),
      nic("eth0", { addresses: ["192.0.2.1/24"] }),
    ],
    ipv4: route("eth0"),
  });
  assertEveryFieldCounts<State>(given, STATE_FIELDS, isEqual);
});

Deno.test("diffInterfaces() compares interfaces only, sameRoutes() routes only", () => {
  const given = state({ interfaces: [nic("eth0")], ipv4: route("eth0"), ipv6: route("eth0") });
  const rows: [name: string, other: State, interfaces: boolean, routes: boolean][] = [
    [
      "the same",
      state({ interfaces: [nic("eth0")], ipv4: route("eth0"), ipv6: route("eth0") }),
      true,
      true,
    ],
    [
      "one more",
      state({ interfaces: [nic("eth0"), nic("eth1")], ipv4: route("eth0"), ipv6: route("eth0") }),
      false,
      true,
    ],
    ["none", state({ ipv4: route("eth0"), ipv6: route("eth0") }), false, true],
    [
      "another name",
      state({ interfaces: [nic("eth1")], ipv4: route("eth0"), ipv6: route("eth0") }),
      false,
      true,
    ],
    [
      "another mtu",
      state({ interfaces: [nic("eth0", { mtu: 1 })], ipv4: route("eth0"), ipv6: route("eth0") }),
      false,
      true,
    ],
    ["no IPv4 route", state({ interfaces: [nic("eth0")], ipv6: route("eth0") }), true, false],
    [
      "another IPv6 metric",
      state({ interfaces: [nic("eth0")], ipv4: route("eth0"), ipv6: route("eth0", { metric: 1 }) }),
      true,
      false,
    ],
    [
      "another wake-up",
      state({ interfaces: [nic("eth0")], ipv4: route("eth0"), ipv6: route("eth0") }, {
        at: 1,
        sleptMs: 1,
      }),
      true,
      true,
    ],
  ];
  for (const [name, other, interfaces, routes] of rows) {
    assertEquals(
      [diffInterfaces(given, other).length === 0, sameRoutes(given, other)],
      [interfaces, routes],
      name,
    );
  }
});

Deno.test("diffStates() is empty if the texts of the states are equal, also of copies", () => {
  forSeeds({ runs: 1_000, seed: 31 }, (random) => {
    const a = randomState(random);
    const b = random.chance(0.8) ? randomNeighbour(random, a) : randomState(random);
    const expected = JSON.stringify(a) === JSON.stringify(b);
    assertEquals(isEqual(a, b), expected);
    assertEquals(isEqual(structuredClone(a), b), expected);
    assert(isEqual(a, JSON.parse(JSON.stringify(a))));
  });
});

type Resume = { at: number; sleptMs: number } | null;

const ROWS: [name: string, before: Resume, after: Resume, found: Resume, long: boolean][] = [
  ["never slept", null, null, null, false],
  ["slept for the first time", null, { at: 9, sleptMs: 100 }, { at: 9, sleptMs: 100 }, false],
  ["slept for long", null, { at: 9, sleptMs: 600_000 }, { at: 9, sleptMs: 600_000 }, true],
  ["a little less", null, { at: 9, sleptMs: 599_999 }, { at: 9, sleptMs: 599_999 }, false],
  ["not again", { at: 9, sleptMs: 600_000 }, { at: 9, sleptMs: 600_000 }, null, false],
  ["again, as long", { at: 9, sleptMs: 600_000 }, { at: 10, sleptMs: 600_000 }, {
    at: 10,
    sleptMs: 600_000,
  }, true],
  ["again, at a clock set back", { at: 9, sleptMs: 100 }, { at: 3, sleptMs: 100 }, {
    at: 3,
    sleptMs: 100,
  }, false],
  ["the same moment, another length", { at: 9, sleptMs: 1 }, { at: 9, sleptMs: 2 }, {
    at: 9,
    sleptMs: 2,
  }, false],
  ["forgotten", { at: 9, sleptMs: 600_000 }, null, null, false],
];

Deno.test("diffStates() and majorSleepBetween() find a sleep between two states", async (t) => {
  for (const [name, before, after, found, long] of ROWS) {
    await t.step(name, () => {
      const [previous, next] = [state({}, before), state({}, after)];
      const resumed = diffStates(previous, next).filter(({ kind }) => kind === "resumed");
      assertEquals(resumed, found === null ? [] : [{ kind: "resumed", ...found }]);
      assertEquals(majorSleepBetween(previous, next) !== null, long);
    });
  }
});
