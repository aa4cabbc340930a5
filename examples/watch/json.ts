/**
 * Formats snapshots and changes as lines of JSON.
 *
 * @module
 */
import type { Change, Snapshot } from "../../mod.ts";
import { formatChange } from "../../mod.ts";
import { namesOf } from "./news.ts";
import { formatIso } from "./time.ts";

/** Formats each change as one line: when, why, how it reads, and the change itself. */
export function changeLines(
  { at, cause, changes, major, sequence }: Snapshot,
  shows: (name: string) => boolean,
): string {
  const line = (change: Change) =>
    jsonLine({
      time: formatIso(at),
      sequence,
      cause,
      major,
      text: formatChange(change),
      ...change,
    });
  return changes.filter((change) => namesOf(change).some(shows)).map(line).join("");
}

/** Formats a value as one line. All but ASCII is escaped: `JSON.stringify()` keeps C1 control characters, which terminals obey. */
export function jsonLine(value: unknown): string {
  const json = JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${json}\n`;
}
