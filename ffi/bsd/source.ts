// The source of macOS and FreeBSD (`AF_ROUTE`), and the runtime that all monitors of an isolate share.
//
// This code has not run on either system. Its numbers are checked against the systems' headers, it decodes
// captures from them and from a NetBSD kernel, and it runs against a model of their kernels and, through
// `Deno.dlopen`, against a C library with Darwin's names and layouts.
import type { NetworkSource, Reading, SourceEvent, Subscription } from "../../state/ports.ts";
import type { Interface } from "../../state/types.ts";
import { Canary, CHANGED, type Counters, EventSocket, PendingEvents } from "../event_socket.ts";
import { libraryGranted, openLibrary, Refcounted } from "../library.ts";
import type { EventSourceOptions } from "../open.ts";
import { PollLoop, STORM_PAUSE_MS } from "../poll_loop.ts";
import type { Alarm } from "../timers.ts";
import { SuspendClock } from "../suspend_clock.ts";
import { readDump } from "./dump.ts";
import {
  type BsdPort,
  type LibcFunctions,
  libcRequest,
  openKernelEvents,
  openNotification,
  openRouteSocket,
  sendCanary,
  Syscalls,
} from "./libc.ts";
import type { BsdEvent } from "./messages.ts";
import { type BsdSystemName, SYSTEMS } from "./systems.ts";

/** Tests open the source on Linux, too: with a C library that has the names and layouts of macOS. */
const OS: BsdSystemName = Deno.build.os === "freebsd" ? "freebsd" : "darwin";

/** Delay of the second read: an announced change may be under way (inctl_ifaddr() of xnu, ifhwioctl() of FreeBSD). */
const RECHECK_MS = 50;
/** How long to wait for the end of duplicate address detection; then twice as long, four times in all. */
const FIRST_CHECK_MS = 1_000;

/** The kernel of macOS or FreeBSD as a source. Holds the C library until it is disposed. */
export class BsdSource implements NetworkSource, AsyncDisposable {
  readonly name = "af_route";
  readonly counters: Counters = { events: 0, ignored: 0, malformed: 0, spoofed: 0 };
  readonly #runtime: BsdRuntime;
  readonly #options: EventSourceOptions;
  readonly #release: () => Promise<void>;
  readonly #reads = new Set<Promise<Reading>>();
  readonly pending = new PendingEvents(); // shared by its subscriptions
  stopClock = (): void => {}; // ends the last one's watch for sleeps, which goes on until the next one begins
  #subscription: BsdSubscription | null = null;
  #disposed: Promise<void> | null = null;

  constructor(runtime: BsdRuntime, options: EventSourceOptions, release: () => Promise<void>) {
    this.#runtime = runtime;
    this.#options = options;
    this.#release = release;
  }

  static granted({ libc }: EventSourceOptions): boolean {
    return runtimes.has(libc) || libraryGranted(libcRequest(OS, libc));
  }

  static async open(options: EventSourceOptions): Promise<BsdSource> {
    const { libc } = options;
    const runtime = await runtimes.acquire(libc);
    return new BsdSource(runtime, options, () => runtimes.release(libc));
  }

  /** The routing socket and the other wake-up sources, as far as they are open. */
  get listeners(): readonly string[] {
    return [...this.#subscription?.listening.keys() ?? []];
  }

  // deno-lint-ignore require-await
  async subscribe(signal: AbortSignal): Promise<Subscription> {
    signal.throwIfAborted();
    return this.#subscription = new BsdSubscription(this, this.#runtime, this.#options);
  }

  async read(signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted();
    const { syscalls, system } = this.#runtime;
    const reading = readDump(syscalls, system, signal, () => this.counters.malformed++);
    this.#reads.add(reading);
    const result = await reading.finally(() => this.#reads.delete(reading));
    this.#subscription?.awaitChecks(result.interfaces);
    return result;
  }

  /** Closes what is open, and releases the C library when no read is in progress any more. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.stopClock();
    await this.#subscription?.[Symbol.asyncDispose]();
    await Promise.allSettled(this.#reads);
    await this.#release();
  }
}

/** A subscription to the kernel's events. It keeps no table: an event is a reason to read the state. */
class BsdSubscription implements Subscription {
  readonly #pollLoop: PollLoop;
  readonly #counters: Counters;
  readonly #port: BsdPort; // the routing socket
  readonly #socket: EventSocket<BsdEvent>; // drains `#port`
  readonly listening = new Map<string, EventSocket<BsdEvent>>(); // the open wake-up sources by name
  readonly #loops: Promise<void>[] = []; // over the wake-up sources other than the routing socket
  readonly #pending: PendingEvents;
  readonly #canary: Canary;
  readonly #recheck: Alarm;
  #checkMs = FIRST_CHECK_MS;
  #knownIndexes = new Set<number>(); // of the interfaces already reported
  #disposed: Promise<void> | null = null;

  /** Opens the sockets: the kernel queues events from now on. Throws SystemCallError if it refuses. */
  constructor(source: BsdSource, runtime: BsdRuntime, options: EventSourceOptions) {
    const { clocks, pollLoop, syscalls, system } = runtime;
    this.#pollLoop = pollLoop;
    this.#counters = source.counters;
    this.#pending = source.pending;
    this.#port = openRouteSocket(syscalls, system, options);
    this.#socket = this.#open(this.#port, options.stormPauseMs);
    this.#recheck = pollLoop.timers.alarm(() => this.#post(CHANGED));
    this.#recheck.unref(); // the watches keep the process alive
    this.#canary = new Canary(() => sendCanary(syscalls, system, this.#port.descriptor));
    source.stopClock();
    source.stopClock = clocks.listen((event) => this.#post(event));
    if (!this.#pending.isEmpty) this.#socket.watch.wake();
    if (!system.hasWakeupSources) return;
    for (const open of [openNotification, openKernelEvents]) {
      const port = open(syscalls, options.trace);
      if (port !== null) this.#loops.push(this.#listen(port));
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SourceEvent, void> {
    for await (const events of this.#socket) {
      this.#take(events, true);
      for (let it = this.#pending.take(); it !== null; it = this.#pending.take()) yield it;
    }
  }

  /** Drains the socket, so that the actor gets the events that have arrived; the state comes from `read()`. */
  view(): Reading | null {
    this.#take(this.#socket.drain().events, false);
    return null;
  }

  adopt({ interfaces }: Reading): void {
    this.#knownIndexes = new Set(interfaces.map((nic) => nic.index));
  }

  /** No message says that duplicate address detection has ended (nd6_dad_timer()), so the state is read again. */
  awaitChecks(interfaces: readonly Interface[]): void {
    if (!interfaces.some(({ addresses }) => addresses.some((it) => it.tentative))) return;
    const isOver = this.#checkMs > 8 * FIRST_CHECK_MS || this.#disposed !== null;
    if (isOver || this.#recheck.isSet()) return;
    this.#recheck.set(this.#checkMs);
    this.#checkMs *= 2;
  }

  async probe(): Promise<boolean> {
    return this.#disposed === null && await this.#canary.probe();
  }

  ref(): void {
    for (const { watch } of this.listening.values()) watch.ref();
  }

  unref(): void {
    for (const { watch } of this.listening.values()) watch.unref();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.#canary.settle(false);
    this.#recheck.cancel();
    const closed = Array.from(this.listening.values(), (socket) => socket.close());
    this.listening.clear();
    await Promise.all([...closed, ...this.#loops]);
    this.#port.close();
  }

  #open(port: BsdPort, stormPauseMs = Infinity): EventSocket<BsdEvent> {
    const watch = this.#pollLoop.watch(port.descriptor, Math.min(stormPauseMs, STORM_PAUSE_MS));
    const socket = new EventSocket(port, watch);
    this.listening.set(port.name, socket);
    return socket;
  }

  /** Listens to another wake-up source; the subscription survives its loss. */
  async #listen(port: BsdPort): Promise<void> {
    const socket = this.#open(port);
    try {
      for await (const events of socket) this.#take(events, false);
    } catch {
      // reconcile finds what it would have reported
    }
    this.listening.delete(port.name);
    await socket.close();
    port.close();
  }

  /** Adds an event that did not come through the poll of the routing socket. */
  #post(event: SourceEvent): void {
    this.#pending.add(event);
    this.#socket.watch.wake();
  }

  #take(events: readonly BsdEvent[], throughPoll: boolean): void {
    for (const event of events) {
      if (event.kind === "overflow") {
        this.#pending.add({ kind: "overflow" });
        this.#canary.resend();
      } else if (event.kind === "answer" && event.pid === Deno.pid) {
        this.#canary.answered(event.sequence, throughPoll);
      } else {
        this.#counters.events++;
        if (this.#mayChangeState(event)) this.#pending.add(CHANGED);
        else this.#counters.ignored++;
      }
    }
    if (!throughPoll && !this.#pending.isEmpty) this.#socket.watch.wake();
  }

  #mayChangeState(event: BsdEvent): boolean {
    if (event.kind === "joined") {
      const isKnown = this.#knownIndexes.has(event.index);
      this.#knownIndexes.add(event.index);
      return !isKnown;
    }
    if (event.kind === "noise" || event.kind === "answer") return false;
    // There is no table that could be wrong, so a malformed message counts only as a change.
    if (event.kind === "malformed") this.#counters.malformed++;
    this.#checkMs = FIRST_CHECK_MS;
    if (event.kind === "changing" && this.#disposed === null) this.#recheck.set(RECHECK_MS);
    return true;
  }
}

/** The system calls, poll loop and clocks that the monitors of an isolate share. */
type BsdRuntime = ReturnType<typeof makeRuntime>;

/** By the path of the C library. */
const runtimes = new Refcounted<BsdRuntime>(async (path) => {
  const library = await openLibrary(libcRequest(OS, path));
  return makeRuntime(library.symbols, OS, () => library.close());
});

/** Uses loaded functions; `unload` unloads them. Throws SystemCallError. */
export function makeRuntime(libc: LibcFunctions, os: BsdSystemName, unload: () => void) {
  const syscalls = new Syscalls(libc, os);
  const system = SYSTEMS[os];
  const pipe = new Int32Array(2);
  if (libc.pipe(pipe) < 0) {
    const error = syscalls.error("pipe");
    unload();
    throw error;
  }
  const [reader, writer] = [pipe[0]!, pipe[1]!];
  let woken = false; // a byte is in the pipe: a full pipe would block, and a failed poll does not empty it
  const pollLoop = new PollLoop({
    poll: libc.poll_blocking,
    wakeDescriptor: reader,
    wake: () => void (woken ||= libc.write(writer, Uint8Array.of(1), 1n) === 1),
    clearWakeUp: () => {
      syscalls.read(reader);
      woken = false;
    },
  }, () => clocks.check(false));
  /** Checked after each poll, at the latest when the next canary ends the poll: no event reports a resume. */
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
