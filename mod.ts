/**
 * What the network of this machine looks like, and what just changed: interfaces, addresses, default
 * routes, wake from sleep. It listens on the operating system's routing socket, compares its state with
 * the kernel's truth on an interval, and heals itself, so that a snapshot never goes stale.
 *
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 *
 * await using monitor = await NetworkMonitor.open();
 * console.log(monitor.current.state.localAddresses.regular);
 *
 * const ended = AbortSignal.timeout(100); // leave it out to go on for ever
 * for await (const { major, changes } of monitor.snapshots({ signal: ended })) {
 *   console.log(major ? "major" : "minor", changes);
 * }
 * ```
 *
 * On Linux it needs `--allow-ffi`, or `--allow-ffi=` with the absolute path of the C library.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import {
  type MonitorOptions,
  type ReadOptions,
  type ResolvedOptions,
  resolveMonitorOptions,
  resolveReadOptions,
  resolveSignal,
  resolveSnapshotOptions,
  type SnapshotOptions,
} from "./actor/options.ts";
import { Runner } from "./actor/runner.ts";
import { valueText } from "./actor/user_code.ts";
import { openSource, type OpenSourceOptions } from "./ffi/open.ts";
import { buildState } from "./state/build.ts";
import type { Health, Metrics, Snapshot, State } from "./state/types.ts";

export type {
  MonitorOptions,
  ReadOptions,
  SnapshotOptions,
  SourceOption,
} from "./actor/options.ts";
export type { Clock, Logger, Timer } from "./state/runtime.ts";
export type {
  NetworkSource,
  Reading,
  SourceCounters,
  SourceEvent,
  Subscription,
} from "./state/source.ts";
export type {
  Address,
  AddressChange,
  AddressFlagsChange,
  Cause,
  Change,
  DefaultRoute,
  DefaultRouteChange,
  DefaultRoutes,
  Health,
  Interface,
  InterfaceChange,
  InterfaceFieldsChange,
  InterfaceKind,
  Knows,
  Metrics,
  ResumedChange,
  Snapshot,
  SourceChange,
  State,
} from "./state/types.ts";
export { DecodeError, MonitorClosedError, SystemCallError } from "./state/errors.ts";
export { affects } from "./state/affects.ts";
export { applyChanges } from "./state/apply.ts";
export { diffStates } from "./state/diff.ts";
export { isMajorChange } from "./state/major.ts";
export { usableAddresses } from "./state/derived.ts";

/** A read that takes longer has failed. */
const READ_LIMIT_MS = 5_000;

/**
 * Watches the network until it is closed. One is enough for a program; any number of readers can
 * subscribe to it.
 *
 * - `current` always answers, after `close()` too: the last good state is never lost.
 * - Nothing is queued: a reader that is slow gets the newest snapshot, with all changes since its last.
 * - `close()` may be called from anywhere, also from a loop over its snapshots.
 *
 * @example Print what changes
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 *
 * const monitor = await NetworkMonitor.open({ source: "auto" });
 * console.log(monitor.health.status, Object.keys(monitor.current.state.interfaces));
 * setTimeout(() => monitor.close(), 50);
 * for await (const snapshot of monitor) console.log(snapshot.cause, snapshot.changes);
 * await monitor.closed;
 * ```
 */
export class NetworkMonitor implements AsyncDisposable, AsyncIterable<Snapshot> {
  readonly #runner: Runner;
  /** Resolves when the monitor is closed; never rejects. */
  readonly closed: Promise<void>;

  private constructor(runner: Runner) {
    this.#runner = runner;
    this.closed = runner.closed;
  }

  /**
   * Opens a monitor; resolves when its first snapshot exists.
   *
   * @throws {Deno.errors.NotCapable} Without the permission; the message has the flag to give.
   * @throws {Deno.errors.NotFound} When the C library is in none of the usual places; they are listed.
   * @throws {Deno.errors.NotSupported} Where this system has no events, and they were asked for.
   * @throws {SystemCallError} When the kernel refuses.
   * @throws {RangeError} When a number among the options is out of range.
   * @throws {TypeError} When an option is of the wrong type.
   * @throws The reason of `options.signal`, when it is aborted before the first snapshot exists.
   */
  static async open(options?: MonitorOptions): Promise<NetworkMonitor> {
    const resolved = resolveMonitorOptions(options);
    resolved.signal?.throwIfAborted();
    const opened = await openSource(sourceOptions(resolved, true));
    if (opened.reason !== null) resolved.logger.info(`Polling: ${opened.reason}`);
    return new NetworkMonitor(await Runner.open(opened, resolved));
  }

  /** The newest snapshot; its changes are those of the publication itself. */
  get current(): Snapshot {
    return this.#runner.current;
  }

  /**
   * Subscribes. The stream has no queue: each read gives the newest snapshot that the subscriber has not
   * seen, and waits where there is none. `tee()` brings a queue of its own: for two readers, call this
   * twice.
   *
   * @throws {RangeError} When a number among the options is out of range.
   * @throws {TypeError} When an option is of the wrong type.
   */
  snapshots(options?: SnapshotOptions): ReadableStream<Snapshot> {
    return this.#runner.snapshots(resolveSnapshotOptions(options));
  }

  /** Subscribes with default options. Leaving the loop ends the subscription, not the monitor. */
  [Symbol.asyncIterator](): AsyncIterator<Snapshot> {
    return this.snapshots()[Symbol.asyncIterator]();
  }

  /**
   * Reads everything from the operating system, in a read that begins after the call. Resolves with the
   * snapshot that has it, or with the current one where nothing is new.
   *
   * @throws {MonitorClosedError} When the monitor is closed, also meanwhile.
   * @throws The error of the read, when it fails.
   */
  refresh(): Promise<Snapshot> {
    return this.#runner.refresh();
  }

  /**
   * Waits for a state. The predicate sees the current state first, then each that is published.
   *
   * @throws {MonitorClosedError} When the monitor is closed, also meanwhile.
   * @throws The reason of the signal, or what the predicate throws.
   */
  async waitFor(
    predicate: (state: State) => boolean,
    options: { signal?: AbortSignal } = {},
  ): Promise<Snapshot> {
    if (typeof predicate !== "function") {
      throw new TypeError(`The predicate must be a function, not ${valueText(predicate)}`);
    }
    return await this.#runner.waitFor(predicate, resolveSignal(options.signal));
  }

  /** How the monitor itself is: whether it hears, and why not. */
  get health(): Health {
    return this.#runner.health;
  }

  /** What the monitor has done so far. */
  get metrics(): Metrics {
    return this.#runner.metrics;
  }

  /** Lets the monitor keep the process alive, as it does from the start. */
  ref(): void {
    this.#runner.ref();
  }

  /**
   * Lets the process end while the monitor is open: for programs with other work. A loop over its
   * snapshots alone does not keep such a program alive.
   */
  unref(): void {
    this.#runner.unref();
  }

  /**
   * Closes it: streams end, pending `refresh()` and `waitFor()` reject. When it resolves, nothing of the
   * monitor runs any more. Calling it again gives the same.
   */
  close(): Promise<void> {
    return this.#runner.close();
  }

  /** Closes it at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Opens a monitor and subscribes to it: the shortest way to watch. The monitor is closed when the stream
 * is cancelled, as by leaving the loop; a failure to open errors the stream.
 *
 * @example The next major change
 * ```ts
 * import { watchNetwork } from "@netwatch/netwatch";
 *
 * for await (const snapshot of watchNetwork({ majorOnly: true })) {
 *   console.log(snapshot.state.defaultRoute);
 *   break; // the first one is the state as it is
 * }
 * ```
 */
export function watchNetwork(
  options: MonitorOptions & SnapshotOptions = {},
): ReadableStream<Snapshot> {
  const cancelled = new AbortController();
  const opening = openAndSubscribe(options, cancelled.signal);
  return new ReadableStream<Snapshot>({
    start: (controller) => void opening.catch((error) => controller.error(error)),
    async pull(controller) {
      const { monitor, reader } = await opening;
      const { done, value } = await reader.read();
      if (!done) return controller.enqueue(value);
      await monitor.close();
      controller.close();
    },
    async cancel(reason) {
      cancelled.abort(reason);
      const opened = await opening.catch(() => null);
      await opened?.monitor.close();
    },
  }, { highWaterMark: 0 });
}

/** Async from the start, so that a bad option errors the stream as every failure does. */
async function openAndSubscribe(
  options: MonitorOptions & SnapshotOptions,
  cancelled: AbortSignal,
): Promise<{ monitor: NetworkMonitor; reader: ReadableStreamDefaultReader<Snapshot> }> {
  const { initial, majorOnly, settleMaxMs, settleMs, ...rest } = options;
  const subscription = defined({ initial, majorOnly, settleMaxMs, settleMs });
  resolveSnapshotOptions(subscription); // before anything is opened
  const signal = rest.signal === undefined ? cancelled : AbortSignal.any([rest.signal, cancelled]);
  const monitor = await NetworkMonitor.open({ ...rest, signal });
  return { monitor, reader: monitor.snapshots(subscription).getReader() };
}

/**
 * Reads the state of the network once.
 *
 * @example
 * ```ts
 * import { readNetworkState } from "@netwatch/netwatch";
 *
 * const { defaultRoute, localAddresses } = await readNetworkState();
 * console.log(defaultRoute.ipv4?.gateway, localAddresses.regular);
 * ```
 *
 * @throws As `NetworkMonitor.open()` does, and a `TimeoutError` after 5 seconds.
 */
export async function readNetworkState(options?: ReadOptions): Promise<State> {
  const { signal, ...read } = resolveReadOptions(options);
  signal?.throwIfAborted();
  const opened = await openSource(sourceOptions({ ...resolveMonitorOptions(), ...read }, false));
  const aborted = new AbortController();
  try {
    const reading = opened.source.read(aborted.signal);
    return buildState(
      await deadline(reading, READ_LIMIT_MS, signal === null ? {} : { signal }),
      null,
    );
  } finally {
    aborted.abort();
    await opened.dispose();
  }
}

function sourceOptions(options: ResolvedOptions, listens: boolean): OpenSourceOptions {
  const { clock, coalesceMs, libc, pollingIntervalMs, receiveBufferBytes, source } = options;
  return {
    source,
    clock,
    listens,
    pollingIntervalMs,
    stormPauseMs: coalesceMs / 4,
    libc: libc ?? undefined,
    receiveBufferBytes: receiveBufferBytes ?? undefined,
  };
}

/** Without the properties that are undefined. */
function defined<T extends object>(options: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]: NonNullable<T[K]> };
}
