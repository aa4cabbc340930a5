// The source of Linux (`NETLINK_ROUTE`), and the runtime that all monitors of an isolate share.
import type { Clock, NetworkSource, Reading, Subscription } from "../../state/ports.ts";
import type { Counters } from "../event_socket.ts";
import { libraryGranted, openLibrary, Refcounted } from "../library.ts";
import type { EventSourceOptions } from "../open.ts";
import { TimeSlice } from "../timers.ts";
import { encodeLinkRequest } from "./messages.ts";
import { readDump, RequestSocket } from "./requests.ts";
import type { DefaultRouteAnswer, Links, RouteLookup } from "./route_lookup.ts";
import type { LinuxSubscription, Wakeups } from "./subscription.ts";
import { libcRequest, Syscalls } from "./syscalls.ts";

/** Every network namespace begins with this interface (LOOPBACK_IFINDEX, net/flow.h). */
const LOOPBACK_INDEX = 1;

/** Loaded on demand: a single read is quicker without. Cached: each `import()` takes a turn of the event loop. */
let listening: Promise<typeof import("./subscription.ts")> | undefined;

/** The kernel of Linux as a source. Holds the C library until it is disposed. */
export class LinuxSource implements NetworkSource, AsyncDisposable {
  readonly name = "netlink";
  readonly counters: Counters = { events: 0, ignored: 0, malformed: 0, spoofed: 0 };
  readonly #runtime: LinuxRuntime;
  readonly #options: EventSourceOptions;
  readonly #release: () => Promise<void>;
  readonly #reads = new Set<Promise<unknown>>();
  #subscription: LinuxSubscription | null = null;
  #disposed: Promise<void> | null = null;

  constructor(runtime: LinuxRuntime, options: EventSourceOptions, release: () => Promise<void>) {
    this.#runtime = runtime;
    this.#options = options;
    this.#release = release;
  }

  static granted({ libc }: EventSourceOptions): boolean {
    return runtimes.has(libc) || libraryGranted(libcRequest(libc));
  }

  static async open(options: EventSourceOptions): Promise<LinuxSource> {
    const { libc } = options;
    const runtime = await runtimes.acquire(libc);
    return new LinuxSource(runtime, options, () => runtimes.release(libc));
  }

  /** The timers of the poll loop, available once `check()` was called with `listens`. */
  get clock(): Clock | undefined {
    return this.#runtime.wakeups?.pollLoop.timers;
  }

  /**
   * Throws SystemCallError if the kernel refuses requests or, with `listens`, the event socket, as sandboxes
   * and Android do (golang/go#40569).
   */
  async check(listens: boolean): Promise<void> {
    if (listens) {
      const { NetlinkEventSocket, Wakeups } = await (listening ??= import("./subscription.ts"));
      this.#runtime.wakeups ??= new Wakeups(this.#runtime.syscalls);
      new NetlinkEventSocket(this.#runtime.syscalls).close();
    }
    const socket = this.#runtime.takeSocket();
    try {
      const { signal } = new AbortController();
      const query = encodeLinkRequest(LOOPBACK_INDEX);
      await socket.ask("RTM_GETLINK", query, () => {}, new TimeSlice(), signal);
    } finally {
      this.#runtime.releaseSocket(socket);
    }
  }

  async subscribe(signal: AbortSignal): Promise<Subscription> {
    const { LinuxSubscription } = await (listening ??= import("./subscription.ts"));
    signal.throwIfAborted();
    if (this.#disposed !== null) throw new Error("The source is disposed");
    const last = this.#subscription;
    const shared = { runtime: this.#runtime, counters: this.counters, pending: last?.pending };
    this.#subscription = new LinuxSubscription({ ...this.#options, ...shared });
    last?.stopClock();
    return this.#subscription;
  }

  async read(signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted();
    const subscription = this.#subscription;
    subscription?.startJournal();
    this.#runtime.wakeups?.clock.check(false);
    const socket = this.#runtime.takeSocket();
    const reading = readDump(socket, signal, subscription).finally(() => {
      this.#runtime.releaseSocket(socket);
      this.#reads.delete(reading);
    });
    this.#reads.add(reading);
    const dump = await reading;
    subscription?.mergeTentative(dump);
    return dump;
  }

  /** Closes what is open, and releases the C library when no read is in progress any more. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.#subscription?.stopClock();
    await this.#subscription?.[Symbol.asyncDispose]();
    await Promise.allSettled(this.#reads);
    const released = this.#release();
    if (this.#subscription !== null) await released; // a single read does not wait for the delayed unloading
  }
}

/**
 * What the monitors of an isolate share: the C library, the poll loop, the socket for route lookups and the
 * suspend clock. Loaded by the first user, unloaded with the last.
 */
export class LinuxRuntime {
  readonly syscalls: Syscalls;
  readonly #unload: () => void;
  wakeups: Wakeups | null = null; // the poll and the clocks, while somebody listens
  #idleSocket: RequestSocket | null = null; // an open socket that nobody uses

  constructor(syscalls: Syscalls, unload: () => void) {
    this.syscalls = syscalls;
    this.#unload = unload;
  }

  /** Looks up the default routes. Throws SystemCallError if the kernel does not answer. */
  askRoutes(lookup: RouteLookup, links: Links): DefaultRouteAnswer {
    const socket = this.takeSocket();
    try {
      return lookup.ask((queries) => socket.askRoutes(queries), links);
    } finally {
      this.releaseSocket(socket);
    }
  }

  /** A socket for requests. Opening one costs as much as a read, so it is kept for the next ones. */
  takeSocket(): RequestSocket {
    const socket = this.#idleSocket ?? new RequestSocket(this.syscalls);
    this.#idleSocket = null;
    return socket;
  }

  releaseSocket(socket: RequestSocket): void {
    if (this.#idleSocket === null && !socket.isWaiting) this.#idleSocket = socket;
    else socket.close();
  }

  async dispose(): Promise<void> {
    await this.wakeups?.close();
    this.#idleSocket?.close();
    this.#unload();
  }
}

/** By the path of the C library. */
const runtimes = new Refcounted<LinuxRuntime>(async (path) => {
  const library = await openLibrary(libcRequest(path));
  return new LinuxRuntime(new Syscalls(library.symbols), () => library.close());
});
