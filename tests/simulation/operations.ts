/**
 * Random faults, and random operations of programs and users.
 *
 * @module
 */
import type { LocalAddress } from "../../mod.ts";
import type { Random } from "../support/random.ts";
import type { Fault } from "./faults.ts";
import type { Mutation } from "./network.ts";
import type { Operation, Place } from "./plan.ts";
import type { How } from "./readers.ts";

const LOCAL_ADDRESSES: readonly LocalAddress[] = [
  { hostname: "192.0.2.1" },
  { hostname: "2001:db8::1" },
  { hostname: "fe80::1%eth0" },
  { hostname: "0.0.0.0" },
  { hostname: "::", interface: "eth0" },
];

/** Sorts of faults; frequent ones are listed more than once. */
export const FAULTS: readonly Fault["fault"][] = [
  "drop",
  "drop",
  "garble",
  "duplicate",
  "reorder",
  "late",
  "deaf",
  "born-deaf",
  "end",
  "end",
  "view-throws",
  "adopt-throws",
  "dispose-throws",
  "ref-throws",
  "subscribe-throws",
  "subscribe-hangs",
  "read-throws",
  "read-hangs",
  "read-slow",
  "canary",
];

/** What user code may do wherever it runs. */
export const DEEDS: readonly Operation["op"][] = [
  "abort",
  "abort",
  "cancel",
  "close",
  "read",
  "ref",
  "refresh",
  "release",
  "subscribe",
  "unref",
  "wait-for",
];

/** Where user code runs. */
export const PLACES = [
  "ignoreInterface",
  "listener",
  "logger",
  "sink",
  "source",
  "waitFor",
] as const;

const HOWS: readonly How[] = ["eager", "slow", "loop", "pipe", "pipe", "values"];

/** Operations other than changes of the network and faults; frequent ones are listed more than once. */
export const OTHERS: readonly Operation["op"][] = [
  "sleep",
  "set-clock",
  "block",
  "refresh",
  "refresh",
  "wait-for",
  "subscribe",
  "subscribe",
  "subscribe",
  "read",
  "read",
  "release",
  "release",
  "cancel",
  "abort",
  "ref",
  "unref",
  "close",
  "trap",
  "trap",
];

/** One of these faults. */
export function makeFault(random: Random, sorts: readonly Fault["fault"][]): Fault {
  const fault = random.pick(sorts);
  const lateMs = random.chance(0.5) ? null : random.pick([0, 10, 3_000]);
  switch (fault) {
    case "drop":
      return { fault, count: random.between(1, 4), reported: random.chance(0.4) };
    case "garble":
    case "duplicate":
    case "dispose-throws":
      return { fault, count: random.between(1, 3) };
    case "reorder":
      return { fault, count: random.between(2, 4) };
    case "view-throws":
    case "adopt-throws":
    case "read-throws":
    case "ref-throws":
      return { fault, count: random.between(1, 2) };
    case "subscribe-throws":
      return { fault, count: random.pick([1, 2, 5, 12]) };
    case "late":
      return {
        fault,
        about: random.pick(["links", "addresses", "routes"]),
        count: random.between(1, 3),
        ms: random.pick([5, 40, 100, 2_000]),
      };
    case "deaf":
      return { fault, lying: random.chance(0.4) };
    case "born-deaf":
      return { fault, count: random.pick([1, 2, 8]), lying: random.chance(0.3) };
    case "end":
      return { fault, thrown: random.chance(0.5) };
    case "subscribe-hangs":
    case "read-hangs":
      return { fault, lateMs };
    case "read-slow":
      return { fault, ms: random.pick([100, 1_000, 4_000]) };
    case "canary":
      return {
        fault,
        how: random.pick(["hangs", "misses", "throws"]),
        count: random.between(1, 3),
      };
  }
}

/** Sorts of operations, of what user code does, and where. */
export interface Sorts {
  readonly others: readonly Operation["op"][];
  readonly deeds: readonly Operation["op"][];
  readonly places: readonly Place[];
}

/** One of these operations. */
export function makeOther(
  random: Random,
  sorts: Sorts,
  mutation: () => Mutation,
): Operation {
  const op = random.pick(sorts.others);
  const reader = random.below(4);
  const some = (): Mutation[] => Array.from({ length: random.below(3) }, mutation);
  switch (op) {
    case "sleep":
      return { op, ms: random.pick([50, 1_000, 60_000, 700_000, 40_000_000]), then: some() };
    case "set-clock":
      return { op, ms: random.pick([-3_600_000, -150, 150, 5_000, 86_400_000]) };
    case "block":
      return { op, ms: random.pick([30, 200, 900, 1_500, 6_000, 20_000]), during: some() };
    case "wait-for":
      return { op, what: random.pick(["never", "change", "throws", "aborted"]) };
    case "subscribe":
      return { op, how: random.pick(HOWS), options: makeOptions(random) };
    case "release":
      return {
        op,
        reader,
        restMs: random.pick([0, 1_000, 4_000]),
        how: random.pick(["eager", "slow", "pipe", "values"]),
      };
    case "read":
    case "cancel":
    case "abort":
      return { op, reader };
    case "trap":
      return {
        op,
        place: random.pick(sorts.places),
        skip: random.pick([0, 0, 1, 4]),
        then: makeOther(random, { ...sorts, others: sorts.deeds }, mutation),
      };
    case "close":
      return { op, by: random.pick(["close", "signal", "predicate"]) };
    case "ref":
    case "unref":
      return { op };
    default:
      return { op: "refresh" };
  }
}

function makeOptions(random: Random): (Operation & { op: "subscribe" })["options"] {
  return {
    ...(random.chance(0.3) ? { initial: false } : {}),
    ...(random.chance(0.4) ? { majorOnly: true } : {}),
    ...(random.chance(0.2) ? { affects: random.pick(LOCAL_ADDRESSES) } : {}),
    ...(random.chance(0.4) ? { settleMs: random.pick([1, 100, 700]) } : {}),
    ...(random.chance(0.15) ? { settleMaxMs: random.pick([1, 300, 2_000]) } : {}),
  };
}
