/**
 * Opens and closes monitors and prints, as JSON, how many descriptors and mappings of the C library the
 * process had before and after. The argument is how often.
 *
 * @module
 */
import { NetworkMonitor } from "../../../mod.ts";
import { scaled } from "../timing.ts";

const WARM_UP = 10;
/** Half a second after its start Deno opens a pair of sockets of its own. */
const START_MS = scaled(1_500);

async function main(): Promise<void> {
  const cycles = Number(Deno.args[0]);
  await new Promise((resolve) => setTimeout(resolve, START_MS));
  await openAndClose(WARM_UP);
  const before = resources();
  await openAndClose(cycles / 2);
  const held = await NetworkMonitor.open({ source: "events" });
  // With one open the library stays loaded: another way through opening and closing.
  await openAndClose(cycles / 2);
  await held.close();
  console.log(JSON.stringify({ before, after: resources() }));
}

async function openAndClose(times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const monitor = await NetworkMonitor.open({ source: "events" });
    await monitor.close();
  }
}

function resources(): { descriptors: number; mappings: number } {
  return {
    descriptors: [...Deno.readDirSync("/proc/self/fd")].length,
    mappings: Deno.readTextFileSync("/proc/self/maps").split("\n").filter(isLibc).length,
  };
}

function isLibc(line: string): boolean {
  return line.includes("libc.so");
}

main();
