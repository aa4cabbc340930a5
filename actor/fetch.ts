/**
 * A `fetch` that survives a change of network. The global one keeps using connections whose address is gone, so
 * its requests hang for minutes (denoland/deno#36542).
 *
 * @example Requests that survive
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 * import { createFetch, NetworkChangedError } from "@netwatch/netwatch/fetch";
 *
 * await using monitor = await NetworkMonitor.open();
 * await using fetch = createFetch(monitor, { waitUntilOnline: 30_000 });
 *
 * try {
 *   const response = await fetch("data:,Hello"); // or any other URL
 *   console.log(response.status, await response.text());
 * } catch (error) {
 *   if (!(error instanceof NetworkChangedError)) throw error;
 *   console.log("The request may have reached the server:", error.message);
 * }
 * ```
 *
 * It needs the permission `--allow-net` for the servers, and no other.
 *
 * @module
 */
import { type FetchOptions, resolveFetchOptions } from "./fetch/options.ts";
import { type FetchInit, type FetchMonitor, NetworkChangedError, Sender } from "./fetch/sender.ts";

export type { Clock, Logger, Timer } from "../state/runtime.ts";
export type * from "../state/types.ts";
export { type FetchInit, type FetchMonitor, type FetchOptions, NetworkChangedError };

/** The function that `createFetch()` returns. Disposing it ends its requests with an `AbortError`. */
export interface NetworkFetch extends AsyncDisposable {
  /** Like the global `fetch`. */
  (input: RequestInfo | URL, init?: FetchInit): Promise<Response>;
}

/**
 * Creates a `fetch` that follows a monitor. When the default route gets another interface or source, a source
 * address is gone, or the machine slept for 600_000 ms or more, it replaces the connection pool and ends what is
 * in flight: a request that is safe to repeat is sent again, any other rejects with `NetworkChangedError`, also in
 * the middle of a response body. Nothing that happens on host-only interfaces ends a request.
 *
 * - Safe to repeat: the method is GET, HEAD, OPTIONS, PUT or DELETE (RFC 9110, 9.2.2) or no connection was opened yet,
 *   the body is neither a stream nor inside a `Request`, and the response has not been returned.
 * - A repeated request waits until the network returns, as between two addresses of DHCP: for up to 2 seconds, or as
 *   `waitUntilOnline` says. Then it tries to connect for 2 seconds: routes and name servers may be set later.
 * - The reason of the caller's `signal` wins over `NetworkChangedError`.
 * - A `client` in the options of one request is used, and never replaced.
 * - After the monitor was closed it behaves like the global `fetch`.
 *
 * It holds no permission of its own and does not keep the process alive. It follows the monitor until it is disposed
 * or the monitor closed.
 *
 * @param monitor The monitor, usually a `NetworkMonitor`.
 * @param options How to send.
 * @returns The function. Call it like `fetch`, and dispose it when it is no longer needed.
 * @throws {TypeError} if an option is of the wrong type, or the monitor is none.
 * @throws {RangeError} if a number among the options is out of range.
 *
 * @example A POST that is never sent twice
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 * import { createFetch, NetworkChangedError } from "@netwatch/netwatch/fetch";
 *
 * await using monitor = await NetworkMonitor.open();
 * await using fetch = createFetch(monitor);
 * await using server = Deno.serve({ hostname: "127.0.0.1", port: 0 }, () => new Response("ok"));
 *
 * const url = `http://127.0.0.1:${server.addr.port}/`;
 * const response = await fetch(url, { method: "POST", body: "once" }).catch((error) => {
 *   if (error instanceof NetworkChangedError) return null; // ask the server whether it came
 *   throw error;
 * });
 * console.log(await response?.text());
 * ```
 */
export function createFetch(monitor: FetchMonitor, options: FetchOptions = {}): NetworkFetch {
  if (!METHODS.every((name) => typeof monitor?.[name] === "function")) {
    throw new TypeError("createFetch() takes a NetworkMonitor");
  }
  const sender = new Sender(monitor, resolveFetchOptions(options));
  return Object.assign(
    (input: RequestInfo | URL, init?: FetchInit) => sender.send(input, init),
    { [Symbol.asyncDispose]: () => sender.dispose() },
  );
}

const METHODS = ["snapshots", "refresh", "waitFor"] as const;
