/**
 * The real code under test.
 *
 * @module
 */
import { Monitor } from "../../actor/monitor.ts";
import { resolveMonitorOptions } from "../../actor/options.ts";
import { applyEvent } from "../../ffi/linux/classify.ts";
import { SleepDetector } from "../../ffi/suspend_clock.ts";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { Mailbox } from "../../ffi/mailbox.ts";
import { applyChanges } from "../../state/apply.ts";
import { isMajorChange } from "../../state/major.ts";
import type { Parts } from "./parts.ts";

/** Nothing is changed in it. */
export const REAL_PARTS: Parts = {
  Monitor,
  resolveMonitorOptions,
  applyChanges,
  isMajorChange,
  LinkTable,
  applyEvent,
  Mailbox,
  SleepDetector,
  quirks: {},
};
