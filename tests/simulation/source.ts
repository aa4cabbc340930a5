/**
 * The simulated source. Like a kernel, it reads links, addresses and routes at different moments, and it has a
 * kernel's faults.
 *
 * @module
 */
import type { KernelEvent } from "../../ffi/linux/messages.ts";
import type { LinkTable } from "../../ffi/linux/link_table.ts";
import type { NetworkSource, Reading, SourceEvent, Subscription } from "../../state/ports.ts";
import type { DefaultRoutes } from "../../state/types.ts";
import type { Random } from "../support/random.ts";
import type { VirtualClock } from "./clock.ts";
import { Delivery } from "./delivery.ts";
import type { Fault, Faults, Ledger } from "./faults.ts";
import { addressMessage, linkMessage } from "./link.ts";
import type { Network, Subject } from "./network.ts";
import type { Parts } from "./parts.ts";
import { SimulatedSubscription } from "./subscription.ts";

/** Kind and delays of the source. */
export interface SourceShape {
  /**
   * `journal`: events that arrive during a read are applied to its result, as on Linux. `plain`: they are not.
   * `tableless`: it keeps no table, and every view is null.
   */
  readonly flavour: "journal" | "plain" | "tableless";
  /** The longest time that a healthy message takes to the socket, in milliseconds. */
  readonly flightMs: number;
  /** The longest time until the event loop sees a message or an answer, in milliseconds. */
  readonly wakeMs: number;
  /** The longest time that each of the three steps of a read takes, in milliseconds. */
  readonly stageMs: number;
  /** How long a view blocks the event loop, in milliseconds. */
  readonly viewMs: number;
}

/** Everything around the source. */
export interface SourceContext {
  readonly clock: VirtualClock;
  readonly network: Network;
  readonly faults: Faults;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly shape: SourceShape;
  readonly parts: Parts;
  /** Reports a broken invariant of the port. */
  readonly broken: (what: string) => void;
  /** Called in each call of the source. */
  readonly called: () => void;
  /** Adds a line to the trace. */
  readonly trace: (what: () => string) => void;
}

/** The dump behind a reading. */
export interface Dump {
  readonly table: LinkTable;
  /** The moment of its beginning. */
  readonly begun: number;
}

const KNOWS: Reading["knows"] = { links: true, addressFlags: true, routes: true };

/** The source of one world. */
export class SimulatedSource implements NetworkSource {
  readonly name = "simulated";
  /** The newest subscription; null before the first one. */
  subscription: SimulatedSubscription | null = null;
  /** Subscriptions not yet released. */
  readonly open = new Set<SimulatedSubscription>();
  /** The monitor is closing: it may release subscriptions without a reason. */
  closing = false;
  /** The sleeps found so far. */
  readonly sleeps: { at: number; sleptMs: number }[] = [];
  /** Events for the next subscription. */
  readonly undelivered: SourceEvent[] = [];
  readonly #context: SourceContext;
  readonly #clock: InstanceType<Parts["SuspendClock"]>;
  readonly #dumps = new WeakMap<Reading, Dump>();
  readonly #delivery: Delivery;
  /** When the last view ended, in monotonic milliseconds. */
  #viewedAt = -Infinity;
  /** When the last read ended, in monotonic milliseconds, and how long the last successful one took. */
  #lastRead = { endedAt: -Infinity, ms: 0 };
  #reading = false;
  #moment = 0;

  /** A source without subscriptions. */
  constructor(context: SourceContext) {
    this.#context = context;
    this.#delivery = new Delivery(context);
    const { clock, parts } = context;
    this.#clock = new parts.SuspendClock({
      monotonic: () => clock.monotonic(),
      bootTime: () => parts.quirks.wallClock ? clock.now() : clock.bootTime(),
    });
  }

  /** A number that rises with each call, to order events. */
  moment(): number {
    return ++this.#moment;
  }

  async subscribe(signal: AbortSignal): Promise<Subscription> {
    this.#context.called();
    const { clock, faults, ledger, random, shape, trace } = this.#context;
    const fault = faults.nextCall("subscribe");
    trace(() => `subscribe() ${fault === null ? "" : JSON.stringify(fault)}`);
    if (fault?.throws) {
      ledger.happened("subscribe-throws");
      throw new Error("Simulated: cannot subscribe");
    }
    if (fault !== null) await this.#hang("subscribe-hangs", signal, fault.lateMs);
    else await this.after(random.below(shape.wakeMs + 1));
    const subscription = new SimulatedSubscription(this, this.#context, clock.monotonic());
    if (!signal.aborted) this.subscription = subscription;
    if (faults.bornDeaf.count > 0) {
      faults.bornDeaf.count--;
      subscription.deafen(faults.bornDeaf.lying);
    }
    this.open.add(subscription);
    for (const event of this.undelivered.splice(0)) subscription.post(event);
    return subscription;
  }

  async read(signal: AbortSignal): Promise<Reading> {
    this.#context.called();
    const { clock, faults, ledger, trace, broken } = this.#context;
    const { stageMs } = this.#context.shape;
    const fault = faults.nextCall("read");
    const slow = faults.readSlowMs;
    faults.readSlowMs = 0;
    trace(() => `read() ${fault === null ? "" : JSON.stringify(fault)} ${slow || ""}`);
    if (this.#reading) broken("A read began while another one was under way");
    this.#checkPace();
    const begun = clock.monotonic();
    this.#reading = true;
    const over = (): void => {
      this.#reading = false;
      this.#lastRead = { ...this.#lastRead, endedAt: clock.monotonic() };
    };
    signal.addEventListener("abort", over);
    const end = slow > 0 ? ledger.begin("read-slow") : () => {};
    if (fault !== null || slow > 0) this.subscription?.excuse("A read fails");
    try {
      this.checkClocks(false);
      this.subscription?.startJournal();
      const dump = { table: new this.#context.parts.LinkTable(), begun: this.moment() };
      const reading = await this.#answer(dump, fault, slow > 0 ? slow : stageMs, signal);
      this.#dumps.set(reading, dump);
      if (!signal.aborted) {
        this.#lastRead = { ...this.#lastRead, ms: clock.monotonic() - begun };
        this.subscription?.learn(dump);
      }
      trace(() => "read() answers");
      return reading;
    } finally {
      end();
      if (!signal.aborted) over();
    }
  }

  /** Spends the time of a view. Until the next one, three times as much has to pass. */
  spendView(): void {
    const { broken, clock, shape } = this.#context;
    const now = clock.monotonic();
    // up to two views belong to a read: one to compare it with, and one of the table that it corrected
    const isOfRead = this.#lastRead.endedAt >= now - shape.viewMs;
    if (!isOfRead && now < this.#viewedAt + 3 * shape.viewMs) broken("A view followed too soon");
    clock.spend(shape.viewMs);
    this.#viewedAt = clock.monotonic();
  }

  /** Between two reads the event loop has to have a turn. */
  #checkPace(): void {
    const { endedAt, ms } = this.#lastRead;
    if (ms > 0 && this.#context.clock.monotonic() < endedAt + 1) {
      this.#context.broken("A read followed another one without a macrotask between");
    }
  }

  /** The dump behind a reading. */
  dumpOf(reading: Reading): Dump | undefined {
    return this.#dumps.get(reading);
  }

  /** The kernel sends a message. */
  announced(event: KernelEvent, subject: Subject): void {
    const { subscription } = this;
    if (subscription === null || subscription.released) return;
    this.#delivery.announced(subscription, event, subject);
  }

  /** The network changed without a message. */
  silent(subject: Subject): void {
    this.subscription?.miss(subject);
  }

  /** A fault strikes the socket. */
  strike(fault: Fault): void {
    const { subscription } = this;
    if (subscription === null || subscription.released) return;
    if (fault.fault === "deaf") subscription.deafen(fault.lying);
    else if (fault.fault === "end") subscription.finish(fault.thrown);
  }

  /** The time was set or the machine woke: the clocks are compared soon. */
  clockWasSet(): void {
    const { clock, random, shape } = this.#context;
    clock.later("io", random.below(shape.wakeMs + 1), () => this.checkClocks(true));
  }

  /** Compares the clocks, and reports a sleep or a clock step. */
  checkClocks(stepped: boolean): void {
    const { clock, trace } = this.#context;
    const sleptMs = this.#clock.sleptMs();
    if (sleptMs === null && !stepped) return;
    const event: SourceEvent = sleptMs === null
      ? { kind: "clock-stepped" }
      : { kind: "resumed", at: clock.now(), sleptMs };
    trace(() => `source: ${JSON.stringify(event)}`);
    if (event.kind === "resumed") this.sleeps.push({ at: event.at, sleptMs: event.sleptMs });
    if (this.subscription?.isOpen) this.subscription.post(event);
    else if (event.kind === "resumed") this.undelivered.push(event);
  }

  /** The current default routes, with the names of the table. */
  routes(table: LinkTable): DefaultRoutes {
    const named = (family: "ipv4" | "ipv6"): DefaultRoutes["ipv4"] => {
      const way = this.#context.network.routeOf(family);
      const name = way === null ? null : table.nameOf(way.index);
      if (way === null || name === null) return null;
      const { gateway, source, metric } = way;
      return { interface: name, gateway, source, metric };
    };
    return { ipv4: named("ipv4"), ipv6: named("ipv6") };
  }

  /** Resolves after a delay, as soon as the event loop is free. */
  after(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#context.clock.later("io", ms, resolve));
  }

  /** Reads links, addresses and routes, one after the other. */
  async #answer(
    { table }: Dump,
    fault: ReturnType<Faults["nextCall"]>,
    stageMs: number,
    signal: AbortSignal,
  ): Promise<Reading> {
    const { network, random, ledger } = this.#context;
    const stage = async (): Promise<void> => {
      await this.after(random.below(stageMs + 1));
      signal.throwIfAborted();
    };
    await stage();
    for (const link of network.links) table.setLink(linkMessage(link));
    if (fault?.throws) {
      ledger.happened("read-throws");
      throw new Error("Simulated: cannot read");
    }
    await stage();
    for (const link of network.links) {
      for (const spec of link.addresses.keys()) table.setAddress(addressMessage(link, spec));
    }
    await stage();
    const reading = {
      interfaces: table.interfaces(),
      defaultRoute: this.routes(table),
      knows: KNOWS,
    };
    if (fault !== null) await this.#hang("read-hangs", signal, fault.lateMs);
    return reading;
  }

  /** Rejects with the reason of the signal, or resolves some time after it. */
  #hang(name: string, signal: AbortSignal, lateMs: number | null): Promise<void> {
    const end = this.#context.ledger.begin(name);
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => {
        end();
        if (lateMs === null) reject(signal.reason);
        else void this.#context.clock.later("io", lateMs, resolve);
      });
    });
  }
}
