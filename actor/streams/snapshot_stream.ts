/**
 * One stream of snapshots: it remembers what it delivered last, and a few numbers.
 *
 * @module
 */
import type { Snapshot } from "../../state/types.ts";
import type { Broadcast } from "./broadcast.ts";
import type { ResolvedSnapshotOptions } from "../options.ts";
import type { TimerSet } from "../timers.ts";

/** Delivers the newest snapshot to one reader, when it reads and when that is due. */
export class SnapshotStream {
  /** What the reader reads. Nothing is ever queued in it. */
  readonly stream: ReadableStream<Snapshot>;
  readonly #broadcast: Broadcast;
  readonly #timers: TimerSet;
  readonly #options: ResolvedSnapshotOptions;
  #controller!: ReadableStreamDefaultController<Snapshot>;
  /**
   * The snapshot to compare with; null before the first of a stream that begins with the current
   * one.
   */
  #seen: Snapshot | null = null;
  /**
   * Monotonic milliseconds of the first and last undelivered change that the reader would be
   * told.
   */
  #firstChangeAt: number | null = null;
  #lastChangeAt = 0;
  /** The publication that was the last one when settling ended; null while it has not. */
  #heldAt: number | null = null;
  /** The last publication that was weighed. */
  #weighed = 0;
  /** A read is pending. */
  #wanted = false;
  #ended = false;
  #cancelTimer: (() => void) | null = null;

  /** Follows the broadcast from its current snapshot on. */
  constructor(broadcast: Broadcast, timers: TimerSet, options: ResolvedSnapshotOptions) {
    this.#broadcast = broadcast;
    this.#timers = timers;
    this.#options = options;
    this.stream = new ReadableStream<Snapshot>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#wanted = true;
        this.#consider();
      },
      cancel: () => this.#stop(),
    }, { highWaterMark: 0 });
    const { initial, signal } = options;
    if (broadcast.closed || signal?.aborted) {
      this.end();
      return;
    }
    if (!initial) this.#seen = broadcast.current;
    this.#weighed = broadcast.current.sequence;
    broadcast.add(this);
    signal?.addEventListener("abort", this.#onAbort);
  }

  /** A snapshot was published. */
  onPublished(snapshot: Snapshot): void {
    const { majorOnly } = this.#options;
    if (!majorOnly || snapshot.major || snapshot.causes.includes("resume")) this.#noteChange();
    if (this.#wanted) this.#consider();
  }

  /** Ends the stream; a pending read is done. */
  end(): void {
    if (this.#ended) return;
    this.#stop();
    this.#controller.close();
  }

  readonly #onAbort = (): void => this.end();

  #stop(): void {
    this.#ended = true;
    this.#wanted = false;
    this.#disarm();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#broadcast.remove(this);
  }

  #noteChange(): void {
    this.#heldAt = null;
    this.#lastChangeAt = this.#broadcast.publishedAt;
    this.#firstChangeAt ??= this.#lastChangeAt;
    this.#weighed = this.#broadcast.current.sequence;
  }

  /** Delivers when something is due, else sees to it that it will be. */
  #consider(): void {
    if (!this.stream.locked) {
      // the reader let go of the stream with its read: whoever reads next pulls again
      this.#wanted = false;
      return;
    }
    if (this.#seen === null) {
      this.#deliver(this.#broadcast.introduction());
      return;
    }
    if (this.#firstChangeAt === null) this.#weighMinor(this.#seen);
    if (this.#firstChangeAt === null) return;
    const wait = this.#waitMs(this.#firstChangeAt);
    if (wait > 0) {
      this.#arm(wait);
      return;
    }
    this.#heldAt = null;
    const snapshot = this.#broadcast.since(this.#seen);
    if (snapshot !== null && this.#isTold(snapshot, this.#seen)) this.#deliver(snapshot);
    else this.#firstChangeAt = null;
  }

  /**
   * Milliseconds until something is due. What came while it settled may still wait for the window of
   * publications, which can end at the very moment that settling does: that one is waited for, so
   * that an address that came back is not told as gone.
   */
  #waitMs(firstChangeAt: number): number {
    const { settleMs, settleMaxMs } = this.#options;
    const now = this.#timers.monotonic();
    const latest = firstChangeAt + settleMaxMs - now;
    const wait = Math.min(this.#lastChangeAt + settleMs - now, latest);
    if (wait > 0 || settleMs === 0) return wait;
    const { sequence } = this.#broadcast.current;
    this.#heldAt ??= sequence;
    return this.#heldAt === sequence ? Math.min(this.#broadcast.pendingMs(), latest) : wait;
  }

  /**
   * With an interface left out, two minor steps can make one major difference (from eth0 by
   * docker0 to wlan0).
   */
  #weighMinor(seen: Snapshot): void {
    const { current } = this.#broadcast;
    if (this.#weighed === current.sequence) return;
    this.#weighed = current.sequence;
    if (this.#broadcast.isMajor(seen.state, current.state)) this.#noteChange();
  }

  #isTold(snapshot: Snapshot, seen: Snapshot): boolean {
    return !this.#options.majorOnly || snapshot.major || this.#broadcast.resumedSince(seen);
  }

  #deliver(snapshot: Snapshot): void {
    this.#wanted = false;
    this.#seen = snapshot;
    this.#firstChangeAt = null;
    this.#weighed = snapshot.sequence;
    this.#controller.enqueue(snapshot);
  }

  #arm(ms: number): void {
    // an armed timer fires no later than needed, and weighs again
    this.#cancelTimer ??= this.#timers.once(() => {
      this.#cancelTimer = null;
      if (this.#wanted) this.#consider();
    }, ms);
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}
