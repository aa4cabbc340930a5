/**
 * The code under test: the real one, or a copy with a planted bug.
 *
 * @module
 */
import type { applyEvent } from "../../ffi/linux/messages.ts";
import type { SuspendClock } from "../../ffi/suspend_clock.ts";
import type { LinkTable } from "../../ffi/linux/link_table.ts";
import type { NetworkMonitor } from "../../mod.ts";
import type { applyChanges } from "../../state/diff.ts";
import type { affects, isMajorChange } from "../../state/impact.ts";

/** Bugs of the simulated source itself. */
export interface Quirks {
  /** A wake-up reads one message; the others wait for the next wake-up. */
  readonly readsOne?: boolean;
  /** Events that arrive during a read are not applied to its result. */
  readonly forgetsJournal?: boolean;
  /** The time asleep is computed from the wall clock. */
  readonly wallClock?: boolean;
  /** The clock starts no interval, so there is no reconcile. */
  readonly noInterval?: boolean;
}

/** The code under test. */
export interface Parts {
  readonly NetworkMonitor: Pick<typeof NetworkMonitor, "open">;
  readonly affects: typeof affects;
  readonly applyChanges: typeof applyChanges;
  readonly isMajorChange: typeof isMajorChange;
  readonly LinkTable: typeof LinkTable;
  readonly applyEvent: typeof applyEvent;
  readonly SuspendClock: typeof SuspendClock;
  readonly quirks: Quirks;
}

/** Loads the code under test from the root of the repository or of a copy. */
export async function loadParts(root: URL, quirks: Quirks = {}): Promise<Parts> {
  const load = (path: string) => import(new URL(path, root).href);
  const [mod, events, clock, table] = await Promise.all([
    load("mod.ts"),
    load("ffi/linux/messages.ts"),
    load("ffi/suspend_clock.ts"),
    load("ffi/linux/link_table.ts"),
  ]);
  return {
    NetworkMonitor: mod.NetworkMonitor,
    affects: mod.affects,
    applyChanges: mod.applyChanges,
    isMajorChange: mod.isMajorChange,
    LinkTable: table.LinkTable,
    applyEvent: events.applyEvent,
    SuspendClock: clock.SuspendClock,
    quirks,
  };
}
