// The snapshots of one monitor, and who waits for the next one.
import { diffStates, freezeList } from "../state/diff.ts";
import { MonitorClosedError } from "../state/errors.ts";
import { majorReasons } from "../state/impact.ts";
import type { Cause, Interface, ResumedReason, Snapshot, State } from "../state/types.ts";
import type { TimerSet } from "./clock.ts";
import type { Publication } from "./machine/model.ts";
import { CAUSES } from "./machine/reads.ts";
import type { SnapshotReader } from "./streams.ts";

/** A published snapshot, and the times that settling needs. All times are monotonic milliseconds. */
export interface Published {
  readonly snapshot: Snapshot;
  readonly at: number;
  nextAt: number | null; // when the next one was published; null while this is the newest
  /** When the next major one was published. Those between two major ones share it. */
  readonly nextMajor: { at: number | null };
}

export class Broadcast {
  /** Those with a pending read: only these are held strongly, and notified of publications. */
  readonly waiting = new Set<SnapshotReader>();
  readonly timers: TimerSet;
  /** Milliseconds until the events received so far are published; 0 if none are pending. */
  readonly pendingMs: () => number;
  /** Used to decide whether a change is major. It must not run user code. */
  readonly options: { readonly ignoreInterface?: (nic: Interface) => boolean };
  newest!: Published; // there is none before `publish()`
  majorAt = -Infinity; // when the last major snapshot was published
  closed = false;
  readonly #ends = new Set<() => void>();
  readonly #collected = new FinalizationRegistry<() => void>((remove) => remove());
  readonly #watchers = new Set<(snapshot: Snapshot | null) => void>();
  readonly #lastSequence: Partial<Record<Cause, number>> = {}; // of the last publication with each cause
  /** The last publication that was major because of a sleep. */
  #majorSleep: { readonly sequence: number; readonly reason: ResumedReason } | null = null;

  constructor(timers: TimerSet, options: Broadcast["options"], pendingMs: () => number) {
    this.timers = timers;
    this.options = options;
    this.pendingMs = pendingMs;
  }

  /** Makes the next snapshot, and notifies the readers and `waitFor()` calls that are waiting. */
  publish({ sequence, at, publishedAt, causes, changes, state }: Publication): void {
    const before: Published | undefined = this.newest;
    for (let i = 0; i < causes.length; i++) this.#lastSequence[causes[i]!] = sequence;
    const reasons = majorReasons(before?.snapshot.state ?? state, state, this.options);
    const reason = reasons[reasons.length - 1];
    if (reason?.kind === "resumed") this.#majorSleep = { sequence, reason };
    const snapshot = makeSnapshot({ sequence, at, causes, changes, reasons, state });
    // every reader gets a resume, so settling treats it as major
    const isMajor = !before || snapshot.major || causes.includes("resume");
    const nextMajor = isMajor ? { at: null } : before.nextMajor;
    this.newest = { snapshot, at: publishedAt, nextAt: null, nextMajor };
    if (isMajor) this.majorAt = publishedAt;
    if (before) {
      before.nextAt = publishedAt;
      if (isMajor) before.nextMajor.at = publishedAt;
    }
    // the sink of a pipe, which is user code, runs here: it may close the monitor or give up other reads
    for (const reader of this.waiting) reader.consider();
    if (this.#watchers.size === 0) return; // mostly
    for (const watcher of [...this.#watchers]) {
      if (this.#watchers.has(watcher)) watcher(snapshot); // an earlier one may have closed the monitor
    }
  }

  /** Adds a reader, held weakly, until the signal is aborted. Returns a function that removes it. */
  add(reader: SnapshotReader, signal: AbortSignal | null): () => void {
    const weak = new WeakRef(reader);
    const end = (): void => weak.deref()?.end();
    const remove = (): void => {
      this.#ends.delete(end);
      signal?.removeEventListener("abort", end);
    };
    this.#ends.add(end);
    signal?.addEventListener("abort", end);
    this.#collected.register(reader, remove);
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
  initialSnapshot(): Snapshot {
    const { snapshot } = this.newest;
    if (snapshot.changes.length === 0) return snapshot;
    return makeSnapshot({ ...snapshot, changes: [], reasons: freezeList([]) });
  }

  /** The newest snapshot for a reader that got this one last; null if nothing differs. */
  since(seen: Snapshot): Snapshot | null {
    const { snapshot } = this.newest;
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

  hasCauseSince(cause: Cause, seen: Snapshot): boolean {
    return (this.#lastSequence[cause] ?? 0) > seen.sequence;
  }

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
    changes: Object.freeze(changes),
    major: reasons.length > 0,
    reasons,
    state,
  });
}
