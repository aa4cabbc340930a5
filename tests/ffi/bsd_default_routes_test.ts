/**
 * Which routes of macOS and FreeBSD are default routes, and the source address that is published with them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { decodeInterfaces, findDefaultRoutes, publishedInterface } from "../../ffi/bsd/dump.ts";
import type { Route } from "../../ffi/bsd/messages.ts";
import { SYSTEMS } from "../../ffi/bsd/systems.ts";
import { parseIp } from "../../state/ip.ts";
import { nic } from "../support/states.ts";

const [UP, GATEWAY, IFSCOPE] = [0x1, 0x2, 0x100_0000];
const INTERFACES = [
  nic("lo0", { index: 1 }),
  nic("en1", { index: 6, running: false }),
  nic("en0", { index: 5, addresses: ["192.0.2.7/24", "2001:db8::7/64", "fe80::7/64"] }),
];

function bytes(text: string): Uint8Array {
  return Uint8Array.from(parseIp(text)!);
}

/** The default route where the kernel has only this one, to everywhere; by default of en0. */
function select(os: keyof typeof SYSTEMS, fields: Partial<Route> = {}, gateway = "192.0.2.1") {
  const isIpv4 = !gateway.includes(":");
  const route: Route = {
    family: isIpv4 ? "IPv4" : "IPv6",
    destination: new Uint8Array(isIpv4 ? 4 : 16),
    prefixLength: 0,
    gateway: bytes(gateway),
    index: 5,
    flags: UP | GATEWAY,
    source: null,
    ...fields,
  };
  const { ipv4, ipv6 } = findDefaultRoutes([route], INTERFACES, SYSTEMS[os].ignoredRoute);
  return ipv4 ?? ipv6;
}

Deno.test("a route counts that is up, of a listed interface, and not the loopback's", () => {
  for (const os of ["darwin", "freebsd"] as const) {
    assertEquals(select(os)?.interface, "en0");
    assertEquals(select(os, { index: 6 })?.interface, "en1"); // without carrier, too
    assertEquals(select(os, { flags: GATEWAY }), null);
    assertEquals(select(os, { index: 9 }), null);
    assertEquals(select(os, { index: 1 }), null);
  }
});

Deno.test("a scoped route, which every interface of a Mac has, is no default route there", () => {
  const flags = UP | GATEWAY | IFSCOPE;
  assertEquals(select("darwin", { flags }), null);
  assertEquals(select("freebsd", { flags })?.interface, "en0");
});

Deno.test("the source of a default route is the stated one, unless it is link-local IPv6", () => {
  const source = (text: string | null, gateway?: string) =>
    select("darwin", { source: text === null ? null : bytes(text) }, gateway)?.source;
  assertEquals(source("192.0.2.9"), "192.0.2.9");
  assertEquals(source("169.254.0.9"), "169.254.0.9");
  assertEquals(source(null), "192.0.2.7");
  assertEquals(source("2001:db8::9", "fe80::1"), "2001:db8::9");
  assertEquals(source("fe80::7", "fe80::1"), "2001:db8::7");
});

Deno.test("only link-local IPv6 of a BSD has a scope: its interface", () => {
  const link = { name: bytes("1.2.3.4"), index: 5, flags: 0x41, type: 6, mtu: 0, linkState: 0 };
  const addresses = ["169.254.0.2", "fe80::2", "2001:db8::2"].map((text) => ({
    index: 5,
    family: text.includes(":") ? "IPv6" as const : "IPv4" as const,
    address: bytes(text),
    prefixLength: 16,
    peerOrBroadcast: null,
  }));
  const listed = { link: { ...link, address: new Uint8Array() }, addresses };
  const { addresses: made } = publishedInterface(listed, SYSTEMS.darwin, null);
  assertEquals(made.map(({ scopeId }) => scopeId), [null, 5, null]);
});

Deno.test("a record of a list that is not known is counted", () => {
  let malformed = 0;
  const record = Uint8Array.of(4, 0, 5, 0x63); // rtm_msglen, RTM_VERSION, rtm_type
  assertEquals(decodeInterfaces(record, SYSTEMS.darwin, () => malformed++), []);
  assertEquals(malformed, 1);
});
