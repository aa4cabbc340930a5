// Windows as a source: `iphlpapi.dll`.
//
// This code has run under Wine 10, which has no more of the registrations than the first notification, and
// with a stand-in for iphlpapi.dll that has all of them. It has not run on Windows itself.
import type { NetworkSource, Reading, Subscription } from "../../state/source.ts";
import { libraryGranted } from "../library.ts";
import { readDump } from "./dump.ts";
import { libraryRequests } from "./libraries.ts";
import { type WindowsRuntime, windowsRuntimes } from "./runtime.ts";
import { type WindowsCounters, WindowsSubscription } from "./subscription.ts";

/** How to open the source. */
export interface WindowsSourceOptions {
  /** Receives one line of text per notification. */
  trace?: ((line: string) => void) | undefined;
  iphlpapi?: string | undefined; // for tests: the absolute path of a stand-in for iphlpapi.dll
}

/** Windows as a source. Holds the system libraries until it is disposed. */
export class WindowsSource implements NetworkSource, AsyncDisposable {
  readonly name = "iphlpapi";
  /** Counts over all subscriptions. */
  readonly counters: WindowsCounters = { events: 0, ignored: 0, malformed: 0, spoofed: 0 };
  readonly #runtime: WindowsRuntime;
  readonly #options: WindowsSourceOptions;
  readonly #release: () => Promise<void>;
  readonly #reads = new Set<Promise<Reading>>();
  #subscription: WindowsSubscription | null = null;
  #disposed: Promise<void> | null = null;

  /** Uses a loaded runtime; `release` releases it. */
  constructor(
    runtime: WindowsRuntime,
    options: WindowsSourceOptions,
    release: () => Promise<void>,
  ) {
    this.#runtime = runtime;
    this.#options = options;
    this.#release = release;
  }

  /** Whether `open()` works without asking the user for a permission. */
  static async granted({ iphlpapi }: WindowsSourceOptions): Promise<boolean> {
    if (windowsRuntimes.has(iphlpapi)) return true;
    const granted = Object.values(libraryRequests(iphlpapi)).map((it) => libraryGranted(it));
    return !(await Promise.all(granted)).includes(false);
  }

  /**
   * Loads the system libraries, asking the user for the permission if necessary.
   *
   * @throws {Deno.errors.NotSupported} if this Deno is built for 32 bits
   */
  static async open(options: WindowsSourceOptions): Promise<WindowsSource> {
    const { iphlpapi } = options;
    const runtime = await windowsRuntimes.acquire(iphlpapi);
    return new WindowsSource(runtime, options, () => windowsRuntimes.release(iphlpapi));
  }

  /** What listens at this moment. */
  get listeners(): readonly string[] {
    return this.#subscription?.listening ?? [];
  }

  /**
   * Checks that the system lets this process listen and ask.
   *
   * @param listens Whether events are wanted, too.
   * @throws {SystemCallError} if it does not
   */
  async check(listens: boolean): Promise<void> {
    if (listens) await (await this.#subscribe())[Symbol.asyncDispose]();
    await this.#read();
  }

  /** Registers for notifications. */
  async subscribe(signal: AbortSignal): Promise<Subscription> {
    signal.throwIfAborted();
    return this.#subscription = await this.#subscribe();
  }

  /** Reads adapters, addresses and routes. */
  async read(signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted();
    this.#runtime.clocks.check(false);
    return await this.#read();
  }

  /** Closes what is open, and releases the libraries when no read is in progress any more. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #subscribe(): Promise<WindowsSubscription> {
    const runtime = this.#runtime;
    const notifications = await runtime.notifications.acquire(undefined);
    const release = (): Promise<void> => runtime.notifications.release(undefined);
    try {
      await notifications.renew();
    } catch (error) {
      await release();
      throw error;
    }
    const { trace } = this.#options;
    const { counters } = this;
    return new WindowsSubscription({ runtime, notifications, release, trace, counters });
  }

  async #read(): Promise<Reading> {
    const reading = readDump(this.#runtime.syscalls, () => this.counters.malformed++);
    this.#reads.add(reading);
    try {
      return await reading;
    } finally {
      this.#reads.delete(reading);
    }
  }

  async #dispose(): Promise<void> {
    await this.#subscription?.[Symbol.asyncDispose]();
    await Promise.allSettled(this.#reads);
    await this.#release();
  }
}
