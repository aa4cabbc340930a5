/**
 * What sort of interface a link of macOS or FreeBSD is.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { linkKind } from "../../ffi/bsd/link_kind.ts";
import type { InterfaceKind } from "../../state/types.ts";

// net/if_types.h
const OTHER = 0x01;
const ETHER = 0x06;
const PPP = 0x17;
const LOOP = 0x18;
const GIF = 0x37;
const STF = 0x39;
const L2VLAN = 0x87;
const LAG = 0x88;
const BRIDGE = 0xd1;
const CELLULAR = 0xff;
const UP = 0x1;
const LOOPBACK = 0x8;

const ROWS: readonly [InterfaceKind, name: string, type: number, flags?: number][] = [
  // macOS
  ["loopback", "lo0", LOOP, LOOPBACK],
  ["ethernet", "en0", ETHER],
  ["ethernet", "en11", ETHER],
  ["wifi", "awdl0", ETHER],
  ["wifi", "llw0", ETHER],
  ["wifi", "ap1", ETHER],
  ["virtual", "anpi1", ETHER],
  ["virtual", "feth0", ETHER],
  ["virtual", "vmenet0", ETHER],
  ["virtual", "vlan0", L2VLAN],
  ["virtual", "bond0", LAG],
  ["bridge", "bridge0", BRIDGE],
  ["bridge", "bridge100", BRIDGE],
  ["tunnel", "utun3", OTHER],
  ["tunnel", "ipsec0", OTHER],
  ["tunnel", "ppp0", PPP],
  ["tunnel", "gif0", GIF],
  ["tunnel", "stf0", STF],
  ["cellular", "pdp_ip0", CELLULAR],
  ["cellular", "en7", CELLULAR],
  ["unknown", "XHC2", OTHER],
  // FreeBSD
  ["wifi", "wlan0", ETHER],
  ["ethernet", "vtnet0", ETHER],
  ["ethernet", "hn0", ETHER],
  ["ethernet", "em0", ETHER],
  ["ethernet", "igb1", ETHER],
  ["ethernet", "ue0", ETHER],
  ["ethernet", "something0", ETHER],
  ["virtual", "epair0a", ETHER],
  ["virtual", "epair12b", ETHER],
  ["virtual", "lagg0", LAG],
  ["virtual", "em0.100", L2VLAN],
  ["virtual", "pflog0", OTHER],
  ["tunnel", "tun0", PPP],
  ["tunnel", "wg0", OTHER],
  ["tunnel", "tap0", ETHER],
  ["bridge", "bridge0", BRIDGE],
  // The flag and the type go before the name.
  ["loopback", "renamed", ETHER, LOOPBACK],
  ["bridge", "lan", BRIDGE],
];

for (const [kind, name, type, flags = UP] of ROWS) {
  Deno.test(`linkKind() of ${name}, type ${type}, is ${kind}`, () => {
    const link = {
      index: 1,
      name: new Uint8Array(),
      flags,
      type,
      mtu: 1500,
      address: new Uint8Array(),
      linkState: 0,
    };
    assertEquals(linkKind(link, name), kind);
  });
}
