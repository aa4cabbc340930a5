// Views and full reads: when they begin, when their results are published, and how reconcile compares them.
//
// Each publication starts a window of `coalesceMs`, and the next publication waits until it ends. Events do not restart
// the window (it would never end in a storm), so a storm is published every `coalesceMs`. An event that changes nothing
// starts no window and delays no later change. Reconcile compares the kernel state with the table that events update,
// even if no event came (net-tools#158: a missed event left a process stuck on an old address for good).
import { withResume } from "../../state/build.ts";
import { diffInterfaces, diffStates, sameRoutes } from "../../state/diff.ts";
import { formatChange } from "../../state/format.ts";
import type { Cause, Change, Interface, State } from "../../state/types.ts";
import {
  type Check,
  type Draft,
  type Model,
  type Read,
  READ_LIMIT_MS,
  type ReadInFlight,
  type ReadRequest,
  type Socket,
} from "./model.ts";

/** All causes; the first that applies is `snapshot.cause`. */
export const CAUSES: readonly Cause[] = [
  "initial",
  "resume",
  "reopen",
  "overflow",
  "reconcile",
  "refresh",
  "event",
];

const MAX_ROUNDS = 4; // a difference that persists longer is drift even if events came in between
const RECHECK_MS = 50; // a read may show a change this long before its message arrives
const READ_MS = 20; // how long a settling stream waits for a pending read before it checks again
const LONGEST_REST_MS = 3_000; // work may only seem to take long, as when the process was stopped

/**
 * How long to rest after work that took `tookMs`. Views and reads take at most a quarter of the time. A rest lasts at
 * least a millisecond, so it ends with a timer, and the program's own timers and I/O get their turn. Work that took
 * no time by the clock needs no rest: that clock is a manual one.
 */
export function restMs(tookMs: number): number {
  return tookMs > 0 ? Math.min(Math.max(3 * tookMs, 1), LONGEST_REST_MS) : 0;
}

/** The subscription whose view can be published; null if there is none. */
export function syncedSocket({ socket }: Pick<Model, "socket">): Socket | null {
  return socket?.synced ? socket : null;
}

/** Something may have changed: takes a view now, or at the end of the window. */
export function considerPublication(draft: Draft, cause: Cause | null = null): void {
  if (cause !== null) draft.causes = union(draft.causes, [cause]);
  if (viewFrom(draft) > draft.now.monotonic) return openWindow(draft);
  const socket = syncedSocket(draft);
  if (socket !== null) requestView(draft, socket);
  else if (draft.newest !== null) offer(draft, draft.newest);
}

/**
 * Publishes the state if it differs from the previous publication, now or at the end of the window. The causes are
 * added to those gathered since then; the tokens are the `refresh()` calls that this state answers.
 */
export function offer(
  draft: Draft,
  newest: State,
  causes: readonly Cause[] = [],
  tokens: readonly number[] = [],
): void {
  draft.newest = newest;
  const { published } = draft;
  const isFirst = published === null;
  const resume = draft.resumes[0] ?? draft.resumed;
  const state = resume === null ? newest : withResume(newest, resume);
  const changes = isFirst ? [] : diffStates(published, state);
  if (!isFirst && changes.length === 0) {
    settle(draft, tokens);
    if (!draft.window) settleAll(draft);
    return;
  }
  if (causes.length > 0 && (isFirst || changes.some(({ kind }) => kind !== "resumed"))) {
    draft.causes = union(draft.causes, causes);
  }
  if (tokens.length > 0) draft.awaiting = draft.awaiting.concat(tokens);
  if (draft.publishedAt + draft.config.coalesceMs > draft.now.monotonic) openWindow(draft);
  else publish(draft, state, changes);
}

/** Requests a view, unless one is under way: then its result serves this read too. */
export function requestView(draft: Draft, socket: Socket, read?: Read, adopts = false): void {
  const { viewing } = draft;
  if (viewing !== null && read === undefined) return;
  if (viewing === null) draft.effects.push({ kind: "view", id: socket.id });
  draft.viewing = { since: draft.now.monotonic, read, adopts };
}

/** Milliseconds until the events so far are published, or to wait for the read that shows them; 0: none are pending. */
export function pendingMs(model: Readonly<Model>, monotonic: number): number {
  const { causes, nextRead, reading, window } = model;
  if (window || causes.length > 0) return Math.max(1, viewFrom(model) - monotonic + 1);
  return reading?.causes.length || nextRead?.causes.length ? READ_MS : 0;
}

function publish(draft: Draft, state: State, changes: readonly Change[]): void {
  const { causes: all, metrics, now: { monotonic: publishedAt, wall: at } } = draft;
  const sequence = ++metrics.published;
  const causes = all.length === 1 ? all : CAUSES.filter((cause) => all.includes(cause));
  draft.published = state;
  draft.publishedAt = publishedAt;
  draft.resumed = draft.resumes[0] ?? draft.resumed;
  if (draft.resumes.length > 0) draft.resumes = draft.resumes.slice(1);
  const publication = { sequence, at, publishedAt, causes, changes, state };
  draft.effects.push({ kind: "publish", publication });
  settleAll(draft);
  if (draft.window) draft.effects.push({ kind: "disarm", timer: "window" });
  draft.window = false;
  if (draft.resumes.length > 0) considerPublication(draft, "resume");
  // a read was published; an event still waits because views are paced
  if (draft.changePending) considerPublication(draft, "event");
}

function openWindow(draft: Draft): void {
  if (draft.window) return;
  draft.window = true;
  const ms = viewFrom(draft) - draft.now.monotonic;
  draft.effects.push({ kind: "arm", timer: "window", ms });
}

function viewFrom({ config, publishedAt, viewsFrom }: Readonly<Model>): number {
  return Math.max(publishedAt + config.coalesceMs, viewsFrom);
}

function union(some: readonly Cause[], more: readonly Cause[]): readonly Cause[] {
  if (some.length === 0) return more;
  const added = more.filter((cause) => !some.includes(cause));
  return added.length === 0 ? some : some.concat(added);
}

function settleAll(draft: Draft): void {
  settle(draft, draft.awaiting);
  draft.awaiting = [];
  draft.causes = [];
}

function settle(draft: Draft, tokens: readonly number[]): void {
  if (tokens.length > 0) draft.effects.push({ kind: "settle", tokens });
}

/** Requests a full read that begins after this call. */
export function requestRead(draft: Draft, wanted: Partial<ReadRequest>): void {
  const { causes = [], tokens = [], adopter = null, check = false } = wanted;
  const next = draft.nextRead;
  draft.nextRead = next === null ? { causes, tokens, adopter, check } : {
    causes: union(next.causes, causes),
    tokens: next.tokens.concat(tokens),
    adopter: Math.max(next.adopter ?? 0, adopter ?? 0) || null,
    check: check || next.check,
  };
  beginNextRead(draft);
}

/** Begins the requested read, unless another one is under way or pacing does not allow it yet. */
export function beginNextRead(draft: Draft): void {
  const request = draft.nextRead;
  if (draft.reading !== null || request === null) return;
  const at = earliest(draft, request);
  const ms = at - draft.now.monotonic;
  if (ms > 0) {
    if (at !== draft.nextReadAt) draft.effects.push({ kind: "arm", timer: "read", ms });
    draft.nextReadAt = at;
    return;
  }
  draft.nextReadAt = null;
  draft.nextRead = null;
  const socket = syncedSocket(draft);
  // without a table this read serves a pending event too: if it fails, the subscription must be replaced
  const covers = draft.changePending && draft.tableless && socket !== null;
  if (covers) draft.changePending = false;
  const adopter = covers ? socket.id : request.adopter;
  const causes: readonly Cause[] = covers ? [...request.causes, "event"] : request.causes;
  const { config, metrics: { events, published } } = draft;
  // the interval limits a read only if nothing but a reconcile tick requested it
  const interval = causes.length === 0 ? config.reconcileIntervalMs : Infinity;
  const id = ++draft.lastId;
  const since = draft.now.monotonic;
  draft.reading = { ...request, adopter, causes, id, since, events, published };
  draft.effects.push({ kind: "read", id, limitMs: Math.min(READ_LIMIT_MS, interval) });
}

/**
 * When the read may begin, in monotonic milliseconds. One that somebody waits for begins as soon as the event
 * loop has had a turn since the last read; all others leave three quarters of the time to the program.
 */
function earliest(draft: Draft, { adopter, causes, tokens }: ReadRequest): number {
  const { check, config: { coalesceMs }, lastRead: { endedAt, ms }, publishedAt } = draft;
  const rest = restMs(ms);
  const isFirstOfSocket = adopter !== null && syncedSocket(draft)?.id !== adopter;
  const isRecheck = check !== null && check.rounds > 0;
  const isUrgent = tokens.length > 0 || isFirstOfSocket || isRecheck;
  if (isUrgent) return endedAt + Math.min(rest, 1);
  if (causes.length === 0 || rest === 0) return endedAt + rest; // a reconcile has no cause
  // such a read need not end before the next publication
  return Math.max(endedAt + Math.max(rest, coalesceMs / 2), publishedAt + coalesceMs - 2 * ms);
}

/** Whether anything arrived or was published during the read, so that it may show an older state. */
export function isRaced({ metrics }: Draft, read: ReadInFlight): boolean {
  return metrics.events !== read.events || metrics.published !== read.published;
}

export function startCheck(draft: Draft): void {
  if (draft.check !== null) return;
  draft.check = newCheck(draft);
  requestRead(draft, { check: true });
}

function newCheck({ metrics }: Draft): Check {
  return { rounds: 0, suspects: new Map(), events: metrics.events };
}

/** Ends the comparison: it is complete, or its table is gone. */
export function endCheck(draft: Draft): void {
  if (draft.check !== null) draft.effects.push({ kind: "disarm", timer: "recheck" });
  draft.check = null;
}

/** Compares again after a pause: by then the messages about what the read showed must have arrived. */
export function recheckLater(draft: Draft, check = newCheck(draft)): void {
  draft.check = { ...check, from: draft.now.monotonic + RECHECK_MS / 2 };
  draft.effects.push({ kind: "arm", timer: "recheck", ms: RECHECK_MS });
}

/** Publishes a read while no socket is synced: there is no table to compare it with. */
export function offerRead(draft: Draft, read: Read): void {
  const { adopter, causes, check, state, tokens } = read;
  // what was published meanwhile is newer than this read
  if (isRaced(draft, read)) return requestRead(draft, { adopter, causes, check, tokens });
  if (check) {
    countReconcile(draft);
    endCheck(draft);
  }
  offer(draft, state, check ? [...causes, "reconcile"] : causes, tokens);
}

/**
 * Compares a read with the view taken right after it; the view is null if the source keeps no table. A read sees a
 * change before its message arrives, so a single mismatch is not drift; a mismatch that persists across rounds
 * with no event in between is. Returns a description of the drift.
 */
export function compare(draft: Draft, read: Read, view: State | null): string | undefined {
  countReconcile(draft);
  if (view !== null && draft.config.polling) {
    endCheck(draft);
    return void offer(draft, view, ["reconcile"]);
  }
  // without a table, the previous read stands in for it, even if not published yet
  const table = view ?? draft.newest as State;
  const found = differences(table, read.state);
  if (found.size === 0) {
    endCheck(draft);
    draft.mayBeStale = false;
    return void publishFound(draft, view ?? read.state);
  }
  // the BSDs do not announce that the flags of an address changed, or that a driver stopped (ifnet_set_flags() of xnu)
  const isSilent = (it: Change): boolean =>
    it.kind === "interface-changed"
      ? it.fields.every((field) => field === "running" || field === "flags")
      : it.kind === "address-changed";
  if (view === null && diffInterfaces(table, read.state).every(isSilent)) {
    endCheck(draft);
    return void offer(draft, read.state, ["reconcile"]);
  }
  if (view !== null) publishFound(draft, view);
  const before = draft.check ?? newCheck(draft);
  if (read.since < (before.from ?? 0)) return undefined; // it was requested before the last comparison
  const { events } = draft.metrics;
  const quiet = before.rounds > 0 && before.events === events;
  // without a table every unannounced change counts, not only one that persists
  const afresh = before.rounds === 0 || (quiet && view === null);
  const suspects = new Map([...found].filter(([key]) => afresh || before.suspects.has(key)));
  if (draft.mayBeStale && suspects.size === 0) {
    // adopting the read may have undone events, which do not come again: compare until the table is correct
    return void recheckLater(draft, { rounds: 1, suspects: found, events });
  }
  const check = { rounds: before.rounds + 1, suspects, events };
  const isDrift = quiet || check.rounds >= MAX_ROUNDS;
  if (suspects.size > 0 && !isDrift) return void recheckLater(draft, check);
  endCheck(draft);
  return suspects.size > 0 ? [...suspects.values()].join("; ") : undefined;
}

/** Publishes a view that agrees with the read, with the cause of any difference from the published state. */
function publishFound(draft: Draft, state: State): void {
  const published = draft.published as State;
  // the difference arrived with the last drain, or waits for the window
  if (diffInterfaces(state, published).length > 0) return offer(draft, state, ["event"]);
  const pending = draft.causes.some((cause) => cause !== "resume");
  if (!pending && !sameRoutes(state, published)) draft.metrics.routeSurprises++;
  offer(draft, state, pending ? [] : ["reconcile"]);
}

export function countReconcile(draft: Draft): void {
  draft.metrics.reconciles++;
  draft.health.lastReconcileAt = draft.now.wall;
}

/** Where the table differs from the kernel state: a key per record or field, with a description for the log. */
function differences(table: State, kernel: State): Map<string, string> {
  const found = new Map<string, string>();
  for (const change of diffInterfaces(table, kernel)) {
    const text = formatChange(change);
    for (const record of recordsOf(change, kernel)) found.set(JSON.stringify(record), text);
  }
  return found;
}

/** What identifies the records of a change from round to round. */
function recordsOf(change: Change, kernel: State): unknown[] {
  switch (change.kind) {
    case "interface-added":
    case "interface-removed":
      return [[change.kind, change.interface.name, change.interface.index]];
    case "interface-changed":
      return (change.fields as (keyof Interface)[])
        .map((field) => [change.interface, field, change.from[field], change.to[field]]);
    case "address-added":
    case "address-removed":
    case "address-changed":
      // by index, if known: an interface may be renamed between two rounds
      return [{
        ...change,
        interface: kernel.interfaces[change.interface]?.index || change.interface,
      }];
    default:
      return []; // tables hold neither default routes nor `knows`: each view asks for them
  }
}
