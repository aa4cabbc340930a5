/**
 * The wire trace of macOS and FreeBSD: one line per message.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { formatMessage } from "../../ffi/bsd/messages.ts";
import {
  EN0,
  encodeAddress,
  encodeAnnouncement,
  type EncodedOs,
  encodeGroup,
  encodeLiveNic,
  encodeRoute,
} from "../support/bsd_encode.ts";
import { LAYOUTS } from "../support/bsd_layouts.ts";

const IPV4 = { address: "192.0.2.7", prefixLength: 24, other: null, flags: 0 };
const IPV6 = { address: "fe80::7", prefixLength: 64, other: null, flags: 0 };
const ROUTE = {
  destination: "::",
  prefixLength: 0,
  gateway: "fe80::1",
  index: 5,
  flags: 0x3,
  source: null,
};

function lineOf(os: EncodedOs, bytes: Uint8Array): string {
  return formatMessage(bytes, LAYOUTS[os]);
}

Deno.test("formatMessage() formats each message in one line", () => {
  for (const os of ["darwin", "freebsd"] as const) {
    const state = os === "darwin" ? 0 : 2;
    assertEquals(
      [
        encodeLiveNic(os, EN0),
        encodeAddress(os, 0xc, EN0, IPV4, true),
        encodeAddress(os, 0xd, EN0, IPV6, true),
        encodeRoute(os, 1, ROUTE, "request"),
        encodeRoute(os, 2, { ...ROUTE, gateway: 5 }, "kernel"),
        encodeRoute(os, 7, ROUTE, "kernel"),
        encodeGroup(os, 0xf, EN0, "ff02::fb"),
        encodeGroup(os, 0x10, EN0, "ff02::fb"),
        Uint8Array.of(4, 0, 5, 0x63),
      ].map((bytes) => lineOf(os, bytes)),
      [
        `link 5 flags 0x8863 mtu 1500 state ${state}`,
        "address 5 192.0.2.7/24",
        "address-gone 5 fe80::7/64",
        "route add 0 ::/0 via fe80::1 flags 0x43",
        `route delete 5 ::/0 flags 0x${os === "darwin" ? "3" : "43"}`,
        "route type 0x7 5 ::/0 via fe80::1 flags 0x43",
        "group 5",
        "chatter",
        "unknown type 0x63 version 5",
      ],
    );
  }
  assertEquals(lineOf("freebsd", encodeAnnouncement(EN0, 0)), "announcement");
});

Deno.test("formatMessage() names routes and addresses that are not IP, and no more", () => {
  const route = encodeRoute("darwin", 1, ROUTE, "kernel");
  const address = encodeAddress("darwin", 0xc, EN0, IPV4, true);
  for (const [bytes, at] of [[route, 12], [address, 4]] as const) bytes.fill(0, at, at + 4); // no sockaddr
  assertEquals([route, address].map((bytes) => lineOf("darwin", bytes)), ["route add", "address"]);
});
