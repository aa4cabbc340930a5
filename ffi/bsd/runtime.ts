/**
 * The C library with what all monitors of the isolate share: the one blocked poll and the watch over
 * sleep. Counted: loaded by the first user, unloaded with the last.
 *
 * @module
 */
import { openLibrary } from "../library.ts";
import { Refcounted } from "../refcounted.ts";
import { SuspendClock } from "../suspend_clock.ts";
import { PollLoop } from "../poll_loop.ts";
import { Syscalls } from "./syscalls.ts";
import { type BsdSystemName, type LibcFunctions, libcRequest } from "./libc.ts";
import { type Platform, PLATFORMS } from "./platforms.ts";

/** What the monitors of an isolate share. */
export class BsdRuntime {
  /** The system calls. */
  readonly syscalls: Syscalls;
  /** What is particular to the system. */
  readonly platform: Platform;
  /** The one blocked poll. */
  readonly pollLoop: PollLoop;
  /** Looked at after each poll, which the canary of each tick ends: nothing else tells of a wake from sleep. */
  readonly clocks: SuspendClock;
  readonly #close: () => void;
  readonly #pipe: { reader: number; writer: number };
  #sequence = crypto.getRandomValues(new Uint32Array(1))[0]! & 0xffffff;

  /** Starts on loaded functions; `close` unloads them. */
  constructor(functions: LibcFunctions, os: BsdSystemName, close: () => void) {
    const kernel = this.syscalls = new Syscalls(functions, os);
    this.platform = PLATFORMS[os];
    this.#close = close;
    const pipe = this.#pipe = kernel.pipe();
    const byte = Uint8Array.of(1);
    // A pipe that can block must never be full: one byte in it says all.
    let woken = false;
    this.pollLoop = new PollLoop({
      poll: (descriptors, count, timeoutMs) => kernel.poll(descriptors, count, timeoutMs),
      wakeDescriptor: pipe.reader,
      wake: () => {
        if (!woken) woken = kernel.write(pipe.writer, byte) === 1;
      },
      quiet: () => {
        kernel.read(pipe.reader);
        woken = false;
      },
    }, () => this.clocks.check(false));
    const { always, awake } = this.platform.clocks;
    this.clocks = new SuspendClock({
      monotonic: () => kernel.clock(awake),
      bootTime: () => kernel.clock(always),
    });
  }

  /** A number for a question, of which no other subscription of the process has the same. */
  nextSequence(): number {
    return this.#sequence = (this.#sequence + 1) & 0x7fffffff;
  }

  /** Ends the poll and unloads the library. */
  async dispose(): Promise<void> {
    await this.pollLoop.idle();
    this.syscalls.close(this.#pipe.reader);
    this.syscalls.close(this.#pipe.writer);
    this.#close();
  }
}

/** The ones of the isolate, by system and by the path of the C library. */
export const bsdRuntimes: Readonly<Record<BsdSystemName, Refcounted<BsdRuntime>>> = {
  darwin: new Refcounted((path) => loadSystem("darwin", path)),
  freebsd: new Refcounted((path) => loadSystem("freebsd", path)),
};

async function loadSystem(os: BsdSystemName, path: string | undefined): Promise<BsdRuntime> {
  const library = await openLibrary(libcRequest(os, path));
  const close = () => library.close();
  try {
    return new BsdRuntime(library.symbols, os, close);
  } catch (error) {
    close();
    throw error;
  }
}
