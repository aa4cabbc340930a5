// The source for Windows (`iphlpapi.dll`), and the runtime that all monitors of an isolate share.
//
// This code has run under Wine 10, whose registrations send only the first notification, and with a stand-in
// for iphlpapi.dll that sends all of them. It has not run on Windows itself.
import type { NetworkSource, Reading, SourceEvent, Subscription } from "../../state/ports.ts";
import { type Counters, PendingEvents } from "../event_socket.ts";
import { libraryGranted, openLibrary, Refcounted } from "../library.ts";
import { POLLIN, PollLoop, type PollPort, type PollSet } from "../poll_loop.ts";
import { SuspendClock } from "../suspend_clock.ts";
import { readDump } from "./dump.ts";
import { libraryRequests } from "./libraries.ts";
import { Notifications, type Subscriber } from "./notifications.ts";
import { Syscalls } from "./syscalls.ts";

interface WindowsSourceOptions {
  /** Receives one line of text per notification. */
  trace?: ((line: string) => void) | undefined;
  iphlpapi?: string | undefined; // for tests: the absolute path of a stand-in for iphlpapi.dll
}

/** The source for Windows. Keeps the system libraries loaded until it is disposed. */
export class WindowsSource implements NetworkSource, AsyncDisposable {
  readonly name = "iphlpapi";
  readonly counters: Counters = { events: 0, ignored: 0, malformed: 0, spoofed: 0 };
  readonly #runtime: WindowsRuntime;
  readonly #options: WindowsSourceOptions;
  readonly #release: () => Promise<void>;
  readonly #calls = new Set<Promise<unknown>>(); // reads and subscriptions in progress
  readonly #pending = new PendingEvents(); // shared by its subscriptions
  #subscription: WindowsSubscription | null = null;
  #disposed: Promise<void> | null = null;

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
  static granted({ iphlpapi }: WindowsSourceOptions): boolean {
    return runtimes.has(iphlpapi) ||
      Object.values(libraryRequests(iphlpapi)).every((it) => libraryGranted(it));
  }

  /** Loads the system libraries, asking the user for the permission if necessary. */
  static async open(options: WindowsSourceOptions): Promise<WindowsSource> {
    const { iphlpapi } = options;
    const runtime = await runtimes.acquire(iphlpapi);
    return new WindowsSource(runtime, options, () => runtimes.release(iphlpapi));
  }

  get listeners(): readonly string[] {
    return this.#subscription?.listening ?? [];
  }

  async subscribe(signal: AbortSignal): Promise<Subscription> {
    signal.throwIfAborted();
    return await this.#tracked(this.#subscribe());
  }

  async read(signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted();
    this.#runtime.clocks.check(false);
    return await this.#read();
  }

  /** Waits for calls in progress, closes the subscription, then releases the libraries. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #subscribe(): Promise<WindowsSubscription> {
    const runtime = this.#runtime;
    const notifications = await runtime.notifications.acquire();
    const release = (): Promise<void> => runtime.notifications.release();
    try {
      await notifications.renew();
    } catch (error) {
      await release();
      throw error;
    }
    const { trace } = this.#options;
    const context = { runtime, notifications, release, trace, counters: this.counters };
    const next = new WindowsSubscription(context, this.#pending);
    this.#subscription?.stopClock();
    return this.#subscription = next;
  }

  #read(): Promise<Reading> {
    return this.#tracked(readDump(this.#runtime.syscalls, () => this.counters.malformed++));
  }

  /** The libraries must stay loaded until the call ends. */
  async #tracked<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  async #dispose(): Promise<void> {
    await Promise.allSettled(this.#calls);
    this.#subscription?.stopClock();
    await this.#subscription?.[Symbol.asyncDispose]();
    await this.#release();
  }
}

interface SubscriptionContext {
  readonly runtime: WindowsRuntime; // the system calls and the suspend clock
  readonly notifications: Notifications; // already listening
  readonly release: () => Promise<void>;
  /** Receives one line of text per notification. */
  readonly trace?: ((line: string) => void) | undefined;
  readonly counters: Counters; // incremented by the subscription
}

/** A subscription to the notifications of the system. */
class WindowsSubscription implements Subscription, Subscriber {
  readonly #context: SubscriptionContext;
  readonly #pending: PendingEvents;
  readonly stopClock: () => void; // the source calls it once the next subscription listens: no sleep is missed
  readonly #unsubscribe: () => void;
  #woken = Promise.withResolvers<void>();
  #isRef = true;
  #isLost = false;
  #disposed: Promise<void> | null = null;

  /** Receives notifications from now on. */
  constructor(context: SubscriptionContext, pending: PendingEvents) {
    this.#context = context;
    this.#pending = pending;
    if (!pending.isEmpty) this.#woken.resolve();
    const { notifications, runtime } = context;
    this.#unsubscribe = notifications.subscribe(this);
    this.stopClock = runtime.clocks.listen((event) => this.#post(event));
  }

  get isRef(): boolean {
    return this.#isRef;
  }

  get listening(): readonly string[] {
    return this.#disposed === null ? this.#context.notifications.listening : [];
  }

  changed(name: string): void {
    const { counters, trace } = this.#context;
    counters.events++;
    trace?.(name);
    this.#post({ kind: "changed" });
  }

  /** No listener is left: ends the iteration. */
  lost(): void {
    this.#isLost = true;
    this.#woken.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SourceEvent, void> {
    while (!this.#isLost) {
      await this.#woken.promise;
      this.#woken = Promise.withResolvers();
      for (let it = this.#pending.take(); it !== null; it = this.#pending.take()) yield it;
    }
  }

  /** The state comes from `read()`. */
  view(): Reading | null {
    return null;
  }

  adopt(): void {
    // There is no table.
  }

  /** Replaces the registrations: new ones confirm at once, which proves that notifications arrive. */
  async probe(): Promise<boolean> {
    return this.#disposed === null && await this.#context.notifications.renew();
  }

  ref(): void {
    this.#isRef = true;
    this.#context.notifications.updateRef();
  }

  unref(): void {
    this.#isRef = false;
    this.#context.notifications.updateRef();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.#unsubscribe();
    this.lost();
    await this.#context.release();
  }

  #post(event: SourceEvent): void {
    this.#pending.add(event);
    this.#woken.resolve();
  }
}

/** The system calls, poll loop, clocks and notifications that the monitors of an isolate share. */
export class WindowsRuntime {
  readonly syscalls: Syscalls;
  readonly pollLoop: PollLoop; // waits for all event handles
  /** Checked after each wait and at each read, because Windows signals no resume. */
  readonly clocks: SuspendClock;
  /** Loaded while there are subscriptions. */
  readonly notifications: Refcounted<Notifications>;
  readonly #port: HandlePort;
  readonly #unload: () => void;

  /** Uses loaded functions; `unload` unloads them. */
  constructor(syscalls: Syscalls, unload: () => void) {
    this.syscalls = syscalls;
    this.#unload = unload;
    this.#port = new HandlePort(syscalls);
    this.pollLoop = new PollLoop(this.#port, () => this.clocks.check(false));
    this.notifications = new Refcounted(() => Promise.resolve(new Notifications(this)));
    this.clocks = new SuspendClock({
      monotonic: () => syscalls.awakeMs(),
      bootTime: () => syscalls.uptimeMs(),
    });
  }

  /** Waits for the poll to end and unloads the libraries. */
  async dispose(): Promise<void> {
    await this.pollLoop.idle();
    this.#port.close();
    this.#unload();
  }
}

/** The runtimes of the isolate, by the path of a stand-in for iphlpapi.dll; undefined for the real one. */
const runtimes = new Refcounted(loadRuntime);

async function loadRuntime(path: string | undefined): Promise<WindowsRuntime> {
  const requests = libraryRequests(path);
  const opened: { close(): void }[] = [];
  const unload = (): void => opened.forEach((library) => library.close());
  const open = async <S extends Deno.ForeignLibraryInterface>(
    request: Parameters<typeof openLibrary<S>>[0],
  ): Promise<Deno.DynamicLibrary<S>["symbols"]> => {
    const library = await openLibrary(request);
    opened.push(library);
    return library.symbols;
  };
  try {
    const functions = {
      iphlpapi: await open(requests.iphlpapi),
      kernel32: await open(requests.kernel32),
      ws2_32: await open(requests.ws2_32),
    };
    const syscalls = new Syscalls(functions);
    syscalls.pin(path ?? "iphlpapi.dll"); // the others are part of every process
    return new WindowsRuntime(syscalls, unload);
  } catch (error) {
    unload();
    throw error;
  }
}

type HandleSyscalls = Pick<
  Syscalls,
  "closeEvent" | "createEvent" | "isSet" | "resetEvent" | "setEvent" | "wait"
>;

/**
 * `WaitForMultipleObjects` in the shape of `poll(2)`, for the shared poll loop. A handle fits the 32-bit descriptor of
 * a `pollfd`: Windows uses only its low 32 bits. Events stay set until they are reset, so none is lost between two
 * waits. Windows allows 64 events in one wait; the notifications of an isolate need nine at most.
 */
export class HandlePort implements PollPort {
  readonly wakeDescriptor: number;
  readonly #syscalls: HandleSyscalls;

  /**
   * Creates the event that interrupts a wait.
   *
   * @throws {SystemCallError} if the system refuses.
   */
  constructor(syscalls: HandleSyscalls) {
    this.#syscalls = syscalls;
    this.wakeDescriptor = syscalls.createEvent();
  }

  async poll(set: PollSet, count: number, timeoutMs: number): Promise<number> {
    const events = Array.from({ length: count }, (_, i) => set[2 * i]!);
    const first = await this.#syscalls.wait(events, timeoutMs);
    if (first === null || first < 0) return first ?? 0;
    let ready = 0;
    // the wait returns only the first of the events that are set
    for (let i = first; i < count; i++) {
      if (i > first && !this.#syscalls.isSet(events[i]!)) continue;
      set[2 * i + 1]! |= POLLIN << 16;
      ready++;
    }
    return ready;
  }

  wake(): void {
    this.#syscalls.setEvent(this.wakeDescriptor);
  }

  clearWakeUp(): void {
    this.#syscalls.resetEvent(this.wakeDescriptor);
  }

  /** Closes the event. No wait may be running. */
  close(): void {
    this.#syscalls.closeEvent(this.wakeDescriptor);
  }
}
