/**
 * The events of the simulated source that the monitor has not taken yet.
 *
 * @module
 */
import type { SourceEvent } from "../../state/ports.ts";

/** Which events come first, and which are merged: one pending `changed` stands for many. */
const ORDER = ["resumed", "overflow", "resync", "changed", "clock-stepped"] as const;

/** Yields pending events, most severe first. Ends after `close()`; throws after `fail()`. */
export class PendingEvents implements AsyncIterable<SourceEvent> {
  readonly #events: SourceEvent[] = [];
  #end: { error: unknown } | "closed" | null = null;
  #wake: () => void = () => {};

  /** Adds an event, unless an equal one is pending. Every sleep is kept. */
  post(event: SourceEvent): void {
    const merged = event.kind !== "resumed" && this.#events.some(({ kind }) => kind === event.kind);
    if (!merged) this.#events.push(event);
    this.#wake();
  }

  /** Ends the iteration, after what is pending. */
  close(): void {
    this.#end ??= "closed";
    this.#wake();
  }

  /** Ends the iteration with an error, after what is pending. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<SourceEvent> {
    for (;;) {
      const event = this.#take();
      if (event !== null) yield event;
      else if (this.#end === "closed") return;
      else if (this.#end !== null) throw this.#end.error;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #take(): SourceEvent | null {
    for (const kind of ORDER) {
      const at = this.#events.findIndex((event) => event.kind === kind);
      if (at < 0) continue;
      const [event] = this.#events.splice(at, 1);
      // a full read follows, and shows what changed
      if (kind === "overflow" || kind === "resync") this.#drop("changed");
      return event as SourceEvent;
    }
    return null;
  }

  #drop(kind: SourceEvent["kind"]): void {
    const at = this.#events.findIndex((event) => event.kind === kind);
    if (at >= 0) this.#events.splice(at, 1);
  }
}
