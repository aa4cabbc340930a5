/**
 * `navigator.onLine` and the global events `online` and `offline`, which Deno does not have
 * (denoland/deno#24765), from a monitor.
 *
 * @module
 */
import type { Snapshot } from "../state/types.ts";

export type * from "../state/types.ts";

/** The parts of a monitor that `installOnLine()` needs; a `NetworkMonitor` has them. */
export interface OnLineMonitor extends EventTarget {
  /** The newest snapshot. */
  readonly current: Snapshot;
}

let installed = false;

/**
 * Gives `navigator.onLine` and the global events `online` and `offline`, with `ononline` and `onoffline`, the
 * meaning that they have in browsers. `state.online` decides, and `"unknown"` counts as online. In a Worker
 * it does this for that Worker only. After the monitor is closed, the last value remains.
 *
 * @param monitor The monitor. Its `ref()` and `unref()` decide whether the process stays alive.
 * @returns An object that undoes this when disposed; disposing it twice does no harm.
 * @throws {TypeError} if it is already installed, or the argument is not a monitor.
 *
 * @example Print when the network comes and goes
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 * import { installOnLine } from "@netwatch/netwatch/navigator";
 *
 * await using monitor = await NetworkMonitor.open();
 * using _installed = installOnLine(monitor);
 * const { onLine } = navigator as unknown as { onLine: boolean };
 * console.log(onLine ? "online" : "offline");
 * globalThis.addEventListener("offline", () => console.log("offline"));
 * globalThis.addEventListener("online", () => console.log("online"));
 * ```
 */
export function installOnLine(monitor: OnLineMonitor): Disposable {
  if (!(monitor instanceof EventTarget && monitor.current?.state !== undefined)) {
    throw new TypeError("installOnLine() takes a NetworkMonitor");
  }
  if (installed) throw new TypeError("navigator.onLine is already installed: dispose it first");
  const isOnLine = (): boolean => monitor.current.state.online !== false;
  let wasOnLine = isOnLine();
  const onChange = (): void => {
    if (isOnLine() === wasOnLine) return;
    wasOnLine = !wasOnLine;
    globalThis.dispatchEvent(new Event(wasOnLine ? "online" : "offline"));
  };
  const original = Object.getOwnPropertyDescriptor(navigator, "onLine");
  const property = { configurable: true, enumerable: true, get: isOnLine };
  Object.defineProperty(navigator, "onLine", property);
  installed = true;
  const disposal = new AbortController();
  const { signal } = disposal;
  monitor.addEventListener("change", onChange, { signal });
  globalThis.addEventListener("online", callHandler, { signal });
  globalThis.addEventListener("offline", callHandler, { signal });
  return {
    [Symbol.dispose](): void {
      if (signal.aborted) return;
      disposal.abort();
      installed = false;
      if (original === undefined) Reflect.deleteProperty(navigator, "onLine");
      else Object.defineProperty(navigator, "onLine", original);
    },
  };
}

/** Calls the current `globalThis.ononline` or `globalThis.onoffline`. */
function callHandler(event: Event): void {
  const handler: unknown = Reflect.get(globalThis, `on${event.type}`);
  if (typeof handler === "function") handler.call(globalThis, event);
}
