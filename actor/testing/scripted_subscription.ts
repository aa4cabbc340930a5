// The subscriptions of a scripted source.
import type { Reading, SourceEvent, Subscription } from "../../state/source.ts";
import type { Interface } from "../../state/types.ts";
import type { CallCounts, ScriptedSource } from "./scripted_source.ts";

/** One subscription to a scripted source. */
export class ScriptedSubscription implements Subscription {
  readonly #source: ScriptedSource;
  readonly #onCall: (method: keyof CallCounts) => void;
  readonly #events: SourceEvent[] = [];
  #table: Reading;
  #end: { error: Error | undefined } | null = null;
  #wake: () => void = () => {};
  #disposed = false;
  refd = true;

  constructor(source: ScriptedSource, onCall: (method: keyof CallCounts) => void) {
    this.#source = source;
    this.#onCall = onCall;
    this.#table = { ...source.reading, interfaces: [] };
  }

  learn(reading: Reading, names: readonly string[]): void {
    const isNamed = ({ name }: Interface): boolean => names.length === 0 || names.includes(name);
    const kept = this.#table.interfaces.filter((nic) => !isNamed(nic));
    const learned = structuredClone(reading.interfaces.filter(isNamed));
    this.#table = { ...this.#table, interfaces: [...kept, ...learned] };
  }

  push(event: SourceEvent): void {
    if (this.#end !== null) return;
    this.#events.push(event);
    this.#wake();
  }

  finish(error?: Error): void {
    this.#end ??= { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SourceEvent, void, void> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) {
        yield event;
      } else if (this.#end !== null) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return;
      } else {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    }
  }

  view(): Reading | null {
    this.#onCall("view");
    const { keepsTable, reading: { defaultRoute, knows }, viewError } = this.#source;
    if (viewError !== null) throw viewError;
    if (!keepsTable) return null;
    return { interfaces: structuredClone(this.#table.interfaces), defaultRoute, knows };
  }

  adopt(reading: Reading): void {
    this.#onCall("adopt");
    this.#table = structuredClone(reading);
  }

  async probe(signal: AbortSignal): Promise<boolean> {
    this.#onCall("probe");
    const { canary } = this.#source;
    if (canary instanceof Error) throw canary;
    if (canary === "hangs") {
      await new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    }
    return canary === "answers";
  }

  ref(): void {
    this.refd = true;
  }

  unref(): void {
    this.refd = false;
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#disposed) {
      this.#disposed = true;
      this.#onCall("dispose");
      this.finish();
    }
    return Promise.resolve();
  }
}
