/**
 * What a real BSD kernel sends: captures of a NetBSD kernel, decoded by the code that decodes macOS and
 * FreeBSD.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  decodeDefaultRoutes,
  decodeInterfaces,
  findDefaultRoutes,
  publishedInterface,
} from "../../ffi/bsd/dump.ts";
import { forEachMessage, headerOf, TYPE } from "../../ffi/bsd/messages.ts";
import { SYSTEMS } from "../../ffi/bsd/systems.ts";
import { NETBSD_CAPTURES, type NetbsdCapture } from "../fixtures/netbsd.ts";
import { legibleMessage } from "../support/bsd.ts";
import { LAYOUTS, NETBSD } from "../support/bsd_layouts.ts";
import { concat } from "../support/bsd_encode.ts";
import { hex } from "../support/netlink.ts";

const LAYOUT = LAYOUTS.netbsd;

/** The messages of each step, one per line, written by hand from the commands. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  "ifcreate shmif0": ["announcement"],
  "v4 addr add": [
    "address 198.51.100.5/24 on 2",
    "1: 198.51.100.5/32 on 2",
    "1: 198.51.100.0/24 on 2",
    "link 2 up",
    "address fe80::b0a0:68ff:fe8d:a51b/64 on 2",
    "1: fe80::b0a0:68ff:fe8d:a51b/128 on 2",
    "1: fe80::/64 on 2",
  ],
  "v6 addr add": [
    "address 2001:db8::5/64 on 2",
    "1: 2001:db8::5/128 on 2",
    "1: 2001:db8::/64 on 2",
  ],
  // The echoes of requests: as they were sent, without an index.
  "v4 default add": ["1: 0.0.0.0/0 via 198.51.100.1 on 0"],
  "v6 default add": ["1: ::/0 via 2001:db8::1 on 0"],
  "v4 second": [
    "address 203.0.113.7/25 on 2",
    "1: 203.0.113.7/32 on 2",
    "1: 203.0.113.0/25 on 2",
  ],
  "RTM_GET": ["4: 198.51.100.99/32 on 2"],
  "RTM_GET default": ["4: 8.8.100.99/32 on 2", "address fe80::b0a0:68ff:fe8d:a51b/64 on 2"],
  "dump v4": [
    "4: 0.0.0.0/0 via 198.51.100.1 on 2",
    "4: 127.0.0.1/32 on 1",
    "4: 198.51.100.0/24 on 2",
    "4: 198.51.100.5/32 on 1",
    "4: 203.0.113.0/25 on 2",
    "4: 203.0.113.7/32 on 1",
  ],
  "dump routes": [
    "4: 0.0.0.0/0 via 198.51.100.1 on 2",
    "4: 127.0.0.1/32 on 1",
    "4: 198.51.100.0/24 on 2",
    "4: 198.51.100.5/32 on 1",
    "4: 203.0.113.0/25 on 2",
    "4: 203.0.113.7/32 on 1",
    "4: ::/0 via 2001:db8::1 on 2",
    "4: ::1/128 on 1",
    "4: 2001:db8::/64 on 2",
    "4: 2001:db8::5/128 on 1",
    "4: fe80::/64 on 1",
    "4: fe80::1/128 on 1",
    "4: fe80::/64 on 2",
    "4: fe80::b0a0:68ff:fe8d:a51b/128 on 1",
    "4: ff01::/32 on 1",
    "4: ff01::/32 on 2",
    "4: ff02::/32 on 1",
    "4: ff02::/32 on 2",
  ],
  "iflist5": [
    "link 1 up",
    "address without IP",
    "address 127.0.0.1/8 on 1",
    "address ::1/128 on 1",
    "address fe80::1/64 on 1",
    "link 2 up",
    "address without IP",
    "address 198.51.100.5/24 on 2",
    "address fe80::b0a0:68ff:fe8d:a51b/64 on 2",
    "address 2001:db8::5/64 on 2",
    "address 203.0.113.7/25 on 2",
  ],
  "ifdown": [
    "link 2 down",
    "address 198.51.100.5/24 on 2",
    "address 203.0.113.7/25 on 2",
    "address fe80::b0a0:68ff:fe8d:a51b/64 on 2",
    "address 2001:db8::5/64 on 2",
  ],
  "ifdestroy": [
    "link 2 down",
    "link 2 down",
    "2: 198.51.100.0/24 on 2",
    "2: 198.51.100.5/32 on 2",
    "address 198.51.100.5/24 on 2",
    "2: 203.0.113.0/25 on 2",
    "2: 203.0.113.7/32 on 2",
    "address 203.0.113.7/25 on 2",
    "2: 2001:db8::/64 on 2",
    "2: fe80::/64 on 2",
    "2: fe80::b0a0:68ff:fe8d:a51b/128 on 2",
    "address fe80::b0a0:68ff:fe8d:a51b/64 on 2",
    "2: 2001:db8::5/128 on 2",
    "address 2001:db8::5/64 on 2",
    "announcement",
  ],
  "after overflow": ["announcement", "link 2 down"],
};

Deno.test("all captures of a NetBSD kernel decode, and say what each step did", () => {
  assertEquals(NETBSD_CAPTURES.length, 44);
  assertEquals(bySteps(NETBSD_CAPTURES), EXPECTED);
});

Deno.test("the same captures decode in the numbering of NetBSD 8 and later", () => {
  const today = NETBSD_CAPTURES.map((capture) => ({ ...capture, hex: renumbered(capture.hex) }));
  assertEquals(bySteps(today), EXPECTED);
});

Deno.test("a dump of a NetBSD kernel has exactly two default routes", () => {
  const dump = bytesOf("dump routes");
  const routes = decodeDefaultRoutes(dump, LAYOUT, unexpected)!;
  assertEquals(routes.length, 2);
  const interfaces = decodeInterfaces(bytesOf("iflist5"), LAYOUT, unexpected)
    .map((listed) => publishedInterface(listed, SYSTEMS.freebsd, null));
  assertEquals(interfaces.map(({ mac, mtu, name }) => [name, mac, mtu]), [
    ["lo0", null, 33_624],
    ["shmif0", "b2:a0:68:8d:a5:1b", 1_500],
  ]);
  const hop = { interface: "shmif0", metric: null };
  assertEquals(findDefaultRoutes(routes, interfaces, 0), {
    ipv4: { ...hop, gateway: "198.51.100.1", source: "198.51.100.5" },
    ipv6: { ...hop, gateway: "2001:db8::1", source: "2001:db8::5" },
  });
});

function unexpected(): never {
  throw new Error("A record of the dump is malformed");
}

function bytesOf(step: string): Uint8Array {
  return hex(NETBSD_CAPTURES.find((it) => it.step === step)!.hex);
}

function bySteps(captures: readonly NetbsdCapture[]): Record<string, string[]> {
  const steps: Record<string, string[]> = {};
  for (const { hex: text, step } of captures) {
    const lines = steps[step] ??= [];
    forEachMessage(hex(text), (message) => lines.push(lineOf(message)));
  }
  return steps;
}

function lineOf(message: Uint8Array): string {
  const said = legibleMessage(message, LAYOUT);
  const about = headerOf(message, LAYOUT)?.about;
  switch (about) {
    case "link":
      return `link ${said?.index} ${(said?.flags as number) & 1 ? "up" : "down"}`;
    case "address":
      return said === null
        ? "address without IP"
        : `address ${said.address}/${said.prefixLength} on ${said.index}`;
    case "route": {
      const via = said?.gateway === null ? "" : ` via ${said?.gateway}`;
      return `${message[TYPE]}: ${said?.destination}/${said?.prefixLength}${via} on ${said?.index}`;
    }
    default:
      return `${about}`;
  }
}

/** Writes the address messages anew: other types, another struct ifa_msghdr, the same sockaddrs. */
function renumbered(text: string): string {
  const messages: Uint8Array[] = [];
  forEachMessage(hex(text), (bytes) => {
    const type = bytes[TYPE]!;
    const types: Record<number, number> = {
      [NETBSD.RTM_ONEWADDR]: NETBSD.RTM_NEWADDR,
      [NETBSD.RTM_ODELADDR]: NETBSD.RTM_DELADDR,
    };
    if (types[type] === undefined) return messages.push(bytes);
    const old = new DataView(bytes.buffer, bytes.byteOffset);
    const header = new DataView(new ArrayBuffer(32));
    header.setUint16(0, bytes.length + 8, true);
    header.setUint8(2, NETBSD.RTM_VERSION);
    header.setUint8(3, types[type]);
    header.setUint16(4, old.getUint16(16, true), true); // ifam_index
    header.setInt32(12, old.getInt32(4, true), true); // ifam_addrs
    messages.push(new Uint8Array(header.buffer), bytes.subarray(24));
  });
  return concat(messages).toHex();
}
