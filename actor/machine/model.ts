/**
 * What the machine knows, hears and wants: data only.
 *
 * @module
 */
import type { Logger } from "../../state/runtime.ts";
import type { Reading, SourceEvent } from "../../state/source.ts";
import type { Cause, Health, Metrics, State } from "../../state/types.ts";

/** How long a subscription may take to answer its canary, in milliseconds. */
export const PROBE_LIMIT_MS = 1_000;

/** The time of a step. */
export interface Now {
  /** Epoch milliseconds: what snapshots and health show. */
  readonly wall: number;
  /** Monotonic milliseconds: what decides. */
  readonly monotonic: number;
}

/** What the machine is told once. */
export interface Config {
  /** The name of the source. */
  readonly source: string;
  /** The source polls: its view is the truth, and its status is never better than `polling`. */
  readonly polling: boolean;
  /** Why it polls. */
  readonly reason: string | null;
  /** Least milliseconds between two publications. */
  readonly coalesceMs: number;
}

/** What a source answered, and the state that it makes (without a wake-up from sleep). */
export interface Seen {
  /** As the source gave it, for `adopt()`. */
  readonly reading: Reading;
  /** What it means. */
  readonly state: State;
}

/** The last wake-up from sleep. */
export interface Resume {
  /** Epoch milliseconds. */
  readonly at: number;
  /** How long it slept, in milliseconds. */
  readonly sleptMs: number;
}

/** The one subscription. */
export type Socket =
  | { readonly kind: "none" }
  | { readonly kind: "subscribing"; readonly id: number }
  | { readonly kind: "waiting" }
  | Hearing;

/** A subscription that hears. */
export interface Hearing {
  /** Always this. */
  readonly kind: "hearing";
  /** Which subscription. */
  readonly id: number;
  /** Monotonic milliseconds since when. */
  readonly since: number;
  /** The truth was adopted, so that its view counts. */
  readonly based: boolean;
  /** It is the first one, or has answered a canary. */
  readonly proven: boolean;
  /** A canary is on its way. */
  readonly probing: boolean;
}

/** What a full read is wanted for. */
export interface Request {
  /** Why, when it brings something new. */
  readonly causes: readonly Cause[];
  /** The refresh() calls that wait for it. */
  readonly tokens: readonly number[];
  /** The subscription whose table it replaces. */
  readonly base: number | null;
  /** It is compared with the table. */
  readonly check: boolean;
}

/** A full read that is under way. */
export interface ReadInFlight extends Request {
  /** Which read. */
  readonly id: number;
  /** How many events had been heard when it began. */
  readonly heard: number;
  /** How many snapshots had been published when it began. */
  readonly sequence: number;
}

/** A comparison of table and truth that is not over yet. */
export interface Check {
  /** How many looks found a difference so far. */
  readonly looks: number;
  /** What differed in the same way in each of them: key and words for the log. */
  readonly suspects: ReadonlyMap<string, string>;
  /** How many events had been heard at the last look. */
  readonly heard: number;
}

/** What a view is taken for. */
export type ViewUse =
  | { readonly for: "drain" }
  | { readonly for: "publication" }
  | { readonly for: "read"; readonly seen: Seen; readonly read: ReadInFlight }
  | { readonly for: "check"; readonly seen: Seen; readonly read: ReadInFlight };

/** The timers of the machine. */
export type TimerName = "window" | "retry" | "look";

/** What happens to the machine. */
export type Input =
  | { readonly kind: "open" }
  | { readonly kind: "subscribed"; readonly id: number }
  | { readonly kind: "subscribe-failed"; readonly error: unknown }
  | { readonly kind: "heard"; readonly id: number; readonly event: SourceEvent }
  | { readonly kind: "lost"; readonly id: number; readonly error: unknown }
  | {
    readonly kind: "viewed";
    readonly id: number;
    readonly use: ViewUse;
    readonly seen: Seen | null;
  }
  | { readonly kind: "read"; readonly id: number; readonly seen: Seen }
  | { readonly kind: "read-failed"; readonly id: number; readonly error: unknown }
  | { readonly kind: "probed"; readonly id: number; readonly error: unknown }
  | { readonly kind: "timer"; readonly timer: TimerName }
  | { readonly kind: "tick" }
  | { readonly kind: "refresh"; readonly token: number }
  | { readonly kind: "close" };

/** A publication, before it is compared with the one before. */
export interface Publication {
  /** 1, 2, 3 … */
  readonly sequence: number;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Monotonic milliseconds. */
  readonly publishedAt: number;
  /** All causes, in their order; never empty. */
  readonly causes: readonly Cause[];
  /** What is published. */
  readonly state: State;
}

/** What the machine wants done. */
export type Effect =
  | { readonly kind: "subscribe"; readonly id: number }
  | { readonly kind: "dispose"; readonly id: number }
  | { readonly kind: "read"; readonly id: number }
  | { readonly kind: "adopt"; readonly id: number; readonly reading: Reading }
  | { readonly kind: "view"; readonly id: number; readonly use: ViewUse }
  | { readonly kind: "probe"; readonly id: number }
  | { readonly kind: "arm"; readonly timer: TimerName; readonly ms: number }
  | { readonly kind: "retry"; readonly attempt: number }
  | { readonly kind: "disarm"; readonly timer: TimerName }
  | { readonly kind: "publish"; readonly publication: Publication }
  | { readonly kind: "settle"; readonly tokens: readonly number[] }
  | { readonly kind: "reject"; readonly tokens: readonly number[]; readonly error: unknown }
  | { readonly kind: "fail"; readonly error: unknown }
  | { readonly kind: "log"; readonly level: keyof Logger; readonly message: string };

/** All that the machine knows. */
export interface Model {
  readonly config: Config;
  readonly socket: Socket;
  /** The id of the last subscription asked for. */
  readonly lastSubscription: number;
  /** Failed attempts to subscribe since a subscription last lived long. */
  readonly attempt: number;
  readonly reading: ReadInFlight | null;
  /** What the read after the one in flight is for. */
  readonly next: Request | null;
  readonly lastRead: number;
  /** The last read failed: further failures are logged quietly. */
  readonly readFailing: boolean;
  readonly check: Check | null;
  /** Events came while the table was being replaced: what they told may have been overwritten. */
  readonly unsure: boolean;
  /** Events heard so far. */
  readonly heard: number;
  /** The source's last view was null: it keeps no table. */
  readonly tableless: boolean;
  /** An event came and no view or read has begun since. */
  readonly stale: boolean;
  /** The newest that any view or read showed. */
  readonly newest: Seen | null;
  /** The state published last. */
  readonly published: State | null;
  readonly sequence: number;
  /** Monotonic milliseconds of the last publication. */
  readonly publishedAt: number;
  /** The window timer runs. */
  readonly window: boolean;
  /** Causes gathered since the last publication. */
  readonly causes: readonly Cause[];
  /** The refresh() calls that wait for the next publication. */
  readonly awaiting: readonly number[];
  /** The wake-up that is published. */
  readonly resumed: Resume | null;
  /** Wake-ups that are not published yet: each gets a publication of its own. */
  readonly resumes: readonly Resume[];
  readonly health: Mutable<Health>;
  readonly metrics: Mutable<Metrics>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The machine before it is opened. */
export function createModel(config: Config, now: Now): Model {
  return {
    config,
    socket: { kind: "none" },
    lastSubscription: 0,
    attempt: 0,
    reading: null,
    next: null,
    lastRead: 0,
    readFailing: false,
    check: null,
    unsure: false,
    heard: 0,
    tableless: false,
    stale: false,
    newest: null,
    published: null,
    sequence: 0,
    publishedAt: -Infinity,
    window: false,
    causes: [],
    awaiting: [],
    resumed: null,
    resumes: [],
    health: {
      status: config.polling ? "polling" : "live",
      source: config.source,
      reason: config.polling ? config.reason : null,
      since: now.wall,
      lastEventAt: null,
      lastReconcileAt: null,
      lastError: null,
    },
    metrics: {
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
    },
  };
}

/**
 * A step in the making: a copy of the model that may be written to, the time, and what is to be
 * done.
 */
export type Draft =
  & { -readonly [Field in keyof Model]: Model[Field] }
  & { readonly now: Now; readonly effects: Effect[] };
