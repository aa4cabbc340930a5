// The life of the one subscription: opened, synced by a full read, verified by a canary, lost, replaced.
import type { Logger } from "../../state/runtime.ts";
import { errorText } from "../user_code.ts";
import { requestView } from "./coalesce.ts";
import type { Draft, Observation, OpenSocket, ReadInFlight } from "./model.ts";
import { endCheck, isRaced, recheckLater, requestRead } from "./reads.ts";

/** A subscription that lived so long restarts the backoff when it is lost, in milliseconds. */
const LONG_LIFE_MS = 30_000;

/** The waits before a lost socket is opened again, in milliseconds. */
const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 30_000;

/** Reads that fail in a row until the monitor is degraded. */
const FAILURES_MAX = 2;

/** Asks the source for a new subscription. */
export function subscribe(draft: Draft): void {
  draft.lastId++;
  draft.socket = { kind: "subscribing", id: draft.lastId };
  draft.effects.push({ kind: "subscribe", id: draft.lastId });
}

/** The source has subscribed. It delivers events, so a read that begins from now on misses none. */
export function onSubscribed(draft: Draft, id: number): void {
  const first = draft.published === null;
  const since = draft.now.monotonic;
  draft.socket = { kind: "open", id, since, synced: false, verified: first, probing: false };
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

/** The subscription has ended: opens another one after a wait. */
export function loseSocket(draft: Draft, id: number, error: unknown): void {
  if (draft.socket.kind !== "open" || draft.socket.id !== id) return;
  draft.health.lastError = errorText(error);
  if (draft.published === null) {
    draft.effects.push({ kind: "fail", error });
    return;
  }
  abandon(draft, draft.socket);
  degrade(draft, `The socket was lost: ${errorText(error)}`);
  retryLater(draft);
}

/** The subscription misses events: opens another one, at once unless this one was not verified yet. */
export function replaceSocket(draft: Draft, reason: string, level?: keyof Logger): void {
  if (draft.socket.kind !== "open") return;
  const { verified } = draft.socket;
  abandon(draft, draft.socket);
  degrade(draft, reason, level);
  if (verified) subscribe(draft);
  else retryLater(draft);
}

/** The backoff is over, or the reconcile tick cuts it short. */
export function retryNow(draft: Draft): void {
  if (draft.socket.kind !== "waiting") return;
  draft.effects.push({ kind: "disarm", timer: "retry" });
  subscribe(draft);
}

/** The reading replaces the table of the subscription, and what then differs is published. */
export function adopt(
  draft: Draft,
  socket: OpenSocket,
  observation: Observation,
  read: ReadInFlight,
): void {
  draft.socket = { ...socket, synced: true };
  draft.effects.push({ kind: "adopt", id: socket.id, reading: observation.reading });
  requestView(draft, socket, { for: "adoption", observation, read });
  endCheck(draft);
  // an event that came during the read may be newer than it, and its change is overwritten now
  draft.mayBeStale = isRaced(draft, read) && !draft.tableless && !draft.config.polling;
  if (draft.mayBeStale) {
    recheckLater(draft, { rounds: 0, suspects: new Map(), events: draft.metrics.events });
  }
  // without a table no view shows what came during this first read
  if (!socket.synced && draft.tableless && draft.changePending) {
    requestRead(draft, { causes: ["event"], base: socket.id });
  }
  if (!socket.verified) probe(draft);
}

/** Sends the canary, unless one is under way or the table is not synced yet. */
export function probe(draft: Draft): void {
  if (draft.socket.kind !== "open" || !draft.socket.synced || draft.socket.probing) return;
  draft.socket = { ...draft.socket, probing: true };
  draft.metrics.canaries++;
  draft.effects.push({ kind: "probe", id: draft.socket.id });
}

/** The canary was answered, or was not: then there is an error. */
export function onProbed(draft: Draft, id: number, error: unknown): void {
  if (draft.socket.kind !== "open" || draft.socket.id !== id) return;
  if (error !== null) {
    draft.metrics.canariesMissed++;
    draft.health.lastError = errorText(error);
    replaceSocket(draft, `The socket did not answer its canary: ${errorText(error)}`);
    return;
  }
  draft.socket = { ...draft.socket, probing: false, verified: true };
  draft.socketFault = null;
  updateStatus(draft);
}

/** Works out the status and its reason. */
export function updateStatus(draft: Draft, closed?: "closed"): void {
  const { config, health, socketFault, readFailures } = draft;
  const fault = socketFault ??
    (readFailures >= FAILURES_MAX ? `Reads fail: ${health.lastError}` : null);
  const [status, reason] = closed
    ? [closed, "The monitor was closed"]
    : fault !== null
    ? ["degraded" as const, fault]
    : config.polling
    ? ["polling" as const, config.reason]
    : ["live" as const, null];
  if (health.status === "degraded" && !closed && fault === null) {
    log(draft, "info", `Recovered from: ${health.reason}`);
  }
  if (health.status !== status) health.since = draft.now.wall;
  health.status = status;
  health.reason = reason;
}

/** Writes to the log, under the name of the source. */
export function log(draft: Draft, level: keyof Logger, message: string): void {
  draft.effects.push({ kind: "log", level, message: `${draft.config.source}: ${message}` });
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

function degrade(draft: Draft, reason: string, level?: keyof Logger): void {
  log(draft, level ?? (draft.health.status === "degraded" ? "debug" : "warn"), reason);
  draft.socketFault = reason;
  updateStatus(draft);
}

function abandon(draft: Draft, socket: OpenSocket): void {
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
