/**
 * Checks each publication of the monitor when it is made.
 *
 * @module
 */
import type { NetworkMonitor } from "../../mod.ts";
import type { Snapshot, State } from "../../state/types.ts";
import { expectedReasons, namesSleep, reasonTexts, wrongMeaning } from "./meanings.ts";
import { type Moment, Records } from "./records.ts";
import { recordText, routeText } from "./texts.ts";
import type { World } from "./world.ts";

const ORDER = ["initial", "resume", "reopen", "overflow", "reconcile", "refresh", "event"];

/** A publication and its moment. */
export interface Publication extends Moment {
  readonly snapshot: Snapshot;
}

/** Compares each publication with the one before and with the world. */
export class Publications {
  readonly #world: World;
  readonly #records: Records;
  readonly #all: Publication[] = [];
  #monitor: NetworkMonitor | null = null;
  #refreshed = false;
  #resumes = 0;
  #over = false;

  /** Starts without a publication. */
  constructor(world: World) {
    this.#world = world;
    this.#records = new Records(world);
  }

  /** The newest. */
  get last(): Publication | undefined {
    return this.#all.at(-1);
  }

  /** The number of published sleeps. */
  get resumes(): number {
    return this.#resumes;
  }

  /** The publication with this sequence number. */
  at(sequence: number): Publication | undefined {
    return this.#all[sequence - 1];
  }

  /** The program has called `refresh()`. */
  refreshed(): void {
    this.#refreshed = true;
  }

  /** The monitor is closed: nothing more may be published. */
  end(): void {
    this.#over = true;
  }

  /** The monitor is open. Earlier publications could not be observed. */
  begin(monitor: NetworkMonitor): void {
    this.#monitor = monitor;
    const { clock, network, source } = this.#world;
    const snapshot = monitor.current;
    this.#world.trace(() => `opened with ${snapshot.sequence}: ${describe(snapshot)}`);
    const publication = { snapshot, revision: network.revision, time: clock.monotonic() };
    this.#all.push(...Array<Publication>(snapshot.sequence).fill(publication));
    const { resumedAt } = snapshot.state;
    this.#resumes = source.sleeps.findIndex((sleep) => sleep.at === resumedAt) + 1;
    if (snapshot.sequence > 1) return;
    if (snapshot.cause !== "initial") this.#world.fail(`The first cause is ${snapshot.cause}`);
    if (snapshot.changes.length > 0) this.#world.fail("The first publication has changes");
    this.#records.check(snapshot, null, { revision: -1, time: -Infinity });
  }

  /** Checks the newest publication, unless it has been checked. */
  observe(): void {
    const newest = this.#monitor?.current;
    if (newest !== undefined && newest !== this.last?.snapshot) this.#check(newest);
  }

  #check(snapshot: Snapshot): void {
    const { clock, network } = this.#world;
    const before = this.last as Publication;
    this.#world.trace(() =>
      `published ${snapshot.sequence} ${snapshot.causes}: ${describe(snapshot)}`
    );
    if (this.#over) this.#world.fail("Published after close");
    this.#checkSequence(snapshot, before);
    this.#checkCauses(snapshot, before.snapshot.state);
    this.#checkFrozen(snapshot);
    this.#checkMeaning(snapshot, before.snapshot.state);
    this.#records.check(snapshot, before.snapshot.state, before);
    this.#all.push({ snapshot, revision: network.revision, time: clock.monotonic() });
  }

  #checkSequence(snapshot: Snapshot, before: Publication): void {
    const { clock, plan } = this.#world;
    const expected = before.snapshot.sequence + 1;
    if (snapshot.sequence !== expected) {
      this.#world.fail(`Sequence ${snapshot.sequence} instead of ${expected}`);
    }
    if (snapshot.at !== clock.now()) this.#world.fail("A snapshot has another time than the clock");
    const waited = clock.monotonic() - before.time;
    if (waited < plan.coalesceMs) this.#world.fail(`Published again after ${waited} ms`);
    if (snapshot.changes.length === 0) this.#world.fail("Published without a change");
    const changed = this.#world.parts.applyChanges(before.snapshot.state, snapshot.changes);
    if (!sameStates(changed, snapshot.state)) {
      this.#world.fail("The changes of a publication do not lead to its state");
    }
    if (sameStates(before.snapshot.state, snapshot.state)) {
      this.#world.fail("Published an equal state again");
    }
  }

  #checkCauses({ cause, causes, state, sequence }: Snapshot, before: State): void {
    const { ledger, source } = this.#world;
    const sorted = ORDER.filter((it) => causes.some((one) => one === it));
    if (causes.length === 0 || cause !== causes[0] || sorted.join() !== causes.join()) {
      this.#world.fail(`Causes are ${causes}, the first of them ${cause}`);
    }
    if (causes.includes("initial")) this.#world.fail(`Publication ${sequence} is initial`);
    if (causes.includes("refresh") && !this.#refreshed) {
      this.#world.fail("The cause is refresh without a call");
    }
    if (causes.includes("overflow") && !ledger.counts.has("overflow")) {
      this.#world.fail("Nothing overflowed");
    }
    const { resumedAt, sleptMs } = state;
    const resumed = resumedAt !== before.resumedAt || sleptMs !== before.sleptMs;
    if (resumed !== causes.includes("resume")) {
      this.#world.fail(`Resumed is ${resumed} and the causes are ${causes}`);
    }
    if (!resumed) return;
    const sleep = source.sleeps[this.#resumes++];
    if (sleep === undefined || sleep.at !== resumedAt || sleep.sleptMs !== sleptMs) {
      this.#world.fail(`Published a sleep of ${sleptMs} ms, not ${JSON.stringify(sleep)}`);
    }
    const found = source.sleeps.reduce((sum, it) => sum + it.sleptMs, 0);
    if (found > this.#world.sleptMs) this.#world.fail("Found more sleep than there was");
  }

  #checkMeaning({ causes, major, reasons, state }: Snapshot, before: State): void {
    const wrong = wrongMeaning(state);
    if (wrong !== null) this.#world.fail(`Published a state that contradicts itself: ${wrong}`);
    if (major !== reasons.length > 0) this.#world.fail("A snapshot is major without a reason");
    const expected = expectedReasons(before, state, this.#world.ignores);
    if (reasonTexts(reasons).join() !== expected.join()) {
      this.#world.fail(`The reasons are ${reasonTexts(reasons)}, not ${expected}`);
    }
    const sleeps = causes.includes("resume") ? [state.sleptMs ?? 0] : [];
    if (!namesSleep(reasons, sleeps)) this.#world.fail("The reasons lack a sleep, or name one");
  }

  #checkFrozen(snapshot: Snapshot): void {
    const { state, changes, causes, reasons } = snapshot;
    const parts = [snapshot, state, changes, causes, reasons, state.interfaces, state.defaultRoute];
    const all = [...parts, ...changes, ...reasons, ...Object.values(state.interfaces)];
    if (!all.every(Object.isFrozen)) this.#world.fail("A snapshot is not frozen");
  }
}

/** Whether two states are equal, by their texts. */
export function sameStates(a: State, b: State): boolean {
  const names = Object.keys(a.interfaces);
  if (names.length !== Object.keys(b.interfaces).length) return false;
  if (a.resumedAt !== b.resumedAt || a.sleptMs !== b.sleptMs) return false;
  for (const family of ["ipv4", "ipv6"] as const) {
    if (routeText(a.defaultRoute[family]) !== routeText(b.defaultRoute[family])) return false;
  }
  return names.every((name) => {
    const [one, other] = [a.interfaces[name], b.interfaces[name]];
    if (one === undefined || other === undefined) return false;
    return one === other ||
      one.hostOnly === other.hostOnly && recordText(one).whole === recordText(other).whole;
  });
}

function describe({ changes, state }: Snapshot): string {
  const { ipv4, ipv6 } = state.defaultRoute;
  const names = Object.values(state.interfaces).map((nic) =>
    `${nic.name}#${nic.index}(${nic.addresses.map((address) => address.cidr)})`
  );
  const kinds = changes.map((change) => change.kind).join(" ");
  return `[${kinds}] ${names.join(" ")} ${routeText(ipv4)} ${routeText(ipv6)}`;
}
