/**
 * Asks `Deno.networkInterfaces()` every second, as programs do that have no better way.
 *
 * @module
 */
import { Events, printState } from "./protocol.ts";

const events = new Events();
let last = JSON.stringify(Deno.networkInterfaces());
setInterval(() => {
  const now = JSON.stringify(Deno.networkInterfaces());
  if (now !== last) events.seen();
  last = now;
}, 1_000);
await events.run();
printState(Deno.networkInterfaces().flatMap(({ cidr }) => cidr ?? []));
Deno.exit();
