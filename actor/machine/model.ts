// Model, inputs and effects of the machine: data only.
import type { OpenedSource } from "../../state/opened_source.ts";
import type { Logger, Reading, SourceEvent } from "../../state/ports.ts";
import type { Cause, Health, Metrics, Snapshot, State } from "../../state/types.ts";
import type { Outcome } from "../clock.ts";
import type { ResolvedOptions } from "../options.ts";

export const READ_LIMIT_MS = 5_000; // the time limit of a read and of `subscribe()`

/** Constant for the life of a monitor; `source` is the name of its source. */
export type Config =
  & { readonly source: string }
  & Pick<OpenedSource, "polling" | "reason">
  & Pick<ResolvedOptions, "coalesceMs" | "reconcileIntervalMs">;

export type Resume = Pick<Extract<SourceEvent, { kind: "resumed" }>, "at" | "sleptMs">;

/** The event socket: the one subscription that delivers events. */
export interface Socket {
  readonly id: number;
  readonly since: number; // when it began, in monotonic milliseconds
  readonly synced: boolean; // a full read was adopted, so its view can be published
  readonly verified: boolean; // the monitor's first subscription, or it has answered a canary
  readonly probing: boolean; // a canary is under way
}

export interface ReadRequest {
  readonly causes: readonly Cause[]; // the causes of the publication that results from it
  readonly tokens: readonly number[]; // the `refresh()` calls that wait for it
  readonly adopter: number | null; // the subscription whose table the result replaces; null: none
  readonly check: boolean; // reconcile: the result is compared with the table
}

export interface ReadInFlight extends ReadRequest {
  readonly id: number;
  readonly since: number; // when it began, in monotonic milliseconds
  readonly events: number; // `metrics.events` and `metrics.published` at that moment
  readonly published: number;
}

/** The result of a full read: the reading, for `adopt()`, and the state built from it, without resume. */
export interface Observation {
  readonly reading: Reading;
  readonly state: State;
}

export interface Read extends ReadInFlight, Observation {}

/** A view being taken: for a publication, or after a read that was adopted or will be compared with the view. */
export interface View {
  readonly since: number; // when it began, in monotonic milliseconds
  readonly read: Read | undefined;
  readonly adopts: boolean;
}

/** A comparison of the table with the kernel's state that is still in progress. */
export interface Check {
  readonly rounds: number; // how many comparisons found a difference
  /** The records that differed in the same way each time: their keys, and their descriptions for the log. */
  readonly suspects: ReadonlyMap<string, string>;
  readonly events: number; // `metrics.events` at the last comparison
  readonly from?: number; // reads that begin sooner, in monotonic milliseconds, are too early for another one
}

export type TimerName = "window" | "retry" | "recheck" | "read";

export type Input = Readonly<
  | { kind: "open" | "tick" | "close" }
  | { kind: "subscribed"; id: number }
  | { kind: "subscribe-failed"; error: unknown }
  | { kind: "event"; id: number; event: SourceEvent }
  | { kind: "lost"; id: number; error: unknown }
  /** One for each view effect; the state is null if the subscription keeps no table or was lost. */
  | { kind: "viewed"; id: number; state: State | null }
  | { kind: "read"; id: number; outcome: Outcome<Observation> }
  | { kind: "probed"; id: number; outcome: Outcome<void> }
  | { kind: "timer"; timer: TimerName }
  | { kind: "refresh"; token: number }
>;

export interface Publication
  extends Pick<Snapshot, "sequence" | "at" | "causes" | "changes" | "state"> {
  readonly publishedAt: number; // monotonic milliseconds
}

export type Effect = Readonly<
  | { kind: "subscribe" | "dispose" | "view" | "probe"; id: number }
  | { kind: "read"; id: number; limitMs: number }
  | { kind: "adopt"; id: number; reading: Reading }
  | { kind: "arm"; timer: TimerName; ms: number }
  | { kind: "retry"; attempt: number }
  | { kind: "disarm"; timer: TimerName }
  | { kind: "publish"; publication: Publication }
  /** Resolves `refresh()` calls with the current snapshot, or rejects them if there is an error. */
  | { kind: "settle"; tokens: readonly number[]; error?: unknown }
  | { kind: "fail"; error: unknown } // opening fails: nothing was published yet
  | { kind: "log"; level: keyof Logger; message: string }
>;

/** Everything that the machine remembers. A step copies it; nothing else writes to it. */
export class Model {
  readonly config: Config;
  socket: Socket | null = null;
  retrying = false; // a lost socket waits for the retry timer
  lastId = 0; // the last id given to a subscription or a read
  attempt = 0; // failed attempts to subscribe since the last long-lived subscription
  socketFault: string | null = null; // why events may be missing; null if the socket is verified
  reading: ReadInFlight | null = null;
  nextRead: ReadRequest | null = null; // the read after the one in flight
  nextReadAt: number | null = null; // when its timer fires, in monotonic milliseconds
  /** When the last read ended, in monotonic milliseconds, and how long the last successful one took. */
  lastRead: { readonly endedAt: number; readonly ms: number } = { endedAt: -Infinity, ms: 0 };
  readFailures = 0; // reads that failed in a row
  viewing: View | null = null; // the view that is being taken
  viewsFrom = -Infinity; // monotonic milliseconds before which no view begins
  check: Check | null = null;
  mayBeStale = false; // events came during the adopted read, so the table may be older than they are
  tableless = false; // the source's last view was null: it keeps no table
  changePending = false; // an event came, and no view or read has begun since
  newest: State | null = null; // the newest state that a view or a read has shown, without resume
  published: State | null = null; // the state published last
  publishedAt = -Infinity; // monotonic milliseconds of the last publication
  window = false; // the timer of the coalescing window runs
  causes: readonly Cause[] = []; // causes gathered since the last publication
  awaiting: readonly number[] = []; // the `refresh()` calls that wait for the next publication
  resumed: Resume | null = null; // the resume in the state published last
  resumes: readonly Resume[] = []; // resumes still to be published, each in its own publication
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

  constructor(config: Config, { wall }: Pick<Draft["now"], "wall">) {
    this.config = config;
    const { polling, reason, source } = config;
    this.health = {
      status: polling ? "polling" : "live",
      source,
      reason,
      since: wall,
      lastEventAt: null,
      lastReconcileAt: null,
      lastError: null,
    };
  }
}

type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/** The next model while a step writes it, with the time and the effects so far. */
export interface Draft extends Model {
  readonly now: {
    readonly wall: number; // epoch milliseconds, for snapshots and health
    readonly monotonic: number; // monotonic milliseconds, for every decision
  };
  readonly effects: Effect[];
}
