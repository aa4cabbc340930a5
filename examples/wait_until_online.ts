/**
 * Waits up to 30 seconds until the machine is online: a default route and an address to use it with. Neither
 * guarantees connectivity: only a real request can. Where only polling is possible, routes are unknown, and a
 * usable address is enough.
 *
 * `deno run --allow-ffi examples/wait_until_online.ts`
 *
 * @module
 */
import { NetworkMonitor, primaryAddress } from "@netwatch/netwatch";

const signal = AbortSignal.timeout(30_000);

await using monitor = await NetworkMonitor.open();
if (monitor.current.state.online === false) console.log("Waiting");
try {
  const { state } = await monitor.waitFor(({ online }) => online !== false, { signal });
  console.log("Online as", primaryAddress(state)?.address);
} catch (error) {
  if (error !== signal.reason) throw error;
  console.error("Still offline after 30 s");
  Deno.exitCode = 1;
}
