/**
 * The options of `createFetch()`.
 *
 * @module
 */
import type { Clock, Logger } from "../../state/runtime.ts";
import { checkObject, integer, optional, resolveClock, resolveLogger } from "../options.ts";

/** How to send requests. */
export interface FetchOptions {
  /**
   * How often one request is sent again after changes of the network.
   *
   * @default {3}
   */
  retries?: number;
  /**
   * Holds a request while `state.online` is false: true for as long as it takes, a number for at most so many
   * milliseconds, an integer from 1 to 2,147,483,647. After that it is sent all the same, and fails with the error of
   * the operating system. A held request does not keep the process alive.
   *
   * @default {false}
   */
  waitUntilOnline?: boolean | number;
  /** The options of each connection pool, such as `caCerts` and `proxy`. The default is none. */
  client?: Deno.CreateHttpClientOptions | (Deno.CreateHttpClientOptions & Deno.TlsCertifiedKeyPem);
  /** Receives the log. The default is the logger `netwatch` of `@std/log`. */
  logger?: Logger;
  /** The timers of held requests, for tests. The default is those of the runtime. */
  clock?: Clock;
}

/** The options, checked, with the defaults. */
export type ResolvedFetchOptions = Readonly<ReturnType<typeof resolveFetchOptions>>;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {RangeError} if a number is out of range; the message names the option.
 * @throws {TypeError} if a value is of the wrong type.
 */
export function resolveFetchOptions(options: FetchOptions) {
  checkObject(options);
  const { client, clock, logger, retries, waitUntilOnline } = options;
  const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;
  return {
    retries: integer("retries", retries, 0) ?? 3,
    holdMs: holdMs(waitUntilOnline),
    client: { ...optional("client", client, "an object", isObject) },
    logger: resolveLogger(logger),
    clock: resolveClock(clock),
  };
}

/** Milliseconds that a request is held; 0 to send it at once, Infinity for no limit. */
function holdMs(value: FetchOptions["waitUntilOnline"]): number {
  if (typeof value === "number") return integer("waitUntilOnline", value, 1) as number;
  const isBoolean = (given: unknown): boolean => typeof given === "boolean";
  return optional("waitUntilOnline", value, "true, false or milliseconds", isBoolean)
    ? Infinity
    : 0;
}
