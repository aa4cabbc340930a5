import { assertEquals, assertThrows } from "@std/assert";
import { usableAddresses } from "../../state/usable_addresses.ts";
import { assertDeepFrozen } from "../support/frozen.ts";
import { address, nic, state } from "../support/states.ts";

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

Deno.test("usableAddresses() goes by interface index, then by address order", () => {
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

Deno.test("usableAddresses() does for copied states", () => {
  assertEquals(usableAddresses(structuredClone(STATE)), usableAddresses(STATE));
});

Deno.test("usableAddresses() throws TypeError for an unknown family", () => {
  const options = { family: "ipv4" } as unknown as { family: "IPv4" };
  assertThrows(() => usableAddresses(STATE, options), TypeError, 'Unknown family "ipv4"');
});
