/**
 * A fake `poll(2)` that a test controls by hand.
 *
 * @module
 */
import { scaled } from "./timing.ts";
import type { PollPort } from "../../ffi/poll_loop.ts";

const { setTimeout } = globalThis; // a test may replace it

/** One call of poll. */
export interface FakePoll {
  /** The descriptors in the set, the wake-up descriptor first. */
  readonly descriptors: number[];
  /** The timeout that was asked for. */
  readonly timeoutMs: number;
  /** Whether it has returned. */
  returned: boolean;
  /** Lets it return with these `revents`, by descriptor. */
  ready(revents: Record<number, number>): void;
  /** Lets it return without any. */
  timeOut(): void;
  /** Lets it fail. */
  fail(): void;
}

/** The port: every poll waits until the test, or `wake()`, lets it return. */
export class FakePollPort implements PollPort {
  /** Stands for an eventfd. */
  readonly wakeDescriptor = 99;
  /** All calls so far. */
  readonly polls: FakePoll[] = [];
  /** How often the wake-up descriptor was cleared. */
  cleared = 0;
  /** How often a running poll was woken. */
  woken = 0;
  /** If false, `wake()` does not end the poll: the test has to. */
  answersWake = true;
  #called = Promise.withResolvers<void>();

  /** The poll that runs; fails the test when there is none. */
  get current(): FakePoll {
    const poll = this.polls.at(-1);
    if (poll === undefined || poll.returned) throw new Error("No poll runs");
    return poll;
  }

  /** How many polls run at this moment. */
  get running(): number {
    return this.polls.filter((poll) => !poll.returned).length;
  }

  /** Resolves when this many polls have begun. */
  async begun(count: number): Promise<FakePoll> {
    // It also keeps the test alive: the waiter's own timers may be unref'd.
    const giveUp = setTimeout(() => {
      this.#called.reject(new Error(`Poll ${count} never began; ${this.polls.length} did`));
    }, scaled(5_000));
    try {
      while (this.polls.length < count) await this.#called.promise;
      return this.polls[count - 1]!;
    } finally {
      clearTimeout(giveUp);
    }
  }

  /** Begins a poll. */
  poll(set: Int32Array<ArrayBuffer>, count: number, timeoutMs: number): Promise<number> {
    const view = new DataView(set.buffer);
    const descriptors = Array.from({ length: count }, (_, i) => view.getInt32(i * 8, true));
    const { promise, resolve } = Promise.withResolvers<number>();
    const finish = (result: number): void => {
      poll.returned = true;
      resolve(result);
    };
    const poll: FakePoll = {
      descriptors,
      timeoutMs,
      returned: false,
      ready: (revents) => {
        descriptors.forEach((fd, i) => view.setInt16(i * 8 + 6, revents[fd] ?? 0, true));
        finish(Object.keys(revents).length);
      },
      timeOut: () => finish(0),
      fail: () => finish(-1),
    };
    this.polls.push(poll);
    this.#called.resolve();
    this.#called = Promise.withResolvers();
    return promise;
  }

  /** Wakes the poll that runs. */
  wake(): void {
    this.woken++;
    if (this.answersWake && this.running > 0) this.current.ready({ [this.wakeDescriptor]: 1 });
  }

  /** Counts the call. */
  clearWakeUp(): void {
    this.cleared++;
  }
}

/** Runs everything that waits only for promises. */
export async function microtasks(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}
