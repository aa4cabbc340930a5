/**
 * A WebSocket that is given up after a sleep and when the way out changes: it stays "open" for minutes
 * then, although nobody is at the other end any more.
 *
 * `deno run --allow-ffi --allow-net examples/reconnect_on_wake.ts wss://example.com/`
 *
 * @module
 */
import { watchNetwork } from "@netwatch/netwatch";
import { delay } from "@std/async/delay";

const [url] = Deno.args;
if (url === undefined) throw new TypeError("Give the address of a WebSocket server");

const SPREAD_MS = 2_000;
let socket: WebSocket | null = null;

for await (const { changes, state } of watchNetwork({ majorOnly: true, settleMs: 500 })) {
  const woken = changes.find((change) => change.kind === "resumed");
  if (woken) console.log(`Slept for ${Math.round(woken.sleptMs / 1000)} s`);
  socket?.close();
  socket = null;
  if (state.defaultRouteInterface === null) {
    console.log("No way out: waiting");
    continue;
  }
  await delay(Math.random() * SPREAD_MS); // when a building's power comes back, not all at once
  socket = new WebSocket(url);
  socket.onopen = () => console.log("Connected by", state.defaultRouteInterface);
  socket.onerror = (event) => console.log("Not connected:", (event as ErrorEvent).message);
}
