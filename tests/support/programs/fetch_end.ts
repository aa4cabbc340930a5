/**
 * A program that nothing keeps alive: an unref'd monitor with listeners, a `createFetch()` that is not disposed, with
 * an idle connection and a request that is held. It prints "ready" and ends.
 *
 * @module
 */
import { createFetch } from "../../../actor/fetch.ts";
import { installOnLine } from "../../../actor/navigator.ts";
import { scriptedInterface, scriptedRoute, ScriptedSource } from "../../../actor/testing.ts";
import { NetworkMonitor } from "../../../mod.ts";

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  () => new Response("answered"),
);
server.unref();
const ipv4 = scriptedRoute("eth0", "192.0.2.254", { source: "192.0.2.7" });
const source = new ScriptedSource({
  interfaces: [scriptedInterface("eth0", ["192.0.2.7/24"])],
  defaultRoute: { ipv4 },
});
const monitor = await NetworkMonitor.open({ source, coalesceMs: 0 });
monitor.addEventListener("change", () => {});
installOnLine(monitor);
const fetch = createFetch(monitor, { waitUntilOnline: 60_000 });
const url = `http://127.0.0.1:${server.addr.port}`;
await (await fetch(url)).text();

source.set({ defaultRoute: { ipv4: null, ipv6: null } });
source.announce();
await monitor.waitFor(({ online }) => online === false);
fetch(url);
monitor.unref();
console.log("ready");
