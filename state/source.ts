/**
 * The port between the operating system and the actor: types only. Public: bring your own source.
 *
 * @module
 */
import type { DefaultRoutes, Interface, Knows } from "./types.ts";

/** A witness of the network: what announces changes and can be asked for the truth. */
export interface NetworkSource {
  /** `"netlink"`, `"af_route"`, `"iphlpapi"`, `"polling"` or your own. */
  readonly name: string;
  /** Live counts over all subscriptions of this source; leave it out where nothing is counted. */
  readonly counters?: SourceCounters;
  /** What listens at this moment, where that is more than one thing; leave it out where it is one. */
  readonly listeners?: readonly string[];
  /** Hears from now on; called again after the last subscription ended. */
  subscribe(signal: AbortSignal): Promise<Subscription>;
  /** The whole truth, asked from the operating system, never from the table that events keep. */
  read(signal: AbortSignal): Promise<Reading>;
}

/** What a source has heard so far. Each only rises. */
export interface SourceCounters {
  /** Messages heard. */
  readonly events: number;
  /** Of those, the ones that say nothing about the state. */
  readonly ignored: number;
  /** Messages that could not be understood. */
  readonly malformed: number;
  /** Messages from somebody else than the kernel. */
  readonly spoofed: number;
}

/** A socket that hears. Its iteration ends when the socket is lost and throws when it is lost with an error. */
export interface Subscription extends AsyncDisposable, AsyncIterable<SourceEvent> {
  /** Drains now; the table plus fresh default routes. null: it keeps none, use `read()`. */
  view(): Reading | null;
  /** The truth replaces the table. */
  adopt(reading: Reading): void;
  /** The canary: does it hear? True where there is no way to know. */
  probe(signal: AbortSignal): Promise<boolean>;
  /** Keeps the process alive. */
  ref(): void;
  /** Lets the process end. */
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

/** The truth at one moment, as far as the source can know it. */
export interface Reading {
  /** All interfaces with their addresses, in any order. */
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
  /** Releases what the source holds: called once, after close or when opening fails. */
  dispose(): Promise<void>;
}
