// Fan-out without queues: the newest snapshot, and what lies between it and the one that a reader got last,
// worked out when the reader reads. A stream that nobody reads costs nothing.
import { diffStates } from "../../state/diff.ts";
import { MonitorClosedError } from "../../state/errors.ts";
import { isMajorChange, majorReasons } from "../../state/major.ts";
import type { Cause, Interface, ResumedReason, Snapshot, State } from "../../state/types.ts";
import { CAUSES } from "../machine/coalesce.ts";
import type { Publication } from "../machine/model.ts";

const NONE: readonly never[] = Object.freeze([]);

/** A published snapshot, and the times that settling needs. All times are monotonic milliseconds. */
export interface Published {
  readonly snapshot: Snapshot;
  readonly at: number;
  nextAt: number | null; // when the next one was published; null while this is the newest
  /** When the next major one was published. Those between two major ones share it. */
  readonly nextMajor: { at: number | null };
}

/** A stream that follows the publications. */
export interface Follower {
  /** A snapshot was published while a read was pending. */
  onPublished(): void;
  /** The monitor was closed, or the signal aborted. */
  end(): void;
}

/** The snapshots of one monitor and the streams that follow them. */
export class Broadcast {
  /** The streams with a pending read: only these are held, and told of publications. */
  readonly waiting = new Set<Follower>();
  /** Milliseconds until the events received so far are published; 0 if none are pending. */
  readonly pendingMs: () => number;
  readonly #options: { readonly ignoreInterface: (nic: Interface) => boolean };
  readonly #ends = new Set<() => void>();
  readonly #collected = new FinalizationRegistry<() => void>((remove) => remove());
  readonly #watchers = new Set<(snapshot: Snapshot | null) => void>();
  readonly #lastSequence = new Map<Cause, number>(); // of a publication, by cause
  /** The last publication that is major because of a sleep. */
  #longSleep: { readonly sequence: number; readonly reason: ResumedReason } | null = null;
  #newest: Published | null = null;
  #majorAt = -Infinity;
  #closed = false;

  /** Nothing is published yet. `ignoreInterface` must not run user code. */
  constructor(ignoreInterface: (nic: Interface) => boolean, pendingMs: () => number) {
    this.#options = { ignoreInterface };
    this.pendingMs = pendingMs;
  }

  /** Whether the monitor is closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The last publication. There is none before `publish()`. */
  get newest(): Published {
    return this.#newest as Published;
  }

  /** When the last major snapshot was published. */
  get majorAt(): number {
    return this.#majorAt;
  }

  /** Makes the next snapshot, and tells the streams and `waitFor()` calls that wait. */
  publish({ sequence, at, publishedAt, causes, changes, state }: Publication): void {
    const before = this.#newest;
    for (const cause of causes) this.#lastSequence.set(cause, sequence);
    const reasons = before === null
      ? NONE
      : majorReasons(before.snapshot.state, state, this.#options);
    const reason = reasons.find((it) => it.kind === "resumed");
    if (reason !== undefined) this.#longSleep = { sequence, reason };
    const snapshot = makeSnapshot({ sequence, at, causes: [...causes], changes, reasons, state });
    // every stream delivers a resume, so to settling it is major
    const isMajor = before === null || snapshot.major || causes.includes("resume");
    const nextMajor = isMajor ? { at: null } : before.nextMajor;
    this.#newest = { snapshot, at: publishedAt, nextAt: null, nextMajor };
    if (isMajor) this.#majorAt = publishedAt;
    if (before !== null) {
      before.nextAt = publishedAt;
      if (isMajor) before.nextMajor.at = publishedAt;
    }
    for (const stream of [...this.waiting]) stream.onPublished();
    for (const watcher of [...this.#watchers]) {
      if (this.#watchers.has(watcher)) watcher(snapshot); // not if one before it closed the monitor
    }
  }

  /** A stream follows until the signal is aborted. It is held weakly. Returns what removes it. */
  add(follower: Follower, signal: AbortSignal | null): () => void {
    const weak = new WeakRef(follower);
    const end = (): void => weak.deref()?.end();
    const remove = (): void => {
      this.#ends.delete(end);
      signal?.removeEventListener("abort", end);
    };
    this.#ends.add(end);
    signal?.addEventListener("abort", end);
    this.#collected.register(follower, remove);
    return remove;
  }

  /** The first snapshot, from the current one on, whose state satisfies the predicate. */
  waitFor(predicate: (state: State) => boolean, signal: AbortSignal | null): Promise<Snapshot> {
    const { promise, resolve, reject } = Promise.withResolvers<Snapshot>();
    const watcher = (snapshot: Snapshot | null): void => {
      this.#watchers.delete(watcher); // the predicate may close the monitor
      try {
        if (snapshot !== null && predicate(snapshot.state)) {
          resolve(snapshot);
        } else if (signal?.aborted) {
          reject(signal.reason);
        } else if (this.#closed) {
          promise.catch(() => {}); // whoever does not await it need not handle the end of the monitor
          reject(new MonitorClosedError());
        } else {
          this.#watchers.add(watcher);
          return;
        }
      } catch (error) {
        reject(error);
      }
      signal?.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => watcher(null);
    signal?.addEventListener("abort", onAbort);
    watcher(this.#closed || signal?.aborted ? null : this.newest.snapshot);
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
    const causes = CAUSES.filter((cause) => this.#isLater(cause, seen));
    let reasons = majorReasons(seen.state, snapshot.state, this.#options);
    const sleep = this.longSleepSince(seen);
    if (sleep !== null && !reasons.some(({ kind }) => kind === "resumed")) { // a short one came after it
      reasons = Object.freeze([...reasons, sleep]);
    }
    return makeSnapshot({ ...snapshot, causes, changes, reasons });
  }

  /** Whether the machine woke from sleep after this snapshot. */
  resumedSince(seen: Snapshot): boolean {
    return this.#isLater("resume", seen);
  }

  /** The last major sleep after this snapshot; null if there was none. */
  longSleepSince(seen: Snapshot): ResumedReason | null {
    const last = this.#longSleep;
    return last !== null && last.sequence > seen.sequence ? last.reason : null;
  }

  /** Whether the difference between two published states is major. */
  isMajor(previous: State, next: State): boolean {
    return isMajorChange(previous, next, this.#options);
  }

  /** Ends the streams and rejects whoever waits. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const end of [...this.#ends]) end();
    for (const watcher of [...this.#watchers]) watcher(null);
  }

  #isLater(cause: Cause, seen: Snapshot): boolean {
    return (this.#lastSequence.get(cause) ?? 0) > seen.sequence;
  }
}

function makeSnapshot(fields: Omit<Snapshot, "cause" | "major">): Snapshot {
  const { sequence, at, causes, changes, reasons, state } = fields;
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
