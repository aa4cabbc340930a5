// What sort of interface a link is: by what the kernel says of it, then by its name.
import { kindByName } from "../../state/interface_kind.ts";
import type { InterfaceKind } from "../../state/types.ts";
import * as C from "./constants.ts";
import type { LinkMessage } from "./link.ts";

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
  const named = kindByName(name);
  // A modem without a driver of its own shows as a raw IP link: its name is the better word.
  if (named === "wifi" || named === "cellular") return named;
  if (TUNNEL_TYPES.includes(hardwareType)) return "tunnel";
  return hardwareType === C.ARPHRD_ETHER ? "ethernet" : "unknown";
}
