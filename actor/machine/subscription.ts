/**
 * The life of the one subscription: opened, given the truth, proven by a canary, lost, replaced.
 *
 * @module
 */
import type { Logger } from "../../state/runtime.ts";
import { errorText } from "../user_code.ts";
import type { Draft, Hearing, ReadInFlight, Seen } from "./model.ts";
import { considerPublication } from "./coalesce.ts";
import { endCheck, isRaced, requestRead } from "./reads.ts";
import type { Cause } from "../../state/types.ts";

/** A subscription that lived so long starts the backoff anew when it is lost, in milliseconds. */
const LONG_LIFE_MS = 30_000;

/** The waits before a lost socket is opened again, in milliseconds. */
const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 30_000;

/** How long after a doubtful or differing look the next one comes, in milliseconds. */
export const LOOK_AGAIN_MS = 50;

/** Asks the source for a new subscription. */
export function subscribe(draft: Draft): void {
  draft.lastSubscription++;
  draft.socket = { kind: "subscribing", id: draft.lastSubscription };
  draft.effects.push({ kind: "subscribe", id: draft.lastSubscription });
}

/** The source has subscribed: it hears, and the truth read from now on misses nothing. */
export function onSubscribed(draft: Draft, id: number): void {
  const first = draft.published === null;
  const since = draft.now.monotonic;
  draft.socket = { kind: "hearing", id, since, based: false, proven: first, probing: false };
  if (!first) draft.metrics.reopens++;
  requestRead(draft, { causes: [first ? "initial" : "reopen"], base: id });
}

/** The source could not subscribe. */
export function onSubscribeFailed(draft: Draft, error: unknown): void {
  draft.health.lastError = errorText(error);
  if (draft.published === null) {
    draft.effects.push({ kind: "fail", error });
    return;
  }
  log(draft, "debug", `Cannot open the socket again: ${errorText(error)}`);
  retryLater(draft);
}

/** The subscription is gone: opens another one after a wait. */
export function loseSocket(draft: Draft, id: number, error: unknown): void {
  if (draft.socket.kind !== "hearing" || draft.socket.id !== id) return;
  draft.health.lastError = errorText(error);
  if (draft.published === null) {
    draft.effects.push({ kind: "fail", error });
    return;
  }
  abandon(draft, draft.socket);
  degrade(draft, `The socket was lost: ${errorText(error)}`);
  retryLater(draft);
}

/**
 * The subscription does not tell what it should: opens another one, at once unless this one was on
 * trial.
 */
export function replaceSocket(draft: Draft, reason: string, level?: keyof Logger): void {
  if (draft.socket.kind !== "hearing") return;
  const { proven } = draft.socket;
  abandon(draft, draft.socket);
  degrade(draft, reason, level);
  if (proven) subscribe(draft);
  else retryLater(draft);
}

/** The wait is over, or the reconcile tick cuts it short. */
export function retryNow(draft: Draft): void {
  if (draft.socket.kind !== "waiting") return;
  draft.effects.push({ kind: "disarm", timer: "retry" });
  subscribe(draft);
}

/** The truth replaces the table, and what then differs is published. */
export function adopt(
  draft: Draft,
  socket: Hearing,
  seen: Seen,
  read: ReadInFlight,
  causes: readonly Cause[],
): void {
  draft.socket = { ...socket, based: true };
  draft.effects.push({ kind: "adopt", id: socket.id, reading: seen.reading });
  draft.effects.push({
    kind: "view",
    id: socket.id,
    use: { for: "read", seen, read: { ...read, causes } },
  });
  endCheck(draft);
  // an event that came while the truth was being read may be newer than it, and is overwritten now
  draft.unsure = isRaced(draft, read) && !draft.tableless && !draft.config.polling;
  if (draft.unsure) {
    draft.check = { looks: 0, suspects: new Map(), heard: draft.heard };
    draft.effects.push({ kind: "arm", timer: "look", ms: LOOK_AGAIN_MS });
  }
  // without a table, what came while this first read was under way is in none yet
  if (!socket.based && draft.tableless && draft.stale) considerPublication(draft, "event");
  if (!socket.proven) probe(draft);
}

/** Sends the canary, unless one is on its way or the table has no base yet. */
export function probe(draft: Draft): void {
  if (draft.socket.kind !== "hearing" || !draft.socket.based || draft.socket.probing) return;
  draft.socket = { ...draft.socket, probing: true };
  draft.metrics.canaries++;
  draft.effects.push({ kind: "probe", id: draft.socket.id });
}

/** The canary was answered, or was not (error). */
export function onProbed(draft: Draft, id: number, error: unknown): void {
  if (draft.socket.kind !== "hearing" || draft.socket.id !== id) return;
  if (error !== null) {
    draft.metrics.canariesMissed++;
    draft.health.lastError = errorText(error);
    replaceSocket(draft, `The socket did not answer its canary: ${errorText(error)}`);
    return;
  }
  const { proven } = draft.socket;
  draft.socket = { ...draft.socket, probing: false, proven: true };
  if (proven) return;
  const { polling, reason } = draft.config;
  setStatus(draft, polling ? "polling" : "live", polling ? reason : null);
  log(draft, "info", "The socket hears again");
}

/** Shows a status and why. */
export function setStatus(
  draft: Draft,
  status: Draft["health"]["status"],
  reason: string | null,
): void {
  if (draft.health.status !== status) draft.health.since = draft.now.wall;
  draft.health.status = status;
  draft.health.reason = reason;
}

/** Writes to the log, under the name of the source. */
export function log(draft: Draft, level: keyof Logger, message: string): void {
  draft.effects.push({ kind: "log", level, message: `${draft.config.source}: ${message}` });
}

function degrade(draft: Draft, reason: string, level?: keyof Logger): void {
  log(draft, level ?? (draft.health.status === "degraded" ? "debug" : "warn"), reason);
  setStatus(draft, "degraded", reason);
}

function abandon(draft: Draft, socket: Hearing): void {
  draft.effects.push({ kind: "dispose", id: socket.id });
  if (draft.now.monotonic - socket.since >= LONG_LIFE_MS) draft.attempt = 0;
  draft.socket = { kind: "none" };
  endCheck(draft);
}

function retryLater(draft: Draft): void {
  draft.socket = { kind: "waiting" };
  draft.effects.push({ kind: "retry", attempt: draft.attempt });
  draft.attempt++;
}

/**
 * The wait before an attempt to subscribe (0 is the first), in milliseconds: 50 ms, doubling up to 30 s, less
 * a random part of at most half, so that the monitors of one machine do not all come back at the same moment.
 *
 * @param attempt How many attempts have failed.
 * @param random From 0 to below 1.
 */
export function backoffMs(attempt: number, random: number): number {
  const longest = Math.min(FIRST_BACKOFF_MS * 2 ** attempt, LONGEST_BACKOFF_MS);
  return Math.ceil(longest * (1 - random / 2));
}
