// IP addresses as bytes (4 or 16, network order) and as text (RFC 5952), and the ranges they lie in.
import { escapeText } from "./format.ts";

/** The bytes of an address. Deno takes 800 ns for a small typed array, so short-lived ones are lists of numbers. */
export type IpBytes = ArrayLike<number>;

/** 0 to 255 without leading zeros, which some systems read as octal. */
const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
const GROUP = /^[\da-f]{1,4}$/i;

/** Cache of bytes in hexadecimal, without a leading zero: every event formats addresses. */
const HEX: string[] = [];

/**
 * Formats an address: dotted decimal for 4 bytes, RFC 5952 for 16 (lower case, `::` for the first of the
 * longest runs of two or more zero groups, `::ffff:192.0.2.1` for mapped IPv4).
 */
export function formatIp(bytes: IpBytes): string {
  if (bytes.length === 4) return formatIpv4(bytes, 0);
  if (bytes.length === 16) return formatIpv6(bytes);
  throw new RangeError(`An IP address has 4 or 16 bytes, not ${bytes.length}`);
}

/** Parses an address; null if the text is not one. Strict: no zone, no prefix length, no white space. */
export function parseIp(text: string): number[] | null {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Compares for sorting: IPv4 before IPv6, then by bytes. */
export function compareBytes(a: IpBytes, b: IpBytes): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/** 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291). */
export function isLinkLocal(bytes: IpBytes): boolean {
  if (bytes.length === 4) return bytes[0] === 169 && bytes[1] === 254;
  return bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

/** The scope of an address in normal form, from its first four digits: parsing 10,000 addresses would take 3 ms. */
export function scopeOf(address: string): "loopback" | "linkLocal" | "uniqueLocal" | "global" {
  if (address === "::1" || address.startsWith("127.")) return "loopback";
  if (address.startsWith("169.254.")) return "linkLocal";
  if (!address.startsWith("f") || address.indexOf(":") !== 4) return "global";
  if (address[1] === "e") return "89ab".includes(address[2]!) ? "linkLocal" : "global";
  return "cd".includes(address[1]!) ? "uniqueLocal" : "global"; // RFC 4193
}

/** Whether the first bytes, by default all, are zero, as in the wildcard addresses 0.0.0.0 and ::. */
export function allZero(bytes: IpBytes, end: number = bytes.length): boolean {
  for (let i = 0; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** The IPv4 address inside `::ffff:0:0/96`; any other address unchanged. */
export function unmapIpv4(bytes: number[]): number[] {
  return isMappedIpv4(bytes) ? bytes.slice(12) : bytes;
}

function isMappedIpv4(bytes: IpBytes): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && allZero(bytes, 10);
}

function formatIpv4(bytes: IpBytes, start: number): string {
  return `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}`;
}

function formatIpv6(bytes: IpBytes): string {
  if (isMappedIpv4(bytes)) return `::ffff:${formatIpv4(bytes, 12)}`;
  let runStart = -1; // of the zero groups that "::" stands for
  let runLength = 1; // RFC 5952 section 4.2.2: a single group is not shortened
  for (let group = 0, length = 0; group < 8; group++) {
    const isZero = bytes[group * 2] === 0 && bytes[group * 2 + 1] === 0;
    length = isZero ? length + 1 : 0;
    if (length > runLength) {
      runLength = length;
      runStart = group + 1 - length;
    }
  }
  let text = "";
  for (let group = 0; group < 8; group++) {
    if (group === runStart) {
      text += "::";
      group += runLength - 1;
      continue;
    }
    if (group > 0 && group !== runStart + runLength) text += ":";
    const high = bytes[group * 2]!;
    const low = bytes[group * 2 + 1]!;
    if (high === 0) text += hex(low);
    else text += low < 16 ? `${hex(high)}0${hex(low)}` : hex(high) + hex(low);
  }
  return text;
}

function hex(byte: number): string {
  return HEX[byte] ??= byte.toString(16);
}

function parseIpv4(text: string): number[] | null {
  return IPV4.test(text) ? text.split(".").map(Number) : null;
}

function parseIpv6(text: string): number[] | null {
  const groups = text.split(":");
  if (text.startsWith("::")) groups.shift(); // an empty group stands for "::", wherever it is
  if (text.endsWith("::")) groups.pop();
  const end = groups.at(-1)!.includes(".") ? parseIpv4(groups.pop()!) : [];
  if (end === null) return null;
  const bytes: number[] = [];
  let gap = text.includes("::") ? -1 : Infinity; // where "::" stands, in bytes
  for (const group of groups) {
    if (group === "" && gap < 0) {
      gap = bytes.length;
      continue;
    }
    if (!GROUP.test(group)) return null;
    const value = parseInt(group, 16);
    bytes.push(value >> 8, value & 0xff);
  }
  bytes.push(...end);
  if (gap === Infinity) return bytes.length === 16 ? bytes : null;
  if (bytes.length > 14) return null; // "::" stands for at least one group (RFC 4291 section 2.2)
  return bytes.toSpliced(gap, 0, ...Array<number>(16 - bytes.length).fill(0));
}

/**
 * The blocks that are not globally reachable, from the IANA IPv4 and IPv6 Special-Purpose Address Registries as of
 * 2025-10-09 (RFC 6890, RFC 8190). Blocks with "N/A" are left out: 6to4, Teredo, ORCHID, the old 6to4 relay.
 */
const UNREACHABLE = `
  0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
  192.0.2.0/24 192.88.99.2/32 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
  240.0.0.0/4 ::/128 ::1/128 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001:db8::/32
  3fff::/20 5f00::/16 fc00::/7 fe80::/10
`;
/** The globally reachable blocks within them: anycast of PCP, TURN and SRP, AMT, AS112, ORCHIDv2 and DRIP. */
const REACHABLE = `
  192.0.0.9/32 192.0.0.10/32 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:3::/32
  2001:4:112::/48 2001:20::/28 2001:30::/28
`;

/** Both as the bits of their prefixes, decoded at the first call. */
let blocks: { readonly unreachable: string[]; readonly reachable: string[] } | undefined;

/**
 * Whether an address is not globally reachable according to the IANA special-purpose registries: private, shared,
 * loopback, link-local, unique-local, documentation and other reserved blocks.
 *
 * @param address An IPv4 or IPv6 address; `%zone` is allowed, and `::ffff:10.0.0.1` counts as IPv4.
 * @returns False for every other address, multicast included.
 * @throws {TypeError} if the text is not an IP address.
 *
 * @example Does this machine have a public address?
 * ```ts
 * import { isPrivateAddress, readNetworkState, usableAddresses } from "@netwatch/netwatch";
 *
 * const addresses = usableAddresses(await readNetworkState());
 * console.log(addresses.some(({ address }) => !isPrivateAddress(address)));
 * ```
 */
export function isPrivateAddress(address: string): boolean {
  const bytes = typeof address === "string" ? parseIp(address.replace(/(?<=:.*)%.+$/s, "")) : null;
  if (bytes === null) {
    throw new TypeError(`Cannot parse "${escapeText(String(address))}": give an IP address`);
  }
  const bits = bitsOf(unmapIpv4(bytes));
  blocks ??= { unreachable: prefixesOf(UNREACHABLE), reachable: prefixesOf(REACHABLE) };
  return blocks.unreachable.some((prefix) => bits.startsWith(prefix)) &&
    !blocks.reachable.some((prefix) => bits.startsWith(prefix));
}

function prefixesOf(list: string): string[] {
  return list.trim().split(/\s+/).map((block) => {
    const [address = "", length] = block.split("/");
    return bitsOf(parseIp(address)!).slice(0, 1 + Number(length));
  });
}

/** The bits as text, after a letter for the family. */
function bitsOf(bytes: readonly number[]): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0"));
  return (bytes.length === 4 ? "a" : "b") + bits.join("");
}
