/**
 * While the kernel holds its lock for interfaces, as it does for seconds when it removes a large network namespace,
 * reads of monitors wait, and the program does not.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { NetworkMonitor } from "../../mod.ts";
import { denoProgram } from "../support/program.ts";
import { ffi, type Need, read, run, skippable } from "../support/skip.ts";
import { scaled } from "../support/timing.ts";

const NEEDS: Need[] = ["linux", "userfaultfd", ffi, read, run];
const TURNS = 20;
/** Twice as many monitors as the pool has threads. */
const MONITORS = 64;

/** Calls while another program holds the lock; it gives it back when `release()` is called, or after 3 seconds. */
async function underLock(call: (release: () => Promise<void>) => Promise<void>): Promise<void> {
  const program = "tests/support/programs/hold_link_lock.ts";
  await using holder = denoProgram(["run", "--no-check", "-A", program, `${scaled(3_000)}`]);
  await holder.until(/held/);
  await call(() => holder.write("\n"));
  assertEquals((await holder.end()).code, 0);
}

/** How many turns of the event loop pass, of `TURNS`, before the promise is settled. */
async function turnsBefore(promise: Promise<unknown>): Promise<number> {
  let settled = false;
  promise.finally(() => settled = true).catch(() => {});
  let turns = 0;
  while (turns < TURNS && !settled) {
    await delay(5);
    turns++;
  }
  return turns;
}

skippable({
  name: "while the kernel holds its lock for interfaces, a read waits and the event loop does not",
  needs: NEEDS,
  fn: async () => {
    await using monitor = await NetworkMonitor.open({ reconcileIntervalMs: Infinity });
    await underLock(async (release) => {
      const refresh = monitor.refresh();
      assertEquals(await turnsBefore(refresh), TURNS);
      await release();
      await refresh;
    });
  },
});

skippable({
  name: "while the kernel holds its lock for interfaces, open() waits and the event loop does not",
  needs: NEEDS,
  fn: () =>
    underLock(async (release) => {
      const opening = NetworkMonitor.open({ reconcileIntervalMs: Infinity });
      assertEquals(await turnsBefore(opening), TURNS);
      await release();
      await (await opening).close();
    }),
});

skippable({
  name:
    "a monitor that is closed while the kernel holds its lock for interfaces is closed after it",
  needs: NEEDS,
  fn: async () => {
    const monitor = await NetworkMonitor.open({ reconcileIntervalMs: Infinity });
    await underLock(async (release) => {
      const refresh = monitor.refresh().catch((error) => error.name);
      await delay(scaled(20));
      const closed = monitor.close();
      assertEquals(await refresh, "MonitorClosedError");
      assertEquals(await turnsBefore(closed), TURNS);
      await release();
      await closed;
    });
  },
});

skippable({
  name:
    `${MONITORS} monitors that read while the kernel holds its lock for interfaces take one thread`,
  needs: NEEDS,
  fn: async () => {
    const options = { reconcileIntervalMs: Infinity };
    const opening = Array.from({ length: MONITORS }, () => NetworkMonitor.open(options));
    const monitors = await Promise.all(opening);
    await underLock(async (release) => {
      const reads = Promise.all(monitors.map((monitor) => monitor.refresh()));
      // as long as its threads are free, the pool answers
      await Promise.all(Array.from({ length: 4 }, () => Deno.stat(".")));
      assertEquals(await turnsBefore(reads), TURNS);
      await release();
      await reads;
    });
    await Promise.all(monitors.map((monitor) => monitor.close()));
  },
});
