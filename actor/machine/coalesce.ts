/**
 * The one window that every publication goes through. It is moved by nothing, so that a storm of
 * any length is told every `coalesceMs` (a window that restarts on every event never ends in one),
 * and it begins with a publication, so that what changes nothing costs the next change no time.
 *
 * @module
 */
import { equalStates } from "../../state/diff.ts";
import type { Cause, State } from "../../state/types.ts";
import type { Draft, Hearing, Resume, Seen } from "./model.ts";

/** All causes, the one that names a snapshot first. */
export const CAUSES: readonly Cause[] = [
  "initial",
  "resume",
  "reopen",
  "overflow",
  "reconcile",
  "refresh",
  "event",
];

/** The subscription whose view counts; null while there is none. */
export function basedSocket(draft: Draft): Hearing | null {
  return draft.socket.kind === "hearing" && draft.socket.based ? draft.socket : null;
}

/** Something may have changed: publishes now, or at the end of the window. */
export function considerPublication(draft: Draft, cause: Cause): void {
  addCauses(draft, [cause]);
  if (isDue(draft)) takeView(draft);
  else openWindow(draft);
}

/** The window ends: the candidate is what is newest now. */
export function onWindowEnd(draft: Draft): void {
  draft.window = false;
  // a timer of the runtime may fire a fraction of a millisecond early
  if (isDue(draft)) takeView(draft);
  else openWindow(draft);
}

/** Publishes what differs from the publication before, now or at the end of the window. */
export function offer(
  draft: Draft,
  seen: Seen,
  causes: readonly Cause[] = [],
  tokens: readonly number[] = [],
): void {
  draft.newest = seen;
  const state = withResume(seen.state, draft.resumes[0] ?? draft.resumed);
  if (draft.published !== null && equalStates(state, draft.published)) {
    settle(draft, tokens);
    if (!draft.window) {
      settle(draft, draft.awaiting);
      draft.awaiting = [];
      draft.causes = [];
    }
    return;
  }
  if (draft.resumes.length === 0 || !isPublished(draft, seen)) addCauses(draft, causes);
  draft.awaiting = [...draft.awaiting, ...tokens];
  if (isDue(draft)) publish(draft, state);
  else openWindow(draft);
}

function publish(draft: Draft, state: State): void {
  const [resume, ...resumes] = draft.resumes;
  draft.sequence++;
  draft.metrics.published++;
  draft.published = state;
  draft.publishedAt = draft.now.monotonic;
  draft.resumed = resume ?? draft.resumed;
  draft.resumes = resumes;
  draft.effects.push({
    kind: "publish",
    publication: {
      sequence: draft.sequence,
      at: draft.now.wall,
      publishedAt: draft.publishedAt,
      causes: CAUSES.filter((cause) => draft.causes.includes(cause)),
      state,
    },
  });
  settle(draft, draft.awaiting);
  draft.awaiting = [];
  draft.causes = [];
  if (draft.window) draft.effects.push({ kind: "disarm", timer: "window" });
  draft.window = false;
  if (resumes.length > 0) considerPublication(draft, "resume");
}

/** Whether a wake-up that waits for its publication is all that is new. */
function isPublished(draft: Draft, seen: Seen): boolean {
  return draft.published !== null &&
    equalStates(withResume(seen.state, draft.resumed), draft.published);
}

function takeView(draft: Draft): void {
  const socket = basedSocket(draft);
  if (socket !== null) {
    draft.effects.push({ kind: "view", id: socket.id, use: { for: "publication" } });
  } else if (draft.newest !== null) {
    offer(draft, draft.newest);
  }
}

function openWindow(draft: Draft): void {
  if (draft.window) return;
  draft.window = true;
  const ms = draft.publishedAt + draft.config.coalesceMs - draft.now.monotonic;
  draft.effects.push({ kind: "arm", timer: "window", ms });
}

function isDue(draft: Draft): boolean {
  return draft.now.monotonic - draft.publishedAt >= draft.config.coalesceMs;
}

function addCauses(draft: Draft, causes: readonly Cause[]): void {
  draft.causes = [...new Set([...draft.causes, ...causes])];
}

function settle(draft: Draft, tokens: readonly number[]): void {
  if (tokens.length > 0) draft.effects.push({ kind: "settle", tokens });
}

function withResume(state: State, resume: Resume | null): State {
  if (resume === null) return state;
  return Object.freeze({ ...state, resumedAt: resume.at, sleptMs: resume.sleptMs });
}
