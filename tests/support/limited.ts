/**
 * Tests that fail, instead of hanging for ever, if what they wait for never comes.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { scaled } from "./timing.ts";

const LIMIT_MS = 20_000;

/** Rejects if the body of a test takes far too long. */
export async function limited(body: Promise<void>): Promise<void> {
  await deadline(body, scaled(LIMIT_MS));
}

/** Registers a test that fails after 20 seconds, or more on a slow machine. */
export function limitedTest(name: string, fn: () => Promise<void>): void {
  Deno.test(name, () => limited(fn()));
}
