// One snapshot stream and its delivery state.
import { neverAffected } from "../../state/affects.ts";
import type { Snapshot } from "../../state/types.ts";
import type { TimerSet } from "../clock.ts";
import type { ResolvedSnapshotOptions } from "../options.ts";
import type { Broadcast, Follower, Published } from "./broadcast.ts";

/** The methods with which a reader takes a stream. */
const LOCKING = [
  "getReader",
  "values",
  Symbol.asyncIterator,
  "pipeTo",
  "pipeThrough",
  "tee",
] as const;

/** Delivers the newest snapshot when a read is pending and the snapshot is due. */
export class SnapshotStream implements Follower {
  readonly readable: ReadableStream<Snapshot>; // the public side. Nothing is ever queued in it
  #controller!: ReadableStreamDefaultController<Snapshot>;
  #broadcast: Broadcast | null = null;
  #timers!: TimerSet;
  #options!: ResolvedSnapshotOptions;
  /** The snapshot to compare with; null before the first of a stream that begins with the current one. */
  #seen: Snapshot | null = null;
  #mark!: Published; // the publication after which changes are undelivered
  /** Monotonic milliseconds of the publication that made a difference of minor steps major. */
  #netMajorAt: number | null = null;
  /** The newest snapshot that was examined for the option `affects`; null: the one delivered last. */
  #examined: Snapshot | null = null;
  /** Monotonic milliseconds of the first and the last undelivered change that affects the address. */
  #affected: { readonly firstAt: number; readonly lastAt: number } | null = null;
  /** The publication that was the newest when settling ended; null while it goes on. */
  #heldAt: Published | null = null;
  #cancelTimer: (() => void) | null = null;
  #remove: () => void = () => {};
  #ended = false;

  /** A stream that follows nothing yet. `onCancel` is called after a reader has cancelled it. */
  constructor(onCancel: (reason: unknown) => void | Promise<void> = () => {}) {
    this.readable = new ReadableStream<Snapshot>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#onRead(),
      cancel: (reason) => {
        this.#stop();
        return onCancel(reason);
      },
    }, { highWaterMark: 0 });
    this.#watchLock();
  }

  /** Begins to follow, from the current snapshot on. */
  follow(broadcast: Broadcast, timers: TimerSet, options: ResolvedSnapshotOptions): void {
    if (this.#ended) return;
    if (broadcast.closed || options.signal?.aborted) return this.end();
    this.#broadcast = broadcast;
    this.#timers = timers;
    this.#options = options;
    this.#mark = broadcast.newest;
    if (!options.initial) this.#seen = broadcast.newest.snapshot;
    this.#remove = broadcast.add(this, options.signal);
    if (this.#isWanted) this.#onRead();
  }

  /** A snapshot was published while a read was pending. */
  onPublished(): void {
    if (this.#broadcast !== null) this.#consider(this.#broadcast);
  }

  /** Ends the stream: a pending read is done. */
  end(): void {
    if (this.#ended) return;
    this.#stop();
    this.#controller.close();
  }

  /** Errors the stream: a pending read rejects. */
  fail(error: unknown): void {
    this.#stop();
    this.#controller.error(error);
  }

  #isWanted = false; // whether a read came before there was anything to follow

  #onRead(): void {
    const broadcast = this.#broadcast;
    this.#isWanted = broadcast === null;
    if (broadcast === null) return;
    broadcast.waiting.add(this);
    this.#consider(broadcast);
  }

  #stop(): void {
    this.#ended = true;
    this.#forgetRead();
    this.#remove();
  }

  /** Whoever reads next pulls again. */
  #forgetRead(): void {
    this.#isWanted = false;
    this.#broadcast?.waiting.delete(this);
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /**
   * A stream is not told that a reader gave up its pending read, by `releaseLock()` or at the end of a pipe. What
   * is delivered for such a read would be queued and grow stale.
   */
  #watchLock(): void {
    for (const name of LOCKING) {
      const method = this.readable[name] as (...args: unknown[]) => unknown;
      const value = (...args: unknown[]): unknown => {
        if (!this.readable.locked) this.#forgetRead();
        const taken = method.apply(this.readable, args);
        if (taken instanceof ReadableStreamDefaultReader) this.#watchRelease(taken);
        return taken;
      };
      Object.defineProperty(this.readable, name, { value });
    }
  }

  #watchRelease(reader: ReadableStreamDefaultReader<Snapshot>): void {
    const { releaseLock } = reader;
    let held = true;
    const value = (): void => {
      releaseLock.call(reader);
      if (held) this.#forgetRead();
      held = false; // a second call must not void the read of the next reader
    };
    Object.defineProperty(reader, "releaseLock", { value });
  }

  /** Delivers what is due, or sees to it that it will be. */
  #consider(broadcast: Broadcast): void {
    if (!this.readable.locked) return this.#forgetRead();
    if (this.#seen === null) return this.#deliver(broadcast.introduction(), broadcast);
    this.#noteAffected(this.#seen, broadcast);
    const firstAt = this.#firstChangeAt(this.#seen, broadcast);
    if (firstAt === null) return;
    const wait = this.#waitMs(firstAt, broadcast);
    if (wait > 0) return this.#arm(wait);
    const snapshot = broadcast.since(this.#seen);
    if (snapshot !== null && this.#isWorthTelling(snapshot, this.#seen, broadcast)) {
      this.#deliver(snapshot, broadcast);
    } else {
      this.#settled(broadcast);
    }
  }

  #noteAffected(seen: Snapshot, broadcast: Broadcast): void {
    const { affects } = this.#options;
    const { at, snapshot } = broadcast.newest;
    const examined = this.#examined ?? seen;
    if (affects === null || examined.sequence === snapshot.sequence) return;
    this.#examined = snapshot;
    // what affects may be minor, until a later change that does not affect is major
    const from = this.#options.majorOnly ? seen : examined;
    if (this.#isAffected(from, snapshot, broadcast)) {
      this.#affected = { firstAt: this.#affected?.firstAt ?? at, lastAt: at };
    }
  }

  /** When the first undelivered change that the reader wants was published; null: there is none. */
  #firstChangeAt(seen: Snapshot, broadcast: Broadcast): number | null {
    const { affects, majorOnly } = this.#options;
    const firstAt = majorOnly ? this.#firstMajorAt(seen, broadcast) : this.#mark.nextAt;
    if (affects === null || firstAt === null) return firstAt;
    return this.#affected && Math.max(firstAt, this.#affected.firstAt);
  }

  /** With an interface left out, minor steps can add up to a major difference (from eth0 by docker0 to wlan0). */
  #firstMajorAt(seen: Snapshot, broadcast: Broadcast): number | null {
    const { newest } = broadcast;
    const firstAt = this.#netMajorAt ?? this.#mark.nextMajor.at;
    if (firstAt !== null || newest === this.#mark) return firstAt;
    if (broadcast.isMajor(seen.state, newest.snapshot.state)) this.#netMajorAt = newest.at;
    else this.#mark = newest;
    return this.#netMajorAt;
  }

  #lastChangeAt({ newest, majorAt }: Broadcast): number {
    const affectedAt = this.#affected?.lastAt ?? -Infinity;
    if (!this.#options.majorOnly) return this.#options.affects === null ? newest.at : affectedAt;
    const isLater = this.#mark.nextMajor.at !== null;
    return Math.max(this.#netMajorAt ?? -Infinity, isLater ? majorAt : -Infinity, affectedAt);
  }

  /**
   * Milliseconds until something is due. An event that came while it settled may still wait for its window,
   * which can end at the very moment that settling does: that publication is waited for, so that an address
   * that came back is not reported as gone.
   */
  #waitMs(firstAt: number, broadcast: Broadcast): number {
    const { settleMs, settleMaxMs } = this.#options;
    const now = this.#timers.monotonic();
    const latest = firstAt + settleMaxMs - now;
    const wait = Math.min(this.#lastChangeAt(broadcast) + settleMs - now, latest);
    if (wait > 0) this.#heldAt = null;
    if (wait > 0 || settleMs === 0) return wait;
    this.#heldAt ??= broadcast.newest;
    return this.#heldAt === broadcast.newest ? Math.min(broadcast.pendingMs(), latest) : wait;
  }

  #isWorthTelling(snapshot: Snapshot, seen: Snapshot, broadcast: Broadcast): boolean {
    return this.#isAffected(seen, snapshot, broadcast) &&
      (!this.#options.majorOnly || snapshot.major || broadcast.resumedSince(seen));
  }

  #isAffected(from: Snapshot, to: Snapshot, broadcast: Broadcast): boolean {
    const { affects } = this.#options;
    if (affects === null || affects(from.state, to.state)) return true;
    return affects !== neverAffected && broadcast.longSleepSince(from) !== null;
  }

  #deliver(snapshot: Snapshot, broadcast: Broadcast): void {
    this.#settled(broadcast);
    this.#forgetRead();
    this.#seen = snapshot;
    this.#examined = null;
    if (!this.#ended) this.#controller.enqueue(snapshot);
  }

  /** Everything published so far is delivered, or not worth it. */
  #settled({ newest }: Broadcast): void {
    this.#mark = newest;
    this.#netMajorAt = null;
    this.#affected = null;
    this.#heldAt = null;
  }

  #arm(ms: number): void {
    // an armed timer fires no later than needed, and considers again
    this.#cancelTimer ??= this.#timers.once(() => {
      this.#cancelTimer = null;
      this.onPublished();
    }, ms);
  }
}
