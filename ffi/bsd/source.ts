// macOS and FreeBSD as a source: `AF_ROUTE`.
//
// This code has not run on either system. Its numbers are checked against the systems' headers, it decodes
// captures of them and of a NetBSD kernel, and it runs on a model of their kernels and, through
// `Deno.dlopen`, on a C library with Darwin's names and layouts.
import type { NetworkSource, Reading, Subscription } from "../../state/source.ts";
import type { Counters } from "../event_socket.ts";
import { libraryGranted } from "../library.ts";
import type { EventSourceOptions } from "../open.ts";
import { type BsdSystemName, libcRequest } from "./libc.ts";
import { openRouteSocket } from "./route_socket.ts";
import { BsdSubscription } from "./subscription.ts";
import { type BsdRuntime, bsdRuntimes } from "./runtime.ts";
import { readDump } from "./dump.ts";

/** How to open the source; `os` is for tests. */
type BsdSourceOptions = EventSourceOptions & { os?: BsdSystemName };

const THIS_OS = Deno.build.os as BsdSystemName;

/** The kernel of macOS or FreeBSD as a source. Holds the C library until it is disposed. */
export class BsdSource implements NetworkSource, AsyncDisposable {
  readonly name = "af_route";
  /** Counts over all subscriptions. */
  readonly counters: Counters = { events: 0, ignored: 0, malformed: 0, spoofed: 0 };
  readonly #runtime: BsdRuntime;
  readonly #options: EventSourceOptions;
  readonly #release: () => Promise<void>;
  readonly #reads = new Set<Promise<unknown>>();
  #subscription: BsdSubscription | null = null;
  #disposed: Promise<void> | null = null;

  /** Uses a loaded runtime; `release` releases it. */
  constructor(runtime: BsdRuntime, options: EventSourceOptions, release: () => Promise<void>) {
    this.#runtime = runtime;
    this.#options = options;
    this.#release = release;
  }

  /** Whether `open()` works without asking the user for a permission. */
  static async granted({ libc, os = THIS_OS }: BsdSourceOptions): Promise<boolean> {
    return bsdRuntimes[os].has(libc) || await libraryGranted(libcRequest(os, libc));
  }

  /** Loads the C library, asking the user for the permission if necessary. */
  static async open(options: BsdSourceOptions): Promise<BsdSource> {
    const { libc, os = THIS_OS } = options;
    const runtimes = bsdRuntimes[os];
    const runtime = await runtimes.acquire(libc);
    return new BsdSource(runtime, options, () => runtimes.release(libc));
  }

  /** What listens at this moment: the routing socket, and the other wake-up sources that the system grants. */
  get listeners(): readonly string[] {
    return this.#subscription?.listening ?? [];
  }

  /** Throws SystemCallError if the kernel does not let this process ask, or listen: sandboxes refuse. */
  check(listens: boolean): void {
    const { platform, syscalls } = this.#runtime;
    if (listens) openRouteSocket(syscalls, platform).close();
    syscalls.routeTable("sysctl of the interfaces", platform.listRequest);
  }

  /** Opens the sockets. */
  // deno-lint-ignore require-await
  async subscribe(signal: AbortSignal): Promise<Subscription> {
    signal.throwIfAborted();
    return this.#subscription = new BsdSubscription(this.#runtime, this.#options, this.counters);
  }

  /** Reads interfaces, addresses and routes. */
  async read(signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted();
    const { platform, syscalls } = this.#runtime;
    const reading = readDump(syscalls, platform, signal, () => this.counters.malformed++);
    this.#reads.add(reading);
    try {
      return await reading;
    } finally {
      this.#reads.delete(reading);
    }
  }

  /** Closes what is open, and releases the C library when no read is in progress any more. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    await this.#subscription?.[Symbol.asyncDispose]();
    await Promise.allSettled(this.#reads);
    await this.#release();
  }
}
