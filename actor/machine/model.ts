// Model, inputs and effects of the machine: data only.
import type { Logger } from "../../state/runtime.ts";
import type { Reading, SourceEvent } from "../../state/source.ts";
import type { Cause, Change, Health, Metrics, State } from "../../state/types.ts";

/** The longest that a read or a subscribe may take, in milliseconds. */
export const READ_LIMIT_MS = 5_000;

/** How long a subscription may take to answer its canary, in milliseconds. */
export const PROBE_LIMIT_MS = 1_000;

/** The time of a step. */
export interface Now {
  readonly wall: number; // epoch milliseconds, for snapshots and health
  readonly monotonic: number; // monotonic milliseconds, for every decision
}

/** What stays the same for the life of a monitor. */
export interface Config {
  readonly source: string; // the name of the source
  /** The source polls: its view is the kernel state, and the status is never better than `polling`. */
  readonly polling: boolean;
  readonly reason: string | null; // why it polls
  readonly coalesceMs: number; // least milliseconds between two publications
  /** Milliseconds between two reconcile ticks; bounds their reads. */
  readonly reconcileIntervalMs: number;
}

/** The result of a full read: the reading, for `adopt()`, and the state built from it, without resume. */
export interface Observation {
  readonly reading: Reading;
  readonly state: State;
}

/** A wake-up from sleep. */
export interface Resume {
  readonly at: number; // epoch milliseconds
  readonly sleptMs: number;
}

/** The one subscription. */
export type Socket =
  | { readonly kind: "none" }
  | { readonly kind: "subscribing"; readonly id: number }
  | { readonly kind: "waiting" }
  | OpenSocket;

/** A subscription that delivers events. */
export interface OpenSocket {
  readonly kind: "open";
  readonly id: number;
  readonly since: number; // monotonic milliseconds of the subscription
  readonly synced: boolean; // a full read was adopted, so its view can be published
  readonly verified: boolean; // it is the monitor's first, or has answered a canary
  readonly probing: boolean; // a canary is under way
}

/** A full read that is wanted. */
export interface ReadRequest {
  readonly causes: readonly Cause[]; // the causes of a publication that follows from it
  readonly tokens: readonly number[]; // the `refresh()` calls that wait for it
  readonly base: number | null; // the subscription that adopts it
  readonly check: boolean; // reconcile: it is compared with the table
}

/** A full read that is under way. */
export interface ReadInFlight extends ReadRequest {
  readonly id: number;
  readonly since: number; // monotonic milliseconds of its beginning
  readonly events: number; // `metrics.events` and `metrics.published` at its beginning
  readonly published: number;
}

/** What the result of a view is for. */
export type ViewPurpose =
  | { readonly for: "publication" }
  | {
    readonly for: "adoption" | "check";
    readonly observation: Observation;
    readonly read: ReadInFlight;
  };

/** A comparison of table and kernel state that is not over yet. */
export interface Check {
  readonly rounds: number; // how many comparisons found a difference
  /** The records that differed in the same way each time: key and words for the log. */
  readonly suspects: ReadonlyMap<string, string>;
  readonly events: number; // `metrics.events` at the last comparison
}

/** The timers of the machine. */
export type TimerName = "window" | "retry" | "recheck" | "read";

/** What happens to the machine. */
export type Input =
  | { readonly kind: "open" }
  | { readonly kind: "subscribed"; readonly id: number }
  | { readonly kind: "subscribe-failed"; readonly error: unknown }
  | { readonly kind: "event"; readonly id: number; readonly event: SourceEvent }
  | { readonly kind: "lost"; readonly id: number; readonly error: unknown }
  /** One for each view effect; the state is null if the subscription keeps no table or was lost. */
  | { readonly kind: "viewed"; readonly id: number; readonly state: State | null }
  | { readonly kind: "read"; readonly id: number; readonly observation: Observation }
  | { readonly kind: "read-failed"; readonly id: number; readonly error: unknown }
  | { readonly kind: "probed"; readonly id: number; readonly error: unknown }
  | { readonly kind: "timer"; readonly timer: TimerName }
  | { readonly kind: "tick" }
  | { readonly kind: "refresh"; readonly token: number }
  | { readonly kind: "close" };

/** A publication, before it becomes a snapshot. */
export interface Publication {
  readonly sequence: number;
  readonly at: number; // epoch milliseconds
  readonly publishedAt: number; // monotonic milliseconds
  readonly causes: readonly Cause[]; // in their order; never empty
  readonly changes: readonly Change[]; // against the publication before
  readonly state: State;
}

/** What the runner has to do. */
export type Effect =
  | { readonly kind: "subscribe"; readonly id: number }
  | { readonly kind: "dispose"; readonly id: number }
  | { readonly kind: "read"; readonly id: number; readonly limitMs: number }
  | { readonly kind: "adopt"; readonly id: number; readonly reading: Reading }
  | { readonly kind: "view"; readonly id: number }
  | { readonly kind: "probe"; readonly id: number }
  | { readonly kind: "arm"; readonly timer: TimerName; readonly ms: number }
  | { readonly kind: "retry"; readonly attempt: number }
  | { readonly kind: "disarm"; readonly timer: TimerName }
  | { readonly kind: "publish"; readonly publication: Publication }
  /** Resolves `refresh()` calls with the current snapshot, or rejects them if there is an error. */
  | { readonly kind: "settle"; readonly tokens: readonly number[]; readonly error?: unknown }
  | { readonly kind: "fail"; readonly error: unknown }
  | { readonly kind: "log"; readonly level: keyof Logger; readonly message: string };

/** Everything that the machine remembers. A step copies it; nothing else writes to it. */
export class Model {
  readonly config: Config;
  socket: Socket = { kind: "none" };
  lastId = 0; // the id given last to a subscription or a read
  attempt = 0; // failed attempts to subscribe since a subscription last lived long
  /** Why events may be missing, as `health.reason` shows it; null if the socket is verified. */
  socketFault: string | null = null;
  reading: ReadInFlight | null = null;
  nextRead: ReadRequest | null = null; // the read after the one in flight
  /** Monotonic milliseconds for which the timer of the next read is armed. */
  nextReadAt: number | null = null;
  /** When the last read ended, in monotonic milliseconds, and how long the last that succeeded took. */
  lastRead: { readonly endedAt: number; readonly ms: number } = { endedAt: -Infinity, ms: 0 };
  readFailures = 0; // reads that failed in a row
  /** The view that is being taken, and when it began, in monotonic milliseconds. */
  viewing: { readonly purpose: ViewPurpose; readonly since: number } | null = null;
  viewsFrom = -Infinity; // monotonic milliseconds before which no view begins
  check: Check | null = null;
  /** Events came during the read that was adopted, so the table may be older than they were. */
  mayBeStale = false;
  tableless = false; // the source's last view was null: it keeps no table
  changePending = false; // an event came, and no view or read has begun since
  newest: State | null = null; // the newest state that a view or a read has shown, without resume
  published: State | null = null; // the state published last
  publishedAt = -Infinity; // monotonic milliseconds of the last publication
  window = false; // the window timer runs
  causes: readonly Cause[] = []; // causes gathered since the last publication
  awaiting: readonly number[] = []; // the `refresh()` calls that wait for the next publication
  resumed: Resume | null = null; // the resume in the state published last
  /** Resumes that are not published yet: each gets a publication of its own. */
  resumes: readonly Resume[] = [];
  readonly health: Writable<Health>;
  readonly metrics: Writable<Metrics> = {
    events: 0,
    ignored: 0,
    malformed: 0,
    spoofed: 0,
    fullReads: 0,
    readFailures: 0,
    reconciles: 0,
    driftsFound: 0,
    routeSurprises: 0,
    overflows: 0,
    reopens: 0,
    canaries: 0,
    canariesMissed: 0,
    resumes: 0,
    published: 0,
  };

  /** The model of a monitor that is not open yet. */
  constructor(config: Config, now: Now) {
    this.config = config;
    this.health = {
      status: config.polling ? "polling" : "live",
      source: config.source,
      reason: config.reason,
      since: now.wall,
      lastEventAt: null,
      lastReconcileAt: null,
      lastError: null,
    };
  }
}

type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/** The next model while a step writes it, with the time and the effects so far. */
export interface Draft extends Model {
  readonly now: Now;
  readonly effects: Effect[];
}

/** The longest rest, in milliseconds: work may only seem to take long, as when the process was stopped. */
const LONGEST_REST_MS = 3_000;

/**
 * How long to rest after work that took so many milliseconds. Views and reads take at most a quarter of the
 * time. They rest for at least a millisecond, which only a timer can end, so that the program's own timers and
 * I/O get their turn. Work that took no time by the clock needs no rest: that is a manual clock.
 */
export function restMs(tookMs: number): number {
  return tookMs > 0 ? Math.min(Math.max(3 * tookMs, 1), LONGEST_REST_MS) : 0;
}
