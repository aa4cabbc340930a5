/**
 * Adds and removes an address of an interface, in turns, and prints when: "sent NS" for each change.
 *
 *     sender.ts INTERFACE_INDEX COUNT APART_MS
 *
 * It is busy for a moment before each change, so that its own code and core are warm: the figures are
 * those of the receiver, which is cold.
 *
 * @module
 */
import { NetworkChanger } from "../support/rtnetlink.ts";
import { monotonicNs } from "./clock.ts";

const WARM_UP_NS = 2e6;
const ADDRESS = Uint8Array.of(10, 201, 7, 1);

const [index = 0, count = 0, apartMs = 0] = Deno.args.map(Number);
using changer = new NetworkChanger();
const sent: number[] = [];
for (let i = 0; i < count; i++) {
  await new Promise((resolve) => setTimeout(resolve, apartMs));
  const warm = monotonicNs() + WARM_UP_NS;
  let now = 0;
  while ((now = monotonicNs()) < warm);
  if (i % 2 === 0) changer.addAddress(index, ADDRESS, 32);
  else changer.deleteAddress(index, ADDRESS, 32);
  sent.push(now);
}
console.log(sent.map((at) => `sent ${at}`).join("\n"));
