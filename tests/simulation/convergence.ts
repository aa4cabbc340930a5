/**
 * Checks that the published state follows the network in time, and that the health is right.
 *
 * @module
 */
import type { Metrics, State } from "../../state/types.ts";
import type { Publications } from "./publications.ts";
import { recordText, routeText, stateFactsText } from "./texts.ts";
import type { NetworkMonitor } from "../../mod.ts";
import type { World } from "./world.ts";

/** The time limit of a canary, in milliseconds. */
const CANARY_MS = 1_000;
/** The time between two rounds of a comparison, in milliseconds, and the most rounds. */
const RECHECK_MS = 50;
const MAX_ROUNDS = 4;

/** Checks the monitor after every step of the simulation. */
export class Convergence {
  readonly #world: World;
  readonly #publications: Publications;
  #metrics: Metrics | null = null;
  /** Reads that failed in a row, by the metrics. */
  #failures = 0;
  /** When drift was last found, in monotonic milliseconds. */
  #driftAt = -Infinity;
  /** Since when the published state has differed from the network, in monotonic milliseconds. */
  #differsSince: number | null = null;
  #publication = 0;
  #compared: { state: State; revision: number; equal: boolean } | null = null;

  /** Checks nothing until `check()`. */
  constructor(world: World, publications: Publications) {
    this.#world = world;
    this.#publications = publications;
  }

  /** When the reconcile interval began: at the first publication. */
  get #openedAt(): number {
    return this.#publications.at(1)?.time ?? Infinity;
  }

  /** Checks it now. */
  check(monitor: NetworkMonitor): void {
    const { clock, busy } = this.#world;
    for (const ms of clock.badTimers.splice(0)) this.#world.fail(`A timer of ${ms} ms`);
    this.#checkMetrics(monitor.metrics);
    if (busy) return;
    this.#checkHealth(monitor);
    const equal = this.#equalsNetwork(monitor.current.state);
    this.#checkLag(monitor.current.state, equal);
    this.#checkDrift(equal);
    this.#checkHealed(monitor, equal);
  }

  /** Whether the state equals the network. */
  #equalsNetwork(state: State): boolean {
    const { network } = this.#world;
    const { revision } = network;
    if (this.#compared?.state === state && this.#compared.revision === revision) {
      return this.#compared.equal;
    }
    const equal = equalsNetwork(state, this.#world);
    this.#compared = { state, revision, equal };
    return equal;
  }

  #checkMetrics(metrics: Metrics): void {
    for (const key of Object.keys(metrics) as (keyof Metrics)[]) {
      const before = this.#metrics?.[key] ?? 0;
      if (!(metrics[key] >= before)) {
        this.#world.fail(`${key} went from ${before} to ${metrics[key]}`);
      }
    }
    const published = this.#publications.last?.snapshot.sequence;
    if (metrics.published !== published) {
      this.#world.fail(`${metrics.published} publications are counted, not ${published}`);
    }
    const { overflow = 0, resync = 0 } = Object.fromEntries(this.#world.ledger.counts);
    if (metrics.overflows > overflow) {
      this.#world.fail("An overflow is counted that did not happen");
    }
    if (metrics.malformed > resync) {
      this.#world.fail("A message that was not malformed counts as such");
    }
    this.#countFailures(metrics);
    if (metrics.driftsFound > (this.#metrics?.driftsFound ?? 0)) {
      this.#driftAt = this.#world.clock.monotonic();
    }
    this.#metrics = metrics;
  }

  #countFailures({ fullReads, readFailures }: Metrics): void {
    const failed = readFailures - (this.#metrics?.readFailures ?? 0);
    const succeeded = fullReads > (this.#metrics?.fullReads ?? 0);
    this.#failures = succeeded ? 0 : this.#failures + failed;
  }

  /** It is live only while the socket delivers events, or until the next canary is due. */
  #checkHealth({ health }: NetworkMonitor): void {
    const { clock, plan, source } = this.#world;
    const { subscription } = source;
    if ((health.status === "live") !== (health.reason === null)) {
      this.#world.fail(`The status ${health.status} has the reason ${health.reason}`);
    }
    if (health.status !== "live") return;
    if (this.#failures >= 2) this.#world.fail("Live although two reads in a row have failed");
    if (subscription === null || subscription.released || subscription.finished) {
      this.#world.fail("Live without a socket");
    } else if (!subscription.isVerified) {
      this.#world.fail("Live before the new socket has answered a canary");
    } else if (subscription.deafSince !== null && !subscription.lying) {
      const { busyAt } = this.#world;
      const since = Math.max(subscription.deafSince, busyAt, this.#openedAt);
      if (clock.monotonic() - since > plan.reconcileIntervalMs + CANARY_MS) {
        this.#world.fail("Live although the socket has been deaf for more than an interval");
      }
    }
  }

  /** With a healthy source the state lags the network by at most one window, also in a storm. */
  #checkLag(state: State, equal: boolean): void {
    const { clock, plan } = this.#world;
    const sequence = this.#publications.last?.snapshot.sequence ?? 0;
    if (equal || sequence !== this.#publication || !this.#isHealthy()) this.#differsSince = null;
    this.#publication = sequence;
    if (equal) this.#world.source.subscription?.clearSuspects();
    else if (this.#isHealthy()) this.#differsSince ??= clock.monotonic();
    if (this.#differsSince === null) return;
    const differs = clock.monotonic() - Math.max(this.#differsSince, this.#world.busyAt);
    if (differs > plan.coalesceMs + this.#healthyLagMs() + 6 * plan.shape.viewMs) {
      this.#world.fail(`A healthy source, but the state has been wrong for ${differs} ms`);
      this.#traceDifference(state);
    }
  }

  #traceDifference(state: State): void {
    const { network } = this.#world;
    const shown = new Map(Object.values(state.interfaces).map((it) => [it.name, recordText(it)]));
    for (const name of new Set([...shown.keys(), ...network.texts.keys()])) {
      const [is, should] = [shown.get(name)?.whole, network.texts.get(name)?.whole];
      if (is !== should) this.#world.trace(() => `${name} is\n${is}\nand should be\n${should}`);
    }
    for (const family of ["ipv4", "ipv6"] as const) {
      const is = routeText(state.defaultRoute[family]);
      const should = network.history.get(`route:${family}`);
      if (is !== should) this.#world.trace(() => `${family} is ${is} and should be ${should}`);
    }
    this.#world.trace(() => `${stateFactsText(state)} should be ${network.facts()}`);
  }

  #isHealthy(): boolean {
    const { ledger, plan, source } = this.#world;
    const { subscription } = source;
    // without a journal a change during a read that fails waits for the next read, as after any fault
    const reads = ["read-throws", "read-hangs", "read-slow"];
    const waits = plan.shape.flavour !== "journal" && reads.some((it) => ledger.counts.has(it));
    return !waits && subscription !== null && subscription.receives && subscription.synced &&
      subscription.isTrusted && subscription.hidden.size === 0 && ledger.active === 0;
  }

  #healthyLagMs(): number {
    const { lagMs, ledger, restMs } = this.#world;
    // lost messages lead to a read, after the one in flight and the rest that follows it
    const isLost = ledger.counts.has("overflow") || ledger.counts.has("resync");
    return this.#eventLagMs() + (isLost ? 3 * lagMs + restMs : 0);
  }

  #eventLagMs(): number {
    const { lagMs, plan, restMs } = this.#world;
    switch (plan.shape.flavour) {
      case "journal":
        // views look routes up, so they do not show one that came and went
        return 2 * plan.shape.flightMs + plan.shape.wakeMs;
      case "tableless":
        return 2 * lagMs + RECHECK_MS + restMs;
      case "plain":
        return lagMs + (MAX_ROUNDS + 1) * (RECHECK_MS + 4 * lagMs) + restMs;
    }
  }

  /**
   * Drift is published at once or at the end of the window, even if no socket can be opened; after another read if
   * something was published during the one that found it.
   */
  #checkDrift(equal: boolean): void {
    const { clock, network, plan, lagMs, restMs, busyAt } = this.#world;
    // a read may not show what changed while it was under way
    const isOlder = Math.max(network.changedAt, busyAt) < this.#driftAt - lagMs;
    const longest = Math.max(plan.coalesceMs, restMs) + lagMs + 5 * plan.shape.viewMs;
    if (!equal && isOlder && clock.monotonic() > this.#driftAt + longest) {
      this.#world.fail("Drift was found but not published");
    }
  }

  /**
   * One reconcile interval and one read limit after the last fault, state and health are right. For the state
   * only faults of reads count, whatever happens to the socket.
   */
  #checkHealed(monitor: NetworkMonitor, equal: boolean): void {
    const { clock, ledger, network, plan, busyAt, readLimitMs } = this.#world;
    const now = clock.monotonic() - plan.reconcileIntervalMs - readLimitMs;
    const changedAt = Math.max(network.changedAt, busyAt, this.#openedAt);
    if (!equal && ledger.activeOfReads === 0 && now > Math.max(changedAt, ledger.lastOfReadsAt)) {
      this.#world.fail("The state is wrong one interval and one read limit after the last fault");
      this.#traceDifference(monitor.current.state);
    }
    const healed = ledger.active === 0 && now > Math.max(changedAt, ledger.lastAt);
    if (healed && monitor.health.status !== "live") {
      this.#world.fail("Not live one interval and one read limit after the last fault");
    }
  }
}

/** Whether the state equals the network. */
function equalsNetwork(state: State, { network }: World): boolean {
  const nics = Object.values(state.interfaces);
  if (nics.length !== network.texts.size) return false;
  for (const nic of nics) {
    if (recordText(nic).whole !== network.texts.get(nic.name)?.whole) return false;
  }
  for (const family of ["ipv4", "ipv6"] as const) {
    const text = routeText(state.defaultRoute[family]);
    if (text !== network.history.get(`route:${family}`)) return false;
  }
  return stateFactsText(state) === network.facts();
}
