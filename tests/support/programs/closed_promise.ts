/**
 * Keeps nothing of a stream but the promise `closed` of its reader, and prints how it ends after a garbage
 * collection. Run with `--v8-flags=--expose-gc`.
 *
 * @module
 */
import { ManualClock, ScriptedSource } from "../../../actor/testing.ts";
import { NetworkMonitor, watchNetwork } from "../../../mod.ts";

declare const gc: () => void;

const options = { source: new ScriptedSource(), clock: new ManualClock() };
const monitor = await NetworkMonitor.open(options);
const abort = new AbortController();
let ended = "";
void monitor.snapshots().getReader().closed.then(() => ended += "closed ");
void monitor.snapshots({ signal: abort.signal }).getReader().closed.then(() => ended += "aborted ");
void watchNetwork({ source: new ScriptedSource(), clock: options.clock, signal: abort.signal })
  .getReader().closed.then(() => ended += "watched ");

for (let n = 0; n < 5; n++) { // finalizers run in tasks of their own
  await new Promise((resolve) => setTimeout(resolve, 20));
  gc();
}
abort.abort();
await monitor.close();
await new Promise((resolve) => setTimeout(resolve, 20));
console.log(ended.trim().split(" ").sort().join(" "));
