// The C library, and what all monitors of the isolate share: the poll loop and the suspend clock. Reference
// counted: loaded for the first user, unloaded with the last.
import { openLibrary, Refcounted } from "../library.ts";
import { SuspendClock } from "../suspend_clock.ts";
import { PollLoop } from "../poll_loop.ts";
import { Syscalls } from "./syscalls.ts";
import { type BsdSystemName, type LibcFunctions, libcRequest } from "./libc.ts";
import { type Platform, PLATFORMS } from "./platforms.ts";

/** What the monitors of an isolate share. */
export class BsdRuntime {
  readonly syscalls: Syscalls;
  readonly platform: Platform;
  readonly pollLoop: PollLoop;
  /** Checked after each poll, at the latest when the next canary ends it: no event reports a resume. */
  readonly clocks: SuspendClock;
  readonly #unload: () => void;
  readonly #pipe: { reader: number; writer: number };
  #sequence = crypto.getRandomValues(new Uint32Array(1))[0]! & 0xffffff;

  /** Uses loaded functions; `unload` unloads them. */
  constructor(functions: LibcFunctions, os: BsdSystemName, unload: () => void) {
    const syscalls = this.syscalls = new Syscalls(functions, os);
    this.platform = PLATFORMS[os];
    this.#unload = unload;
    const pipe = this.#pipe = syscalls.pipe();
    const byte = Uint8Array.of(1);
    // The pipe is blocking, so it must never be full: one byte at a time is enough.
    let woken = false;
    this.pollLoop = new PollLoop({
      poll: (descriptors, count, timeoutMs) => syscalls.poll(descriptors, count, timeoutMs),
      wakeDescriptor: pipe.reader,
      wake: () => {
        if (!woken) woken = syscalls.write(pipe.writer, byte) === 1;
      },
      quiet: () => {
        syscalls.read(pipe.reader);
        woken = false;
      },
    }, () => this.clocks.check(false));
    this.clocks = new SuspendClock({
      monotonic: () => syscalls.clock(this.platform.awakeClock),
      bootTime: () => syscalls.clock(this.platform.bootClock),
    });
  }

  /** Returns a sequence number that no other subscription of the process uses. */
  nextSequence(): number {
    return this.#sequence = (this.#sequence + 1) & 0x7fffffff;
  }

  /** Ends the poll loop and unloads the library. */
  async dispose(): Promise<void> {
    await this.pollLoop.idle();
    this.syscalls.close(this.#pipe.reader);
    this.syscalls.close(this.#pipe.writer);
    this.#unload();
  }
}

/** The runtimes of the isolate, by system and by the path of the C library. */
export const bsdRuntimes: Readonly<Record<BsdSystemName, Refcounted<BsdRuntime>>> = {
  darwin: new Refcounted((path) => loadRuntime("darwin", path)),
  freebsd: new Refcounted((path) => loadRuntime("freebsd", path)),
};

async function loadRuntime(os: BsdSystemName, path: string | undefined): Promise<BsdRuntime> {
  const library = await openLibrary(libcRequest(os, path));
  try {
    return new BsdRuntime(library.symbols, os, () => library.close());
  } catch (error) {
    library.close();
    throw error;
  }
}
