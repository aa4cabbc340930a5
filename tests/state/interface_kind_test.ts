import { assertEquals } from "@std/assert";
import { hostOnlyByName, interfaceByName, kindByName } from "../../state/interface_name.ts";
import type { InterfaceKind } from "../../state/types.ts";

const NAMES: Record<InterfaceKind, string[]> = {
  loopback: ["lo", "lo0", "lo1", "Loopback Pseudo-Interface 1"],
  wifi: [
    "wlan0",
    "wlp2s0",
    "wlx00c0ca981f2a",
    "awdl0",
    "llw1",
    "llw0",
    "ap1",
    "Wi-Fi",
    "Wi-Fi 2",
    "WiFi",
    "Wireless Network Connection 2",
    "wifi0",
    "ath0",
  ],
  cellular: [
    "wwan0",
    "wwp0s20f0u3i12",
    "rmnet0",
    "rmnet_data1",
    "v4-rmnet_data0",
    "ccmni0",
    "pdp_ip0",
    "Cellular",
  ],
  tunnel: [
    "tun0",
    "tap0",
    "wg0",
    "wg-office",
    "ppp0",
    "tailscale0",
    "Tailscale",
    "utun7",
    "ipsec0",
    "gif0",
    "stf0",
    "gre0",
    "gretap0",
    "sit0",
    "ip6tnl0",
    "tunl0",
    "ip_vti0",
    "zt5u4uptmb",
    "wt0",
    "nordlynx",
    "enc0",
    "xfrm0",
    "erspan0",
    "ng0",
    "nebula1",
  ],
  bridge: [
    "br-xx",
    "br-0123456789ab",
    "br0",
    "docker0",
    "docker_gwbridge",
    "virbr0",
    "bridge100",
    "vmbr0",
    "cni0",
  ],
  virtual: [
    "veth1a2b",
    "vmnet8",
    "vnet3",
    "vboxnet0",
    "ifb0",
    "dummy0",
    "bond0",
    "team0",
    "vlan10",
    "eth0.100",
    "anpi0",
    "vEthernet (WSL)",
    "vEthernet (Default Switch)",
    "VMware Network Adapter VMnet8",
    "cali0123456789a",
    "virbr0-nic",
    "nlmon0",
    "ipvlan0",
    "geneve1",
    "disc0",
    "usbus0",
  ],
  ethernet: [
    "eth0",
    "eth10",
    "en0",
    "eno1",
    "ens3",
    "enp0s31f6",
    "enx001122334455",
    "enc600",
    "em1",
    "p1p1",
    "p4p2_0",
    "usb0",
    "Ethernet",
    "Ethernet 2",
    "Local Area Connection",
    "vtnet0",
    "ena0",
    "oce0",
    "qlnxe0",
  ],
  unknown: [
    "",
    "foo",
    "xwlan0",
    "myeth0",
    "notlo",
    "brian",
    "docker",
    "Ethernetwork",
    "WiFinance",
    "lowpan0",
    ".5",
    "zt5u4uptmbx",
    "__proto__",
    "\x1b[2J",
  ],
};

// net-tools' netwatch filters "awdl", "llw", "anpi"… after `trim_end_matches("0123456789")`, which
// trims that one string and no digit: "awdl0" stayed "awdl0" and the filter never matched.
Deno.test("kindByName() knows the usual names", async (t) => {
  for (const [kind, names] of Object.entries(NAMES)) {
    for (const name of names) {
      await t.step(
        `${JSON.stringify(name)} is ${kind}`,
        () => assertEquals(kindByName(name), kind),
      );
    }
  }
});

const HOST_ONLY: Record<"true" | "false", readonly string[]> = {
  true: [
    ...["lo", "lo0", "docker0", "docker_gwbridge", "br-0123456789ab", "podman1", "cni0", "cbr0"],
    ...["virbr0", "virbr0-nic", "lxcbr0", "lxdbr0", "incusbr0", "veth1a2b", "vnet3", "vmnet8"],
    ...["vboxnet0", "ifb0", "dummy0", "nlmon0", "cali123", "cilium_host", "flannel.1", "fwbr100i0"],
    ...[
      "kube-ipvs0",
      "lxc1a2b",
      "fwln100i0",
      "fwpr100p0",
      "bridge100",
      "bridge101",
      "feth0",
      "vmenet0",
      "anpi0",
      "epair0a",
    ],
    ...["vEthernet (WSL)", "VMware Network Adapter VMnet8", "VirtualBox Host-Only Network"],
  ],
  false: [
    ...["eth0", "en0", "wlan0", "wwan0", "tun0", "tailscale0", "foo", ""],
    ...[
      "br0",
      "br-lan",
      "br-abc",
      "vmbr0",
      "bridge0",
      "bond0",
      "team0",
      "eth0.100",
      "vlan5",
      "macvlan0",
    ],
    ...["ipvlan0", "vrf-blue", "lagg0", "venet0", "VMware", "vEthernetwork"],
  ],
};

Deno.test("hostOnlyByName() is a guess for containers and virtual machines only", async (t) => {
  for (const [expected, names] of Object.entries(HOST_ONLY)) {
    for (const name of names) {
      await t.step(`${JSON.stringify(name)}: ${expected}`, () => {
        assertEquals(String(hostOnlyByName(kindByName(name), name)), expected);
      });
    }
  }
});

Deno.test("hostOnlyByName() checks the kind first: users may give hardware any name", () => {
  for (const kind of ["ethernet", "wifi", "cellular", "tunnel", "unknown"] as const) {
    assertEquals(hostOnlyByName(kind, "docker0"), false);
    assertEquals(interfaceByName("docker0", { kind }).hostOnly, false);
  }
});
