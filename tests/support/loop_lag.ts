/**
 * How long the event loop of this program is blocked.
 *
 * @module
 */

const INTERVAL_MS = 10;

/**
 * A 10 ms timer that remembers its longest delay, and the most CPU time that the thread used between two
 * calls: on a machine that is busy with other work, the latter is our share of the former.
 */
export class LoopLag {
  /** The longest delay so far, in milliseconds. */
  worstMs = 0;
  /** The most CPU time between two calls, in milliseconds. */
  worstCpuMs = 0;
  #last = performance.now();
  #lastCpu = threadCpuMs();
  readonly #timer = setInterval(() => this.#tick(), INTERVAL_MS);

  /** Ends the timer, and counts the delay up to now. */
  stop(): void {
    clearInterval(this.#timer);
    this.#tick();
  }

  #tick(): void {
    const [now, cpu] = [performance.now(), threadCpuMs()];
    this.worstMs = Math.max(this.worstMs, now - this.#last - INTERVAL_MS);
    this.worstCpuMs = Math.max(this.worstCpuMs, cpu - this.#lastCpu);
    [this.#last, this.#lastCpu] = [now, cpu];
  }
}

/** The CPU time of this thread (Linux: /proc/thread-self/schedstat). */
function threadCpuMs(): number {
  return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[0]) / 1e6;
}
