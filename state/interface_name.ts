// Interface names: from bytes to text, without loss, and the kind of interface that they suggest.
import type { InterfaceKind } from "./types.ts";

const BACKSLASH = 0x5c;

/** A backslash that `interfaceName()` could have written itself. */
const ESCAPE_LOOK_ALIKE = /\\(?=x[0-9a-fA-F]{2})/g;

/** A well-formed sequence of UTF-8 (Unicode, table 3-7), or any other byte that is not ASCII. */
const SEQUENCE =
  /[\xc2-\xdf][\x80-\xbf]|(?:\xe0[\xa0-\xbf]|\xed[\x80-\x9f]|[\xe1-\xec\xee\xef][\x80-\xbf])[\x80-\xbf]|(?:\xf0[\x90-\xbf]|\xf4[\x80-\x8f]|[\xf1-\xf3][\x80-\xbf])[\x80-\xbf]{2}|[\x80-\xff]/g;

/**
 * Decodes the name of an interface. The kernel accepts any byte but NUL, `/`, `:` and white space
 * (`dev_valid_name` in net/core/dev.c), so a name need not be UTF-8: a byte that is not part of valid UTF-8
 * becomes `\xhh`. Different names never yield the same text: a backslash that precedes `x` and two
 * hexadecimal digits in the name itself becomes `\x5c`.
 */
export function interfaceName(bytes: Uint8Array): string {
  let text = "";
  let isPlain = true;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    text += String.fromCharCode(byte);
    if (byte >= 0x80 || byte === BACKSLASH) isPlain = false;
  }
  if (isPlain) return text;
  return text
    .replace(ESCAPE_LOOK_ALIKE, "\\x5c")
    .replace(SEQUENCE, (sequence) => {
      if (sequence.length === 1) return `\\x${sequence.charCodeAt(0).toString(16)}`;
      const bytes = Uint8Array.from(sequence, (byte) => byte.charCodeAt(0));
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    });
}

/**
 * The first match wins. Every pattern matches a whole name or an anchored prefix. Trimming the digits first
 * is error-prone: net-tools' netwatch calls `trim_end_matches("0123456789")`, which removes only that
 * exact string, so its list of Apple interfaces never matched "awdl0".
 */
const PATTERNS: readonly (readonly [InterfaceKind, readonly RegExp[]])[] = [
  ["loopback", [
    /^lo\d*$/,
    /^Loopback Pseudo-Interface /, // Windows
  ]],
  ["bridge", [
    /^br-/, // Docker's networks
    /^(br|bridge|vmbr|cni|cbr|docker|podman|lxcbr|lxdbr|incusbr|virbr)\d+$/,
    /^docker_gwbridge$/,
  ]],
  ["virtual", [
    /^(veth|vnet|vmnet|vboxnet|ifb|dummy|bond|team|nlmon|macvlan|macvtap|ipvlan|vxlan|vlan|vrf)/,
    /^(cali|cilium_|flannel|kube-|lxc|geneve|venet|fwbr|fwln|fwpr)/,
    /^epair\d+[ab]$/, // FreeBSD: the two ends of a virtual cable, used by jails
    /^(lagg|trunk|disc|edsc|pflog|pfsync|ipfw|usbus)\d+$/, // FreeBSD and OpenBSD
    /^(anpi|feth|vmenet)\d+$/, // Apple: internal processor link, fake Ethernet, virtual machines
    /^(vEthernet|VMware|VirtualBox)\b/, // Windows: Hyper-V (WSL too), VMware and VirtualBox adapters
    /^virbr\d+-nic$/,
  ]],
  ["tunnel", [
    /^(tun|tap|wg|ppp|utun|ipsec|gif|stf|gre|gretap|erspan|ip6gre|ip6gretap|sit|vti|xfrm)\d*$/,
    /^(tunl|ip6tnl|ip_vti|ip6_vti|ng|wt|nebula)\d+$/,
    /^enc0$/, // IPsec of the BSDs; on s390 "enc" precedes a longer device number
    /^(tun|tap|wg|ppp|ipsec)[-_]/,
    /^(tailscale|nordlynx|proton|CloudflareWARP)/i,
    /^zt[0-9a-z]{8}$/, // ZeroTier
  ]],
  ["wifi", [
    /^wl/,
    /^(awdl|llw|ap)\d+$/, // Apple: peer to peer, low latency, access point; all use the Wi-Fi radio
    /^(wifi|ath)\d+$/,
    /^(Wi-?Fi|Wireless Network Connection)\b/i,
  ]],
  ["cellular", [
    /^ww/,
    /^(v4-)?rmnet/, // Qualcomm modems; "v4-" is Android's 464XLAT on top of one
    /^(ccmni|pdp_ip)\d+$/, // MediaTek; Apple
    /^Cellular\b/,
  ]],
  ["ethernet", [
    /^en/, // predictable names (systemd.net-naming-scheme), and Apple's en0
    /^(eth|em|usb)\d+$/,
    // FreeBSD names an interface after its driver: virtual machines first, then hardware.
    /^(vtnet|hn|xn|vmx|ena|gve|igb|igc|ix|ixl|ixv|ice|re|rl|rge|bge|bce|bnxt|alc|ale|age|fxp|dc|sk|msk)\d+$/,
    /^(nfe|vge|vr|cxgbe?|cxl|cc|mce|mlxen|axge|ue|cpsw|dwc|genet|mvneta|dpni|qlnxe?|oce|sfxge|xl)\d+$/,
    /^p\d+p\d+(_\d+)?$/, // biosdevname
    /^(Ethernet|Local Area Connection)\b/,
  ]],
];

/** An 802.1Q sub-interface: its parent's name and the VLAN ID. */
const VLAN = /.\.\d+$/;

/** The kind of interface that a name suggests: a heuristic, used if the system says nothing better. */
export function kindByName(name: string): InterfaceKind {
  if (VLAN.test(name)) return "virtual";
  for (const [kind, patterns] of PATTERNS) {
    if (patterns.some((pattern) => pattern.test(name))) return kind;
  }
  return "unknown";
}

/**
 * Bridges and virtual interfaces that only connect containers and virtual machines. `br0`, `br-lan` (OpenWrt),
 * `bond0` and VLANs are not among them: they usually sit on hardware.
 */
const HOST_ONLY: readonly RegExp[] = [
  /^(br-[0-9a-f]{12}$|docker_gwbridge$|veth|vnet|vmnet|vboxnet|ifb|dummy|nlmon)/,
  /^(docker|podman|cni|cbr|lxcbr|lxdbr|incusbr|virbr)\d+(-nic)?$/,
  /^(cali|cilium_|flannel|kube-|lxc|fwbr|fwln|fwpr)/,
  /^(bridge[1-9]\d\d|feth\d+|vmenet\d+|anpi\d+|epair\d+[ab])$/, // Apple's vmnet: bridge100 and up
  /^(vEthernet|VMware Network Adapter|VirtualBox Host-Only)\b/,
];

/** Whether an interface is host-only as its kind and name tell, where the system does not tell its topology. */
export function hostOnlyByName(kind: InterfaceKind, name: string): boolean {
  return kind === "loopback" ||
    (kind === "bridge" || kind === "virtual") && HOST_ONLY.some((pattern) => pattern.test(name));
}
