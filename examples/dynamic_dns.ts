/**
 * Dynamic DNS: tells a server the public address of this machine when it changes, and only then: providers
 * block clients that update without need (opnsense/core#7050). The address is added to the URL.
 *
 * `deno run --allow-ffi --allow-net examples/dynamic_dns.ts "https://dns.example/update?ip="`
 *
 * @module
 */
import { isPrivateAddress, NetworkMonitor, type State, usableAddresses } from "@netwatch/netwatch";
import { retry } from "@std/async/retry";

const [url = ""] = Deno.args;
if (!URL.canParse(url)) throw new TypeError(`Not a URL that takes an address: '${url}'`);

/** How long the server may take to answer. */
const REQUEST_LIMIT_MS = 30_000;

await using monitor = await NetworkMonitor.open();
let published: string | undefined; // undefined while nobody knows what the server has
let attempts = new AbortController();

for await (const { state } of monitor.snapshots({ settleMs: 1_000 })) {
  attempts.abort(); // those for the state before
  attempts = new AbortController();
  const { signal } = attempts;
  const address = publicAddress(state);
  if (address === undefined || address === published) continue;
  published = undefined;
  // until it succeeds: no snapshot follows while the network stays as it is
  void retry(() => publish(address, signal), {
    maxAttempts: Number.MAX_SAFE_INTEGER,
    isRetriable: () => !signal.aborted,
  }).catch(() => {});
}

/** A temporary address (RFC 8981) is for outgoing connections: it changes every day. */
function publicAddress(state: State): string | undefined {
  return usableAddresses(state)
    .find(({ address, temporary }) => !temporary && !isPrivateAddress(address))?.address;
}

async function publish(address: string, signal: AbortSignal): Promise<void> {
  try {
    const limit = AbortSignal.timeout(REQUEST_LIMIT_MS);
    const options = { signal: AbortSignal.any([signal, limit]) };
    const response = await fetch(url + encodeURIComponent(address), options);
    await response.body?.cancel();
    if (!response.ok) throw new Error(`The server answered ${response.status}`);
    console.log("Published", published = address);
  } catch (error) {
    if (!signal.aborted) console.error(`Cannot publish ${address}:`, error);
    throw error;
  }
}
