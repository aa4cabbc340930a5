/**
 * A wake from sleep and a stepped clock, from the kernel to the subscription. The clocks and the timer are
 * the test's, the poll and the sockets are real.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Syscalls } from "../../ffi/linux/syscalls.ts";
import { LinuxSubscription } from "../../ffi/linux/subscription.ts";
import type { LinuxRuntime } from "../../ffi/linux/runtime.ts";
import type { SourceEvent } from "../../state/source.ts";
import { openSystem } from "../support/real_libc.ts";
import { ffi, type Need, skippable } from "../support/skip.ts";
import { scaled } from "../support/timing.ts";

const NEEDS: Need[] = ["linux", ffi];
const HOUR_MS = 3_600_000;
const CLOCK_BOOTTIME = 7;
// asm-generic/fcntl.h: O_CLOEXEC | O_NONBLOCK.
const EVENTFD_FLAGS = 0x80800;

/** A kernel on a machine that sleeps when it is told to. */
class SleepySyscalls extends Syscalls {
  /** How long it has slept, in milliseconds. */
  slept = 0;
  /** The system has no such timer. */
  timerless = false;
  /** How often the timer was armed. */
  armed = 0;
  #timer = -1;

  override clock(id: number): number | null {
    const time = super.clock(id);
    return time === null || id !== CLOCK_BOOTTIME ? time : time + this.slept;
  }

  /** In place of the timer something that the test makes readable. */
  override timerDescriptor(): number {
    return this.timerless ? -1 : this.#timer = this.eventDescriptor(EVENTFD_FLAGS);
  }

  override armTimer(): boolean {
    this.armed++;
    return true;
  }

  /** The timer is cancelled, as when the clock is set and on a wake from sleep. */
  cancelTimer(): void {
    this.write(this.#timer, new Uint8Array(BigUint64Array.of(1n).buffer));
  }
}

interface Setup {
  kernel: SleepySyscalls;
  system: LinuxRuntime;
  subscriptions: LinuxSubscription[];
  /** What each subscription says next. */
  next(): Promise<SourceEvent[]>;
}

async function withSystem(count: number, body: (setup: Setup) => Promise<void>): Promise<void> {
  const { system, kernel } = openSystem((libc) => new SleepySyscalls(libc));
  const subscriptions = Array.from({ length: count }, () =>
    new LinuxSubscription({
      system,
      receiveBufferBytes: 1_048_576,
      counters: { events: 0, ignored: 0, malformed: 0, spoofed: 0 },
      truthOf: () => undefined,
    }));
  const iterators = subscriptions.map((one) => aboutClocks(one));
  const next = () =>
    withinLimit(Promise.all(iterators.map(async (one) => (await one.next()).value!)));
  try {
    await body({ kernel, system, subscriptions, next });
  } finally {
    for (const one of subscriptions) await one[Symbol.asyncDispose]();
    await system.dispose();
  }
}

/** A promise that nothing fulfils would keep the test waiting for ever, since the poll does. */
async function withinLimit<T>(promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error("No event within the time limit")),
    scaled(5_000),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Without what the network of this machine may do meanwhile. */
async function* aboutClocks(subscription: LinuxSubscription): AsyncGenerator<SourceEvent, void> {
  for await (const event of subscription) {
    if (event.kind === "resumed" || event.kind === "clock-stepped") yield event;
  }
}

function assertResumed(event: SourceEvent | undefined, sleptMs: number): void {
  assert(event?.kind === "resumed", JSON.stringify(event));
  assert(Math.abs(event.sleptMs - sleptMs) <= 1, `${event.sleptMs} ms`);
  assert(Math.abs(event.at - Date.now()) < scaled(10_000), `at ${event.at}`);
}

skippable({
  name: "LinuxRuntime wakes all subscriptions when the timer tells of a wake from sleep",
  needs: NEEDS,
  fn: () =>
    withSystem(2, async ({ kernel, next }) => {
      for (const slept of [HOUR_MS, 250]) {
        const heard = next();
        kernel.slept += slept;
        kernel.cancelTimer();
        for (const event of await heard) assertResumed(event, slept);
        // The timer's own news follows: the look before it has taken the sleep already.
        for (const event of await next()) assertEquals(event, { kind: "clock-stepped" });
      }
      assert(kernel.armed >= 3, "It was not armed again");
    }),
});

skippable({
  name: "LinuxRuntime tells a stepped clock from a sleep",
  needs: NEEDS,
  fn: () =>
    withSystem(1, async ({ kernel, next }) => {
      const heard = next();
      kernel.cancelTimer();
      assertEquals(await heard, [{ kind: "clock-stepped" }]);
      const again = next();
      kernel.slept += HOUR_MS;
      kernel.cancelTimer();
      assertResumed((await again)[0], HOUR_MS);
      const third = next();
      kernel.cancelTimer();
      assertEquals(await third, [{ kind: "clock-stepped" }]);
    }),
});

skippable({
  name: "LinuxRuntime finds a sleep whenever the poll returns, and when it is asked to look",
  needs: NEEDS,
  fn: () =>
    withSystem(1, async ({ kernel, next, subscriptions, system }) => {
      kernel.slept += HOUR_MS;
      const woken = next();
      subscriptions[0]!.unref();
      assertResumed((await woken)[0], HOUR_MS);
      subscriptions[0]!.ref();

      kernel.slept += 2 * HOUR_MS;
      const looked = next();
      system.lookAtClocks();
      assertResumed((await looked)[0], 2 * HOUR_MS);
    }),
});

skippable({
  name: "LinuxRuntime does without the timer where the kernel has none",
  needs: NEEDS,
  fn: async () => {
    const { system, kernel } = openSystem((libc) => new SleepySyscalls(libc));
    kernel.timerless = true;
    const findings: unknown[] = [];
    const forget = system.onClock((finding) => findings.push(finding));
    kernel.slept += HOUR_MS;
    system.lookAtClocks();
    assertEquals(findings, [{ kind: "resumed", sleptMs: HOUR_MS }]);
    await forget();
    kernel.slept += HOUR_MS;
    system.lookAtClocks();
    assertEquals(findings.length, 1);
    await system.dispose();
  },
});

skippable({
  name: "LinuxRuntime closes the timer with the last listener, and opens another for the next",
  needs: NEEDS,
  fn: async () => {
    const { system, kernel } = openSystem((libc) => new SleepySyscalls(libc));
    for (let round = 0; round < 3; round++) {
      const heard = [Promise.withResolvers<unknown>(), Promise.withResolvers<unknown>()];
      const forget = heard.map(({ resolve }) => system.onClock(resolve));
      assertEquals(kernel.armed, round * 2 + 1);
      await forget[0]!();
      kernel.cancelTimer();
      assertEquals(await withinLimit(heard[1]!.promise), { kind: "clock-stepped" });
      await forget[1]!();
    }
    await system.dispose();
  },
});
