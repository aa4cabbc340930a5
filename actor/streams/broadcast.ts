/**
 * Fan-out without queues: there is the current snapshot and, for each subscriber, the one that it
 * got last. What lies between is worked out when the subscriber reads, so one that does not read
 * costs nothing.
 *
 * @module
 */
import { diffStates } from "../../state/diff.ts";
import { MonitorClosedError } from "../../state/errors.ts";
import { isMajorChange } from "../../state/major.ts";
import { sleptLongBetween } from "../../state/diff.ts";
import type { Cause, Snapshot, State } from "../../state/types.ts";
import type { IgnoreInterface } from "../user_code.ts";
import type { Publication } from "../machine/model.ts";
import { CAUSES } from "../machine/coalesce.ts";

/** A stream that follows the publications. */
export interface Follower {
  /** A snapshot was published. */
  onPublished(snapshot: Snapshot): void;
  /** The monitor was closed. */
  end(): void;
}

/** The snapshots of one monitor and those who follow them. */
export class Broadcast {
  readonly #ignoreInterface: IgnoreInterface;
  readonly #followers = new Set<Follower>();
  readonly #watchers = new Set<(snapshot: Snapshot | null) => void>();
  /** By cause, the last publication that had it. */
  readonly #lastSequence = new Map<Cause, number>();
  #lastLongSleep = 0;
  #current: Snapshot | null = null;
  #publishedAt = -Infinity;
  #closed = false;

  /** Milliseconds until the events received so far are published; 0 when none are pending. */
  readonly pendingMs: () => number;

  /** Major decisions leave out the interfaces for which the predicate is true. */
  constructor(ignoreInterface: IgnoreInterface, pendingMs: () => number) {
    this.#ignoreInterface = ignoreInterface;
    this.pendingMs = pendingMs;
  }

  /** Whether the monitor is closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The snapshot published last. Not to be asked before the first one. */
  get current(): Snapshot {
    return this.#current as Snapshot;
  }

  /** Monotonic milliseconds of the last publication. */
  get publishedAt(): number {
    return this.#publishedAt;
  }

  /** How many streams follow it. */
  get streams(): number {
    return this.#followers.size;
  }

  /** Makes a snapshot of it and tells everybody. */
  publish(publication: Publication): void {
    const previous = this.#current;
    const { sequence, at, state } = publication;
    const causes = Object.freeze([...publication.causes]) as Cause[];
    for (const cause of causes) this.#lastSequence.set(cause, sequence);
    if (previous !== null && sleptLongBetween(previous.state, state)) {
      this.#lastLongSleep = sequence;
    }
    this.#current = Object.freeze({
      sequence,
      at,
      cause: causes[0] as Cause,
      causes,
      changes: previous === null ? none() : diffStates(previous.state, state),
      major: previous !== null && this.isMajor(previous.state, state),
      state,
    });
    this.#publishedAt = publication.publishedAt;
    const snapshot = this.#current;
    for (const follower of [...this.#followers]) follower.onPublished(snapshot);
    for (const watcher of [...this.#watchers]) {
      if (this.#watchers.has(watcher)) watcher(snapshot); // not if one before it closed the monitor
    }
  }

  /** The stream is told of publications and of the end. */
  add(follower: Follower): void {
    this.#followers.add(follower);
  }

  /** The stream has ended. */
  remove(follower: Follower): void {
    this.#followers.delete(follower);
  }

  /** The first snapshot, from the current one on, whose state fits. */
  waitFor(
    predicate: (state: State) => boolean,
    signal: AbortSignal | null,
  ): Promise<Snapshot> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#watchers.delete(watcher);
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        stop();
        reject(signal?.reason);
      };
      const watcher = (snapshot: Snapshot | null): void => {
        this.#watchers.delete(watcher); // the predicate may close the monitor
        try {
          if (snapshot !== null && predicate(snapshot.state)) resolve(snapshot);
          else if (snapshot === null || this.#closed) throw new MonitorClosedError();
          else if (!signal?.aborted) return void this.#watchers.add(watcher);
        } catch (error) {
          reject(error);
        }
        stop();
      };
      if (this.#closed) return watcher(null);
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort);
      watcher(this.current);
    });
  }

  /** What a subscriber is told that has read nothing yet: no changes. */
  introduction(): Snapshot {
    const { current } = this;
    if (current.changes.length === 0 && !current.major) return current;
    return Object.freeze({ ...current, changes: none(), major: false });
  }

  /** What a subscriber is told that got this snapshot last; null while nothing differs. */
  since(seen: Snapshot): Snapshot | null {
    const { current } = this;
    if (current.sequence === seen.sequence) return null;
    if (current.sequence === seen.sequence + 1) return current;
    const changes = diffStates(seen.state, current.state);
    if (changes.length === 0) return null;
    const causes = CAUSES.filter((cause) => this.#lastIn(cause) > seen.sequence);
    return Object.freeze({
      ...current,
      cause: causes[0] as Cause,
      causes: Object.freeze(causes) as Cause[],
      changes,
      major: this.#lastLongSleep > seen.sequence || this.isMajor(seen.state, current.state),
    });
  }

  /** Whether the machine woke from sleep after this snapshot. */
  resumedSince(seen: Snapshot): boolean {
    return this.#lastIn("resume") > seen.sequence;
  }

  /** Whether the difference between two states is major. */
  isMajor(previous: State, next: State): boolean {
    return isMajorChange(previous, next, { ignoreInterface: this.#ignoreInterface });
  }

  /** Ends every stream and rejects whoever waits. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const follower of [...this.#followers]) follower.end();
    for (const watcher of [...this.#watchers]) watcher(null);
  }

  #lastIn(cause: Cause): number {
    return this.#lastSequence.get(cause) ?? 0;
  }
}

function none(): Snapshot["changes"] {
  return Object.freeze([]);
}
