/**
 * An HTTP server that logs the address at which others on the LAN reach it, and the new one when it changes. While a
 * VPN is the default route, that is the tunnel's address.
 *
 * `deno run --allow-ffi --allow-net examples/http_server.ts 8000`
 *
 * @module
 */
import { NetworkMonitor, primaryAddress } from "@netwatch/netwatch";

const [port = "8000"] = Deno.args;

await using monitor = await NetworkMonitor.open();
const server = Deno.serve(
  { hostname: "0.0.0.0", port: Number(port), onListen: () => {} },
  () => new Response("Hello\n"),
);
let logged: string | undefined;

for await (const { state } of monitor.snapshots({ settleMs: 500 })) {
  const hostname = primaryAddress(state, { family: "IPv4" })?.address ?? "localhost";
  if (hostname !== logged) console.log(`http://${hostname}:${server.addr.port}/`);
  logged = hostname;
}
