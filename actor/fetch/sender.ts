// Sends the requests of one `createFetch()`, again if need be.
import { deadline } from "@std/async/deadline";
import { connectionLoss } from "../../state/connection_loss.ts";
import { formatReason } from "../../state/format.ts";
import type { Reason, Snapshot, State } from "../../state/types.ts";
import type { ResolvedFetchOptions } from "./options.ts";
import { Pool } from "./pool.ts";

/** What `createFetch()` needs of a monitor; a `NetworkMonitor` has it. */
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

/** The options of one request; Deno adds `client` to the standard ones. */
export type FetchInit = RequestInit & { client?: Deno.HttpClient };

/**
 * The network changed while a request was under way that is not repeated, or while its response was being read. Like
 * every network error of `fetch` it is a TypeError. The server may have acted on the request.
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

/** RFC 9110, 9.2.2; Deno refuses TRACE. */
const IDEMPOTENT = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"];

/**
 * Milliseconds that a repeated request waits for the network to return, and then, every `PAUSE_MS`, tries to connect.
 */
const RETURN_LIMIT_MS = 2_000;
const PAUSE_MS = 100;

/** Milliseconds that a failed request waits until the monitor has read the network. */
const READ_LIMIT_MS = 5_000;

const isOnline = ({ online }: State): boolean => online !== false;
const hasAddress = ({ haveIpv4, haveIpv6 }: State): boolean => haveIpv4 || haveIpv6;

/** The requests and the pool of one `createFetch()`. */
export class Sender {
  readonly #monitor: FetchMonitor;
  readonly #options: ResolvedFetchOptions;
  readonly #disposal = new AbortController();
  readonly #following: Promise<void>;
  #pool: Pool;
  #state: State; // the state in which the connections of the pool work
  #warnsOfClose = false; // the monitor is closed, and the log does not say so yet

  /** Follows the monitor from now on. */
  constructor(monitor: FetchMonitor, options: ResolvedFetchOptions) {
    this.#monitor = monitor;
    this.#options = options;
    this.#pool = new Pool(options.client);
    this.#state = monitor.current.state;
    this.#following = this.#follow(monitor.snapshots({ signal: this.#disposal.signal }));
  }

  /** Sends a request until it is answered, fails, or may not be repeated. */
  async send(input: RequestInfo | URL, init?: FetchInit): Promise<Response> {
    const request = new Request(input, init);
    const { signal } = request;
    const { clock, holdMs, logger, retries } = this.#options;
    if (this.#warnsOfClose && !this.#disposal.signal.aborted) {
      this.#warnsOfClose = false;
      logger.warn("The monitor is closed: requests do not survive changes of network");
    }
    const isIdempotent = IDEMPOTENT.includes(request.method);
    const isReplayable = retries > 0 && hasReplayableBody(input, init);
    let left = isReplayable ? retries : 0;
    let settlesAt = -Infinity;
    await this.#until(isOnline, holdMs, signal);
    for (;;) {
      this.#followState();
      const pool = this.#pool;
      // without a default route, as on an isolated network, an address is all that can return
      const isBack = holdMs > 0 || isOnline(this.#state) ? isOnline : hasAddress;
      try {
        return await pool.send(isReplayable ? request.clone() : request, init?.client);
      } catch (error) {
        const mayRepeat = left > 0 && (isIdempotent || isUnsent(error));
        if (mayRepeat && await this.#isLost(pool, error, signal)) {
          left--;
          await this.#until(isBack, holdMs || RETURN_LIMIT_MS, signal);
          settlesAt = clock.monotonic() + RETURN_LIMIT_MS;
        } else if (isUnsent(error) && clock.monotonic() < settlesAt && !signal.aborted) {
          // routes and name servers may be set later than the address
          await new Promise<void>((resolve) => clock.setTimeout(resolve, PAUSE_MS).unref());
        } else {
          throw signal.aborted ? signal.reason : error;
        }
      }
    }
  }

  /** Ends everything with an `AbortError`. Resolves when the monitor is no longer followed. */
  dispose(): Promise<void> {
    const reason = new DOMException("This fetch has been disposed", "AbortError");
    this.#disposal.abort(reason);
    this.#pool.end(reason);
    return this.#following;
  }

  async #follow(snapshots: ReadableStream<Snapshot>): Promise<void> {
    for await (const _ of snapshots) this.#followState();
    this.#warnsOfClose = true;
  }

  /** Replaces the pool if its connections are lost. A request may come before the stream delivers. */
  #followState(): void {
    const { state } = this.#monitor.current;
    const reason = connectionLoss(this.#state, state);
    this.#state = state;
    if (reason === null || this.#disposal.signal.aborted) return;
    const lost = this.#pool;
    this.#pool = new Pool(this.#options.client);
    lost.end(new NetworkChangedError(reason));
  }

  /**
   * Whether a request failed because the connections were lost. The system may refuse one before the monitor
   * publishes why: between two addresses connect() fails with ENETUNREACH.
   */
  async #isLost(pool: Pool, error: unknown, signal: AbortSignal): Promise<boolean> {
    if (!pool.isEnded && error instanceof TypeError) {
      await deadline(this.#monitor.refresh(), READ_LIMIT_MS, { signal }).catch(() => {});
      this.#followState();
    }
    return pool.isEnded;
  }

  /** Waits for a state, until the time is over, the monitor closed or the request aborted. */
  async #until(
    predicate: (state: State) => boolean,
    ms: number,
    request: AbortSignal,
  ): Promise<void> {
    if (ms === 0 || predicate(this.#monitor.current.state)) return;
    const limit = new AbortController();
    const timer = ms === Infinity ? null : this.#options.clock.setTimeout(() => limit.abort(), ms);
    timer?.unref();
    const signal = AbortSignal.any([limit.signal, this.#disposal.signal, request]);
    await this.#monitor.waitFor(predicate, { signal }).catch(() => {});
    timer?.cancel();
  }
}

/** Whether a body can be sent again: a stream cannot, nor what is inside a `Request`. */
function hasReplayableBody(input: RequestInfo | URL, init?: FetchInit): boolean {
  const body: unknown = init?.body ?? (input instanceof Request ? input.body : null);
  return body === null || typeof body === "string" || ArrayBuffer.isView(body) ||
    [ArrayBuffer, Blob, FormData, URLSearchParams].some((type) => body instanceof type);
}

/** Whether no connection was opened, so that the server got nothing. Deno 2.9 says so in this message alone. */
function isUnsent(error: unknown): boolean {
  const cause = error instanceof TypeError ? error.cause : null;
  return cause instanceof Error && cause.message.includes("client error (Connect)");
}
