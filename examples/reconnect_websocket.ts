/**
 * A WebSocket that reconnects at once after sleep and when the network it used is gone. Otherwise it stays
 * "open" for minutes although its connection is dead.
 *
 * `deno run --allow-ffi --allow-net examples/reconnect_websocket.ts wss://example.com/`
 *
 * @module
 */
import { NetworkMonitor } from "@netwatch/netwatch";
import { delay } from "@std/async/delay";

const [url] = Deno.args;
if (url === undefined) throw new TypeError("The URL of a WebSocket server is missing");

/** Spreads the load on the server: after a power cut many clients come back at once. */
const SPREAD_MS = 2_000;

await using monitor = await NetworkMonitor.open();
let lost = new AbortController();
void followNetwork();

for (let spread = 0;; spread = SPREAD_MS) {
  if (monitor.current.state.online === false) console.log("Offline, waiting");
  await monitor.waitFor(({ online }) => online !== false);
  await delay(Math.random() * spread); // by now followNetwork() has seen that state, too
  await connect(url, lost.signal);
}

/** Aborts the connection when it must be dead. A new address harms none. */
async function followNetwork(): Promise<void> {
  for await (const { changes, reasons } of monitor.snapshots({ majorOnly: true, initial: false })) {
    const slept = changes.some(({ kind }) => kind === "resumed");
    if (!slept && reasons.every(({ kind }) => kind === "address-usable")) continue;
    console.log("The network changed");
    lost.abort();
    lost = new AbortController();
  }
}

/** Resolves when the connection has ended, or cannot be made. */
function connect(url: string, signal: AbortSignal): Promise<void> {
  const socket = new WebSocket(url);
  const { promise, resolve } = Promise.withResolvers<void>();
  const giveUp = () => {
    socket.close();
    resolve(); // the closing handshake of a dead connection takes minutes
  };
  signal.addEventListener("abort", giveUp);
  const limit = setTimeout(giveUp, 10_000); // a server may accept and never answer
  socket.onopen = () => console.log("Connected");
  socket.addEventListener("open", () => clearTimeout(limit));
  socket.onclose = () => resolve();
  socket.onerror = (event) => console.log("Not connected:", (event as ErrorEvent).message);
  return promise.finally(() => signal.removeEventListener("abort", giveUp));
}
