/**
 * Readers of snapshots: eager, slow, in a loop, or with a pipe.
 *
 * @module
 */
import type { SnapshotOptions } from "../../actor/options.ts";
import type { Snapshot } from "../../state/types.ts";
import { expectedReasons, namesSleep, reasonTexts } from "./meanings.ts";
import { type Publications, sameStates } from "./publications.ts";
import type { NetworkMonitor } from "../../mod.ts";
import type { World } from "./world.ts";

/**
 * How a reader reads: always, on an operation, with `for await` until an operation ends it, with `for await` and
 * `preventCancel`, or by piping to a sink.
 */
export type How = "eager" | "slow" | "loop" | "values" | "pipe";

/** Thrown by the body of a loop, and the reason of an aborted pipe. */
const LEAVING = new Error("Simulated: the loop or the pipe is left");
/** How long a slow sink takes for a snapshot, in milliseconds. */
const SLOW_SINK_MS = 100;
/** One of the rests of the operation `release`, in milliseconds. */
const SHORT_REST_MS = 1_000;

/** One subscription, and the checks of its snapshots. */
export class Reader {
  readonly #world: World;
  readonly #publications: Publications;
  readonly #options: Omit<SnapshotOptions, "signal">;
  readonly #abort = new AbortController();
  readonly #stream: ReadableStream<Snapshot>;
  /** What a loop iterates over. */
  readonly #iterable: AsyncIterable<Snapshot>;
  #how: How;
  #reader: ReadableStreamDefaultReader<Snapshot> | null = null;
  #piping = new AbortController();
  /** The sink of the pipe. */
  #sink: WritableStreamDefaultController | null = null;
  /** It gives up the stream: how long nobody reads then, and how it is read after that. */
  #rest: { readonly ms: number; readonly how: How } | null = null;
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
    this.#start();
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
      if (reader === this.#reader) this.#pendingSince = null;
      if (done) return this.#end();
      this.#take(value);
      if (this.#how === "eager") this.read();
    }, (error) => {
      if (reader === this.#reader) this.#world.fail(`A stream failed: ${error}`);
    });
  }

  /** Gives up the stream, and with it a pending read. A loop does so with its next snapshot, or never. */
  release(ms: number, how: How): void {
    if (this.#how === "loop" || this.#ended || this.#rest !== null) return;
    const rest = { ms, how };
    if (this.#reader === null) {
      this.#rest = rest;
      if (this.#how === "pipe") this.#leavePipe(ms);
    } else if (how === "pipe" || how === "values") {
      this.#reader.releaseLock();
      this.#restNow(rest);
    } else {
      this.#relock(rest);
    }
  }

  /** Cancels the stream, aborts its pipe, or throws in its loop at the next snapshot. */
  cancel(): void {
    this.#leaving = true;
    if (this.#how === "pipe") this.#piping.abort(LEAVING);
    if (this.#reader !== null) void this.#reader.cancel();
    else if (!this.#stream.locked) void this.#stream.cancel();
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

  #start(): void {
    switch (this.#how) {
      case "loop":
        return void this.#loop(this.#iterable);
      case "values":
        return void this.#loop(this.#stream.values({ preventCancel: true }));
      case "pipe":
        return void this.#pipe();
      case "eager":
      case "slow":
        this.#reader = this.#stream.getReader();
        if (this.#how === "eager") this.read();
    }
  }

  async #loop(snapshots: AsyncIterable<Snapshot>): Promise<void> {
    this.#begin();
    try {
      for await (const snapshot of snapshots) {
        this.#pendingSince = null;
        this.#take(snapshot);
        if (this.#leaving || this.#rest !== null) throw LEAVING;
        this.#begin();
      }
    } catch (error) {
      if (error !== LEAVING) this.#world.fail(`A loop failed: ${error}`);
    }
    this.#left();
  }

  async #pipe(): Promise<void> {
    this.#piping = new AbortController();
    const { signal } = this.#piping;
    this.#begin();
    try {
      const sink = new WritableStream({
        start: (controller) => void (this.#sink = controller),
        write: (snapshot) => this.#write(snapshot),
      });
      await this.#stream.pipeTo(sink, { signal, preventCancel: true });
    } catch (error) {
      if (error !== LEAVING) this.#world.fail(`A pipe failed: ${error}`);
    }
    this.#left();
  }

  /** Aborts the pipe; before a short rest its sink fails instead, but not during a delivery, which would be lost. */
  #leavePipe(restMs: number): void {
    if (restMs !== SHORT_REST_MS) return this.#piping.abort(LEAVING);
    queueMicrotask(() => this.#sink?.error(LEAVING));
  }

  /** The sink of a pipe. It runs while the snapshot is delivered, before anything else can observe it. */
  #write(snapshot: Snapshot): void | Promise<void> {
    this.#publications.observe();
    this.#pendingSince = null;
    this.#take(snapshot);
    this.#world.userCode("sink");
    const goOn = (): void => {
      if (this.#rest === null) this.#begin();
    };
    if (snapshot.sequence % 3 > 0) return goOn();
    const { clock } = this.#world;
    return new Promise<void>((resolve) => void clock.later("io", SLOW_SINK_MS, resolve)).then(goOn);
  }

  /** A loop or a pipe has ended: the stream has, or somebody else may read it. */
  #left(): void {
    if (this.#rest !== null && !this.#leaving) return this.#restNow(this.#rest);
    if (this.#how !== "loop") this.#stream.cancel().catch(() => {});
    this.#end();
  }

  /** Nobody has the stream for a while. */
  #restNow(rest: { readonly ms: number; readonly how: How }): void {
    this.#rest = rest;
    this.#reader = null;
    this.#pendingSince = null;
    this.#world.clock.later("io", rest.ms, () => {
      this.#rest = null;
      this.#how = rest.how;
      if (!this.#ended) this.#start();
    });
  }

  /** Another reader gets the stream at once, and reads after a rest. */
  #relock(rest: { readonly ms: number; readonly how: How }): void {
    const gaveUp = this.#pendingSince !== null;
    this.#pendingSince = null;
    this.#reader?.releaseLock();
    this.#reader = this.#stream.getReader();
    this.#how = rest.how;
    if (rest.ms === 0 && rest.how === "eager") return this.read();
    // by then, the snapshot queued for the dropped read has become stale
    if (gaveUp) this.#world.clock.later("io", rest.ms, () => this.read());
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
