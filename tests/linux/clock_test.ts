/**
 * A wake from sleep and a stepped clock, from the kernel to the subscription. The clocks and the timer are
 * the test's, the poll and the sockets are real.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { macrotask } from "../../ffi/timers.ts";
import { Syscalls } from "../../ffi/linux/syscalls.ts";
import { LinuxSubscription } from "../../ffi/linux/subscription.ts";
import { type LinuxRuntime, LinuxSource } from "../../ffi/linux/source.ts";
import type { SourceEvent } from "../../state/ports.ts";
import { openRuntime, type RealLibc } from "../support/real_libc.ts";
import { ffi, type Need, skippable } from "../support/skip.ts";
import { scaled } from "../support/timing.ts";

const NEEDS: Need[] = ["linux", ffi];
const HOUR_MS = 3_600_000;
const CLOCK_BOOTTIME = 7;
// asm-generic/fcntl.h: O_CLOEXEC | O_NONBLOCK.
const EVENTFD_FLAGS = 0x80800;

/** A kernel on a machine that sleeps on command. */
class SleepySyscalls extends Syscalls {
  /** How long it has slept, in milliseconds. */
  slept = 0;
  /** How often the timer was armed. */
  armed = 0;
  /** The clock is set right before arming: that fails, and the timer is armed (timerfd_settime(2)). */
  cancelledWhileArmed = false;
  #timer = -1;
  #cancelled = false;

  readonly #real: RealLibc;

  constructor(libc: RealLibc) {
    super(libc);
    this.#real = libc;
  }

  override clock(id: number): number | null {
    const time = super.clock(id);
    return time === null || id !== CLOCK_BOOTTIME ? time : time + this.slept;
  }

  /** In place of the timer something that the test makes readable. */
  override timerDescriptor(): number {
    return this.#timer = this.#real.eventfd(0, EVENTFD_FLAGS);
  }

  /** Arming makes a timer unreadable; of a cancelled one, it fails, and arms it. */
  override armTimer(_fd: number, seconds: bigint): boolean {
    this.#real.read(this.#timer, new Uint8Array(8), 8n);
    if (seconds < BigInt(Date.now() / 1000 | 0)) {
      this.#expire();
      return true;
    }
    this.armed++;
    const cancelled = this.#cancelled || this.cancelledWhileArmed;
    this.#cancelled = this.cancelledWhileArmed = false;
    return !cancelled;
  }

  /** The timer is cancelled, as when the clock is set and on a wake from sleep. */
  cancelTimer(): void {
    this.#cancelled = true;
    this.#expire();
  }

  #expire(): void {
    this.#real.write(this.#timer, new Uint8Array(BigUint64Array.of(1n).buffer), 8n);
  }
}

interface Setup {
  kernel: SleepySyscalls;
  runtime: LinuxRuntime;
  subscriptions: LinuxSubscription[];
  /** What each subscription says next. */
  next(): Promise<SourceEvent[]>;
}

async function withSystem(count: number, body: (setup: Setup) => Promise<void>): Promise<void> {
  const { runtime, syscalls: kernel } = openRuntime((libc) => new SleepySyscalls(libc));
  const subscriptions = Array.from({ length: count }, () =>
    new LinuxSubscription({
      runtime,
      counters: { events: 0, ignored: 0, malformed: 0, spoofed: 0 },
    }));
  const iterators = subscriptions.map((one) => aboutClocks(one));
  const next = () =>
    withinLimit(Promise.all(iterators.map(async (one) => (await one.next()).value!)));
  try {
    await body({ kernel, runtime, subscriptions, next });
  } finally {
    for (const one of subscriptions) await one[Symbol.asyncDispose]();
    await runtime.dispose();
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
  name: "LinuxRuntime wakes all subscriptions when the timer reports a wake-up from sleep",
  needs: NEEDS,
  fn: () =>
    withSystem(2, async ({ kernel, next }) => {
      for (const slept of [HOUR_MS, 250]) {
        const heard = next();
        kernel.slept += slept;
        kernel.cancelTimer();
        for (const event of await heard) assertResumed(event, slept);
      }
      assert(kernel.armed >= 3, "It was not armed again");
    }),
});

skippable({
  name: "LinuxRuntime does not mistake a stepped clock for a sleep",
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
  name: "LinuxRuntime finds a sleep when its clock is checked",
  needs: NEEDS,
  fn: () =>
    withSystem(1, async ({ kernel, next, runtime }) => {
      kernel.slept += HOUR_MS;
      const checked = next();
      runtime.wakeups?.clock.check(false);
      assertResumed((await checked)[0], HOUR_MS);
    }),
});

skippable({
  name: "LinuxSource reports a sleep that a lost subscription has not delivered by the next one",
  needs: NEEDS,
  fn: async () => {
    const { runtime, syscalls: kernel } = openRuntime((libc) => new SleepySyscalls(libc));
    await using source = new LinuxSource(runtime, {}, () => runtime.dispose());
    const { signal } = new AbortController();
    const lost = await source.subscribe(signal);
    kernel.slept += HOUR_MS;
    runtime.wakeups?.clock.check(false);
    await lost[Symbol.asyncDispose]();
    const subscription = await source.subscribe(signal);
    await source.read(signal);
    const heard = aboutClocks(subscription as LinuxSubscription).next();
    assertResumed((await withinLimit(heard)).value!, HOUR_MS);
  },
});

skippable({
  name: "LinuxSource reports a sleep that another source notices while it has no subscription",
  needs: NEEDS,
  fn: async () => {
    const { runtime, syscalls: kernel } = openRuntime((libc) => new SleepySyscalls(libc));
    await using other = new LinuxSource(runtime, {}, () => runtime.dispose());
    await using source = new LinuxSource(runtime, {}, () => Promise.resolve());
    const { signal } = new AbortController();
    const lost = await source.subscribe(signal);
    await other.subscribe(signal);
    await lost[Symbol.asyncDispose]();
    kernel.slept += HOUR_MS;
    await other.read(signal); // compares the clocks
    const heard = aboutClocks(await source.subscribe(signal) as LinuxSubscription).next();
    assertResumed((await withinLimit(heard)).value!, HOUR_MS);
  },
});

skippable({
  name: "LinuxRuntime notices a clock that is set while the timer is being armed",
  needs: NEEDS,
  fn: () =>
    withSystem(1, async ({ kernel, next, subscriptions }) => {
      // Twice: an error of timerfd_settime must not end the watch over the clock.
      for (let round = 0; round < 2; round++) {
        const heard = next();
        kernel.cancelledWhileArmed = true;
        while (kernel.cancelledWhileArmed) {
          subscriptions[0]!.unref(); // wakes the poll, if one is in progress
          await macrotask();
          subscriptions[0]!.ref();
        }
        assertEquals(await heard, [{ kind: "clock-stepped" }]);
      }
      const heard = next();
      kernel.slept += HOUR_MS;
      kernel.cancelTimer();
      assertResumed((await heard)[0], HOUR_MS);
    }),
});
