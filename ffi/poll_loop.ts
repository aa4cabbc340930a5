// One blocked `poll(2)` for all descriptors and timers of the isolate.
//
// A nonblocking FFI call occupies one of Deno's 32 pool threads and keeps the process alive, so all
// descriptors share one call. A wake-up descriptor interrupts it when the set changes while it runs.
import { nextTurn, pollGuard, PollTimers } from "./timers.ts";

// These bits are the same on every supported system.
export const POLLIN = 0x1; // data to read
export const POLLERR = 0x8; // an error is pending
export const POLLHUP = 0x10; // the other end hung up
export const POLLNVAL = 0x20; // the descriptor is not open

/** A terminated Worker cannot interrupt its poll, so the thread is free only when this has passed. */
const LONGEST_WAIT_MS = 20_000;
/** A pending call cannot be unref'd: while no watch is ref'd, the wait is cut into slices. */
const UNREF_SLICE_MS = 100;
/** `poll` fails when a signal arrives (EINTR), so the first failures in a row are retried at once. */
const RETRIES = 3;
const FAILURE_PAUSE_MS = 50;
/**
 * Microtasks between two polls. A woken watch calls `ready()` again within a few of them; a poll that began sooner
 * would be interrupted at once (0.3 ms of CPU, measured). Readers of a snapshot run before it: it begins in 0.1 ms.
 */
const GRACE_TURNS = 32;
/** The most watches woken in one turn of the event loop; three may belong to one subscription and make one event. */
const MAX_AT_ONCE = 4;
/** Wake-ups closer together than this, pauses not counted, belong to a storm; from the third on the loop pauses. */
const STORM_GAP_MS = 36;
const STORM_WAKE_UPS = 3;
export const STORM_PAUSE_MS = 12; // the longest pause where a receive buffer may be small (ARCHITECTURE.md)
const LONGEST_STORM_PAUSE_MS = 48; // of every source
/** If a poll begins late or does not return, timers fire this late, or up to `SLACK_MS` of the guard later still. */
const LATE_MS = 1_000;

/** In each pair of words a `struct pollfd { int fd; short events; short revents; }` (poll.h, little-endian). */
export type PollSet = Int32Array<ArrayBuffer>;

export interface PollPort {
  /** The blocking `poll(2)`, off the event loop. Resolves to the number of ready descriptors, negative on failure. */
  poll(set: PollSet, count: number, timeoutMs: number): Promise<number>;
  readonly wakeDescriptor: number; // the descriptor that `wake()` makes readable
  wake(): void;
  /** Called when the wake-up descriptor was ready: makes it unreadable again. */
  clearWakeUp(): void;
}

export interface Watch {
  /** Resolves to `revents` when the descriptor is ready (not if `mute`), to 0 after `wake()`, to null once closed. */
  ready(mute?: boolean): Promise<number | null>;
  /** Makes the pending or the next `ready()` resolve to 0. */
  wake(): void;
  /** Keeps the process alive while the watch is open (the default). */
  ref(): void;
  unref(): void;
  /** Leaves the poll. Once it resolves, no poll uses the descriptor and it may be closed. */
  close(): Promise<void>;
}

interface Entry {
  readonly descriptor: number;
  readonly stormPauseMs: number;
  ref: boolean;
  mute?: boolean; // not in the poll
  woken: boolean; // set by `wake()` until a `ready()` takes it
  waiting: PromiseWithResolvers<number | null> | null;
}

interface Poll {
  readonly entries: readonly Entry[];
  readonly refd: boolean; // whether something kept the process alive when it began
  readonly end: number; // when it times out, on the monotonic clock
  interrupted: boolean;
}

export class PollLoop {
  readonly timers: PollTimers = new PollTimers(() => this.#onChange());
  readonly #port: PollPort;
  readonly #afterPoll: (() => void) | undefined;
  readonly #entries = new Set<Entry>();
  /** Resolved when the running poll has returned, so that it no longer uses the descriptors of closed watches. */
  #leaving: PromiseWithResolvers<void> | null = null;
  #poll: Poll | null = null; // the running one
  readonly #setGuard = pollGuard(() => this.#fireLate());
  #pausing: ReturnType<typeof setTimeout> | null = null; // the timer of the pause between two polls
  #running: Promise<void> | null = null;
  #failures = 0;
  #lastWakeUp = -Infinity;
  #rapidWakeUps = 0;
  #pausedMs = 0; // before the last poll
  #set: PollSet = new Int32Array(8); // of the running poll: polls do not overlap

  /** `afterPoll` runs after each return of the poll, before any watch learns that it is ready. */
  constructor(port: PollPort, afterPoll?: () => void) {
    this.#port = port;
    this.#afterPoll = afterPoll;
  }

  /** Adds a descriptor, with the longest pause in a storm; the shortest of all watches counts. */
  watch(descriptor: number, stormPauseMs: number = STORM_PAUSE_MS): Watch {
    const entry: Entry = { descriptor, stormPauseMs, ref: true, woken: false, waiting: null };
    this.#entries.add(entry);
    this.#onChange();
    return {
      ready: (mute = false) => this.#ready(entry, mute),
      wake: () => this.#wake(entry),
      ref: () => this.#setRef(entry, true),
      unref: () => this.#setRef(entry, false),
      close: () => this.#close(entry),
    };
  }

  /** Cancels the timers. Resolves when nothing is watched and no poll runs. */
  async idle(): Promise<void> {
    this.timers.close();
    if (this.#pausing !== null) Deno.refTimer(this.#pausing);
    await this.#running;
  }

  #ready(entry: Entry, mute: boolean): Promise<number | null> {
    if (!this.#entries.has(entry)) return Promise.resolve(null);
    if (entry.woken) {
      entry.woken = false;
      return Promise.resolve(0);
    }
    if (entry.waiting === null) {
      entry.waiting = Promise.withResolvers();
      entry.mute = mute;
      if (!mute && this.#poll?.entries.includes(entry) !== true) this.#interrupt();
    }
    return entry.waiting.promise;
  }

  #wake(entry: Entry): void {
    if (entry.waiting === null) entry.woken = true;
    else resolveReady(entry, 0);
  }

  #setRef(entry: Entry, ref: boolean): void {
    entry.ref = ref;
    this.#onChange();
  }

  /** Starts the loop, or interrupts a poll that would last too long now. */
  #onChange(): void {
    if (!this.#isIdle()) this.#running ??= this.#run();
    this.#refPause();
    if (this.#poll === null) return;
    this.#guardTimers();
    const { end, refd } = this.#poll;
    if (this.#isIdle() || this.timers.nextAt < end || refd !== this.#isRefd()) this.#interrupt();
  }

  /** Whether the poll does not return: the program keeps all threads of the pool busy. */
  get isStuck(): boolean {
    return this.#poll !== null && performance.now() > this.#poll.end + LATE_MS;
  }

  #guardTimers(): void {
    this.#setGuard(Math.max(this.timers.nextAt, performance.now()) + (this.isStuck ? 0 : LATE_MS));
  }

  #fireLate(): void {
    if (this.#poll !== null) this.timers.fire();
    this.#guardTimers();
  }

  #isIdle(): boolean {
    return this.#entries.size === 0 && this.timers.nextAt === Infinity;
  }

  async #close(entry: Entry): Promise<void> {
    this.#entries.delete(entry);
    resolveReady(entry, null);
    this.#interrupt();
    if (this.#poll !== null) await (this.#leaving ??= Promise.withResolvers()).promise;
  }

  #interrupt(): void {
    if (this.#poll === null || this.#poll.interrupted) return;
    this.#poll.interrupted = true;
    this.#port.wake();
  }

  async #run(): Promise<void> {
    await grace(); // the first caller calls ready() before the first poll begins
    try {
      while (!this.#isIdle()) await this.#pollOnce();
    } finally {
      // in the same turn as the last look at the set: a watch added from now on starts another run
      this.#running = null;
      this.#guardTimers();
    }
  }

  async #pollOnce(): Promise<void> {
    const waiting = [...this.#entries].filter((entry) => entry.waiting !== null && !entry.mute);
    const refd = this.#isRefd();
    const set = this.#encodeSet(waiting);
    const now = performance.now();
    const longest = refd ? LONGEST_WAIT_MS : UNREF_SLICE_MS;
    const timeout = Math.ceil(Math.max(0, Math.min(this.timers.nextAt - now, longest)));

    this.#poll = { entries: waiting, refd, end: now + timeout, interrupted: false };
    this.#guardTimers(); // only now: each time that it is set costs a wake-up
    const count = await this.#port.poll(set, waiting.length + 1, timeout);
    this.#poll = null;
    this.#leaving?.resolve();
    this.#leaving = null;

    this.#afterPoll?.();
    if (count > 0) await this.#deliver(set, waiting);
    if (this.timers.nextAt <= performance.now()) {
      this.timers.fire();
      await grace();
    }
    if (this.#isIdle()) return;
    const pauseMs = this.#pauseMs(count, refd);
    this.#pausedMs = pauseMs ?? 0;
    if (pauseMs !== null) await this.#pause(pauseMs);
  }

  /** The descriptors for `poll()`, the wake-up descriptor first. */
  #encodeSet(waiting: readonly Entry[]): PollSet {
    if (this.#set.length < 2 * waiting.length + 2) this.#set = new Int32Array(4 * waiting.length);
    this.#set.fill(POLLIN)[0] = this.#port.wakeDescriptor;
    for (let i = 0; i < waiting.length; i++) this.#set[2 * i + 2] = waiting[i]!.descriptor;
    return this.#set;
  }

  /** How long to wait before the next poll, in milliseconds; null: not at all. */
  #pauseMs(count: number, refd: boolean): number | null {
    this.#failures = count < 0 ? this.#failures + 1 : 0;
    if (this.#failures > RETRIES) return FAILURE_PAUSE_MS;
    if (this.#rapidWakeUps >= STORM_WAKE_UPS) {
      let ms = Math.min(LONGEST_STORM_PAUSE_MS, this.timers.nextAt - performance.now());
      for (const entry of this.#entries) ms = Math.min(ms, entry.stormPauseMs);
      if (ms > 0) return ms;
    }
    return refd ? null : 0;
  }

  #isRefd(): boolean {
    for (const entry of this.#entries) if (entry.ref) return true;
    return this.timers.isRefd;
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pausing = setTimeout(resolve, ms);
    this.#refPause();
    await promise;
    this.#pausing = null;
  }

  /** Between two polls only the timer of the pause keeps the process alive. */
  #refPause(): void {
    if (this.#pausing === null) return;
    if (this.#isRefd()) Deno.refTimer(this.#pausing);
    else Deno.unrefTimer(this.#pausing);
  }

  async #deliver(set: PollSet, waiting: readonly Entry[]): Promise<void> {
    if (set[1]! >> 16 !== 0) this.#port.clearWakeUp();
    let woken = 0;
    for (let i = 0; i < waiting.length; i++) {
      const revents = set[2 * i + 3]! >> 16;
      if (revents === 0) continue;
      resolveReady(waiting[i]!, revents);
      if (++woken % MAX_AT_ONCE === 0) await nextTurn();
    }
    await grace(); // readers first: what follows takes 5 µs
    if (woken === 0) return;
    const now = performance.now();
    const isRapid = now - this.#lastWakeUp < STORM_GAP_MS + this.#pausedMs;
    this.#rapidWakeUps = isRapid ? this.#rapidWakeUps + 1 : 0;
    this.#lastWakeUp = now;
  }
}

/** Gives woken watches time to call `ready()` again. */
async function grace(): Promise<void> {
  for (let turn = 0; turn < GRACE_TURNS; turn++) await null;
}

function resolveReady(entry: Entry, revents: number | null): void {
  entry.waiting?.resolve(revents);
  entry.waiting = null;
}
