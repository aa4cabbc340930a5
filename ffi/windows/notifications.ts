// The notifications of the system, which all monitors of an isolate share: Windows waits for 64 events at
// most, and each monitor would need several.
import { Listener, type ListenerContext } from "./listener.ts";
import { OPERATIONS, REGISTRATIONS, type TriggerKind } from "./triggers.ts";

/** How long a registration may take to confirm, less than a canary may take (1 s). */
const CONFIRM_MS = 500;

/** Somebody who wants to know of changes. */
export interface Subscriber {
  readonly isRef: boolean; // whether it keeps the process alive
  /** Called at every change, with the name of the listener. */
  changed(name: string): void;
  /** Called when nothing listens any more. */
  lost(): void;
}

/** Listens with registrations; with operations, too, where a registration is refused or does not confirm. */
export class Notifications {
  readonly #context: ListenerContext;
  readonly #subscribers = new Set<Subscriber>();
  /** All that are open. */
  readonly #listeners = new Set<Listener>();
  /** The registrations that have confirmed. */
  readonly #registered = new Map<TriggerKind, Listener>();
  #refusal: unknown = null;
  #renewing: Promise<boolean> | null = null;
  #disposed = false;

  /** Listens to nothing before `renew()`. */
  constructor(context: ListenerContext) {
    this.#context = context;
  }

  /** What listens at this moment. */
  get listening(): string[] {
    return [...new Set(Array.from(this.#listeners, ({ kind }) => kind.name))];
  }

  /** Adds a subscriber. Returns what removes it. */
  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber);
    this.updateRef();
    return () => {
      this.#subscribers.delete(subscriber);
      this.updateRef();
    };
  }

  /** Applies `isRef` of the subscribers. */
  updateRef(): void {
    for (const listener of this.#listeners) listener.setRef(this.#isRef());
  }

  /**
   * Replaces every registration by a new one. A registration confirms: it sets its event without a change,
   * which proves that the notifications, the wait and the event loop work. Operations stand in for the
   * registrations that do not. Resolves to false if fewer registrations confirm than before.
   *
   * @throws {SystemCallError} if nothing listens
   */
  renew(): Promise<boolean> {
    return this.#renewing ??= this.#renew().finally(() => this.#renewing = null);
  }

  /** Ends all listeners. When this resolves the system sets no event any more. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await Promise.all(Array.from(this.#listeners, (listener) => this.#close(listener)));
    await this.#renewing?.catch(() => {});
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
    if (this.#listeners.size === 0) throw this.#refusal;
    return this.#registered.size >= before;
  }

  async #replace(kind: TriggerKind): Promise<void> {
    const old = this.#registered.get(kind);
    this.#registered.delete(kind);
    const next = this.#open(kind);
    if (next !== null) {
      const timer = setTimeout(() => void this.#close(next), CONFIRM_MS);
      if (await next.confirmed) this.#registered.set(kind, next);
      else {
        this.#refusal = new Error(`${kind.name} does not confirm`);
        await this.#close(next);
      }
      clearTimeout(timer);
    }
    if (old !== undefined) await this.#close(old);
  }

  /** null if the system refuses. */
  #open(kind: TriggerKind): Listener | null {
    if (this.#disposed) return null;
    try {
      const listener = new Listener(
        this.#context,
        kind,
        ({ kind }) => this.#subscribers.forEach((subscriber) => subscriber.changed(kind.name)),
        (listener) => void this.#lose(listener),
      );
      listener.setRef(this.#isRef());
      this.#listeners.add(listener);
      return listener;
    } catch (error) {
      this.#refusal = error;
      return null;
    }
  }

  async #close(listener: Listener): Promise<void> {
    await listener.close();
    this.#listeners.delete(listener);
  }

  async #lose(listener: Listener): Promise<void> {
    await this.#close(listener);
    if (this.#listeners.size === 0) this.#subscribers.forEach((subscriber) => subscriber.lost());
  }

  #isRef(): boolean {
    // nobody has subscribed yet: the caller waits for the first confirmation
    return this.#subscribers.size === 0 || [...this.#subscribers].some(({ isRef }) => isRef);
  }
}
