/**
 * `@std/async/retry` out of the npm registry.
 *
 * @module
 */
export type { RetryOptions } from "./retry.d.ts";
// @deno-types="./retry.d.ts"
export { retry, RetryError } from "npm:deno-std@1.4.0/async/retry.js";
