import { assert, assertEquals, assertThrows } from "@std/assert";
import { formatReason } from "../../state/format.ts";
import { majorReasons } from "../../state/impact.ts";
import type { Interface, State } from "../../state/types.ts";
import { assertDeepFrozen } from "../support/frozen.ts";
import { address, nic, type ReadingParts, route, state } from "../support/states.ts";

const eth0 = nic("eth0", { addresses: ["192.0.2.1/24", "2001:db8::1/64", "fe80::1/64"] });
const HOME: ReadingParts = {
  interfaces: [eth0],
  ipv4: route("eth0", { gateway: "192.0.2.254", source: "192.0.2.1", metric: 100 }),
  ipv6: route("eth0", { gateway: "fe80::fe", source: "2001:db8::1", metric: 1024 }),
};
const home = state(HOME);

function homeWith(fields: Partial<Interface>): State {
  return state({ ...HOME, interfaces: [{ ...eth0, ...fields }] });
}

const REASONS: [name: string, previous: State, next: State, expected: readonly string[]][] = [
  ["nothing", home, state(HOME), []],
  [
    "the default route of one family, with a cable pulled",
    home,
    state({ ...HOME, interfaces: [{ ...eth0, running: false }], ipv4: null }),
    [
      "IPv4 has no default route (was eth0 via 192.0.2.254)",
      "192.0.2.1 is no longer usable on eth0",
      "2001:db8::1 is no longer usable on eth0",
    ],
  ],
  [
    "an interface goes down",
    home,
    homeWith({ up: false }),
    [
      "192.0.2.1 is no longer usable on eth0",
      "2001:db8::1 is no longer usable on eth0",
      "eth0 changed state",
    ],
  ],
  [
    "an address replaced, as DHCP does",
    home,
    homeWith({ addresses: [address("192.0.2.9/24"), ...eth0.addresses.slice(1)] }),
    ["192.0.2.1 is no longer usable on eth0", "192.0.2.9 is usable on eth0"],
  ],
  [
    "one interface created again, while another comes",
    state({ interfaces: [eth0] }),
    state({
      interfaces: [
        { ...eth0, index: 7 },
        nic("eth1", { index: 9, addresses: ["198.51.100.1/24"] }),
      ],
    }),
    ["198.51.100.1 is usable on eth1", "eth0 changed index"],
  ],
  [
    "another index of the default interface",
    home,
    homeWith({ index: 7 }),
    [
      "IPv4 leaves by eth0, which was created again",
      "IPv6 leaves by eth0, which was created again",
      "eth0 changed index",
    ],
  ],
  [ // without an address of its own, as in data centers, nothing else shows it
    "a renamed default interface",
    state({ interfaces: [nic("eth0")], ipv4: route("eth0", { gateway: "fe80::fe" }) }),
    state({ interfaces: [nic("wan0")], ipv4: route("wan0", { gateway: "fe80::fe" }) }),
    ["IPv4 now leaves by wan0 via fe80::fe (was eth0 via fe80::fe)"],
  ],
  [
    "an interface comes after a long sleep",
    home,
    state(
      { ...HOME, interfaces: [eth0, nic("eth1", { index: 3, addresses: ["198.51.100.1/24"] })] },
      { at: 1, sleptMs: 600_000 },
    ),
    ["198.51.100.1 is usable on eth1", "asleep for 10 min"],
  ],
];

Deno.test("majorReasons() and formatReason()", async (t) => {
  for (const [name, previous, next, expected] of REASONS) {
    await t.step(name, () => {
      const reasons = majorReasons(previous, next);
      assertEquals(reasons.map(formatReason), expected);
      assertDeepFrozen(reasons);
      assertEquals(majorReasons(structuredClone(previous), structuredClone(next)), reasons);
    });
  }
});

Deno.test("majorReasons() calls ignoreInterface once for each interface object", () => {
  const asked: Interface[] = [];
  const ignoreInterface = (nic: Interface): boolean => {
    asked.push(nic);
    return false;
  };
  const next = state({ ...HOME, interfaces: [{ ...eth0, index: 9 }], ipv4: null });
  assert(majorReasons(home, next, { ignoreInterface }).length > 0);
  assertEquals(asked.length, 2);
  assertEquals(new Set(asked).size, 2);
});

Deno.test("majorReasons() throws TypeError for an ignoreInterface that is not a function", () => {
  const options = { ignoreInterface: "docker0" } as unknown as Parameters<typeof majorReasons>[2];
  assertThrows(() => majorReasons(home, state(), options), TypeError, "The option ignoreInterface");
});

Deno.test("majorReasons() of a state and itself is frozen, too", () => {
  assertDeepFrozen(majorReasons(home, home));
});
