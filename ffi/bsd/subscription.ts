// Receives the routing messages and the events of the other wake-up sources. It keeps no table: an event
// is a reason to read the state.
import type { Reading, SourceEvent, Subscription } from "../../state/source.ts";
import { Canary, type Counters, EventSocket, PendingEvents } from "../event_socket.ts";
import type { Watch } from "../poll_loop.ts";
import { Alarm } from "../poll_timers.ts";
import { clockEvent } from "../suspend_clock.ts";
import type { BsdEvent } from "./classify.ts";
import { type DatagramSocket, encodeCanary, openRouteSocket, type Trace } from "./route_socket.ts";
import type { BsdRuntime } from "./runtime.ts";
import { openWakeupSources, type WakeupSource } from "./wakeup_sources.ts";

/**
 * xnu announces that an address is removed before it takes the address out of the list (inctl_ifaddr(),
 * in.c), so the state is read again this much later.
 */
const RECHECK_MS = 50;

/** What a subscription needs of its source. */
export interface SubscriptionContext {
  runtime: BsdRuntime; // the system calls and the shared poll loop
  receiveBufferBytes: number; // the size of the receive buffer to ask for
  /** The longest pause between two polls in a storm, in milliseconds. */
  stormPauseMs?: number | undefined;
  trace?: Trace | undefined; // receives one line of text per message
  counters: Counters; // incremented
}

/** A subscription to the kernel's events. */
export class BsdSubscription implements Subscription {
  readonly #context: SubscriptionContext;
  readonly #port: DatagramSocket;
  readonly #watch: Watch;
  readonly #socket: EventSocket<BsdEvent>;
  readonly #pending = new PendingEvents();
  readonly #canary: Canary;
  readonly #watches = new Set<Watch>();
  /** The other wake-up sources, and the loops over them. */
  readonly #others: EventSocket<BsdEvent>[] = [];
  readonly #loops: Promise<void>[] = [];
  readonly #listening = new Set<string>(["route"]);
  readonly #stopClock: () => void;
  readonly #recheck: Alarm;
  /** The indexes of the interfaces already reported. */
  #knownIndexes = new Set<number>();
  #isRef = true;
  #disposed: Promise<void> | null = null;

  /**
   * Opens the sockets: the kernel queues events from now on.
   *
   * @throws {SystemCallError} if the kernel refuses
   */
  constructor(context: SubscriptionContext) {
    this.#context = context;
    const { receiveBufferBytes, runtime, stormPauseMs, trace } = context;
    const { clocks, platform, pollLoop, syscalls } = runtime;
    this.#port = openRouteSocket(syscalls, platform, receiveBufferBytes, trace);
    this.#watch = pollLoop.watch(this.#port.descriptor, { stormPauseMs });
    this.#watches.add(this.#watch);
    this.#recheck = new Alarm(pollLoop.timers, () => this.#post({ kind: "changed" }));
    this.#socket = new EventSocket(this.#port, this.#watch);
    this.#canary = new Canary(() => {
      const sequence = runtime.nextSequence();
      // The write fails if there is no such route, and the answer says so: only the echo counts.
      syscalls.write(this.#port.descriptor, encodeCanary(platform, sequence));
      return sequence;
    });
    this.#stopClock = clocks.listen((finding) => this.#post(clockEvent(finding)));
    if (!platform.hasWakeupSources) return;
    for (const source of openWakeupSources(syscalls, trace)) {
      this.#loops.push(this.#listen(source));
    }
  }

  /** What listens at this moment. */
  get listening(): readonly string[] {
    return [...this.#listening];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SourceEvent, void> {
    try {
      for await (const events of this.#socket) {
        this.#take(events, true);
        yield* this.#pending.take();
      }
    } finally {
      this.#listening.delete("route");
    }
  }

  /** Drains, so that the actor learns of what has arrived; the state comes from `read()`. */
  view(): Reading | null {
    this.#take(this.#socket.drain().events, false);
    if (!this.#pending.isEmpty) this.#watch.wake();
    return null;
  }

  adopt({ interfaces }: Reading): void {
    this.#knownIndexes = new Set(interfaces.map((nic) => nic.index));
  }

  /** Asks for a route. Every routing socket receives the answer, ours too unless it is deaf. */
  async probe(signal: AbortSignal): Promise<boolean> {
    if (this.#disposed !== null) return false;
    return await this.#canary.probe(signal);
  }

  ref(): void {
    this.#isRef = true;
    this.#recheck.ref = true;
    for (const watch of this.#watches) watch.ref();
  }

  unref(): void {
    this.#isRef = false;
    this.#recheck.ref = false;
    for (const watch of this.#watches) watch.unref();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.#listening.clear();
    this.#canary.close();
    this.#stopClock();
    this.#recheck.set(null);
    for (const socket of [this.#socket, ...this.#others]) socket.close();
    await Promise.all([...this.#watches].map((watch) => watch.close()));
    await Promise.all(this.#loops);
    this.#port.close();
  }

  /** Listens to another wake-up source; the subscription survives its loss. */
  async #listen(source: WakeupSource): Promise<void> {
    const watch = this.#context.runtime.pollLoop.watch(source.descriptor);
    this.#watches.add(watch);
    if (!this.#isRef) watch.unref();
    this.#listening.add(source.name);
    const socket = new EventSocket(source, watch);
    this.#others.push(socket);
    try {
      for await (const events of socket) {
        this.#take(events, false);
        if (!this.#pending.isEmpty) this.#watch.wake();
      }
    } catch {
      this.#listening.delete(source.name);
    }
    await watch.close();
    this.#watches.delete(watch);
    source.close();
  }

  /** Adds an event that did not come through the poll. */
  #post(event: SourceEvent): void {
    this.#pending.add(event);
    this.#watch.wake();
  }

  #take(events: readonly BsdEvent[], throughPoll: boolean): void {
    for (const event of events) {
      if (event.kind === "overflow") {
        this.#pending.add({ kind: "overflow" });
        this.#canary.resend();
      } else if (event.kind === "answer" && event.pid === Deno.pid) {
        this.#canary.answered(event.sequence, throughPoll);
      } else this.#count(event);
    }
  }

  #count(event: BsdEvent): void {
    const { counters } = this.#context;
    counters.events++;
    switch (event.kind) {
      case "malformed":
        // Without a table nothing is out of step: a malformed message is worth no more than a change.
        counters.malformed++;
        return this.#pending.add({ kind: "changed" });
      case "removed":
        if (this.#disposed === null) this.#recheck.set(RECHECK_MS);
        return this.#pending.add({ kind: "changed" });
      case "joined":
        if (this.#knownIndexes.has(event.index)) break;
        this.#knownIndexes.add(event.index);
        return this.#pending.add({ kind: "changed" });
      case "changed":
        return this.#pending.add({ kind: "changed" });
    }
    counters.ignored++;
  }
}
