/**
 * One simulated world: clock, network, source, faults, and the progress of the run.
 *
 * @module
 */
import type { Interface } from "../../state/types.ts";
import { Random } from "../support/random.ts";
import { VirtualClock } from "./clock.ts";
import { Faults, Ledger } from "./faults.ts";
import { Network } from "./network.ts";
import type { Parts } from "./parts.ts";
import type { Place, Plan } from "./plan.ts";
import { SimulatedSource } from "./source.ts";

/** The longest that a read may take, in milliseconds. */
const READ_LIMIT_MS = 5_000;
/** The longest rest between two reads, in milliseconds. */
const LONGEST_REST_MS = 3_000;

/** Everything around the monitor. */
export class World {
  readonly plan: Plan;
  readonly parts: Parts;
  readonly clock = new VirtualClock();
  readonly faults = new Faults();
  readonly ledger: Ledger;
  readonly network: Network;
  readonly source: SimulatedSource;
  /** For the jitter of the monitor's backoff. */
  readonly jitter: Random;
  /** The trace, one line per event; empty if the run is not traced. */
  readonly lines: string[] = [];
  /** The first broken invariant. */
  violation: string | null = null;
  /** Called wherever user code runs. */
  userCode: (place: Place) => void = () => {};
  /** Whether the event loop is blocked, or has not caught up yet. */
  busy = false;
  /** When the event loop was last blocked, in monotonic milliseconds. */
  busyAt = -Infinity;
  /** The total time that it was blocked, in milliseconds. */
  blockedMs = 0;
  /** The total time asleep, in milliseconds. */
  sleptMs = 0;
  readonly #traced: boolean;

  /** A world with an empty network. */
  constructor(plan: Plan, parts: Parts, traced: boolean) {
    this.plan = plan;
    this.parts = parts;
    this.#traced = traced;
    this.jitter = new Random(plan.seed ^ 0x5bd1e995);
    this.ledger = new Ledger(() => this.clock.monotonic());
    this.network = new Network(() => this.clock.monotonic(), {
      announced: (event, subject) => this.source.announced(event, subject),
      silent: (subject) => this.source.silent(subject),
    });
    this.source = new SimulatedSource({
      clock: this.clock,
      network: this.network,
      faults: this.faults,
      ledger: this.ledger,
      random: new Random(plan.seed ^ 0x2545f491),
      shape: plan.shape,
      parts,
      broken: (what) => this.fail(what),
      called: () => this.userCode("source"),
      trace: (what) => this.trace(what),
    });
  }

  /** Whether `ignoreInterface` leaves the interface out. */
  readonly ignores = (nic: Interface): boolean =>
    this.plan.ignores === "bridges" && nic.kind === "bridge";

  /** The longest time that a read may take. */
  readonly readLimitMs = READ_LIMIT_MS;

  /** The longest rest after a read whose result can be published at once: three times what it took, or half a window. */
  get restMs(): number {
    if (this.blockedMs > 0 || this.ledger.counts.has("read-slow")) return LONGEST_REST_MS;
    return Math.max(1, 3 * this.lagMs, this.plan.coalesceMs / 2);
  }

  /** The longest time that a healthy source takes from a change to its event, plus a read. */
  get lagMs(): number {
    const { flightMs, wakeMs, stageMs } = this.plan.shape;
    return flightMs + wakeMs + 3 * stageMs;
  }

  /** An invariant is broken. Only the first one is kept. */
  fail(what: string): void {
    if (this.violation !== null) return;
    this.trace(() => `VIOLATION: ${what}`);
    this.violation = what;
  }

  /** Adds a line, if the run is traced. */
  trace(what: () => string): void {
    if (!this.#traced) return;
    this.lines.push(`${String(this.clock.monotonic()).padStart(8)} ms  ${what()}`);
  }
}
