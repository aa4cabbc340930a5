import { assertEquals } from "@std/assert";
import {
  decodeRoute,
  encodeAddressDump,
  encodeLinkDump,
  encodeRouteQuery,
} from "../../ffi/linux/messages.ts";
import { forEachMessage } from "../../ffi/linux/netlink.ts";
import { parseIp } from "../../state/ip.ts";
import { hex } from "../support/netlink.ts";
import { Random } from "../support/random.ts";

Deno.test("encodeLinkDump() asks for all links without counters, in a header that is all zero", () => {
  assertEquals(
    encodeLinkDump(),
    hex(`
      28000000 1200 0103 00000000 00000000     # 40 bytes, RTM_GETLINK, REQUEST | DUMP
      00000000 00000000 00000000 00000000      # ifinfomsg
      0800 1d00 08000000                       # IFLA_EXT_MASK: RTEXT_FILTER_SKIP_STATS
    `),
  );
});

Deno.test("encodeAddressDump() asks for both families at once", () => {
  assertEquals(
    encodeAddressDump(),
    hex(`
      18000000 1600 0103 00000000 00000000     # 24 bytes, RTM_GETADDR, REQUEST | DUMP
      00000000 00000000                        # ifaddrmsg: AF_UNSPEC
    `),
  );
});

const QUERIES: readonly [destination: string, fibMatch: boolean, bytes: string][] = [
  [
    "23.0.0.1",
    false,
    `
    24000000 1a00 0100 00000000 00000000       # 36 bytes, RTM_GETROUTE, REQUEST
    02 20 00 00 00 00 00 00 00000000           # AF_INET, /32
    0800 0100 17000001                         # RTA_DST
  `,
  ],
  [
    "23.0.0.1",
    true,
    `
    24000000 1a00 0100 00000000 00000000
    02 20 00 00 00 00 00 00 00200000           # RTM_F_FIB_MATCH
    0800 0100 17000001
  `,
  ],
  [
    "2a0f::1",
    false,
    `
    30000000 1a00 0100 00000000 00000000       # 48 bytes
    0a 80 00 00 00 00 00 00 00000000           # AF_INET6, /128
    1400 0100 2a0f0000000000000000000000000001
  `,
  ],
  [
    "2a0f::1",
    true,
    `
    30000000 1a00 0100 00000000 00000000
    0a 80 00 00 00 00 00 00 00200000           # RTM_F_FIB_MATCH
    1400 0100 2a0f0000000000000000000000000001
  `,
  ],
];

Deno.test("encodeRouteQuery() asks for one host", () => {
  for (const [destination, fibMatch, bytes] of QUERIES) {
    assertEquals(
      encodeRouteQuery(parseIp(destination)!, fibMatch ? 0x2000 : 0),
      hex(bytes),
      `${destination} ${fibMatch}`,
    );
  }
});

Deno.test("decodeRoute() reads back what encodeRouteQuery() asks", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const length = random.pick([4, 16]);
    const destination = Uint8Array.from({ length }, () => random.below(256));
    const asked = random.pick([0, 0x2000]); // RTM_F_FIB_MATCH
    forEachMessage(encodeRouteQuery(destination, asked), (message) => {
      assertEquals(message.body.slice(-length), destination, `seed ${seed}`);
      const { family, destinationLength, flags } = decodeRoute(message.body);
      assertEquals(
        { family, destinationLength, flags },
        {
          family: length === 4 ? 2 : 10,
          destinationLength: length * 8,
          flags: asked,
        },
        `seed ${seed}`,
      );
    });
  }
});
