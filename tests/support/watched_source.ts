/**
 * The Linux source with its subscriptions remembered, so that a test can get at their sockets.
 *
 * @module
 */
import { LinuxSource } from "../../ffi/linux/source.ts";
import type { EventSourceOptions } from "../../ffi/open.ts";
import type { LinuxSubscription } from "../../ffi/linux/subscription.ts";
import type { NetworkSource, Reading, SourceCounters, Subscription } from "../../state/ports.ts";

/** The source of Linux, watched. */
export class WatchedSource implements NetworkSource, AsyncDisposable {
  /** As of what it watches. */
  readonly name: string;
  /** As of what it watches. */
  readonly counters: SourceCounters;
  /** All that were made, the newest last. */
  readonly subscriptions: LinuxSubscription[] = [];
  /** How often everything was read. */
  reads = 0;
  readonly #source: LinuxSource;

  private constructor(source: LinuxSource) {
    this.#source = source;
    this.name = source.name;
    this.counters = source.counters;
  }

  /** Opens the source. */
  static async open(options: EventSourceOptions = {}): Promise<WatchedSource> {
    return new WatchedSource(await LinuxSource.open(options));
  }

  /** The newest subscription. */
  get last(): LinuxSubscription {
    return this.subscriptions.at(-1)!;
  }

  /** Subscribes. */
  async subscribe(signal: AbortSignal): Promise<Subscription> {
    const subscription = await this.#source.subscribe(signal);
    this.subscriptions.push(subscription as LinuxSubscription);
    return subscription;
  }

  /** Reads. */
  read(signal: AbortSignal): Promise<Reading> {
    this.reads++;
    return this.#source.read(signal);
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#source[Symbol.asyncDispose]();
  }
}
