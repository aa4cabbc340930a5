/**
 * The network according to iproute2, for comparison with the monitor. It is read with `ip -j` and
 * evaluated here, using nothing of the code under test except the escaping of names.
 *
 * @module
 */
import { interfaceName } from "../../state/interface_name.ts";
import type { Address, Interface, InterfaceKind } from "../../state/types.ts";
import { compareIp } from "./ip_prefix.ts";
import { type ExpectedRoute, expectedRoute, type IpRoute, type IpRule } from "./iproute2_routes.ts";

/** A link with its addresses, as `ip -j -d addr show` prints it. */
export interface IpLink {
  /** The index. */
  ifindex: number;
  /** The name. */
  ifname: string;
  /** IFF_* without the prefix, and `NO-CARRIER` for a link that is up and not running. */
  flags: string[];
  /** The MTU in bytes. */
  mtu: number;
  /** ARPHRD_*, in lower case and partly renamed. */
  link_type: string;
  /** The hardware address, in the notation of its type. */
  address?: string;
  /** The driver, if the link is virtual. */
  linkinfo?: { info_kind?: string };
  /** The name of the bridge, bond or VRF that it is a port of. */
  master?: string;
  /** The name of the link that it sits on, in this namespace. */
  link?: string;
  /** The addresses in the order of the kernel, which determines the choice of a source. */
  addr_info: IpAddress[];
}

/** An address, as `ip -j addr show` prints it. A flag that is present is set, whatever its value. */
export interface IpAddress {
  /** The family. */
  family: "inet" | "inet6";
  /** The interface's own address; missing if an entry has no address at all. */
  local: string;
  /** The peer's address, if it differs. */
  address?: string;
  /** The prefix length; that of the peer, if there is one. */
  prefixlen: number;
  /** The scope in which it is valid. */
  scope: string;
  /** IFA_F_SECONDARY of IPv4. */
  secondary?: boolean;
  /** IFA_F_TEMPORARY of IPv6. */
  temporary?: boolean;
  /** IFA_F_TENTATIVE. */
  tentative?: boolean;
  /** IFA_F_OPTIMISTIC. */
  optimistic?: boolean;
  /** IFA_F_DADFAILED. */
  dadfailed?: boolean;
  /** IFA_F_DEPRECATED. */
  deprecated?: boolean;
  /** Not IFA_F_PERMANENT. */
  dynamic?: boolean;
}

/** An interface as the monitor should show it, as far as `ip` shows it. */
export type ExpectedInterface = Omit<Interface, "kind" | "name"> & {
  /** null if the kind is a matter of taste. */
  kind: InterfaceKind | null;
};

/** The state of the network, as far as `ip` shows it. */
export interface Expected {
  /** By name. */
  interfaces: Record<string, ExpectedInterface>;
  /** The default routes. */
  defaultRoute: { ipv4: ExpectedRoute | null; ipv6: ExpectedRoute | null };
  /** The addresses that a source can be chosen from. */
  addresses: string[];
}

/** The flags that `ip` names. `LOWER_UP` is left out: it runs ahead of its message. */
const FLAGS: Record<string, number> = {
  UP: 0x1,
  BROADCAST: 0x2,
  DEBUG: 0x4,
  LOOPBACK: 0x8,
  POINTOPOINT: 0x10,
  NOTRAILERS: 0x20,
  NOARP: 0x80,
  PROMISC: 0x100,
  ALLMULTI: 0x200,
  MASTER: 0x400,
  SLAVE: 0x800,
  MULTICAST: 0x1000,
  PORTSEL: 0x2000,
  AUTOMEDIA: 0x4000,
  DYNAMIC: 0x8000,
};
/** `IFF_RUNNING`, which `ip` shows as the lack of `NO-CARRIER`. */
const RUNNING = 0x40;
/** The flags that `expectedFlags()` can determine. */
export const KNOWN_FLAGS = Object.values(FLAGS).reduce((mask, bit) => mask | bit, RUNNING);

const KINDS: Record<string, InterfaceKind> = {
  veth: "virtual",
  macvlan: "virtual",
  bridge: "bridge",
  tun: "tunnel",
};

/** Asks iproute2. The answers come from slightly different moments. */
export async function askIproute2(): Promise<Expected> {
  const [links, [rules4, routes4], [rules6, routes6]] = await Promise.all([
    ipJson(["-d", "addr", "show"], ""),
    ipJson(["-d", "-4", "-batch", "-"], "rule show\nroute show table all\n"),
    ipJson(["-d", "-6", "-batch", "-"], "rule show\nroute show table all\n"),
  ]);
  const all = (links[0] as IpLink[]).filter((link) => "ifindex" in link);
  const defaultRoute = {
    ipv4: expectedRoute("ipv4", rules4 as IpRule[], routes4 as IpRoute[], all),
    ipv6: expectedRoute("ipv6", rules6 as IpRule[], routes6 as IpRoute[], all),
  };
  const exits = [defaultRoute.ipv4?.interface, defaultRoute.ipv6?.interface];
  return {
    interfaces: Object.assign(
      Object.create(null),
      Object.fromEntries(
        all.map((link) => [link.ifname, expectedInterface(link, isHostOnly(link, all, exits))]),
      ),
    ),
    defaultRoute,
    addresses: all.flatMap(({ addr_info }) => addr_info.map(({ local }) => local)),
  };
}

/** Whether nothing leaves through a bridge or virtual link; never in a container, where no link is physical. */
function isHostOnly(
  link: IpLink,
  all: readonly IpLink[],
  exits: readonly (string | undefined)[],
): boolean {
  if (link.link_type === "loopback") return true;
  const kind = link.linkinfo?.info_kind ?? "";
  const isContainer = !all.some((it) =>
    isPhysical(it) || it.linkinfo?.info_kind === "tun" && it.flags.includes("UP")
  );
  return ["veth", "macvlan", "bridge", "bond", "vlan", "dummy"].includes(kind) && !isContainer &&
    !exits.includes(link.ifname) && !sitsOnHardware(link, all, []);
}

function sitsOnHardware(link: IpLink, all: readonly IpLink[], above: readonly IpLink[]): boolean {
  if (isPhysical(link)) return true;
  const below = all.filter((it) => it.master === link.ifname || it.ifname === link.link);
  return below.some((it) => !above.includes(it) && sitsOnHardware(it, all, [...above, link]));
}

function isPhysical({ link_type, linkinfo }: IpLink): boolean {
  return link_type === "ether" && linkinfo?.info_kind === undefined;
}

function expectedInterface(link: IpLink, hostOnly: boolean): ExpectedInterface {
  const up = link.flags.includes("UP");
  return {
    index: link.ifindex,
    kind: link.link_type === "loopback"
      ? "loopback"
      : KINDS[link.linkinfo?.info_kind ?? ""] ?? null,
    up,
    running: up && !link.flags.includes("NO-CARRIER"),
    hostOnly,
    flags: expectedFlags(link.flags),
    mac: expectedMac(link.address),
    mtu: link.mtu,
    addresses: expectedAddresses(link),
  };
}

function expectedFlags(names: readonly string[]): number {
  const running = names.includes("UP") && !names.includes("NO-CARRIER") ? RUNNING : 0;
  return names.reduce((flags, name) => flags | (FLAGS[name] ?? 0), running);
}

function expectedMac(text: string | undefined): string | null {
  return text !== undefined && /^(..:){5}..$/.test(text) && text !== "00:00:00:00:00:00"
    ? text
    : null;
}

/** In the order of the API; each CIDR once, with the lowest of several peers or, if possible, with none. */
function expectedAddresses(link: IpLink): Address[] {
  const order = (a: string | null, b: string | null) =>
    a === null || b === null ? Number(a !== null) - Number(b !== null) : compareIp(a, b);
  return link.addr_info
    .map((address) => expectedAddress(address, link.ifindex))
    .sort((a, b) =>
      compareIp(a.address, b.address) || a.prefixLength - b.prefixLength || order(a.peer, b.peer)
    )
    .filter(({ cidr }, i, sorted) => cidr !== sorted[i - 1]?.cidr);
}

function expectedAddress(address: IpAddress, index: number): Address {
  const { family, local, prefixlen } = address;
  return {
    family: family === "inet" ? "IPv4" : "IPv6",
    address: local,
    prefixLength: prefixlen,
    cidr: `${local}/${prefixlen}`,
    peer: address.address ?? null,
    scopeId: /^fe[89ab]/.test(local) ? index : null,
    tentative: address.tentative === true && address.optimistic !== true,
    duplicated: address.dadfailed === true,
    deprecated: address.deprecated === true,
    temporary: address.temporary === true,
    permanent: address.dynamic !== true,
  };
}

/** Runs `ip -j`. Returns one value for each command. */
async function ipJson(args: readonly string[], input: string): Promise<unknown[]> {
  const child = new Deno.Command("ip", {
    args: ["-j", ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // A command that reads no input may have ended before its input is closed.
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(`ip ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return parseIpJson(stdout);
}

/**
 * Returns one value for each line. Names can contain any bytes, and iproute2 prints them nearly unchanged:
 * each byte becomes a character here, so that bytes that are not UTF-8 survive until `interfaceName()`.
 */
export function parseIpJson(bytes: Uint8Array): unknown[] {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")
    .replaceAll(/\\(.)/gs, (escape, character) => character === "'" ? "'" : escape)
    .replaceAll(
      // deno-lint-ignore no-control-regex
      /[\x00-\x09\x0b-\x1f]/g,
      (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  return text.split("\n").filter((line) => line !== "").map((line) =>
    JSON.parse(line, (_, value) => typeof value === "string" ? nameOf(value) : value)
  );
}

function nameOf(text: string): string {
  return interfaceName(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}
