/**
 * A `createFetch()` on a scripted network, and a local server.
 *
 * @module
 */
import { createFetch, type FetchOptions, type NetworkFetch } from "../../actor/fetch.ts";
import { scriptedInterface, scriptedRoute } from "../../actor/testing.ts";
import type { NetworkMonitor } from "../../mod.ts";
import type { Reading } from "../../state/ports.ts";
import { HttpServer } from "../support/http_server.ts";
import { limited } from "../support/limited.ts";
import { type Need, net, skippable } from "../support/skip.ts";
import { Log, type OpenSetting, setUp } from "./support.ts";

/** What a test of `createFetch()` uses. */
export interface FetchSetting {
  fetch: NetworkFetch;
  server: HttpServer;
  log: Log;
  monitor: NetworkMonitor;
  /** The network of the scripted source. */
  source: OpenSetting["source"];
  clock: OpenSetting["clock"];
  /** The network becomes this one, and the window passes. */
  become(network: Partial<Reading>): Promise<void>;
}

/** eth0 with this address and the default route. */
export function home(address = "192.0.2.7"): Partial<Reading> {
  const ipv4 = scriptedRoute("eth0", "192.0.2.254", { source: address });
  return {
    interfaces: [scriptedInterface("eth0", [`${address}/24`])],
    defaultRoute: { ipv4, ipv6: null },
  };
}

/** eth0 without an address and a default route. */
export const OFFLINE: Partial<Reading> = {
  interfaces: [scriptedInterface("eth0")],
  defaultRoute: { ipv4: null, ipv6: null },
};

/** Registers a test of `createFetch()`; the machine has the network `home()`. */
export function fetchTest(
  name: string,
  body: (it: FetchSetting) => Promise<void>,
  options: FetchOptions = {},
  needs: readonly Need[] = [],
): void {
  skippable({
    name: `fetch: ${name}`,
    needs: [net, ...needs],
    async fn() {
      await using setting = await setUp({ source: home() });
      await using server = new HttpServer();
      const log = new Log();
      const { clock, monitor, source } = setting;
      const become = async (network: Partial<Reading>): Promise<void> => {
        source.set(network);
        source.announce();
        await clock.advance(250);
      };
      await using fetch = createFetch(monitor, { logger: log, clock, ...options });
      await limited(body({ fetch, server, log, monitor, source, clock, become }));
    },
  });
}
