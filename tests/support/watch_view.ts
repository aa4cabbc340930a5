/**
 * What the tests of the `watch` program's formatters start from.
 *
 * @module
 */
import type { View } from "../../examples/watch/news.ts";
import { createStyle } from "../../examples/watch/style.ts";
import { formatDateTime, formatTime } from "../../examples/watch/time.ts";
import { diffStates, majorReasons } from "../../mod.ts";
import type { Health, Snapshot, State } from "../../state/types.ts";

/** When the snapshots were published. */
export const AT = new Date(2025, 10, 2, 3, 4, 5, 6).getTime();
/** No colours. */
export const PLAIN = createStyle(false);

/** Of a monitor that receives events. */
export const LIVE: Health = {
  status: "live",
  source: "netlink",
  reason: null,
  since: AT,
  lastEventAt: null,
  lastReconcileAt: null,
  lastError: null,
};

/** A view on a terminal of this width, or on none. */
export function view(columns: number | null = null, fields: Partial<View> = {}): View {
  return {
    style: PLAIN,
    columns,
    time: formatTime,
    dateTime: formatDateTime,
    shows: () => true,
    ...fields,
  };
}

/** A snapshot of a change. */
export function snapshot(next: State, previous = next, fields: Partial<Snapshot> = {}): Snapshot {
  const reasons = majorReasons(previous, next);
  return {
    sequence: 1,
    at: AT,
    cause: "event",
    causes: ["event"],
    changes: diffStates(previous, next),
    major: reasons.length > 0,
    reasons,
    state: next,
    ...fields,
  };
}
