/**
 * A Worker with `installOnLine()` on a scripted network that comes up. It posts what it sees.
 *
 * @module
 */
import { installOnLine } from "../../../actor/navigator.ts";
import { scriptedInterface, scriptedRoute, ScriptedSource } from "../../../actor/testing.ts";
import { NetworkMonitor } from "../../../mod.ts";

declare const self: { postMessage(message: unknown): void };

const source = new ScriptedSource({ interfaces: [scriptedInterface("eth0", ["192.0.2.7/24"])] });

async function watch(): Promise<void> {
  await using monitor = await NetworkMonitor.open({ source, coalesceMs: 0 });
  const seen: unknown[] = [];
  {
    using _installed = installOnLine(monitor);
    seen.push(Reflect.get(navigator, "onLine"));
    const online = new Promise<Event>((resolve) => globalThis.addEventListener("online", resolve));
    const ipv4 = scriptedRoute("eth0", null, { source: "192.0.2.7" });
    source.set({ defaultRoute: { ipv4, ipv6: null } });
    source.announce();
    seen.push((await online).type, Reflect.get(navigator, "onLine"));
  }
  self.postMessage([...seen, "onLine" in navigator]);
}

watch();
