// Interface names: lossless decoding from bytes to text, and what a name suggests about its interface.
import type { Interface, InterfaceKind } from "./types.ts";

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
    const byte = bytes[i]!;
    text += String.fromCharCode(byte);
    if (byte === 0x5c || byte >= 0x80) isPlain = false; // a backslash, or not ASCII
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
const PATTERNS: readonly (readonly [InterfaceKind, RegExp])[] = [
  ["virtual", /.\.\d+$/], // an 802.1Q sub-interface: its parent's name and the VLAN ID
  ["loopback", /^(lo\d*$|Loopback Pseudo-Interface )/], // the latter is Windows'
  ["bridge", /^(br-|docker_gwbridge$)/], // Docker's networks
  ["bridge", /^(br|bridge|vmbr|cni|cbr|docker|podman|lxcbr|lxdbr|incusbr|virbr)\d+$/],
  ["virtual", /^(veth|vnet|vmnet|vboxnet|ifb|dummy|bond|team|nlmon)/],
  ["virtual", /^(macvlan|macvtap|ipvlan|vxlan|vlan|vrf)/],
  ["virtual", /^(cali|cilium_|flannel|kube-|lxc|geneve|venet|fwbr|fwln|fwpr)/],
  ["virtual", /^epair\d+[ab]$/], // FreeBSD: the two ends of a virtual cable, used by jails
  ["virtual", /^(lagg|trunk|disc|edsc|pflog|pfsync|ipfw|usbus)\d+$/], // FreeBSD and OpenBSD
  ["virtual", /^(anpi|feth|vmenet)\d+$/], // Apple: internal processor link, fake Ethernet, virtual machines
  ["virtual", /^(vEthernet|VMware|VirtualBox)\b/], // Windows: Hyper-V (WSL too), VMware and VirtualBox adapters
  ["virtual", /^virbr\d+-nic$/],
  ["tunnel", /^(tun|tap|wg|ppp|utun|ipsec|gif|stf|sit|vti|xfrm)\d*$/],
  ["tunnel", /^(gre|gretap|erspan|ip6gre|ip6gretap)\d*$/],
  ["tunnel", /^(tunl|ip6tnl|ip_vti|ip6_vti|ng|wt|nebula)\d+$/],
  ["tunnel", /^enc0$/], // IPsec of the BSDs; on s390 "enc" precedes a longer device number
  ["tunnel", /^(tun|tap|wg|ppp|ipsec)[-_]/],
  ["tunnel", /^(tailscale|nordlynx|proton|CloudflareWARP)/i],
  ["tunnel", /^zt[0-9a-z]{8}$/], // ZeroTier
  ["wifi", /^wl/],
  ["wifi", /^(wifi|ath|awdl|llw|ap)\d+$/], // Apple's: peer to peer, low latency, access point; all use its radio
  ["wifi", /^(Wi-?Fi|Wireless Network Connection)\b/i],
  ["cellular", /^(ww|(v4-)?rmnet)/], // Qualcomm modems; "v4-" is Android's 464XLAT on top of one
  ["cellular", /^(ccmni|pdp_ip)\d+$/], // MediaTek; Apple
  ["cellular", /^Cellular\b/],
  ["ethernet", /^en/], // predictable names (systemd.net-naming-scheme), and Apple's en0
  ["ethernet", /^(eth|em|usb)\d+$/],
  // FreeBSD names an interface after its driver: virtual machines first, then hardware.
  ["ethernet", /^(vtnet|hn|xn|vmx|ena|gve)\d+$/],
  ["ethernet", /^(igb|igc|ix|ixl|ixv|ice|re|rl|rge|bge|bce|bnxt|alc|ale|age|fxp|dc|sk|msk)\d+$/],
  ["ethernet", /^(nfe|vge|vr|cxgbe?|cxl|cc|mce|mlxen|axge|ue|cpsw|dwc|genet|mvneta|dpni)\d+$/],
  ["ethernet", /^(qlnxe?|oce|sfxge|xl)\d+$/],
  ["ethernet", /^p\d+p\d+(_\d+)?$/], // biosdevname
  ["ethernet", /^(Ethernet|Local Area Connection)\b/],
];

/** The kind of interface that a name suggests: a heuristic, used if the system does not report it. */
export function kindByName(name: string): InterfaceKind {
  return PATTERNS.find(([, pattern]) => pattern.test(name))?.[0] ?? "unknown";
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

/** Whether kind and name suggest a host-only interface; used where the system does not report the topology. */
export function hostOnlyByName(kind: InterfaceKind, name: string): boolean {
  return kind === "loopback" ||
    (kind === "bridge" || kind === "virtual") && HOST_ONLY.some((pattern) => pattern.test(name));
}

/** An interface of which only the name is known, with the neutral values of `Knows.links` for all other fields. */
export function interfaceByName(name: string, fields: Partial<Interface>): Interface {
  const { kind = kindByName(name) } = fields;
  return {
    name,
    index: 0,
    kind,
    up: true,
    running: true,
    hostOnly: hostOnlyByName(kind, name),
    flags: 0,
    mac: null,
    mtu: 0,
    addresses: [],
    ...fields,
  };
}
