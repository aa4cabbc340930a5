/**
 * `@std/async/deadline` out of the npm registry.
 *
 * @module
 */
export type { DeadlineOptions } from "./deadline.d.ts";
// @deno-types="./deadline.d.ts"
export { deadline } from "npm:deno-std@1.4.0/async/deadline.js";
