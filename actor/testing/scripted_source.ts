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
import type { DefaultRoute, DefaultRoutes, Interface, Knows } from "../../state/types.ts";
import { systemClock } from "../clock.ts";
import type { ManualClock } from "./manual_clock.ts";
import { ScriptedSubscription } from "./scripted_subscription.ts";

/** How to start a scripted source. */
export interface ScriptedSourceOptions {
  /**
   * The name of the source, for `health.source`.
   *
   * @default {"scripted"}
   */
  name?: string;
  /** The interfaces at the start. The default is none. */
  interfaces?: readonly Interface[];
  /** The default routes at the start. The default is none. */
  defaultRoute?: Partial<DefaultRoutes>;
  /** What the source can know. The default is everything. */
  knows?: Partial<Knows>;
  /**
   * Whether each subscription keeps a table that `announce()` updates, as the event sources of operating systems
   * do. If not, `view()` returns null, and a full read finds each change.
   *
   * @default {true}
   */
  keepsTable?: boolean;
  /** Message counters for `metrics`. By default the monitor counts events itself. */
  counters?: SourceCounters;
}

/** How often each method of a source and its subscriptions was called. */
export type CallCounts = Readonly<
  Record<"subscribe" | "read" | "view" | "adopt" | "probe" | "dispose", number>
>;

/**
 * A source in which only that happens what the test scripts. It holds the network, which `read()` returns, and
 * for each subscription a table, which `view()` returns with the default routes of the network. `set()` changes
 * the network alone; `announce()` copies it into the tables and sends an event. So a change that is set and never
 * announced is a lost message.
 *
 * @example A lost message
 * ```ts
 * import { NetworkMonitor } from "@netwatch/netwatch";
 * import { ManualClock, scriptedInterface, ScriptedSource } from "@netwatch/netwatch/testing";
 *
 * const clock = new ManualClock();
 * const source = new ScriptedSource();
 * await using monitor = await NetworkMonitor.open({ source, clock });
 *
 * source.set([scriptedInterface("eth0", ["192.0.2.7/24"])]); // and no event
 * await clock.advance(15_050); // reconcile finds it
 *
 * if (!monitor.current.state.haveIpv4 || monitor.metrics.driftsFound !== 1) throw new Error();
 * ```
 */
export class ScriptedSource implements NetworkSource {
  /** The name of the source. */
  readonly name: string;
  /** Message counters, if the options had some. */
  declare readonly counters?: SourceCounters;
  /** Whether `view()` returns the table, or null. */
  keepsTable: boolean;
  /** Whether canaries are answered, missed, never answered, or fail with an error. */
  canary: "answers" | "misses" | "hangs" | Error = "answers";
  /** The error that `view()` throws, if any. */
  viewError: Error | null = null;
  readonly #calls = { subscribe: 0, read: 0, view: 0, adopt: 0, probe: 0, dispose: 0 };
  readonly #subscriptions = new Set<ScriptedSubscription>();
  readonly #refusals: Error[] = [];
  readonly #readFailures: Error[] = [];
  #heldReads: PromiseWithResolvers<void> | null = null;
  #heldSubscribes: PromiseWithResolvers<void> | null = null;
  #reading: Reading;

  /** Creates a source without subscriptions. */
  constructor(options: ScriptedSourceOptions = {}) {
    this.name = options.name ?? "scripted";
    if (options.counters !== undefined) this.counters = options.counters;
    this.keepsTable = options.keepsTable ?? true;
    this.#reading = structuredClone({
      interfaces: options.interfaces ?? [],
      defaultRoute: { ipv4: null, ipv6: null, ...options.defaultRoute },
      knows: { links: true, addressFlags: true, routes: true, ...options.knows },
    });
  }

  /** How often each method was called. */
  get calls(): CallCounts {
    return { ...this.#calls };
  }

  /** The number of open subscriptions. */
  get open(): number {
    return this.#subscriptions.size;
  }

  /** The number of open subscriptions that keep the process alive. */
  get openRefd(): number {
    return [...this.#subscriptions].filter((subscription) => subscription.refd).length;
  }

  /** A copy of the network: what `read()` returns. */
  get reading(): Reading {
    return structuredClone(this.#reading);
  }

  /**
   * Changes the network without an event.
   *
   * @param change New interfaces, or any part of the reading.
   */
  set(change: readonly Interface[] | Partial<Reading>): void {
    const part = isInterfaces(change) ? { interfaces: change } : change;
    this.#reading = structuredClone({ ...this.#reading, ...part });
  }

  /**
   * Copies the interfaces of the network into the tables and sends the event `changed`.
   *
   * @param names The interfaces to copy. The default is all.
   */
  announce(...names: string[]): void {
    for (const subscription of this.#subscriptions) subscription.learn(this.#reading, names);
    this.emit({ kind: "changed" });
  }

  /**
   * Adds an interface, or replaces the one of the same name, and announces it. A default route whose source it
   * had and has no longer gets another one, as in `setDefaultRoute()`.
   *
   * @param nic The interface; `scriptedInterface()` makes one.
   */
  addInterface(nic: Interface): void {
    const before = this.#reading.interfaces.find(({ name }) => name === nic.name);
    this.set([...this.#without(nic.name), nic]);
    const has = (it: Interface | undefined, source: string | null): boolean =>
      it?.addresses.some(({ address }) => address === source) === true;
    const updated = (family: "IPv4" | "IPv6", route: DefaultRoute | null) =>
      route?.interface === nic.name && has(before, route.source) && !has(nic, route.source)
        ? this.#withSource(family, { ...route, source: null })
        : route;
    const { ipv4, ipv6 } = this.#reading.defaultRoute;
    this.set({ defaultRoute: { ipv4: updated("IPv4", ipv4), ipv6: updated("IPv6", ipv6) } });
    this.announce(nic.name);
  }

  /**
   * Removes an interface and the default routes through it, and announces it.
   *
   * @param name Its name.
   */
  removeInterface(name: string): void {
    const kept = (route: DefaultRoute | null) => route?.interface === name ? null : route;
    const { ipv4, ipv6 } = this.#reading.defaultRoute;
    this.set({
      interfaces: this.#without(name),
      defaultRoute: { ipv4: kept(ipv4), ipv6: kept(ipv6) },
    });
    this.announce(name);
  }

  /**
   * Replaces the default route of a family and announces it.
   *
   * @param family The family.
   * @param route The route; `scriptedRoute()` makes one. Without a source it gets the first address of the family
   * on its interface, as the kernel would choose. Null removes the route.
   */
  setDefaultRoute(family: "IPv4" | "IPv6", route: DefaultRoute | null): void {
    const made = route && this.#withSource(family, route);
    const key = family === "IPv4" ? "ipv4" : "ipv6";
    this.set({ defaultRoute: { ...this.#reading.defaultRoute, [key]: made } });
    this.emit({ kind: "changed" });
  }

  /**
   * Lets the machine sleep and wake: sends the event `resumed`.
   *
   * @param ms How long it sleeps, in milliseconds.
   * @param clock The clock whose wall clock jumps by that time. The default is to take the time of the system.
   */
  sleep(ms: number, clock?: ManualClock): void {
    clock?.jump(ms);
    this.emit({ kind: "resumed", at: (clock ?? systemClock).now(), sleptMs: ms });
  }

  /**
   * Sends an event to the subscriptions. Their tables stay as they are.
   *
   * @param event The event.
   */
  emit(event: SourceEvent): void {
    for (const subscription of this.#subscriptions) subscription.push(event);
  }

  /**
   * Ends every subscription, as when the socket is lost.
   *
   * @param error What their iterations throw. The default is that they end.
   */
  end(error?: Error): void {
    for (const subscription of this.#subscriptions) subscription.finish(error);
  }

  /**
   * Lets calls of `subscribe()` fail.
   *
   * @param times How many.
   * @param error With which error.
   */
  refuse(times: number, error: Error = new Error("Refused")): void {
    this.#refusals.push(...Array<Error>(times).fill(error));
  }

  /**
   * Lets calls of `read()` fail.
   *
   * @param times How many.
   * @param error With which error.
   */
  failReads(times: number, error: Error = new Error("Cannot read")): void {
    this.#readFailures.push(...Array<Error>(times).fill(error));
  }

  /** Holds calls of `read()`: they copy the network at once, and return after `releaseReads()`. */
  holdReads(): void {
    this.#heldReads ??= Promise.withResolvers();
  }

  /** Lets held calls of `read()` return, and holds no more. */
  releaseReads(): void {
    this.#heldReads?.resolve();
    this.#heldReads = null;
  }

  /** Holds calls of `subscribe()` until `releaseSubscribes()`. */
  holdSubscribes(): void {
    this.#heldSubscribes ??= Promise.withResolvers();
  }

  /** Lets held calls of `subscribe()` return, and holds no more. */
  releaseSubscribes(): void {
    this.#heldSubscribes?.resolve();
    this.#heldSubscribes = null;
  }

  /**
   * For the monitor: subscribes.
   *
   * @returns A subscription with an empty table.
   * @throws {Error} if `refuse()` says so.
   */
  async subscribe(_signal?: AbortSignal): Promise<Subscription> {
    this.#calls.subscribe++;
    const refusal = this.#refusals.shift();
    if (refusal !== undefined) throw refusal;
    await this.#heldSubscribes?.promise;
    const subscription: ScriptedSubscription = new ScriptedSubscription(this, (method) => {
      this.#calls[method]++;
      if (method === "dispose") this.#subscriptions.delete(subscription);
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /**
   * For the monitor: reads the network.
   *
   * @returns The network at the time of the call.
   * @throws {Error} if `failReads()` says so.
   */
  async read(_signal?: AbortSignal): Promise<Reading> {
    this.#calls.read++;
    const failure = this.#readFailures.shift();
    if (failure !== undefined) throw failure;
    const { reading } = this;
    await this.#heldReads?.promise;
    return reading;
  }

  #withSource(family: "IPv4" | "IPv6", route: DefaultRoute): DefaultRoute {
    const nic = this.#reading.interfaces.find(({ name }) => name === route.interface);
    const first = nic?.addresses.find((address) => address.family === family)?.address ?? null;
    return { ...route, source: route.source ?? first };
  }

  #without(name: string): Interface[] {
    return this.#reading.interfaces.filter((nic) => nic.name !== name);
  }
}

function isInterfaces(change: object): change is readonly Interface[] {
  return Array.isArray(change);
}
