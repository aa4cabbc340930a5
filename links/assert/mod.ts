/**
 * `@std/assert` out of the npm registry: the standard library's own modules, with their types.
 *
 * @module
 */
export type { ArrayLikeArg, Falsy } from "./mod.d.ts";
// @deno-types="./mod.d.ts"
export { assertAlmostEquals } from "npm:deno-std@1.4.0/assert/almost_equals.js";
// @deno-types="./mod.d.ts"
export { assertArrayIncludes } from "npm:deno-std@1.4.0/assert/array_includes.js";
// @deno-types="./mod.d.ts"
export { assert } from "npm:deno-std@1.4.0/assert/assert.js";
// @deno-types="./mod.d.ts"
export { AssertionError } from "npm:deno-std@1.4.0/assert/assertion_error.js";
// @deno-types="./mod.d.ts"
export { equal } from "npm:deno-std@1.4.0/assert/equal.js";
// @deno-types="./mod.d.ts"
export { assertEquals } from "npm:deno-std@1.4.0/assert/equals.js";
// @deno-types="./mod.d.ts"
export { assertExists } from "npm:deno-std@1.4.0/assert/exists.js";
// @deno-types="./mod.d.ts"
export { fail } from "npm:deno-std@1.4.0/assert/fail.js";
// @deno-types="./mod.d.ts"
export { assertFalse } from "npm:deno-std@1.4.0/assert/false.js";
// @deno-types="./mod.d.ts"
export { assertGreater } from "npm:deno-std@1.4.0/assert/greater.js";
// @deno-types="./mod.d.ts"
export { assertGreaterOrEqual } from "npm:deno-std@1.4.0/assert/greater_or_equal.js";
// @deno-types="./mod.d.ts"
export { assertInstanceOf } from "npm:deno-std@1.4.0/assert/instance_of.js";
// @deno-types="./mod.d.ts"
export { assertIsError } from "npm:deno-std@1.4.0/assert/is_error.js";
// @deno-types="./mod.d.ts"
export { assertLess } from "npm:deno-std@1.4.0/assert/less.js";
// @deno-types="./mod.d.ts"
export { assertLessOrEqual } from "npm:deno-std@1.4.0/assert/less_or_equal.js";
// @deno-types="./mod.d.ts"
export { assertMatch } from "npm:deno-std@1.4.0/assert/match.js";
// @deno-types="./mod.d.ts"
export { assertNotEquals } from "npm:deno-std@1.4.0/assert/not_equals.js";
// @deno-types="./mod.d.ts"
export { assertNotInstanceOf } from "npm:deno-std@1.4.0/assert/not_instance_of.js";
// @deno-types="./mod.d.ts"
export { assertNotMatch } from "npm:deno-std@1.4.0/assert/not_match.js";
// @deno-types="./mod.d.ts"
export { assertNotStrictEquals } from "npm:deno-std@1.4.0/assert/not_strict_equals.js";
// @deno-types="./mod.d.ts"
export { assertObjectMatch } from "npm:deno-std@1.4.0/assert/object_match.js";
// @deno-types="./mod.d.ts"
export { assertRejects } from "npm:deno-std@1.4.0/assert/rejects.js";
// @deno-types="./mod.d.ts"
export { assertStrictEquals } from "npm:deno-std@1.4.0/assert/strict_equals.js";
// @deno-types="./mod.d.ts"
export { assertStringIncludes } from "npm:deno-std@1.4.0/assert/string_includes.js";
// @deno-types="./mod.d.ts"
export { assertThrows } from "npm:deno-std@1.4.0/assert/throws.js";
// @deno-types="./mod.d.ts"
export { unimplemented } from "npm:deno-std@1.4.0/assert/unimplemented.js";
// @deno-types="./mod.d.ts"
export { unreachable } from "npm:deno-std@1.4.0/assert/unreachable.js";
