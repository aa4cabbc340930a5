/**
 * A Worker that opens a monitor and says so.
 *
 * @module
 */
import { NetworkMonitor } from "../../../mod.ts";

declare const self: { postMessage(message: unknown): void };

NetworkMonitor.open({ source: "events" }).then(async (monitor) => {
  self.postMessage("open");
  for await (const snapshot of monitor) self.postMessage(snapshot.sequence);
});
