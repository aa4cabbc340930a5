/**
 * Routing messages of the BSDs: framing and content.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import {
  decodeAddress,
  decodeIp,
  decodeKernelEvent,
  decodeLinkSockaddr,
  decodePrefixLength,
  decodeRoute,
  forEachMessage,
  headerOf,
  u32,
} from "../../ffi/bsd/messages.ts";
import { type RouteHeader, RTF_HOST } from "../../ffi/bsd/systems.ts";
import { DecodeError } from "../../state/errors.ts";
import { BSD_BLOCKS, BSD_IMAGES } from "../fixtures/bsd_images.ts";
import { EN0, encodeAddress, encodeKernelEvent, encodeRoute } from "../support/bsd_encode.ts";
import { decodeSockaddrBlock, legibleMessages, legibleSockaddr } from "../support/bsd.ts";
import { LAYOUTS } from "../support/bsd_layouts.ts";
import { hex } from "../support/netlink.ts";

for (const { name, os, hex: text, messages } of BSD_IMAGES) {
  Deno.test(`the BSD decoders decode ${name}`, () => {
    assertEquals(legibleMessages(hex(text), LAYOUTS[os]), messages);
  });
}

for (const { addresses, hex: text, name, os, sockaddrs } of BSD_BLOCKS) {
  Deno.test(`the BSD decoders decode ${name}`, () => {
    for (const layout of os.map((it) => LAYOUTS[it])) {
      const decoded = decodeSockaddrBlock(hex(text), addresses, layout).map(legibleSockaddr);
      assertEquals(decoded.slice(0, sockaddrs.length), sockaddrs);
      assertEquals(decoded.slice(sockaddrs.length).filter((it) => it !== null), []);
    }
  });
}

Deno.test("decodeIp() takes an embedded scope out of the address", () => {
  const cases: [bytes: string, address: string][] = [
    ["fe800021000000000000000000000001 00000000", "fe800000000000000000000000000001"],
    ["fe800000000000000000000000000001 21000000", "fe800000000000000000000000000001"],
    ["ff020005000000000000000000000001 00000000", "ff020000000000000000000000000001"],
    ["ff010005000000000000000000000001 00000000", "ff010000000000000000000000000001"],
    ["ff120005000000000000000000000001 00000000", "ff120000000000000000000000000001"],
    ["ff050005000000000000000000000001 00000000", "ff050005000000000000000000000001"],
    ["fd000005000000000000000000000001 00000000", "fd000005000000000000000000000001"],
  ];
  for (const [bytes, address] of cases) {
    const sockaddr = hex(`1c 1e 0000 00000000 ${bytes}`);
    assertEquals(decodeIp(sockaddr, 0, LAYOUTS.darwin), hex(address));
  }
});

Deno.test("sockaddrsOf() refuses a sockaddr that reaches beyond the message", () => {
  const bytes = hex("10 02 0000 c0000201 00000000 000000");
  assertThrows(() => decodeSockaddrBlock(bytes, 1, LAYOUTS.darwin), DecodeError);
});

Deno.test("forEachMessage() refuses an impossible length, and takes zeros at the end as padding", () => {
  const good = "0800 05 63 00000000";
  const cases: [bytes: string, visited: number, refused: boolean][] = [
    [`${good}`, 1, false],
    [`${good} 00000000 0000`, 1, false],
    [`${good} 00`, 1, false],
    [`${good} 0000 05 63 00000000`, 1, true],
    [`${good} 0300 05 63`, 1, true],
    [`${good} 0900 05 63 00000000`, 1, true],
    [`${good} ffff 05 63 00000000`, 1, true],
    ["08", 0, true],
  ];
  for (const [bytes, visited, refused] of cases) {
    let count = 0;
    const read = () =>
      forEachMessage(hex(bytes), () => {
        if (++count > 2) throw new Error("It goes on and on");
      });
    if (refused) assertThrows(read, DecodeError);
    else read();
    assertEquals(count, visited, bytes);
  }
});

Deno.test("u32() is never negative", () => {
  assertEquals(u32(hex("00 fefffff0"), 1), 0xf0ff_fffe);
});

Deno.test("decodeIp() treats a sockaddr whose length is 1 as absent, whatever family follows", () => {
  assertEquals(decodeIp(hex("01 02 0000 c0000201"), 0, LAYOUTS.darwin), null);
});

Deno.test("decodeLinkSockaddr() reads nothing beyond its length", () => {
  const sockaddr = (length: string, names: string) =>
    decodeLinkSockaddr(hex(`${length} 12 0500 06 ${names} 656e30020000000005 ffffff`), 0);
  assertEquals(sockaddr("03", "00 00 00")?.index, 0);
  assertEquals(sockaddr("04", "00 00 00")?.index, 5);
  assertEquals(sockaddr("14", "03 06 00")?.name, hex("656e30"));
  assertEquals(sockaddr("11", "03 06 00")?.address, hex("020000000005")); // as long as it must be
  assertThrows(() => sockaddr("10", "03 06 00"), DecodeError);
});

Deno.test("decodePrefixLength() ends at the first zero of a mask that has holes", () => {
  assertEquals(decodePrefixLength(hex("08 ff ffff ff00ffff"), 0, "IPv4"), 8);
});

Deno.test("decodeRoute() knows which routes can be a default route", () => {
  const isDefault = (to: string, flags = 0x1): boolean => {
    const [destination = "", length] = to.split("/");
    const route = { destination, prefixLength: Number(length), gateway: 5, index: 5, flags };
    const bytes = encodeRoute("darwin", 4, { ...route, source: null }, "dump");
    return decodeRoute(
      bytes,
      headerOf(bytes, LAYOUTS.darwin) as RouteHeader,
      LAYOUTS.darwin,
      true,
    ) !== null;
  };
  const routes = ["0.0.0.0/0", "0.0.0.0/3", "0.0.0.0/4", "::/0", "2000::/4", "2000::/5"];
  assertEquals(routes.map((to) => isDefault(to)), [true, true, false, true, true, false]);
  assertEquals(isDefault("0.0.0.0/0", 0x1 | RTF_HOST), false);
});

Deno.test("decodeRoute() does not mistake a route to the host 0.0.0.0 for a default route", () => {
  const route = { destination: "0.0.0.0", prefixLength: 32, gateway: 5, index: 5, source: null };
  const bytes = encodeRoute("darwin", 4, { ...route, flags: 0x1 | RTF_HOST }, "dump");
  const header = headerOf(bytes, LAYOUTS.darwin) as RouteHeader;
  assertEquals(decodeRoute(bytes, header, LAYOUTS.darwin)?.prefixLength, 32);
});

Deno.test("decodeRoute() finds the interface of an echo, which has no index, in RTAX_IFP", () => {
  const route = { destination: "0.0.0.0", prefixLength: 0, gateway: "192.0.2.1", index: 7 };
  const echo = encodeRoute("darwin", 1, { ...route, flags: 0x3, source: null }, "request");
  const en0 = hex("14 12 0500 06 03 06 00 656e30 020000000005 000000");
  const bytes = Uint8Array.of(...echo, ...en0);
  bytes[12]! |= 0x10; // RTA_IFP
  const header = headerOf(bytes, LAYOUTS.darwin) as RouteHeader;
  assertEquals(decodeRoute(bytes, header, LAYOUTS.darwin)?.index, 5);
  assertEquals(decodeRoute(echo, header, LAYOUTS.darwin)?.index, 0);
});

Deno.test("an address of the other family is neither a source nor a peer", () => {
  const route = { destination: "0.0.0.0", prefixLength: 0, gateway: 5, index: 5, flags: 0x1 };
  const bytes = encodeRoute("darwin", 4, { ...route, source: "2001:db8::7" }, "dump");
  const header = headerOf(bytes, LAYOUTS.darwin) as RouteHeader;
  assertEquals(decodeRoute(bytes, header, LAYOUTS.darwin)?.source, null);
  const address = { address: "192.0.2.7", prefixLength: 24, other: "2001:db8::8", flags: 0 };
  const message = encodeAddress("darwin", 0xc, EN0, address, false);
  const layout = LAYOUTS.darwin;
  const decoded = decodeAddress(message, headerOf(message, layout) as RouteHeader, layout);
  assertEquals(decoded?.peerOrBroadcast, null);
});

Deno.test("decodeKernelEvent() refuses an event without its whole header", () => {
  const event = encodeKernelEvent(2, 12).subarray(0, 24); // struct kern_event_msg, sys/kern_event.h
  assertEquals(decodeKernelEvent(event).kind, "changed");
  assertThrows(() => decodeKernelEvent(event.subarray(0, 23)), DecodeError);
});
