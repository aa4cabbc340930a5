// Receives the routing messages and the events of the other wake-up sources. It keeps no table: an event
// is a reason to read the state.
import type { Reading, SourceEvent, Subscription } from "../../state/source.ts";
import { Canary, type Counters, EventSocket, PendingEvents } from "../event_socket.ts";
import type { EventSourceOptions } from "../open.ts";
import { Alarm } from "../poll_timers.ts";
import type { BsdEvent } from "./classify.ts";
import { type BsdPort, encodeCanary, openRouteSocket } from "./route_socket.ts";
import type { BsdRuntime } from "./runtime.ts";
import { openWakeupSources, type WakeupSource } from "./wakeup_sources.ts";

/**
 * xnu announces that an address is removed before it takes the address out of the list (inctl_ifaddr(),
 * in.c), so the state is read again this much later.
 */
const RECHECK_MS = 50;

/** A subscription to the kernel's events. */
export class BsdSubscription implements Subscription {
  readonly #runtime: BsdRuntime;
  readonly #counters: Counters;
  readonly #port: BsdPort; // the routing socket
  readonly #socket: EventSocket<BsdEvent>;
  readonly #sources = new Map<string, EventSocket<BsdEvent>>(); // what listens, by name
  readonly #loops: Promise<void>[] = []; // over the sources other than the routing socket
  readonly #pending = new PendingEvents();
  readonly #canary: Canary;
  readonly #stopClock: () => void;
  readonly #recheck: Alarm;
  #knownIndexes = new Set<number>(); // of the interfaces already reported
  #disposed: Promise<void> | null = null;

  /** Opens the sockets: the kernel queues events from now on. Throws SystemCallError if it refuses. */
  constructor(runtime: BsdRuntime, options: EventSourceOptions, counters: Counters) {
    this.#runtime = runtime;
    this.#counters = counters;
    const { clocks, platform, pollLoop, syscalls } = runtime;
    this.#port = openRouteSocket(syscalls, platform, options);
    this.#socket = new EventSocket(
      this.#port,
      pollLoop.watch(this.#port.descriptor, options.stormPauseMs),
    );
    this.#sources.set("route", this.#socket);
    this.#recheck = new Alarm(pollLoop.timers, () => this.#post({ kind: "changed" }));
    this.#canary = new Canary(() => {
      const sequence = runtime.nextSequence();
      // The write fails if there is no such route, and the answer says so: only the echo counts.
      syscalls.write(this.#port.descriptor, encodeCanary(platform, sequence));
      return sequence;
    });
    this.#stopClock = clocks.listen((event) => this.#post(event));
    if (!platform.hasWakeupSources) return;
    for (const source of openWakeupSources(syscalls, options.trace)) {
      this.#loops.push(this.#listen(source));
    }
  }

  /** What listens at this moment. */
  get listening(): readonly string[] {
    return this.#disposed === null ? [...this.#sources.keys()] : [];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SourceEvent, void> {
    try {
      for await (const events of this.#socket) {
        this.#take(events, true);
        yield* this.#pending.take();
      }
    } finally {
      this.#sources.delete("route");
    }
  }

  /** Drains, so that the actor learns of what has arrived; the state comes from `read()`. */
  view(): Reading | null {
    this.#take(this.#socket.drain().events, false);
    if (!this.#pending.isEmpty) this.#socket.watch.wake();
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
    this.#recheck.ref = true;
    for (const { watch } of this.#sources.values()) watch.ref();
  }

  unref(): void {
    this.#recheck.ref = false;
    for (const { watch } of this.#sources.values()) watch.unref();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.#canary.close();
    this.#stopClock();
    this.#recheck.set(null);
    const sockets = new Set([this.#socket, ...this.#sources.values()]);
    await Promise.all(Array.from(sockets, (socket) => socket.close()));
    await Promise.all(this.#loops);
    this.#port.close();
  }

  /** Listens to another wake-up source; the subscription survives its loss. */
  async #listen(source: WakeupSource): Promise<void> {
    const socket = new EventSocket(source, this.#runtime.pollLoop.watch(source.descriptor));
    this.#sources.set(source.name, socket);
    try {
      for await (const events of socket) {
        this.#take(events, false);
        if (!this.#pending.isEmpty) this.#socket.watch.wake();
      }
    } catch {
      // reconcile finds what it would have reported
    }
    this.#sources.delete(source.name);
    await socket.close();
    source.close();
  }

  /** Adds an event that did not come through the poll. */
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
      } else this.#count(event);
    }
  }

  #count(event: BsdEvent): void {
    this.#counters.events++;
    switch (event.kind) {
      case "malformed":
        // Without a table nothing is out of step: a malformed message is worth no more than a change.
        this.#counters.malformed++;
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
    this.#counters.ignored++;
  }
}
