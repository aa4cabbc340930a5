/**
 * Terminates Workers that have a monitor open, then uses one itself. Prints how many descriptors each Worker
 * leaves behind, and how many interfaces there are.
 *
 * @module
 */
import { NetworkMonitor, readNetworkState } from "../../../mod.ts";

const WORKERS = 8;

/** Sockets and timers: the rest is the runtime's own, such as the epoll of a Worker that is ending. */
function descriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => isOurs(name)).length;
}

function isOurs(descriptor: string): boolean {
  try {
    return /^socket:|timerfd/.test(Deno.readLinkSync(`/proc/self/fd/${descriptor}`));
  } catch {
    return false; // the one that lists them is closed by now
  }
}

async function terminateOne(): Promise<void> {
  const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  worker.terminate();
  await readNetworkState();
}

/** The least value within some seconds: a terminated Worker takes a while to end. */
async function settled(value: () => number): Promise<number> {
  let least = value();
  for (let i = 0; i < 40; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    least = Math.min(least, value());
  }
  return least;
}

async function main(): Promise<void> {
  await terminateOne(); // the first one also opens what the runtime keeps
  const before = descriptors();
  for (let i = 0; i < WORKERS; i++) await terminateOne();
  const left = await settled(() => (descriptors() - before) / WORKERS);
  const monitor = await NetworkMonitor.open({ source: "events" });
  const { state } = await monitor.refresh();
  await monitor.close();
  console.log(JSON.stringify({ left, interfaces: Object.keys(state.interfaces).length }));
}

main();
