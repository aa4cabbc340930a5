/**
 * What a monitor needs from outside: time, a log and a source of network state. Types only; they are public, so that
 * programs and tests can bring their own.
 *
 * @module
 */
import type { DefaultRoutes, Interface, Knows, Metrics } from "./types.ts";

/** The clock of a monitor. Its methods must not throw. */
export interface Clock {
  /** The wall clock, in epoch milliseconds. It can step. */
  now(): number;
  /** Milliseconds since any fixed moment. It never steps back. */
  monotonic(): number;
  /** Calls the function once, after that many milliseconds. */
  setTimeout(f: () => void, ms: number): Timer;
  /** Calls the function repeatedly, at this interval in milliseconds. */
  setInterval(f: () => void, ms: number): Timer;
}

/** A running timer. */
export interface Timer {
  /** Stops it. No effect after it has fired. */
  cancel(): void;
  /** Makes it keep the process alive. */
  ref(): void;
  /** Lets the process end before it fires. */
  unref(): void;
}

/** The log of a monitor. Loggers of `@std/log` fit, and so does `console`. */
export interface Logger {
  /** For developers of this module. */
  debug(message: string): void;
  /** For operators who ask for detail. */
  info(message: string): void;
  /** A failure that the monitor recovered from. */
  warn(message: string): void;
  /** A failure that it did not recover from. */
  error(message: string): void;
}

/** A source of network state: it reports events and reads the kernel's state on request. */
export interface NetworkSource {
  /** `"netlink"`, `"af_route"`, `"iphlpapi"`, `"polling"` or a name of your own. */
  readonly name: string;
  /** Live counters over all subscriptions; omit them if the source does not count. */
  readonly counters?: SourceCounters;
  /** The open wake-up sources, if there can be several; shown as `health.listeners`. */
  readonly listeners?: readonly string[];
  /** Starts to receive events; the signal aborts the attempt. Called again after the last subscription has ended. */
  subscribe(signal: AbortSignal): Promise<Subscription>;
  /** Reads the whole state from the operating system, never from the table that events keep up to date. */
  read(signal: AbortSignal): Promise<Reading>;
}

/** What a source counts itself; the meanings are those of `Metrics`. */
export type SourceCounters = Pick<Metrics, "events" | "ignored" | "malformed" | "spoofed">;

/**
 * A stream of events. It ends if the socket is lost, and throws if it is lost with an error. Disposing it must end a
 * pending `next()`, and resolve: `close()` waits for that.
 */
export interface Subscription extends AsyncDisposable, AsyncIterable<SourceEvent> {
  /**
   * Drains the socket, then returns what the link table holds, with default routes looked up now. After a loss the
   * table mixes old and new: until `adopt()` the last result may be returned again. Null if the source keeps no
   * table: the monitor calls `read()` instead.
   */
  view(): Reading | null;
  /** Replaces the table with that of a full read. */
  adopt(reading: Reading): void;
  /**
   * Sends a canary: true if the socket still receives, or if there is no way to find out. After the signal aborts,
   * nobody waits for the answer.
   */
  probe(signal: AbortSignal): Promise<boolean>;
  /** Makes the subscription keep the process alive. */
  ref(): void;
  /** Lets the process end while the subscription is open. */
  unref(): void;
}

/**
 * An event of a source. `changed`: something may have changed, so the monitor takes a view. `overflow`: the kernel
 * dropped messages; `resync`: messages were not decoded. Both lead to a full read. `resumed`: the machine woke at `at`
 * (epoch ms) after a sleep of `sleptMs`; `clock-stepped`: the wall clock was set. Both lead to a reconcile.
 */
export type SourceEvent =
  | { readonly kind: "changed" }
  | { readonly kind: "overflow" }
  | { readonly kind: "resync" }
  | { readonly kind: "resumed"; readonly at: number; readonly sleptMs: number }
  | { readonly kind: "clock-stepped" };

/** The kernel's state at one moment, as far as the source can know it. */
export interface Reading {
  /**
   * The interfaces with their addresses, in any order. `hostOnly` reflects only topology, type and name: the
   * monitor clears it for interfaces of default routes and, in a container, for all but loopback.
   */
  readonly interfaces: readonly Interface[];
  /** The default route of each family. */
  readonly defaultRoute: DefaultRoutes;
  /** What the source can know. */
  readonly knows: Knows;
}
