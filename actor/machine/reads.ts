// Full reads: one at a time, and one more for everything that is asked for meanwhile.
import { syncedSocket } from "./coalesce.ts";
import {
  type Check,
  type Draft,
  READ_LIMIT_MS,
  type ReadInFlight,
  type ReadRequest,
  restMs,
} from "./model.ts";

/** How long a message may arrive after a read has shown its change, in milliseconds. */
const RECHECK_MS = 50;

/** Requests a full read that begins from now on. */
export function requestRead(draft: Draft, wanted: Partial<ReadRequest>): void {
  const request = { causes: [], tokens: [], base: null, check: false, ...wanted };
  draft.nextRead = draft.nextRead === null ? request : merge(draft.nextRead, request);
  beginNextRead(draft);
}

/** Begins the requested read, unless another one is under way or the pace forbids it yet. */
export function beginNextRead(draft: Draft): void {
  const request = draft.nextRead;
  if (draft.reading !== null || request === null) return;
  const at = earliest(draft, request);
  if (at > draft.now.monotonic) {
    if (at !== draft.nextReadAt) {
      draft.effects.push({ kind: "arm", timer: "read", ms: at - draft.now.monotonic });
    }
    draft.nextReadAt = at;
    return;
  }
  draft.nextReadAt = null;
  draft.nextRead = null;
  begin(draft, request);
}

/** Starts a comparison, unless one is under way. */
export function startCheck(draft: Draft): void {
  if (draft.check !== null) return;
  draft.check = { rounds: 0, suspects: new Map(), events: draft.metrics.events };
  requestRead(draft, { check: true });
}

/** The comparison is complete, or its table is gone. */
export function endCheck(draft: Draft): void {
  if (draft.check !== null) draft.effects.push({ kind: "disarm", timer: "recheck" });
  draft.check = null;
}

/** Compares again when the messages of what a read has shown must have arrived. */
export function recheckLater(draft: Draft, check: Check): void {
  draft.check = check;
  draft.effects.push({ kind: "arm", timer: "recheck", ms: RECHECK_MS });
}

/** The timer has fired, if a fraction of a millisecond early, then it is armed again. */
export function onReadTimer(draft: Draft): void {
  draft.nextReadAt = null;
  beginNextRead(draft);
}

/** Whether anything arrived or was published during the read, so that it may show an older state. */
export function isRaced({ metrics }: Draft, read: ReadInFlight): boolean {
  return metrics.events !== read.events || metrics.published !== read.published;
}

function begin(draft: Draft, request: ReadRequest): void {
  const socket = syncedSocket(draft);
  // without a table this read shows what an event announced, so its failure has to count
  const covers = draft.changePending && draft.tableless && socket !== null;
  if (covers) draft.changePending = false;
  draft.lastId++;
  const read: ReadInFlight = {
    ...request,
    ...(covers ? { base: socket.id, causes: [...request.causes, "event"] } : {}),
    id: draft.lastId,
    since: draft.now.monotonic,
    events: draft.metrics.events,
    published: draft.metrics.published,
  };
  draft.reading = read;
  draft.effects.push({ kind: "read", id: read.id, limitMs: limitMs(draft, read) });
}

/** Only a read that a reconcile tick alone wants is bounded by the interval. */
function limitMs({ config }: Draft, { causes, check }: ReadRequest): number {
  const isReconcile = check && causes.length === 0;
  return isReconcile ? Math.min(READ_LIMIT_MS, config.reconcileIntervalMs) : READ_LIMIT_MS;
}

/**
 * When the read may begin, in monotonic milliseconds. One that somebody waits for begins as soon as the event
 * loop has had a turn since the last read; all others leave three quarters of the time to the program.
 */
function earliest(draft: Draft, { base, tokens }: ReadRequest): number {
  const { check, lastRead } = draft;
  const rest = restMs(lastRead.ms);
  const isFirstOfSocket = base !== null && syncedSocket(draft)?.id !== base;
  const isRecheck = check !== null && check.rounds > 0;
  const isUrgent = tokens.length > 0 || isFirstOfSocket || isRecheck;
  return lastRead.endedAt + (isUrgent ? Math.min(rest, 1) : rest);
}

function merge(a: ReadRequest, b: ReadRequest): ReadRequest {
  return {
    causes: [...new Set([...a.causes, ...b.causes])],
    tokens: [...a.tokens, ...b.tokens],
    base: a.base === null || b.base === null ? a.base ?? b.base : Math.max(a.base, b.base),
    check: a.check || b.check,
  };
}
