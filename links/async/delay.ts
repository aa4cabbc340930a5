/**
 * `@std/async/delay` out of the npm registry.
 *
 * @module
 */
export type { DelayOptions } from "./delay.d.ts";
// @deno-types="./delay.d.ts"
export { delay } from "npm:deno-std@1.4.0/async/delay.js";
