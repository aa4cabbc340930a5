import { assertEquals, assertThrows } from "@std/assert";
import type { Address, Interface } from "../../state/types.ts";
import { isBindable, isUsable } from "../../state/derived.ts";
import { address, nic } from "../support/states.ts";

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
    ["without carrier", address("192.0.2.1/24"), nic("eth0", { running: false }), true, true],
    // Linux keeps IPv4 addresses on a link that is down
    ["on a link that is down", address("192.0.2.1/24"), nic("eth0", { up: false }), false, false],
    // iroh#4369, connectedhomeip#11757: bind fails with EADDRNOTAVAIL until detection is done
    ["tentative", address("2001:db8::1/64", { tentative: true }), eth0, false, false],
    ["duplicated", address("2001:db8::1/64", { duplicated: true }), eth0, false, false],
    ["deprecated", address("2001:db8::1/64", { deprecated: true }), eth0, false, false],
    ["loopback", address("127.0.0.1/8"), eth0, false, false],
    ["loopback, IPv6", address("::1/128"), eth0, false, false],
    ["on a loopback interface", address("10.255.255.254/32"), nic("lo"), false, false],
    ["link-local", address("169.254.0.1/16"), eth0, false, true],
    ["link-local, IPv6", address("fe80::1/64"), eth0, false, true],
    ["link-local on loopback", address("fe80::1/64"), nic("lo0"), false, false],
  ];

Deno.test("isUsable() and isBindable() of an address", async (t) => {
  for (const [name, held, on, usable, bindable] of ROWS) {
    await t.step(name, () => {
      assertEquals([isUsable(held, on), isBindable(held, on)], [usable, bindable]);
    });
  }
});

Deno.test("isUsable() throws for an address that is none", () => {
  assertThrows(
    () => isUsable({ ...address("192.0.2.1/24"), address: "x" }, eth0),
    TypeError,
    '"x"',
  );
});
