/**
 * Asks `Deno.networkInterfaces()` every second, as programs do that have no better way.
 *
 * @module
 */
import { Events, printState } from "./protocol.ts";

const events = new Events();
let state = Deno.networkInterfaces();
let text = JSON.stringify(state);
setInterval(() => {
  state = Deno.networkInterfaces();
  const now = JSON.stringify(state);
  if (now !== text) events.seen();
  text = now;
}, 1_000);
await events.run();
printState(state.map(({ cidr }) => cidr));
Deno.exit();
