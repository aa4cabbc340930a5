/**
 * Addresses as numbers: a second implementation, to compare with the code under test.
 *
 * @module
 */

/** An IPv4 or IPv6 address as a number. The text must be a valid address. */
export function ipNumber(text: string): bigint {
  if (!text.includes(":")) {
    return text.split(".").reduce((number, octet) => (number << 8n) | BigInt(octet), 0n);
  }
  const dotted = text.replace(/[\d.]*\.[\d.]*$/, (ipv4) => {
    const number = ipNumber(ipv4);
    return `${(number >> 16n).toString(16)}:${(number & 0xffffn).toString(16)}`;
  });
  const [head = "", tail] = dotted.split("::");
  const groups = (part: string) => part.split(":").filter((group) => group !== "");
  const [left, right] = [groups(head), groups(tail ?? "")];
  const zeros = Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right].reduce(
    (number, group) => (number << 16n) | BigInt(`0x${group}`),
    0n,
  );
}

/** Whether the address lies in `network/length`. Both must be of one family. */
export function isWithin(address: string, network: string, length: number): boolean {
  const shift = BigInt((address.includes(":") ? 128 : 32) - length);
  return ipNumber(address) >> shift === ipNumber(network) >> shift;
}

/** Orders addresses: IPv4 first, then by number. */
export function compareIp(a: string, b: string): number {
  const family = Number(a.includes(":")) - Number(b.includes(":"));
  if (family !== 0) return family;
  const [x, y] = [ipNumber(a), ipNumber(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}
