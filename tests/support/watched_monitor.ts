/**
 * A monitor on the real kernel, with access to its socket and a log of its health.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { type MonitorOptions, NetworkMonitor } from "../../mod.ts";
import type { Health, Metrics, Snapshot, State } from "../../state/types.ts";
import type { EventSourceOptions } from "../../ffi/open.ts";
import { WatchedSource } from "./watched_source.ts";
import { scaled } from "./timing.ts";

/** A warning or info message of the monitor, with its status at that moment. */
export interface LogEntry {
  /** Which of the two it is. */
  level: "warn" | "info";
  /** The text. */
  message: string;
  /** The status at that moment. */
  status: Health["status"] | null;
}

/** The monitor, its source and its records. */
export class WatchedMonitor implements AsyncDisposable {
  /** Its log, without the changes of the network. */
  readonly log: LogEntry[] = [];
  /** Every snapshot that it published. */
  readonly snapshots: Snapshot[] = [];
  /** Its source. */
  readonly source: WatchedSource;
  #monitor: NetworkMonitor | null = null;
  #recording: Promise<void> = Promise.resolve();

  private constructor(source: WatchedSource) {
    this.source = source;
  }

  /** Opens it; `coalesceMs` is 0 if left out. */
  static async open(
    options: Omit<MonitorOptions, "source" | "logger">,
    sourceOptions?: EventSourceOptions,
  ): Promise<WatchedMonitor> {
    const watched = new WatchedMonitor(await WatchedSource.open(sourceOptions));
    const write = (level: LogEntry["level"]) => (message: string) =>
      void (/^Snapshot \d+ is major/.test(message) ||
        watched.log.push({ level, message, status: watched.#monitor?.health.status ?? null }));
    const logger = {
      debug: () => {},
      info: write("info"),
      warn: write("warn"),
      error: write("warn"),
    };
    const { source } = watched;
    watched.#monitor = await NetworkMonitor.open({ coalesceMs: 0, ...options, source, logger });
    watched.#recording = watched.#record(watched.#monitor.snapshots());
    return watched;
  }

  /** The monitor. */
  get monitor(): NetworkMonitor {
    return this.#monitor!;
  }

  /** The descriptor of the current event socket. */
  get descriptor(): number {
    return this.source.last.port.descriptor;
  }

  /** The state published last. */
  get state(): State {
    return this.monitor.current.state;
  }

  /** The addresses of an interface, as CIDR. */
  addresses(name: string): string[] {
    return this.state.interfaces[name]?.addresses.map((one) => one.cidr) ?? [];
  }

  /** Resolves when an interface has, or has not, an address; throws after 10 s, scaled. */
  async untilAddress(name: string, cidr: string, present = true): Promise<Snapshot> {
    return await this.monitor.waitFor(
      ({ interfaces }) =>
        (interfaces[name]?.addresses.some((one) => one.cidr === cidr) ?? false) === present,
      { signal: AbortSignal.timeout(scaled(10_000)) },
    );
  }

  /** Checks every few milliseconds until the condition holds; throws after 10 s, scaled. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    const end = performance.now() + scaled(10_000);
    while (!isSo()) {
      if (performance.now() > end) {
        throw new Error(`${what} never happened: ${JSON.stringify(this.describe())}`);
      }
      await delay(5);
    }
  }

  /** Its health, metrics and log, for error messages. */
  describe(): { health: Health; metrics: Metrics; log: LogEntry[] } {
    const { health, metrics } = this.monitor;
    return { health, metrics, log: this.log };
  }

  /** Closes it and its source. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.monitor.close();
    await this.#recording;
    await this.source[Symbol.asyncDispose]();
  }

  async #record(stream: ReadableStream<Snapshot>): Promise<void> {
    for await (const snapshot of stream) this.snapshots.push(snapshot);
  }
}

/** How much each counter rose, leaving out those that did not. */
export function risen(before: Metrics, after: Metrics): Partial<Metrics> {
  const keys = Object.keys(after) as (keyof Metrics)[];
  return Object.fromEntries(
    keys.filter((key) => after[key] !== before[key]).map((key) => [key, after[key] - before[key]]),
  );
}
