// macOS and FreeBSD as a source (`AF_ROUTE`), and what all monitors of an isolate share there.
//
// This code has not run on either system. Its numbers are checked against the systems' headers, it decodes
// captures of them and of a NetBSD kernel, and it runs on a model of their kernels and, through
// `Deno.dlopen`, on a C library with Darwin's names and layouts.
import type { NetworkSource, Reading, Subscription } from "../../state/source.ts";
import type { Counters } from "../event_socket.ts";
import { libraryGranted, openLibrary, Refcounted } from "../library.ts";
import type { EventSourceOptions } from "../open.ts";
import { PollLoop } from "../poll_loop.ts";
import { SuspendClock } from "../suspend_clock.ts";
import { readDump } from "./dump.ts";
import { type BsdSystemName, type LibcFunctions, libcRequest, Syscalls } from "./libc.ts";
import { openRouteSocket } from "./sockets.ts";
import { BsdSubscription } from "./subscription.ts";
import { type BsdSystem, SYSTEMS } from "./systems.ts";

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
  readonly #reads = new Set<Promise<Reading>>();
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
    return RUNTIMES[os].has(libc) || await libraryGranted(libcRequest(os, libc));
  }

  /** Loads the C library, asking the user for the permission if necessary. */
  static async open(options: BsdSourceOptions): Promise<BsdSource> {
    const { libc, os = THIS_OS } = options;
    const runtime = await RUNTIMES[os].acquire(libc);
    return new BsdSource(runtime, options, () => RUNTIMES[os].release(libc));
  }

  /** What listens at this moment: the routing socket, and the other wake-up sources that the system grants. */
  get listeners(): readonly string[] {
    return this.#subscription?.listening ?? [];
  }

  /** Throws SystemCallError if the kernel does not let this process ask, or listen: sandboxes refuse. */
  check(listens: boolean): void {
    const { syscalls, system } = this.#runtime;
    if (listens) openRouteSocket(syscalls, system).close();
    syscalls.routeTable("sysctl of the interfaces", system.listRequest);
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
    const { syscalls, system } = this.#runtime;
    const reading = readDump(syscalls, system, signal, () => this.counters.malformed++);
    this.#reads.add(reading);
    return await reading.finally(() => this.#reads.delete(reading));
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

/** What the monitors of an isolate share. Loaded by the first user, unloaded with the last. */
export interface BsdRuntime {
  readonly syscalls: Syscalls;
  readonly system: BsdSystem;
  readonly pollLoop: PollLoop;
  /** Checked after each poll, at the latest when the next canary ends it: no event reports a resume. */
  readonly clocks: SuspendClock;
  /** Waits for the poll loop to end and unloads the library. */
  dispose(): Promise<void>;
}

/** By system, and by the path of the C library. */
const RUNTIMES: Readonly<Record<BsdSystemName, Refcounted<BsdRuntime>>> = {
  darwin: new Refcounted((path) => loadRuntime("darwin", path)),
  freebsd: new Refcounted((path) => loadRuntime("freebsd", path)),
};

async function loadRuntime(os: BsdSystemName, path: string | undefined): Promise<BsdRuntime> {
  const library = await openLibrary(libcRequest(os, path));
  try {
    return makeRuntime(library.symbols, os, () => library.close());
  } catch (error) {
    library.close();
    throw error;
  }
}

/** Uses loaded functions; `unload` unloads them. Throws SystemCallError. */
export function makeRuntime(
  libc: LibcFunctions,
  os: BsdSystemName,
  unload: () => void,
): BsdRuntime {
  const syscalls = new Syscalls(libc, os);
  const system = SYSTEMS[os];
  const pipe = new Int32Array(2);
  if (libc.pipe(pipe) < 0) throw syscalls.error("pipe");
  const [reader, writer] = [pipe[0]!, pipe[1]!];
  // The pipe is blocking, so it must never be full: one byte at a time is enough.
  let woken = false;
  const pollLoop = new PollLoop({
    poll: libc.poll_blocking,
    wakeDescriptor: reader,
    wake: () => {
      if (!woken) woken = syscalls.write(writer, Uint8Array.of(1)) === 1;
    },
    quiet: () => {
      syscalls.read(reader);
      woken = false;
    },
  }, () => clocks.check(false));
  const clocks = new SuspendClock({
    monotonic: () => syscalls.clock(system.awakeClock),
    bootTime: () => syscalls.clock(system.bootClock),
  });
  const dispose = async (): Promise<void> => {
    await pollLoop.idle();
    libc.close(reader);
    libc.close(writer);
    unload();
  };
  return { syscalls, system, pollLoop, clocks, dispose };
}
