/**
 * A WebSocket that reconnects after sleep and when the default route changes. Otherwise it stays "open"
 * for minutes although its connection is dead.
 *
 * `deno run --allow-ffi --allow-net examples/reconnect_on_wake.ts wss://example.com/`
 *
 * @module
 */
import { watchNetwork } from "@netwatch/netwatch";
import { delay } from "@std/async/delay";

const [url] = Deno.args;
if (url === undefined) throw new TypeError("The URL of a WebSocket server is missing");

const SPREAD_MS = 2_000;
let socket: WebSocket | null = null;

for await (const { changes, state } of watchNetwork({ majorOnly: true, settleMs: 500 })) {
  const resumed = changes.find((change) => change.kind === "resumed");
  if (resumed) console.log(`Slept for ${Math.round(resumed.sleptMs / 1000)} s`);
  socket?.close();
  socket = null;
  if (state.defaultRouteInterface === null) {
    console.log("Offline, waiting");
    continue;
  }
  // Spreads the load on the server: after a power cut many clients come back at once.
  await delay(Math.random() * SPREAD_MS);
  socket = new WebSocket(url);
  socket.onopen = () => console.log("Connected through", state.defaultRouteInterface);
  socket.onerror = (event) => console.log("Not connected:", (event as ErrorEvent).message);
}
