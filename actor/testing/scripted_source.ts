// A source that follows a script.
import { abortable } from "@std/async/abortable";
import { scopeOf } from "../../state/ip.ts";
import type {
  NetworkSource,
  Reading,
  SourceCounters,
  SourceEvent,
  Subscription,
} from "../../state/ports.ts";
import type { DefaultRoute, DefaultRoutes, Interface, Knows } from "../../state/types.ts";
import { systemClock } from "../clock.ts";
import { defined } from "./defined.ts";
import type { ManualClock } from "./manual_clock.ts";

/** How to start a scripted source. */
export interface ScriptedSourceOptions {
  /** The name of the source, for `health.source`. The default is `"scripted"`. */
  name?: string;
  /** The interfaces at the start. The default is none. */
  interfaces?: readonly Interface[];
  /** The default routes at the start, completed as in `setDefaultRoute()`. The default is none. */
  defaultRoute?: Partial<DefaultRoutes>;
  /** What the source can know. The default is everything. */
  knows?: Partial<Knows>;
  /**
   * Whether each subscription keeps a table that `announce()` updates, as the event sources of operating systems
   * do. If not, `view()` returns null, and a full read finds each change. The default is true.
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
 * A source that changes only as the test says. It holds the network, which `read()` returns, and for each
 * subscription a table, which `view()` returns with the default routes of the network. `set()` changes only the
 * network; `announce()` copies it into the tables and sends an event. A change that is only set is a lost message.
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
  /** The message counters of the options, if any. */
  declare readonly counters?: SourceCounters;
  /** Whether `view()` returns the table, or null. */
  keepsTable: boolean;
  /** How canaries end: answered, missed, never, or with this error. */
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
      defaultRoute: { ipv4: null, ipv6: null, ...defined(options.defaultRoute) },
      knows: { links: true, addressFlags: true, routes: true, ...defined(options.knows) },
    });
    this.#mapRoutes((route, family) => route && this.#withSource(route, family));
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

  /** Changes the network without an event: the interfaces, or any part of the reading, as given. */
  set(change: readonly Interface[] | Partial<Reading>): void {
    const part = "length" in change ? { interfaces: change } : change;
    this.#reading = structuredClone({ ...this.#reading, ...part });
  }

  /** Copies interfaces of the network, by default all, into the tables and sends the event `changed`. */
  announce(...names: string[]): void {
    for (const subscription of this.#subscriptions) subscription.learn(this.#reading, names);
    this.emit({ kind: "changed" });
  }

  /**
   * Adds an interface, or replaces the one of the same name, and announces it; `scriptedInterface()` makes one. If
   * its default route loses its source address, the route gets another one, as in `setDefaultRoute()`.
   */
  addInterface(nic: Interface): void {
    const { interfaces } = this.#reading;
    const before = interfaces.find(({ name }) => name === nic.name);
    const held = (it?: Interface) => new Set(it?.addresses.map(({ address }) => address));
    const lost = held(before).difference(held(nic));
    this.set([...interfaces.filter(({ name }) => name !== nic.name), nic]);
    this.#mapRoutes((route, family) =>
      route?.interface === nic.name && (route.source === null || lost.has(route.source))
        ? this.#withSource({ ...route, source: null }, family)
        : route
    );
    this.announce(nic.name);
  }

  /** Removes an interface and the default routes through it, and announces this. */
  removeInterface(name: string): void {
    this.set(this.#reading.interfaces.filter((nic) => nic.name !== name));
    this.#mapRoutes((route) => route?.interface === name ? null : route);
    this.announce(name);
  }

  /**
   * Replaces the default route of a family and announces it; null removes it, `scriptedRoute()` makes one. A route
   * without a source gets the first address of the family on its interface, link-local ones last.
   */
  setDefaultRoute(family: "IPv4" | "IPv6", route: DefaultRoute | null): void {
    const made = route && this.#withSource(route, family);
    this.#mapRoutes((before, other) => other === family ? made : before);
    this.emit({ kind: "changed" });
  }

  /**
   * Simulates a sleep of this many milliseconds: sends the event `resumed`. The wall clock of `clock` jumps by that
   * time; without `clock`, the event has the system's time.
   *
   * @throws {RangeError} if the time is negative or not finite.
   */
  sleep(ms: number, clock?: ManualClock): void {
    if (!(ms >= 0 && ms < Infinity)) throw new RangeError(`A sleep takes 0 ms or more, not ${ms}`);
    clock?.jump(ms);
    this.emit({ kind: "resumed", at: (clock ?? systemClock).now(), sleptMs: ms });
  }

  /** Sends an event to the subscriptions. Their tables stay as they are. */
  emit(event: SourceEvent): void {
    for (const subscription of this.#subscriptions) subscription.push(event);
  }

  /** Ends every subscription, as when the socket is lost; with an error, their iterations throw it. */
  end(error?: Error): void {
    for (const subscription of this.#subscriptions) subscription.finish(error);
  }

  /** Makes the next `times` calls of `subscribe()`, at most 10,000, fail with this error. */
  refuse(times: number, error: Error = new Error("Refused")): void {
    this.#refusals.push(...repeated(error, times));
  }

  /** Makes the next `times` calls of `read()`, at most 10,000, fail with this error. */
  failReads(times: number, error: Error = new Error("Cannot read")): void {
    this.#readFailures.push(...repeated(error, times));
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

  /** For the monitor: subscribes, with an empty table; rejects if `refuse()` says so. */
  async subscribe(_signal?: AbortSignal): Promise<Subscription> {
    this.#calls.subscribe++;
    const refusal = this.#refusals.shift();
    if (refusal !== undefined) throw refusal;
    await this.#heldSubscribes?.promise;
    const subscription = new ScriptedSubscription(this, this.#calls, this.#subscriptions);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** For the monitor: reads the network as it is at the time of the call; rejects if `failReads()` says so. */
  async read(_signal?: AbortSignal): Promise<Reading> {
    this.#calls.read++;
    const failure = this.#readFailures.shift();
    if (failure !== undefined) throw failure;
    const { reading } = this;
    await this.#heldReads?.promise;
    return reading;
  }

  #mapRoutes(
    replace: (route: DefaultRoute | null, family: "IPv4" | "IPv6") => DefaultRoute | null,
  ): void {
    const { ipv4, ipv6 } = this.#reading.defaultRoute;
    this.set({ defaultRoute: { ipv4: replace(ipv4, "IPv4"), ipv6: replace(ipv6, "IPv6") } });
  }

  #withSource(route: DefaultRoute, family: "IPv4" | "IPv6"): DefaultRoute {
    const nic = this.#reading.interfaces.find(({ name }) => name === route.interface);
    const own = nic?.addresses.filter((it) => it.family === family && !it.tentative);
    const first = own?.find(({ address }) => scopeOf(address) !== "linkLocal") ?? own?.[0];
    return { ...route, source: route.source ?? first?.address ?? null };
  }
}

function repeated(error: Error, times: number): Error[] {
  if (Number.isInteger(times) && times >= 0 && times <= 10_000) return Array(times).fill(error);
  throw new RangeError(`The number of failures must be an integer from 0 to 10000, not ${times}`);
}

type Counts = Record<keyof CallCounts, number>;

class ScriptedSubscription implements Subscription {
  readonly #source: ScriptedSource;
  readonly #calls: Counts;
  readonly #open: Set<ScriptedSubscription>;
  readonly #events: SourceEvent[] = [];
  #table: readonly Interface[] = [];
  #end: { error: Error | undefined } | null = null;
  #wake: () => void = () => {};
  refd = true;

  constructor(source: ScriptedSource, calls: Counts, open: Set<ScriptedSubscription>) {
    this.#source = source;
    this.#calls = calls;
    this.#open = open;
  }

  learn(reading: Reading, names: readonly string[]): void {
    const isNamed = ({ name }: Interface): boolean => names.length === 0 || names.includes(name);
    const kept = this.#table.filter((nic) => !isNamed(nic));
    this.#table = [...kept, ...structuredClone(reading.interfaces.filter(isNamed))];
  }

  push(event: SourceEvent): void {
    if (this.#end !== null) return;
    this.#events.push(event);
    this.#wake();
  }

  finish(error?: Error): void {
    this.#end ??= { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SourceEvent, void, void> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) yield event;
      else if (this.#end === null) await new Promise<void>((resolve) => this.#wake = resolve);
      else if (this.#end.error === undefined) return;
      else throw this.#end.error;
    }
  }

  view(): Reading | null {
    this.#calls.view++;
    const { keepsTable, reading: { defaultRoute, knows }, viewError } = this.#source;
    if (viewError !== null) throw viewError;
    if (!keepsTable) return null;
    return { interfaces: structuredClone(this.#table), defaultRoute, knows };
  }

  adopt({ interfaces }: Reading): void {
    this.#calls.adopt++;
    this.#table = structuredClone(interfaces);
  }

  async probe(signal: AbortSignal): Promise<boolean> {
    this.#calls.probe++;
    const { canary } = this.#source;
    if (canary instanceof Error) throw canary;
    if (canary === "hangs") await abortable(new Promise(() => {}), signal);
    return canary === "answers";
  }

  ref(): void {
    this.refd = true;
  }

  unref(): void {
    this.refd = false;
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#open.delete(this)) this.#calls.dispose++;
    this.finish();
    return Promise.resolve();
  }
}
