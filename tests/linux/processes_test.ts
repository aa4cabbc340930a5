/**
 * What monitors cost and keep alive in a program of their own: threads, descriptors, the end of the
 * process, Workers.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { namespaceTest } from "../support/netns.ts";
import { runDeno, runDenoOk } from "../support/run.ts";
import { ffi, type Need, read, run, skippable } from "../support/skip.ts";
import { scaled } from "../support/timing.ts";

const NEEDS: Need[] = ["linux", ffi, read, run];
const PROGRAMS = "tests/support/programs";
/** As long as it takes to see that a program does not end. */
const STAYS_MS = 2_500;

/** Runs a program with these arguments; what it printed. */
async function printed(program: string, ...args: string[]): Promise<string> {
  const flags = ["run", "--no-check", "--no-prompt", "--allow-ffi", "--allow-read"];
  const { stdout } = await runDenoOk([...flags, `${PROGRAMS}/${program}`, ...args], {
    deadlineMs: 20_000,
  });
  return stdout.trim();
}

skippable({
  name: "64 monitors block one thread, and other work goes on",
  needs: NEEDS,
  fn: async () => {
    // /proc/self/task/*/syscall is for the owner alone, which --allow-all includes.
    const { stdout } = await runDenoOk(["run", "--no-check", "-A", `${PROGRAMS}/many_monitors.ts`]);
    const { threadsInPoll, readMs, sleepMs, closeMs } = JSON.parse(stdout);
    assertEquals(threadsInPoll, 1);
    assert(readMs < scaled(500), `A file took ${readMs} ms`);
    // The pool has 32 threads: with two of them blocked, 31 sleeps of 500 ms take 1 s.
    assert(sleepMs < scaled(900), `31 nonblocking calls of 500 ms took ${sleepMs} ms`);
    assert(closeMs < scaled(2_000), `Closing took ${closeMs} ms`);
  },
});

skippable({
  name: "1000 open and close cycles leave no descriptor and no library behind",
  needs: NEEDS,
  fn: async () => {
    const { stdout } = await runDenoOk([
      "run",
      "--no-check",
      "-A",
      `${PROGRAMS}/open_close.ts`,
      "1000",
    ]);
    const { before, after } = JSON.parse(stdout);
    assertEquals(after, before);
  },
});

/** How long a program runs, the median of several runs. */
async function medianMs(program: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    assertEquals(await printed("end.ts", program), "ready");
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[2]!;
}

for (const program of ["unpersistent", "unref'd", "closed", "closed while unref'd"]) {
  skippable({
    name: `a program with a monitor that is ${program} ends at once`,
    needs: NEEDS,
    fn: async () => {
      const [without, withOne] = [await medianMs("none"), await medianMs(program)];
      // 150 ms on a machine with nothing else to do; the long poll would take a minute.
      const limit = scaled(150) + 3 * without;
      assert(withOne - without < limit, `${withOne} ms instead of ${without} ms`);
    },
  });
}

for (const program of ["persistent", "ref'd again", "one of two unref'd"]) {
  skippable({
    name: `a program with a monitor that is ${program} does not end`,
    needs: NEEDS,
    fn: () => assertStays(program),
  });
}

for (const kind of ["loop", "stream"]) {
  skippable({
    name: `a ${kind} at the top level of a module keeps a program with an unref'd monitor running`,
    needs: NEEDS,
    fn: () => assertStays(kind, "top_level.ts"),
  });
}

namespaceTest(
  import.meta.url,
  "a program with a monitor that is ref'd by an event does not end",
  () => assertStays("ref'd by an event"),
);

async function assertStays(program: string, file = "end.ts"): Promise<void> {
  const args = ["run", "--no-check", "-A", `${PROGRAMS}/${file}`, program];
  const error = await assertRejects(() => runDeno(args, { deadlineMs: STAYS_MS }), Error);
  assert(/Killed after[^]*ready/.test(error.message), error.message);
}

skippable({
  name: "a Worker that is terminated with its monitor open does no harm",
  needs: NEEDS,
  fn: async () => {
    // /proc/self/fd is for the owner alone, which --allow-all includes.
    const program = `${PROGRAMS}/terminate_workers.ts`;
    const { stdout } = await runDenoOk(["run", "--no-check", "-A", program]);
    const { interfaces, left } = JSON.parse(stdout);
    assert(interfaces > 0);
    // The event socket, the socket for route lookups and the timer that wakes the poll.
    assert(Math.floor(left) <= 3, `${left} descriptors are left per Worker`);
  },
});
