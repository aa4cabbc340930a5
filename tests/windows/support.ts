/**
 * Tests that exist on Windows only: elsewhere there is nothing that could be skipped.
 *
 * @module
 */
import { skippable, type SkippableTest } from "../support/skip.ts";

/** Registers a test on Windows. */
export function windowsTest(test: SkippableTest): void {
  if (Deno.build.os === "windows") skippable(test);
}
