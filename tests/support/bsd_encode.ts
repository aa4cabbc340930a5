/**
 * Encodes what the kernels of macOS and FreeBSD send: routing messages, dumps and kernel events. Offsets
 * and numbers are repeated here from the kernels' headers, so that a mistake in the decoder's tables is
 * not made twice.
 *
 * @module
 */
import { formatIp, parseIp } from "../../state/ip.ts";

/** The systems that can be encoded. */
export type EncodedOs = "darwin" | "freebsd";

/** An interface in the kernel. */
export interface KernelNic {
  index: number;
  name: string;
  /** IFF_*. */
  flags: number;
  /** IFT_*. */
  type: number;
  mtu: number;
  /** The hardware address: 6 bytes or none. */
  mac: number[];
  /** FreeBSD: 0 unknown, 1 down, 2 up. */
  linkState: number;
}

/** An Ethernet interface that is up. */
export const EN0: KernelNic = {
  index: 5,
  name: "en0",
  flags: 0x8863,
  type: 6,
  mtu: 1500,
  mac: [2, 0, 0, 0, 0, 5],
  linkState: 2,
};

/** An address in the kernel. */
export interface KernelAddress {
  address: string;
  prefixLength: number;
  /** The peer or the broadcast address. */
  other: string | null;
  /** IN6_IFF_*. */
  flags: number;
}

/** A route in the kernel. */
export interface KernelRoute {
  destination: string;
  prefixLength: number;
  /** The address of a gateway, or the index of a link. */
  gateway: string | number;
  /** The interface. */
  index: number;
  /** RTF_*. */
  flags: number;
  /** The local address that it prefers. */
  source: string | null;
}

/** Who made the request. */
export interface Request {
  pid?: number;
  sequence?: number;
}

/**
 * Where a route message comes from: a dump; the kernel itself; the echo of a request that succeeded, as its
 * sender wrote it; the answer to RTM_GET.
 */
export type RouteOrigin = "dump" | "kernel" | "request" | "answer";

const RTAX = { dst: 0, gateway: 1, netmask: 2, ifp: 4, ifa: 5, brd: 7 } as const;
const RTF = { host: 0x4, done: 0x40 } as const;
const VERSION = 5;
const AF_INET6 = { darwin: 30, freebsd: 28 } as const;
/** struct rt_msghdr, struct if_msghdr (list and live), struct sockaddr_dl of an interface. */
const SIZES = {
  darwin: { rt: 0x5c, ifinfo: 0x70, list: 0xa0, rounding: 4, dl: 20 },
  freebsd: { rt: 0x98, ifinfo: 0xa8, list: 0xa8, rounding: 8, dl: 56 },
} as const;

type Sockaddrs = { [Name in keyof typeof RTAX]?: Uint8Array | null };

/** Puts a message together. The last sockaddr of a live message of xnu (rt_msg1()) is not padded. */
function message(
  os: EncodedOs,
  type: number,
  headerSize: number,
  addressesAt: number | null,
  sockaddrs: Sockaddrs,
  live: boolean,
): Uint8Array<ArrayBuffer> {
  const { rounding } = SIZES[os];
  const present = (Object.keys(RTAX) as (keyof typeof RTAX)[]).filter((name) => sockaddrs[name]);
  const mask = present.reduce((bits, name) => bits | (1 << RTAX[name]), 0);
  const written = present.map((name, i) => {
    const unpadded = live && os === "darwin" && i === present.length - 1;
    return unpadded ? sockaddrs[name]! : padded(sockaddrs[name]!, rounding);
  });
  let size = headerSize + written.reduce((sum, part) => sum + part.length, 0);
  // Lists of FreeBSD are padded at their end, since ifa_msghdr has 20 bytes.
  if (!live) size = Math.ceil(size / rounding) * rounding;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, size, true);
  view.setUint8(2, VERSION);
  view.setUint8(3, type);
  if (addressesAt !== null) view.setInt32(addressesAt, mask, true);
  let at = headerSize;
  for (const part of written) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function padded(sockaddr: Uint8Array, rounding: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(Math.max(sockaddr.length, 1) / rounding) * rounding);
  bytes.set(sockaddr);
  return bytes;
}

/** struct sockaddr_in or struct sockaddr_in6, with the scope where the system puts it. */
export function sockaddr(os: EncodedOs, text: string, scope: number = 0): Uint8Array {
  const address = parseIp(text)!;
  if (address.length === 4) return Uint8Array.of(16, 2, 0, 0, ...address, 0, 0, 0, 0, 0, 0, 0, 0);
  const bytes = new Uint8Array(28);
  bytes.set([28, AF_INET6[os]]);
  bytes.set(address, 8);
  const linkLocal = address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
  if (linkLocal && os === "darwin") bytes.set([scope >> 8, scope & 0xff], 10);
  else if (linkLocal) new DataView(bytes.buffer).setUint32(24, scope, true);
  return bytes;
}

/** A mask as a program writes it and as FreeBSD does: whole. */
function wholeMask(os: EncodedOs, prefixLength: number, isIpv4: boolean): Uint8Array {
  const [offset, size] = isIpv4 ? [4, 16] : [8, 28];
  const bytes = new Uint8Array(size);
  bytes.set([size, isIpv4 ? 2 : AF_INET6[os]]);
  bytes.set(maskOf(prefixLength, isIpv4 ? 4 : 16), offset);
  return bytes;
}

/**
 * A mask of xnu: cut after its last significant byte, with 0xff for a family; empty for /0. In live
 * messages, IPv6 masks are 28 bytes long.
 */
function cutMask(prefixLength: number, isIpv4: boolean, live: boolean): Uint8Array {
  if (prefixLength === 0) return new Uint8Array(0);
  const offset = isIpv4 ? 4 : 8;
  const significant = Math.ceil(prefixLength / 8);
  const bytes = new Uint8Array(live && !isIpv4 ? 28 : offset + significant);
  bytes.fill(0xff, 0, offset);
  bytes[0] = bytes.length;
  bytes.set(maskOf(prefixLength, significant), offset);
  return bytes;
}

/** The first address of the network. */
export function networkOf(address: string, prefixLength: number): string {
  const bytes = parseIp(address)!;
  const mask = maskOf(prefixLength, bytes.length);
  return formatIp(bytes.map((byte, i) => byte & mask[i]!));
}

function maskOf(prefixLength: number, size: number): Uint8Array {
  return Uint8Array.from(
    { length: size },
    (_, i) => 0xff00 >> Math.max(0, Math.min(8, prefixLength - i * 8)) & 0xff,
  );
}

function netmask(
  os: EncodedOs,
  prefixLength: number,
  isIpv4: boolean,
  live: boolean,
): Uint8Array {
  return os === "darwin"
    ? cutMask(prefixLength, isIpv4, live)
    : wholeMask(os, prefixLength, isIpv4);
}

/** struct sockaddr_dl. */
export function sockaddrDl(
  os: EncodedOs,
  nic: Pick<KernelNic, "index"> & Partial<KernelNic>,
): Uint8Array {
  const name = new TextEncoder().encode(nic.name ?? "");
  const mac = nic.mac ?? [];
  const short = nic.name === undefined && os === "freebsd" ? 16 : SIZES[os].dl;
  const bytes = new Uint8Array(Math.max(short, 8 + name.length + mac.length));
  bytes.set([bytes.length, 18, nic.index & 0xff, nic.index >> 8, nic.type ?? 0]);
  bytes.set([name.length, mac.length], 5);
  bytes.set(name, 8);
  bytes.set(mac, 8 + name.length);
  return bytes;
}

/** An interface of a dump: RTM_IFINFO2 of macOS, RTM_IFINFO of FreeBSD. */
export function encodeListedNic(os: EncodedOs, nic: KernelNic): Uint8Array<ArrayBuffer> {
  const type = os === "darwin" ? 0x12 : 0xe;
  const bytes = message(os, type, SIZES[os].list, 4, { ifp: sockaddrDl(os, nic) }, false);
  fillNic(os, bytes, nic, os === "darwin" ? 32 : 16);
  return bytes;
}

/** RTM_IFINFO as a socket delivers it: without a name or any sockaddr. */
export function encodeLiveNic(os: EncodedOs, nic: KernelNic): Uint8Array<ArrayBuffer> {
  const bytes = message(os, 0xe, SIZES[os].ifinfo, 4, {}, true);
  fillNic(os, bytes, nic, 16);
  return bytes;
}

function fillNic(
  os: EncodedOs,
  bytes: Uint8Array<ArrayBuffer>,
  nic: KernelNic,
  data: number,
): void {
  const view = new DataView(bytes.buffer);
  view.setInt32(8, nic.flags, true);
  view.setUint16(12, nic.index, true);
  view.setUint8(data, nic.type);
  if (os === "freebsd") view.setUint8(data + 4, nic.linkState);
  view.setUint32(data + 8, nic.mtu, true);
}

/** RTM_NEWADDR (0xc) or RTM_DELADDR (0xd), of a dump or live. */
export function encodeAddress(
  os: EncodedOs,
  type: 0xc | 0xd,
  nic: KernelNic,
  { address, other, prefixLength }: KernelAddress,
  live: boolean,
): Uint8Array<ArrayBuffer> {
  const isIpv4 = !address.includes(":");
  const bytes = message(os, type, 20, 4, {
    netmask: netmask(os, prefixLength, isIpv4, live),
    ifp: live ? sockaddrDl(os, nic) : null,
    ifa: sockaddr(os, address, nic.index),
    brd: other === null ? null : sockaddr(os, other, nic.index),
  }, live);
  new DataView(bytes.buffer).setUint16(12, nic.index, true);
  return bytes;
}

/**
 * A route message: RTM_ADD 1, RTM_DELETE 2, RTM_CHANGE 3, RTM_GET 4, RTM_MISS 7. IFA is only in dumps, and
 * in answers to requests for it.
 */
export function encodeRoute(
  os: EncodedOs,
  type: number,
  route: KernelRoute,
  origin: RouteOrigin,
  request: Request = {},
): Uint8Array<ArrayBuffer> {
  const isIpv4 = !route.destination.includes(":");
  const isHost = (route.flags & RTF.host) !== 0;
  const { gateway, index, prefixLength, source } = route;
  const live = origin === "kernel";
  const mask = origin === "request"
    ? wholeMask(os, prefixLength, isIpv4)
    : netmask(os, prefixLength, isIpv4, live);
  const bytes = message(os, type, SIZES[os].rt, 12, {
    dst: sockaddr(os, route.destination, index),
    gateway: typeof gateway === "number"
      ? sockaddrDl(os, { index: gateway })
      : sockaddr(os, gateway, index),
    netmask: isHost ? null : mask,
    ifa: origin !== "dump" || source === null ? null : sockaddr(os, source, index),
  }, live);
  const isDone = origin === "request" || origin === "answer" ||
    (live && (os === "freebsd" || type === 7));
  const view = new DataView(bytes.buffer);
  // Nobody fills in the index of a request.
  view.setUint16(4, origin === "request" ? 0 : index, true);
  view.setInt32(8, route.flags | (isDone ? RTF.done : 0), true);
  view.setInt32(16, request.pid ?? 0, true);
  view.setInt32(20, request.sequence ?? 0, true);
  return bytes;
}

/** The echo of a request that was refused: as it was sent, with the reason. */
export function refuse(bytes: Uint8Array, errno: number): Uint8Array<ArrayBuffer> {
  const echo = bytes.slice();
  new DataView(echo.buffer).setInt32(24, errno, true);
  return echo;
}

/**
 * RTM_NEWMADDR (0xf) or RTM_DELMADDR (0x10), and RTM_NEWMADDR2 (0x13) of a Mac's list. GATEWAY is the
 * group's link-level address, where the link has such addresses.
 */
export function encodeGroup(
  os: EncodedOs,
  type: 0xf | 0x10 | 0x13,
  nic: KernelNic,
  group: string,
): Uint8Array<ArrayBuffer> {
  const { index } = nic;
  const mac = [0x33, 0x33, ...parseIp(group)!.slice(-4)];
  const sockaddrs = {
    gateway: nic.mac.length === 0 ? null : sockaddrDl(os, { index, mac }),
    ifp: sockaddrDl(os, nic),
    ifa: sockaddr(os, group, index),
  };
  const listed = type === 0x13;
  const bytes = message(os, type, listed ? 20 : 16, 4, sockaddrs, !listed);
  new DataView(bytes.buffer).setUint16(12, index, true);
  return bytes;
}

/** FreeBSD's RTM_IFANNOUNCE: 0 arrival, 1 departure. */
export function encodeAnnouncement(nic: KernelNic, what: 0 | 1): Uint8Array<ArrayBuffer> {
  const bytes = message("freebsd", 0x11, 24, null, {}, true);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, nic.index, true);
  bytes.set(new TextEncoder().encode(nic.name), 6);
  view.setUint16(22, what, true);
  return bytes;
}

/** struct kern_event_msg of macOS, of the network class. */
export function encodeKernelEvent(subclass: number, code: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Uint32Array.of(28, 1, 1, subclass, 1, code, 0).buffer);
}

/** Concatenates byte arrays. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
