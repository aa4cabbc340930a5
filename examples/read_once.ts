/**
 * Reads the network once and prints the default routes and the addresses that a peer could use.
 *
 * `deno run --allow-ffi examples/read_once.ts`
 *
 * @module
 */
import { escapeText, readNetworkState, usableAddresses } from "@netwatch/netwatch";

const state = await readNetworkState();

for (const [family, route] of Object.entries(state.defaultRoute)) {
  const gateway = route?.gateway ? ` via ${route.gateway}` : "";
  const name = route?.interface ?? (state.knows.routes ? "none" : "unknown");
  console.log(`Default ${family}: ${escapeText(name)}${gateway}`);
}
for (const { cidr, temporary } of usableAddresses(state)) {
  console.log(cidr, temporary ? "(temporary: a peer should not store it)" : "");
}
