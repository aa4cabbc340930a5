// The notifications of the system, which all monitors of an isolate share: Windows can wait for 64 events at
// most, and each monitor would need several.
import { SystemCallError } from "../../state/errors.ts";
import type { PollLoop, Watch } from "../poll_loop.ts";
import type { Syscalls } from "./syscalls.ts";
import { OPERATIONS, REGISTRATIONS, type Trigger, type TriggerKind } from "./triggers.ts";

/** How long a registration may take to confirm, less than a canary may take (1 s). */
const CONFIRM_MS = 500;
/** Split, so that time during which the event loop was blocked does not count, as in actor/clock.ts. */
const CONFIRM_SLICES = 5;

export interface Subscriber {
  readonly isRef: boolean; // whether it keeps the process alive
  /** Called at every change, with the name of the listener. */
  changed(name: string): void;
  /** Called when nothing listens any more. */
  lost(): void;
}

/** Listens with registrations; with operations, too, if a registration is refused or does not confirm. */
export class Notifications {
  readonly #context: ListenerContext;
  readonly #subscribers = new Set<Subscriber>();
  readonly #listeners = new Set<Listener>();
  /** The registrations that have confirmed. */
  readonly #registered = new Map<TriggerKind, Listener>();
  #refusal: unknown = null;
  #renewing: Promise<boolean> | null = null;
  #disposed = false;

  /** Listens to nothing until `renew()`. */
  constructor(context: ListenerContext) {
    this.#context = context;
  }

  /** The names of the open listeners. */
  get listening(): string[] {
    return [...new Set(Array.from(this.#listeners, ({ kind }) => kind.name))];
  }

  /** Adds a subscriber. Returns a function that removes it. */
  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber);
    this.updateRef();
    return () => {
      this.#subscribers.delete(subscriber);
      this.updateRef();
    };
  }

  updateRef(): void {
    for (const listener of this.#listeners) listener.setRef(this.#isRef());
  }

  /**
   * Replaces every registration with a new one. A new registration confirms: it sets its event at once, without
   * a change, which proves that the notifications, the wait and the event loop work. Operations stand in for
   * registrations that do not confirm. Resolves to false if fewer registrations confirm than before.
   *
   * @throws {SystemCallError} if nothing listens.
   */
  renew(): Promise<boolean> {
    return this.#renewing ??= this.#renew().finally(() => this.#renewing = null);
  }

  /** Ends all listeners. Once this resolves, the system sets no more events. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await Promise.all(Array.from(this.#listeners, (listener) => this.#close(listener)));
  }

  async #renew(): Promise<boolean> {
    const before = this.#registered.size;
    await Promise.all(REGISTRATIONS.map((kind) => this.#replace(kind)));
    const listeners = [...this.#listeners];
    for (const kind of OPERATIONS) {
      const open = listeners.find((listener) => listener.kind === kind);
      if (this.#registered.size < REGISTRATIONS.length) open ?? this.#open(kind);
      else if (open !== undefined) await this.#close(open);
    }
    if (this.#listeners.size === 0) throw this.#refusal ?? new Error("Disposed");
    return this.#registered.size >= before;
  }

  async #replace(kind: TriggerKind): Promise<void> {
    const old = this.#registered.get(kind);
    this.#registered.delete(kind);
    const next = this.#open(kind);
    if (next !== null) {
      let slices = CONFIRM_SLICES;
      const onSlice = (): void => {
        if (--slices === 0) void this.#close(next);
      };
      const timer = setInterval(onSlice, CONFIRM_MS / CONFIRM_SLICES);
      if (await next.confirmed) this.#registered.set(kind, next);
      else {
        const detail = "it does not confirm";
        this.#refusal = new SystemCallError(kind.name, 0, "E?", { detail });
        await this.#close(next);
      }
      clearInterval(timer);
    }
    // a change during the renewal signals both; the new one may have taken it for its confirmation
    if (old !== undefined && await this.#close(old)) this.#notify(kind);
  }

  /** Opens a listener; null if the system refuses. */
  #open(kind: TriggerKind): Listener | null {
    if (this.#disposed) return null;
    try {
      const listener = new Listener(
        this.#context,
        kind,
        () => this.#notify(kind),
        () => void this.#lose(listener),
      );
      listener.setRef(this.#isRef());
      this.#listeners.add(listener);
      return listener;
    } catch (error) {
      this.#refusal = error;
      return null;
    }
  }

  async #close(listener: Listener): Promise<boolean> {
    const isSignalled = await listener.close();
    this.#listeners.delete(listener);
    return isSignalled;
  }

  #notify({ name }: TriggerKind): void {
    for (const subscriber of this.#subscribers) subscriber.changed(name);
  }

  async #lose(listener: Listener): Promise<void> {
    await this.#close(listener);
    if (this.#listeners.size === 0) this.#subscribers.forEach((subscriber) => subscriber.lost());
  }

  #isRef(): boolean {
    // while nobody has subscribed yet, the caller waits for the first confirmation
    return this.#subscribers.size === 0 || [...this.#subscribers].some(({ isRef }) => isRef);
  }
}

/** The part of the runtime that a listener needs. */
interface ListenerContext {
  readonly syscalls: Syscalls;
  readonly pollLoop: PollLoop;
}

/** Listens to one trigger, which sets an event that the shared wait watches. */
class Listener {
  readonly kind: TriggerKind;
  readonly #confirmation = Promise.withResolvers<boolean>();
  /** Resolves to true when the trigger has confirmed, to false if it is closed before. */
  readonly confirmed: Promise<boolean> = this.#confirmation.promise;
  readonly #syscalls: Syscalls;
  readonly #event: number;
  readonly #trigger: Trigger;
  readonly #watch: Watch;
  #closed: Promise<boolean> | null = null;

  /**
   * Opens the trigger.
   *
   * @param onSignal Called at each change, when the trigger is armed for the next one.
   * @param onLost Called when the trigger cannot be armed again: closes the listener.
   * @throws {SystemCallError} if the system refuses.
   */
  constructor(
    { pollLoop, syscalls }: ListenerContext,
    kind: TriggerKind,
    onSignal: () => void,
    onLost: () => void,
  ) {
    this.kind = kind;
    this.#syscalls = syscalls;
    this.#event = syscalls.createEvent();
    try {
      this.#trigger = kind.open(syscalls, this.#event);
    } catch (error) {
      syscalls.closeEvent(this.#event);
      throw error;
    }
    this.#watch = pollLoop.watch(this.#event);
    void this.#listen(onSignal, onLost);
  }

  setRef(ref: boolean): void {
    if (ref) this.#watch.ref();
    else this.#watch.unref();
  }

  /**
   * Ends the trigger. Once this resolves, the system no longer uses the event. Resolves to whether the event was set
   * by then without anyone having noticed: Windows may call the callback of a registration until it is cancelled.
   */
  close(): Promise<boolean> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<boolean> {
    this.#confirmation.resolve(false);
    const left = this.#watch.close();
    await this.#trigger.cancel();
    await left;
    const isSignalled = this.#syscalls.isSet(this.#event);
    this.#syscalls.closeEvent(this.#event);
    return isSignalled;
  }

  async #listen(onSignal: () => void, onLost: () => void): Promise<void> {
    let confirms = this.kind.confirms;
    while (await this.#watch.ready() !== null) {
      this.#syscalls.resetEvent(this.#event);
      if (!this.#trigger.rearm()) return onLost();
      if (confirms) this.#confirmation.resolve(true);
      else onSignal();
      confirms = false;
    }
  }
}
