/**
 * For the tests of programs that watch the network: a source that follows a script and a clock
 * that is moved by hand. No permission is needed and no time passes.
 *
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 * import { ManualClock, scriptedInterface, ScriptedSource } from "@netwatch/netwatch/testing";
 *
 * const clock = new ManualClock();
 * const source = new ScriptedSource({ interfaces: [scriptedInterface("eth0", ["192.0.2.7/24"])] });
 * await using monitor = await NetworkMonitor.open({ source, clock });
 *
 * source.set([scriptedInterface("eth0", ["198.51.100.7/24"])]); // the network changes
 * source.announce(); // and the operating system says so
 * await clock.advance(250); // the window since the first snapshot passes
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
