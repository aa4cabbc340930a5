/**
 * Dynamic DNS: tells a server the public address of this machine when it changes, and only then: providers
 * block clients that update without need (opnsense/core#7050). The address is added to the URL.
 *
 * `deno run --allow-ffi --allow-net examples/dynamic_dns.ts https://dns.example/update?ip=`
 *
 * @module
 */
import { isPrivateAddress, NetworkMonitor, type State, usableAddresses } from "@netwatch/netwatch";
import { retry } from "@std/async/retry";

const [url] = Deno.args;
if (url === undefined) throw new TypeError("The URL that takes an address is missing");

await using monitor = await NetworkMonitor.open();
let published: string | undefined;

for await (const { state } of monitor.snapshots({ settleMs: 1_000 })) {
  const address = publicAddress(state);
  if (address === undefined || address === published) continue;
  // until it succeeds: if the network returns to this state meanwhile, no snapshot follows
  await retry(publish, { maxAttempts: Number.MAX_SAFE_INTEGER, maxTimeout: 15_000 });
}

/** A temporary address (RFC 8981) is for outgoing connections: it changes every day. */
function publicAddress(state: State): string | undefined {
  return usableAddresses(state)
    .find(({ address, temporary }) => !temporary && !isPrivateAddress(address))?.address;
}

/** Publishes the current address, which may be newer than that of the snapshot. */
async function publish(): Promise<void> {
  const address = publicAddress(monitor.current.state);
  if (address === published) return;
  try {
    if (address === undefined) throw new Error("This machine has none now");
    const response = await fetch(url + encodeURIComponent(address));
    await response.body?.cancel();
    if (!response.ok) throw new Error(`The server answered ${response.status}`);
    console.log("Published", published = address);
  } catch (error) {
    console.error("Cannot publish the address:", error);
    throw error;
  }
}
