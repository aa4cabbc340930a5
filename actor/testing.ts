/**
 * For the tests of programs that use netwatch: a source that follows a script, a clock that the test moves, and
 * scenes of typical network changes. They need no permission, and no real time passes.
 *
 * @module
 */
export { ManualClock, type ManualClockOptions } from "./testing/manual_clock.ts";
export * from "./testing/scenes.ts";
export * from "./testing/scripted_source.ts";
export type * from "../state/ports.ts";
export type * from "../state/types.ts";
