/**
 * Opens 64 monitors and prints, as JSON, how many threads of the process are in a poll for them and how
 * quickly other work gets done meanwhile.
 *
 * @module
 */
import { NetworkMonitor } from "../../../mod.ts";
import { openLibc } from "../real_libc.ts";
import { scaled } from "../timing.ts";

/** One less than the threads of the pool. */
const SLEEPERS = 31;
const SLEEP_MS = scaled(500);

async function main(): Promise<void> {
  const monitors: NetworkMonitor[] = [];
  for (let i = 0; i < 64; i++) monitors.push(await NetworkMonitor.open({ source: "events" }));
  await new Promise((resolve) => setTimeout(resolve, scaled(100)));
  const threadsInPoll = countThreadsInPoll();

  const readMs = await timed(() => Deno.readTextFile("/proc/self/status"));
  const { libc, close } = openLibc();
  const sleepMs = await timed(() =>
    Promise.all(Array.from({ length: SLEEPERS }, () => libc.usleep(SLEEP_MS * 1_000)))
  );
  const closeMs = await timed(() => Promise.all(monitors.map((monitor) => monitor.close())));
  close();
  console.log(JSON.stringify({ threadsInPoll, readMs, sleepMs, closeMs }));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** By the number of the system call that each thread is in: poll, or ppoll where there is no poll. */
function countThreadsInPoll(): number {
  const poll = Deno.build.arch === "x86_64" ? "7" : "73";
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc/self/task")) {
    const [number] = Deno.readTextFileSync(`/proc/self/task/${name}/syscall`).split(" ");
    if (number === poll) count++;
  }
  return count;
}

main();
