/**
 * One blocked `poll(2)` for all descriptors of the isolate.
 *
 * A nonblocking FFI call occupies one of Deno's 32 pool threads and keeps the process alive, so
 * descriptors share a single call, which a wake-up descriptor interrupts whenever the set changes.
 *
 * @module
 */

/** `struct pollfd { int fd; short events; short revents; }`, poll.h. */
const POLLFD_SIZE = 8;
/** Data to read; the same bit on every supported system, as the next ones. */
export const POLLIN = 0x1;
/** An error is pending. */
export const POLLERR = 0x8;
/** The other end is gone. */
export const POLLHUP = 0x10;
/** The descriptor is not open. */
export const POLLNVAL = 0x20;

/** A Worker that is terminated leaves its poll behind: it must end by itself. */
const LONGEST_WAIT_MS = 60_000;
/** A pending call cannot be unref'd, so when nobody keeps the process alive the wait is sliced. */
const UNREF_SLICE_MS = 100;
/** Keeps a `poll` that fails again and again from taking the processor. */
const FAILURE_PAUSE_MS = 50;

/** What the waiter needs of the operating system. */
export interface PollPort {
  /** The blocking `poll(2)`, off the event loop; the number of ready descriptors, negative on failure. */
  poll(descriptors: Uint8Array<ArrayBuffer>, count: number, timeoutMs: number): Promise<number>;
  /** A descriptor that becomes readable through `wake()`. */
  readonly wakeDescriptor: number;
  /** Interrupts a running poll. */
  wake(): void;
  /** Makes the wake-up descriptor quiet again. */
  quiet(): void;
}

/** A descriptor in the shared poll. */
export interface Watch {
  /** Resolves with `revents` at the next readiness, with null when the watch was closed. */
  ready(): Promise<number | null>;
  /** Lets the watch keep the process alive (the default). */
  ref(): void;
  /** Lets the process end. */
  unref(): void;
  /** Leaves the poll; once it resolves, no poll looks at the descriptor and it may be closed. */
  close(): Promise<void>;
}

interface Entry {
  readonly descriptor: number;
  persistent: boolean;
  waiting: PromiseWithResolvers<number | null> | null;
}

/** Shares one blocked poll among any number of descriptors. */
export class PollLoop {
  readonly #port: PollPort;
  readonly #afterPoll: () => void;
  readonly #entries = new Set<Entry>();
  /** Who waits for the running poll to let go of a descriptor that left. */
  #leaving: PromiseWithResolvers<void> | null = null;
  #polling = false;
  /** The timer of the pause between two polls. */
  #pausing: ReturnType<typeof setTimeout> | null = null;
  #running: Promise<void> | null = null;

  /** `afterPoll` runs after each return of the poll, before anybody hears of readiness. */
  constructor(port: PollPort, afterPoll: () => void) {
    this.#port = port;
    this.#afterPoll = afterPoll;
  }

  /** Adds a descriptor. */
  watch(descriptor: number): Watch {
    const entry: Entry = { descriptor, persistent: true, waiting: null };
    this.#entries.add(entry);
    this.#keepPause();
    this.#running ??= this.#run();
    return {
      ready: () => this.#ready(entry),
      ref: () => this.#keep(entry, true),
      unref: () => this.#keep(entry, false),
      close: () => this.#close(entry),
    };
  }

  /** Resolves when nothing is watched and no poll runs any more. */
  async idle(): Promise<void> {
    if (this.#pausing !== null) Deno.refTimer(this.#pausing);
    await this.#running;
  }

  #ready(entry: Entry): Promise<number | null> {
    if (!this.#entries.has(entry)) return Promise.resolve(null);
    if (entry.waiting === null) {
      entry.waiting = Promise.withResolvers();
      this.#interrupt();
    }
    return entry.waiting.promise;
  }

  #keep(entry: Entry, persistent: boolean): void {
    if (entry.persistent === persistent) return;
    entry.persistent = persistent;
    this.#keepPause();
    this.#interrupt();
  }

  async #close(entry: Entry): Promise<void> {
    if (!this.#entries.delete(entry)) return;
    entry.waiting?.resolve(null);
    this.#interrupt();
    if (this.#polling) await (this.#leaving ??= Promise.withResolvers()).promise;
  }

  #interrupt(): void {
    if (this.#polling) this.#port.wake();
  }

  async #run(): Promise<void> {
    // The first caller goes on to ask for readiness before the first poll begins.
    await Promise.resolve();
    try {
      while (this.#entries.size > 0) await this.#pollOnce();
    } finally {
      // In one go with the look at the set: who watches from now on starts another run.
      this.#running = null;
    }
  }

  async #pollOnce(): Promise<void> {
    const waiting = [...this.#entries].filter((entry) => entry.waiting !== null);
    const persistent = this.#isPersistent();
    const set = encodeSet(this.#port.wakeDescriptor, waiting);
    const timeout = persistent ? LONGEST_WAIT_MS : UNREF_SLICE_MS;

    this.#polling = true;
    const count = await this.#port.poll(set, waiting.length + 1, timeout);
    this.#polling = false;
    this.#leaving?.resolve();
    this.#leaving = null;

    this.#afterPoll();
    if (count > 0) this.#deliver(set, waiting);
    if (this.#entries.size === 0) return;
    if (count < 0) await this.#pause(FAILURE_PAUSE_MS);
    else if (!persistent) await this.#pause(0);
  }

  #isPersistent(): boolean {
    return this.#entries.values().some((entry) => entry.persistent);
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pausing = setTimeout(resolve, ms);
    this.#keepPause();
    await promise;
    this.#pausing = null;
  }

  /** Nothing else keeps the process alive between two polls. */
  #keepPause(): void {
    if (this.#pausing === null) return;
    if (this.#isPersistent()) Deno.refTimer(this.#pausing);
    else Deno.unrefTimer(this.#pausing);
  }

  #deliver(set: Uint8Array<ArrayBuffer>, waiting: Entry[]): void {
    const view = new DataView(set.buffer);
    if (view.getInt16(6, true) !== 0) this.#port.quiet();
    waiting.forEach((entry, i) => {
      const revents = view.getInt16((i + 1) * POLLFD_SIZE + 6, true);
      if (revents === 0 || entry.waiting === null) return;
      const { resolve } = entry.waiting;
      entry.waiting = null;
      resolve(revents);
    });
  }
}

/** The descriptors as an array of `struct pollfd`, the wake-up descriptor first. */
function encodeSet(wakeDescriptor: number, waiting: Entry[]): Uint8Array<ArrayBuffer> {
  const set = new Uint8Array((waiting.length + 1) * POLLFD_SIZE);
  const view = new DataView(set.buffer);
  [wakeDescriptor, ...waiting.map((entry) => entry.descriptor)].forEach((descriptor, i) => {
    view.setInt32(i * POLLFD_SIZE, descriptor, true);
    view.setInt16(i * POLLFD_SIZE + 4, POLLIN, true);
  });
  return set;
}
