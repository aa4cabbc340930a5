// Which addresses are globally reachable.
import { escapeText } from "./format.ts";
import { parseIp, unmapIpv4 } from "./ip.ts";

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

/** Decoded at the first call. */
let blocks: { readonly unreachable: Block[]; readonly reachable: Block[] } | undefined;

interface Block {
  readonly bytes: Uint8Array;
  readonly length: number; // of the prefix
}

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
  blocks ??= { unreachable: decodeBlocks(UNREACHABLE), reachable: decodeBlocks(REACHABLE) };
  return blocks.unreachable.some((block) => isInside(bytes, block)) &&
    !blocks.reachable.some((block) => isInside(bytes, block));
}

function decodeBlocks(text: string): Block[] {
  return text.trim().split(/\s+/).map((block) => {
    const [address = "", length] = block.split("/");
    return { bytes: parseIp(address) as Uint8Array, length: Number(length) };
  });
}

function isInside(bytes: Uint8Array, { bytes: block, length }: Block): boolean {
  if (bytes.length !== block.length) return false;
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== block[i]) return false;
  const rest = 8 - (length & 7); // 8 bits are shifted out whole
  return bytes[whole]! >> rest === block[whole]! >> rest;
}
