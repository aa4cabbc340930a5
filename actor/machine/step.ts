/**
 * The machine: what happens goes in, what is to be done comes out. Pure; the runner performs it.
 *
 * @module
 */
import type { SourceEvent } from "../../state/source.ts";
import { errorText } from "../user_code.ts";
import type { Draft, Effect, Input, Model, Now, Seen } from "./model.ts";
import { basedSocket, considerPublication, offer, onWindowEnd } from "./coalesce.ts";
import { compare, countReconcile, onLook, onTick, withoutTable } from "./reconcile.ts";
import { beginNextRead, endCheck, requestRead, startCheck } from "./reads.ts";
import {
  adopt,
  log,
  loseSocket,
  onProbed,
  onSubscribed,
  onSubscribeFailed,
  retryNow,
  setStatus,
  subscribe,
} from "./subscription.ts";

/**
 * What the machine knows after the input, and what it wants done, in order. The model is not
 * changed.
 */
export function step(model: Model, input: Input, now: Now): [Model, readonly Effect[]] {
  const { health, metrics } = model;
  const draft: Draft = {
    ...model,
    health: { ...health },
    metrics: { ...metrics },
    now,
    effects: [],
  };
  take(draft, input);
  const { now: _now, effects, ...next } = draft;
  return [next, effects];
}

function take(draft: Draft, input: Input): void {
  switch (input.kind) {
    case "open":
      return subscribe(draft);
    case "subscribed":
      return onSubscribed(draft, input.id);
    case "subscribe-failed":
      return onSubscribeFailed(draft, input.error);
    case "heard":
      return onHeard(draft, input.id, input.event);
    case "lost":
      return loseSocket(draft, input.id, input.error);
    case "viewed":
      return onViewed(draft, input);
    case "read":
      return onRead(draft, input.id, input.seen);
    case "read-failed":
      return onReadFailed(draft, input.id, input.error);
    case "probed":
      return onProbed(draft, input.id, input.error);
    case "timer":
      return onTimer(draft, input.timer);
    case "tick":
      return onTick(draft);
    case "refresh":
      return requestRead(draft, { causes: ["refresh"], tokens: [input.token] });
    case "close":
      return setStatus(draft, "closed", "The monitor was closed");
  }
}

function onTimer(draft: Draft, timer: "window" | "retry" | "look"): void {
  switch (timer) {
    case "window":
      return onWindowEnd(draft);
    case "retry":
      return retryNow(draft);
    case "look":
      return onLook(draft);
  }
}

function onHeard(draft: Draft, id: number, event: SourceEvent): void {
  if (draft.socket.kind !== "hearing" || draft.socket.id !== id) return;
  draft.heard++;
  draft.metrics.events++;
  draft.health.lastEventAt = draft.now.wall;
  switch (event.kind) {
    case "changed":
      draft.stale = true;
      // before the table has its base there is nothing to look at: the read that is under way tells
      if (draft.socket.based) considerPublication(draft, "event");
      return;
    case "overflow":
      draft.metrics.overflows++;
      draft.effects.push({ kind: "view", id, use: { for: "drain" } });
      return requestRead(draft, { causes: ["overflow"], base: id });
    case "resync":
      draft.metrics.malformed++;
      draft.effects.push({ kind: "view", id, use: { for: "drain" } });
      return requestRead(draft, { causes: ["event"], base: id });
    case "resumed":
      draft.metrics.resumes++;
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

function onViewed(draft: Draft, { id, use, seen }: Input & { kind: "viewed" }): void {
  const current = basedSocket(draft)?.id === id;
  if (current) {
    draft.tableless = seen === null;
    if (seen !== null) draft.stale = false;
  }
  switch (use.for) {
    case "drain":
      return;
    case "publication":
      return onPublicationView(draft, current ? seen : draft.newest);
    case "read":
      return offer(draft, (current ? seen : null) ?? use.seen, use.read.causes, use.read.tokens);
    case "check":
      return current
        ? compare(draft, use.seen, seen, use.read)
        : withoutTable(draft, use.seen, use.read);
  }
}

/**
 * Without a table, an announcement is looked into by a read; until then the newest reading is the
 * state.
 */
function onPublicationView(draft: Draft, seen: Seen | null): void {
  if (seen !== null) return offer(draft, seen);
  const socket = basedSocket(draft);
  if (draft.stale && socket !== null) {
    requestRead(draft, { causes: ["event"], base: socket.id });
  }
  if (draft.newest !== null) offer(draft, draft.newest);
}

function onRead(draft: Draft, id: number, seen: Seen): void {
  const read = draft.reading;
  if (read?.id !== id) return;
  draft.reading = null;
  draft.readFailing = false;
  draft.metrics.fullReads++;
  const socket = draft.socket.kind === "hearing" ? draft.socket : null;
  if (socket !== null && (read.base === socket.id || (socket.based && read.tokens.length > 0))) {
    if (read.check) countReconcile(draft);
    adopt(draft, socket, seen, read, read.causes);
  } else if (socket?.based) {
    draft.effects.push({ kind: "view", id: socket.id, use: { for: "check", seen, read } });
  } else {
    withoutTable(draft, seen, read);
  }
  beginNextRead(draft);
}

function onReadFailed(draft: Draft, id: number, error: unknown): void {
  const read = draft.reading;
  if (read?.id !== id) return;
  draft.reading = null;
  draft.metrics.readFailures++;
  draft.health.lastError = errorText(error);
  if (draft.published === null) {
    draft.effects.push({ kind: "fail", error });
    return;
  }
  log(draft, draft.readFailing ? "debug" : "warn", `Cannot read the truth: ${errorText(error)}`);
  draft.readFailing = true;
  if (read.tokens.length > 0) draft.effects.push({ kind: "reject", tokens: read.tokens, error });
  if (read.check) endCheck(draft);
  // nobody else would tell what this read was to tell: the table is not to be trusted
  if (read.base !== null) loseSocket(draft, read.base, error);
  beginNextRead(draft);
}
