// What wakes those who listen: the one blocked poll, a timer for its interruption, the clocks. A single read
// does without.
import { PollLoop, type PollPort } from "../poll_loop.ts";
import { SuspendClock } from "../suspend_clock.ts";
import * as C from "./constants.ts";
import type { LinuxRuntime } from "./source.ts";
import type { Syscalls } from "./syscalls.ts";

/** 2200-01-01: the timer is there to be cancelled, not to fire. */
const NEVER_SECONDS = 7_258_118_400n;

/**
 * The poll and the clocks of all monitors of an isolate. A timer wakes the poll, and is woken by the kernel when
 * the wall clock is set and on resume (fs/timerfd.c): one descriptor for both, since a terminated Worker leaves
 * every descriptor open.
 */
export class Wakeups implements PollPort {
  readonly pollLoop: PollLoop = new PollLoop(this); // the one blocked poll
  readonly clock: SuspendClock; // notices sleeps and a wall clock that is set
  readonly wakeDescriptor: number;
  readonly #syscalls: Syscalls;
  readonly #expirations = new Uint8Array(8);
  #clockSet = false;

  /** Opens the timer. */
  constructor(syscalls: Syscalls) {
    this.#syscalls = syscalls;
    this.clock = new SuspendClock({
      monotonic: () => syscalls.clock(C.CLOCK_MONOTONIC),
      bootTime: () => syscalls.clock(C.CLOCK_BOOTTIME),
    });
    const flags = C.TFD_NONBLOCK | C.TFD_CLOEXEC;
    this.wakeDescriptor = syscalls.timerDescriptor(C.CLOCK_REALTIME, flags);
    if (this.#arm(NEVER_SECONDS)) return;
    const error = syscalls.error("timerfd_settime");
    syscalls.close(this.wakeDescriptor);
    throw error;
  }

  poll(descriptors: Uint8Array<ArrayBuffer>, count: number, timeoutMs: number): Promise<number> {
    return this.#syscalls.poll(descriptors, count, timeoutMs);
  }

  /** Lets the timer expire at once, by a time in the past. */
  wake(): void {
    if (!this.#arm(1n)) this.#clockSet = true;
  }

  /**
   * Our own wake-up reads as an expiry; a clock that was set cancels the timer, and the read fails. While
   * a cancellation is pending, arming the timer fails with ECANCELED and arms it all the same, as the
   * manual page of `timerfd_settime` says: that is news of a set clock, too.
   */
  quiet(): void {
    const expired = this.#syscalls.read(this.wakeDescriptor, this.#expirations) === 8;
    const armed = this.#arm(NEVER_SECONDS);
    if (expired && armed && !this.#clockSet) return;
    this.#clockSet = false;
    this.clock.check(true);
  }

  /** Waits for the poll to end. */
  async close(): Promise<void> {
    await this.pollLoop.idle();
    this.#syscalls.close(this.wakeDescriptor);
  }

  #arm(seconds: bigint): boolean {
    const flags = C.TFD_TIMER_ABSTIME | C.TFD_TIMER_CANCEL_ON_SET;
    return this.#syscalls.armTimer(this.wakeDescriptor, flags, seconds);
  }
}

/** The wake-ups of a runtime. */
export function wakeupsOf(runtime: LinuxRuntime): Wakeups {
  return runtime.wakeups ??= new Wakeups(runtime.syscalls);
}
