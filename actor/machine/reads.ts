/**
 * Full reads: one at a time, and one more for all that asked meanwhile.
 *
 * @module
 */
import type { Draft, ReadInFlight, Request } from "./model.ts";
import { basedSocket } from "./coalesce.ts";

/** Wants a full read that begins from now on. */
export function requestRead(draft: Draft, wanted: Partial<Request>): void {
  const request = { causes: [], tokens: [], base: null, check: false, ...wanted };
  if (draft.reading === null) beginRead(draft, request);
  else draft.next = draft.next === null ? request : merge(draft.next, request);
}

/** Begins the read that waited for the one before. */
export function beginNextRead(draft: Draft): void {
  if (draft.reading !== null || draft.next === null) return;
  const request = draft.next;
  draft.next = null;
  beginRead(draft, request);
}

/** Starts a comparison with the truth, unless one is at work. */
export function startCheck(draft: Draft): void {
  if (draft.check !== null) return;
  draft.check = { looks: 0, suspects: new Map(), heard: draft.heard };
  requestRead(draft, { check: true });
}

/** The comparison is over, or what it compared is gone. */
export function endCheck(draft: Draft): void {
  if (draft.check !== null) draft.effects.push({ kind: "disarm", timer: "look" });
  draft.check = null;
}

/**
 * Whether something was heard or published while the read was under way, so that it may be the
 * older truth.
 */
export function isRaced(draft: Draft, read: ReadInFlight): boolean {
  return draft.heard !== read.heard || draft.sequence !== read.sequence;
}

function beginRead(draft: Draft, request: Request): void {
  const socket = basedSocket(draft);
  // without a table, what an event announced is found by a read, and a failure of it must not pass
  const covers = draft.stale && draft.tableless && socket !== null;
  if (covers) draft.stale = false;
  draft.lastRead++;
  draft.reading = {
    ...request,
    ...(covers ? { base: socket.id, causes: [...request.causes, "event"] } : {}),
    id: draft.lastRead,
    heard: draft.heard,
    sequence: draft.sequence,
  };
  draft.effects.push({ kind: "read", id: draft.lastRead });
}

function merge(a: Request, b: Request): Request {
  return {
    causes: [...new Set([...a.causes, ...b.causes])],
    tokens: [...a.tokens, ...b.tokens],
    base: a.base === null || b.base === null ? a.base ?? b.base : Math.max(a.base, b.base),
    check: a.check || b.check,
  };
}
