// Receives the routing messages and the events of the other wake-up sources. It keeps no table: an event
// is a reason to read the state.
import type { Reading, SourceEvent, Subscription } from "../../state/source.ts";
import { Canary, type Counters, EventSocket, PendingEvents } from "../event_socket.ts";
import type { EventSourceOptions } from "../open.ts";
import { Alarm } from "../poll_timers.ts";
import type { BsdEvent } from "./events.ts";
import {
  type BsdPort,
  encodeCanary,
  openKernelEvents,
  openNotification,
  openRouteSocket,
} from "./sockets.ts";
import type { BsdRuntime } from "./source.ts";

/**
 * xnu announces that an address is removed before it takes the address out of the list (inctl_ifaddr(),
 * in.c), so the state is read again this much later.
 */
const RECHECK_MS = 50;

const CHANGED: SourceEvent = { kind: "changed" };

/** A subscription to the kernel's events. */
export class BsdSubscription implements Subscription {
  readonly #runtime: BsdRuntime;
  readonly #counters: Counters;
  readonly #port: BsdPort; // the routing socket
  readonly #socket: EventSocket<BsdEvent>; // the same
  readonly #listening = new Map<string, EventSocket<BsdEvent>>(); // by name
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
    const { clocks, pollLoop, syscalls, system } = runtime;
    this.#port = openRouteSocket(syscalls, system, options);
    this.#socket = this.#open(this.#port, options.stormPauseMs);
    this.#recheck = new Alarm(pollLoop.timers, () => this.#post(CHANGED));
    this.#canary = new Canary(() => {
      const sequence = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;
      // The write fails if there is no such route, and the answer says so: only the echo counts.
      syscalls.write(this.#port.descriptor, encodeCanary(system, sequence));
      return sequence;
    });
    this.#stopClock = clocks.listen((event) => this.#post(event));
    if (!system.hasWakeupSources) return;
    for (const open of [openNotification, openKernelEvents]) {
      const port = open(syscalls, options);
      if (port !== null) this.#loops.push(this.#listen(port));
    }
  }

  /** What listens at this moment. */
  get listening(): readonly string[] {
    return this.#disposed === null ? [...this.#listening.keys()] : [];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SourceEvent, void> {
    try {
      for await (const events of this.#socket) {
        this.#take(events, true);
        yield* this.#pending.take();
      }
    } finally {
      this.#listening.delete(this.#port.name);
    }
  }

  /** Drains, so that the actor learns of what has arrived; the state comes from `read()`. */
  view(): Reading | null {
    this.#take(this.#socket.drain().events, false);
    return null;
  }

  adopt({ interfaces }: Reading): void {
    this.#knownIndexes = new Set(interfaces.map((nic) => nic.index));
  }

  /** Asks for a route. Every routing socket receives the answer, ours too unless it is deaf. */
  async probe(signal: AbortSignal): Promise<boolean> {
    return this.#disposed === null && await this.#canary.probe(signal);
  }

  ref(): void {
    this.#recheck.ref = true;
    for (const { watch } of this.#listening.values()) watch.ref();
  }

  unref(): void {
    this.#recheck.ref = false;
    for (const { watch } of this.#listening.values()) watch.unref();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.#canary.close();
    this.#stopClock();
    this.#recheck.set(null);
    const others = Array.from(this.#listening.values(), (socket) => socket.close());
    await Promise.all([this.#socket.close(), ...others, ...this.#loops]);
    this.#port.close();
  }

  #open(port: BsdPort, stormPauseMs?: number): EventSocket<BsdEvent> {
    const watch = this.#runtime.pollLoop.watch(port.descriptor, stormPauseMs);
    const socket = new EventSocket(port, watch);
    this.#listening.set(port.name, socket);
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
    this.#listening.delete(port.name);
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
    switch (event.kind) {
      case "joined": {
        const isKnown = this.#knownIndexes.has(event.index);
        this.#knownIndexes.add(event.index);
        return !isKnown;
      }
      case "malformed":
        // Without a table nothing is out of step: a malformed message is worth no more than a change.
        this.#counters.malformed++;
        return true;
      case "removed":
        if (this.#disposed === null) this.#recheck.set(RECHECK_MS);
        return true;
      default:
        return event.kind === "changed";
    }
  }
}
