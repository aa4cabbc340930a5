import { assertEquals, assertThrows } from "@std/assert";
import { buildState } from "../../state/build.ts";
import { isBindable, usableAddresses } from "../../state/interfaces.ts";
import type { Address, Interface } from "../../state/types.ts";
import { assertDeepFrozen } from "../support/frozen.ts";
import { forSeeds } from "../support/random.ts";
import { randomNeighbour, randomState } from "../support/random_states.ts";
import { address, nic, reading, state } from "../support/states.ts";

const eth0 = nic("eth0");

const ROWS: [name: string, address: Address, nic: Interface, usable: boolean, bindable: boolean][] =
  [
    ["IPv4", address("192.0.2.1/24"), eth0, true, true],
    ["IPv6", address("2001:db8::1/64"), eth0, true, true],
    ["unique-local", address("fd00::1/64"), eth0, true, true],
    [
      "temporary",
      address("2001:db8::1/64", { temporary: true, permanent: false }),
      eth0,
      true,
      true,
    ],
    ["without carrier", address("192.0.2.1/24"), nic("eth0", { running: false }), false, true],
    // Linux keeps IPv4 addresses on a link that is down
    ["on a link that is down", address("192.0.2.1/24"), nic("eth0", { up: false }), false, false],
    // iroh#4369, connectedhomeip#11757: bind fails with EADDRNOTAVAIL until detection is done
    ["tentative", address("2001:db8::1/64", { tentative: true }), eth0, false, false],
    ["duplicated", address("2001:db8::1/64", { duplicated: true }), eth0, false, false],
    ["deprecated", address("2001:db8::1/64", { deprecated: true }), eth0, false, true],
    ["loopback", address("127.0.0.1/8"), eth0, false, true],
    ["loopback, IPv6", address("::1/128"), eth0, false, true],
    // denoland/std#5933: WSL puts it there
    ["on a loopback interface", address("10.255.255.254/32"), nic("lo"), false, true],
    ["link-local", address("169.254.0.1/16"), eth0, false, true],
    ["link-local, IPv6", address("fe80::1/64"), eth0, false, true],
    ["host-only", address("172.17.0.1/16"), nic("docker0"), false, true],
  ];

Deno.test("an address is usable, bindable", async (t) => {
  for (const [name, held, on, usable, bindable] of ROWS) {
    await t.step(name, () => {
      const made = state({
        interfaces: [{ ...on, addresses: [held] }, nic("wlan0", { index: 9 })],
      });
      assertEquals([usableAddresses(made).length === 1, isBindable(held, on)], [usable, bindable]);
      assertEquals(made.haveIpv4 || made.haveIpv6, usable);
    });
  }
});

const STATE = state({
  interfaces: [
    nic("a", { index: 4, addresses: ["2001:db8::4/64", "192.0.2.4/24", "fe80::4/64"] }),
    nic("b", {
      index: 3,
      addresses: [address("2001:db8::3/64", { tentative: true }), "192.0.2.3/24"],
    }),
    nic("down", { index: 2, up: false, addresses: ["192.0.2.2/24"] }),
    nic("lo", { index: 1, addresses: ["127.0.0.1/8"] }),
  ],
});

Deno.test("usableAddresses() sorts by interface index, then address", () => {
  assertEquals(usableAddresses(STATE).map((held) => held.cidr), [
    "192.0.2.3/24",
    "192.0.2.4/24",
    "2001:db8::4/64",
  ]);
  assertDeepFrozen(usableAddresses(STATE));
});

Deno.test("usableAddresses() of one family", () => {
  const cidrs = (family: "IPv4" | "IPv6") =>
    usableAddresses(STATE, { family }).map((held) => held.cidr);
  assertEquals(cidrs("IPv4"), ["192.0.2.3/24", "192.0.2.4/24"]);
  assertEquals(cidrs("IPv6"), ["2001:db8::4/64"]);
});

Deno.test("usableAddresses() accepts copied states", () => {
  assertEquals(usableAddresses(structuredClone(STATE)), usableAddresses(STATE));
});

Deno.test("usableAddresses() throws TypeError for an option of the wrong type", () => {
  assertThrows(
    () => usableAddresses(STATE, { hostOnly: "no" as never }),
    TypeError,
    "The option hostOnly must be true or false, not no",
  );
  const options = { family: "ipv4" } as unknown as { family: "IPv4" };
  assertThrows(
    () => usableAddresses(STATE, options),
    TypeError,
    'The option family must be "IPv4" or "IPv6", not ipv4',
  );
});

Deno.test("local addresses are the same whatever is shared with the state before", () => {
  forSeeds({ runs: 500, seed: 5 }, (random) => {
    let previous = randomState(random);
    for (let i = 0; i < 5; i++) {
      const next = randomNeighbour(random, previous);
      const alone = buildState(
        reading({ interfaces: structuredClone(Object.values(next.interfaces)) }),
        null,
      );
      assertEquals(next.localAddresses, alone.localAddresses);
      assertEquals([next.haveIpv4, next.haveIpv6], [alone.haveIpv4, alone.haveIpv6]);
      previous = next;
    }
  });
});
