// `step(model, input)` returns the next model and the effects to perform. It is pure: the runner performs the effects.
// Here is what each input does, and the life of a subscription: synced by a read, verified by a canary, lost, replaced.
import { errorText } from "../../state/format.ts";
import type { Logger } from "../../state/ports.ts";
import type { Health } from "../../state/types.ts";
import type { Draft, Input, Model, Read, ReadInFlight, Resume, Socket } from "./model.ts";
import {
  beginNextRead,
  compare,
  considerPublication,
  countReconcile,
  endCheck,
  isRaced,
  offer,
  offerRead,
  recheckLater,
  requestRead,
  requestView,
  restMs,
  startCheck,
  syncedSocket,
} from "./reads.ts";

const LONG_LIFE_MS = 30_000; // losing a subscription that lived this long restarts the backoff
const FIRST_BACKOFF_MS = 50; // the first and the longest wait before a lost socket is reopened
const LONGEST_BACKOFF_MS = 30_000;
const MAX_FAILURES = 2; // this many failed reads in a row degrade the monitor

/** Returns the model after an input, with the effects in order. Does not change the given model. */
export function step(model: Readonly<Model>, input: Input, now: Draft["now"]): Readonly<Draft> {
  const health = { ...model.health };
  const metrics = { ...model.metrics };
  // one copy: the next model still carries this step's time and effects, and the next step replaces both
  const draft: Draft = { ...model, health, metrics, now, effects: [] };
  (INPUTS[input.kind] as (draft: Draft, input: Input) => void)(draft, input);
  return draft;
}

type InputOf<Kind> = Extract<Input, { readonly kind: Kind }>;

const INPUTS: { readonly [Kind in Input["kind"]]: (draft: Draft, input: InputOf<Kind>) => void } = {
  open: subscribe,
  // the subscription delivers events now, so a read that begins from now on misses none
  subscribed: (draft, { id }) => {
    const first = draft.published === null;
    const since = draft.now.monotonic;
    draft.socket = { id, since, synced: false, verified: first, probing: false };
    if (!first) draft.metrics.reopens++;
    requestRead(draft, { causes: [first ? "initial" : "reopen"], adopter: id });
  },
  "subscribe-failed": (draft, { error }) => {
    const text = noteError(draft, error);
    if (text === null) return;
    log(draft, "debug", `Cannot open the socket again: ${text}`);
    retryLater(draft);
  },
  event: onEvent,
  lost: (draft, { id, error }) =>
    loseSocket(draft, id, error ?? new Error("The subscription failed without a reason")),
  viewed: onViewed,
  read: onRead,
  probed: onProbed,
  timer: (draft, { timer }) => TIMERS[timer](draft),
  // comparison and canary run side by side. The read begins first because it drains the event socket: a canary's
  // answer taken by that drain would not have come through the poll, and the canary would have to be sent again
  tick: (draft) => {
    retryNow(draft);
    startCheck(draft);
    probe(draft);
  },
  refresh: (draft, { token }) => requestRead(draft, { causes: ["refresh"], tokens: [token] }),
  close: (draft) => setStatus(draft, "closed", "The monitor was closed"),
};

// a timer that fires a fraction of a millisecond early is armed again
const TIMERS: Readonly<Record<InputOf<"timer">["timer"], (draft: Draft) => void>> = {
  window: (draft) => {
    draft.window = false;
    considerPublication(draft);
  },
  retry: retryNow,
  recheck: (draft) => requestRead(draft, { check: true }),
  read: (draft) => {
    draft.nextReadAt = null;
    beginNextRead(draft);
  },
};

function onEvent(draft: Draft, { id, event }: InputOf<"event">): void {
  const { socket, metrics } = draft;
  if (event.kind === "resumed") onResumed(draft, event); // even if the subscription is gone: no other reports it
  if (socket?.id !== id) return;
  metrics.events++;
  draft.health.lastEventAt = draft.now.wall;
  switch (event.kind) {
    case "changed":
      draft.changePending = true;
      // before a read is adopted there is no table to view: the read under way will show the change
      if (socket.synced) considerPublication(draft, "event");
      return;
    case "overflow":
      metrics.overflows++;
      return requestRead(draft, { causes: ["overflow"], adopter: id });
    case "resync":
      metrics.malformed++;
      return requestRead(draft, { causes: ["event"], adopter: id });
    case "resumed":
    case "clock-stepped":
      return startCheck(draft);
  }
}

function onResumed(draft: Draft, { at, sleptMs }: Resume): void {
  if (!Number.isFinite(at) || !Number.isFinite(sleptMs)) return; // of a source that cannot be right
  draft.metrics.resumes++;
  const last = draft.resumes.at(-1) ?? draft.resumed;
  if (last?.at === at && last.sleptMs === sleptMs) return;
  draft.resumes = [...draft.resumes, { at, sleptMs }];
  considerPublication(draft, "resume");
}

function onViewed(draft: Draft, { id, state }: InputOf<"viewed">): void {
  const { now, viewing } = draft;
  if (viewing === null) return;
  draft.viewing = null;
  draft.viewsFrom = now.monotonic + restMs(now.monotonic - viewing.since);
  const { adopts, read } = viewing;
  const synced = syncedSocket(draft);
  const socket = synced?.id === id ? synced : null;
  const view = socket && state; // the view of a lost socket does not count
  if (socket !== null) draft.tableless = view === null;
  if (view !== null) draft.changePending = false;
  if (read !== undefined) {
    if (socket === null) return offerRead(draft, read);
    if (adopts) return offer(draft, view ?? read.state, read.causes, read.tokens);
    const drift = compare(draft, read, view);
    return drift === undefined ? undefined : onDrift(draft, socket, read, drift);
  }
  // without a table, a change is found only by a read; until then, the newest reading is the state
  if (view === null && draft.changePending && synced !== null) {
    requestRead(draft, { causes: ["event"], adopter: synced.id });
  }
  const newest = view ?? draft.newest;
  if (newest !== null) offer(draft, newest);
}

function onRead(draft: Draft, { id, outcome }: InputOf<"read">): void {
  const { now, reading, socket } = draft;
  if (reading?.id !== id) return; // that read has already ended
  draft.reading = null;
  const ms = outcome.ok ? now.monotonic - reading.since : draft.lastRead.ms;
  draft.lastRead = { endedAt: now.monotonic, ms };
  if (!outcome.ok) return onReadFailed(draft, reading, outcome.error);
  draft.readFailures = 0;
  draft.metrics.fullReads++;
  updateStatus(draft);
  const read = { ...reading, ...outcome.value };
  if (socket !== null && (read.adopter === socket.id || socket.synced && read.tokens.length > 0)) {
    if (read.check) countReconcile(draft);
    adopt(draft, socket, read);
  } else if (socket?.synced) {
    requestView(draft, socket, read);
  } else {
    offerRead(draft, read);
  }
  beginNextRead(draft);
}

function onReadFailed(draft: Draft, read: ReadInFlight, error: unknown): void {
  draft.readFailures++;
  draft.metrics.readFailures++;
  const text = noteError(draft, error);
  if (text === null) return;
  log(draft, draft.readFailures === 1 ? "warn" : "debug", `Cannot read the network: ${text}`);
  updateStatus(draft);
  if (read.tokens.length > 0) draft.effects.push({ kind: "settle", tokens: read.tokens, error });
  if (read.check) endCheck(draft);
  // the table lacks what this read should have added, so a new socket starts over with a read of its own
  if (read.adopter !== null) loseSocket(draft, read.adopter, error);
  beginNextRead(draft);
}

function subscribe(draft: Draft): void {
  draft.retrying = false;
  draft.effects.push({ kind: "subscribe", id: ++draft.lastId });
}

/** The subscription has ended: opens another one after a wait. */
function loseSocket(draft: Draft, id: number, error: unknown): void {
  const { socket } = draft;
  if (socket?.id !== id) return;
  const text = noteError(draft, error);
  if (text !== null) replaceSocket(draft, socket, `The event source was lost: ${text}`, true);
}

/** Replaces the subscription: at once if it was verified, else after a wait. */
function replaceSocket(
  draft: Draft,
  socket: Socket,
  reason: string,
  waits = !socket.verified,
): void {
  draft.effects.push({ kind: "dispose", id: socket.id });
  if (draft.now.monotonic - socket.since >= LONG_LIFE_MS) draft.attempt = 0;
  draft.socket = null;
  endCheck(draft);
  log(draft, draft.health.status === "degraded" ? "debug" : "warn", reason);
  draft.socketFault = reason;
  updateStatus(draft);
  if (waits) retryLater(draft);
  else subscribe(draft);
}

/** The backoff is over, or the reconcile tick cuts it short. */
function retryNow(draft: Draft): void {
  if (!draft.retrying) return;
  draft.effects.push({ kind: "disarm", timer: "retry" });
  subscribe(draft);
}

/** Replaces the subscription's table with the reading; any difference is then published. */
function adopt(draft: Draft, socket: Socket, read: Read): void {
  draft.socket = { ...socket, synced: true };
  draft.effects.push({ kind: "adopt", id: socket.id, reading: read.reading });
  requestView(draft, socket, { ...read, check: false }, true); // a reconcile is counted by now
  endCheck(draft);
  // an event that came during the read may be newer than the read, which now overwrites its change
  draft.mayBeStale = isRaced(draft, read) && !draft.tableless && !draft.config.polling;
  if (draft.mayBeStale) recheckLater(draft);
  // without a table, no view shows changes that came during this first read
  if (!socket.synced && draft.tableless && draft.changePending) {
    requestRead(draft, { causes: ["event"], adopter: socket.id });
  }
  if (!socket.verified) probe(draft);
}

/** Sends the canary, unless one is under way or the table is not synced yet. */
function probe(draft: Draft): void {
  const socket = syncedSocket(draft);
  if (socket === null || socket.probing) return;
  draft.socket = { ...socket, probing: true };
  draft.metrics.canaries++;
  draft.effects.push({ kind: "probe", id: socket.id });
}

function onProbed(draft: Draft, { id, outcome }: InputOf<"probed">): void {
  const { socket } = draft;
  if (socket?.id !== id) return;
  if (!outcome.ok) {
    draft.metrics.canariesMissed++;
    const text = noteError(draft, outcome.error);
    return replaceSocket(draft, socket, `The event source did not answer its canary: ${text}`);
  }
  draft.socket = { ...socket, probing: false, verified: true };
  draft.socketFault = null;
  updateStatus(draft);
}

function updateStatus(draft: Draft): void {
  const { config, health, readFailures } = draft;
  const fault = draft.socketFault ??
    (readFailures >= MAX_FAILURES ? `Reads fail: ${health.lastError}` : null);
  if (fault !== null) return setStatus(draft, "degraded", fault);
  if (health.status === "degraded") log(draft, "info", `Recovered from: ${health.reason}`);
  setStatus(draft, config.polling ? "polling" : "live", config.reason);
}

function setStatus({ health, now }: Draft, status: Health["status"], reason: string | null): void {
  if (health.status !== status) health.since = now.wall;
  health.status = status;
  health.reason = reason;
}

/** Keeps the error for `health` and returns its text; before the first publication, opening fails instead: null. */
function noteError(draft: Draft, error: unknown): string | null {
  draft.health.lastError = errorText(error);
  if (draft.published !== null) return draft.health.lastError;
  draft.effects.push({ kind: "fail", error });
  return null;
}

function log(draft: Draft, level: keyof Logger, message: string): void {
  draft.effects.push({ kind: "log", level, message: `${draft.config.source}: ${message}` });
}

/**
 * The wait in milliseconds after this many failed attempts to subscribe: 50 ms, doubling up to 30 s, minus a random
 * part of at most half, so that the monitors of one machine do not all retry at the same moment.
 */
export function backoffMs(attempt: number, random: number): number {
  const longest = Math.min(FIRST_BACKOFF_MS * 2 ** attempt, LONGEST_BACKOFF_MS);
  return Math.ceil(longest * (1 - random / 2));
}

function retryLater(draft: Draft): void {
  draft.retrying = true;
  draft.effects.push({ kind: "retry", attempt: draft.attempt++ });
}

/** The table lacks changes that no event had announced. */
function onDrift(draft: Draft, socket: Socket, read: Read, drift: string): void {
  if (draft.mayBeStale) {
    // the view just taken may include events newer than this read, so the read counts as raced
    return adopt(draft, socket, { ...read, causes: ["reconcile"], events: -1 });
  }
  draft.metrics.driftsFound++;
  replaceSocket(draft, socket, `Reconcile found changes that no event had announced: ${drift}`);
  offerRead(draft, { ...read, causes: ["reconcile"], check: false });
}
