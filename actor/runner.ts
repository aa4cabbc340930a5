/**
 * Performs the effects of the machine: the only place of the actor that calls a source.
 *
 * @module
 */
import { buildState } from "../state/build.ts";
import { MonitorClosedError } from "../state/errors.ts";
import type { OpenedSource, Reading, Subscription } from "../state/source.ts";
import type { Health, Metrics, Snapshot, State } from "../state/types.ts";
import { BoundedCalls } from "./call_with_timeout.ts";
import {
  createModel,
  type Effect,
  type Input,
  type Model,
  PROBE_LIMIT_MS,
  type Seen,
  type TimerName,
} from "./machine/model.ts";
import { step } from "./machine/step.ts";
import { backoffMs } from "./machine/subscription.ts";
import type { ResolvedOptions, ResolvedSnapshotOptions } from "./options.ts";
import { Broadcast } from "./streams/broadcast.ts";
import { SnapshotStream } from "./streams/snapshot_stream.ts";
import { TimerSet } from "./timers.ts";
import { errorText } from "./user_code.ts";

/** The longest that a read or a subscribe may take, in milliseconds. */
const READ_LIMIT_MS = 5_000;

/** Runs one machine against one source. */
export class Runner {
  readonly #opened: OpenedSource;
  readonly #options: ResolvedOptions;
  readonly #timers: TimerSet;
  readonly #broadcast: Broadcast;
  readonly #calls: BoundedCalls;
  readonly #limitMs: number;
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #releases = new Set<Promise<void>>();
  readonly #armed = new Map<TimerName, () => void>();
  readonly #refreshes = new Map<number, PromiseWithResolvers<Snapshot>>();
  readonly #opening = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();
  #lastToken = 0;
  #model: Model;
  #inputs: Input[] = [];
  #running = false;

  private constructor(opened: OpenedSource, options: ResolvedOptions) {
    this.#opened = opened;
    this.#options = options;
    this.#timers = new TimerSet(options.clock, options.persistent);
    this.#broadcast = new Broadcast(options.ignoreInterface, () => this.#pendingMs());
    this.#calls = new BoundedCalls(this.#timers);
    this.#limitMs = Math.min(READ_LIMIT_MS, options.reconcileIntervalMs);
    const { source, polling, reason } = opened;
    const config = { source: source.name, polling, reason, coalesceMs: options.coalesceMs };
    this.#model = createModel(config, this.#now());
    this.#opening.promise.catch(() => {}); // if closed before open() was called, nobody waits
  }

  /**
   * Subscribes, reads, and resolves when the first snapshot exists. When it rejects, everything is
   * released, the opened source included.
   *
   * @param opened The source; the runner disposes it in the end.
   * @param options Checked options.
   * @throws What subscribing or the first read threw, a `TimeoutError` if they take too long, or the
   * reason of `options.signal`.
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

  /** The snapshot published last; also after close. */
  get current(): Snapshot {
    return this.#broadcast.current;
  }

  /** How the monitor is. */
  get health(): Health {
    const { health } = this.#model;
    const { listeners } = this.#opened.source;
    if (listeners === undefined) return Object.freeze({ ...health });
    return Object.freeze({ ...health, listeners: Object.freeze([...listeners]) });
  }

  /** The counters; those of the wire are the source's own where it has some. */
  get metrics(): Metrics {
    const { metrics } = this.#model;
    const counters = this.#opened.source.counters;
    if (counters === undefined) return Object.freeze({ ...metrics });
    const { events, ignored, malformed, spoofed } = counters;
    return Object.freeze({ ...metrics, events, ignored, malformed, spoofed });
  }

  /** A full read that begins from now on; resolves with what it led to. */
  refresh(): Promise<Snapshot> {
    if (this.#broadcast.closed) return Promise.reject(new MonitorClosedError());
    const token = ++this.#lastToken;
    const refresh = Promise.withResolvers<Snapshot>();
    this.#refreshes.set(token, refresh);
    this.#dispatch({ kind: "refresh", token });
    return refresh.promise;
  }

  /** A new subscription; after close it has ended already. */
  snapshots(options: ResolvedSnapshotOptions): ReadableStream<Snapshot> {
    return new SnapshotStream(this.#broadcast, this.#timers, options).stream;
  }

  /**
   * The first snapshot, from the current one on, whose state satisfies the predicate. Rejects with
   * what the predicate throws, the signal's reason, or MonitorClosedError.
   */
  waitFor(
    predicate: (state: State) => boolean,
    signal: AbortSignal | null,
  ): Promise<Snapshot> {
    return this.#broadcast.waitFor(predicate, signal);
  }

  /** Keeps the process alive. */
  ref(): void {
    this.#timers.ref();
    for (const subscription of this.#subscriptions.values()) this.#applyRef(subscription);
  }

  /** Lets the process end while the monitor is open. */
  unref(): void {
    this.#timers.unref();
    for (const subscription of this.#subscriptions.values()) this.#applyRef(subscription);
  }

  /** Resolves when the monitor is closed and released; never rejects. */
  get closed(): Promise<void> {
    return this.#released.promise;
  }

  /** Streams end, and whoever waits is rejected. Resolves when nothing of it runs any more. */
  close(): Promise<void> {
    return this.#close(new MonitorClosedError());
  }

  readonly #onAbort = (): void => void this.#close(this.#options.signal?.reason);

  #close(reason: unknown): Promise<void> {
    if (this.#broadcast.closed) return this.#released.promise;
    this.#broadcast.close();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    [this.#model] = step(this.#model, { kind: "close" }, this.#now());
    this.#inputs = [];
    this.#timers.clear();
    this.#calls.abort(reason);
    this.#opening.reject(reason);
    for (const refresh of this.#refreshes.values()) refresh.reject(new MonitorClosedError());
    this.#refreshes.clear();
    for (const id of [...this.#subscriptions.keys()]) this.#release(id);
    void this.#releaseAll();
    return this.#released.promise;
  }

  /** Waits for the subscriptions that were given up, and for no other call of the source. */
  async #releaseAll(): Promise<void> {
    await Promise.all(this.#releases);
    try {
      await this.#opened.dispose();
    } catch (error) {
      this.#options.logger.error(`Cannot release the source: ${errorText(error)}`);
    }
    this.#released.resolve();
  }

  #dispatch(input: Input): void {
    if (this.#broadcast.closed) return;
    this.#inputs.push(input);
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const [model, effects] = step(this.#model, next, this.#now());
        this.#model = model;
        for (const effect of effects) if (!this.#broadcast.closed) this.#perform(effect);
      }
    } finally {
      this.#running = false;
    }
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "subscribe":
        return this.#subscribe(effect.id);
      case "dispose":
        return this.#release(effect.id);
      case "read":
        return this.#read(effect.id);
      case "adopt":
        return this.#onSubscription(effect.id, (one) => one.adopt(effect.reading));
      case "view":
        return this.#view(effect);
      case "probe":
        return this.#probe(effect.id);
      case "arm":
        return this.#arm(effect.timer, effect.ms);
      case "retry":
        return this.#arm("retry", backoffMs(effect.attempt, Math.random()));
      case "disarm":
        return this.#disarm(effect.timer);
      case "publish":
        return this.#publish(effect);
      case "settle":
        return this.#settle(effect.tokens, (refresh) => refresh.resolve(this.#broadcast.current));
      case "reject":
        return this.#settle(effect.tokens, (refresh) => refresh.reject(effect.error));
      case "fail":
        return this.#opening.reject(effect.error);
      case "log":
        return this.#options.logger[effect.level](effect.message);
    }
  }

  #subscribe(id: number): void {
    this.#calls.start(
      "Subscribing",
      this.#limitMs,
      (signal) => this.#opened.source.subscribe(signal),
      (outcome) => {
        if (!outcome.ok) {
          this.#dispatch({ kind: "subscribe-failed", error: outcome.error });
          return;
        }
        const subscription = outcome.value;
        this.#subscriptions.set(id, subscription);
        if (!this.#timers.refd) this.#applyRef(subscription);
        this.#dispatch({ kind: "subscribed", id });
        void this.#pump(id, subscription);
      },
      (subscription) => void this.#dispose(subscription),
    );
  }

  async #pump(id: number, subscription: Subscription): Promise<void> {
    let error: unknown = new Error("The subscription ended");
    try {
      for await (const event of subscription) {
        if (!this.#subscriptions.has(id)) return;
        this.#dispatch({ kind: "heard", id, event });
      }
    } catch (thrown) {
      error = thrown ?? new Error("The subscription failed without a reason");
    }
    this.#dispatch({ kind: "lost", id, error });
  }

  #read(id: number): void {
    this.#calls.start(
      "Reading the network",
      this.#limitMs,
      async (signal) => this.#see(await this.#opened.source.read(signal)),
      (outcome) =>
        this.#dispatch(
          outcome.ok
            ? { kind: "read", id, seen: outcome.value }
            : { kind: "read-failed", id, error: outcome.error },
        ),
    );
  }

  #probe(id: number): void {
    this.#onSubscription(id, (subscription) => {
      this.#calls.start(
        "The answer to the canary",
        PROBE_LIMIT_MS,
        (signal) => subscription.probe(signal),
        (outcome) => {
          const deaf = new Error("The canary was not heard");
          const error = !outcome.ok ? outcome.error : outcome.value ? null : deaf;
          this.#dispatch({ kind: "probed", id, error });
        },
      );
    });
  }

  #view({ id, use }: Effect & { kind: "view" }): void {
    let seen: Seen | null = null;
    this.#onSubscription(id, (subscription) => {
      const reading = subscription.view();
      if (use.for !== "drain" && reading !== null) seen = this.#see(reading);
    });
    if (use.for !== "drain") this.#dispatch({ kind: "viewed", id, use, seen });
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

  #publish({ publication }: Effect & { kind: "publish" }): void {
    this.#broadcast.publish(publication);
    if (this.#broadcast.closed || publication.sequence > 1) return;
    const { reconcileIntervalMs } = this.#options;
    if (reconcileIntervalMs !== Infinity) {
      this.#timers.every(() => this.#dispatch({ kind: "tick" }), reconcileIntervalMs);
    }
    this.#opening.resolve();
  }

  #settle(
    tokens: readonly number[],
    how: (refresh: PromiseWithResolvers<Snapshot>) => void,
  ): void {
    for (const token of tokens) {
      const refresh = this.#refreshes.get(token);
      this.#refreshes.delete(token);
      if (refresh !== undefined) how(refresh);
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

  async #dispose(subscription: Subscription): Promise<void> {
    try {
      await subscription[Symbol.asyncDispose]();
    } catch (error) {
      this.#options.logger.error(`Cannot release a subscription: ${errorText(error)}`);
    }
  }

  #applyRef(subscription: Subscription): void {
    try {
      if (this.#timers.refd) subscription.ref();
      else subscription.unref();
    } catch (error) {
      this.#options.logger.error(`Cannot ref or unref a subscription: ${errorText(error)}`);
    }
  }

  /** The window may end a moment late, and a read may follow it: never less than a moment. */
  #pendingMs(): number {
    const { causes, publishedAt, window } = this.#model;
    if (!window && causes.length === 0) return 0;
    return Math.max(1, publishedAt + this.#options.coalesceMs + 1 - this.#now().monotonic);
  }

  /** The newest state is handed on because states share what did not change. */
  #see(reading: Reading): Seen {
    return { reading, state: buildState(reading, null, this.#model.newest?.state ?? null) };
  }

  #now(): { wall: number; monotonic: number } {
    const { clock } = this.#options;
    return { wall: clock.now(), monotonic: clock.monotonic() };
  }
}
