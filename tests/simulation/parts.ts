/**
 * The code under test, as the simulation uses it: the real one, unless a test plants a bug in it.
 *
 * @module
 */
import type { Monitor } from "../../actor/monitor.ts";
import type { resolveMonitorOptions } from "../../actor/options.ts";
import type { applyEvent } from "../../ffi/linux/classify.ts";
import type { SleepDetector } from "../../ffi/suspend_clock.ts";
import type { LinkTable } from "../../ffi/linux/link_table.ts";
import type { Mailbox } from "../../ffi/mailbox.ts";
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
  readonly Monitor: Pick<typeof Monitor, "open">;
  readonly resolveMonitorOptions: typeof resolveMonitorOptions;
  readonly applyChanges: typeof applyChanges;
  readonly isMajorChange: typeof isMajorChange;
  readonly LinkTable: typeof LinkTable;
  readonly applyEvent: typeof applyEvent;
  readonly Mailbox: typeof Mailbox;
  readonly SleepDetector: typeof SleepDetector;
  readonly quirks: Quirks;
}

/** Loads the code under test from this folder, the root of the repository or a copy of it. */
export async function loadParts(root: URL, quirks: Quirks = {}): Promise<Parts> {
  const [monitor, options, events, sleep, table, mailbox, apply, major] = await Promise.all([
    import(new URL("actor/monitor.ts", root).href),
    import(new URL("actor/options.ts", root).href),
    import(new URL("ffi/linux/classify.ts", root).href),
    import(new URL("ffi/suspend_clock.ts", root).href),
    import(new URL("ffi/linux/link_table.ts", root).href),
    import(new URL("ffi/mailbox.ts", root).href),
    import(new URL("state/apply.ts", root).href),
    import(new URL("state/major.ts", root).href),
  ]);
  return {
    Monitor: monitor.Monitor,
    resolveMonitorOptions: options.resolveMonitorOptions,
    applyChanges: apply.applyChanges,
    isMajorChange: major.isMajorChange,
    LinkTable: table.LinkTable,
    applyEvent: events.applyEvent,
    Mailbox: mailbox.Mailbox,
    SleepDetector: sleep.SleepDetector,
    quirks,
  };
}
