/**
 * What a source has to say and nobody has fetched yet. It cannot grow: "changed" a thousand times is
 * still one "changed".
 *
 * @module
 */
import type { SourceEvent } from "../state/source.ts";

/** Sleeps in a row that nobody fetched; more of them are told as the longest. */
const MOST_RESUMES = 16;

/** Merges announcements until they are fetched. Its iteration ends with `close()`, or throws with `fail()`. */
export class Mailbox implements AsyncIterable<SourceEvent> {
  #changed = false;
  #overflow = false;
  #resync = false;
  #stepped = false;
  readonly #resumes: (SourceEvent & { kind: "resumed" })[] = [];
  #end: { error: unknown } | "closed" | null = null;
  #wake = Promise.withResolvers<void>();

  /** Announces. */
  post(event: SourceEvent): void {
    if (event.kind === "changed") this.#changed = true;
    else if (event.kind === "overflow") this.#overflow = true;
    else if (event.kind === "resync") this.#resync = true;
    else if (event.kind === "clock-stepped") this.#stepped = true;
    else this.#postResume(event);
    this.#wake.resolve();
  }

  /** Ends the iteration, after what is left. */
  close(): void {
    this.#end ??= "closed";
    this.#wake.resolve();
  }

  /** Ends the iteration with an error, after what is left. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake.resolve();
  }

  /** The announcements, the gravest first. */
  async *[Symbol.asyncIterator](): AsyncIterator<SourceEvent> {
    for (;;) {
      const event = this.#take();
      if (event !== null) yield event;
      else if (this.#end === "closed") return;
      else if (this.#end !== null) throw this.#end.error;
      else await this.#wake.promise;
    }
  }

  #postResume(event: SourceEvent & { kind: "resumed" }): void {
    if (this.#resumes.length < MOST_RESUMES) this.#resumes.push(event);
    else if (event.sleptMs > this.#resumes.at(-1)!.sleptMs) this.#resumes[MOST_RESUMES - 1] = event;
  }

  #take(): SourceEvent | null {
    const resumed = this.#resumes.shift();
    if (resumed !== undefined) return resumed;
    if (this.#overflow) {
      // Everything is read again: what else changed is in it.
      this.#overflow = this.#changed = false;
      return { kind: "overflow" };
    }
    if (this.#resync) {
      this.#resync = this.#changed = false;
      return { kind: "resync" };
    }
    if (this.#changed) {
      this.#changed = false;
      return { kind: "changed" };
    }
    if (this.#stepped) {
      this.#stepped = false;
      return { kind: "clock-stepped" };
    }
    if (this.#end === null) this.#wake = Promise.withResolvers();
    return null;
  }
}
