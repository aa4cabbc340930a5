/**
 * A UDP socket that follows the network: it binds again when its local address is affected, or when the
 * machine has a better one, and only then. The OS announces an address before a socket can bind to it
 * (n0-computer/net-tools#200), so the first attempt can fail: the program retries, and keeps the old socket
 * until it succeeds.
 *
 * `deno run --allow-ffi --allow-net --unstable-net examples/rebind.ts`
 *
 * @module
 */
import { affects, NetworkMonitor, primaryAddress, type State } from "@netwatch/netwatch";

/** A socket and the state in which it was bound. */
interface Binding {
  socket: Deno.DatagramConn;
  local: Deno.NetAddr;
  state: State;
}

const RETRY_MS = 200;

await using monitor = await NetworkMonitor.open();
let binding: Binding | null = null;
let port = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

for await (const { state } of monitor.snapshots({ settleMs: 500 })) update(state);

/** Binds if it must. If that fails, it tries again until it succeeds or another state is delivered. */
function update(state: State): void {
  clearTimeout(timer);
  if (!mustBind(binding, state)) return;
  try {
    const next = bind(state);
    binding?.socket.close();
    binding = next;
  } catch (error) {
    if (error instanceof TypeError || error instanceof Deno.errors.NotCapable) throw error;
    return void (timer = setTimeout(update, RETRY_MS, state));
  }
  port = binding?.local.port ?? port;
  console.log(binding ? `Bound to ${binding.local.hostname} port ${port}` : "No address");
}

/** Whether the address of the socket changed, or is not the best one of the machine any more. */
function mustBind(binding: Binding | null, state: State): boolean {
  const best = primaryAddress(state, { family: "IPv4" })?.address;
  if (binding === null) return best !== undefined;
  return binding.local.hostname !== best || affects(binding.local, binding.state, state);
}

/** Binds to the best IPv4 address. Throws if the OS refuses it. */
function bind(state: State): Binding | null {
  const hostname = primaryAddress(state, { family: "IPv4" })?.address;
  if (hostname === undefined) return null;
  // The old socket may hold the same address and port, for example after sleep.
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port, reuseAddress: true });
  return { socket, local: socket.addr as Deno.NetAddr, state };
}
