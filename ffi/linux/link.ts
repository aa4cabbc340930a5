// Link messages (struct ifinfomsg and IFLA_*, linux/if_link.h), and what kind of interface they say.
import { DecodeError } from "../../state/errors.ts";
import { interfaceName, kindByName } from "../../state/interface_name.ts";
import type { InterfaceKind } from "../../state/types.ts";
import * as C from "./constants.ts";
import {
  align4,
  attributeLength,
  attributeType,
  encodeAttribute,
  encodeMessage,
  setU32,
  stringValue,
  u16,
  u32,
  u32Value,
  u8Value,
} from "./netlink.ts";

/** What a link message says. */
export interface LinkMessage {
  family: number; // AF_UNSPEC; AF_BRIDGE where the message is about the port of a bridge
  hardwareType: number; // ARPHRD_*
  index: number; // the interface index
  flags: number; // IFF_*
  name: string; // the name; empty where the message has none
  mac: string | null; // the hardware address, when it is of 6 bytes and not all zero
  mtu: number; // the MTU in bytes; 0 where the message has none
  operstate: number; // IF_OPER_*; 0, which is unknown, where the message has none
  kind: string | null; // the kind of a virtual link, such as `"veth"`; null for hardware
  master: number | null; // the index of the bridge, bond or VRF that it belongs to
  /** The index of the link that it sits on (VLAN, macvlan, veth); null if that is in another namespace. */
  parent: number | null;
}

/** Decodes the body of RTM_NEWLINK or RTM_DELLINK. Throws DecodeError. */
export function decodeLink(body: Uint8Array): LinkMessage {
  if (body.length < C.IFINFOMSG_SIZE) throw new DecodeError("ifinfomsg", 0);
  const link: LinkMessage = {
    family: body[0]!,
    hardwareType: u16(body, 2),
    index: u32(body, 4),
    flags: u32(body, 8),
    name: "",
    mac: null,
    mtu: 0,
    operstate: 0,
    kind: null,
    master: null,
    parent: null,
  };
  let isForeign = false;
  for (let at = C.IFINFOMSG_SIZE, length = 0; at < body.length; at += align4(length)) {
    length = attributeLength(body, at, body.length);
    switch (attributeType(body, at)) {
      case C.IFLA_IFNAME:
        link.name = interfaceName(stringValue(body, at, length));
        break;
      case C.IFLA_ADDRESS:
        link.mac = macValue(body, at, length);
        break;
      case C.IFLA_MTU:
        link.mtu = u32Value(body, at, length, "IFLA_MTU");
        break;
      case C.IFLA_OPERSTATE:
        link.operstate = u8Value(body, at, length, "IFLA_OPERSTATE");
        break;
      case C.IFLA_MASTER:
        link.master = u32Value(body, at, length, "IFLA_MASTER") || null;
        break;
      case C.IFLA_LINK:
        link.parent = u32Value(body, at, length, "IFLA_LINK") || null;
        break;
      case C.IFLA_LINK_NETNSID:
        isForeign = true;
        break;
      case C.IFLA_LINKINFO:
        link.kind = kindValue(body, at, length);
        break;
    }
  }
  if (isForeign || link.parent === link.index) link.parent = null;
  return link;
}

/** Asks for all links, without their counters, which are half of each message. */
export function encodeLinkDump(sequence = 0): Uint8Array {
  // All zero: strict checking refuses a header that asks for one link (rtnl_valid_dump_ifinfo_req()).
  return encodeLinkRequest(C.NLM_F_REQUEST | C.NLM_F_DUMP, sequence, 0);
}

/** Asks for one link. */
export function encodeLinkQuery(index: number, sequence = 0): Uint8Array {
  return encodeLinkRequest(C.NLM_F_REQUEST, sequence, index);
}

function encodeLinkRequest(flags: number, sequence: number, index: number): Uint8Array {
  const mask = new Uint8Array(4);
  setU32(mask, 0, C.RTEXT_FILTER_SKIP_STATS);
  const attribute = encodeAttribute(C.IFLA_EXT_MASK, mask);
  const body = new Uint8Array(C.IFINFOMSG_SIZE + attribute.length);
  setU32(body, 4, index);
  body.set(attribute, C.IFINFOMSG_SIZE);
  return encodeMessage(C.RTM_GETLINK, flags, sequence, body);
}

/** Tunnels put their endpoint here (4 or 16 bytes), InfiniBand 20 bytes: those are no MAC addresses. */
function macValue(bytes: Uint8Array, at: number, length: number): string | null {
  if (length !== C.RTATTR_SIZE + 6) return null;
  let mac = "";
  let bits = 0;
  for (let i = at + C.RTATTR_SIZE; i < at + length; i++) {
    const byte = bytes[i]!;
    bits |= byte;
    mac += (mac === "" ? "" : ":") + (byte < 16 ? "0" : "") + byte.toString(16);
  }
  return bits === 0 ? null : mac;
}

function kindValue(bytes: Uint8Array, at: number, length: number): string | null {
  let kind: string | null = null;
  const end = at + length;
  for (let inner = at + C.RTATTR_SIZE, size = 0; inner < end; inner += align4(size)) {
    size = attributeLength(bytes, inner, end);
    if (attributeType(bytes, inner) === C.IFLA_INFO_KIND) {
      kind = interfaceName(stringValue(bytes, inner, size)); // ASCII, too
    }
  }
  return kind;
}

/** `IFLA_INFO_KIND`, as the drivers' `rtnl_link_ops.kind` has it. */
const KINDS = new Map<string | null, InterfaceKind>(
  ([
    ["bridge", "bridge openvswitch"],
    ["tunnel", "tun wireguard gre gretap ip6gre ip6gretap erspan ip6erspan ipip sit ip6tnl"],
    ["tunnel", "vti vti6 xfrm ppp amt gtp ovpn ipoe"],
    ["cellular", "wwan rmnet"],
    ["virtual", "veth vxcan netkit dummy ifb nlmon vcan netdevsim"],
    ["virtual", "macvlan macvtap ipvlan ipvtap vlan vxlan geneve macsec bond team vrf hsr"],
  ] as const).flatMap(([kind, drivers]) => drivers.split(" ").map((it) => [it, kind] as const)),
);

const TUNNEL_TYPES: readonly number[] = [
  C.ARPHRD_PPP,
  C.ARPHRD_NONE,
  C.ARPHRD_TUNNEL,
  C.ARPHRD_TUNNEL6,
  C.ARPHRD_SIT,
  C.ARPHRD_IPGRE,
  C.ARPHRD_IP6GRE,
];

/** The flag decides loopback, not the address (denoland/std#5933), then the driver, then the name. */
export function linkKind(link: LinkMessage): InterfaceKind {
  const { flags, hardwareType, kind, name } = link;
  if (flags & C.IFF_LOOPBACK) return "loopback";
  const known = KINDS.get(kind);
  if (known !== undefined) return known;
  // No radio begins with "e": eth0 and enp3s0 are not held against 25 patterns, 1 ms in a first read.
  const named = name.startsWith("e") ? "ethernet" : kindByName(name);
  // A modem without a driver of its own shows as a raw IP link: its name is the better word.
  if (named === "wifi" || named === "cellular") return named;
  if (TUNNEL_TYPES.includes(hardwareType)) return "tunnel";
  return hardwareType === C.ARPHRD_ETHER ? "ethernet" : "unknown";
}
