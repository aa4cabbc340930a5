// Events of a source that the monitor has not received yet, merged: a thousand changes are one.
import type { SourceEvent } from "../state/source.ts";

type Resumed = SourceEvent & { kind: "resumed" };

/** More sleeps in a row than this are merged into the longest. */
const MOST_RESUMES = 16;

/** Merges events until they are taken; its size is bounded. */
export class PendingEvents {
  readonly #kinds = new Set<SourceEvent["kind"]>();
  readonly #resumes: Resumed[] = [];

  /** Whether there is nothing to take. */
  get isEmpty(): boolean {
    return this.#kinds.size === 0 && this.#resumes.length === 0;
  }

  /** Adds an event. */
  add(event: SourceEvent): void {
    if (event.kind !== "resumed") this.#kinds.add(event.kind);
    else if (this.#resumes.length < MOST_RESUMES) this.#resumes.push(event);
    else if (event.sleptMs > this.#resumes.at(-1)!.sleptMs) this.#resumes[MOST_RESUMES - 1] = event;
  }

  /** Takes all of them, the most severe first. An overflow or a resync implies a change. */
  take(): SourceEvent[] {
    const events: SourceEvent[] = this.#resumes.splice(0);
    for (const kind of ["overflow", "resync", "changed", "clock-stepped"] as const) {
      if (!this.#kinds.delete(kind)) continue;
      events.push({ kind });
      if (kind === "overflow" || kind === "resync") this.#kinds.delete("changed");
    }
    return events;
  }
}
