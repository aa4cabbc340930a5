/**
 * What sort of interface a link message is about.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { linkKind, type LinkMessage } from "../../ffi/linux/messages.ts";
import type { InterfaceKind } from "../../state/types.ts";

// linux/if_arp.h
const ETHER = 1;
const INFINIBAND = 32;
const PPP = 512;
const RAWIP = 519;
const TUNNEL = 768;
const TUNNEL6 = 769;
const LOOPBACK = 772;
const SIT = 776;
const IPGRE = 778;
const IP6GRE = 823;
const NONE = 0xfffe;
// linux/if.h
const IFF_LOOPBACK = 0x8;

type Row = [
  kind: InterfaceKind,
  name: string,
  type: number,
  driver?: string | null,
  flags?: number,
];

/** The driver decides even where the name suggests another kind, and the type none. */
const OVERRIDING: Row[] = ([
  ["tunnel", "gre ip6gre erspan ip6erspan ipip sit ip6tnl vti vti6 xfrm ppp amt gtp ovpn ipoe"],
  ["virtual", "vxcan netkit nlmon vcan netdevsim macvtap ipvtap geneve macsec hsr"],
] as const).flatMap(([kind, drivers]) =>
  drivers.split(" ").map((driver): Row => [kind, "wlan0", ETHER, driver])
);

const ROWS: Row[] = [
  ["loopback", "lo", LOOPBACK, null, IFF_LOOPBACK],
  ["loopback", "renamed", LOOPBACK, null, IFF_LOOPBACK],
  ["loopback", "d0", ETHER, "dummy", IFF_LOOPBACK],
  ["ethernet", "eth0", ETHER],
  ["ethernet", "enp3s0", ETHER],
  ["ethernet", "uplink", ETHER],
  ["wifi", "wlan0", ETHER],
  ["wifi", "wlp2s0", ETHER],
  ["cellular", "wwan0", ETHER],
  ["cellular", "wwan0", NONE],
  ["cellular", "wwp0s20u4", RAWIP],
  ["cellular", "rmnet_data0", RAWIP],
  ["cellular", "modem", NONE, "wwan"],
  ["cellular", "modem", RAWIP, "rmnet"],
  ["bridge", "br0", ETHER, "bridge"],
  ["bridge", "eth9", ETHER, "bridge"],
  ["bridge", "ovs", ETHER, "openvswitch"],
  ["tunnel", "tun0", NONE, "tun"],
  ["tunnel", "office", ETHER, "tun"],
  ["tunnel", "wlan-vpn", NONE, "wireguard"],
  ["tunnel", "eth5", IPGRE, "gre"],
  ["tunnel", "g", ETHER, "gretap"],
  ["tunnel", "g", IP6GRE, "ip6gre"],
  ["tunnel", "g", ETHER, "ip6gretap"],
  ["tunnel", "t", TUNNEL, "ipip"],
  ["tunnel", "t", SIT, "sit"],
  ["tunnel", "t", TUNNEL6, "ip6tnl"],
  ["tunnel", "t", TUNNEL, "vti"],
  ["tunnel", "t", TUNNEL6, "vti6"],
  ["tunnel", "t", NONE, "xfrm"],
  ["tunnel", "t", PPP, "ppp"],
  ["tunnel", "link", PPP],
  ["tunnel", "link", NONE],
  ["tunnel", "link", TUNNEL],
  ["tunnel", "link", TUNNEL6],
  ["tunnel", "link", SIT],
  ["tunnel", "link", IPGRE],
  ["tunnel", "link", IP6GRE],
  ["virtual", "eth0", ETHER, "veth"],
  ["virtual", "wlan0", ETHER, "macvlan"],
  ["virtual", "d", ETHER, "dummy"],
  ["virtual", "d", ETHER, "ifb"],
  ["virtual", "d", ETHER, "ipvlan"],
  ["virtual", "d", ETHER, "vlan"],
  ["virtual", "d", ETHER, "vxlan"],
  ["virtual", "d", ETHER, "bond"],
  ["virtual", "d", ETHER, "team"],
  ["virtual", "d", ETHER, "vrf"],
  ...OVERRIDING,
  // A driver is known by its whole name, and one that is not known says nothing.
  ["ethernet", "x", ETHER, "not-veth"],
  ["ethernet", "x", ETHER, "vethy"],
  ["wifi", "wlan0", ETHER, "unheard-of"],
  ["unknown", "ib0", INFINIBAND],
  ["unknown", "link", RAWIP],
];

for (const [expected, name, hardwareType, kind = null, flags = 0] of ROWS) {
  const driver = kind === null ? "no driver" : `driver ${kind}`;
  const title = `"${name}" of type ${hardwareType}, ${driver}, flags ${flags}`;
  Deno.test(`linkKind() is ${expected} for ${title}`, () => {
    const link: LinkMessage = {
      family: 0,
      hardwareType,
      index: 7,
      flags,
      name,
      mac: null,
      mtu: 1500,
      operstate: 6,
      kind,
      master: null,
      parent: null,
    };
    assertEquals(linkKind(link), expected);
  });
}
