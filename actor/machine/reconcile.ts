/**
 * Reconcile: the table that events keep is compared with the truth, whatever the events said
 * (net-tools#158: a missed event froze a process on an old address for the rest of its life).
 *
 * @module
 */
import { diffStates } from "../../state/diff.ts";
import { sameInterfaces, sameRoutes } from "../../state/diff.ts";
import { formatChange } from "../../state/format.ts";
import type { Change, State } from "../../state/types.ts";
import type { Check, Draft, ReadInFlight, Seen } from "./model.ts";
import { basedSocket, offer } from "./coalesce.ts";
import { endCheck, isRaced, requestRead, startCheck } from "./reads.ts";
import { adopt, LOOK_AGAIN_MS, probe, replaceSocket, retryNow } from "./subscription.ts";

/** A difference that survives so many looks is drift even when events came between them. */
const LOOKS_MAX = 4;

/** The interval has passed: canary and comparison, side by side. */
export function onTick(draft: Draft): void {
  retryNow(draft);
  probe(draft);
  startCheck(draft);
}

/** Time to look again. */
export function onLook(draft: Draft): void {
  if (draft.check !== null) requestRead(draft, { check: true });
}

/** There is no table to compare with: the truth is the state. */
export function withoutTable(draft: Draft, seen: Seen, read: ReadInFlight): void {
  if (isRaced(draft, read)) {
    // what was published meanwhile is newer than what this read began with
    requestRead(draft, read);
    return;
  }
  if (read.check) {
    countReconcile(draft);
    endCheck(draft);
  }
  offer(draft, seen, read.check ? [...read.causes, "reconcile"] : read.causes, read.tokens);
}

/**
 * Compares the truth with the view that was taken right after it; null: the source keeps no
 * table.
 */
export function compare(
  draft: Draft,
  truth: Seen,
  view: Seen | null,
  read: ReadInFlight,
): void {
  countReconcile(draft);
  if (view !== null && draft.config.polling) {
    endCheck(draft);
    offer(draft, view, ["reconcile"]);
    return;
  }
  // without a table: what was read last, which may wait for its window still
  const table = (view ?? draft.newest as Seen).state;
  if (sameInterfaces(table, truth.state)) {
    endCheck(draft);
    draft.unsure = false;
    publishFound(draft, view ?? truth);
    return;
  }
  if (view !== null) publishFound(draft, view);
  const { heard } = draft;
  const before = draft.check ?? { looks: 0, suspects: new Map(), heard };
  const quiet = before.looks > 0 && before.heard === heard;
  const found = differences(table, truth.state);
  // without a table every change that no event came with counts, not only one that stays the same
  const afresh = before.looks === 0 || (quiet && view === null);
  const suspects = afresh ? found : intersection(before.suspects, found);
  if (draft.unsure && suspects.size === 0) {
    // nobody may have told of these: the table that a read overwrote is not left before it is right
    lookAgain(draft, truth, { looks: 1, suspects: found, heard }, false, read);
    return;
  }
  lookAgain(draft, truth, { looks: before.looks + 1, suspects, heard }, quiet, read);
}

/**
 * A read sees a change before its message has arrived, so one difference means nothing: what the
 * same records show in every look, while nothing arrives, is what no message will ever tell.
 */
function lookAgain(
  draft: Draft,
  truth: Seen,
  check: Check,
  quiet: boolean,
  read: ReadInFlight,
): void {
  if (check.suspects.size === 0) {
    endCheck(draft);
    return;
  }
  if (quiet || check.looks >= LOOKS_MAX) {
    remedy(draft, truth, check, read);
    return;
  }
  draft.check = check;
  draft.effects.push({ kind: "arm", timer: "look", ms: LOOK_AGAIN_MS });
}

function remedy(draft: Draft, truth: Seen, check: Check, read: ReadInFlight): void {
  const socket = basedSocket(draft);
  endCheck(draft);
  if (draft.unsure && socket !== null) {
    // the view just taken may have drained what is newer than this truth: it counts as raced
    adopt(draft, socket, truth, { ...read, heard: -1 }, ["reconcile"]);
    return;
  }
  draft.metrics.driftsFound++;
  const words = [...check.suspects.values()].join("; ");
  replaceSocket(draft, `Reconcile found what no event had announced: ${words}`, "warn");
  offer(draft, truth, ["reconcile"]);
}

/** Publishes a view that agrees with the truth, with the reason why it was not published yet. */
function publishFound(draft: Draft, seen: Seen): void {
  const published = draft.published as State;
  if (!sameInterfaces(seen.state, published)) {
    offer(draft, seen, ["event"]); // it came with the drain just now, or waits for its window
    return;
  }
  const pending = draft.causes.some((cause) => cause !== "resume");
  if (!pending && !sameRoutes(seen.state, published)) draft.metrics.routeSurprises++;
  offer(draft, seen, pending ? [] : ["reconcile"]);
}

/** A comparison with the truth is complete. */
export function countReconcile(draft: Draft): void {
  draft.metrics.reconciles++;
  draft.health.lastReconcileAt = draft.now.wall;
}

/**
 * What the table does not have as the truth has it, one entry a record and field: key, and words
 * for the log.
 */
function differences(table: State, truth: State): Map<string, string> {
  const found = new Map<string, string>();
  for (const change of diffStates(table, truth)) {
    for (const key of recordKeys(change, truth)) found.set(key, formatChange(change));
  }
  return found;
}

function recordKeys(change: Change, truth: State): string[] {
  // by index, where one is known: an interface may be renamed between two looks
  const holder = (name: string): number | string => truth.interfaces[name]?.index || name;
  switch (change.kind) {
    case "interface-added":
    case "interface-removed":
      return [JSON.stringify([change.kind, change.interface.name, change.interface.index])];
    case "interface-changed":
      return change.fields.map((field) => {
        const [from, to] = [change.from, change.to].map((nic) => nic[field as keyof typeof nic]);
        return JSON.stringify([change.interface, field, from, to]);
      });
    case "address-added":
    case "address-removed":
      return [JSON.stringify([change.kind, holder(change.interface), change.address])];
    case "address-changed":
      return [JSON.stringify([change.kind, holder(change.interface), change.from, change.to])];
    default:
      return []; // routes and what the source knows are asked for afresh: no table holds them
  }
}

function intersection(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): Map<string, string> {
  return new Map([...a].filter(([key]) => b.has(key)));
}
