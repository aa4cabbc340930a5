// An event in the shared wait, with what sets it.
import type { PollLoop, Watch } from "../poll_loop.ts";
import type { Syscalls } from "./syscalls.ts";
import type { Trigger, TriggerKind } from "./triggers.ts";

/** What a listener needs of its runtime. */
export interface ListenerContext {
  readonly syscalls: Syscalls;
  readonly pollLoop: PollLoop;
}

/** Listens to one trigger. */
export class Listener {
  readonly kind: TriggerKind;
  /** Resolves to true when the trigger has confirmed, to false if it is closed before. */
  readonly confirmed: Promise<boolean>;
  readonly #confirmation = Promise.withResolvers<boolean>();
  readonly #syscalls: Syscalls;
  readonly #event: number;
  readonly #trigger: Trigger;
  readonly #watch: Watch;
  #closed: Promise<void> | null = null;

  /**
   * Opens the trigger.
   *
   * @param onSignal Called at each change, when the trigger is armed for the next one.
   * @param onLost Called when the trigger cannot be armed again; the listener is closed then.
   * @throws {SystemCallError} if the system refuses
   */
  constructor(
    { pollLoop, syscalls }: ListenerContext,
    kind: TriggerKind,
    onSignal: (listener: Listener) => void,
    onLost: (listener: Listener) => void,
  ) {
    this.kind = kind;
    this.confirmed = this.#confirmation.promise;
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

  /** Whether it keeps the process alive. */
  setRef(ref: boolean): void {
    if (ref) this.#watch.ref();
    else this.#watch.unref();
  }

  /** Ends the trigger. When this resolves the system does not use the event any more. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#confirmation.resolve(false);
    const left = this.#watch.close();
    await this.#trigger.cancel();
    await left;
    this.#syscalls.closeEvent(this.#event);
  }

  async #listen(
    onSignal: (listener: Listener) => void,
    onLost: (listener: Listener) => void,
  ): Promise<void> {
    let confirms = this.kind.confirms;
    while (await this.#watch.ready() !== null) {
      this.#syscalls.resetEvent(this.#event);
      if (!this.#trigger.rearm()) {
        void this.close();
        return onLost(this);
      }
      if (confirms) this.#confirmation.resolve(true);
      else onSignal(this);
      confirms = false;
    }
  }
}
