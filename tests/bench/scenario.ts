/**
 * The types of a scenario and its context.
 *
 * @module
 */
import type { Peer } from "./peers.ts";

/** Something to measure, in a network namespace of its own. */
export interface Scenario {
  /** How `--only` names it. */
  name: string;
  /** What is measured, for the table. */
  title: string;
  /** Measures it. */
  run(bench: Bench): Promise<void>;
}

/** The requests of the command line. */
export interface Request {
  /** How often each program is measured. */
  rounds: number;
  /** Fewer and smaller. */
  quick: boolean;
  /** The programs, netwatch first. */
  peers: Peer[];
}

/** One figure of one round. */
export interface Figure {
  /** The scenario, with its size: "interfaces 2000". */
  scenario: string;
  /** The name of the program. */
  program: string;
  /** What, and its unit at the end: "cpuMs". */
  metric: string;
  /** The value; for a metric of single changes, one for each. */
  values: number[];
}

/** For a longest delay, fewer rounds than for a median will do. */
const TIMED_ROUNDS = 2;

/** A running scenario. */
export class Bench implements Request {
  readonly rounds: number;
  readonly quick: boolean;
  readonly peers: Peer[];
  readonly #record: (figure: Figure) => void;
  readonly #progress: (text: string) => void;

  /** Figures and progress go to the callbacks. */
  constructor(
    request: Request,
    record: (figure: Figure) => void,
    progress: (text: string) => void,
  ) {
    this.rounds = request.rounds;
    this.quick = request.quick;
    this.peers = request.peers;
    this.#record = record;
    this.#progress = progress;
  }

  /** The programs with these names, as far as they run here. */
  only(...names: string[]): Peer[] {
    return this.peers.filter(({ name }) => names.includes(name));
  }

  /** netwatch, with arguments of its program. */
  netwatch(...args: string[]): Peer {
    const [peer] = this.only("netwatch") as [Peer];
    return { ...peer, command: [...peer.command, ...args] };
  }

  /**
   * netwatch with a timer that measures how long the event loop is blocked: a program of its own, because the
   * timer costs CPU time.
   */
  timedNetwatch(...args: string[]): Peer {
    return { ...this.netwatch(...args, "--timer"), name: "netwatch timer", rounds: TIMED_ROUNDS };
  }

  /** Records figures of one round. */
  record(scenario: string, program: string, figures: Record<string, number | number[]>): void {
    for (const [metric, value] of Object.entries(figures)) {
      this.#record({ scenario, program, metric, values: [value].flat() });
    }
  }

  /** Calls the function for each program in each round, round by round. */
  async interleave(
    title: string,
    peers: readonly Peer[],
    measure: (peer: Peer) => Promise<void>,
  ): Promise<void> {
    for (let round = 1; round <= this.rounds; round++) {
      for (const peer of peers) {
        if (round > (peer.rounds ?? Infinity)) continue;
        this.#progress(`${title}: round ${round} of ${this.rounds}, ${peer.name}`);
        try {
          await measure(peer);
        } catch (error) {
          this.#progress(`${title}: ${peer.name} failed: ${error}`);
        }
      }
    }
  }

  /** Tells what is being done. */
  progress(text: string): void {
    this.#progress(text);
  }
}
