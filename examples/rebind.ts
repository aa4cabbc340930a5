/**
 * A UDP socket that follows the network: bound again when its local address is affected, and only then.
 * The first bind after a change can fail, for an address is announced before it can be used
 * (n0-computer/net-tools#200): so it is tried until it succeeds, and the old socket stays meanwhile.
 *
 * `deno run --allow-ffi --allow-net --unstable-net examples/rebind.ts`
 *
 * @module
 */
import { affects, NetworkMonitor, type State, usableAddresses } from "@netwatch/netwatch";
import { retry } from "@std/async/retry";

/** A socket, and the state that it was bound in. */
interface Bound {
  socket: Deno.DatagramConn | null;
  local: Deno.NetAddr | null;
  state: State;
}

await using monitor = await NetworkMonitor.open();
let bound: Bound = { socket: null, local: null, state: monitor.current.state };

for await (const { state } of monitor.snapshots({ settleMs: 500 })) {
  if (bound.local !== null && !affects(bound.local, bound.state, state)) {
    bound = { ...bound, state };
    continue;
  }
  const old = bound.socket;
  const port = bound.local?.port ?? 0;
  const backoff = { minTimeout: 50, maxTimeout: 5_000, maxAttempts: Number.MAX_SAFE_INTEGER };
  bound = await retry(() => bind(monitor.current.state, port), backoff);
  old?.close();
  const { local } = bound;
  console.log(local ? `Bound to ${local.hostname} port ${local.port}` : "No address to bind to");
}

/** Binds to the address that IPv4 packets leave from; throws when that cannot be done yet. */
function bind(state: State, port: number): Bound {
  const [first] = usableAddresses(state, { family: "IPv4" });
  const hostname = state.defaultRoute.ipv4?.source ?? first?.address;
  if (hostname === undefined) return { socket: null, local: null, state };
  // the old socket may still hold the same address and port, as after a sleep
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port, reuseAddress: true });
  return { socket, local: socket.addr as Deno.NetAddr, state };
}
