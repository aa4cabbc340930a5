/**
 * What sort of interface a link is: by its flags and type, then by its name.
 *
 * @module
 */
import { kindByName } from "../../state/interface_kind.ts";
import type { InterfaceKind } from "../../state/types.ts";
import {
  IFF_LOOPBACK,
  IFT_BRIDGE,
  IFT_CELLULAR,
  IFT_ETHER,
  IFT_GIF,
  IFT_IEEE8023ADLAG,
  IFT_L2VLAN,
  IFT_LOOP,
  IFT_PPP,
  IFT_STF,
} from "./constants.ts";
import type { Link } from "./route_message.ts";

/** Types that say it all. Wi-Fi, taps and internal links call themselves Ethernet, utun nothing at all. */
const KINDS: Readonly<Record<number, InterfaceKind>> = {
  [IFT_LOOP]: "loopback",
  [IFT_BRIDGE]: "bridge",
  [IFT_CELLULAR]: "cellular",
  [IFT_PPP]: "tunnel",
  [IFT_GIF]: "tunnel",
  [IFT_STF]: "tunnel",
  [IFT_L2VLAN]: "virtual",
  [IFT_IEEE8023ADLAG]: "virtual",
};

/** The kind of a link with this name. */
export function linkKind({ flags, type }: Link, name: string): InterfaceKind {
  if (flags & IFF_LOOPBACK) return "loopback";
  const kind = KINDS[type] ?? kindByName(name);
  return kind === "unknown" && type === IFT_ETHER ? "ethernet" : kind;
}
