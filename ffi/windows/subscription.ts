// Receives the notifications. It keeps no table: a notification is a reason to read the state.
import type { Reading, SourceEvent, Subscription } from "../../state/source.ts";
import { PendingEvents } from "../event_socket.ts";
import type { Notifications, Subscriber } from "./notifications.ts";
import type { WindowsRuntime } from "./runtime.ts";

/** Live counts over all subscriptions of a source. */
export interface WindowsCounters {
  events: number; // notifications received
  readonly ignored: 0; // every notification is about the state
  malformed: number; // records that could not be decoded
  readonly spoofed: 0; // only the system can set our events
}

/** What a subscription needs of its source. */
export interface SubscriptionContext {
  readonly runtime: WindowsRuntime; // the system calls and the suspend clock
  readonly notifications: Notifications; // the notifications, which listen already
  /** Gives the notifications back. */
  readonly release: () => Promise<void>;
  /** Receives one line of text per notification. */
  readonly trace?: ((line: string) => void) | undefined;
  readonly counters: WindowsCounters; // incremented
}

/** A subscription to the notifications of the system. */
export class WindowsSubscription implements Subscription, Subscriber {
  readonly #context: SubscriptionContext;
  readonly #pending = new PendingEvents();
  readonly #stopClock: () => void;
  readonly #unsubscribe: () => void;
  #woken = Promise.withResolvers<void>();
  #isRef = true;
  #isLost = false;
  #disposed: Promise<void> | null = null;

  /** Receives notifications from now on. */
  constructor(context: SubscriptionContext) {
    this.#context = context;
    const { notifications, runtime } = context;
    this.#unsubscribe = notifications.subscribe(this);
    this.#stopClock = runtime.clocks.listen((event) => this.#post(event));
  }

  /** Whether it keeps the process alive. */
  get isRef(): boolean {
    return this.#isRef;
  }

  /** What listens at this moment. */
  get listening(): readonly string[] {
    return this.#disposed === null ? this.#context.notifications.listening : [];
  }

  /** A notification arrived. */
  changed(name: string): void {
    const { counters, trace } = this.#context;
    counters.events++;
    trace?.(name);
    this.#post({ kind: "changed" });
  }

  /** Nothing listens any more: the iteration ends. */
  lost(): void {
    this.#isLost = true;
    this.#woken.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SourceEvent, void> {
    while (!this.#isLost) {
      await this.#woken.promise;
      this.#woken = Promise.withResolvers();
      yield* this.#pending.take();
    }
  }

  /** The state comes from `read()`. */
  view(): Reading | null {
    return null;
  }

  adopt(): void {
    // There is no table.
  }

  /** Registers anew, which the system confirms. */
  async probe(): Promise<boolean> {
    return this.#disposed === null && await this.#context.notifications.renew();
  }

  ref(): void {
    this.#isRef = true;
    this.#context.notifications.updateRef();
  }

  unref(): void {
    this.#isRef = false;
    this.#context.notifications.updateRef();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.#unsubscribe();
    this.#stopClock();
    this.lost();
    await this.#context.release();
  }

  #post(event: SourceEvent): void {
    this.#pending.add(event);
    this.#woken.resolve();
  }
}
