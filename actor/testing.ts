/**
 * For the tests of programs that use netwatch: a source that follows a script and a clock that the test moves.
 * They need no permission, and no time passes.
 *
 * @example A change of the network
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 * import { homeNetwork, ManualClock, scenes, ScriptedSource } from "@netwatch/netwatch/testing";
 *
 * const clock = new ManualClock();
 * const source = new ScriptedSource(homeNetwork);
 * await using monitor = await NetworkMonitor.open({ source, clock });
 *
 * await scenes.dhcpRenumber(source, clock);
 *
 * if (monitor.current.state.homeRouter?.source !== "192.168.2.8") throw new Error();
 * ```
 *
 * @module
 */
export { ManualClock, type ManualClockOptions } from "./testing/manual_clock.ts";
export {
  homeNetwork,
  type Scene,
  type SceneName,
  scenes,
  scriptedAddress,
  scriptedInterface,
  scriptedRoute,
} from "./testing/scenes.ts";
export {
  type CallCounts,
  ScriptedSource,
  type ScriptedSourceOptions,
} from "./testing/scripted_source.ts";
export type { Clock, Timer } from "../state/runtime.ts";
export type {
  NetworkSource,
  Reading,
  SourceCounters,
  SourceEvent,
  Subscription,
} from "../state/source.ts";
export type {
  Address,
  DefaultRoute,
  DefaultRoutes,
  Interface,
  InterfaceKind,
  Knows,
  Metrics,
} from "../state/types.ts";
