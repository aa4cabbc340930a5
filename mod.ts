/**
 * netwatch tells a Deno program what the machine's network looks like and what just changed: interfaces,
 * addresses, default routes, wake-ups from sleep. It listens for events of the operating system and regularly
 * compares its state with the kernel's, so that no snapshot goes stale.
 *
 * ```ts
 * import { formatChange, NetworkMonitor } from "@netwatch/netwatch";
 *
 * await using monitor = await NetworkMonitor.open();
 * console.log(monitor.current.state.online);
 *
 * setTimeout(() => monitor.close(), 100); // remove this line to keep watching
 * for await (const { changes, reasons } of monitor) {
 *   console.log(reasons.length > 0 ? "major" : "minor", changes.map(formatChange));
 * }
 * ```
 *
 * It needs the permission `--allow-ffi`, or `--allow-ffi=` with the absolute path of the C library.
 *
 * @module
 */
import { systemClock } from "./actor/clock.ts";
import { EventDispatcher, type NetworkEventListener } from "./actor/events.ts";
import { READ_LIMIT_MS } from "./actor/machine/model.ts";
import {
  type MonitorOptions,
  type ReadOptions,
  resolveMonitorOptions,
  resolveReadOptions,
  resolveSnapshotOptions,
  type SnapshotOptions,
  valueText,
} from "./actor/options.ts";
import { Runner } from "./actor/runner.ts";
import { type ReaderContext, snapshotIterator, snapshotStream } from "./actor/streams.ts";
import { openSource } from "./ffi/open.ts";
import { buildState } from "./state/build.ts";
import type { NetworkSource, Reading } from "./state/ports.ts";
import type { Health, Metrics, Snapshot, State } from "./state/types.ts";

export type {
  MonitorOptions,
  ReadOptions,
  SnapshotOptions,
  SourceOption,
} from "./actor/options.ts";
export type * from "./state/ports.ts";
export type * from "./state/types.ts";
export {
  type EventOf,
  HealthEvent,
  NetworkEvent,
  type NetworkEventListener,
  type NetworkEventMap,
} from "./actor/events.ts";
export { DecodeError, MonitorClosedError, SystemCallError } from "./state/errors.ts";
export { primaryAddress, usableAddresses } from "./state/interfaces.ts";
export { applyChanges, diffStates } from "./state/diff.ts";
export { escapeText, formatChange, formatReason } from "./state/format.ts";
export { affects, isMajorChange, type LocalAddress, majorReasons } from "./state/impact.ts";
export { isPrivateAddress } from "./state/ip.ts";

/**
 * Watches the network until it is closed. A program needs only one: any number of readers can subscribe to it.
 * Nothing is queued: a slow reader gets one snapshot with the difference from its last read.
 *
 * @example Print what changes, and whether the machine is online
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 *
 * await using monitor = await NetworkMonitor.open();
 * monitor.addEventListener("online", ({ snapshot }) => console.log(snapshot.state.defaultRoute));
 * monitor.addEventListener("offline", () => console.log("offline"));
 * setTimeout(() => monitor.close(), 50); // remove this line to keep watching
 * for await (const snapshot of monitor) console.log(snapshot.cause, snapshot.changes);
 * ```
 */
export class NetworkMonitor extends EventTarget
  implements AsyncDisposable, AsyncIterable<Snapshot> {
  readonly #runner: Runner;
  readonly #events = new EventDispatcher(this);
  /** Resolves when the monitor is closed and everything is released. Never rejects. */
  readonly closed: Promise<void>;

  private constructor(runner: Runner) {
    super();
    if (!(runner instanceof Runner)) throw new TypeError("Use await NetworkMonitor.open() instead");
    this.#runner = runner;
    runner.observer = this.#events;
    this.closed = runner.closed;
  }

  /**
   * Opens a monitor.
   *
   * @param options How to watch.
   * @returns The monitor, as soon as its first snapshot exists.
   * @throws {Deno.errors.NotCapable} if a permission is missing; the message names the flag.
   * @throws {Deno.errors.NotFound} if the C library is in none of the usual places; the message lists them.
   * @throws {Deno.errors.NotSupported} if this system has no event source, and polling was not chosen or permitted.
   * @throws {SystemCallError} if the operating system refuses the socket or the first read.
   * @throws {DOMException} if subscribing or the first read takes more than 5 seconds (a `TimeoutError`), or if
   * `options.signal` is aborted before the first snapshot exists (an `AbortError`, or the reason given).
   * @throws {RangeError} if a numeric option is out of range.
   * @throws {TypeError} if an option is of the wrong type.
   *
   * @example Open, use and close
   * ```ts
   * import { NetworkMonitor } from "@netwatch/netwatch";
   *
   * await using monitor = await NetworkMonitor.open({ coalesceMs: 100 });
   * console.log(monitor.current.state.defaultRoute);
   * ```
   */
  static async open(options?: MonitorOptions): Promise<NetworkMonitor> {
    return new NetworkMonitor(await openRunner(options));
  }

  /**
   * The newest snapshot, which keeps the last good state even after `close()`. Its changes are those since the
   * previous publication; the first has none.
   */
  get current(): Snapshot {
    return this.#runner.broadcast.newest.snapshot;
  }

  /**
   * Subscribes. Each read returns the newest snapshot if this stream has not delivered it yet, or waits for one.
   * Avoid `tee()`, which buffers; call `snapshots()` once per reader.
   *
   * @param options Which snapshots to deliver, and when.
   * @returns A new stream; it has already ended if the monitor is closed.
   * @throws {RangeError} if a numeric option is out of range.
   * @throws {TypeError} if an option is of the wrong type.
   *
   * @example The next major change
   * ```ts
   * import { NetworkMonitor } from "@netwatch/netwatch";
   *
   * await using monitor = await NetworkMonitor.open();
   * setTimeout(() => monitor.close(), 50); // remove this line to keep waiting
   * for await (const { changes } of monitor.snapshots({ initial: false, majorOnly: true })) {
   *   console.log(changes);
   *   break;
   * }
   * ```
   */
  snapshots(options?: SnapshotOptions): ReadableStream<Snapshot> {
    const { broadcast } = this.#runner;
    return snapshotStream({ broadcast, options: resolveSnapshotOptions(options) });
  }

  /** Subscribes with default options, without a stream. Leaving the loop ends the subscription, not the monitor. */
  [Symbol.asyncIterator](): AsyncIterator<Snapshot> {
    const { broadcast } = this.#runner;
    return snapshotIterator({ broadcast, options: resolveSnapshotOptions() });
  }

  /**
   * Reads the whole state from the operating system, in a read that begins after the call.
   *
   * @returns The snapshot that shows what was read, or the current one if nothing differs.
   * @throws {MonitorClosedError} if the monitor is closed, or closes before the read completes.
   * @throws {Error} if the read fails: its error.
   *
   * @example Read now
   * ```ts
   * import { NetworkMonitor } from "@netwatch/netwatch";
   *
   * await using monitor = await NetworkMonitor.open();
   * const { state } = await monitor.refresh();
   * console.log(state.localAddresses.regular);
   * ```
   */
  refresh(): Promise<Snapshot> {
    return this.#runner.refresh();
  }

  /**
   * Waits for a state. The predicate sees the current state first, then each one that is published.
   *
   * @param predicate Returns true for the state to wait for.
   * @param options `signal` ends the wait.
   * @returns The first snapshot whose state satisfies the predicate.
   * @throws {MonitorClosedError} if the monitor is closed, or closes during the wait.
   * @throws {DOMException} if the signal is aborted (an `AbortError`, or the reason given).
   * @throws {TypeError} if the predicate is not a function, or an option of the wrong type.
   * @throws {Error} if the predicate throws: its error.
   *
   * @example Wait for an address
   * ```ts
   * import { NetworkMonitor } from "@netwatch/netwatch";
   *
   * await using monitor = await NetworkMonitor.open();
   * const signal = AbortSignal.timeout(5_000);
   * await monitor.waitFor(({ localAddresses }) => localAddresses.loopback.length > 0, { signal });
   * ```
   */
  waitFor(
    predicate: (state: State) => boolean,
    options?: { signal?: AbortSignal },
  ): Promise<Snapshot> {
    try {
      const { signal } = resolveSnapshotOptions(options);
      if (typeof predicate !== "function") {
        throw new TypeError(`The predicate must be a function, not ${valueText(predicate)}`);
      }
      return this.#runner.broadcast.waitFor(predicate, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Adds an event listener. Events are dispatched after `current` has changed, before any reader (but not the sink of
   * a pipe) or `waitFor()` call resumes: `change`, then `online` or `offline`, then `resume`, then `health`. Once the
   * monitor is closed, only its `health` event follows. A listener does not keep the process alive.
   *
   * @param type The type of the event, from `NetworkEventMap`.
   * @param listener A function, or an object with the method `handleEvent`. What it throws becomes an `error` event
   * of `globalThis`.
   * @param options The usual options of event listeners: `signal`, `once`.
   */
  override addEventListener<Type extends string>(
    type: Type,
    listener: NetworkEventListener<Type> | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener | null, options);
    this.#events.types.add(type);
  }

  /** Removes an event listener, like `EventTarget.removeEventListener()`. */
  override removeEventListener<Type extends string>(
    type: Type,
    listener: NetworkEventListener<Type> | null,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener as EventListener | null, options);
  }

  /** The monitor's own health: is it receiving events, and if not, why? */
  get health(): Health {
    return this.#runner.health;
  }

  /** Counters since the monitor was opened. */
  get metrics(): Metrics {
    return this.#runner.metrics;
  }

  /** Lets the monitor keep the process alive, as it does by default. */
  ref(): void {
    this.#runner.setPersistent(true);
  }

  /** Lets the process end while the monitor is open. A `for await` at the top level of a module keeps it running. */
  unref(): void {
    this.#runner.setPersistent(false);
  }

  /**
   * Closes the monitor: streams end, pending `refresh()` and `waitFor()` calls reject. It may be called repeatedly
   * and from anywhere, even in a loop over the snapshots.
   *
   * @returns Resolves when nothing of the monitor runs any more. Never rejects.
   */
  close(): Promise<void> {
    return this.#runner.close();
  }

  /** Calls `close()` at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Opens a monitor and returns its stream. Cancelling the stream, for example by leaving a loop, closes the monitor.
 *
 * @param options Those of the monitor and of the subscription; `signal` ends both.
 * @returns The stream. If the monitor cannot be opened, reading rejects with the error of `NetworkMonitor.open()`.
 *
 * @example The state, then each major change
 * ```ts
 * import { watchNetwork } from "@netwatch/netwatch";
 *
 * for await (const snapshot of watchNetwork({ majorOnly: true })) {
 *   console.log(snapshot.state.defaultRoute);
 *   break; // remove this line to keep watching
 * }
 * ```
 */
export function watchNetwork(
  options?: MonitorOptions & SnapshotOptions,
): ReadableStream<Snapshot> {
  const cancelled = new AbortController();
  // async, so that a bad option errors the stream like any other failure
  const open = async (): Promise<ReaderContext & { closed: Promise<void> }> => {
    const subscription = resolveSnapshotOptions(options); // before anything is opened
    const signal = AbortSignal.any([cancelled.signal, subscription.signal ?? cancelled.signal]);
    const { broadcast, closed } = await openRunner(options, signal);
    return { broadcast, closed, options: subscription };
  };
  const opening = open();
  return snapshotStream(opening, async (reason) => {
    cancelled.abort(reason);
    await opening.then(({ closed }) => closed, () => {});
  });
}

async function openRunner(options?: MonitorOptions, signal?: AbortSignal): Promise<Runner> {
  const resolved = { ...resolveMonitorOptions(options), ...(signal && { signal }) };
  resolved.signal?.throwIfAborted();
  const wanted = {
    ...resolved,
    trace: resolved.trace ? resolved.logger.debug : undefined,
    stormPauseMs: resolved.coalesceMs / 4,
    listens: true,
  };
  return await openSource(wanted, (opened) => {
    if (opened.reason !== null) resolved.logger.info(`Polling: ${opened.reason}`);
    const clock = options?.clock ?? opened.clock ?? resolved.clock;
    return Runner.open(opened, { ...resolved, clock });
  });
}

/**
 * Reads the state of the network once.
 *
 * @param options How to read.
 * @returns The state.
 * @throws {Deno.errors.NotCapable} if a permission is missing; the message names the flag.
 * @throws {Deno.errors.NotFound} if the C library is in none of the usual places.
 * @throws {Deno.errors.NotSupported} if this system has no event source, and polling was not chosen or permitted.
 * @throws {SystemCallError} if the operating system refuses the sockets, as some sandboxes do.
 * @throws {TypeError} if an option is of the wrong type.
 * @throws {DOMException} if `signal` is aborted: its reason; if a source of your own takes more than 5 seconds: a
 * `TimeoutError`.
 *
 * @example Gateway and addresses
 * ```ts
 * import { readNetworkState } from "@netwatch/netwatch";
 *
 * const { defaultRoute, localAddresses } = await readNetworkState();
 * console.log(defaultRoute.ipv4?.gateway, localAddresses.regular);
 * ```
 */
export async function readNetworkState(options?: ReadOptions): Promise<State> {
  const { libc, signal, source } = resolveReadOptions(options);
  signal?.throwIfAborted();
  const wanted = { source, libc, clock: systemClock, pollingIntervalMs: 0, listens: false };
  return await openSource(wanted, async (opened) => {
    try {
      const reading = typeof source === "object"
        ? readWithLimit(source, signal)
        : opened.source.read(signal ?? new AbortController().signal);
      return buildState(await reading, null);
    } finally {
      await opened.dispose();
    }
  });
}

/** Reads a user's source, which may never answer and ignore its signal. The system's sources never wait. */
async function readWithLimit(source: NetworkSource, signal: AbortSignal | null): Promise<Reading> {
  const { abortable } = await import("@std/async/abortable"); // here: other reads save a millisecond
  const limit = AbortSignal.timeout(READ_LIMIT_MS);
  const ends = signal === null ? limit : AbortSignal.any([signal, limit]);
  ends.throwIfAborted();
  return await abortable(Promise.resolve(source.read(ends)), ends);
}
