/**
 * A program that watches the network and does nothing else. Prints "ready"; when its standard input ends,
 * prints as JSON what the monitor counted and, with "timer", how late its own 10 ms timer was at most.
 *
 *     deno run -A consume.ts [OPTIONS AS JSON] [timer]
 *
 * @module
 */
import { NetworkMonitor } from "../../../mod.ts";
import { LoopLag } from "../../support/loop_lag.ts";

async function main(): Promise<void> {
  const monitor = await NetworkMonitor.open(JSON.parse(Deno.args[0] ?? "{}"));
  let published = 0;
  const watching = (async () => {
    for await (const _ of monitor.snapshots()) published++;
  })();
  await new Promise((resolve) => setTimeout(resolve, 300)); // what opening costs is not counted
  const lag = Deno.args[1] === "timer" ? new LoopLag() : null;
  console.log("ready");
  for await (const _ of Deno.stdin.readable);
  lag?.stop();
  const { current, health, metrics } = monitor;
  const addresses = Object.values(current.state.interfaces).flatMap((nic) => nic.addresses).length;
  console.log(JSON.stringify({ ...lag, published, addresses, metrics, health }));
  await monitor.close();
  await watching;
}

await main();
