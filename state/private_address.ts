// Which addresses are globally reachable.
import { escapeText } from "./format.ts";
import { parseIp, unmapIpv4 } from "./ip.ts";

/**
 * The IANA IPv4 and IPv6 Special-Purpose Address Registries as of 2025-10-09 (RFC 6890, RFC 8190): the column
 * "Globally Reachable". Of several blocks the longest one decides. Left out are blocks with "N/A" (6to4, Teredo,
 * ORCHID, the old 6to4 relay), so that the block around them decides, and reachable blocks in no unreachable one.
 */
const REGISTRY: readonly (readonly [block: string, isReachable: boolean])[] = [
  ["0.0.0.0/8", false],
  ["10.0.0.0/8", false],
  ["100.64.0.0/10", false],
  ["127.0.0.0/8", false],
  ["169.254.0.0/16", false],
  ["172.16.0.0/12", false],
  ["192.0.0.0/24", false],
  ["192.0.0.9/32", true], // Port Control Protocol anycast
  ["192.0.0.10/32", true], // TURN anycast
  ["192.0.2.0/24", false],
  ["192.88.99.2/32", false],
  ["192.168.0.0/16", false],
  ["198.18.0.0/15", false],
  ["198.51.100.0/24", false],
  ["203.0.113.0/24", false],
  ["240.0.0.0/4", false],
  ["::/128", false],
  ["::1/128", false],
  ["64:ff9b:1::/48", false],
  ["100::/64", false],
  ["100:0:0:1::/64", false],
  ["2001::/23", false],
  ["2001:1::1/128", true], // Port Control Protocol anycast
  ["2001:1::2/128", true], // TURN anycast
  ["2001:1::3/128", true], // DNS-SD Service Registration Protocol anycast
  ["2001:3::/32", true],
  ["2001:4:112::/48", true],
  ["2001:20::/28", true],
  ["2001:30::/28", true],
  ["2001:db8::/32", false],
  ["3fff::/20", false],
  ["5f00::/16", false],
  ["fc00::/7", false],
  ["fe80::/10", false],
];

/** Decoded at the first call. */
let blocks: ReturnType<typeof decodeBlocks> | undefined;

/** The longest first. */
const decodeBlocks = () =>
  REGISTRY.map(([block, isReachable]) => {
    const [address = "", length] = block.split("/");
    return { bytes: parseIp(address) as Uint8Array, length: Number(length), isReachable };
  }).sort((a, b) => b.length - a.length);

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
  const parsed = typeof address === "string" ? parseIp(address.replace(/(?<=:.*)%.+$/s, "")) : null;
  if (parsed === null) {
    throw new TypeError(
      `Cannot parse "${escapeText(String(address))}": give an IPv4 or IPv6 address`,
    );
  }
  const bytes = unmapIpv4(parsed);
  const block = (blocks ??= decodeBlocks()).find((it) => isInside(bytes, it.bytes, it.length));
  return block !== undefined && !block.isReachable;
}

function isInside(bytes: Uint8Array, block: Uint8Array, length: number): boolean {
  if (bytes.length !== block.length) return false;
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== block[i]) return false;
  const rest = 8 - (length & 7); // 8 bits are shifted out whole
  return bytes[whole]! >> rest === block[whole]! >> rest;
}
