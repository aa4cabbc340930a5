/**
 * What all monitors of an isolate share on Linux: the C library, the poll loop, the socket for route
 * lookups and the suspend clock. Loaded by the first user, unloaded with the last.
 *
 * @module
 */
import { PollLoop } from "../poll_loop.ts";
import { Refcounted } from "../refcounted.ts";
import { type ClockFinding, SuspendClock } from "../suspend_clock.ts";
import * as C from "./constants.ts";
import { loadLibc } from "./libc.ts";
import { RequestSocket } from "./request_socket.ts";
import {
  decodeRouteAnswer,
  type DefaultRouteAnswer,
  type LinkNames,
  type RouteLookup,
} from "./route_lookup.ts";
import { Syscalls } from "./syscalls.ts";

/** 2200-01-01: the timer is there to be cancelled, not to fire. */
const NEVER_SECONDS = 7_258_118_400n;

/** What the monitors of an isolate share. */
export class LinuxRuntime {
  readonly syscalls: Syscalls; // the system calls
  readonly pollLoop: PollLoop; // the one blocked poll
  readonly #unload: () => void;
  readonly #clock: SuspendClock;
  readonly #wakeDescriptor: number;
  #requests: RequestSocket | null = null;

  /** Uses loaded functions; `unload` unloads them. */
  constructor(syscalls: Syscalls, unload: () => void) {
    this.syscalls = syscalls;
    this.#unload = unload;
    this.#clock = new SuspendClock({
      monotonic: () => syscalls.clock(C.CLOCK_MONOTONIC),
      bootTime: () => syscalls.clock(C.CLOCK_BOOTTIME),
    });
    const wake = new WakeTimer(syscalls, () => this.#clock.check(true));
    this.#wakeDescriptor = wake.descriptor;
    this.pollLoop = new PollLoop({
      poll: (descriptors, count, timeoutMs) => syscalls.poll(descriptors, count, timeoutMs),
      wakeDescriptor: wake.descriptor,
      wake: () => wake.wake(),
      quiet: () => wake.quiet(),
    });
  }

  /**
   * Looks up the default routes, on a socket that all monitors share.
   *
   * @throws {SystemCallError} if the kernel does not answer
   */
  askRoutes(lookup: RouteLookup, links: LinkNames): DefaultRouteAnswer {
    const requests = this.#requests ??= new RequestSocket(this.syscalls);
    try {
      return lookup.ask((queries) => requests.askAll(queries, decodeRouteAnswer), links);
    } catch (error) {
      // answers may still arrive on this socket: the next lookup uses a new one
      requests.close();
      this.#requests = null;
      throw error;
    }
  }

  /** Calls the listener after a sleep and when the wall clock was set. Returns what ends that. */
  onClock(listener: (finding: ClockFinding) => void): () => void {
    return this.#clock.listen(listener);
  }

  /** Compares the clocks now. */
  checkClocks(): void {
    this.#clock.check(false);
  }

  /** Waits for the poll to end and unloads the library. */
  async dispose(): Promise<void> {
    await this.pollLoop.idle();
    this.#requests?.close();
    this.syscalls.close(this.#wakeDescriptor);
    this.#unload();
  }
}

/**
 * Wakes the poll, and is woken by the kernel when the wall clock is set and on resume (fs/timerfd.c):
 * one descriptor for both, since a terminated Worker leaves every descriptor open.
 */
class WakeTimer {
  readonly descriptor: number;
  readonly #syscalls: Syscalls;
  readonly #onClockSet: () => void;
  readonly #expirations = new Uint8Array(8);
  #clockSet = false;

  constructor(syscalls: Syscalls, onClockSet: () => void) {
    this.#syscalls = syscalls;
    this.#onClockSet = onClockSet;
    this.descriptor = syscalls.timerDescriptor(C.CLOCK_REALTIME, C.TFD_NONBLOCK | C.TFD_CLOEXEC);
    if (!this.#arm(NEVER_SECONDS)) {
      const error = syscalls.error("timerfd_settime");
      syscalls.close(this.descriptor);
      throw error;
    }
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
    const expired = this.#syscalls.read(this.descriptor, this.#expirations) === 8;
    const armed = this.#arm(NEVER_SECONDS);
    if (expired && armed && !this.#clockSet) return;
    this.#clockSet = false;
    this.#onClockSet();
  }

  #arm(seconds: bigint): boolean {
    const flags = C.TFD_TIMER_ABSTIME | C.TFD_TIMER_CANCEL_ON_SET;
    return this.#syscalls.armTimer(this.descriptor, flags, seconds);
  }
}

/** The runtime of the isolate, by the path of the C library. */
export const linuxRuntimes: Refcounted<LinuxRuntime> = new Refcounted(loadRuntime);

async function loadRuntime(path: string | undefined): Promise<LinuxRuntime> {
  const { functions, unload } = await loadLibc(path);
  try {
    return new LinuxRuntime(new Syscalls(functions), unload);
  } catch (error) {
    unload();
    throw error;
  }
}
