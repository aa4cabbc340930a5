/**
 * Waits, half a minute at most, until there is a default route and an address to use it with. That is
 * no promise that anything answers: only a request tells.
 *
 * `deno run --allow-ffi examples/wait_until_online.ts`
 *
 * @module
 */
import { NetworkMonitor, type State } from "@netwatch/netwatch";

const LIMIT_MS = 30_000;

function hasWayOut({ defaultRoute, haveIpv4, haveIpv6 }: State): boolean {
  return (haveIpv4 && defaultRoute.ipv4 !== null) || (haveIpv6 && defaultRoute.ipv6 !== null);
}

await using monitor = await NetworkMonitor.open();
try {
  const { state } = await monitor.waitFor(hasWayOut, { signal: AbortSignal.timeout(LIMIT_MS) });
  console.log("A way out by", state.defaultRouteInterface);
} catch (error) {
  if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
  console.error(`No way out within ${LIMIT_MS / 1000} s`);
  Deno.exitCode = 1;
}
