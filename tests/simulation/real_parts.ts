/**
 * The real code under test.
 *
 * @module
 */
import { applyEvent } from "../../ffi/linux/messages.ts";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { SuspendClock } from "../../ffi/suspend_clock.ts";
import { affects, applyChanges, isMajorChange, NetworkMonitor } from "../../mod.ts";
import type { Parts } from "./parts.ts";

/** The code itself, without edits. */
export const REAL_PARTS: Parts = {
  NetworkMonitor,
  affects,
  applyChanges,
  isMajorChange,
  LinkTable,
  applyEvent,
  SuspendClock,
  quirks: {},
};
