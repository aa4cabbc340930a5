// The source of Linux (`NETLINK_ROUTE`), and the runtime that all monitors of an isolate share.
import type { Clock, NetworkSource, Reading, Subscription } from "../../state/ports.ts";
import type { Counters } from "../event_socket.ts";
import { libraryGranted, openLibrary, Refcounted } from "../library.ts";
import type { EventSourceOptions } from "../open.ts";
import { pollGuard } from "../timers.ts";
import { readDump, RequestSocket } from "./requests.ts";
import type { DefaultRouteAnswer, Links, RouteLookup } from "./route_lookup.ts";
import type { LinuxSubscription, Wakeups } from "./subscription.ts";
import { libcRequest, Syscalls } from "./syscalls.ts";

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

  /** Throws SystemCallError if `listens` and the kernel refuses a timer. */
  static async open(options: EventSourceOptions & { listens?: boolean }): Promise<LinuxSource> {
    const { libc, listens } = options;
    const runtime = await runtimes.acquire(libc);
    const source = new LinuxSource(runtime, options, () => runtimes.release(libc));
    if (!listens) return source;
    try {
      runtime.probePool(); // a thread starts while modules are loaded
      const { Wakeups } = await (listening ??= import("./subscription.ts"));
      runtime.wakeups ??= new Wakeups(runtime.syscalls);
      return source;
    } catch (error) {
      await source[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The timers of the poll loop, if it was opened with `listens`. */
  get clock(): Clock | undefined {
    return this.#runtime.wakeups?.pollLoop.timers;
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
    const reading = this.#runtime.inTurn(async (socket, inPool) => {
      signal.throwIfAborted();
      const subscription = this.#subscription;
      subscription?.startJournal();
      this.#runtime.wakeups?.clock.check(false);
      const dump = await readDump(socket, signal, subscription, inPool);
      subscription?.mergeTentative(dump);
      return dump;
    }).finally(() => this.#reads.delete(reading));
    this.#reads.add(reading);
    return await reading;
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
  #isPoolBusy = false; // a call in the pool may never begin
  #probe: Promise<void> | null = null; // the call that finds out
  #probed: Promise<void> | null = null; // that call, or a second
  #last: Promise<void> = Promise.resolve(); // of the calls in turn
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

  /**
   * Calls with a socket for requests, after the calls before it: while the kernel keeps them waiting they take one
   * thread of the pool, whatever the number of monitors. Without the pool if no thread is free, and where nobody
   * listens: a process's first calls in the pool take a millisecond.
   */
  async inTurn<T>(call: (socket: RequestSocket, inPool: boolean) => Promise<T>): Promise<T> {
    if (this.wakeups !== null) await this.#probed;
    const run = async (inPool: boolean): Promise<T> => {
      const socket = this.takeSocket();
      try {
        return await call(socket, inPool);
      } finally {
        this.releaseSocket(socket);
      }
    };
    const { wakeups } = this;
    if (wakeups === null || this.#isPoolBusy || wakeups.pollLoop.isStuck) return await run(false);
    const turn = this.#last.then(() => run(true));
    this.#last = turn.then(() => {}, () => {}); // keeps no result
    return await turn;
  }

  /** Learns whether the pool has a free thread: it polls no descriptor, which needs no time, within a second. */
  probePool(): void {
    let isBusy = true;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    pollGuard(resolve)(performance.now() + 1_000);
    this.#probe = this.syscalls.poll(new Int32Array(2), 0, 0)
      .then(() => void (isBusy = this.#isPoolBusy = false));
    this.#probed = Promise.race([this.#probe, late.then(() => void (this.#isPoolBusy = isBusy))]);
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
    await this.#probe;
    this.#idleSocket?.close();
    this.#unload();
  }
}

/** By the path of the C library. */
const runtimes = new Refcounted<LinuxRuntime>(async (path) => {
  const library = await openLibrary(libcRequest(path));
  return new LinuxRuntime(new Syscalls(library.symbols), () => library.close());
});
