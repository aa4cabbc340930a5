/**
 * The decoders skip what they do not read: attributes of other link types, encapsulations, and nested
 * attributes whose types have another meaning there. The bodies are written by hand from the struct
 * layouts of the kernel headers (linux/if_link.h, linux/rtnetlink.h, linux/if_addr.h).
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { decodeAddress, decodeLink, decodeRoute } from "../../ffi/linux/messages.ts";
import { forEachMessage } from "../../ffi/linux/netlink.ts";
import { formatIp } from "../../state/ip.ts";
import { decodesOrRefuses, hex } from "../support/netlink.ts";

/** ifinfomsg: AF_UNSPEC, ARPHRD_ETHER, index 7, IFF_UP and others, no change mask. */
const IFINFO = "00 00 0100 07000000 43100100 00000000";
const ETH0 = "0900 0300 65746830 00 000000 0800 0400 dc050000"; // IFLA_IFNAME "eth0", IFLA_MTU 1500

/** IFLA_INFO_KIND of the drivers whose IFLA_INFO_DATA no capture shows. */
const KINDS = [
  ...["amt", "batadv", "bond", "bridge", "can", "erspan", "geneve", "gre", "gretap", "gtp", "hsr"],
  ...["ip6erspan", "ip6gre", "ip6gretap", "ip6tnl", "ipip", "ipoib", "ipvlan", "ipvtap", "macsec"],
  ...["macvlan", "macvtap", "netdevsim", "netkit", "rmnet", "sit", "vcan", "veth", "vlan", "vrf"],
  ...["vti", "vti6", "vxcan", "vxlan", "wireguard", "wwan"],
];

/** Inside IFLA_INFO_DATA these are the driver's: 1 is no IFLA_INFO_KIND, 4 no IFLA_MTU. */
const DRIVER_DATA = `
  0800 0100 78787800                       # 1, a text
  0500 0200 01 000000                      # 2, u8, padded
  0c00 0380 0800 0100 79797900             # 3, nested: 1 again
  0600 0400 12b5 0000                      # 4, u16 in network byte order
  1400 0500 20010db8000000000000000000000001  # 5, an IPv6 address
`;

Deno.test("decodeLink() finds the kind of every driver, whatever its data holds", () => {
  for (const kind of KINDS) {
    const name = attribute(1, new TextEncoder().encode(`${kind}\0`));
    const data = attribute(2, hex(DRIVER_DATA));
    const slaveKind = attribute(4, new TextEncoder().encode("bond\0")); // IFLA_INFO_SLAVE_KIND
    const slaveData = attribute(5, hex(DRIVER_DATA));
    for (const parts of [[name, data], [data, name], [slaveKind, slaveData, name, data]]) {
      const info = attribute(18, concat(parts)); // IFLA_LINKINFO
      const link = decodeLink(concat([hex(`${IFINFO} ${ETH0}`), info]));
      assertEquals([link.name, link.mtu, link.kind], ["eth0", 1500, kind]);
    }
  }
});

const UNREAD_BY_LINKS: readonly [name: string, attributes: string][] = [
  [
    "IFLA_PROP_LIST with IFLA_ALT_IFNAME",
    `2000 3480
       0e00 3500 656e7030733331663600 0000   # "enp0s31f6"
       0b00 3500 616c7465726e00 00           # "altern"
    `,
  ],
  [
    "IFLA_AF_SPEC of MCTP and IPv6",
    `1c00 1a80
       0c00 2d80 0800 0100 08000000          # AF_MCTP: IFLA_MCTP_NET 8
       0c00 0a80 0800 0100 00000080          # AF_INET6: IFLA_INET6_FLAGS
    `,
  ],
  ["an empty IFLA_AF_SPEC", "0400 1a80"],
  [
    "IFLA_PROTINFO of a bridge port",
    `1c00 0c80
       0500 0100 03 000000                   # IFLA_BRPORT_STATE
       0600 0200 2000 0000                   # IFLA_BRPORT_PRIORITY
       0500 0400 00 000000                   # IFLA_BRPORT_MODE, where 4 is not the MTU
    `,
  ],
  [
    "counters in 64 bits behind padding (IFLA_STATS64)",
    `0400 2a00 1400 1700 ffffffffffffffff ffffffffffffffff`,
  ],
  [
    "the name of the device's parent and the bus",
    `0e00 3800 303030303a30303a3100 0000
     0800 3900 70636900`,
  ],
  ["IFLA_NETNS_IMMUTABLE", "0500 4300 01 000000"],
  ["an attribute of the highest type", "0600 ff3f abcd 0000"],
];

Deno.test("decodeLink() skips attributes that it does not read", () => {
  const expected = decodeLink(hex(`${IFINFO} ${ETH0}`));
  for (const [name, attributes] of UNREAD_BY_LINKS) {
    assertEquals(decodeLink(hex(`${IFINFO} ${attributes} ${ETH0}`)), expected, name);
    assertEquals(decodeLink(hex(`${IFINFO} ${ETH0} ${attributes}`)), expected, name);
  }
});

Deno.test("decodeAddress() skips attributes that it does not read", () => {
  const header = "0a 40 00 00 0f010000"; // AF_INET6, /64, index 271
  const address = "1400 0100 20010db8000a0000b402dffffe5600c3"; // IFA_ADDRESS
  const unread = `
    1400 0600 03070000 fb060000 00000000 00000000  # IFA_CACHEINFO
    0500 0b00 02 000000                      # IFA_PROTO: from a router advertisement
    0800 0900 00040000                       # IFA_RT_PRIORITY 1024
    0800 0a00 03000000                       # IFA_TARGET_NETNSID
  `;
  const flags = "0800 0800 00010000"; // IFA_FLAGS: IFA_F_MANAGETEMPADDR
  const expected = decodeAddress(hex(`${header} ${address} ${flags}`));
  assertEquals(decodeAddress(hex(`${header} ${unread} ${address} ${flags}`)), expected);
  assertEquals(decodeAddress(hex(`${header} ${address} ${flags} ${unread}`)), expected);
  assertEquals([expected?.index, expected?.flags], [271, 0x100]);
});

const ROUTES: readonly [name: string, body: string, gateway: string | null, oif: number][] = [
  [
    "IPv4 with an MPLS encapsulation (RTA_ENCAP)",
    `02 20 00 00 fe 03 00 01 00000000
     0800 0f00 fe000000
     0800 0100 c6336401                      # RTA_DST 198.51.100.1
     0800 0500 c0000201                      # RTA_GATEWAY 192.0.2.1
     0800 0400 0a000000                      # RTA_OIF 10
     0c00 1680 0800 0100 00641140            # RTA_ENCAP: MPLS_IPTUNNEL_DST, where 1 is no RTA_DST
     0600 1500 0100 0000                     # RTA_ENCAP_TYPE LWTUNNEL_ENCAP_MPLS
    `,
    "192.0.2.1",
    10,
  ],
  [
    "IPv4 with an IPv6 tunnel (RTA_ENCAP)",
    `02 18 00 00 fe 03 fd 01 00000000
     0800 0100 c0000200                      # RTA_DST 192.0.2.0
     0800 0400 08000000                      # RTA_OIF 8
     2c00 1680
       0c00 0100 0000000000000064            # LWTUNNEL_IP6_ID
       1400 0200 20010db8000000000000000000000099  # LWTUNNEL_IP6_DST
       0500 0500 00 000000                   # LWTUNNEL_IP6_TC, where 5 is no RTA_GATEWAY
     0600 1500 0400 0000                     # RTA_ENCAP_TYPE LWTUNNEL_ENCAP_IP6
    `,
    null,
    8,
  ],
  [
    "MPLS with another label, over IPv6 (RTA_NEWDST, RTA_TTL_PROPAGATE, RTA_VIA)",
    `1c 14 00 00 fe 03 00 01 00000000
     0800 0100 00064100                      # RTA_DST, a label
     0500 1a00 01 000000                     # RTA_TTL_PROPAGATE
     0800 1300 00065100                      # RTA_NEWDST
     1600 1200 0a00 20010db8000000000000000000000001 0000  # RTA_VIA AF_INET6
     0800 0400 09000000
    `,
    "2001:db8::1",
    9,
  ],
  [
    "IPv4 with metrics and a user (RTA_METRICS, RTA_UID)",
    `02 10 00 00 fe 03 00 01 00000000
     1c00 0880
       0800 0400 20000000                    # RTAX_RTT, where 4 is no RTA_OIF
       0800 0500 00002000                    # RTAX_RTTVAR, where 5 is no RTA_GATEWAY
       0800 0700 0a000000                    # RTAX_CWND, where 7 is no RTA_PREFSRC
     0800 1900 e8030000                      # RTA_UID
     0800 0500 0a0000fe                      # RTA_GATEWAY 10.0.0.254
     0800 0400 11000000                      # RTA_OIF 17
    `,
    "10.0.0.254",
    17,
  ],
];

Deno.test("decodeRoute() skips attributes that it does not read", () => {
  for (const [name, body, gateway, oif] of ROUTES) {
    const route = decodeRoute(hex(body));
    const actual = route.gateway === null ? null : formatIp(route.gateway);
    assertEquals([actual, route.outInterface, route.source], [gateway, oif, null], name);
  }
});

const FRAMES: readonly [name: string, bytes: string, isWhole: boolean][] = [
  ["less than a header", "11111111 2222 3333 44444444 555555", false],
  ["a header without a body", "10000000 0000 0000 00000000 00000000", true],
  ["a length below the header's own", "09000000 0000 0000 00000000 00000000", false],
  ["a length beyond the end", "15000000 0000 0000 00000000 00000000 aaaaaaaa", false],
  ["a body", "14000000 0200 0000 02000000 14000000 61626364", true],
  ["an odd length with padding", "11000000 0200 0000 02000000 14000000 61 000000", true],
];

Deno.test("forEachMessage() accepts whole messages only", () => {
  for (const [name, bytes, isWhole] of FRAMES) {
    assertEquals(decodesOrRefuses(() => forEachMessage(hex(bytes), () => {}), () => name), isWhole);
  }
});

/** A netlink attribute, padded to 4 bytes. */
function attribute(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((value.length + 7) & ~3);
  new DataView(bytes.buffer).setUint16(0, value.length + 4, true);
  new DataView(bytes.buffer).setUint16(2, type, true);
  bytes.set(value, 4);
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
