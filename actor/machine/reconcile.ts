// Reconcile: compares the table that events keep with the kernel state, whatever the events said
// (net-tools#158: a missed event froze a process on an old address for the rest of its life).
import { diffInterfaces, sameInterfaces, sameRoutes } from "../../state/diff.ts";
import { formatChange } from "../../state/format.ts";
import type { Change, State } from "../../state/types.ts";
import { offer, syncedSocket } from "./coalesce.ts";
import type { Check, Draft, Observation, ReadInFlight } from "./model.ts";
import { endCheck, isRaced, recheckLater, requestRead, startCheck } from "./reads.ts";
import { adopt, probe, replaceSocket, retryNow } from "./subscription.ts";

/** A difference that persists for so many rounds is drift even if events came between them. */
const MAX_ROUNDS = 4;

/**
 * The interval is over: comparison and canary, side by side. The read begins first: it drains the event socket, and
 * an answer of the canary that does not come through the poll costs another question.
 */
export function onTick(draft: Draft): void {
  retryNow(draft);
  startCheck(draft);
  probe(draft);
}

/** Time for the next round of the comparison. */
export function onRecheck(draft: Draft): void {
  if (draft.check !== null) requestRead(draft, { check: true });
}

/** Publishes a read while no socket is synced: there is no table to compare it with. */
export function offerRead(draft: Draft, { state }: Observation, read: ReadInFlight): void {
  if (isRaced(draft, read)) {
    requestRead(draft, read); // what was published meanwhile is newer than this read
    return;
  }
  if (read.check) {
    countReconcile(draft);
    endCheck(draft);
  }
  offer(draft, state, read.check ? [...read.causes, "reconcile"] : read.causes, read.tokens);
}

/**
 * Compares a read with the view taken right after it.
 *
 * @param draft The model.
 * @param observation The read.
 * @param view Null if the source keeps no table.
 * @param read Its request.
 */
export function compare(
  draft: Draft,
  observation: Observation,
  view: State | null,
  read: ReadInFlight,
): void {
  countReconcile(draft);
  if (view !== null && draft.config.polling) {
    endCheck(draft);
    offer(draft, view, ["reconcile"]);
    return;
  }
  const kernel = observation.state;
  // without a table: the read before, which may still wait for its window
  const table = view ?? draft.newest as State;
  if (sameInterfaces(table, kernel)) {
    endCheck(draft);
    draft.mayBeStale = false;
    publishFound(draft, view ?? kernel);
    return;
  }
  if (view !== null) publishFound(draft, view);
  const { events } = draft.metrics;
  const before = draft.check ?? { rounds: 0, suspects: new Map(), events };
  const quiet = before.rounds > 0 && before.events === events;
  const found = differences(table, kernel);
  // without a table every change that no event announced counts, not only one that stays the same
  const afresh = before.rounds === 0 || (quiet && view === null);
  const suspects = afresh ? found : intersection(before.suspects, found);
  if (draft.mayBeStale && suspects.size === 0) {
    // no event may announce these: the table that a read overwrote is compared until it is right
    nextRound(draft, observation, { rounds: 1, suspects: found, events }, false, read);
    return;
  }
  nextRound(draft, observation, { rounds: before.rounds + 1, suspects, events }, quiet, read);
}

/**
 * A read sees a change before its message arrives, so a single mismatch is not drift; a mismatch that persists
 * across rounds with no event in between is.
 */
function nextRound(
  draft: Draft,
  observation: Observation,
  check: Check,
  quiet: boolean,
  read: ReadInFlight,
): void {
  if (check.suspects.size === 0) {
    endCheck(draft);
  } else if (quiet || check.rounds >= MAX_ROUNDS) {
    onDrift(draft, observation, check, read);
  } else {
    recheckLater(draft, check);
  }
}

function onDrift(draft: Draft, observation: Observation, check: Check, read: ReadInFlight): void {
  const socket = syncedSocket(draft);
  endCheck(draft);
  if (draft.mayBeStale && socket !== null) {
    // the view just taken may have drained newer events than this read shows: it counts as raced
    adopt(draft, socket, observation, { ...read, causes: ["reconcile"], events: -1 });
    return;
  }
  draft.metrics.driftsFound++;
  const words = [...check.suspects.values()].join("; ");
  replaceSocket(draft, `Reconcile found changes that no event had announced: ${words}`, "warn");
  offer(draft, observation.state, ["reconcile"]);
}

/** Publishes a view that agrees with the read, with the reason why it is not published yet. */
function publishFound(draft: Draft, state: State): void {
  const published = draft.published as State;
  if (!sameInterfaces(state, published)) {
    offer(draft, state, ["event"]); // it came with the drain just now, or waits for its window
    return;
  }
  const pending = draft.causes.some((cause) => cause !== "resume");
  if (!pending && !sameRoutes(state, published)) draft.metrics.routeSurprises++;
  offer(draft, state, pending ? [] : ["reconcile"]);
}

/** Counts a complete comparison. */
export function countReconcile(draft: Draft): void {
  draft.metrics.reconciles++;
  draft.health.lastReconcileAt = draft.now.wall;
}

/** The records and fields in which the table differs from the kernel state: key, and words for the log. */
function differences(table: State, kernel: State): Map<string, string> {
  const found = new Map<string, string>();
  for (const change of diffInterfaces(table, kernel)) {
    for (const key of recordKeys(change, kernel)) found.set(key, formatChange(change));
  }
  return found;
}

function recordKeys(change: Change, kernel: State): string[] {
  // by index, if known: an interface may be renamed between two rounds
  const holder = (name: string): number | string => kernel.interfaces[name]?.index || name;
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
      return []; // no table holds default routes and `knows`: each view asks for them
  }
}

function intersection(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): Map<string, string> {
  return new Map([...a].filter(([key]) => b.has(key)));
}
