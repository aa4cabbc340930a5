// Subscriptions to kernel events, which keep a link table up to date, and the wake-up sources that they share: the
// one blocked poll, a timer that interrupts it, and the clocks. A single read needs none of these.
import type { Reading, SourceEvent, Subscription } from "../../state/ports.ts";
import { Canary, CHANGED, type Counters, EventSocket, PendingEvents } from "../event_socket.ts";
import type { EventSourceOptions } from "../open.ts";
import { PollLoop, type PollPort, type PollSet } from "../poll_loop.ts";
import type { Alarm } from "../timers.ts";
import { SuspendClock } from "../suspend_clock.ts";
import { C } from "./constants.ts";
import { FLOOD_MESSAGES, NetlinkEventSocket } from "./event_socket.ts";
import type { LinkTable } from "./link_table.ts";
import { applyEvent, formatEvent, type KernelEvent } from "./messages.ts";
import { type Dump, readingOf } from "./requests.ts";
import { type DefaultRouteAnswer, NO_DEFAULTS, routeEffect, RouteLookup } from "./route_lookup.ts";
import type { LinuxRuntime } from "./source.ts";
import type { Syscalls } from "./syscalls.ts";

export { NetlinkEventSocket };

/** A view is taken again if events arrive meanwhile, but at most this many times in all. */
const MAX_VIEWS = 3;
/** Events kept while a dump is read; more of them count as an overflow. */
const LONGEST_JOURNAL = 4_096;
/** A route is looked up this long after it expires; by then the kernel has noticed. */
const EXPIRY_MARGIN_MS = 250;
/**
 * The kernel announces that a link went down before it removes the routes, and does not announce those
 * (fib_sync_down_dev() runs after the notifier), so they are looked up again: after 50 ms, and, while the
 * default route still uses a link that is down, after another 100, 200 and 400 ms.
 */
const FIRST_RECHECK_MS = 50;
const LAST_RECHECK_MS = 400;

export interface SubscriptionContext extends EventSourceOptions {
  runtime: LinuxRuntime; // the system calls and the shared poll loop
  counters: Counters; // incremented by the subscription
  pending?: PendingEvents | undefined; // of the previous subscription; a source that only reads loads none
}

export class LinuxSubscription implements Subscription, AsyncIterator<SourceEvent, undefined> {
  readonly port: NetlinkEventSocket; // the event socket
  readonly #context: SubscriptionContext;
  readonly #socket: EventSocket<KernelEvent>;
  readonly pending: PendingEvents;
  readonly #canary: Canary;
  readonly lookup = new RouteLookup(); // of the default routes; dumps share it
  readonly stopClock: () => void; // the source calls it once the next subscription listens: no sleep is missed
  /** A default route from a router advertisement expires without a message (RFC 4861, 6.3.5). */
  readonly #expiry: Alarm;
  readonly #recheck: Alarm;
  #recheckMs = FIRST_RECHECK_MS;
  #defaults = NO_DEFAULTS; // the last answer
  table: LinkTable | null = null; // kept up to date by events; null until a reading is adopted
  /** Events since the last dump began; null once a dump was adopted. */
  #journal: KernelEvent[] | null = null;
  #last: Reading | null = null; // the last view
  /** After a loss the table mixes old and new, so views stay at the last one until a full read replaces it. */
  #isLossy = false;
  #isTorn = false; // messages were lost since the last dump began
  #changes = 0; // how many events may have changed the state
  #seen = 0; // how many of them the last view showed
  #isDrained = false; // a slice was just received, so the next view need not drain
  #disposed: Promise<void> | null = null;

  /** Opens the socket: the kernel queues events from now on. Throws SystemCallError if it refuses. */
  constructor(context: SubscriptionContext) {
    this.#context = context;
    const { receiveBufferBytes, runtime, stormPauseMs = Infinity, trace } = context;
    const { clock, pollLoop } = runtime.wakeups ??= new Wakeups(runtime.syscalls);
    const port = this.port = new NetlinkEventSocket(runtime.syscalls, receiveBufferBytes);
    if (trace !== undefined) port.trace = (event) => trace(formatEvent(event));
    this.pending = context.pending ?? new PendingEvents();
    this.#expiry = pollLoop.timers.alarm(() => this.#recheckRoutes());
    this.#recheck = pollLoop.timers.alarm(() => this.#recheckRoutes());
    this.#socket = new EventSocket(port, pollLoop.watch(port.descriptor, stormPauseMs));
    this.#canary = new Canary(() => port.sendCanary());
    this.stopClock = clock.listen((event) => this.#post(event));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<SourceEvent, undefined>> {
    for (;;) {
      const event = this.pending.take();
      if (event !== null) return { done: false, value: event };
      this.#isDrained = false; // a view that waited for its time drains again
      const { done, value } = await this.#socket.next();
      if (done) return { done, value: undefined };
      this.#isDrained = true;
      this.#take(value, true);
      const unseen = value.length > 0 && this.table !== null ? this.#changes - this.#seen : 0;
      if (unseen > FLOOD_MESSAGES && unseen > 2 * this.table!.size) {
        // a read costs less than more messages do: they stay unread until it begins
        this.#socket.isFlooded = this.#isLossy = this.#isTorn = true;
        this.pending.add({ kind: "resync" });
      }
      if (this.#socket.isFlooded) this.#canary.settle(true); // not deaf, and no answer would be read
    }
  }

  /**
   * Links and addresses come from queued events, default routes from a lookup now. What arrives during
   * the lookup belongs to the same moment, so the socket is drained again after it.
   */
  view(): Reading | null {
    if (this.table === null) return null;
    if (!this.#isDrained) this.#drain();
    this.#isDrained = false;
    for (let attempt = 1; !this.#isLossy; attempt++) {
      const answer = this.lookup.current ??
        this.#context.runtime.askRoutes(this.lookup, this.table);
      const changes = this.#changes;
      const isNew = answer !== this.#defaults;
      const drained = !isNew || this.#drain();
      if (this.#isLossy || (this.#changes !== changes && drained && attempt < MAX_VIEWS)) continue;
      if (isNew) this.#onRoutes(answer, this.table);
      this.#seen = this.#changes;
      return this.#last = readingOf(this.table, answer);
    }
    return this.#last;
  }

  adopt(reading: Reading): void {
    const dump = reading as Dump; // `read()` of this source returns nothing else
    this.table = dump.table;
    // An event received since the dump began may be newer than the dump.
    const journal = this.#journal ?? [];
    this.#journal = null;
    this.#isLossy = this.#isTorn || journal.length > LONGEST_JOURNAL;
    if (journal.length > LONGEST_JOURNAL) this.#post({ kind: "overflow" });
    else for (const event of journal) applyEvent(dump.table, event);
    this.#last = readingOf(dump.table, dump.routes);
    if (!dump.isConsistent) this.#post({ kind: "resync" }); // no event brings what it lacks
    this.#onRoutes(dump.routes, dump.table);
  }

  /** A dump is about to be read: events are kept from now on for `adopt()`. */
  startJournal(): void {
    if (this.#disposed !== null) return;
    if (!this.#socket.isFlooded) this.#drain();
    else {
      const kind = this.#socket.skip();
      if (kind === null) this.#recheckMs = FIRST_RECHECK_MS;
      else this.#post({ kind });
    }
    this.#journal = [];
    this.#isTorn = this.#socket.isFlooded;
  }

  /** A dump was read: merges what the kernel does not announce into the table. */
  mergeTentative({ routes, table }: Dump): void {
    if (this.table === null || this.#disposed !== null) return;
    this.#onRoutes(routes, this.table);
    const journal = this.#journal ?? [];
    const announced = journal.flatMap((event) => "address" in event ? event.address : []);
    if (this.table.mergeTentative(table, announced)) this.#post(CHANGED);
  }

  async probe(): Promise<boolean> {
    if (this.#disposed !== null || !this.port.hasMemberships()) return false;
    return this.#socket.isFlooded || await this.#canary.probe();
  }

  ref(): void {
    for (const it of [this.#socket.watch, this.#expiry, this.#recheck]) it.ref();
  }

  unref(): void {
    for (const it of [this.#socket.watch, this.#expiry, this.#recheck]) it.unref();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.#canary.settle(false);
    for (const alarm of [this.#expiry, this.#recheck]) alarm.cancel();
    await this.#socket.close();
    this.port.close();
  }

  /** Adds an event that did not come through the poll. */
  #post(event: SourceEvent): void {
    this.pending.add(event);
    this.#socket.watch.wake();
  }

  /** Receives queued messages without waiting for the poll. Returns whether none are left. */
  #drain(): boolean {
    const { events, drained } = this.#socket.drain();
    this.#take(events, false);
    if (!this.pending.isEmpty) this.#socket.watch.wake();
    return drained;
  }

  #take(events: readonly KernelEvent[], throughPoll: boolean): void {
    for (let i = 0; i < events.length; i++) {
      const event = events[i]!;
      switch (event.kind) {
        case "acknowledgement":
          this.#canary.answered(event.sequence, throughPoll);
          break;
        case "spoofed":
          this.#context.counters.spoofed++;
          break;
        case "overflow":
          this.#isLossy = this.#isTorn = true;
          this.pending.add({ kind: "overflow" });
          this.#canary.resend();
          break;
        case "malformed":
          this.#context.counters.events++;
          this.#context.counters.malformed++;
          this.#isLossy = this.#isTorn = true;
          this.pending.add({ kind: "resync" });
          break;
        default:
          this.#apply(event);
      }
    }
  }

  #apply(event: KernelEvent): void {
    const { counters } = this.#context;
    counters.events++;
    if (event.kind === "noise") return void counters.ignored++;
    if ((this.#journal?.length ?? Infinity) <= LONGEST_JOURNAL) this.#journal!.push(event);
    const { lookup, table } = this;
    if (table !== null && !applyEvent(table, event)) return void counters.ignored++;
    this.#changes++;
    this.pending.add(CHANGED);
    if (table === null) return lookup.invalidate();
    const { current } = lookup;
    const last = current ?? this.#defaults;
    const { again, ask } = routeEffect(event, table, last, current?.isPlain === true);
    if (ask === "all") lookup.invalidate();
    else if (ask === "known") lookup.current = null;
    if (again) this.#recheck.set(this.#recheckMs = FIRST_RECHECK_MS);
  }

  #recheckRoutes(): void {
    this.lookup.invalidate();
    this.#post(CHANGED);
  }

  #onRoutes(answer: DefaultRouteAnswer, table: LinkTable): void {
    this.#defaults = answer;
    const { expiresInSeconds, indexes } = answer;
    this.#expiry.set(expiresInSeconds === null ? null : expiresInSeconds * 1000 + EXPIRY_MARGIN_MS);
    if (this.#recheckMs >= LAST_RECHECK_MS || this.#recheck.isSet()) return;
    if (indexes.every((index) => table.isUp(index))) return;
    this.#recheck.set(this.#recheckMs *= 2);
  }
}

/** 2200-01-01: the timer is there to be cancelled, not to fire. */
const NEVER_SECONDS = 7_258_118_400n;

/**
 * The poll and the clocks of all monitors of an isolate. One timerfd interrupts the poll, both when we arm it and
 * when the kernel cancels it because the wall clock was set or the machine resumed (fs/timerfd.c). One descriptor
 * for both, because a terminated Worker leaves every descriptor open.
 */
export class Wakeups implements PollPort {
  readonly pollLoop: PollLoop = new PollLoop(this); // the one blocked poll
  readonly clock: SuspendClock; // notices sleeps and changes to the wall clock
  wakeDescriptor: number; // -1, which poll(2) skips, if it was lost and none can be opened
  readonly #syscalls: Syscalls;
  #clockSet = false;

  constructor(syscalls: Syscalls) {
    this.#syscalls = syscalls;
    this.clock = new SuspendClock({
      monotonic: () => syscalls.clock(C.CLOCK_MONOTONIC),
      bootTime: () => syscalls.clock(C.CLOCK_BOOTTIME),
    });
    this.wakeDescriptor = syscalls.timerDescriptor();
    if (syscalls.armTimer(this.wakeDescriptor, NEVER_SECONDS)) return;
    const error = syscalls.error("timerfd_settime");
    syscalls.close(this.wakeDescriptor);
    throw error;
  }

  poll(set: PollSet, count: number, timeoutMs: number): Promise<number> {
    return this.#syscalls.poll(set, count, timeoutMs);
  }

  /** Makes the timer expire at once, by arming it for a time in the past. */
  wake(): void {
    if (!this.#arm(1n)) this.#reopen(); // the running poll ends with its timeout
  }

  /** Arming the timer makes it unreadable. */
  clearWakeUp(): void {
    if (!this.#arm(NEVER_SECONDS)) this.#reopen();
    if (!this.#clockSet) return;
    this.#clockSet = false;
    this.clock.check(true);
  }

  async close(): Promise<void> {
    await this.pollLoop.idle();
    if (this.#arm(NEVER_SECONDS)) this.#syscalls.close(this.wakeDescriptor);
  }

  /**
   * After the clock was set, the first `timerfd_settime` fails with ECANCELED, yet arms the timer (see its manual page).
   * Returns false if the second one fails, too: the descriptor is not a timer any more.
   */
  #arm(seconds: bigint): boolean {
    if (this.#syscalls.armTimer(this.wakeDescriptor, seconds)) return true;
    this.#clockSet = true;
    return this.#syscalls.armTimer(this.wakeDescriptor, seconds);
  }

  /** Other code closed the descriptor, or put another file in its place. */
  #reopen(): void {
    try {
      this.wakeDescriptor = this.#syscalls.timerDescriptor();
      this.#arm(NEVER_SECONDS);
    } catch {
      this.wakeDescriptor = -1;
    }
  }
}
