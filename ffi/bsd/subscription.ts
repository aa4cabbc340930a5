/**
 * Hears the routing socket and the other wake-up sources. It keeps no table: what is announced is a reason to
 * ask for the truth.
 *
 * @module
 */
import { DecodeError } from "../../state/errors.ts";
import type { Reading, SourceEvent, Subscription } from "../../state/source.ts";
import { Mailbox } from "../mailbox.ts";
import { RoutingSocket } from "../routing_socket.ts";
import { announcement } from "../suspend_clock.ts";
import type { Watch } from "../poll_loop.ts";
import { meaningOf } from "./classify.ts";
import { forEachMessage, type RouteMessage } from "./route_message.ts";
import { type DatagramSocket, encodeCanary, openRouteSocket } from "./route_socket.ts";
import type { BsdRuntime } from "./runtime.ts";
import { openWakeupSources, type WakeupSource } from "./wakeup_sources.ts";

/** Live counts, shared by all subscriptions of a source. */
export interface BsdCounters {
  /** Messages heard. */
  events: number;
  /** Messages that say nothing about the state. */
  ignored: number;
  /** Messages that could not be understood. */
  malformed: number;
  /** Nobody but the kernel can write to a routing socket of ours. */
  readonly spoofed: 0;
}

/** What a subscription needs of its source. */
export interface SubscriptionContext {
  /** The system calls and the shared poll. */
  system: BsdRuntime;
  /** The wanted size of the receive buffer. */
  receiveBufferBytes: number;
  /** Counted into. */
  counters: BsdCounters;
}

interface Canary {
  sequence: number;
  readonly answered: PromiseWithResolvers<boolean>;
}

/** A subscription to the kernel's announcements. */
export class BsdSubscription implements Subscription {
  readonly #context: SubscriptionContext;
  readonly #events: DatagramSocket;
  readonly #socket: RoutingSocket;
  readonly #mailbox = new Mailbox();
  readonly #watches = new Set<Watch>();
  readonly #pumps: Promise<void>[] = [];
  readonly #listening = new Set<string>();
  readonly #forgetClock: () => void;
  /** The interfaces that somebody has been told of. */
  #heardOf = new Set<number>();
  #canary: Canary | null = null;
  #persistent = true;
  #viewing = false;
  #disposed: Promise<void> | null = null;

  /** Hears from now on. Throws a SystemCallError when the kernel refuses. */
  constructor(context: SubscriptionContext) {
    this.#context = context;
    const { clocks, kernel, platform, waiter } = context.system;
    this.#events = openRouteSocket(
      kernel,
      platform,
      context.receiveBufferBytes,
      (datagram) => this.#heard(datagram),
    );
    const watch = waiter.watch(this.#events.descriptor);
    this.#watches.add(watch);
    this.#socket = new RoutingSocket(this.#events, watch);
    this.#forgetClock = clocks.listen((finding) => {
      const event = announcement(finding);
      if (event !== null) this.#mailbox.post(event);
    });
    this.#listening.add("route");
    this.#pumps.push(this.#listen());
    if (!platform.hasWakeupSources) return;
    for (const witness of openWakeupSources(kernel, (changed) => this.#told(changed))) {
      this.#pumps.push(this.#attend(witness));
    }
  }

  /** What listens at this moment. */
  get listening(): readonly string[] {
    return [...this.#listening];
  }

  [Symbol.asyncIterator](): AsyncIterator<SourceEvent> {
    return this.#mailbox[Symbol.asyncIterator]();
  }

  /** Drains, so that the actor knows of what has been announced; the truth is for `read()` to tell. */
  view(): Reading | null {
    this.#viewing = true;
    try {
      if (this.#socket.drain().overflow) this.#mailbox.post({ kind: "overflow" });
      return null;
    } finally {
      this.#viewing = false;
    }
  }

  adopt({ interfaces }: Reading): void {
    this.#heardOf = new Set(interfaces.map((nic) => nic.index));
  }

  /** A question whose answer every routing socket hears, ours too if it hears at all. */
  async probe(signal: AbortSignal): Promise<boolean> {
    if (this.#disposed !== null) return false;
    const canary: Canary = { sequence: 0, answered: Promise.withResolvers() };
    this.#canary = canary;
    this.#sendCanary(canary);
    const abort = () => canary.answered.resolve(false);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    try {
      return await canary.answered.promise;
    } finally {
      signal.removeEventListener("abort", abort);
      if (this.#canary === canary) this.#canary = null;
    }
  }

  ref(): void {
    this.#persistent = true;
    for (const watch of this.#watches) watch.ref();
  }

  unref(): void {
    this.#persistent = false;
    for (const watch of this.#watches) watch.unref();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.#listening.clear();
    this.#mailbox.close();
    this.#canary?.answered.resolve(false);
    this.#forgetClock();
    await Promise.all([...this.#watches].map((watch) => watch.close()));
    await Promise.all(this.#pumps);
    this.#events.close();
  }

  /** Lives until the watch is closed or the socket is lost. */
  async #listen(): Promise<void> {
    try {
      for await (const batch of this.#socket) {
        if (batch.overflow) this.#mailbox.post({ kind: "overflow" });
      }
      this.#mailbox.close();
    } catch (error) {
      this.#listening.delete("route");
      this.#mailbox.fail(error);
    }
  }

  /** The same for a witness, whose loss is no loss of the subscription. */
  async #attend(witness: WakeupSource): Promise<void> {
    const watch = this.#context.system.waiter.watch(witness.descriptor);
    this.#watches.add(watch);
    if (!this.#persistent) watch.unref();
    this.#listening.add(witness.name);
    try {
      for await (const batch of new RoutingSocket(witness, watch)) {
        if (batch.overflow) this.#mailbox.post({ kind: "changed" });
      }
    } catch {
      this.#listening.delete(witness.name);
    }
    await watch.close();
    this.#watches.delete(watch);
    witness.close();
  }

  #heard(datagram: Uint8Array): void {
    try {
      forEachMessage(datagram, (message) => this.#hear(message));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#misunderstood();
    }
  }

  #hear(message: RouteMessage): void {
    const { counters, system } = this.#context;
    const meaning = meaningOf(message, system.platform.layout);
    if (meaning.kind === "answer" && this.#isOurs(meaning)) return this.#answered();
    counters.events++;
    switch (meaning.kind) {
      case "changed":
        return this.#mailbox.post({ kind: "changed" });
      case "unknown":
        return this.#misunderstood();
      case "joined":
        if (!this.#isNews(meaning.index)) break;
        return this.#mailbox.post({ kind: "changed" });
    }
    counters.ignored++;
  }

  #told(changed: boolean): void {
    const { counters } = this.#context;
    counters.events++;
    if (changed) this.#mailbox.post({ kind: "changed" });
    else counters.ignored++;
  }

  /** There is no table to go wrong, so it is worth no more than any other change. */
  #misunderstood(): void {
    this.#context.counters.malformed++;
    this.#mailbox.post({ kind: "changed" });
  }

  #isNews(index: number): boolean {
    if (this.#heardOf.has(index)) return false;
    this.#heardOf.add(index);
    return true;
  }

  #isOurs({ pid, sequence }: { pid: number; sequence: number }): boolean {
    return this.#canary?.sequence === sequence && pid === Deno.pid;
  }

  #sendCanary(canary: Canary): void {
    const { kernel, platform } = this.#context.system;
    canary.sequence = this.#context.system.nextSequence();
    // It fails where there is no such route, and the answer says the same: it is the echo that counts.
    kernel.write(this.#events.descriptor, encodeCanary(platform, canary.sequence));
  }

  /** Only what came through the poll proves that events would: one that a view took is sent again. */
  #answered(): void {
    const canary = this.#canary;
    if (canary === null) return;
    if (this.#viewing) this.#sendCanary(canary);
    else canary.answered.resolve(true);
  }
}
