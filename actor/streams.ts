// Delivers snapshots to the readers of a monitor, as streams and as async iterators. Nothing is queued: when somebody
// reads, the difference from the last snapshot delivered is computed. A reader that does not read costs nothing.
import { isMajorChange, neverAffected } from "../state/impact.ts";
import type { Snapshot } from "../state/types.ts";
import type { Broadcast, Published } from "./broadcast.ts";
import type { ResolvedSnapshotOptions } from "./options.ts";

export interface ReaderContext {
  readonly broadcast: Broadcast;
  readonly options: ResolvedSnapshotOptions;
}

interface Sink {
  readonly deliver: (snapshot: Snapshot) => void; // settles the pending read
  readonly end: () => void; // ends the pending read and all later ones
  readonly isAbandoned?: () => boolean; // whether nobody waits for the pending read any more
}

/** Delivers the newest snapshot when a read is pending and the snapshot is due. */
export class SnapshotReader {
  readonly #sink: Sink;
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
  ended = false;
  pipe: AbortSignal | undefined; // of the pipe that has the stream; once aborted, it drops what it reads

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Follows from the current snapshot on. */
  follow({ broadcast, options }: ReaderContext): void {
    if (broadcast.closed || options.signal?.aborted) return this.end();
    this.#broadcast = broadcast;
    this.#options = options;
    this.#isNew = options.initial;
    this.#mark = broadcast.newest;
    this.#seen = this.#examined = this.#mark.snapshot;
    this.#remove = broadcast.add(this, options.signal);
  }

  /** Somebody reads: delivers a snapshot now, or when one is due. */
  read(): void {
    if (this.pipe?.aborted) this.pipe = undefined; // it reads no more: somebody else does
    this.#broadcast.waiting.add(this);
    this.consider();
  }

  end(): void {
    if (this.ended) return;
    this.stop();
    this.#sink.end();
  }

  /** Ends without calling the sink. */
  stop(): void {
    this.ended = true;
    pinned.delete(this);
    this.forgetRead();
    this.#remove();
  }

  forgetRead(): void {
    this.#broadcast?.waiting.delete(this); // it may follow nothing yet
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** While a read is pending: delivers a snapshot if one is due, or sets a timer for when one will be. */
  consider(): void {
    if (this.pipe?.aborted || this.#sink.isAbandoned?.()) return this.forgetRead();
    if (this.#isNew) return this.#deliver(this.#broadcast.initialSnapshot());
    if (this.#options.affects !== null) this.#noteAffected();
    const firstAt = this.#firstChangeAt();
    if (firstAt === null) return;
    const wait = this.#options.settleMs === 0 ? 0 : this.#waitMs(firstAt);
    if (wait > 0) return this.#arm(wait);
    const snapshot = this.#broadcast.since(this.#seen);
    if (snapshot !== null && this.#isWanted(snapshot)) this.#deliver(snapshot);
    else this.#settled();
  }

  #noteAffected(): void {
    const { majorOnly } = this.#options;
    const { at, snapshot } = this.#broadcast.newest;
    if (this.#examined.sequence === snapshot.sequence) return;
    // a change that affects the address may be minor, and become major with a later one that does not affect it
    const isNew = this.#isAffected(this.#examined, snapshot) ||
      majorOnly && this.#affected === null && this.#isAffected(this.#seen, snapshot);
    this.#examined = snapshot;
    if (isNew) this.#affected = { firstAt: this.#affected?.firstAt ?? at, lastAt: at };
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
    return Math.max(this.#netMajorAt ?? -Infinity, majorAt, affectedAt);
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
    this.#settledOn = wait > 0 ? null : this.#settledOn ?? newest;
    return this.#settledOn === newest ? Math.min(this.#broadcast.pendingMs(), latest) : wait;
  }

  #isWanted(snapshot: Snapshot): boolean {
    const { majorOnly } = this.#options;
    return this.#isAffected(this.#seen, snapshot) &&
      (!majorOnly || snapshot.major || this.#broadcast.hasCauseSince("resume", this.#seen));
  }

  #isAffected(from: Snapshot, to: Snapshot): boolean {
    const { affects } = this.#options;
    if (affects === null || affects(from.state, to.state)) return true;
    return affects !== neverAffected && this.#broadcast.majorSleepSince(from) !== null;
  }

  #deliver(snapshot: Snapshot): void {
    this.#settled();
    this.forgetRead();
    this.#isNew = false;
    this.#seen = this.#examined = snapshot;
    if (!this.ended) this.#sink.deliver(snapshot);
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

/** The snapshots as a stream. If the promise rejects, the stream errors. */
export function snapshotStream(
  context: ReaderContext | Promise<ReaderContext>,
  onCancel: (reason: unknown) => void | Promise<void> = () => {},
): ReadableStream<Snapshot> {
  let controller!: ReadableStreamDefaultController<Snapshot>;
  const reader = new SnapshotReader({
    deliver: (snapshot) => controller.enqueue(snapshot),
    end: () => void Promise.try(() => controller.close()).catch(() => {}), // Deno 2.9 fails if an iterator reads ahead
    isAbandoned: () => !stream.locked,
  });
  const stream: ReadableStream<Snapshot> = new ReadableStream({
    start: (it) => {
      controller = it;
      const follow = (it: ReaderContext): void => reader.follow(it);
      return context instanceof Promise ? context.then(follow) : follow(context);
    },
    pull: () => reader.read(),
    cancel: (reason) => {
      reader.stop();
      return onCancel(reason);
    },
  }, { highWaterMark: 0 });
  watchLock(stream, reader);
  return stream;
}

const pinned = new Set<SnapshotReader>(); // the program may hold nothing of them but the promise `closed`
/** The methods that lock a stream. */
const LOCK = ["getReader", "values", Symbol.asyncIterator, "pipeTo", "pipeThrough", "tee"] as const;

/**
 * A stream is not notified when a pending read is abandoned, by `releaseLock()` or at the end of a pipe. A snapshot
 * delivered to such a read would be queued and go stale, so the locking methods are wrapped.
 */
function watchLock(stream: ReadableStream<Snapshot>, reader: SnapshotReader): void {
  for (const name of LOCK) {
    const method = stream[name] as (...args: unknown[]) => unknown;
    const value = (...args: unknown[]): unknown => {
      if (!stream.locked) reader.forgetRead();
      if (!stream.locked) reader.pipe = (args[1] as StreamPipeOptions | undefined)?.signal;
      const taken = method.apply(stream, args);
      if (!(taken instanceof ReadableStreamDefaultReader)) return taken;
      let held = true;
      const release = (): void => {
        ReadableStreamDefaultReader.prototype.releaseLock.call(taken);
        if (held) reader.forgetRead();
        if (held) pinned.delete(reader);
        held = false; // a second call must not void the read of the next reader
      };
      const closed = (): unknown => {
        if (held && !reader.ended) pinned.add(reader);
        return Reflect.get(ReadableStreamDefaultReader.prototype, "closed", taken);
      };
      Object.defineProperty(taken, "closed", { get: closed });
      return Object.defineProperty(taken, "releaseLock", { value: release });
    };
    Object.defineProperty(stream, name, { value });
  }
}

type Result = IteratorResult<Snapshot, undefined>;

/** The snapshots as an iterator: without Deno's streams, whose first use takes 5 ms and 2 MiB. */
export function snapshotIterator(context: ReaderContext): AsyncIterableIterator<Snapshot> {
  let pending: PromiseWithResolvers<Result> | null = null;
  const settle = (result: Result): void => {
    pending?.resolve(result);
    pending = null;
  };
  const reader = new SnapshotReader({
    deliver: (value) => settle({ done: false, value }),
    end: () => settle({ done: true, value: undefined }),
  });
  reader.follow(context);
  return {
    next(): Promise<Result> {
      if (pending !== null) return pending.promise.then(() => this.next()); // one read at a time, in order
      const { promise } = pending = Promise.withResolvers<Result>();
      if (reader.ended) settle({ done: true, value: undefined });
      else reader.read();
      return promise;
    },
    return(): Promise<Result> {
      reader.end();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
