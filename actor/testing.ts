/**
 * For the tests of programs that use netwatch: a source that follows a script and a clock that the test moves.
 * They need no permission, and no time passes.
 *
 * @example A change of the network
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 * import { ManualClock, scriptedInterface, ScriptedSource } from "@netwatch/netwatch/testing";
 *
 * const clock = new ManualClock();
 * const source = new ScriptedSource({ interfaces: [scriptedInterface("eth0", ["192.0.2.7/24"])] });
 * await using monitor = await NetworkMonitor.open({ source, clock });
 *
 * source.set([scriptedInterface("eth0", ["198.51.100.7/24"])]); // the network changes
 * source.announce(); // and the operating system announces it
 * await clock.advance(250); // coalesceMs after the first snapshot
 *
 * if (monitor.current.state.localAddresses.regular[0] !== "198.51.100.7") throw new Error();
 * ```
 *
 * @module
 */
export { ManualClock, type ManualClockOptions } from "./testing/manual_clock.ts";
export { scriptedAddress, scriptedInterface, scriptedRoute } from "./testing/parts.ts";
export {
  type CallCounts,
  ScriptedSource,
  type ScriptedSourceOptions,
} from "./testing/scripted_source.ts";
