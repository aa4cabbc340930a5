/**
 * Watches with netwatch.
 *
 *     netwatch.ts [--monitors COUNT] [--subscribers COUNT] [--timer]
 *
 * With more than one monitor or subscriber, an event is what the last of them received. With `--timer`, a
 * 10 ms timer measures how long the event loop is blocked.
 *
 * @module
 */
import { NetworkMonitor } from "../../../../mod.ts";
import { LoopLag } from "../../../support/loop_lag.ts";
import { Events, printState } from "./protocol.ts";

const option = (name: string) => Deno.args.indexOf(name) + 1; // node:util would be in the figures
const count = (name: string) => option(name) === 0 ? 1 : Number(Deno.args[option(name)]);
const monitorCount = count("--monitors");
const subscribers = count("--subscribers");
const isTimed = option("--timer") > 0;
const events = new Events();
let received = 0;

const monitors = await Promise.all(
  Array.from({ length: monitorCount }, () => NetworkMonitor.open()),
);
for (const monitor of monitors) {
  for (let i = 0; i < subscribers; i++) {
    (async () => {
      for await (const { changes } of monitor) {
        if (changes.length === 0) continue; // the current state
        if (++received % (monitorCount * subscribers) === 0) events.seen();
      }
    })();
  }
}
if (isTimed) await new Promise((resolve) => setTimeout(resolve, 500)); // not the opening
const lag = isTimed ? new LoopLag() : null;
await events.run();
lag?.stop();
if (lag !== null) console.log(`blockMs ${lag.worstMs}\nblockCpuMs ${lag.worstCpuMs}`);
const [{ current, metrics }] = monitors as [NetworkMonitor];
for (const [name, count] of Object.entries(metrics)) console.log(name, count);
printState(
  Object.values(current.state.interfaces).flatMap((it) => it.addresses.map(({ cidr }) => cidr)),
);
Deno.exit();
