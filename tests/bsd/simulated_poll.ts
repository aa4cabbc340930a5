/**
 * The blocked `poll(2)` calls of the simulated kernel. They end in simulated time, or in real time, in which
 * the timers of the poll loop run.
 *
 * @module
 */
import type { Clock, Timer } from "../../state/ports.ts";

interface Poll {
  readonly descriptors: readonly number[];
  readonly resolve: (count: number) => void;
  readonly set: ArrayBufferView;
  readonly timer: Timer;
  readonly realTimer: ReturnType<typeof setTimeout>;
}

/** All blocked polls. */
export class Polls {
  readonly #clock: Clock;
  readonly #revents: (fd: number) => number;
  readonly #waiting = new Set<Poll>();

  /** `revents` returns the state of a descriptor. */
  constructor(clock: Clock, revents: (fd: number) => number) {
    this.#clock = clock;
    this.#revents = revents;
  }

  /** How many are blocked. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Whether one of them watches the descriptor. */
  watch(fd: number): boolean {
    return [...this.#waiting].some(({ descriptors }) => descriptors.includes(fd));
  }

  /** Blocks until a descriptor is ready or the time has passed. */
  start(set: ArrayBufferView, count: number, ms: number): Promise<number> {
    const view = new DataView(set.buffer, set.byteOffset);
    const descriptors = Array.from({ length: count }, (_, i) => view.getInt32(i * 8, true));
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => this.#finish(poll, 0), ms);
      const realTimer = setTimeout(() => this.#finish(poll, 0), ms);
      const poll: Poll = { descriptors, resolve, set, timer, realTimer };
      this.#waiting.add(poll);
      this.wake();
    });
  }

  /** Ends the polls of which a descriptor is ready now. */
  wake(): void {
    for (const poll of [...this.#waiting]) {
      const ready = this.lookAt(poll.set, poll.descriptors.length);
      if (ready > 0) this.#finish(poll, ready);
    }
  }

  /** Fills in `revents` and returns the number of ready descriptors. */
  lookAt(set: ArrayBufferView, count: number): number {
    const view = new DataView(set.buffer, set.byteOffset);
    let ready = 0;
    for (let i = 0; i < count; i++) {
      const revents = this.#revents(view.getInt32(i * 8, true));
      view.setInt16(i * 8 + 6, revents, true);
      if (revents !== 0) ready++;
    }
    return ready;
  }

  #finish(poll: Poll, ready: number): void {
    poll.timer.cancel();
    clearTimeout(poll.realTimer);
    this.#waiting.delete(poll);
    poll.resolve(ready);
  }
}
