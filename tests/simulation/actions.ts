/**
 * Performs the operations of a run on the world and the monitor.
 *
 * @module
 */
import type { Clock, Logger } from "../../state/ports.ts";
import { settle } from "./clock.ts";
import { Convergence } from "./convergence.ts";
import { Events } from "./events.ts";
import type { Operation, Place } from "./plan.ts";
import { Publications } from "./publications.ts";
import { Reader } from "./readers.ts";
import { Requests } from "./requests.ts";
import type { MonitorOptions, NetworkMonitor } from "../../mod.ts";
import type { World } from "./world.ts";

/** Longer than any timer and any late answer, in milliseconds. */
const LONG_MS = 40_000;

/** The most sleeps of one run. A source without a subscription merges further ones, so that its memory does not grow. */
const MAX_SLEEPS = 12;

/** The reason of aborted signals. */
const ENOUGH = new Error("Simulated: enough");

/** Performs operations. */
export class Actions {
  readonly #world: World;
  readonly #publications: Publications;
  readonly #convergence: Convergence;
  readonly #requests: Requests;
  readonly #readers: Reader[] = [];
  readonly #abort = new AbortController();
  #monitor: NetworkMonitor | null = null;
  #events: Events | null = null;
  /** What user code does next, by place. */
  readonly #traps = new Map<Place, Operation & { op: "trap" }>();
  /** Whether the monitor keeps the process alive. */
  #persistent: boolean;
  #opening = true;
  #closed = false;
  /** The promise of `close()` has resolved. */
  #isReleased = false;

  /** Starts without an open monitor. */
  constructor(world: World) {
    this.#world = world;
    this.#publications = new Publications(world);
    this.#convergence = new Convergence(world, this.#publications);
    this.#requests = new Requests(world, this.#publications);
    this.#persistent = world.plan.persistent;
    world.userCode = (place) => this.#springTrap(place);
  }

  /** The number of published snapshots. */
  get published(): number {
    return this.#publications.last?.snapshot.sequence ?? 0;
  }

  /** Starts to open the monitor. */
  open(): void {
    const { plan, parts, network, faults, source } = this.#world;
    for (const mutation of plan.initial) network.apply(mutation);
    for (const fault of plan.opening) faults.arm(fault);
    const options: MonitorOptions = {
      source,
      clock: this.#clock(),
      logger: this.#logger(),
      coalesceMs: plan.coalesceMs,
      reconcileIntervalMs: plan.reconcileIntervalMs,
      signal: this.#abort.signal,
      persistent: plan.persistent,
      ignoreInterface: (nic) => {
        this.#world.userCode("ignoreInterface");
        if (plan.ignores === "throws") throw new Error("Simulated: the predicate throws");
        return plan.ignores === "bridges" && nic.kind === "bridge";
      },
    };
    parts.NetworkMonitor.open(options).then(
      (monitor) => this.#onOpened(monitor),
      (error) => this.#onOpenFailed(error),
    );
  }

  /** Lets time pass. */
  async advance(ms: number): Promise<void> {
    await this.#world.clock.advance(ms, () => this.#settled());
    this.#check();
  }

  /** Performs one operation. */
  async perform(operation: Operation): Promise<void> {
    const { network, faults, source } = this.#world;
    switch (operation.op) {
      case "mutate":
        network.apply(operation.mutation);
        break;
      case "fault":
        if (!faults.arm(operation.fault)) source.strike(operation.fault);
        break;
      case "sleep":
        this.#sleep(operation);
        break;
      case "set-clock":
        this.#world.clock.step(operation.ms);
        source.clockWasSet();
        break;
      case "block":
        await this.#block(operation);
        break;
      default:
        if (this.#monitor !== null) await this.#use(this.#monitor, operation);
        else if (operation.op === "close") this.#closeEarly();
    }
    await this.#settled();
    // the predicate closed the monitor
    if (this.#world.source.closing && this.#monitor !== null) await this.close("close");
  }

  /** Ends all faults, then checks that the state equals the network. */
  async heal(): Promise<void> {
    const { faults, plan, readLimitMs, source } = this.#world;
    faults.end();
    this.#traps.clear();
    this.#world.trace(() => "No more faults");
    const healed = plan.reconcileIntervalMs + readLimitMs;
    // calls that hang time out first
    for (const ms of [readLimitMs, healed, (source.sleeps.length + 1) * plan.coalesceMs + 1]) {
      await this.advance(ms);
      if (this.#world.violation !== null) return;
    }
    if (this.#opening) this.#world.fail("Opening does not end");
    if (this.#monitor === null || this.#closed) return;
    if (this.#publications.resumes !== source.sleeps.length) {
      this.#world.fail(
        `Of ${source.sleeps.length} sleeps ${this.#publications.resumes} were published`,
      );
    }
    const found = source.sleeps.reduce((sum, it) => sum + it.sleptMs, 0);
    if (this.#world.sleptMs - found >= 100) this.#world.fail("A sleep was not found");
  }

  /** Closes the monitor, and checks that nothing of it runs any more. */
  async close(by: "close" | "signal" | "predicate"): Promise<void> {
    const { clock, source, network } = this.#world;
    if (this.#closed) return;
    const monitor = this.#monitor;
    if (monitor !== null) await this.#beginClose(monitor, by);
    this.#closed = true;
    await clock.advance(10, settle);
    if (monitor !== null && !this.#isReleased) this.#world.fail("close() does not end");
    if (clock.timers > 0) this.#world.fail(`${clock.timers} timers run after close`);
    const { waiting } = this.#requests;
    if (waiting.length > 0) this.#world.fail(`Left after close: ${waiting}`);
    if (this.#readers.some((reader) => reader.isWaiting)) {
      this.#world.fail("A read is pending after close");
    }
    this.#publications.end();
    for (const slot of [0, 1, 2]) {
      network.apply({ do: "link-add", slot });
      network.apply({ do: "link-remove", slot });
    }
    await clock.advance(LONG_MS, settle);
    if (clock.timers > 0) this.#world.fail(`${clock.timers} timers were started after close`);
    if (source.open.size > 0) this.#world.fail(`${source.open.size} subscriptions are open`);
    if (monitor !== null && monitor.health.status !== "closed") {
      this.#world.fail(`The status is ${monitor.health.status} after close`);
    }
    this.#events?.end();
  }

  async #use(monitor: NetworkMonitor, operation: Operation): Promise<void> {
    const reader = "reader" in operation ? this.#reader(operation.reader) : undefined;
    switch (operation.op) {
      case "refresh":
        return this.#requests.refresh(monitor);
      case "wait-for":
        return this.#requests.waitFor(monitor, operation.what);
      case "subscribe":
        return this.#subscribe(monitor, operation);
      case "read":
        return reader?.read();
      case "release":
        return reader?.release(operation.restMs, operation.how);
      case "trap":
        this.#traps.set(operation.place, { ...operation });
        return;
      case "cancel":
        return reader?.cancel();
      case "abort":
        return reader?.abort();
      case "ref":
      case "unref":
        this.#persistent = operation.op === "ref";
        return monitor[operation.op]();
      case "close":
        return await this.close(operation.by);
    }
  }

  /** User code runs, and may do anything that a program may do. */
  #springTrap(place: Place): void {
    const { source } = this.#world;
    const isOver = place === "waitFor" ? source.closing : this.#isReleased;
    // a subscription that comes after close() may fail to be released, which is logged
    if (isOver && place !== "logger") this.#world.fail(`User code runs after close(): ${place}`);
    const trap = this.#traps.get(place);
    if (trap === undefined || this.#monitor === null || trap.skip-- > 0) return;
    this.#traps.delete(place);
    this.#world.trace(() => `${place}: ${JSON.stringify(trap.then)}`);
    if (trap.then.op !== "close") return void this.#use(this.#monitor, trap.then);
    source.closing = true;
    void this.#monitor.close();
  }

  #reader(number: number): Reader | undefined {
    return this.#readers[number % this.#readers.length];
  }

  #subscribe(monitor: NetworkMonitor, { how, options }: Operation & { op: "subscribe" }): void {
    if (this.#readers.length >= 4) return;
    const reader = new Reader(this.#world, this.#publications, monitor, how, options);
    this.#readers.push(reader);
  }

  #sleep({ ms, then }: Operation & { op: "sleep" }): void {
    const { clock, network, source } = this.#world;
    if (source.sleeps.length >= MAX_SLEEPS) return;
    clock.sleep(ms);
    this.#world.sleptMs += ms;
    for (const mutation of then) network.apply(mutation);
    source.clockWasSet();
  }

  async #block({ ms, during }: Operation & { op: "block" }): Promise<void> {
    const { clock, network } = this.#world;
    during.forEach((mutation, i) => {
      clock.later("kernel", ms * (i + 1) / (during.length + 1), () => network.apply(mutation));
    });
    this.#world.busy = true;
    this.#world.blockedMs += ms;
    await clock.block(ms, () => this.#settled());
    this.#world.busyAt = clock.monotonic();
    this.#world.busy = false;
  }

  async #beginClose(monitor: NetworkMonitor, by: "close" | "signal" | "predicate"): Promise<void> {
    this.#world.source.closing = true;
    if (by === "signal") {
      this.#abort.abort(ENOUGH);
    } else if (by === "close") {
      void monitor.close();
      void monitor.close();
    } else {
      // waitFor() calls the predicate with the current state at once
      monitor.waitFor(() => {
        void monitor.close();
        return false;
      }).catch(() => {});
    }
    await settle();
  }

  #closeEarly(): void {
    this.#world.source.closing = true;
    this.#abort.abort(ENOUGH);
  }

  #onOpened(monitor: NetworkMonitor): void {
    this.#opening = false;
    this.#monitor = monitor;
    void monitor.closed.then(() => this.#isReleased = true);
    this.#publications.begin(monitor);
    this.#events = new Events(this.#world, this.#publications, monitor);
    const observe = (): boolean => {
      this.#publications.observe();
      this.#world.userCode("waitFor");
      return false;
    };
    monitor.waitFor(observe).catch(() => {});
  }

  #onOpenFailed(error: unknown): void {
    this.#opening = false;
    this.#closed = true;
    this.#world.trace(() => `not opened: ${error}`);
    const { ledger, blockedMs, clock, source } = this.#world;
    const excused = error === ENOUGH || ledger.counts.size > 0 || blockedMs > 0;
    if (!excused) this.#world.fail(`Cannot open without a fault: ${error}`);
    if (clock.timers > 0) this.#world.fail(`${clock.timers} timers run after a failed open`);
    if (source.open.size > 0) this.#world.fail("A failed open leaves a subscription");
  }

  async #settled(): Promise<void> {
    await settle();
    this.#check();
  }

  #check(): void {
    if (this.#monitor === null || this.#closed || this.#world.source.closing) return;
    this.#convergence.check(this.#monitor);
    this.#requests.check();
    this.#events?.check();
    this.#checkRefs();
    if (!this.#world.busy) { for (const reader of this.#readers) reader.check(); }
  }

  /** All timers and subscriptions keep the process alive, or none. */
  #checkRefs(): void {
    const { clock, source } = this.#world;
    if (!clock.areRefd(this.#persistent)) {
      this.#world.fail(`A timer is ${this.#persistent ? "not ref'd" : "ref'd after unref()"}`);
    }
    for (const { refd } of source.open) {
      if (refd === !this.#persistent) this.#world.fail(`A subscription's ref state is ${refd}`);
    }
  }

  #clock(): Clock {
    const { clock, parts } = this.#world;
    if (!parts.quirks.noInterval) return clock;
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimeout: (f, ms) => clock.setTimeout(f, ms),
      setInterval: () => ({ cancel: () => {}, ref: () => {}, unref: () => {} }),
    };
  }

  #logger(): Logger {
    const write = (level: string) => (message: string): void => {
      this.#world.trace(() => `log ${level}: ${message}`);
      this.#world.userCode("logger");
      if (this.#world.plan.loggerThrows) throw new Error("Simulated: the logger throws");
    };
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
    };
  }
}
