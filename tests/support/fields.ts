/**
 * A check that an equality looks at every field.
 *
 * @module
 */
import { assert } from "@std/assert";

/** Asserts that the value equals a copy, but not one in which any field is replaced by that of `others`. */
export function assertEveryFieldCounts<T extends object>(
  value: T,
  others: Partial<T>,
  equal: (a: T, b: T) => boolean,
): void {
  assert(equal(value, value));
  assert(equal(value, { ...value }), "a copy");
  for (const [field, other] of Object.entries(others)) {
    const changed = { ...value, [field]: other };
    assert(!equal(value, changed) && !equal(changed, value), field);
  }
}
