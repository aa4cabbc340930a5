/**
 * The C library with what all monitors of the isolate share: the one blocked poll and the watch over
 * sleep. Counted: loaded by the first user, unloaded with the last.
 *
 * @module
 */
import { openLibrary } from "../library.ts";
import { Refcounted } from "../refcounted.ts";
import { type ClockFinding, ClockWatch, SleepDetector } from "../suspend_clock.ts";
import { PollLoop, type Watch } from "../poll_loop.ts";
import {
  CLOCK_BOOTTIME,
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  TFD_CLOEXEC,
  TFD_NONBLOCK,
  TFD_TIMER_ABSTIME,
  TFD_TIMER_CANCEL_ON_SET,
} from "./constants.ts";
import { Syscalls } from "./syscalls.ts";
import { libcRequest } from "./libc.ts";

/** A far date, 2200-01-01: the timer is not there to fire but to be cancelled. */
const NEVER_SECONDS = 7_258_118_400n;

/** What the monitors of an isolate share. */
export class LinuxRuntime {
  /** The system calls. */
  readonly kernel: Syscalls;
  /** The one blocked poll. */
  readonly waiter: PollLoop;
  readonly #close: () => void;
  readonly #wakeDescriptor: number;
  readonly #clocks: ClockWatch;
  #timer: { descriptor: number; watch: Watch; done: Promise<void> } | null = null;

  /** Starts on loaded functions; `close` unloads them. */
  constructor(kernel: Syscalls, close: () => void) {
    this.kernel = kernel;
    this.#close = close;
    this.#wakeDescriptor = kernel.eventDescriptor(EFD_CLOEXEC | EFD_NONBLOCK);
    const counter = new Uint8Array(8);
    const one = new Uint8Array(BigUint64Array.of(1n).buffer);
    this.waiter = new PollLoop({
      poll: (descriptors, count, timeoutMs) => kernel.poll(descriptors, count, timeoutMs),
      wakeDescriptor: this.#wakeDescriptor,
      wake: () => kernel.write(this.#wakeDescriptor, one),
      quiet: () => kernel.read(this.#wakeDescriptor, counter),
    }, () => this.#clocks.look(false));
    this.#clocks = new ClockWatch(
      new SleepDetector({
        monotonic: () => kernel.clock(CLOCK_MONOTONIC),
        bootTime: () => kernel.clock(CLOCK_BOOTTIME),
      }),
    );
  }

  /** Hears of wake-ups and stepped clocks until the returned function is called. */
  onClock(listener: (finding: ClockFinding) => void): () => Promise<void> {
    const forget = this.#clocks.listen(listener);
    this.#timer ??= this.#startTimer();
    return async () => {
      forget();
      if (this.#clocks.listeners > 0) return;
      const timer = this.#timer;
      this.#timer = null;
      if (timer === null) return;
      await timer.watch.close();
      await timer.done;
      this.kernel.close(timer.descriptor);
    };
  }

  /** Compares the clocks now. */
  lookAtClocks(): void {
    this.#clocks.look(false);
  }

  /** Ends the poll and unloads the library. */
  async dispose(): Promise<void> {
    await this.waiter.idle();
    this.kernel.close(this.#wakeDescriptor);
    this.#close();
  }

  /** A timer that the kernel cancels when the wall clock is set, and on resume (fs/timerfd.c). */
  #startTimer(): { descriptor: number; watch: Watch; done: Promise<void> } | null {
    const descriptor = this.kernel.timerDescriptor(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (descriptor < 0) return null;
    if (!this.#arm(descriptor)) {
      this.kernel.close(descriptor);
      return null;
    }
    const watch = this.waiter.watch(descriptor);
    // It keeps no process alive: that is for the sockets to do.
    watch.unref();
    return { descriptor, watch, done: this.#hearTimer(descriptor, watch) };
  }

  async #hearTimer(descriptor: number, watch: Watch): Promise<void> {
    const expirations = new Uint8Array(8);
    while (await watch.ready() !== null) {
      // ECANCELED is the news itself; whatever it is, the timer must be armed again.
      this.kernel.read(descriptor, expirations);
      if (!this.#arm(descriptor)) return;
      this.#clocks.look(true);
    }
  }

  #arm(descriptor: number): boolean {
    return this.kernel.armTimer(
      descriptor,
      TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
      NEVER_SECONDS,
    );
  }
}

/** The one of the isolate, by the path of the C library. */
export const linuxRuntimes: Refcounted<LinuxRuntime> = new Refcounted(loadSystem);

async function loadSystem(path: string | undefined): Promise<LinuxRuntime> {
  const library = await openLibrary(libcRequest(path));
  try {
    return new LinuxRuntime(new Syscalls(library.symbols), () => library.close());
  } catch (error) {
    library.close();
    throw error;
  }
}
