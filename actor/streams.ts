// The snapshots of one monitor and the streams that deliver them. Nothing is queued: when a reader reads, the stream
// computes the difference between its last snapshot and the newest one. A stream that nobody reads costs nothing.
import { diffStates } from "../state/diff.ts";
import { MonitorClosedError } from "../state/errors.ts";
import { isMajorChange, majorReasons, neverAffected } from "../state/impact.ts";
import type { Cause, Interface, ResumedReason, Snapshot, State } from "../state/types.ts";
import type { TimerSet } from "./clock.ts";
import type { Publication } from "./machine/model.ts";
import { CAUSES } from "./machine/reads.ts";
import type { ResolvedSnapshotOptions } from "./options.ts";

const NONE: readonly never[] = Object.freeze([]);

/** A published snapshot, and the times that settling needs. All times are monotonic milliseconds. */
interface Published {
  readonly snapshot: Snapshot;
  readonly at: number;
  nextAt: number | null; // when the next one was published; null while this is the newest
  /** When the next major one was published. Those between two major ones share it. */
  readonly nextMajor: { at: number | null };
}

/** The snapshots of one monitor, and who waits for the next one. */
export class Broadcast {
  /** The streams with a pending read: only these are held strongly, and notified of publications. */
  readonly waiting = new Set<SnapshotStream>();
  readonly timers: TimerSet;
  /** Milliseconds until the events received so far are published; 0 if none are pending. */
  readonly pendingMs: () => number;
  /** Used to decide whether a change is major. It must not run user code. */
  readonly options: { readonly ignoreInterface: (nic: Interface) => boolean };
  newest!: Published; // there is none before `publish()`
  majorAt = -Infinity; // when the last major snapshot was published
  closed = false;
  readonly #ends = new Set<() => void>();
  readonly #collected = new FinalizationRegistry<() => void>((remove) => remove());
  readonly #watchers = new Set<(snapshot: Snapshot | null) => void>();
  readonly #lastSequence = new Map<Cause, number>(); // of the last publication with each cause
  /** The last publication that was major because of a sleep. */
  #majorSleep: { readonly sequence: number; readonly reason: ResumedReason } | null = null;

  constructor(timers: TimerSet, options: Broadcast["options"], pendingMs: () => number) {
    this.timers = timers;
    this.options = options;
    this.pendingMs = pendingMs;
  }

  /** Makes the next snapshot, and notifies the streams and `waitFor()` calls that are waiting. */
  publish({ sequence, at, publishedAt, causes, changes, state }: Publication): void {
    const before: Published | undefined = this.newest;
    for (const cause of causes) this.#lastSequence.set(cause, sequence);
    const reasons = before ? majorReasons(before.snapshot.state, state, this.options) : NONE;
    const reason = reasons.find((it) => it.kind === "resumed");
    if (reason !== undefined) this.#majorSleep = { sequence, reason };
    const snapshot = makeSnapshot({ sequence, at, causes: [...causes], changes, reasons, state });
    // every stream delivers a resume, so settling treats it as major
    const isMajor = !before || snapshot.major || causes.includes("resume");
    const nextMajor = isMajor ? { at: null } : before.nextMajor;
    this.newest = { snapshot, at: publishedAt, nextAt: null, nextMajor };
    if (isMajor) this.majorAt = publishedAt;
    if (before) {
      before.nextAt = publishedAt;
      if (isMajor) before.nextMajor.at = publishedAt;
    }
    for (const stream of [...this.waiting]) stream.consider();
    for (const watcher of [...this.#watchers]) {
      if (this.#watchers.has(watcher)) watcher(snapshot); // an earlier one may have closed the monitor
    }
  }

  /** Adds a stream, held weakly, until the signal is aborted. Returns a function that removes it. */
  add(stream: SnapshotStream, signal: AbortSignal | null): () => void {
    const weak = new WeakRef(stream);
    const end = (): void => weak.deref()?.end();
    const remove = (): void => {
      this.#ends.delete(end);
      signal?.removeEventListener("abort", end);
    };
    this.#ends.add(end);
    signal?.addEventListener("abort", end);
    this.#collected.register(stream, remove);
    return remove;
  }

  /** The first snapshot, from the current one on, whose state satisfies the predicate. */
  waitFor(predicate: (state: State) => boolean, signal: AbortSignal | null): Promise<Snapshot> {
    const { promise, resolve, reject } = Promise.withResolvers<Snapshot>();
    const watcher = (snapshot: Snapshot | null): void => {
      this.#watchers.delete(watcher); // the predicate may close the monitor
      try {
        if (snapshot !== null && predicate(snapshot.state)) resolve(snapshot);
        else if (signal?.aborted) reject(signal.reason);
        else if (this.closed) {
          promise.catch(() => {}); // a caller that ignores the promise gets no unhandled rejection
          reject(new MonitorClosedError());
        } else return void this.#watchers.add(watcher);
      } catch (error) {
        reject(error);
      }
      signal?.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => watcher(null);
    signal?.addEventListener("abort", onAbort);
    watcher(this.closed || signal?.aborted ? null : this.newest.snapshot);
    return promise;
  }

  /** The first snapshot of a subscription; it has no changes. */
  introduction(): Snapshot {
    const { snapshot } = this.newest;
    if (snapshot.changes.length === 0 && !snapshot.major) return snapshot;
    return makeSnapshot({ ...snapshot, changes: NONE, reasons: NONE });
  }

  /** The newest snapshot for a reader that got this one last; null if nothing differs. */
  since(seen: Snapshot): Snapshot | null {
    const { snapshot } = this.newest;
    if (snapshot.sequence === seen.sequence) return null;
    if (snapshot.sequence === seen.sequence + 1) return snapshot;
    const changes = diffStates(seen.state, snapshot.state);
    if (changes.length === 0) return null;
    const causes = CAUSES.filter((cause) => this.hasCauseSince(cause, seen));
    let reasons = majorReasons(seen.state, snapshot.state, this.options);
    const sleep = this.majorSleepSince(seen);
    if (sleep !== null && !reasons.some(({ kind }) => kind === "resumed")) { // a shorter sleep came after it
      reasons = Object.freeze([...reasons, sleep]);
    }
    return makeSnapshot({ ...snapshot, causes, changes, reasons });
  }

  /** Whether a publication after this snapshot had this cause. */
  hasCauseSince(cause: Cause, seen: Snapshot): boolean {
    return (this.#lastSequence.get(cause) ?? 0) > seen.sequence;
  }

  /** The last major sleep after this snapshot; null if there was none. */
  majorSleepSince(seen: Snapshot): ResumedReason | null {
    const last = this.#majorSleep;
    return last !== null && last.sequence > seen.sequence ? last.reason : null;
  }

  close(): void {
    this.closed = true;
    for (const end of [...this.#ends]) end();
    for (const watcher of [...this.#watchers]) watcher(null);
  }
}

function makeSnapshot(
  { sequence, at, causes, changes, reasons, state }: Omit<Snapshot, "cause" | "major">,
): Snapshot {
  return Object.freeze({
    sequence,
    at,
    cause: causes[0] as Cause,
    causes: Object.freeze(causes),
    changes,
    major: reasons.length > 0,
    reasons,
    state,
  });
}

/** The methods with which a reader takes a stream. */
const LOCKING = [
  "getReader",
  "values",
  Symbol.asyncIterator,
  "pipeTo",
  "pipeThrough",
  "tee",
] as const;

/** What a stream follows, and with which options. */
export interface StreamContext {
  readonly broadcast: Broadcast;
  readonly options: ResolvedSnapshotOptions;
}

/** Delivers the newest snapshot when a read is pending and the snapshot is due. */
export class SnapshotStream {
  readonly readable: ReadableStream<Snapshot>; // the public side. Nothing is ever queued in it
  #controller!: ReadableStreamDefaultController<Snapshot>;
  #broadcast!: Broadcast; // set before the first read is noticed
  #options!: ResolvedSnapshotOptions;
  #isNew = false; // it begins with the current snapshot, and has not delivered it yet
  #seen!: Snapshot; // the snapshot to compare with
  #mark!: Published; // the publication after which changes are undelivered
  #netMajorAt: number | null = null; // when minor changes added up to a major one
  #examined!: Snapshot; // the newest one that was examined for the option `affects`
  /** The first and the last undelivered change that affects the address. */
  #affected: { readonly firstAt: number; readonly lastAt: number } | null = null;
  #settledOn: Published | null = null; // the newest when settling ended; null while it goes on
  #cancelTimer: (() => void) | null = null;
  #remove: () => void = () => {};
  #ended = false;

  /** Follows from the current snapshot on. If the promise rejects, the stream errors. */
  constructor(
    context: StreamContext | Promise<StreamContext>,
    onCancel: (reason: unknown) => void | Promise<void> = () => {},
  ) {
    this.readable = new ReadableStream<Snapshot>({
      start: (controller) => {
        this.#controller = controller;
        if (!(context instanceof Promise)) return this.#follow(context);
        return context.then((it) => this.#follow(it));
      },
      pull: () => {
        this.#broadcast.waiting.add(this);
        this.consider();
      },
      cancel: (reason) => {
        this.#stop();
        return onCancel(reason);
      },
    }, { highWaterMark: 0 });
    this.#watchLock();
  }

  end(): void {
    if (this.#ended) return;
    this.#stop();
    this.#controller.close();
  }

  #follow({ broadcast, options }: StreamContext): void {
    if (this.#ended) return;
    if (broadcast.closed || options.signal?.aborted) return this.end();
    this.#broadcast = broadcast;
    this.#options = options;
    this.#isNew = options.initial;
    this.#mark = broadcast.newest;
    this.#seen = this.#examined = this.#mark.snapshot;
    this.#remove = broadcast.add(this, options.signal);
  }

  #stop(): void {
    this.#ended = true;
    this.#forgetRead();
    this.#remove();
  }

  /** Drops the pending read; the next read calls `pull()` again. */
  #forgetRead(): void {
    this.#broadcast?.waiting.delete(this); // it may follow nothing yet
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /**
   * A stream is not notified when a reader abandons its pending read, by `releaseLock()` or at the end of a pipe. A
   * snapshot delivered to such a read would be queued and go stale, so the locking methods are wrapped.
   */
  #watchLock(): void {
    for (const name of LOCKING) {
      const method = this.readable[name] as (...args: unknown[]) => unknown;
      const value = (...args: unknown[]): unknown => {
        if (!this.readable.locked) this.#forgetRead();
        const taken = method.apply(this.readable, args);
        if (!(taken instanceof ReadableStreamDefaultReader)) return taken;
        const { releaseLock } = taken;
        let held = true;
        const release = (): void => {
          releaseLock.call(taken);
          if (held) this.#forgetRead();
          held = false; // a second call must not void the read of the next reader
        };
        return Object.defineProperty(taken, "releaseLock", { value: release });
      };
      Object.defineProperty(this.readable, name, { value });
    }
  }

  /** While a read is pending: delivers a snapshot if one is due, or sets a timer for when one will be. */
  consider(): void {
    if (!this.readable.locked) return this.#forgetRead();
    if (this.#isNew) return this.#deliver(this.#broadcast.introduction());
    this.#noteAffected();
    const firstAt = this.#firstChangeAt();
    if (firstAt === null) return;
    const wait = this.#waitMs(firstAt);
    if (wait > 0) return this.#arm(wait);
    const snapshot = this.#broadcast.since(this.#seen);
    if (snapshot !== null && this.#isWanted(snapshot)) this.#deliver(snapshot);
    else this.#settled();
  }

  #noteAffected(): void {
    const { affects, majorOnly } = this.#options;
    const { at, snapshot } = this.#broadcast.newest;
    if (affects === null || this.#examined.sequence === snapshot.sequence) return;
    // a change that affects the address may be minor, and become major with a later one that does not affect it
    const from = majorOnly ? this.#seen : this.#examined;
    this.#examined = snapshot;
    if (this.#isAffected(from, snapshot)) {
      this.#affected = { firstAt: this.#affected?.firstAt ?? at, lastAt: at };
    }
  }

  /** When the first undelivered change that the reader wants was published; null: there is none. */
  #firstChangeAt(): number | null {
    const { affects, majorOnly } = this.#options;
    const firstAt = majorOnly ? this.#firstMajorAt() : this.#mark.nextAt;
    if (affects === null || firstAt === null) return firstAt;
    return this.#affected && Math.max(firstAt, this.#affected.firstAt);
  }

  /** With `ignoreInterface`, minor changes can add up to a major one (from eth0 via docker0 to wlan0). */
  #firstMajorAt(): number | null {
    const { newest, options } = this.#broadcast;
    const firstAt = this.#netMajorAt ?? this.#mark.nextMajor.at;
    if (firstAt !== null || newest === this.#mark) return firstAt;
    const isMajor = isMajorChange(this.#seen.state, newest.snapshot.state, options);
    if (isMajor) this.#netMajorAt = newest.at;
    else this.#mark = newest;
    return this.#netMajorAt;
  }

  #lastChangeAt(): number {
    const { newest, majorAt } = this.#broadcast;
    const affectedAt = this.#affected?.lastAt ?? -Infinity;
    if (!this.#options.majorOnly) return this.#options.affects === null ? newest.at : affectedAt;
    const isLater = this.#mark.nextMajor.at !== null;
    return Math.max(this.#netMajorAt ?? -Infinity, isLater ? majorAt : -Infinity, affectedAt);
  }

  /**
   * Milliseconds until a snapshot is due. An event received while the stream settles may not be published yet, and
   * its window may end just when settling ends. The stream waits for that publication, so that an address that
   * came back is not reported as removed.
   */
  #waitMs(firstAt: number): number {
    const { settleMs, settleMaxMs } = this.#options;
    const { newest, timers } = this.#broadcast;
    const now = timers.clock.monotonic();
    const latest = firstAt + settleMaxMs - now;
    const wait = Math.min(this.#lastChangeAt() + settleMs - now, latest);
    if (wait > 0) this.#settledOn = null;
    if (wait > 0 || settleMs === 0) return wait;
    this.#settledOn ??= newest;
    return this.#settledOn === newest ? Math.min(this.#broadcast.pendingMs(), latest) : wait;
  }

  #isWanted(snapshot: Snapshot): boolean {
    return this.#isAffected(this.#seen, snapshot) &&
      (!this.#options.majorOnly || snapshot.major ||
        this.#broadcast.hasCauseSince("resume", this.#seen));
  }

  #isAffected(from: Snapshot, to: Snapshot): boolean {
    const { affects } = this.#options;
    if (affects === null || affects(from.state, to.state)) return true;
    return affects !== neverAffected && this.#broadcast.majorSleepSince(from) !== null;
  }

  #deliver(snapshot: Snapshot): void {
    this.#settled();
    this.#forgetRead();
    this.#isNew = false;
    this.#seen = this.#examined = snapshot;
    if (!this.#ended) this.#controller.enqueue(snapshot);
  }

  /** Everything published so far has been delivered, or is not wanted. */
  #settled(): void {
    this.#mark = this.#broadcast.newest;
    this.#netMajorAt = null;
    this.#affected = null;
    this.#settledOn = null;
  }

  #arm(ms: number): void {
    // an armed timer fires no later than needed, and considers again
    this.#cancelTimer ??= this.#broadcast.timers.once(() => {
      this.#cancelTimer = null;
      this.consider();
    }, ms);
  }
}
