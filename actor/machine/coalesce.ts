// The one window that every publication goes through. Nothing moves it, so a storm of any length is published
// every `coalesceMs` (a window that restarts with every event never ends in one). It begins with a
// publication, so what changes nothing delays no later change.
import { diffStates } from "../../state/diff.ts";
import type { Cause, Change, State } from "../../state/types.ts";
import type { Draft, Model, Now, OpenSocket, Resume, ViewPurpose } from "./model.ts";

/** All causes; the first that applies names a snapshot. */
export const CAUSES: readonly Cause[] = [
  "initial",
  "resume",
  "reopen",
  "overflow",
  "reconcile",
  "refresh",
  "event",
];

/** The subscription whose view can be published; null if there is none. */
export function syncedSocket({ socket }: Pick<Model, "socket">): OpenSocket | null {
  return socket.kind === "open" && socket.synced ? socket : null;
}

/** Something may have changed: takes a view now, or at the end of the window. */
export function considerPublication(draft: Draft, cause: Cause): void {
  addCauses(draft, [cause]);
  if (viewInMs(draft, draft.now) > 0) openWindow(draft);
  else takeView(draft);
}

/** The window is over. A timer of the runtime may fire a fraction of a millisecond early. */
export function onWindowEnd(draft: Draft): void {
  draft.window = false;
  if (viewInMs(draft, draft.now) > 0) openWindow(draft);
  else takeView(draft);
}

/**
 * Publishes the state if it differs from the publication before, now or at the end of the window.
 *
 * @param draft The model.
 * @param newest The state, without resume.
 * @param causes Added to those gathered since the last publication.
 * @param tokens The `refresh()` calls that it answers.
 */
export function offer(
  draft: Draft,
  newest: State,
  causes: readonly Cause[] = [],
  tokens: readonly number[] = [],
): void {
  draft.newest = newest;
  const { published, window } = draft;
  const isFirst = published === null;
  const state = withResume(newest, draft.resumes[0] ?? draft.resumed);
  const changes = isFirst ? [] : diffStates(published, state);
  if (!isFirst && changes.length === 0) {
    settle(draft, tokens);
    if (window) return;
    settle(draft, draft.awaiting);
    draft.awaiting = [];
    draft.causes = [];
    return;
  }
  if (isFirst || changes.some(({ kind }) => kind !== "resumed")) addCauses(draft, causes);
  draft.awaiting = [...draft.awaiting, ...tokens];
  if (publishInMs(draft, draft.now) > 0) openWindow(draft);
  else publish(draft, state, changes);
}

/** Requests a view, unless one is under way: then its result serves this purpose too. */
export function requestView(draft: Draft, socket: OpenSocket, purpose: ViewPurpose): void {
  const { viewing } = draft;
  if (viewing !== null && purpose.for === "publication") return;
  if (viewing === null) draft.effects.push({ kind: "view", id: socket.id });
  draft.viewing = { purpose, since: viewing?.since ?? draft.now.monotonic };
}

/** Milliseconds until the events so far are published; 0 if nothing is pending. */
export function pendingMs(model: Readonly<Model>, now: Now): number {
  if (!model.window && model.causes.length === 0) return 0;
  return Math.max(1, viewInMs(model, now) + 1);
}

function publish(draft: Draft, state: State, changes: readonly Change[]): void {
  const [resume, ...resumes] = draft.resumes;
  draft.metrics.published++;
  draft.published = state;
  draft.publishedAt = draft.now.monotonic;
  draft.resumed = resume ?? draft.resumed;
  draft.resumes = resumes;
  draft.effects.push({
    kind: "publish",
    publication: {
      sequence: draft.metrics.published,
      at: draft.now.wall,
      publishedAt: draft.publishedAt,
      causes: CAUSES.filter((cause) => draft.causes.includes(cause)),
      changes,
      state,
    },
  });
  settle(draft, draft.awaiting);
  draft.awaiting = [];
  draft.causes = [];
  if (draft.window) draft.effects.push({ kind: "disarm", timer: "window" });
  draft.window = false;
  if (resumes.length > 0) considerPublication(draft, "resume");
  // a read published while an event waited for the pace of views
  if (draft.changePending) considerPublication(draft, "event");
}

function takeView(draft: Draft): void {
  const socket = syncedSocket(draft);
  if (socket !== null) requestView(draft, socket, { for: "publication" });
  else if (draft.newest !== null) offer(draft, draft.newest);
}

function openWindow(draft: Draft): void {
  if (draft.window) return;
  draft.window = true;
  draft.effects.push({ kind: "arm", timer: "window", ms: viewInMs(draft, draft.now) });
}

function publishInMs({ publishedAt, config }: Readonly<Model>, now: Now): number {
  return publishedAt + config.coalesceMs - now.monotonic;
}

function viewInMs(model: Readonly<Model>, now: Now): number {
  return Math.max(publishInMs(model, now), model.viewsFrom - now.monotonic);
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
