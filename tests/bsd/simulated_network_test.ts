/**
 * The simulated kernels announce what the real ones do, in their order: as read in xnu 11417.101.15 and
 * FreeBSD 13.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { forEachMessage, headerOf, TYPE } from "../../ffi/bsd/messages.ts";
import { legibleMessage } from "../support/bsd.ts";
import { type EncodedOs, encodeRoute } from "../support/bsd_encode.ts";
import { LAYOUTS } from "../support/bsd_layouts.ts";
import { SimulatedNetwork } from "./simulated_network.ts";

const TYPES: Readonly<Record<number, string>> = {
  0x1: "ADD",
  0x2: "DELETE",
  0xc: "NEWADDR",
  0xd: "DELADDR",
  0xe: "IFINFO",
  0x11: "IFANNOUNCE",
};
const RTF_DONE = 0x40;

/** What a change makes the kernel announce; `+` marks RTF_DONE. */
function announcements(os: EncodedOs, change: (network: SimulatedNetwork) => void): string[] {
  const lines: string[] = [];
  let isListening = false;
  const note = (line: string) => isListening && lines.push(line);
  const network = new SimulatedNetwork(os, {
    route: (bytes) => forEachMessage(bytes, (message) => note(lineOf(os, message))),
    kernelEvent: (subclass, code) => os === "darwin" && note(`event ${subclass}.${code}`),
    networkChange: () => {},
  });
  network.create("en0");
  network.addAddress("en0", "192.0.2.7/24", { other: "192.0.2.255" });
  isListening = true;
  change(network);
  return lines;
}

function lineOf(os: EncodedOs, message: Uint8Array): string {
  const type = TYPES[message[TYPE]!]!;
  const said = legibleMessage(message, LAYOUTS[os]);
  if (headerOf(message, LAYOUTS[os])?.about === "address") return `${type} ${said!.address}`;
  if (said?.destination === undefined) return type;
  const done = ((said.flags as number) & RTF_DONE) === 0 ? "" : "+";
  return `${type}${done} ${said.destination}/${said.prefixLength}`;
}

const CHANGES: Readonly<Record<string, (network: SimulatedNetwork) => void>> = {
  "an IPv4 address comes": (network) => network.addAddress("en0", "198.51.100.7/24"),
  "a second one in its subnet": (network) => network.addAddress("en0", "192.0.2.8/24"),
  "an IPv4 address goes": (network) => network.removeAddress("en0", "192.0.2.7/24"),
  "an IPv6 address comes and goes": (network) => {
    network.addAddress("en0", "2001:db8::7/64");
    network.removeAddress("en0", "2001:db8::7/64");
  },
  "a program sets the default route": (network) => network.setDefaultRoute("en0", "192.0.2.1"),
  "an interface is destroyed": (network) => network.destroy("en0"),
};

const EXPECTED: Readonly<Record<EncodedOs, Readonly<Record<string, readonly string[]>>>> = {
  darwin: {
    "an IPv4 address comes": ["NEWADDR 198.51.100.7", "ADD 198.51.100.0/24", "event 1.1"],
    "a second one in its subnet": ["event 1.1"],
    "an IPv4 address goes": ["DELETE 192.0.2.0/24", "DELADDR 192.0.2.7", "event 1.3"],
    "an IPv6 address comes and goes": [
      "NEWADDR 2001:db8::7",
      "ADD 2001:db8::7/128",
      "event 6.1",
      "DELETE 2001:db8::7/128",
      "DELADDR 2001:db8::7",
      "event 6.3",
    ],
    "a program sets the default route": ["ADD+ 0.0.0.0/0"],
    "an interface is destroyed": ["event 2.11"],
  },
  freebsd: {
    "an IPv4 address comes": ["NEWADDR 198.51.100.7", "ADD+ 198.51.100.0/24"],
    "a second one in its subnet": ["NEWADDR 192.0.2.8"],
    "an IPv4 address goes": ["DELADDR 192.0.2.7", "DELETE+ 192.0.2.0/24"],
    "an IPv6 address comes and goes": [
      "NEWADDR 2001:db8::7",
      "ADD+ 2001:db8::7/128",
      "DELETE+ 2001:db8::7/128",
      "DELADDR 2001:db8::7",
    ],
    "a program sets the default route": ["ADD+ 0.0.0.0/0"],
    "an interface is destroyed": [
      "IFINFO",
      "DELADDR 192.0.2.7",
      "DELETE+ 192.0.2.0/24",
      "IFANNOUNCE",
    ],
  },
};

for (const os of ["darwin", "freebsd"] as const) {
  for (const [name, change] of Object.entries(CHANGES)) {
    Deno.test(`the simulated ${os} announces as the real one when ${name}`, () => {
      assertEquals(announcements(os, change), EXPECTED[os][name]);
    });
  }
}

Deno.test("a mask of /0 has no byte in a live message of xnu, and one unit in its answer", () => {
  const route = {
    destination: "0.0.0.0",
    prefixLength: 0,
    gateway: "192.0.2.1",
    index: 2,
    flags: 0x3,
    source: "192.0.2.7",
  };
  // rt_msghdr, DST, GATEWAY; NETMASK of no bytes; no IFA.
  assertEquals(encodeRoute("darwin", 1, route, "kernel").length, 92 + 16 + 16);
  assertEquals(encodeRoute("darwin", 4, route, "answer").length, 92 + 16 + 16 + 4);
  assertEquals(encodeRoute("darwin", 4, route, "dump").length, 92 + 16 + 16 + 4 + 16);
});
