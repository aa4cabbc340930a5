/**
 * A check that nothing in a value can be changed.
 *
 * @module
 */
import { assert } from "@std/assert";

/** Fails with the path of the first object in the value that is not frozen. */
export function assertDeepFrozen(value: unknown, path = "value"): void {
  if (typeof value !== "object" || value === null) return;
  assert(Object.isFrozen(value), `Not frozen: ${path}`);
  for (const [key, inner] of Object.entries(value)) assertDeepFrozen(inner, `${path}.${key}`);
}
