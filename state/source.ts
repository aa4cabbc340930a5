/**
 * The port between the operating system and the actor: types only. It is public, so that programs can
 * bring a source of their own.
 *
 * @module
 */
import type { Clock } from "./runtime.ts";
import type { DefaultRoutes, Interface, Knows, Metrics } from "./types.ts";

/** A source of network state: it reports events and reads the kernel's state on request. */
export interface NetworkSource {
  /** `"netlink"`, `"af_route"`, `"iphlpapi"`, `"polling"` or a name of your own. */
  readonly name: string;
  /** Live counters over all subscriptions; omit them if the source does not count. */
  readonly counters?: SourceCounters;
  /** The open wake-up sources, if there can be several; shown as `health.listeners`. */
  readonly listeners?: readonly string[];
  /**
   * Starts to receive events. The monitor calls it again after the last subscription has ended.
   *
   * @param signal Aborts the attempt.
   */
  subscribe(signal: AbortSignal): Promise<Subscription>;
  /**
   * Reads the whole state from the operating system, never from the table that events keep up to date.
   *
   * @param signal Aborts the read.
   */
  read(signal: AbortSignal): Promise<Reading>;
}

/** What a source counts itself; the meanings are those of `Metrics`. */
export type SourceCounters = Pick<Metrics, "events" | "ignored" | "malformed" | "spoofed">;

/** A stream of events. It ends if the socket is lost, and throws if it is lost with an error. */
export interface Subscription extends AsyncDisposable, AsyncIterable<SourceEvent> {
  /**
   * Drains the socket, then returns the table with default routes looked up now.
   *
   * @returns Null if the source keeps no table: the monitor calls `read()` instead.
   */
  view(): Reading | null;
  /** Replaces the table by a full read. */
  adopt(reading: Reading): void;
  /**
   * Sends a canary: does the socket still receive?
   *
   * @returns True if it does, or if there is no way to find out.
   */
  probe(signal: AbortSignal): Promise<boolean>;
  /** Makes the subscription keep the process alive. */
  ref(): void;
  /** Lets the process end while the subscription is open. */
  unref(): void;
}

/**
 * An event of a source. `overflow`: the kernel dropped messages. `resync`: a message could not be
 * decoded, so the link table may be wrong. Both lead to a full read.
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
   * The interfaces with their addresses, in any order. `hostOnly` as topology, type and name tell: the monitor
   * clears it for interfaces of default routes, and for all but loopback in a container.
   */
  readonly interfaces: readonly Interface[];
  /** The default route of each family. */
  readonly defaultRoute: DefaultRoutes;
  /** What the source can know. */
  readonly knows: Knows;
}

/** A source that is ready to be subscribed to. */
export interface OpenedSource {
  /** The source. */
  readonly source: NetworkSource;
  /** Why it polls although events were asked for; null otherwise. */
  readonly reason: string | null;
  /** Whether it polls: then `health.status` is never better than `polling`. */
  readonly polling: boolean;
  /** Timers of the source that cost less than those of the runtime. They end with `dispose()`. */
  readonly clock?: Clock | undefined;
  /** Releases what the source holds: called once, after close or when opening fails. */
  dispose(): Promise<void>;
}
