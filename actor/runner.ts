// Performs the effects of the machine: the only place of the actor that calls a source.
import { buildState } from "../state/build.ts";
import { MonitorClosedError } from "../state/errors.ts";
import { formatReasons } from "../state/format.ts";
import { sortedInterfaces } from "../state/interfaces.ts";
import type { OpenedSource, Reading, Subscription } from "../state/source.ts";
import type { Health, Metrics, Snapshot, State } from "../state/types.ts";
import { TimedCalls, TimerSet } from "./clock.ts";
import type { EventDispatcher } from "./events.ts";
import { pendingMs } from "./machine/coalesce.ts";
import {
  type Effect,
  type Input,
  Model,
  type Now,
  PROBE_LIMIT_MS,
  type Publication,
  READ_LIMIT_MS,
  type TimerName,
} from "./machine/model.ts";
import { step } from "./machine/step.ts";
import { backoffMs } from "./machine/subscription.ts";
import type { ResolvedOptions } from "./options.ts";
import { Broadcast } from "./streams.ts";
import { errorText } from "./user_code.ts";

/** Runs one machine against one source. */
export class Runner {
  readonly #opened: OpenedSource;
  readonly #options: ResolvedOptions;
  readonly #timers: TimerSet;
  readonly #calls: TimedCalls;
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #releases = new Set<Promise<void>>();
  readonly #armed = new Map<TimerName, () => void>();
  readonly #refreshes = new Map<number, PromiseWithResolvers<Snapshot>>();
  readonly #opening = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();
  readonly #inputs: Input[] = [];
  #model: Readonly<Model>;
  #running = false;
  #lastToken = 0;
  readonly broadcast: Broadcast;
  observer: EventDispatcher | null = null;

  private constructor(opened: OpenedSource, options: ResolvedOptions) {
    this.#opened = opened;
    this.#options = options;
    this.#timers = new TimerSet(options.clock, options.persistent);
    this.#calls = new TimedCalls(this.#timers);
    const ignoreInterface = options.ignoreInterface?.has ?? (() => false);
    const pending = (): number => pendingMs(this.#model, this.#now());
    this.broadcast = new Broadcast(this.#timers, { ignoreInterface }, pending);
    const { polling, reason, source: { name: source } } = opened;
    const { coalesceMs, reconcileIntervalMs } = options;
    const config = { source, polling, reason, coalesceMs, reconcileIntervalMs };
    this.#model = new Model(config, this.#now());
    this.#opening.promise.catch(() => {}); // nobody awaits it if the signal is aborted already
  }

  /**
   * Subscribes, reads, and resolves when the first snapshot exists. When it rejects, everything is released,
   * the opened source included.
   *
   * @param opened The source; the runner disposes it in the end.
   * @param options Checked options.
   * @throws What subscribing or the first read threw, a `TimeoutError` if they take too long, or the reason
   * of `options.signal`.
   */
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
      await runner.#close(error);
      throw error;
    }
  }

  /** The monitor's own health. */
  get health(): Health {
    const { source: { listeners } } = this.#opened;
    const all = listeners && { listeners: Object.freeze([...listeners]) };
    return Object.freeze({ ...this.#model.health, ...all });
  }

  /** The counters; those of messages are the source's own, if it has some. */
  get metrics(): Metrics {
    const { metrics } = this.#model;
    const { events, ignored, malformed, spoofed } = this.#opened.source.counters ?? metrics;
    return Object.freeze({ ...metrics, events, ignored, malformed, spoofed });
  }

  /** A full read that begins from now on; resolves with the snapshot that shows it. */
  refresh(): Promise<Snapshot> {
    if (this.isClosed) return Promise.reject(new MonitorClosedError());
    const token = ++this.#lastToken;
    const refresh = Promise.withResolvers<Snapshot>();
    this.#refreshes.set(token, refresh);
    this.#dispatch({ kind: "refresh", token });
    return refresh.promise;
  }

  /** Timers and subscription keep the process alive, or let it end. */
  setPersistent(persistent: boolean): void {
    this.#timers.refd = persistent;
    for (const subscription of this.#subscriptions.values()) this.#applyRef(subscription);
  }

  /** Resolves when the monitor is closed and everything released; never rejects. */
  get closed(): Promise<void> {
    return this.#released.promise;
  }

  /** Ends the streams and rejects whoever waits. Resolves when nothing of the monitor runs any more. */
  close(): Promise<void> {
    return this.#close(new MonitorClosedError());
  }

  /** Whether it is closed, or closing. */
  get isClosed(): boolean {
    return this.broadcast.closed;
  }

  readonly #onAbort = (): void => void this.#close(this.#options.signal?.reason);

  #close(reason: unknown): Promise<void> {
    if (this.isClosed) return this.closed;
    this.broadcast.close();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    [this.#model] = step(this.#model, { kind: "close" }, this.#now());
    this.#inputs.length = 0;
    this.#timers.clear();
    this.#calls.abort(reason);
    this.#opening.reject(reason);
    for (const { promise, reject } of this.#refreshes.values()) {
      promise.catch(() => {}); // whoever does not await it need not handle the end of the monitor
      reject(new MonitorClosedError());
    }
    this.#refreshes.clear();
    for (const id of [...this.#subscriptions.keys()]) this.#release(id);
    void this.#releaseAll();
    this.observer?.onHealth(this.health);
    return this.closed;
  }

  /** Waits for subscriptions that are being disposed, and for no other call of the source. */
  async #releaseAll(): Promise<void> {
    await Promise.all(this.#releases);
    await this.#attempt("release the source", () => this.#opened.dispose());
    this.#released.resolve();
  }

  /** Runs to completion: an input that comes while effects are performed waits for its turn. */
  #dispatch(input: Input): void {
    if (this.isClosed) return;
    this.#inputs.push(input);
    if (this.#running) return;
    this.#running = true;
    const { status } = this.#model.health;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const [model, effects] = step(this.#model, next, this.#now());
        this.#model = model;
        for (const effect of effects) if (!this.isClosed) this.#perform(effect);
      }
    } finally {
      this.#running = false;
    }
    if (this.#model.health.status !== status && !this.isClosed) {
      this.observer?.onHealth(this.health);
    }
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "subscribe":
        return this.#subscribe(effect.id);
      case "dispose":
        return this.#release(effect.id);
      case "read":
        return this.#read(effect.id, effect.limitMs);
      case "adopt":
        return this.#onSubscription(effect.id, (it) => it.adopt(effect.reading));
      case "view":
        return this.#view(effect.id);
      case "probe":
        return this.#probe(effect.id);
      case "arm":
        return this.#arm(effect.timer, effect.ms);
      case "retry":
        return this.#arm("retry", backoffMs(effect.attempt, Math.random()));
      case "disarm":
        return this.#disarm(effect.timer);
      case "publish":
        return this.#publish(effect.publication);
      case "settle":
        return this.#settle(effect.tokens, effect.error);
      case "fail":
        return this.#opening.reject(effect.error);
      case "log":
        return this.#options.logger[effect.level](effect.message);
    }
  }

  #subscribe(id: number): void {
    this.#calls.start({
      what: "Subscribing",
      limitMs: READ_LIMIT_MS,
      call: (signal) => this.#opened.source.subscribe(signal),
      done: (outcome) => {
        if (!outcome.ok) return this.#dispatch({ kind: "subscribe-failed", error: outcome.error });
        const subscription = outcome.value;
        this.#subscriptions.set(id, subscription);
        if (!this.#timers.refd) this.#applyRef(subscription);
        this.#dispatch({ kind: "subscribed", id });
        void this.#pump(id, subscription);
      },
      late: (subscription) => void this.#dispose(subscription),
    });
  }

  /** Dispatches the events of a subscription until it ends. */
  async #pump(id: number, subscription: Subscription): Promise<void> {
    let error: unknown = new Error("The subscription ended");
    try {
      for await (const event of subscription) {
        if (!this.#subscriptions.has(id)) return;
        this.#dispatch({ kind: "event", id, event });
      }
    } catch (thrown) {
      error = thrown ?? new Error("The subscription failed without a reason");
    }
    this.#dispatch({ kind: "lost", id, error });
  }

  #read(id: number, limitMs: number): void {
    this.#calls.start({
      what: "Reading the network",
      limitMs,
      call: async (signal) => {
        const reading = await this.#opened.source.read(signal);
        return { reading, state: this.#build(reading) };
      },
      done: (outcome) =>
        this.#dispatch(
          outcome.ok
            ? { kind: "read", id, observation: outcome.value }
            : { kind: "read-failed", id, error: outcome.error },
        ),
    });
  }

  #view(id: number): void {
    let state: State | null = null;
    this.#onSubscription(id, (subscription) => {
      const reading = subscription.view();
      if (reading !== null) state = this.#build(reading);
    });
    this.#dispatch({ kind: "viewed", id, state });
  }

  /**
   * The state that a reading makes, without resume. Only here is the user's predicate called: it may close the
   * monitor, and then nothing is dispatched any more.
   */
  #build(reading: Reading): State {
    const { newest } = this.#model; // states share what did not change
    const state = buildState(reading, null, newest);
    if (state.interfaces !== newest?.interfaces) {
      this.#options.ignoreInterface?.remember(sortedInterfaces(state));
    }
    return state;
  }

  #probe(id: number): void {
    this.#onSubscription(id, (subscription) => {
      this.#calls.start({
        what: "The answer to the canary",
        limitMs: PROBE_LIMIT_MS,
        call: (signal) => subscription.probe(signal),
        done: (outcome) => {
          const missed = new Error("The canary was not answered");
          const error = !outcome.ok ? outcome.error : outcome.value ? null : missed;
          this.#dispatch({ kind: "probed", id, error });
        },
      });
    });
  }

  /** Calls the subscription if it is still there; what it throws is its end. */
  #onSubscription(id: number, call: (subscription: Subscription) => void): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return;
    try {
      call(subscription);
    } catch (thrown) {
      const error = thrown ?? new Error("The subscription failed without a reason");
      this.#dispatch({ kind: "lost", id, error });
    }
  }

  #publish(publication: Publication): void {
    const { broadcast } = this;
    const previous = publication.sequence > 1 ? broadcast.newest.snapshot.state : null;
    broadcast.publish(publication);
    if (this.isClosed) return;
    const { snapshot } = broadcast.newest;
    const { reasons, sequence } = snapshot;
    const why = formatReasons(reasons);
    if (why !== "") this.#options.logger.info(`Snapshot ${sequence} is major: ${why}`);
    if (previous !== null) return this.observer?.onPublished(snapshot, previous);
    const { reconcileIntervalMs } = this.#options;
    const tick = (): void => this.#dispatch({ kind: "tick" });
    if (reconcileIntervalMs !== Infinity) this.#timers.every(tick, reconcileIntervalMs);
    this.#opening.resolve();
  }

  #settle(tokens: readonly number[], error: unknown): void {
    for (const token of tokens) {
      const refresh = this.#refreshes.get(token);
      this.#refreshes.delete(token);
      if (error === undefined) refresh?.resolve(this.broadcast.newest.snapshot);
      else refresh?.reject(error);
    }
  }

  #arm(timer: TimerName, ms: number): void {
    this.#disarm(timer);
    const cancel = this.#timers.once(() => {
      this.#armed.delete(timer);
      this.#dispatch({ kind: "timer", timer });
    }, ms);
    this.#armed.set(timer, cancel);
  }

  #disarm(timer: TimerName): void {
    this.#armed.get(timer)?.();
    this.#armed.delete(timer);
  }

  #release(id: number): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return;
    this.#subscriptions.delete(id);
    const release = this.#dispose(subscription).finally(() => this.#releases.delete(release));
    this.#releases.add(release);
  }

  #dispose(subscription: Subscription): Promise<void> {
    return this.#attempt("release a subscription", () => subscription[Symbol.asyncDispose]());
  }

  #applyRef(subscription: Subscription): void {
    void this.#attempt("ref or unref a subscription", () => {
      if (this.#timers.refd) subscription.ref();
      else subscription.unref();
    });
  }

  /** Calls the source where its failure changes nothing: it is logged. */
  async #attempt(what: string, call: () => void | PromiseLike<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      this.#options.logger.error(`Cannot ${what}: ${errorText(error)}`);
    }
  }

  #now(): Now {
    const { clock } = this.#options;
    return { wall: clock.now(), monotonic: clock.monotonic() };
  }
}
