/**
 * Pending calls of `refresh()` and `waitFor()`.
 *
 * @module
 */
import { MonitorClosedError } from "../../state/errors.ts";
import type { Snapshot } from "../../state/types.ts";
import type { Publications } from "./publications.ts";
import { recordText } from "./texts.ts";
import type { NetworkMonitor } from "../../mod.ts";
import type { World } from "./world.ts";

/** All pending calls. */
export class Requests {
  readonly #world: World;
  readonly #publications: Publications;
  readonly #waiting = new Set<{ what: string; until: number }>();

  /** No call is pending. */
  constructor(world: World, publications: Publications) {
    this.#world = world;
    this.#publications = publications;
  }

  /** The pending calls. */
  get waiting(): string[] {
    return [...this.#waiting].map(({ what }) => what);
  }

  /** Fails if a call takes longer than its read and the one before may take. */
  check(): void {
    const { clock, busy } = this.#world;
    if (busy) return;
    for (const { what, until } of this.#waiting) {
      if (clock.monotonic() > Math.max(until, this.#world.busyAt + until)) {
        this.#world.fail(`${what} does not end`);
      }
    }
  }

  /** Calls `refresh()`. */
  refresh(monitor: NetworkMonitor): void {
    const { clock, network, readLimitMs, plan } = this.#world;
    const { revision } = network;
    const longest = 4 * readLimitMs + 2 * plan.coalesceMs;
    this.#publications.refreshed();
    this.#follow("refresh()", monitor.refresh(), clock.monotonic() + longest, (snapshot) => {
      this.#checkFresh(snapshot, revision);
    }, (error) => {
      const { counts } = this.#world.ledger;
      const excused = this.#world.source.closing || this.#world.blockedMs > 0 ||
        ["read-throws", "read-hangs", "read-slow"].some((name) => counts.has(name));
      if (!excused) this.#world.fail(`refresh() failed: ${error}`);
    });
  }

  /** Calls `waitFor()`. */
  waitFor(monitor: NetworkMonitor, what: "never" | "change" | "throws" | "aborted"): void {
    const thrown = new Error("Simulated: the predicate throws");
    const first = monitor.current.sequence;
    const aborted = new AbortController();
    if (what === "aborted") this.#world.clock.later("io", 300, () => aborted.abort(thrown));
    const promise = monitor.waitFor(() => {
      this.#world.userCode("waitFor");
      if (monitor.current.sequence === first) return false;
      if (what === "throws") throw thrown;
      return what === "change";
    }, { signal: aborted.signal });
    this.#follow(`waitFor(${what})`, promise, Infinity, (snapshot) => {
      if (what !== "change" || snapshot.sequence !== first + 1) {
        this.#world.fail(`waitFor(${what}) resolved with ${snapshot.sequence} after ${first}`);
      }
    }, (error) => {
      const closed = error instanceof Error && error.name === "MonitorClosedError" &&
        this.#world.source.closing;
      const expected = closed || ((what === "throws" || what === "aborted") && error === thrown);
      if (!expected) this.#world.fail(`waitFor(${what}) failed: ${error}`);
    });
  }

  #follow(
    what: string,
    promise: Promise<Snapshot>,
    until: number,
    done: (snapshot: Snapshot) => void,
    failed: (error: unknown) => void,
  ): void {
    const it = { what, until };
    this.#waiting.add(it);
    promise.then((snapshot) => {
      this.#waiting.delete(it);
      this.#world.trace(() => `${what} resolved with ${snapshot.sequence}`);
      done(snapshot);
    }, (error) => {
      this.#waiting.delete(it);
      this.#world.trace(() => `${what} rejected with ${error}`);
      if (this.#world.source.closing && error?.name !== new MonitorClosedError().name) {
        this.#world.trace(() => "after close");
      }
      failed(error);
    });
  }

  /** The snapshot of `refresh()` shows only what existed after the call. */
  #checkFresh({ state }: Snapshot, revision: number): void {
    const { network, ledger, plan } = this.#world;
    const { history } = network;
    const { counts } = ledger;
    // an older message that arrives late undoes what a read has shown until the newer one arrives
    if (plan.shape.flightMs > 0 || counts.has("late") || counts.has("reorder")) return;
    const byIndex = new Map(Object.values(state.interfaces).map((nic) => [`${nic.index}`, nic]));
    for (const key of history.keys("link:")) {
      const nic = byIndex.get(key.slice("link:".length));
      const text = nic === undefined ? null : recordText(nic).link;
      if (history.find(key, text, { revision }) < 0) {
        this.#world.fail(
          `refresh() shows what no longer existed when it was called: ${key} ${text}`,
        );
      }
    }
    for (const nic of byIndex.values()) {
      for (const [cidr, text] of recordText(nic).addresses) {
        const key = `address:${nic.index}:${cidr}`;
        if (history.find(key, text, { revision }) >= 0 || history.wasCovered(key, text)) continue;
        this.#world.fail(`refresh() shows what no longer existed when it was called: ${text}`);
      }
    }
  }
}
