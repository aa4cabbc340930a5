/**
 * Hears the kernel and keeps the table that it announces.
 *
 * @module
 */
import { DecodeError } from "../../state/errors.ts";
import type { Reading, SourceEvent, Subscription } from "../../state/source.ts";
import { Mailbox } from "../mailbox.ts";
import { type Batch, RoutingSocket } from "../routing_socket.ts";
import { announcement } from "../suspend_clock.ts";
import type { Watch } from "../poll_loop.ts";
import { askDefaultRoutes, decodeRouteAnswer } from "./route_lookup.ts";
import { EventSocket } from "./event_socket.ts";
import { applyEvent, decodeEvent, type NetworkEvent } from "./classify.ts";
import { forEachMessage, type NetlinkMessage } from "./netlink.ts";
import { RequestSocket } from "./request_socket.ts";
import type { LinuxRuntime } from "./runtime.ts";
import type { LinkTable } from "./link_table.ts";
import { type Dump, LINUX_KNOWS } from "./dump.ts";

/** How often a view is taken again because something came while it was taken. */
const MOST_VIEWS = 3;
/** Events heard while the truth is being read; more of them are an overflow. */
const LONGEST_JOURNAL = 4_096;
/** An expiry is asked for a little late, so that the kernel has noticed it. */
const EXPIRY_MARGIN_MS = 250;

/** Live counts, shared by all subscriptions of a source. */
export interface LinuxCounters {
  /** Messages heard. */
  events: number;
  /** Messages that say nothing about the state. */
  ignored: number;
  /** Messages that could not be understood. */
  malformed: number;
  /** Messages from another process. */
  spoofed: number;
}

/** What a subscription needs of its source. */
export interface SubscriptionContext {
  /** The system calls and the shared poll. */
  system: LinuxRuntime;
  /** The wanted size of the receive buffer. */
  receiveBufferBytes: number;
  /** Counted into. */
  counters: LinuxCounters;
  /** The truth behind a reading that the source gave out. */
  truthOf(reading: Reading): Dump | undefined;
}

/** A subscription to the kernel's announcements. */
export class LinuxSubscription implements Subscription {
  readonly #context: SubscriptionContext;
  readonly #events: EventSocket;
  readonly #watch: Watch;
  readonly #socket: RoutingSocket;
  readonly #mailbox = new Mailbox();
  readonly #pump: Promise<void>;
  readonly #forgetClock: () => Promise<void>;
  #requests: RequestSocket | null = null;
  #table: LinkTable | null = null;
  /** What was heard since the last reading began; null when nobody needs it. */
  #journal: NetworkEvent[] | "overflowed" | null = null;
  /** Rises with each event that may change the state. */
  #changes = 0;
  #expiry: ReturnType<typeof setTimeout> | null = null;
  #persistent = true;
  #canary: Canary | null = null;
  #sequence = 0;
  /** What is read now did not come through the poll. */
  #unwoken = false;
  #disposed: Promise<void> | null = null;

  /** Hears from now on. Throws a SystemCallError when the kernel refuses. */
  constructor(context: SubscriptionContext) {
    this.#context = context;
    const { kernel, waiter } = context.system;
    this.#events = new EventSocket(kernel, context.receiveBufferBytes, {
      heard: (datagram) => this.#heard(datagram),
      truncated: () => this.#misunderstood(),
      spoofed: () => context.counters.spoofed++,
    });
    this.#watch = waiter.watch(this.#events.descriptor);
    this.#socket = new RoutingSocket(this.#events, this.#watch);
    this.#forgetClock = context.system.onClock((finding) => {
      const event = announcement(finding);
      if (event !== null) this.#mailbox.post(event);
    });
    this.#pump = this.#listen();
  }

  /** The socket that hears: for tests of this source only. */
  get descriptor(): number {
    return this.#events.descriptor;
  }

  [Symbol.asyncIterator](): AsyncIterator<SourceEvent> {
    return this.#mailbox[Symbol.asyncIterator]();
  }

  /**
   * Links and addresses come from queued events, default routes from a question now: whatever arrives
   * while the question is asked belongs to the same moment, so it is drained again.
   */
  view(): Reading | null {
    if (this.#table === null) return null;
    let drained = this.#drain().drained;
    for (let attempt = 1;; attempt++) {
      const { routes, expiresInSeconds } = this.#askRoutes(this.#table);
      const changes = this.#changes;
      if (drained) drained = this.#drain().drained;
      if (this.#changes !== changes && drained && attempt < MOST_VIEWS) continue;
      this.#expireIn(expiresInSeconds);
      const interfaces = this.#table.interfaces();
      return { interfaces, defaultRoute: routes, knows: LINUX_KNOWS };
    }
  }

  adopt(reading: Reading): void {
    const truth = this.#context.truthOf(reading);
    if (truth === undefined) return;
    this.#table = truth.table;
    // What was heard since the reading began may be newer than what it saw.
    if (this.#journal === "overflowed") this.#mailbox.post({ kind: "overflow" });
    else for (const event of this.#journal ?? []) applyEvent(truth.table, event);
    this.#journal = null;
    this.#expireIn(truth.expiresInSeconds);
  }

  /** The source begins to read the truth: from now on events are kept for `adopt()`. */
  startJournal(): void {
    if (this.#disposed !== null) return;
    try {
      this.#drain();
    } catch {
      // The socket is lost, and the iteration says so; the truth is asked from another one.
    }
    this.#journal = [];
  }

  /** The truth was read: takes from it what the kernel does not announce. */
  learn({ table }: Dump): void {
    if (this.#table === null) return;
    const gone = Array.isArray(this.#journal)
      ? this.#journal.flatMap((event) => event.kind === "address-gone" ? [event.address] : [])
      : [];
    if (!this.#table.learnTentative(table, gone)) return;
    this.#changes++;
    this.#mailbox.post({ kind: "changed" });
  }

  async probe(signal: AbortSignal): Promise<boolean> {
    if (this.#disposed !== null || !this.#events.hasMemberships()) return false;
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
    this.#watch.ref();
    if (this.#expiry !== null) Deno.refTimer(this.#expiry);
  }

  unref(): void {
    this.#persistent = false;
    this.#watch.unref();
    if (this.#expiry !== null) Deno.unrefTimer(this.#expiry);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.#mailbox.close();
    this.#canary?.answered.resolve(false);
    this.#expireIn(null);
    this.#requests?.close();
    await this.#watch.close();
    await this.#pump;
    await this.#forgetClock();
    this.#events.close();
  }

  /** Lives until the watch is closed or the socket is lost. */
  async #listen(): Promise<void> {
    try {
      for await (const batch of this.#socket) {
        if (batch.overflow) this.#overflowed();
      }
      this.#mailbox.close();
    } catch (error) {
      this.#mailbox.fail(error);
    }
  }

  /** Reads what is queued without having been woken for it. */
  #drain(): Batch {
    this.#unwoken = true;
    try {
      const batch = this.#socket.drain();
      if (batch.overflow) this.#overflowed();
      return batch;
    } finally {
      this.#unwoken = false;
    }
  }

  /** What did not fit is lost, and the answer to the canary may be among it. */
  #overflowed(): void {
    this.#mailbox.post({ kind: "overflow" });
    if (this.#canary !== null) this.#sendCanary(this.#canary);
  }

  #heard(datagram: Uint8Array): void {
    try {
      forEachMessage(datagram, (message) => this.#hear(message));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#misunderstood();
    }
  }

  #hear(message: NetlinkMessage): void {
    const { counters } = this.#context;
    const event = decodeEvent(message);
    if (event.kind === "acknowledgement") return this.#acknowledged(event.sequence);
    counters.events++;
    if (event.kind === "unknown") return this.#misunderstood();
    if (event.kind === "noise") {
      counters.ignored++;
      return;
    }
    this.#remember(event);
    if (this.#table !== null && !applyEvent(this.#table, event)) {
      counters.ignored++;
      return;
    }
    this.#changes++;
    this.#mailbox.post({ kind: "changed" });
  }

  #remember(event: NetworkEvent): void {
    if (this.#journal === null || this.#journal === "overflowed") return;
    if (this.#journal.length < LONGEST_JOURNAL) this.#journal.push(event);
    else this.#journal = "overflowed";
  }

  /** Something was said that the table does not hold: everything has to be read again. */
  #misunderstood(): void {
    this.#context.counters.malformed++;
    this.#mailbox.post({ kind: "overflow" });
  }

  #sendCanary(canary: Canary): void {
    canary.sequence = ++this.#sequence;
    this.#events.sendCanary(canary.sequence);
  }

  /** Only what came through the poll proves that events would: another one is sent for one that did not. */
  #acknowledged(sequence: number): void {
    const canary = this.#canary;
    if (canary === null || canary.sequence !== sequence) return;
    if (this.#unwoken) this.#sendCanary(canary);
    else canary.answered.resolve(true);
  }

  #askRoutes(table: LinkTable): ReturnType<typeof askDefaultRoutes> {
    const { kernel } = this.#context.system;
    const requests = this.#requests ??= new RequestSocket(kernel);
    try {
      return askDefaultRoutes((questions) => requests.askAll(questions, decodeRouteAnswer), table);
    } catch (error) {
      // The next question goes through a new socket: answers to this one may still be on their way.
      requests.close();
      this.#requests = null;
      throw error;
    }
  }

  /** A default route of a router advertisement expires without a message (RFC 4861, 6.3.5). */
  #expireIn(seconds: number | null): void {
    if (this.#expiry !== null) clearTimeout(this.#expiry);
    this.#expiry = null;
    if (seconds === null || this.#disposed !== null) return;
    const ms = Math.min(seconds * 1000 + EXPIRY_MARGIN_MS, 2 ** 31 - 1);
    const timer = setTimeout(() => {
      this.#expiry = null;
      this.#mailbox.post({ kind: "changed" });
    }, ms);
    if (!this.#persistent) Deno.unrefTimer(timer);
    this.#expiry = timer;
  }
}

interface Canary {
  sequence: number;
  readonly answered: PromiseWithResolvers<boolean>;
}
