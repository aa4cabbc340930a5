/**
 * A source that follows a script.
 *
 * @module
 */
import type {
  NetworkSource,
  Reading,
  SourceCounters,
  SourceEvent,
  Subscription,
} from "../../state/source.ts";
import type { DefaultRoutes, Interface, Knows } from "../../state/types.ts";
import { ScriptedSubscription } from "./scripted_subscription.ts";

/** How to start a scripted source. */
export interface ScriptedSourceOptions {
  /**
   * Its name, as `health.source` shows it.
   *
   * @default {"scripted"}
   */
  name?: string;
  /** The interfaces at the start; none unless given. */
  interfaces?: readonly Interface[];
  /** The default routes at the start; none unless given. */
  defaultRoute?: Partial<DefaultRoutes>;
  /** What the source can know; everything, unless told. */
  knows?: Partial<Knows>;
  /**
   * Keeps a table that announcements update, as the sources of operating systems do. False:
   * `view()` answers null, and every change is found by a read.
   *
   * @default {true}
   */
  keepsTable?: boolean;
  /** Counters of the wire, where the test wants to script those too. */
  counters?: SourceCounters;
}

/** How often the methods of a source and its subscriptions were called. */
export interface CallCounts {
  /** Calls of `subscribe()`. */
  subscribe: number;
  /** Calls of `read()`. */
  read: number;
  /** Calls of `view()`. */
  view: number;
  /** Calls of `adopt()`. */
  adopt: number;
  /** Calls of `probe()`. */
  probe: number;
  /** Subscriptions released. */
  dispose: number;
}

/**
 * A source in which nothing happens but what the test says. It holds a truth, which `read()`
 * answers with, and a table for each subscription, which `view()` answers with (together with the
 * true default routes, as an operating system is asked for those afresh). `set()` changes the
 * truth alone;
 * `announce()` brings it into the tables and tells. A change that is never announced is a lost
 * message.
 *
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 * import { ManualClock, scriptedInterface, ScriptedSource } from "@netwatch/netwatch/testing";
 *
 * const clock = new ManualClock();
 * const source = new ScriptedSource();
 * await using monitor = await NetworkMonitor.open({ source, clock });
 *
 * source.set([scriptedInterface("eth0", ["192.0.2.7/24"])]); // and the message gets lost
 * await clock.advance(15_050); // reconcile finds it
 *
 * if (!monitor.current.state.haveIpv4 || monitor.metrics.driftsFound !== 1) throw new Error();
 * ```
 */
export class ScriptedSource implements NetworkSource {
  /** Its name. */
  readonly name: string;
  /** Counters of the wire, if it was made with some. */
  declare readonly counters?: SourceCounters;
  /** Whether `view()` answers with a table or with null. */
  keepsTable: boolean;
  /** What happens to canaries: answered, missed (false), never answered, or thrown at. */
  canary: "answers" | "misses" | "hangs" | Error = "answers";
  /** Thrown by `view()`, where set. */
  viewError: Error | null = null;
  readonly #calls: CallCounts = { subscribe: 0, read: 0, view: 0, adopt: 0, probe: 0, dispose: 0 };
  readonly #subscriptions = new Set<ScriptedSubscription>();
  #truth: Reading;
  #refusals: Error[] = [];
  #readFailures: Error[] = [];
  #held: { reads: (() => void)[] | null; subscribes: (() => void)[] | null } = {
    reads: null,
    subscribes: null,
  };

  /** Starts with the given truth; empty unless given. */
  constructor(options: ScriptedSourceOptions = {}) {
    this.name = options.name ?? "scripted";
    if (options.counters !== undefined) this.counters = options.counters;
    this.keepsTable = options.keepsTable ?? true;
    this.#truth = structuredClone({
      interfaces: options.interfaces ?? [],
      defaultRoute: { ipv4: null, ipv6: null, ...options.defaultRoute },
      knows: { links: true, addressFlags: true, routes: true, ...options.knows },
    });
  }

  /** How often each method was called. */
  get calls(): Readonly<CallCounts> {
    return { ...this.#calls };
  }

  /** How many subscriptions are open. */
  get open(): number {
    return this.#subscriptions.size;
  }

  /** How many of them keep the process alive. */
  get openRefd(): number {
    return [...this.#subscriptions].filter((subscription) => subscription.refd).length;
  }

  /** What `read()` answers with: a copy. */
  get truth(): Reading {
    return structuredClone(this.#truth);
  }

  /** The truth changes and nobody is told: new interfaces, or any part of the reading. */
  set(change: Interface[] | Partial<Reading>): void {
    const part = Array.isArray(change) ? { interfaces: change } : change;
    this.#truth = structuredClone({ ...this.#truth, ...part });
  }

  /**
   * The truth enters the tables, and the subscriptions are told that something changed.
   *
   * @param names Only these interfaces enter the tables; without any, all do.
   */
  announce(...names: string[]): void {
    for (const subscription of this.#subscriptions) subscription.learn(this.#truth, names);
    this.emit({ kind: "changed" });
  }

  /** The subscriptions announce this; the tables stay as they are. */
  emit(event: SourceEvent): void {
    for (const subscription of this.#subscriptions) subscription.push(event);
  }

  /** Every subscription ends, as when the socket is lost; with an error, it throws that. */
  end(error?: Error): void {
    for (const subscription of this.#subscriptions) subscription.finish(error);
  }

  /** The next so many calls of `subscribe()` fail with the error. */
  refuse(times: number, error: Error = new Error("Refused")): void {
    this.#refusals.push(...Array<Error>(times).fill(error));
  }

  /** The next so many calls of `read()` fail with the error. */
  failReads(times: number, error: Error = new Error("Cannot read")): void {
    this.#readFailures.push(...Array<Error>(times).fill(error));
  }

  /** From now on `read()` takes the truth at once but does not return before `releaseReads()`. */
  holdReads(): void {
    this.#held.reads ??= [];
  }

  /** The reads that were held return, and later ones are not held. */
  releaseReads(): void {
    const held = this.#held.reads ?? [];
    this.#held.reads = null;
    for (const release of held) release();
  }

  /** From now on `subscribe()` does not return before `releaseSubscribes()`. */
  holdSubscribes(): void {
    this.#held.subscribes ??= [];
  }

  /** The calls of `subscribe()` that were held return, and later ones are not held. */
  releaseSubscribes(): void {
    const held = this.#held.subscribes ?? [];
    this.#held.subscribes = null;
    for (const release of held) release();
  }

  /** For the monitor: subscribes, unless refused. */
  async subscribe(_signal?: AbortSignal): Promise<Subscription> {
    this.#calls.subscribe++;
    const refusal = this.#refusals.shift();
    if (refusal !== undefined) throw refusal;
    await heldIn(this.#held.subscribes);
    const subscription: ScriptedSubscription = new ScriptedSubscription(this, {
      called: (method) => this.#calls[method]++,
      released: () => this.#subscriptions.delete(subscription),
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** For the monitor: answers with the truth of this moment. */
  async read(_signal?: AbortSignal): Promise<Reading> {
    this.#calls.read++;
    const failure = this.#readFailures.shift();
    if (failure !== undefined) throw failure;
    const reading = this.truth;
    await heldIn(this.#held.reads);
    return reading;
  }
}

async function heldIn(held: (() => void)[] | null): Promise<void> {
  if (held !== null) await new Promise<void>((resolve) => held.push(resolve));
}
