/**
 * A `for await` at the top level of a module, over a monitor that does not keep the process alive or over its stream.
 *
 * @module
 */
import { NetworkMonitor } from "../../../mod.ts";

const options = { source: "events", persistent: false, reconcileIntervalMs: Infinity } as const;
const monitor = await NetworkMonitor.open(options);
const snapshots = Deno.args[0] === "stream" ? monitor.snapshots() : monitor;
for await (const { sequence } of snapshots) if (sequence === 1) console.log("ready");
