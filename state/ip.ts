/**
 * IP addresses between bytes (4 or 16, network order) and text (RFC 5952).
 *
 * @module
 */

const HEX_GROUP = /^[0-9a-f]{1,4}$/i;
const OCTET = /^(?:0|[1-9][0-9]{0,2})$/;

/** Each byte in hexadecimal, without and with a leading zero: formatting is on the way of every event. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16));
const PADDED_HEX = HEX.map((hex) => hex.padStart(2, "0"));

/**
 * The text of an address: dotted decimal for 4 bytes, RFC 5952 for 16 (lower case, the longest run of
 * at least two zero groups compressed, the first of several, `::ffff:192.0.2.1` for mapped IPv4).
 *
 * @throws {RangeError} When there are neither 4 nor 16 bytes.
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return formatIpv4(bytes, 0);
  if (bytes.length === 16) return formatIpv6(bytes);
  throw new RangeError(`An IP address has 4 or 16 bytes, not ${bytes.length}`);
}

/**
 * The bytes of an address, null where the text is not one. Strict: no zone, no prefix length, no
 * leading zeros in decimal octets (some systems read those as octal), no white space.
 */
export function parseIp(text: string): Uint8Array | null {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Orders IPv4 before IPv6, then by bytes: negative, zero or positive as `Array.prototype.sort` wants. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const difference = at(a, i) - at(b, i);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback(bytes: Uint8Array): boolean {
  if (bytes.length === 4) return bytes[0] === 127;
  return bytes.length === 16 && bytes[15] === 1 && allZero(bytes, 15);
}

/** 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291). */
export function isLinkLocal(bytes: Uint8Array): boolean {
  if (bytes.length === 4) return bytes[0] === 169 && bytes[1] === 254;
  return bytes[0] === 0xfe && (at(bytes, 1) & 0xc0) === 0x80;
}

/** fc00::/7 (RFC 4193). */
export function isUniqueLocal(bytes: Uint8Array): boolean {
  return bytes.length === 16 && (at(bytes, 0) & 0xfe) === 0xfc;
}

/** 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 (RFC 1918). */
export function isPrivateIpv4(bytes: Uint8Array): boolean {
  if (bytes.length !== 4) return false;
  const second = at(bytes, 1);
  return bytes[0] === 10 || (bytes[0] === 172 && (second & 0xf0) === 16) ||
    (bytes[0] === 192 && second === 168);
}

/** 0.0.0.0 and ::, what a socket for every address is bound to. */
export function isUnspecified(bytes: Uint8Array): boolean {
  return allZero(bytes, bytes.length);
}

/** The IPv4 address inside `::ffff:0:0/96`; any other address as it is. */
export function unmapIpv4(bytes: Uint8Array): Uint8Array {
  return isMappedIpv4(bytes) ? bytes.slice(12) : bytes;
}

function isMappedIpv4(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes[10] === 0xff && bytes[11] === 0xff && allZero(bytes, 10);
}

function formatIpv4(bytes: Uint8Array, start: number): string {
  return `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}`;
}

function formatIpv6(bytes: Uint8Array): string {
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
    text += groupText(at(bytes, group * 2), at(bytes, group * 2 + 1));
  }
  return text;
}

function groupText(high: number, low: number): string {
  return high === 0 ? HEX[low] as string : `${HEX[high]}${PADDED_HEX[low]}`;
}

/** The run of zero groups that `::` stands for, as start and length; -1 and 0 where there is none. */
function longestZeroRun(bytes: Uint8Array): [start: number, length: number] {
  let bestStart = -1;
  let bestLength = 1; // RFC 5952 section 4.2.2: one group alone is not shortened
  let length = 0;
  for (let group = 0; group < 8; group++) {
    length = groupAt(bytes, group) === 0 ? length + 1 : 0;
    if (length > bestLength) {
      bestLength = length;
      bestStart = group + 1 - length;
    }
  }
  return bestStart < 0 ? [-1, 0] : [bestStart, bestLength];
}

function parseIpv4(text: string): Uint8Array | null {
  const octets = text.split(".");
  if (octets.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const octet = octets[i] ?? "";
    const value = Number(octet);
    if (!OCTET.test(octet) || value > 255) return null;
    bytes[i] = value;
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const compressed = halves.length === 2;
  const head = parseGroups(halves[0] ?? "", !compressed);
  const tail = compressed ? parseGroups(halves[1] ?? "", true) : [];
  if (head === null || tail === null) return null;
  const length = head.length + tail.length;
  // "::" stands for at least one group (RFC 4291 section 2.2)
  if (compressed ? length > 14 : length !== 16) return null;
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** The bytes of groups between colons, the last of which may be dotted decimal at the address's end. */
function parseGroups(text: string, atEnd: boolean): number[] | null {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i] ?? "";
    if (atEnd && i === groups.length - 1 && group.includes(".")) {
      const embedded = parseIpv4(group);
      if (embedded === null) return null;
      bytes.push(...embedded);
    } else {
      if (!HEX_GROUP.test(group)) return null;
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

function groupAt(bytes: Uint8Array, group: number): number {
  return (at(bytes, group * 2) << 8) | at(bytes, group * 2 + 1);
}

function allZero(bytes: Uint8Array, end: number): boolean {
  for (let i = 0; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}
