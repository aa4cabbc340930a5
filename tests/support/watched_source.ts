/**
 * The Linux source, which remembers its subscriptions, so that a test can reach their sockets.
 *
 * @module
 */
import { LinuxSource } from "../../ffi/linux/source.ts";
import type { EventSourceOptions } from "../../ffi/open.ts";
import type { LinuxSubscription } from "../../ffi/linux/subscription.ts";
import type { NetworkSource, Reading, SourceCounters, Subscription } from "../../state/ports.ts";

/** The source of Linux, watched. */
export class WatchedSource implements NetworkSource, AsyncDisposable {
  /** The name of the watched source. */
  readonly name: string;
  /** The counters of the watched source. */
  readonly counters: SourceCounters;
  /** All subscriptions so far, the newest last. */
  readonly subscriptions: LinuxSubscription[] = [];
  /** The number of full reads. */
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
