/**
 * Measures one-shot reads while no monitor is open. Prints how long the import took, the first read and the
 * median of later ones, in milliseconds.
 *
 *     read.ts netwatch | networkInterfaces
 *
 * @module
 */
const CALLS = 200;
const LONGEST_MS = 4_000;

const start = performance.now();
const read = Deno.args[0] === "netwatch"
  ? (await import("../../../../mod.ts")).readNetworkState
  : Deno.networkInterfaces;
console.log("import", performance.now() - start);

const times: number[] = [];
const began = performance.now();
while (times.length < CALLS && performance.now() - began < LONGEST_MS) {
  const before = performance.now();
  await read();
  times.push(performance.now() - before);
}
console.log("first", times[0]);
const later = times.slice(times.length >> 1).sort((a, b) => a - b);
console.log("warm", later[later.length >> 1]);
Deno.exit();
