/**
 * A subscription to a scripted source.
 *
 * @module
 */
import type { Reading, SourceEvent, Subscription } from "../../state/source.ts";

/** What a subscription asks of its source. */
export interface Script {
  /** Whether `view()` answers with a table or with null. */
  readonly keepsTable: boolean;
  /** What happens to canaries. */
  readonly canary: "answers" | "misses" | "hangs" | Error;
  /** Thrown by `view()`, where set. */
  readonly viewError: Error | null;
  /** What is true now. */
  readonly truth: Reading;
}

/** What a subscription tells its source. */
export interface ScriptListener {
  /** One of its methods was called. */
  called(method: "view" | "adopt" | "probe" | "dispose"): void;
  /** It is released. */
  released(): void;
}

/** Hears what the script says. */
export class ScriptedSubscription implements Subscription {
  readonly #script: Script;
  readonly #listener: ScriptListener;
  #table: Reading;
  #events: SourceEvent[] = [];
  #end: { error: Error | undefined } | null = null;
  #wake: () => void = () => {};
  #disposed = false;
  /** Whether it keeps the process alive. */
  refd = true;

  /** A subscription with an empty table. */
  constructor(script: Script, listener: ScriptListener) {
    this.#script = script;
    this.#listener = listener;
    this.#table = { ...script.truth, interfaces: [] };
  }

  /** The truth, or these interfaces of it, enter the table. */
  learn(truth: Reading, names: readonly string[]): void {
    const isNamed = (nic: { name: string }): boolean =>
      names.length === 0 || names.includes(nic.name);
    const kept = this.#table.interfaces.filter((nic) => !isNamed(nic));
    const learned = structuredClone(truth.interfaces.filter(isNamed));
    this.#table = { ...this.#table, interfaces: [...kept, ...learned] };
  }

  /** Announces. */
  push(event: SourceEvent): void {
    if (this.#end !== null) return;
    this.#events.push(event);
    this.#wake();
  }

  /** Ends, with an error or without, after what was announced before. */
  finish(error?: Error): void {
    this.#end ??= { error };
    this.#wake();
  }

  /** What was announced, as it comes. */
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

  /** The table, with the true default routes. */
  view(): Reading | null {
    this.#listener.called("view");
    if (this.#script.viewError !== null) throw this.#script.viewError;
    if (!this.#script.keepsTable) return null;
    const { defaultRoute, knows } = this.#script.truth;
    return { interfaces: structuredClone(this.#table.interfaces), defaultRoute, knows };
  }

  /** The truth replaces the table. */
  adopt(reading: Reading): void {
    this.#listener.called("adopt");
    this.#table = structuredClone(reading);
  }

  /** The canary, as the script says. */
  async probe(signal: AbortSignal): Promise<boolean> {
    this.#listener.called("probe");
    const { canary } = this.#script;
    if (canary instanceof Error) throw canary;
    if (canary === "hangs") {
      await new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    }
    return canary === "answers";
  }

  /** Keeps the process alive. */
  ref(): void {
    this.refd = true;
  }

  /** Lets the process end. */
  unref(): void {
    this.refd = false;
  }

  /** Releases it; its iteration ends. */
  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#disposed) {
      this.#disposed = true;
      this.#listener.called("dispose");
      this.#listener.released();
      this.finish();
    }
    return Promise.resolve();
  }
}
