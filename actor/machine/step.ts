// `step(model, input)` returns the next model and the effects to perform. Pure; the runner performs them.
import type { SourceEvent } from "../../state/source.ts";
import type { State } from "../../state/types.ts";
import { errorText } from "../user_code.ts";
import { considerPublication, offer, onWindowEnd, requestView, syncedSocket } from "./coalesce.ts";
import {
  type Draft,
  type Effect,
  type Input,
  type Model,
  type Now,
  type Observation,
  type ReadInFlight,
  restMs,
  type TimerName,
} from "./model.ts";
import { beginNextRead, endCheck, onReadTimer, requestRead, startCheck } from "./reads.ts";
import { compare, countReconcile, offerRead, onRecheck, onTick } from "./reconcile.ts";
import {
  adopt,
  log,
  loseSocket,
  onProbed,
  onSubscribed,
  onSubscribeFailed,
  retryNow,
  subscribe,
  updateStatus,
} from "./subscription.ts";

/**
 * The model after an input, and what is to be done, in order.
 *
 * @param model The model before; it is not changed.
 * @param input What happened.
 * @param now When.
 */
export function step(
  model: Readonly<Model>,
  input: Input,
  now: Now,
): [Readonly<Model>, readonly Effect[]] {
  const health = { ...model.health };
  const metrics = { ...model.metrics };
  // one copy: the next model keeps time and effects of this step, and the step after it replaces both
  const draft: Draft = { ...model, health, metrics, now, effects: [] };
  take(draft, input);
  return [draft, draft.effects];
}

function take(draft: Draft, input: Input): void {
  switch (input.kind) {
    case "open":
      return subscribe(draft);
    case "subscribed":
      return onSubscribed(draft, input.id);
    case "subscribe-failed":
      return onSubscribeFailed(draft, input.error);
    case "event":
      return onEvent(draft, input.id, input.event);
    case "lost":
      return loseSocket(draft, input.id, input.error);
    case "viewed":
      return onViewed(draft, input.id, input.state);
    case "read":
      return onRead(draft, input.id, input.observation);
    case "read-failed":
      return onReadFailed(draft, input.id, input.error);
    case "probed":
      return onProbed(draft, input.id, input.error);
    case "timer":
      return TIMERS[input.timer](draft);
    case "tick":
      return onTick(draft);
    case "refresh":
      return requestRead(draft, { causes: ["refresh"], tokens: [input.token] });
    case "close":
      return updateStatus(draft, "closed");
  }
}

const TIMERS: Record<TimerName, (draft: Draft) => void> = {
  window: onWindowEnd,
  retry: retryNow,
  recheck: onRecheck,
  read: onReadTimer,
};

function onEvent(draft: Draft, id: number, event: SourceEvent): void {
  const { socket, metrics } = draft;
  if (socket.kind !== "open" || socket.id !== id) return;
  metrics.events++;
  draft.health.lastEventAt = draft.now.wall;
  switch (event.kind) {
    case "changed":
      draft.changePending = true;
      // before a read is adopted there is no table to view: the read under way shows the change
      if (socket.synced) considerPublication(draft, "event");
      return;
    case "overflow":
      metrics.overflows++;
      return requestRead(draft, { causes: ["overflow"], base: id });
    case "resync":
      metrics.malformed++;
      return requestRead(draft, { causes: ["event"], base: id });
    case "resumed":
      metrics.resumes++;
      onResumed(draft, event.at, event.sleptMs);
      return startCheck(draft);
    case "clock-stepped":
      return startCheck(draft);
  }
}

function onResumed(draft: Draft, at: number, sleptMs: number): void {
  const last = draft.resumes.at(-1) ?? draft.resumed;
  if (last?.at === at && last.sleptMs === sleptMs) return;
  draft.resumes = [...draft.resumes, { at, sleptMs }];
  considerPublication(draft, "resume");
}

function onViewed(draft: Draft, id: number, state: State | null): void {
  const { viewing } = draft;
  if (viewing === null) return;
  draft.viewing = null;
  draft.viewsFrom = draft.now.monotonic + restMs(draft.now.monotonic - viewing.since);
  const synced = syncedSocket(draft)?.id === id;
  const view = synced ? state : null; // nothing that a lost socket showed counts
  if (synced) draft.tableless = view === null;
  if (view !== null) draft.changePending = false;
  const { purpose } = viewing;
  if (purpose.for === "publication") return onPublicationView(draft, view);
  const { observation, read } = purpose;
  if (purpose.for === "adoption") {
    return offer(draft, view ?? observation.state, read.causes, read.tokens);
  }
  if (synced) compare(draft, observation, view, read);
  else offerRead(draft, observation, read);
}

/** Without a table, a change is found by a read; until then the newest reading is the state. */
function onPublicationView(draft: Draft, view: State | null): void {
  const socket = syncedSocket(draft);
  if (view === null && draft.changePending && socket !== null) {
    requestRead(draft, { causes: ["event"], base: socket.id });
  }
  const state = view ?? draft.newest;
  if (state !== null) offer(draft, state);
}

function onRead(draft: Draft, id: number, observation: Observation): void {
  const read = endRead(draft, id);
  if (read === null) return;
  draft.lastRead = { ...draft.lastRead, ms: draft.now.monotonic - read.since };
  draft.readFailures = 0;
  draft.metrics.fullReads++;
  updateStatus(draft);
  const { socket } = draft;
  const synced = syncedSocket(draft);
  if (
    socket.kind === "open" &&
    (read.base === socket.id || (socket.synced && read.tokens.length > 0))
  ) {
    if (read.check) countReconcile(draft);
    adopt(draft, socket, observation, read);
  } else if (synced !== null) {
    requestView(draft, synced, { for: "check", observation, read });
  } else {
    offerRead(draft, observation, read);
  }
  beginNextRead(draft);
}

function onReadFailed(draft: Draft, id: number, error: unknown): void {
  const read = endRead(draft, id);
  if (read === null) return;
  draft.readFailures++;
  draft.metrics.readFailures++;
  draft.health.lastError = errorText(error);
  if (draft.published === null) {
    draft.effects.push({ kind: "fail", error });
    return;
  }
  const level = draft.readFailures === 1 ? "warn" : "debug";
  log(draft, level, `Cannot read the network: ${errorText(error)}`);
  updateStatus(draft);
  if (read.tokens.length > 0) draft.effects.push({ kind: "settle", tokens: read.tokens, error });
  if (read.check) endCheck(draft);
  // the table lacks what this read was to bring, so a new socket begins with another one
  if (read.base !== null) loseSocket(draft, read.base, error);
  beginNextRead(draft);
}

/** The read is over; null if it is not the one in flight. */
function endRead(draft: Draft, id: number): ReadInFlight | null {
  const read = draft.reading;
  if (read?.id !== id) return null;
  draft.reading = null;
  draft.lastRead = { ...draft.lastRead, endedAt: draft.now.monotonic };
  return read;
}
