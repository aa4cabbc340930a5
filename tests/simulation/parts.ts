/**
 * The code under test, as the simulation uses it: the real one, unless a test plants a bug in it.
 *
 * @module
 */
import type { applyEvent } from "../../ffi/linux/classify.ts";
import type { SleepDetector } from "../../ffi/suspend_clock.ts";
import type { LinkTable } from "../../ffi/linux/link_table.ts";
import type { NetworkMonitor } from "../../mod.ts";
import type { applyChanges } from "../../state/apply.ts";
import type { isMajorChange } from "../../state/major.ts";

/** Where a simulated source can go wrong by its own making. */
export interface Quirks {
  /** One wake-up reads one message, and what is left waits for the next message. */
  readonly readsOne?: boolean;
  /** What is heard while the truth is being read is not applied to it. */
  readonly forgetsJournal?: boolean;
  /** Time asleep is worked out from the wall clock. */
  readonly wallClock?: boolean;
  /** The clock starts no interval: nothing is ever reconciled. */
  readonly noInterval?: boolean;
}

/** The code under test. */
export interface Parts {
  readonly NetworkMonitor: Pick<typeof NetworkMonitor, "open">;
  readonly applyChanges: typeof applyChanges;
  readonly isMajorChange: typeof isMajorChange;
  readonly LinkTable: typeof LinkTable;
  readonly applyEvent: typeof applyEvent;
  readonly SleepDetector: typeof SleepDetector;
  readonly quirks: Quirks;
}

/** Loads the code under test from this folder, the root of the repository or a copy of it. */
export async function loadParts(root: URL, quirks: Quirks = {}): Promise<Parts> {
  const load = (path: string) => import(new URL(path, root).href);
  const [mod, classify, clock, table] = await Promise.all([
    load("mod.ts"),
    load("ffi/linux/classify.ts"),
    load("ffi/suspend_clock.ts"),
    load("ffi/linux/link_table.ts"),
  ]);
  return {
    NetworkMonitor: mod.NetworkMonitor,
    applyChanges: mod.applyChanges,
    isMajorChange: mod.isMajorChange,
    LinkTable: table.LinkTable,
    applyEvent: classify.applyEvent,
    SleepDetector: clock.SleepDetector,
    quirks,
  };
}
