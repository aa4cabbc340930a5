/**
 * The events that messages of the routing socket become, each filter with its reason.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { decodeEvent, decodeKernelEvent } from "../../ffi/bsd/messages.ts";
import { SYSTEMS as LAYOUTS } from "../../ffi/bsd/systems.ts";
import { DecodeError } from "../../state/errors.ts";
import {
  EN0,
  encodeAddress,
  encodeAnnouncement,
  type EncodedOs,
  encodeGroup,
  encodeKernelEvent,
  encodeLiveNic,
  encodeRoute,
  type KernelRoute,
  refuse,
  type RouteOrigin,
} from "../support/bsd_encode.ts";

const SYSTEMS: readonly EncodedOs[] = ["darwin", "freebsd"];
const UP = 0x1;
const GATEWAY = 0x2;
const HOST = 0x4;

const DEFAULT: KernelRoute = {
  destination: "0.0.0.0",
  prefixLength: 0,
  gateway: "192.0.2.1",
  index: 5,
  flags: UP | GATEWAY,
  source: null,
};

function event(os: EncodedOs, bytes: Uint8Array): unknown {
  return decodeEvent(bytes, LAYOUTS[os]);
}

function kind(os: EncodedOs, bytes: Uint8Array): string {
  return (event(os, bytes) as { kind: string }).kind;
}

function route(
  os: EncodedOs,
  type: number,
  fields: Partial<KernelRoute> = {},
  origin: RouteOrigin = "kernel",
): string {
  return kind(os, encodeRoute(os, type, { ...DEFAULT, ...fields }, origin));
}

Deno.test("decodeEvent() reports messages that change the state", () => {
  for (const os of SYSTEMS) {
    const address = { address: "192.0.2.7", prefixLength: 24, other: null, flags: 0 };
    assertEquals(kind(os, encodeAddress(os, 0xc, EN0, address, true)), "changed");
    assertEquals(kind(os, encodeAddress(os, 0xd, EN0, address, true)), "changing");
    assertEquals(kind(os, encodeLiveNic(os, EN0)), "changing");
    for (const type of [1, 2, 3]) {
      assertEquals(route(os, type), "changed");
      assertEquals(route(os, type, {}, "request"), "changed");
      assertEquals(route(os, type, { prefixLength: 1 }), "changed");
      assertEquals(route(os, type, { destination: "2000::", prefixLength: 3 }), "changed");
    }
  }
  assertEquals(kind("freebsd", encodeAnnouncement(EN0, 0)), "changed");
  assertEquals(kind("freebsd", encodeAnnouncement(EN0, 1)), "changed");
});

Deno.test("decodeEvent() ignores messages that change no state", () => {
  for (const os of SYSTEMS) {
    // tailscale#19324, net-tools#203: thousands a second.
    assertEquals(route(os, 7, { destination: "2001:db8::1", flags: UP | HOST }), "noise");
    // Suspicions, redirects to one host, locked metrics, resolutions.
    for (const type of [5, 6, 8, 0xb]) assertEquals(route(os, type), "noise");
    // What was asked for and refused.
    const refused = refuse(encodeRoute(os, 1, DEFAULT, "request"), 17);
    assertEquals(kind(os, refused), "noise");
    // A router's table, ARP and neighbour discovery, our own and broadcast and multicast addresses.
    assertEquals(route(os, 1, { destination: "198.51.100.0", prefixLength: 24 }), "noise");
    assertEquals(route(os, 1, { destination: "224.0.0.0", prefixLength: 4 }), "noise");
    assertEquals(route(os, 1, { flags: UP | HOST }), "noise");
    for (const flag of [0x400, 0x200000, 0x400000, 0x800000]) {
      assertEquals(route(os, 1, { flags: UP | flag }), "noise", `flag ${flag.toString(16)}`);
    }
    assertEquals(kind(os, encodeGroup(os, 0x10, EN0, "ff02::fb")), "noise");
    // A route of another family: AF_LINK.
    const other = encodeRoute(os, 1, DEFAULT, "kernel");
    other[{ darwin: 92, freebsd: 152 }[os] + 1] = 18;
    assertEquals(kind(os, other), "noise");
  }
  // RTM_IEEE80211, RTM_IPFWLOG: of any length and content.
  for (const type of [0x12, 0x13]) {
    assertEquals(kind("freebsd", Uint8Array.of(4, 0, 5, type)), "noise");
  }
  // RTF_WASCLONED is macOS's own bit.
  assertEquals(route("darwin", 1, { flags: UP | 0x20000 }), "noise");
  assertEquals(route("freebsd", 1, { flags: UP | 0x20000 }), "changed");
});

Deno.test("decodeEvent() returns the question of an answer, and the interface of a group", () => {
  for (const os of SYSTEMS) {
    const answer = encodeRoute(os, 4, DEFAULT, "answer", { pid: 77, sequence: 99 });
    for (const bytes of [answer, refuse(answer, 3)]) {
      assertEquals(event(os, bytes), { kind: "answer", pid: 77, sequence: 99 });
    }
    assertEquals(event(os, encodeGroup(os, 0xf, EN0, "ff02::fb")), { kind: "joined", index: 5 });
  }
});

Deno.test("decodeEvent() reports types and versions of the future as malformed", () => {
  const strange: [EncodedOs, number, number][] = [
    ["darwin", 0x11, 5], // RTM_IFANNOUNCE of FreeBSD
    ["darwin", 0x63, 5],
    ["darwin", 0x7, 6],
    ["freebsd", 0x14, 5],
    ["freebsd", 0xe, 4],
  ];
  for (const [os, type, version] of strange) {
    const bytes = encodeLiveNic(os, EN0);
    bytes[2] = version;
    bytes[3] = type;
    assertEquals(kind(os, bytes), "malformed", `${os} ${type} ${version}`);
  }
});

Deno.test("decodeKernelEvent() separates changes from noise", () => {
  const cases: [subclass: number, code: number, changes: boolean][] = [
    [1, 1, true], // an IPv4 address
    [1, 7, false], // a collision
    [2, 9, true], // an interface attached
    [2, 11, true], // detached
    [2, 12, true], // link off
    [2, 13, true], // link on
    [2, 3, true], // MTU
    [2, 7, false], // a group
    [2, 20, false], // link quality
    [2, 21, false], // AWDL's neighbours
    [2, 99, true], // of the future
    [6, 1, true], // an IPv6 address
    [7, 5, true], // its check has ended well
    [7, 4, true], // or not
    [7, 7, true], // its lifetime has ended
    [7, 1, false], // a router advertisement
    [4, 1, false], // a socket
    [8, 1, false], // policies
  ];
  for (const [subclass, code, changes] of cases) {
    const { kind } = decodeKernelEvent(encodeKernelEvent(subclass, code));
    assertEquals(kind, changes ? "changed" : "noise", `${subclass}, ${code}`);
  }
  assertThrows(() => decodeKernelEvent(new Uint8Array(8)), DecodeError);
});

// net/net_kev.h of xnu: by subclass, the codes that change no state, of so many
const KERNEL_NOISE: [subclass: number, count: number, noise: number[]][] = [
  [1, 12, [7, 8, 9, 10]],
  [2, 31, [7, 8, 17, 18, 20, 21, 22, 24, 26, 27, 28, 29, 30]],
  [6, 8, [7]],
  [7, 8, [1, 2, 3]],
];

Deno.test("decodeKernelEvent() ignores the events that change no state, and no other", () => {
  for (const [subclass, count, noise] of KERNEL_NOISE) {
    const found = Array.from({ length: count }, (_, code) => code)
      .filter((code) => decodeKernelEvent(encodeKernelEvent(subclass, code)).kind === "noise");
    assertEquals(found, noise, `subclass ${subclass}`);
  }
});
