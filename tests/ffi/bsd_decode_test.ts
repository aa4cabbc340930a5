/**
 * Routing messages of the BSDs: framing and content.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { decodeIp, forEachMessage } from "../../ffi/bsd/messages.ts";
import { DecodeError } from "../../state/errors.ts";
import { BSD_BLOCKS, BSD_IMAGES } from "../fixtures/bsd_images.ts";
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
    const read = () => forEachMessage(hex(bytes), () => count++);
    if (refused) assertThrows(read, DecodeError);
    else read();
    assertEquals(count, visited, bytes);
  }
});
