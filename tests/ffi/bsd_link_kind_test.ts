/**
 * The kinds of interfaces of macOS and FreeBSD.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { linkKind } from "../../ffi/bsd/dump.ts";
import { SYSTEMS } from "../../ffi/bsd/systems.ts";
import type { InterfaceKind } from "../../state/types.ts";

// net/if_types.h of both
const OTHER = 0x01;
const ETHER = 0x06;
const PPP = 0x17;
const LOOP = 0x18;
const L2VLAN = 0x87;
const BRIDGE = 0xd1;
// of macOS
const MAC_GIF = 0x37;
const MAC_STF = 0x39;
const MAC_LAG = 0x88;
const CELLULAR = 0xff;
// of FreeBSD
const TUNNEL = 0x83;
const LAG = 0xa1;
const STF = 0xd7;
const GIF = 0xf0;
const ENC = 0xf4;
const PFLOG = 0xf6;
const PFSYNC = 0xf7;
const WIREGUARD = 0xf8;
const MBIM = 0xf9;
const UP = 0x1;
const LOOPBACK = 0x8;

type Row = readonly [InterfaceKind, name: string, type: number, flags?: number];

const BOTH: readonly Row[] = [
  ["bridge", "bridge0", BRIDGE],
  // The flag and the type decide before the name.
  ["loopback", "renamed", ETHER, LOOPBACK],
  ["bridge", "lan", BRIDGE],
  ["tunnel", "office", PPP],
  ["virtual", "guests", L2VLAN],
];

const DARWIN: readonly Row[] = [
  ...BOTH,
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
  ["virtual", "bond0", MAC_LAG],
  ["virtual", "uplink", MAC_LAG],
  ["bridge", "bridge100", BRIDGE],
  ["tunnel", "utun3", OTHER],
  ["tunnel", "ipsec0", OTHER],
  ["tunnel", "ppp0", PPP],
  ["tunnel", "gif0", MAC_GIF],
  ["tunnel", "home", MAC_GIF],
  ["tunnel", "stf0", MAC_STF],
  ["tunnel", "six", MAC_STF],
  ["cellular", "pdp_ip0", CELLULAR],
  ["cellular", "en7", CELLULAR],
  ["unknown", "XHC2", OTHER],
];

const FREEBSD: readonly Row[] = [
  ...BOTH,
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
  ["virtual", "uplink", LAG],
  ["virtual", "em0.100", L2VLAN],
  ["virtual", "pflog0", OTHER],
  ["virtual", "log", PFLOG],
  ["virtual", "sync", PFSYNC],
  ["tunnel", "tun0", PPP],
  ["tunnel", "wg0", WIREGUARD],
  ["tunnel", "office", WIREGUARD],
  ["tunnel", "tap0", ETHER],
  ["tunnel", "home", GIF],
  ["tunnel", "six", STF],
  ["tunnel", "me0", TUNNEL],
  ["tunnel", "enc0", ENC],
  ["tunnel", "ovpn0", ENC],
  ["cellular", "umb0", MBIM],
  // These numbers are macOS's alone: IFT_IEEE80212, IFT_HIPPI and IFT_L3IPVLAN here.
  ["unknown", "home", MAC_GIF],
  ["unknown", "six", MAC_STF],
  ["unknown", "uplink", MAC_LAG],
];

for (const [os, rows] of [["darwin", DARWIN], ["freebsd", FREEBSD]] as const) {
  for (const [kind, name, type, flags = UP] of rows) {
    Deno.test(`linkKind() of ${name}, type ${type} of ${os}, is ${kind}`, () => {
      assertEquals(linkKind({ flags, type }, name, SYSTEMS[os]), kind);
    });
  }
}
