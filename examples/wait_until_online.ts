/**
 * Waits up to 30 seconds for a default route and an address to use it with. Neither guarantees
 * connectivity: only a real request can.
 *
 * `deno run --allow-ffi examples/wait_until_online.ts`
 *
 * @module
 */
import { NetworkMonitor, type State } from "@netwatch/netwatch";

const LIMIT_MS = 30_000;

function isOnline({ defaultRoute, haveIpv4, haveIpv6 }: State): boolean {
  return (haveIpv4 && defaultRoute.ipv4 !== null) || (haveIpv6 && defaultRoute.ipv6 !== null);
}

await using monitor = await NetworkMonitor.open();
try {
  const { state } = await monitor.waitFor(isOnline, { signal: AbortSignal.timeout(LIMIT_MS) });
  console.log("Online through", state.defaultRouteInterface);
} catch (error) {
  if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
  console.error(`Still offline after ${LIMIT_MS / 1000} s`);
  Deno.exitCode = 1;
}
