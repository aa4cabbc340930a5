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
  readonly #unload: () => void;
  #wakeups: Wakeups | null = null;
  #idleSocket: RequestSocket | null = null; // an open socket that nobody uses

  /** Uses loaded functions; `unload` unloads them. */
  constructor(syscalls: Syscalls, unload: () => void) {
    this.syscalls = syscalls;
    this.#unload = unload;
  }

  /** The one blocked poll. */
  get pollLoop(): PollLoop {
    return this.#listening.pollLoop;
  }

  /** What only listeners need: a single read does without. */
  get #listening(): Wakeups {
    return this.#wakeups ??= new Wakeups(this.syscalls);
  }

  /**
   * Looks up the default routes.
   *
   * @throws {SystemCallError} if the kernel does not answer
   */
  askRoutes(lookup: RouteLookup, links: LinkNames): DefaultRouteAnswer {
    const socket = this.takeSocket();
    try {
      return lookup.ask((queries) => socket.askAll(queries, decodeRouteAnswer), links);
    } finally {
      this.releaseSocket(socket);
    }
  }

  /** A socket for requests. Opening one costs as much as a read, so it is kept for the next ones. */
  takeSocket(): RequestSocket {
    const socket = this.#idleSocket ?? new RequestSocket(this.syscalls);
    this.#idleSocket = null;
    return socket;
  }

  /** Releases what `takeSocket()` returned. */
  releaseSocket(socket: RequestSocket): void {
    if (this.#idleSocket === null && !socket.isWaiting) this.#idleSocket = socket;
    else socket.close();
  }

  /** Calls the listener after a sleep and when the wall clock was set. Returns what ends that. */
  onClock(listener: (finding: ClockFinding) => void): () => void {
    return this.#listening.clock.listen(listener);
  }

  /** Compares the clocks now, if somebody listens. */
  checkClocks(): void {
    this.#wakeups?.clock.check(false);
  }

  /** Waits for the poll to end and unloads the library. */
  async dispose(): Promise<void> {
    await this.#wakeups?.close();
    this.#idleSocket?.close();
    this.#unload();
  }
}

/** The poll and the clocks of those who listen. */
class Wakeups {
  readonly pollLoop: PollLoop;
  readonly clock: SuspendClock;
  readonly #timer: WakeTimer;

  constructor(syscalls: Syscalls) {
    this.clock = new SuspendClock({
      monotonic: () => syscalls.clock(C.CLOCK_MONOTONIC),
      bootTime: () => syscalls.clock(C.CLOCK_BOOTTIME),
    });
    const timer = this.#timer = new WakeTimer(syscalls, () => this.clock.check(true));
    this.pollLoop = new PollLoop({
      poll: (descriptors, count, timeoutMs) => syscalls.poll(descriptors, count, timeoutMs),
      wakeDescriptor: timer.descriptor,
      wake: () => timer.wake(),
      quiet: () => timer.quiet(),
    });
  }

  /** Waits for the poll to end. */
  async close(): Promise<void> {
    await this.pollLoop.idle();
    this.#timer.close();
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

  /** No poll may be watching it. */
  close(): void {
    this.#syscalls.close(this.descriptor);
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
