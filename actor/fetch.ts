/**
 * A `fetch` that survives a change of network. The global `fetch` keeps using connections whose address is gone, so its
 * requests hang for minutes (denoland/deno#36542). This one needs only the permission `--allow-net` for the servers.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { connectionLoss } from "../state/impact.ts";
import { formatReason } from "../state/format.ts";
import type { Clock, Logger } from "../state/ports.ts";
import type { Reason, Snapshot, State } from "../state/types.ts";
import {
  checkObject,
  guardLogger,
  integer,
  optional,
  resolveClock,
  withCheckedNames,
} from "./options.ts";

export type { Clock, Logger, Timer } from "../state/ports.ts";
export type * from "../state/types.ts";

/** The parts of a monitor that `createFetch()` needs; a `NetworkMonitor` has them. */
export interface FetchMonitor {
  /** The newest snapshot. */
  readonly current: Snapshot;
  /** Subscribes; the stream ends when the monitor is closed. */
  snapshots(options: { signal: AbortSignal }): ReadableStream<Snapshot>;
  /** Reads everything from the operating system. */
  refresh(): Promise<Snapshot>;
  /** Waits for a state. */
  waitFor(
    predicate: (state: State) => boolean,
    options: { signal: AbortSignal },
  ): Promise<Snapshot>;
}

/** How to send requests. */
export interface FetchOptions {
  /** How many times a request may be sent again after the network changed. The default is 3. */
  retries?: number;
  /**
   * Holds a request while `state.online` is false: true for as long as it takes, an integer from 1 to 2,147,483,647
   * for at most that many milliseconds. Then it is sent anyway, and may fail with the error of the operating system.
   * Requests to the LAN and to this machine are held, too; the process is not kept alive. The default is false.
   */
  waitUntilOnline?: boolean | number;
  /** The options of each connection pool, such as `caCerts`, `localAddress` and `proxy`. The default is none. */
  client?: Deno.CreateHttpClientOptions | (Deno.CreateHttpClientOptions & Deno.TlsCertifiedKeyPem);
  /** Receives the log. The default is the logger `netwatch` of `@std/log`. */
  logger?: Logger;
  /** The timers of held requests, for tests. The default is those of the runtime. */
  clock?: Clock;
}

/** The options of one request; Deno adds `client` to the standard ones. */
export type FetchInit = RequestInit & { client?: Deno.HttpClient };

/** The function that `createFetch()` returns. Disposing it ends its requests with an `AbortError`. */
export interface NetworkFetch extends AsyncDisposable {
  /** Like the global `fetch`. */
  (input: RequestInfo | URL, init?: FetchInit): Promise<Response>;
}

/**
 * The network changed during a request that is not repeated, or while its response was being read. Like every network
 * error of `fetch`, this is a TypeError. The server may have acted on the request.
 */
export class NetworkChangedError extends TypeError {
  /** The name of the class. */
  override readonly name = "NetworkChangedError";
  /** What changed. */
  readonly reason: Reason;

  /** Creates the error. */
  constructor(reason: Reason) {
    super(`The network changed during the request: ${formatReason(reason)}`);
    this.reason = reason;
  }
}

/**
 * Creates a `fetch` that follows a monitor. When the default route gets another interface or source, a source address
 * is gone, or the machine slept for 600_000 ms or more, it replaces the connection pool and ends the requests in
 * flight: one that is safe to repeat is sent again, any other rejects with `NetworkChangedError`, even in the middle
 * of a response body. Nothing that happens on host-only interfaces ends a request.
 *
 * - Safe to repeat: the response has not been returned, the body is neither a stream nor inside a `Request`, and
 *   either the method is GET, HEAD, OPTIONS, PUT or DELETE (RFC 9110, 9.2.2) or no connection could be opened.
 * - A repeated request waits for the network to return, as between two DHCP leases: for up to 2 seconds, or as
 *   `waitUntilOnline` says. Then it tries to connect for 2 seconds, since routes and name servers may come later.
 * - The reason of the caller's `signal` takes precedence over `NetworkChangedError`.
 * - A `client` in the options of one request is used, and never replaced.
 * - What needs no network, such as a `data:` or `blob:` URL, is neither held nor ended.
 * - It follows the monitor until it is disposed; once the monitor is closed, it behaves like the global `fetch`. It
 *   does not keep the process alive.
 *
 * @param monitor The monitor, usually a `NetworkMonitor`.
 * @param options How to send.
 * @returns The function. Call it like `fetch`, and dispose it when it is no longer needed.
 * @throws {TypeError} if an option is of the wrong type, or `monitor` is not a monitor.
 * @throws {RangeError} if a numeric option is out of range.
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
 */
export function createFetch(monitor: FetchMonitor, options: FetchOptions = {}): NetworkFetch {
  const methods = ["snapshots", "refresh", "waitFor"] as const;
  if (!methods.every((name) => typeof monitor?.[name] === "function")) {
    throw new TypeError("createFetch() takes a NetworkMonitor");
  }
  const sender = new Sender(monitor, resolveFetchOptions(options));
  const fetch = (input: RequestInfo | URL, init?: FetchInit) => sender.send(input, init);
  return Object.assign(fetch, { [Symbol.asyncDispose]: () => sender.dispose() });
}

function resolveFetchOptions(options: FetchOptions) {
  checkObject(options);
  const { client = {}, clock, logger, retries, waitUntilOnline: held } = options;
  const isPlain = (it: unknown): boolean => Object(it) === it && !(it instanceof Deno.HttpClient);
  optional("client", client, "options for Deno.createHttpClient()", isPlain);
  const isHeld = (value: unknown): boolean => ["boolean", "number"].includes(typeof value);
  optional("waitUntilOnline", held, "true, false or milliseconds", isHeld);
  const limitMs = typeof held === "number" ? integer("waitUntilOnline", held, 1)! : 0;
  return withCheckedNames(options, {
    retries: integer("retries", retries, 0) ?? 3,
    waitUntilOnline: held === true ? Infinity : limitMs,
    client: { ...client },
    logger: guardLogger(logger),
    clock: resolveClock(clock),
  });
}

const IDEMPOTENT = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]; // RFC 9110, 9.2.2; Deno refuses TRACE
const { fetch: send } = globalThis; // the program may replace it with ours

/** How long a repeated request waits for the network, and then tries to connect every `PAUSE_MS`; milliseconds. */
const RETURN_LIMIT_MS = 2_000;
const PAUSE_MS = 100;
const READ_LIMIT_MS = 5_000; // how long a failed request waits until the monitor has read the network

const isOnline = ({ online }: State): boolean => online !== false;
const hasAddress = ({ haveIpv4, haveIpv6 }: State): boolean => haveIpv4 || haveIpv6;

/** The requests of one `createFetch()`, and its connections on the current network. */
class Sender {
  readonly #monitor: FetchMonitor;
  readonly #options: ReturnType<typeof resolveFetchOptions>;
  readonly #disposal = new AbortController();
  readonly #following: Promise<void>;
  #state: State; // in which the connections work
  #client: Deno.HttpClient | null = null;
  #loss = new AbortController(); // ends all requests and bodies of these connections
  #warnsOfClose = false; // the monitor is closed, and the log does not say so yet

  constructor(monitor: FetchMonitor, options: ReturnType<typeof resolveFetchOptions>) {
    this.#monitor = monitor;
    this.#options = options;
    this.#state = monitor.current.state;
    this.#following = this.#follow(monitor.snapshots({ signal: this.#disposal.signal }));
  }

  /** Sends a request until it is answered, fails, or may not be repeated. */
  async send(input: RequestInfo | URL, init?: FetchInit): Promise<Response> {
    const blob = init?.body instanceof Blob ? init.body : null; // a clone would keep a copy of all that is sent
    const like = blob && { ...init, body: new Blob([], { type: blob.type }) };
    const request = new Request(input, like ?? init);
    const signal = AbortSignal.any([request.signal, this.#disposal.signal]);
    if (!request.url.startsWith("http")) return send(request, { signal }); // needs no network
    const { clock, logger, retries, waitUntilOnline } = this.#options;
    if (this.#warnsOfClose && !this.#disposal.signal.aborted) {
      this.#warnsOfClose = false;
      logger.warn("The monitor is closed: requests no longer survive a change of network");
    }
    const isIdempotent = IDEMPOTENT.includes(request.method);
    const isReplayable = retries > 0 && hasReplayableBody(input, init);
    let left = isReplayable ? retries : 0;
    let settlesAt = -Infinity;
    await this.#until(isOnline, waitUntilOnline, signal);
    for (;;) {
      this.#followState();
      const loss = this.#loss.signal;
      // without a default route, as on an isolated network, an address is all that can return
      const isBack = waitUntilOnline > 0 || isOnline(this.#state) ? isOnline : hasAddress;
      try {
        return await this.#sendOnce(isReplayable ? request.clone() : request, blob, init?.client);
      } catch (error) {
        const unsent = isUnsent(error, isIdempotent ? null : request); // behind a redirect, a POST was sent
        const pauses = unsent && clock.monotonic() < settlesAt && !signal.aborted;
        // routes and name servers may be set later than the address
        if (pauses) await new Promise<void>((go) => clock.setTimeout(go, PAUSE_MS).unref());
        const mayRepeat = left > 0 && !signal.aborted && (isIdempotent || unsent);
        if (mayRepeat && await this.#isLost(loss, error, signal)) {
          left--;
          await this.#until(isBack, waitUntilOnline || RETURN_LIMIT_MS, signal);
          settlesAt = clock.monotonic() + RETURN_LIMIT_MS;
        } else if (!pauses) {
          throw request.signal.aborted ? request.signal.reason : error;
        }
      }
    }
  }

  /** Ends everything with an `AbortError`. Resolves when the monitor is no longer followed. */
  dispose(): Promise<void> {
    const reason = new DOMException("This fetch has been disposed", "AbortError");
    this.#disposal.abort(reason);
    this.#loss.abort(reason);
    this.#client?.close();
    this.#client = null;
    return this.#following;
  }

  async #sendOnce(request: Request, body: Blob | null, client?: Deno.HttpClient) {
    const signal = AbortSignal.any([request.signal, this.#loss.signal]);
    if (!signal.aborted) client ??= this.#client ??= Deno.createHttpClient(this.#options.client);
    return interruptible(await send(request, { body, ...(client && { client }), signal }));
  }

  async #follow(snapshots: ReadableStream<Snapshot>): Promise<void> {
    for await (const _ of snapshots) this.#followState();
    this.#warnsOfClose = true;
  }

  /** Replaces the connections if they are lost. Requests call it, too: they can come before the stream delivers. */
  #followState(): void {
    const { state } = this.#monitor.current;
    const reason = connectionLoss(this.#state, state, this.#options.client.localAddress);
    this.#state = state;
    if (reason === null || this.#disposal.signal.aborted) return;
    const [loss, client] = [this.#loss, this.#client];
    this.#loss = new AbortController();
    this.#client = null;
    loss.abort(new NetworkChangedError(Object.freeze(reason)));
    client?.close();
  }

  /**
   * Whether a request failed because the connections were lost. The system may refuse a connection before the monitor
   * publishes why: between two addresses connect() fails with ENETUNREACH.
   */
  async #isLost(loss: AbortSignal, error: unknown, signal: AbortSignal): Promise<boolean> {
    if (!loss.aborted && error instanceof TypeError) {
      await deadline(this.#monitor.refresh(), READ_LIMIT_MS, { signal }).catch(() => {});
      this.#followState();
    }
    return loss.aborted;
  }

  /** Waits for a state until the time is up, the monitor is closed or the request is aborted. */
  async #until(predicate: (state: State) => boolean, ms: number, ends: AbortSignal): Promise<void> {
    if (ms === 0 || predicate(this.#monitor.current.state)) return;
    const limit = new AbortController();
    const timer = ms === Infinity ? null : this.#options.clock.setTimeout(() => limit.abort(), ms);
    timer?.unref();
    const signal = AbortSignal.any([limit.signal, ends]);
    await this.#monitor.waitFor(predicate, { signal }).catch(() => {});
    timer?.cancel();
  }
}

/** Whether a body can be sent again: a stream cannot, nor can the body of a `Request`. */
function hasReplayableBody(input: RequestInfo | URL, init?: FetchInit): boolean {
  const body: unknown = init?.body ?? (input instanceof Request ? input.body : null);
  return body === null || typeof body === "string" || ArrayBuffer.isView(body) ||
    [ArrayBuffer, Blob, FormData, URLSearchParams].some((type) => body instanceof type);
}

/** Whether no connection was opened: to the request's URL, or to any if null. Only Deno's message says so. */
function isUnsent(error: unknown, request: Request | null): boolean {
  const url = request && new URL(request.url);
  const at = url && Object.assign(url, { username: "", password: "", hash: "" });
  const cause = error instanceof TypeError ? error.cause ?? error : null; // until Deno 2.9.1 there is no cause
  return cause instanceof Error && cause.message.includes(`${at ?? ""}): client error (Connect)`);
}

/** Each response by its body: once a response is garbage collected, its signal no longer reaches the body. */
const RESPONSES = new WeakMap<ReadableStream, Response>();

/**
 * Makes sure that aborting its signal ends the body of a response. If a body is piped into a file or a response of
 * `Deno.serve()`, Deno 2.9 copies it in native code, which no signal stops. The body of a cloned response is read in
 * JavaScript, and the response stays the same object with its `url` and `type`.
 */
function interruptible(response: Response): Response {
  response.clone().body?.cancel().catch(() => {}); // settles when the other half has ended
  if (response.body !== null) RESPONSES.set(response.body, response);
  return response;
}
