/**
 * The plan of a run. It follows from the seed alone and is made before the run, so that parts of it can be run too.
 *
 * @module
 */
import type { SnapshotOptions } from "../../actor/options.ts";
import { Random } from "../support/random.ts";
import { makeMutation, MUTATIONS, withoutTwin } from "./mutations.ts";
import { DEEDS, FAULTS, makeFault, makeOther, OTHERS, PLACES, type Sorts } from "./operations.ts";
import type { Fault } from "./faults.ts";
import type { Mutation } from "./network.ts";
import { SLOTS } from "./pool.ts";
import type { How } from "./readers.ts";
import type { SourceShape } from "./source.ts";

/** Where user code runs; `sink`: in the sink of a pipe, `source`: in any call of the source. */
export type Place = typeof PLACES[number];

/** One operation. */
export type Operation =
  | { op: "mutate"; mutation: Mutation }
  | { op: "fault"; fault: Fault }
  /** The machine sleeps; `then` are changes of the network meanwhile. */
  | { op: "sleep"; ms: number; then: Mutation[] }
  | { op: "set-clock"; ms: number }
  /** The event loop is blocked while the network changes. */
  | { op: "block"; ms: number; during: Mutation[] }
  | { op: "refresh" }
  | { op: "wait-for"; what: "never" | "change" | "throws" | "aborted" }
  | { op: "subscribe"; how: How; options: Omit<SnapshotOptions, "signal"> }
  | { op: "read"; reader: number }
  /** A reader gives up the stream, possibly with a read pending, and takes it again after a rest. */
  | { op: "release"; reader: number; restMs: number; how: Exclude<How, "loop"> }
  | { op: "cancel" | "abort"; reader: number }
  /** A later call of user code at this place, after `skip` others, performs an operation. */
  | { op: "trap"; place: Place; skip: number; then: Operation }
  | { op: "unref" | "ref" }
  | { op: "close"; by: "close" | "signal" | "predicate" };

/** An operation, `wait` milliseconds after the one before. */
export interface Step {
  readonly wait: number;
  readonly operation: Operation;
}

/** The plan of a run. */
export interface Plan {
  readonly seed: number;
  readonly shape: SourceShape;
  readonly coalesceMs: number;
  readonly reconcileIntervalMs: number;
  /** The behaviour of `ignoreInterface`. */
  readonly ignores: "nothing" | "bridges" | "throws";
  readonly loggerThrows: boolean;
  /** Whether the monitor keeps the process alive at first. */
  readonly persistent: boolean;
  /** The network at the start. */
  readonly initial: readonly Mutation[];
  /** Faults that are armed before the monitor is opened. */
  readonly opening: readonly Fault[];
  readonly steps: readonly Step[];
}

const LONGEST_PAUSE_MS = 8_000;

/** Which operations this run has, and how often. A random part is left out of each run (swarm testing). */
interface Swarm extends Sorts {
  readonly mutations: readonly Mutation["do"][];
  readonly faults: readonly Fault["fault"][];
  readonly faultShare: number;
  readonly otherShare: number;
  readonly longestWaits: readonly number[];
  /** How often a longer pause comes. */
  readonly pauseShare: number;
}

/** The plan of a seed. */
export function makePlan(seed: number): Plan {
  const random = new Random(seed);
  for (let i = 0; i < 4; i++) random.uint32();
  const shape = makeShape(random);
  const swarm = makeSwarm(random, shape);
  const plan: Plan = {
    seed,
    shape,
    coalesceMs: random.pick([0, 1, 50, 250, 250, 250, 1_000]),
    reconcileIntervalMs: random.pick([3_000, 5_000, 5_000, 15_000, 15_000]),
    ignores: random.pick(["nothing", "nothing", "bridges", "throws"] as const),
    loggerThrows: random.chance(0.1),
    initial: makeInitial(random),
    opening: swarm.faults.length > 0 && random.chance(0.1) ? [makeFault(random, swarm.faults)] : [],
    steps: makeSteps(random, swarm),
    persistent: random.chance(0.7),
  };
  return shape.flavour === "plain" ? withoutTwins(plan) : plan;
}

/** If a table without a journal missed a change, a twin can hide it from every comparison of states. */
function withoutTwins(plan: Plan): Plan {
  const steps = plan.steps.map(({ wait, operation: it }): Step => {
    if (it.op === "mutate") {
      return { wait, operation: { ...it, mutation: withoutTwin(it.mutation) } };
    }
    if (it.op === "sleep") return { wait, operation: { ...it, then: it.then.map(withoutTwin) } };
    if (it.op !== "block") return { wait, operation: it };
    return { wait, operation: { ...it, during: it.during.map(withoutTwin) } };
  });
  return { ...plan, steps, initial: plan.initial.map(withoutTwin) };
}

function makeShape(random: Random): SourceShape {
  return {
    flavour: random.pick(["journal", "journal", "journal", "plain", "tableless"]),
    flightMs: random.pick([0, 0, 0, 20]),
    wakeMs: random.pick([0, 1, 5]),
    stageMs: random.pick([0, 2, 20, 20, 150]),
    viewMs: random.pick([0, 0, 0, 1, 15]),
  };
}

function makeSwarm(random: Random, shape: SourceShape): Swarm {
  const part = <T>(all: readonly T[]): T[] => {
    const share = random.pick([0.2, 0.5, 0.9]);
    return all.flatMap((it) => random.chance(share) ? Array<T>(random.between(1, 4)).fill(it) : []);
  };
  // only a source with a journal learns of unannounced addresses from reads; without a journal, a table can miss
  // a port that matters only later
  const known = MUTATIONS.filter((it) =>
    shape.flavour === "journal" || it !== "address-hidden" &&
      (shape.flavour !== "plain" || it !== "master" && it !== "parent")
  );
  const mutations = part(known);
  const others = part(OTHERS).filter((it) => it !== "close" || random.chance(0.15));
  const [deeds, places] = [part(DEEDS), part(PLACES)];
  return {
    mutations: mutations.length > 0 ? mutations : known,
    deeds: deeds.length > 0 ? deeds : DEEDS,
    places: places.length > 0 ? places : PLACES,
    faults: random.chance(0.25) ? [] : part(FAULTS),
    others,
    faultShare: random.pick([0.05, 0.15, 0.4]),
    otherShare: random.pick([0.05, 0.2, 0.5]),
    longestWaits: random.pick([
      [0, 5],
      [10, 60],
      [5, 50, 500],
      [5, 500, 3_000],
      [60, 6_000, 16_000],
    ]),
    pauseShare: random.pick([0, 0.05, 0.15]),
  };
}

function makeInitial(random: Random): Mutation[] {
  const slots = random.shuffle([...SLOTS.keys()]).slice(0, random.pick([0, 2, 4, 8]));
  return slots.flatMap((slot): Mutation[] => [
    { do: "link-add", slot },
    makeMutation(random, ["address-set"], slot),
    makeMutation(random, ["address-set", "route-set"], slot),
  ]);
}

function makeSteps(random: Random, swarm: Swarm): Step[] {
  const steps: Step[] = [];
  const length = random.pick([random.between(8, 30), random.between(20, 90)]);
  while (steps.length < length) {
    const pause = random.chance(swarm.pauseShare);
    const longest = pause ? LONGEST_PAUSE_MS : random.pick(swarm.longestWaits);
    const operation = makeOperation(random, swarm);
    steps.push({ wait: random.below(longest + 1), operation });
    if (operation.op === "refresh" && random.chance(0.3)) {
      steps.push(...makeOvertaken(random, swarm));
    } else if (losesSocket(operation) && random.chance(0.6)) {
      steps.push(...makeRace(random, swarm));
    } else if (random.chance(operation.op === "fault" ? 0.25 : 0.03)) {
      steps.push(...makeBurst(random, swarm));
    }
  }
  return steps;
}

/** Many changes of one interface in a row, often followed by a pause. */
function makeBurst(random: Random, swarm: Swarm): Step[] {
  const slot = random.below(SLOTS.length);
  const longest = random.pick([0, 3, 12, 30]);
  const pause = random.chance(0.5) ? random.below(LONGEST_PAUSE_MS) : 0;
  const kinds = random.chance(0.5) ? swarm.mutations : ["address-set", "address-remove"] as const;
  const length = random.between(5, 40);
  return Array.from({ length }, (_, i) => ({
    wait: i === length - 1 ? pause : random.below(longest + 1),
    operation: { op: "mutate", mutation: makeMutation(random, kinds, slot) },
  }));
}

function losesSocket(operation: Operation): boolean {
  return operation.op === "fault" && operation.fault.fault === "end";
}

/** A change that races with the first read of the next socket (opened within 50 ms), and another one much later. */
function makeRace(random: Random, swarm: Swarm): Step[] {
  const waits = [random.below(random.pick([80, 80, 400])), random.below(LONGEST_PAUSE_MS)];
  return waits.map((wait) => ({
    wait,
    operation: { op: "mutate", mutation: makeMutation(random, swarm.mutations) },
  }));
}

/** Changes while a read is under way that cannot be adopted, or whose view fails. */
function makeOvertaken(random: Random, swarm: Swarm): Step[] {
  const longest = random.pick([3, 30, 200]);
  const steps = Array.from({ length: random.between(1, 3) }, (): Step => ({
    wait: random.below(longest),
    operation: { op: "mutate", mutation: makeMutation(random, swarm.mutations) },
  }));
  const faults = swarm.faults.filter((it) => it === "view-throws" || it === "adopt-throws");
  if (faults.length === 0) return steps;
  const operation: Operation = { op: "fault", fault: makeFault(random, faults) };
  return [...steps, { wait: random.below(longest), operation }];
}

function makeOperation(random: Random, swarm: Swarm): Operation {
  const share = random.float();
  if (share < swarm.faultShare && swarm.faults.length > 0) {
    return { op: "fault", fault: makeFault(random, swarm.faults) };
  }
  if (share < swarm.faultShare + swarm.otherShare && swarm.others.length > 0) {
    return makeOther(random, swarm, () => makeMutation(random, swarm.mutations));
  }
  return { op: "mutate", mutation: makeMutation(random, swarm.mutations) };
}
