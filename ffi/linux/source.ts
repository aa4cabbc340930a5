/**
 * Linux as a source: `NETLINK_ROUTE`.
 *
 * @module
 */
import type { NetworkSource, Reading, Subscription } from "../../state/source.ts";
import { libraryGranted } from "../library.ts";
import { EventSocket } from "./event_socket.ts";
import { libcRequest } from "./libc.ts";
import { encodeLinkQuery } from "./link.ts";
import { RequestSocket } from "./request_socket.ts";
import { type LinuxCounters, LinuxSubscription } from "./subscription.ts";
import { type LinuxRuntime, linuxRuntimes } from "./runtime.ts";
import { type Dump, readDump } from "./dump.ts";

/** The size of the receive buffer, when nothing is said. */
const RECEIVE_BUFFER_BYTES = 1_048_576;
/** Every network namespace begins with it (LOOPBACK_IFINDEX, net/flow.h). */
const LOOPBACK_INDEX = 1;

/** How to open it. */
export interface LinuxSourceOptions {
  /** The absolute path of the C library; left out, it is found. */
  libc?: string | undefined;
  /** The wanted size of the receive buffer of events. */
  receiveBufferBytes?: number | undefined;
}

/** The kernel of Linux as a source. Holds the C library until it is disposed. */
export class LinuxSource implements NetworkSource, AsyncDisposable {
  /** Always this. */
  readonly name = "netlink";
  /** Counts over all subscriptions. */
  readonly counters: LinuxCounters = { events: 0, ignored: 0, malformed: 0, spoofed: 0 };
  readonly #system: LinuxRuntime;
  readonly #options: LinuxSourceOptions;
  readonly #truths = new WeakMap<Reading, Dump>();
  readonly #reads = new Set<Promise<unknown>>();
  #subscription: LinuxSubscription | null = null;
  #disposed: Promise<void> | null = null;

  private constructor(system: LinuxRuntime, options: LinuxSourceOptions) {
    this.#system = system;
    this.#options = options;
  }

  /** Whether `open()` would need no answer from the user. */
  static async granted({ libc }: LinuxSourceOptions): Promise<boolean> {
    return linuxRuntimes.has(libc) || await libraryGranted(libcRequest(libc));
  }

  /** Loads the C library, asking for the permission when that is possible. */
  static async open(options: LinuxSourceOptions): Promise<LinuxSource> {
    return new LinuxSource(await linuxRuntimes.acquire(options.libc), options);
  }

  /**
   * Throws a SystemCallError where the kernel lets nobody listen or ask, as sandboxes and Android do
   * (golang/go#40569). `listens` is false where events are not wanted.
   */
  check(listens: boolean): void {
    const { kernel } = this.#system;
    const ignore = () => {};
    const handler = { heard: ignore, truncated: ignore, spoofed: ignore };
    if (listens) new EventSocket(kernel, RECEIVE_BUFFER_BYTES, handler).close();
    const requests = new RequestSocket(kernel);
    try {
      requests.ask("RTM_GETLINK", (sequence) => encodeLinkQuery(sequence, LOOPBACK_INDEX));
    } finally {
      requests.close();
    }
  }

  /** Joins the groups. */
  // deno-lint-ignore require-await
  async subscribe(signal: AbortSignal): Promise<Subscription> {
    signal.throwIfAborted();
    return this.#subscription = new LinuxSubscription({
      system: this.#system,
      receiveBufferBytes: this.#options.receiveBufferBytes ?? RECEIVE_BUFFER_BYTES,
      counters: this.counters,
      truthOf: (reading) => this.#truths.get(reading),
    });
  }

  /** Dumps links and addresses and asks for the default routes. */
  async read(signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted();
    this.#subscription?.startJournal();
    this.#system.lookAtClocks();
    const reading = readDump(this.#system.kernel, signal);
    this.#reads.add(reading);
    try {
      const truth = await reading;
      this.#truths.set(truth.reading, truth);
      this.#subscription?.learn(truth);
      return truth.reading;
    } finally {
      this.#reads.delete(reading);
    }
  }

  /** Ends what is open and gives the C library back, once no read is under way. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    await this.#subscription?.[Symbol.asyncDispose]();
    await Promise.allSettled(this.#reads);
    await linuxRuntimes.release(this.#options.libc);
  }
}
