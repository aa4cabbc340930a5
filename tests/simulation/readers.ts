/**
 * Readers of snapshots: eager, slow, in a loop, or idle.
 *
 * @module
 */
import type { SnapshotOptions } from "../../actor/options.ts";
import type { Snapshot } from "../../state/types.ts";
import { expectedReasons, namesSleep, reasonTexts } from "./meanings.ts";
import { type Publications, sameStates } from "./publications.ts";
import type { NetworkMonitor } from "../../mod.ts";
import type { World } from "./world.ts";

/** How a reader reads: always, on an operation, or with `for await` until an operation ends it. */
export type How = "eager" | "slow" | "loop";

/** Thrown by the body of a loop. */
const LEAVING = new Error("Simulated: the loop is left");

/** One subscription, and the checks of its snapshots. */
export class Reader {
  readonly #world: World;
  readonly #publications: Publications;
  readonly #options: Omit<SnapshotOptions, "signal">;
  readonly #abort = new AbortController();
  readonly #stream: ReadableStream<Snapshot>;
  /** What a loop iterates over. */
  readonly #iterable: AsyncIterable<Snapshot>;
  readonly #how: How;
  #reader: ReadableStreamDefaultReader<Snapshot> | null = null;
  /** The snapshot that changes are compared with. */
  #last: Snapshot | null = null;
  #got = 0;
  /** Since when a read is pending, in monotonic milliseconds. */
  #pendingSince: number | null = null;
  /** The sequence number of the newest publication when the pending read began. */
  #newest = 0;
  /** An operation ends it. */
  #leaving = false;
  #ended = false;

  /** Subscribes. */
  constructor(
    world: World,
    publications: Publications,
    monitor: NetworkMonitor,
    how: How,
    options: Omit<SnapshotOptions, "signal">,
  ) {
    this.#world = world;
    this.#publications = publications;
    this.#options = options;
    this.#how = how;
    this.#stream = monitor.snapshots({ ...options, signal: this.#abort.signal });
    this.#iterable = Object.keys(options).length === 0 ? monitor : this.#stream;
    if (options.initial === false) this.#last = monitor.current;
    if (how === "loop") void this.#loop();
    else this.#reader = this.#stream.getReader();
    if (how === "eager") this.read();
  }

  /** Whether a read is pending, which must end when the stream ends. */
  get isWaiting(): boolean {
    return !this.#ended && this.#pendingSince !== null;
  }

  /** Reads once, unless a read is pending. */
  read(): void {
    if (this.#reader === null || this.#ended || this.#pendingSince !== null) return;
    this.#begin();
    const reader = this.#reader;
    reader.read().then(({ done, value }) => {
      this.#pendingSince = null;
      if (done) return this.#end();
      this.#take(value);
      if (this.#how === "eager") this.read();
    }, (error) => {
      if (reader === this.#reader) this.#world.fail(`A stream failed: ${error}`);
    });
  }

  /** Releases the lock, which drops a pending read; then locks the stream again and reads after a rest. */
  release(restMs: number): void {
    if (this.#reader === null || this.#ended) return;
    const gaveUp = this.#pendingSince !== null;
    this.#pendingSince = null;
    this.#reader.releaseLock();
    this.#reader = this.#stream.getReader();
    if (restMs === 0 && this.#how === "eager") return this.read();
    // by then, the snapshot queued for the dropped read has become stale
    if (gaveUp) this.#world.clock.later("io", restMs, () => this.read());
  }

  /** Cancels the stream, or throws in its loop at the next snapshot. */
  cancel(): void {
    this.#leaving = true;
    void this.#reader?.cancel();
  }

  /** Aborts its signal. */
  abort(): void {
    this.#leaving = true;
    this.#abort.abort();
  }

  /** Fails if a snapshot is overdue for a pending read. */
  check(): void {
    if (this.#pendingSince === null || this.#ended || this.#leaving) return;
    const { clock } = this.#world;
    const current = this.#publications.last;
    if (current === undefined) return;
    const { settleMs = 0, settleMaxMs = 4 * settleMs } = this.#options;
    // settling goes on while an event waits for its publication
    const longest = settleMs === 0 ? 0 : settleMaxMs;
    const { viewMs } = this.#world.plan.shape;
    const due = Math.max(this.#pendingSince, current.time) + longest + 2 * viewMs;
    if (clock.monotonic() <= due) return;
    if (this.#last === null || this.#isDelivered(this.#last, current.snapshot)) {
      this.#world.fail(`A reader waits although publication ${current.snapshot.sequence} is due`);
    }
  }

  async #loop(): Promise<void> {
    this.#begin();
    try {
      for await (const snapshot of this.#iterable) {
        this.#take(snapshot);
        if (this.#leaving) throw LEAVING;
        this.#begin();
      }
    } catch (error) {
      if (error !== LEAVING) this.#world.fail(`A loop failed: ${error}`);
    }
    this.#end();
  }

  #begin(): void {
    this.#pendingSince = this.#world.clock.monotonic();
    this.#newest = this.#publications.last?.snapshot.sequence ?? 0;
  }

  #end(): void {
    this.#ended = true;
    this.#pendingSince = null;
    if (!this.#leaving && !this.#world.source.closing) this.#world.fail("A stream ended by itself");
  }

  #take(snapshot: Snapshot): void {
    this.#pendingSince = null;
    const last = this.#last;
    this.#world.trace(() => `reader got ${snapshot.sequence} ${snapshot.causes}`);
    const { sequence, state } = snapshot;
    if (this.#publications.at(sequence)?.snapshot.state !== state) {
      this.#world.fail(`A reader got another state than publication ${sequence} has`);
    }
    if (sequence < this.#newest) {
      this.#world.fail(`A reader got ${sequence} when ${this.#newest} was there: it was queued`);
    }
    if (last === null) {
      if (snapshot.changes.length > 0 || snapshot.major) {
        this.#world.fail("The first snapshot of a reader has changes");
      }
    } else {
      this.#checkDifference(last, snapshot);
      if (this.#world.busyAt < 0) this.#checkSettled(last);
    }
    this.#last = snapshot;
    this.#got++;
  }

  #checkDifference(last: Snapshot, snapshot: Snapshot): void {
    const { applyChanges } = this.#world.parts;
    const { changes, causes, state, sequence } = snapshot;
    if (sequence <= last.sequence) {
      this.#world.fail(`A reader got ${sequence} after ${last.sequence}`);
    }
    if (changes.length === 0) this.#world.fail("A reader got a snapshot without changes");
    if (!sameStates(applyChanges(last.state, changes), state)) {
      this.#world.fail("The changes that a reader got do not lead to its state");
    }
    const between = new Set<string>();
    for (let i = last.sequence + 1; i <= sequence; i++) {
      for (const cause of this.#publications.at(i)?.snapshot.causes ?? []) between.add(cause);
    }
    if (causes.length !== between.size || !causes.every((cause) => between.has(cause))) {
      this.#world.fail(`A reader got the causes ${causes} instead of ${[...between]}`);
    }
    if (this.#isMajor(last, snapshot) !== snapshot.major) {
      this.#world.fail(`A reader got a snapshot that is ${snapshot.major ? "" : "not "}major`);
    }
    if (snapshot.major !== snapshot.reasons.length > 0) {
      this.#world.fail("A reader got a major snapshot without a reason");
    }
    const expected = expectedReasons(last.state, state, this.#world.ignores);
    const isNamed = namesSleep(snapshot.reasons, this.#sleeps(last, snapshot));
    if (reasonTexts(snapshot.reasons).join() !== expected.join() || !isNamed) {
      this.#world.fail(
        `A reader got the reasons ${reasonTexts(snapshot.reasons)}, not ${expected}`,
      );
    }
    if (!this.#isDelivered(last, snapshot)) {
      this.#world.fail("A reader with majorOnly or affects got a snapshot that it did not want");
    }
  }

  /** A snapshot is held back until nothing has changed for `settleMs`, at most for `settleMaxMs`. */
  #checkSettled(last: Snapshot): void {
    const { affects, settleMs = 0, settleMaxMs = 4 * settleMs, majorOnly } = this.#options;
    const now = this.#world.clock.monotonic();
    const first = this.#publications.at(last.sequence + 1)?.time ?? now;
    const newest = this.#publications.last?.time ?? now;
    const due = Math.min(
      majorOnly || affects ? first + settleMs : newest + settleMs,
      first + settleMaxMs,
    );
    if (now < due) this.#world.fail(`A reader got a snapshot ${due - now} ms early`);
  }

  #isDelivered(last: Snapshot, snapshot: Snapshot): boolean {
    if (last.sequence === snapshot.sequence) return false;
    let resumed = false;
    for (let i = last.sequence + 1; i <= snapshot.sequence; i++) {
      resumed ||= this.#publications.at(i)?.snapshot.causes.includes("resume") ?? false;
    }
    const { affects, majorOnly } = this.#options;
    if (affects !== undefined) {
      const isLong = this.#sleeps(last, snapshot).some((ms) => ms >= 600_000);
      const isAffected = this.#world.parts.affects(affects, last.state, snapshot.state);
      if (!isLong && !isAffected) return false;
    }
    if (majorOnly) return resumed || this.#isMajor(last, snapshot);
    return !sameStates(last.state, snapshot.state);
  }

  /** The sleeps published after one snapshot, up to another. */
  #sleeps(last: Snapshot, snapshot: Snapshot): number[] {
    const all: number[] = [];
    for (let i = last.sequence + 1; i <= snapshot.sequence; i++) {
      const it = this.#publications.at(i)?.snapshot;
      if (it?.causes.includes("resume")) all.push(it.state.sleptMs ?? 0);
    }
    return all;
  }

  #isMajor(last: Snapshot, snapshot: Snapshot): boolean {
    const { ignores, parts } = this.#world;
    if (this.#sleeps(last, snapshot).some((ms) => ms >= 600_000)) return true;
    return parts.isMajorChange(last.state, snapshot.state, { ignoreInterface: ignores });
  }
}
