// IP addresses as bytes (4 or 16, network order) and as text (RFC 5952), and the ranges they lie in.
import { escapeText } from "./format.ts";

/** The bytes of an address. Deno takes 0.8 µs for a small typed array, so short-lived ones are lists of numbers. */
export type IpBytes = ArrayLike<number>;

const DOT = 0x2e;
const COLON = 0x3a;
const DIGIT_0 = 0x30;
const LETTER_A = 0x61;

/** Each byte in hexadecimal, without and with a leading zero: every event formats addresses. */
const HEX: string[] = [];

/** Where `readIp()` puts its result: allocating a typed array takes longer than parsing. */
const IPV6 = new Uint8Array(16);
const IPV4 = IPV6.subarray(0, 4);

/**
 * Formats an address: dotted decimal for 4 bytes, RFC 5952 for 16 (lower case, `::` for the first of the
 * longest runs of two or more zero groups, `::ffff:192.0.2.1` for mapped IPv4).
 *
 * @throws {RangeError} if there are neither 4 nor 16 bytes.
 */
export function formatIp(bytes: IpBytes): string {
  if (bytes.length === 4) return formatIpv4(bytes, 0);
  if (bytes.length === 16) return formatIpv6(bytes);
  throw new RangeError(`An IP address has 4 or 16 bytes, not ${bytes.length}`);
}

/**
 * Parses an address; null if the text is not one. Strict: no zone, no prefix length, no white space, no
 * leading zeros in decimal octets (some systems read those as octal).
 */
export function parseIp(text: string): Uint8Array | null {
  return readIp(text)?.slice() ?? null;
}

/** Like `parseIp()`, but into a shared buffer: the bytes are valid until the next call. */
export function readIp(text: string): Uint8Array | null {
  if (text.includes(":")) return readIpv6(text) ? IPV6 : null;
  return readIpv4(text, 0, 0) ? IPV4 : null;
}

/** Compares for sorting: IPv4 before IPv6, then by bytes. */
export function compareBytes(a: IpBytes, b: IpBytes): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291). */
export function isLinkLocal(bytes: IpBytes): boolean {
  if (bytes.length === 4) return bytes[0] === 169 && bytes[1] === 254;
  return bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

/** The scope of an address in normal form: parsing 10,000 of them would take 3 ms. */
export function scopeOf(address: string): "loopback" | "linkLocal" | "uniqueLocal" | "global" {
  if (address === "::1" || address.startsWith("127.")) return "loopback";
  if (address.startsWith("169.254.")) return "linkLocal";
  if (!address.startsWith("f")) return "global";
  if (/^fe[89ab][\da-f]:/.test(address)) return "linkLocal";
  return /^f[cd][\da-f]{2}:/.test(address) ? "uniqueLocal" : "global"; // RFC 4193
}

/** 0.0.0.0 and ::, the wildcard addresses. */
export function isUnspecified(bytes: IpBytes): boolean {
  return allZero(bytes, bytes.length);
}

/** The IPv4 address inside `::ffff:0:0/96`; any other address unchanged. */
export function unmapIpv4(bytes: Uint8Array): Uint8Array {
  return isMappedIpv4(bytes) ? bytes.slice(12) : bytes;
}

function isMappedIpv4(bytes: IpBytes): boolean {
  return bytes.length === 16 && bytes[10] === 0xff && bytes[11] === 0xff && allZero(bytes, 10);
}

function formatIpv4(bytes: IpBytes, start: number): string {
  return `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}`;
}

function formatIpv6(bytes: IpBytes): string {
  if (isMappedIpv4(bytes)) return `::ffff:${formatIpv4(bytes, 12)}`;
  const [runStart, runLength] = longestZeroRun(bytes);
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

/** The run of zero groups that `::` stands for, as start and length; -1 and 0 if there is none. */
function longestZeroRun(bytes: IpBytes): [start: number, length: number] {
  let bestStart = -1;
  let bestLength = 1; // RFC 5952 section 4.2.2: a single group is not shortened
  let length = 0;
  for (let group = 0; group < 8; group++) {
    const isZero = bytes[group * 2] === 0 && bytes[group * 2 + 1] === 0;
    length = isZero ? length + 1 : 0;
    if (length > bestLength) {
      bestLength = length;
      bestStart = group + 1 - length;
    }
  }
  return bestStart < 0 ? [-1, 0] : [bestStart, bestLength];
}

/** Reads dotted decimal, from `start` to the end of the text, into four bytes at `offset`. */
function readIpv4(text: string, start: number, offset: number): boolean {
  let octets = 0;
  let value = -1; // no digit yet
  for (let i = start; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    if (code === DOT) {
      if (value < 0 || octets === 4) return false;
      IPV6[offset + octets++] = value;
      value = -1;
      continue;
    }
    const digit = code - DIGIT_0;
    if (digit < 0 || digit > 9 || value === 0) return false; // no leading zeros
    value = value < 0 ? digit : value * 10 + digit;
    if (value > 255) return false;
  }
  return octets === 4;
}

function readIpv6(text: string): boolean {
  let length = 0;
  let gap = -1; // where "::" stands, in bytes
  let i = 0;
  if (text.startsWith("::")) {
    gap = 0;
    i = 2;
  }
  while (i < text.length) {
    const start = i;
    let group = 0;
    for (let digit; i < start + 4 && (digit = hexDigit(text.charCodeAt(i))) >= 0; i++) {
      group = (group << 4) | digit;
    }
    if (text.charCodeAt(i) === DOT) { // the address ends in dotted decimal
      if (length > 12 || !readIpv4(text, start, length)) return false;
      length += 4;
      break;
    }
    if (i === start || length === 16) return false;
    IPV6[length++] = group >> 8;
    IPV6[length++] = group & 0xff;
    if (i === text.length) break;
    if (text.charCodeAt(i++) !== COLON || i === text.length) return false;
    if (text.charCodeAt(i) !== COLON) continue;
    if (gap >= 0) return false;
    gap = length;
    i++;
  }
  if (gap < 0) return length === 16;
  if (length > 14) return false; // "::" stands for at least one group (RFC 4291 section 2.2)
  const tail = 16 - (length - gap);
  IPV6.copyWithin(tail, gap, length);
  IPV6.fill(0, gap, tail);
  return true;
}

/** The value of a hexadecimal digit; -1 for any other code and for NaN, the end of the text. */
function hexDigit(code: number): number {
  if (code >= DIGIT_0 && code <= DIGIT_0 + 9) return code - DIGIT_0;
  const letter = code | 0x20; // lower case
  return letter >= LETTER_A && letter <= LETTER_A + 5 ? letter - LETTER_A + 10 : -1;
}

function allZero(bytes: IpBytes, end: number): boolean {
  for (let i = 0; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}

/**
 * The blocks that are not globally reachable by the IANA IPv4 and IPv6 Special-Purpose Address Registries as of
 * 2025-10-09 (RFC 6890, RFC 8190). Blocks with "N/A" are left out: 6to4, Teredo, ORCHID, the old 6to4 relay.
 */
const UNREACHABLE = `
  0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
  192.0.2.0/24 192.88.99.2/32 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
  240.0.0.0/4 ::/128 ::1/128 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001:db8::/32
  3fff::/20 5f00::/16 fc00::/7 fe80::/10
`;
/** The blocks inside of them that are: anycast of the protocols PCP, TURN and SRP, AMT, AS112, ORCHIDv2 and DRIP. */
const REACHABLE = `
  192.0.0.9/32 192.0.0.10/32 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:3::/32
  2001:4:112::/48 2001:20::/28 2001:30::/28
`;

/** Both as the bits of their prefixes, decoded at the first call. */
let blocks: { readonly unreachable: string[]; readonly reachable: string[] } | undefined;

/**
 * Whether an address is not globally reachable, by the IANA special-purpose registries: private, shared,
 * loopback, link-local, unique-local, documentation and other reserved blocks.
 *
 * @param address An IPv4 or IPv6 address; `%zone` is allowed, and `::ffff:10.0.0.1` counts as IPv4.
 * @returns False for every other address, multicast included.
 * @throws {TypeError} if the text is not an IP address.
 *
 * @example Is this machine reachable from the internet?
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
    throw new TypeError(
      `Cannot parse "${escapeText(String(address))}": give an IPv4 or IPv6 address`,
    );
  }
  const bits = bitsOf(unmapIpv4(bytes));
  blocks ??= { unreachable: prefixesOf(UNREACHABLE), reachable: prefixesOf(REACHABLE) };
  return blocks.unreachable.some((prefix) => bits.startsWith(prefix)) &&
    !blocks.reachable.some((prefix) => bits.startsWith(prefix));
}

function prefixesOf(list: string): string[] {
  return list.trim().split(/\s+/).map((block) => {
    const [address = "", length] = block.split("/");
    return bitsOf(parseIp(address) as Uint8Array).slice(0, 1 + Number(length));
  });
}

/** The bits as text, after a letter for the family. */
function bitsOf(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0"));
  return (bytes.length === 4 ? "a" : "b") + bits.join("");
}
