/**
 * Formats changes, one per line.
 *
 * @module
 */
import type { Change, Snapshot } from "../../mod.ts";
import { formatChange } from "../../state/format.ts";
import { type Paint, plain, type Style } from "./style.ts";
import { formatDuration, formatTime } from "./time.ts";

const LONGEST_CAUSE = "reconcile".length;

/**
 * Formats the changes of a snapshot: time, cause, `major` if the snapshot is, and the change. Each line
 * ends with a newline.
 */
export function formatChanges(snapshot: Snapshot, style: Style): string {
  const time = style.dim(formatTime(snapshot.at));
  const cause = style.dim(snapshot.cause.padEnd(LONGEST_CAUSE));
  const mark = snapshot.major ? style.bold("major") : "     ";
  return snapshot.changes
    .map((change) => `${time}  ${cause}  ${mark}  ${paintChange(change, style)}\n`)
    .join("");
}

function paintChange(change: Change, style: Style): string {
  const text = change.kind === "resumed"
    ? `resumed: after ${formatDuration(change.sleptMs)} of sleep` // the line starts with the time
    : formatChange(withoutFlags(change));
  const colon = text.indexOf(":");
  return paintOf(change, style)(text.slice(0, colon + 1)) + text.slice(colon + 1);
}

/** Leaves out `flags` if other fields changed too: its bits repeat `up` and `running`. */
function withoutFlags(change: Change): Change {
  if (change.kind !== "interface-changed" || change.fields.length === 1) return change;
  return { ...change, fields: change.fields.filter((field) => field !== "flags") };
}

function paintOf({ kind }: Change, style: Style): Paint {
  if (kind.endsWith("-added")) return style.green;
  if (kind.endsWith("-removed")) return style.red;
  return kind === "source-changed" ? plain : style.yellow;
}
