/**
 * The monitor: everything of `NetworkMonitor` but the opening of the operating system's own source.
 *
 * @module
 */
import { MonitorClosedError } from "../state/errors.ts";
import type { OpenedSource } from "../state/source.ts";
import type { Health, Metrics, Snapshot, State } from "../state/types.ts";
import { Broadcast } from "./streams/broadcast.ts";
import { errorText, valueText } from "./user_code.ts";
import {
  type ResolvedOptions,
  resolveSignal,
  resolveSnapshotOptions,
  type SnapshotOptions,
} from "./options.ts";
import { Runner } from "./runner.ts";
import { TimerSet } from "./timers.ts";

/** Watches one source until it is closed. */
export class Monitor implements AsyncDisposable, AsyncIterable<Snapshot> {
  readonly #opened: OpenedSource;
  readonly #options: ResolvedOptions;
  readonly #timers: TimerSet;
  readonly #broadcast: Broadcast;
  readonly #runner: Runner;
  readonly #end = Promise.withResolvers<void>();
  #closing = false;

  private constructor(opened: OpenedSource, options: ResolvedOptions, random?: () => number) {
    this.#opened = opened;
    this.#options = options;
    this.#timers = new TimerSet(options.clock, options.persistent);
    this.#broadcast = new Broadcast(options.ignoreInterface, this.#timers);
    this.#runner = new Runner(opened, options, this.#broadcast, this.#timers, random);
  }

  /**
   * Subscribes, reads, and resolves when the first snapshot exists. When it rejects, everything is
   * released again, the opened source too.
   *
   * @param opened The source; the monitor disposes it in the end.
   * @param options Checked options.
   * @param random From 0 to below 1, for the jitter of the backoff.
   * @throws What subscribing or the first read threw, a `TimeoutError` when they take too long, or
   * the reason of `options.signal`.
   */
  static async open(
    opened: OpenedSource,
    options: ResolvedOptions,
    random?: () => number,
  ): Promise<Monitor> {
    const monitor = new Monitor(opened, options, random);
    const { signal } = options;
    try {
      signal?.throwIfAborted();
      signal?.addEventListener("abort", monitor.#onAbort);
      await monitor.#runner.open();
      signal?.throwIfAborted();
      return monitor;
    } catch (error) {
      await monitor.#close(error);
      throw error;
    }
  }

  /** The snapshot published last; also after close. */
  get current(): Snapshot {
    return this.#broadcast.current;
  }

  /** How the monitor itself is. */
  get health(): Health {
    return this.#runner.health;
  }

  /** Counters since the monitor was opened. */
  get metrics(): Metrics {
    return this.#runner.metrics;
  }

  /** Resolves when the monitor is closed and released; never rejects. */
  get closed(): Promise<void> {
    return this.#end.promise;
  }

  /**
   * A new subscription. Cancelling the stream ends it; after close it has ended already.
   *
   * @throws {TypeError} When an option is of the wrong type.
   * @throws {RangeError} When a number is out of range.
   */
  snapshots(options?: SnapshotOptions): ReadableStream<Snapshot> {
    return this.#broadcast.subscribe(resolveSnapshotOptions(options));
  }

  /** A new subscription with default options; leaving the loop ends it. */
  [Symbol.asyncIterator](): AsyncIterator<Snapshot> {
    return this.snapshots()[Symbol.asyncIterator]();
  }

  /**
   * A full read that begins after the call. Resolves with the snapshot that it led to, or with the
   * current one when nothing differs; rejects with what the read threw, or with MonitorClosedError.
   */
  refresh(): Promise<Snapshot> {
    return this.#runner.refresh();
  }

  /**
   * The first snapshot, from the current one on, whose state satisfies the predicate. Rejects with
   * what the predicate throws, the signal's reason, or MonitorClosedError.
   */
  async waitFor(
    predicate: (state: State) => boolean,
    options: { signal?: AbortSignal } = {},
  ): Promise<Snapshot> {
    if (typeof predicate !== "function") {
      throw new TypeError(`The predicate must be a function, not ${valueText(predicate)}`);
    }
    return await this.#broadcast.waitFor(predicate, resolveSignal(options.signal));
  }

  /** Keeps the process alive. */
  ref(): void {
    this.#timers.ref();
    this.#runner.follow();
  }

  /** Lets the process end while the monitor is open. */
  unref(): void {
    this.#timers.unref();
    this.#runner.follow();
  }

  /** Closes: streams end, who waits is rejected. Resolves when nothing of it runs any more. */
  close(): Promise<void> {
    return this.#close(new MonitorClosedError());
  }

  /** Closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #onAbort = (): void => void this.#close(this.#options.signal?.reason);

  #close(reason: unknown): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#options.signal?.removeEventListener("abort", this.#onAbort);
      this.#runner.close(reason);
      this.#broadcast.close();
      void this.#release();
    }
    return this.#end.promise;
  }

  async #release(): Promise<void> {
    await this.#runner.released();
    try {
      await this.#opened.dispose();
    } catch (error) {
      this.#options.logger.error(`Cannot release the source: ${errorText(error)}`);
    }
    this.#end.resolve();
  }
}
