// Performs the effects of the machine: the only place of the actor that calls a source.
import { buildState } from "../state/build.ts";
import { MonitorClosedError } from "../state/errors.ts";
import { errorText, formatReasons } from "../state/format.ts";
import { sortedInterfaces } from "../state/interfaces.ts";
import type { OpenedSource } from "../state/opened_source.ts";
import type { Reading, Subscription } from "../state/ports.ts";
import type { Health, Metrics, Snapshot, State } from "../state/types.ts";
import { Broadcast } from "./broadcast.ts";
import { nextTurn, TimerSet } from "./clock.ts";
import type { EventDispatcher } from "./events.ts";
import { type Effect, type Input, Model, READ_LIMIT_MS, type TimerName } from "./machine/model.ts";
import { pendingMs } from "./machine/reads.ts";
import { backoffMs, step } from "./machine/step.ts";
import type { ResolvedOptions } from "./options.ts";

const LONG_BUILD_MS = 4;
const PROBE_LIMIT_MS = 1_000; // how long a subscription may take to answer its canary

export class Runner {
  readonly broadcast: Broadcast;
  observer: EventDispatcher | null = null;
  readonly #opened: OpenedSource;
  readonly #options: ResolvedOptions;
  readonly #timers: TimerSet;
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #armed = new Map<TimerName, () => void>(); // how to cancel the timers
  readonly #refreshes = new Map<number, PromiseWithResolvers<Snapshot>>();
  readonly #opening = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();
  readonly closed: Promise<void> = this.#released.promise; // never rejects
  readonly #inputs: Input[] = [];
  #model: Readonly<Model>;
  readonly #releases = new Set<Promise<void>>();
  #running = false;
  #lastToken = 0;

  private constructor(opened: OpenedSource, options: ResolvedOptions) {
    const { clock, coalesceMs, ignoreInterface, persistent, reconcileIntervalMs } = options;
    this.#opened = opened;
    this.#options = options;
    this.#timers = new TimerSet(clock, persistent);
    const ignore = ignoreInterface === null ? {} : { ignoreInterface: ignoreInterface.has };
    const pending = (): number => pendingMs(this.#model, clock.monotonic());
    this.broadcast = new Broadcast(this.#timers, ignore, pending);
    const { polling, reason, source: { name: source } } = opened;
    const config = { source, polling, reason, coalesceMs, reconcileIntervalMs };
    this.#model = new Model(config, { wall: clock.now() });
    this.#opening.promise.catch(() => {}); // nobody awaits it if the signal is aborted already
  }

  /** Resolves when the first snapshot exists. When it rejects, everything is released, the opened source included. */
  static async open(opened: OpenedSource, options: ResolvedOptions): Promise<Runner> {
    const runner = new Runner(opened, options);
    const { signal } = options;
    try {
      signal?.throwIfAborted();
      signal?.addEventListener("abort", runner.#onAbort);
      runner.#dispatch({ kind: "open" });
      await runner.#opening.promise;
      signal?.throwIfAborted();
      return runner;
    } catch (error) {
      await runner.close(error);
      throw error;
    }
  }

  get health(): Health {
    const { source: { listeners } } = this.#opened;
    const all = listeners && { listeners: Object.freeze(Array.from(listeners)) }; // it may be anything in JavaScript
    return Object.freeze({ ...this.#model.health, ...all });
  }

  /** The counters; those of messages come from the source, if it counts them. */
  get metrics(): Metrics {
    const { metrics } = this.#model;
    const { events, ignored, malformed, spoofed } = this.#opened.source.counters ?? metrics;
    return Object.freeze({ ...metrics, events, ignored, malformed, spoofed });
  }

  /** Requests a full read that begins after this call; resolves with the snapshot that shows it. */
  refresh(): Promise<Snapshot> {
    if (this.broadcast.closed) return this.broadcast.waitFor(() => true, null); // rejects
    const token = ++this.#lastToken;
    const refresh = Promise.withResolvers<Snapshot>();
    this.#refreshes.set(token, refresh);
    this.#dispatch({ kind: "refresh", token });
    return refresh.promise;
  }

  setPersistent(persistent: boolean): void {
    this.#timers.setRefd(persistent);
    for (const subscription of this.#subscriptions.values()) this.#applyRef(subscription);
  }

  /** Ends the streams and rejects pending calls. Resolves when nothing of the monitor runs any more. */
  close(reason: unknown = new MonitorClosedError()): Promise<void> {
    if (this.broadcast.closed) return this.closed;
    this.broadcast.close();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#step({ kind: "close" });
    this.#inputs.length = 0;
    this.#timers.stop(reason);
    this.#opening.reject(reason);
    for (const { promise, reject } of this.#refreshes.values()) {
      promise.catch(() => {}); // a caller that ignores the promise gets no unhandled rejection
      reject(new MonitorClosedError());
    }
    this.#refreshes.clear();
    for (const id of [...this.#subscriptions.keys()]) this.#release(id);
    // waits for subscriptions that are being disposed, and for no other call of the source
    void Promise.all(this.#releases)
      .then(() => this.#attempt("release the source", () => this.#opened.dispose()))
      .then(this.#released.resolve);
    this.observer?.onHealth(this.health);
    return this.closed;
  }

  readonly #onAbort = (): void => void this.close(this.#options.signal?.reason);

  /** Runs to completion: an input that comes while effects are performed waits for its turn. */
  #dispatch(input: Input): void {
    if (this.broadcast.closed) return;
    if (this.#running) return void this.#inputs.push(input);
    this.#running = true;
    const { status } = this.#model.health;
    try {
      for (let it: Input | undefined = input; it !== undefined; it = this.#inputs.shift()) {
        const effects = this.#step(it);
        for (let i = 0; i < effects.length; i++) { // in cold code, a turn of `for...of` takes half a microsecond
          if (this.broadcast.closed) return;
          (this.#perform[effects[i]!.kind] as (effect: Effect) => void)(effects[i]!);
        }
      }
    } finally {
      this.#running = false;
    }
    if (this.#model.health.status !== status && !this.broadcast.closed) {
      this.observer?.onHealth(this.health);
    }
  }

  #step(input: Input): readonly Effect[] {
    const { clock } = this.#options;
    const draft = step(this.#model, input, { wall: clock.now(), monotonic: clock.monotonic() });
    this.#model = draft;
    return draft.effects;
  }

  readonly #perform: {
    readonly [Kind in Effect["kind"]]: (effect: Extract<Effect, { readonly kind: Kind }>) => void;
  } = {
    subscribe: ({ id }) =>
      this.#timers.call({
        what: "Subscribing",
        limitMs: READ_LIMIT_MS,
        call: (signal) => this.#opened.source.subscribe(signal),
        done: ({ ok, value: subscription, error }) => {
          if (!ok) return this.#dispatch({ kind: "subscribe-failed", error });
          this.#subscriptions.set(id, subscription);
          if (!this.#timers.refd) this.#applyRef(subscription);
          this.#dispatch({ kind: "subscribed", id });
          void this.#pump(id, subscription);
        },
        late: (subscription) => this.#dispose(subscription),
      }),
    dispose: ({ id }) => this.#release(id),
    read: ({ id, limitMs }) =>
      this.#timers.call({
        what: "Reading the network",
        limitMs,
        call: async (signal) => {
          const reading = await this.#opened.source.read(signal);
          signal.throwIfAborted(); // after close() no user code may run
          const { clock } = this.#options;
          const since = clock.monotonic();
          const state = this.#build(reading);
          // with thousands of interfaces the next step takes as long again: leave it to another turn
          if (clock.monotonic() - since > LONG_BUILD_MS) await nextTurn();
          return { reading, state };
        },
        done: (outcome) => this.#dispatch({ kind: "read", id, outcome }),
      }),
    adopt: ({ id, reading }) => {
      const lose = (error: unknown): void => this.#dispatch({ kind: "lost", id, error });
      try {
        // in JavaScript it may return a promise
        void Promise.resolve(this.#subscriptions.get(id)?.adopt(reading)).catch(lose);
      } catch (error) {
        lose(error);
      }
    },
    view: ({ id }) => {
      let state: State | null = null;
      try {
        const reading = this.#subscriptions.get(id)?.view() ?? null;
        if (reading !== null) state = this.#build(reading);
      } catch (error) {
        this.#dispatch({ kind: "lost", id, error });
      }
      this.#dispatch({ kind: "viewed", id, state });
    },
    probe: ({ id }) =>
      this.#timers.call({
        what: "The answer to the canary",
        limitMs: PROBE_LIMIT_MS,
        call: async (signal) => {
          const isAnswered = await this.#subscriptions.get(id)?.probe(signal);
          if (!isAnswered) throw new Error("The canary was not answered");
        },
        done: (outcome) => this.#dispatch({ kind: "probed", id, outcome }),
      }),
    arm: ({ timer, ms }) => this.#arm(timer, ms),
    retry: ({ attempt }) => this.#arm("retry", backoffMs(attempt, Math.random())),
    disarm: ({ timer }) => this.#armed.get(timer)?.(),
    publish: ({ publication }) => {
      const { broadcast } = this;
      const previous = publication.sequence > 1 ? broadcast.newest.snapshot.state : null;
      broadcast.publish(publication);
      if (broadcast.closed) return;
      const { snapshot } = broadcast.newest;
      const { logger, reconcileIntervalMs } = this.#options;
      const { major, reasons, sequence } = snapshot;
      const text = () => `Snapshot ${sequence} is major: ${formatReasons(reasons)}`;
      if (major) void Promise.resolve(text).then(logger.info); // after the readers
      if (previous !== null) return this.observer?.onPublished(snapshot, previous);
      const tick = (): void => this.#dispatch({ kind: "tick" });
      if (reconcileIntervalMs !== Infinity) this.#timers.every(tick, reconcileIntervalMs);
      this.#opening.resolve();
    },
    settle: ({ tokens, error }) => {
      for (const token of tokens) {
        const refresh = this.#refreshes.get(token);
        this.#refreshes.delete(token);
        if (error === undefined) refresh?.resolve(this.broadcast.newest.snapshot);
        else refresh?.reject(error);
      }
    },
    fail: ({ error }) => this.#opening.reject(error),
    log: ({ level, message }) => this.#options.logger[level](message),
  };

  async #pump(id: number, subscription: Subscription): Promise<void> {
    let error: unknown = new Error("The subscription ended");
    try {
      for await (const event of subscription) {
        // after a replaced subscription has ended, no other one reports its sleeps
        if (!this.#subscriptions.has(id) && event.kind !== "resumed") return;
        this.#dispatch({ kind: "event", id, event });
        await null; // readers first: what follows takes 10 µs
      }
    } catch (thrown) {
      error = thrown;
    }
    this.#dispatch({ kind: "lost", id, error });
  }

  /** The state of a reading, without resume. The user's `ignoreInterface`, called only here, may close the monitor. */
  #build(reading: Reading): State {
    const state = buildState(reading, null, this.#model.newest); // states share what did not change
    this.#options.ignoreInterface?.remember(sortedInterfaces(state));
    return state;
  }

  #arm(timer: TimerName, ms: number): void {
    this.#armed.get(timer)?.();
    this.#armed.set(timer, this.#timers.once(() => this.#dispatch({ kind: "timer", timer }), ms));
  }

  #release(id: number): void {
    const subscription = this.#subscriptions.get(id);
    this.#subscriptions.delete(id);
    if (subscription !== undefined) this.#dispose(subscription);
  }

  /** Disposes of a subscription; `close()` waits for it. */
  #dispose(subscription: Subscription): void {
    const call = () => subscription[Symbol.asyncDispose]();
    const release = this.#attempt("release a subscription", call)
      .finally(() => this.#releases.delete(release));
    this.#releases.add(release);
  }

  #applyRef(subscription: Subscription): void {
    const call = (): void => this.#timers.refd ? subscription.ref() : subscription.unref();
    void this.#attempt("ref or unref a subscription", call);
  }

  /** Calls the source where a failure is only logged. */
  async #attempt(what: string, call: () => void | PromiseLike<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      this.#options.logger.error(`Cannot ${what}: ${errorText(error)}`);
    }
  }
}
