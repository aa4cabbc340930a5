/**
 * Reads the network as soon as the program runs, and prints how many timers that took.
 *
 * @module
 */
import { readNetworkState } from "../../../mod.ts";

const { setTimeout } = globalThis;
let timers = 0;
globalThis.setTimeout = ((call: () => void, ms?: number) => {
  timers++;
  return setTimeout(call, ms);
}) as typeof setTimeout;
performance.now = () => 25; // milliseconds after the start of the process
await readNetworkState();
console.log(timers);
