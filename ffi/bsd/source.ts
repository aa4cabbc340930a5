/**
 * macOS and FreeBSD as a source: `AF_ROUTE`.
 *
 * No machine of this project runs either. What is here was written from the kernels' sources, decodes
 * captures of those systems, and is run against a model of their kernels and, through `Deno.dlopen`,
 * against a C library with their names, layouts and constants.
 *
 * @module
 */
import type { NetworkSource, Reading, Subscription } from "../../state/source.ts";
import { libraryGranted } from "../library.ts";
import { type BsdSystemName, libraryOf } from "./libc.ts";
import { openRouteSocket } from "./route_socket.ts";
import { type BsdCounters, BsdSubscription } from "./subscription.ts";
import { type BsdRuntime, bsdRuntimes } from "./runtime.ts";
import { readDump } from "./dump.ts";

/** The size of the receive buffer, when nothing is said. */
const RECEIVE_BUFFER_BYTES = 262_144;

/** How to open it. */
export interface BsdSourceOptions {
  /** Which of the systems. */
  os: BsdSystemName;
  /** The absolute path of the C library; left out, it is found. */
  libc?: string | undefined;
  /** The wanted size of the receive buffer of events. */
  receiveBufferBytes?: number | undefined;
}

/** The kernel of macOS or FreeBSD as a source. Holds the C library until it is disposed. */
export class BsdSource implements NetworkSource, AsyncDisposable {
  /** Always this. */
  readonly name = "af_route";
  /** Counts over all subscriptions. */
  readonly counters: BsdCounters = { events: 0, ignored: 0, malformed: 0, spoofed: 0 };
  readonly #system: BsdRuntime;
  readonly #receiveBufferBytes: number;
  readonly #release: () => Promise<void>;
  #subscription: BsdSubscription | null = null;
  #disposed: Promise<void> | null = null;

  /** On a system that is there; `release` gives it back. */
  constructor(
    system: BsdRuntime,
    receiveBufferBytes: number | undefined,
    release: () => Promise<void>,
  ) {
    this.#system = system;
    this.#receiveBufferBytes = receiveBufferBytes ?? RECEIVE_BUFFER_BYTES;
    this.#release = release;
  }

  /** Whether `open()` would need no answer from the user. */
  static async granted({ libc, os }: BsdSourceOptions): Promise<boolean> {
    return bsdRuntimes[os].has(libc) ||
      await libraryGranted(libraryOf(os, Deno.build.arch, libc).request);
  }

  /** Loads the C library, asking for the permission when that is possible. */
  static async open({ libc, os, receiveBufferBytes }: BsdSourceOptions): Promise<BsdSource> {
    const systems = bsdRuntimes[os];
    const system = await systems.acquire(libc);
    return new BsdSource(system, receiveBufferBytes, () => systems.release(libc));
  }

  /** What listens at this moment: the routing socket, and the further wake-up sources that the system grants. */
  get listeners(): readonly string[] {
    return this.#subscription?.listening ?? [];
  }

  /**
   * Throws a SystemCallError where the kernel lets nobody listen or ask, as sandboxes do. `listens` is
   * false where events are not wanted.
   */
  check(listens: boolean): void {
    const { kernel, platform } = this.#system;
    if (listens) openRouteSocket(kernel, platform, RECEIVE_BUFFER_BYTES, () => {}).close();
    readDump(kernel, platform, () => {});
  }

  /** Opens the sockets. */
  // deno-lint-ignore require-await
  async subscribe(signal: AbortSignal): Promise<Subscription> {
    signal.throwIfAborted();
    return this.#subscription = new BsdSubscription({
      system: this.#system,
      receiveBufferBytes: this.#receiveBufferBytes,
      counters: this.counters,
    });
  }

  /** Lists interfaces, addresses and routes. */
  // deno-lint-ignore require-await
  async read(signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted();
    const { kernel, platform } = this.#system;
    return readDump(kernel, platform, () => this.counters.malformed++);
  }

  /** Ends what is open and gives the C library back. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    await this.#subscription?.[Symbol.asyncDispose]();
    await this.#release();
  }
}
