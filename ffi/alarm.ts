// A timer that is set again and again.

/** A longer `setTimeout` fires after 1 ms. */
const LONGEST_MS = 2_147_483_647;

/** Calls once per `set()`, unless set again before. */
export class Alarm {
  readonly #call: () => void;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isRef = true;

  /** What to call. */
  constructor(call: () => void) {
    this.#call = call;
  }

  /** Whether the alarm is going to call. */
  get isSet(): boolean {
    return this.#timer !== null;
  }

  /** Calls after this many milliseconds, or with null not at all. */
  set(ms: number | null): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (ms === null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#call();
    }, Math.min(ms, LONGEST_MS));
    if (!this.#isRef) Deno.unrefTimer(this.#timer);
  }

  /** The alarm keeps the process alive (the default). */
  ref(): void {
    this.#isRef = true;
    if (this.#timer !== null) Deno.refTimer(this.#timer);
  }

  /** The alarm does not keep the process alive. */
  unref(): void {
    this.#isRef = false;
    if (this.#timer !== null) Deno.unrefTimer(this.#timer);
  }
}
