/**
 * Reads the network once and tells which addresses a peer could be given.
 *
 * `deno run --allow-ffi examples/read_once.ts`
 *
 * @module
 */
import { readNetworkState, usableAddresses } from "@netwatch/netwatch";

const state = await readNetworkState();
const { ipv4, ipv6 } = state.defaultRoute;

console.log("To IPv4 by", ipv4?.interface ?? "no way", "gateway", ipv4?.gateway ?? "none");
console.log("To IPv6 by", ipv6?.interface ?? "no way", "gateway", ipv6?.gateway ?? "none");
for (const { cidr, family, temporary } of usableAddresses(state)) {
  console.log(family, cidr, temporary ? "(temporary: not for a peer that is to remember it)" : "");
}
