/**
 * A UDP socket that follows the network: it binds again when its local address is affected, and only
 * then. The OS announces an address before a socket can bind to it (n0-computer/net-tools#200), so the
 * first attempt can fail: the program retries, and keeps the old socket until it succeeds.
 *
 * `deno run --allow-ffi --allow-net --unstable-net examples/rebind.ts`
 *
 * @module
 */
import { affects, NetworkMonitor, type State, usableAddresses } from "@netwatch/netwatch";
import { retry } from "@std/async/retry";

/** A socket and the state in which it was bound. */
interface Binding {
  socket: Deno.DatagramConn | null;
  local: Deno.NetAddr | null;
  state: State;
}

await using monitor = await NetworkMonitor.open();
let binding: Binding = { socket: null, local: null, state: monitor.current.state };

for await (const { state } of monitor.snapshots({ settleMs: 500 })) {
  if (binding.local !== null && !affects(binding.local, binding.state, state)) {
    binding = { ...binding, state };
    continue;
  }
  const { socket: oldSocket, local: oldLocal } = binding;
  const port = oldLocal?.port ?? 0;
  const backoff = { minTimeout: 50, maxTimeout: 5_000, maxAttempts: Number.MAX_SAFE_INTEGER };
  binding = await retry(() => bind(monitor.current.state, port), backoff);
  oldSocket?.close();
  const { local } = binding;
  console.log(local ? `Bound to ${local.hostname} port ${local.port}` : "No address to bind to");
}

/** Binds to the source address of outgoing IPv4 packets. Throws if the OS refuses the address. */
function bind(state: State, port: number): Binding {
  const [first] = usableAddresses(state, { family: "IPv4" });
  const hostname = state.defaultRoute.ipv4?.source ?? first?.address;
  if (hostname === undefined) return { socket: null, local: null, state };
  // The old socket may hold the same address and port, for example after sleep.
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port, reuseAddress: true });
  return { socket, local: socket.addr as Deno.NetAddr, state };
}
