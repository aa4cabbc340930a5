/**
 * Standard output that may be a terminal or a pipe.
 *
 * @module
 */

/** When to check whether the reader of a pipe has exited, in milliseconds after the first line. */
const PROBES_MS = [30, 300, 1_000];

/** Writes to standard output. */
export class Output {
  readonly #encoder = new TextEncoder();
  readonly #closed = new AbortController();
  #last: Promise<void> = Promise.resolve();

  /** Whether it is a terminal. */
  get isTerminal(): boolean {
    return Deno.stdout.isTerminal();
  }

  /** Whether to use colours: it is a terminal and `NO_COLOR` is not set. */
  get isColourful(): boolean {
    return this.isTerminal && !Deno.noColor;
  }

  /** The size of the terminal in characters; null if unknown or not a terminal. */
  get size(): { readonly columns: number; readonly rows: number } | null {
    if (!this.isTerminal) return null;
    const { columns, rows } = Deno.consoleSize();
    return columns > 0 ? { columns, rows } : null; // 0 if nobody has set the terminal's size
  }

  /** Aborted when the reader of the pipe has exited. From then on text is discarded. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /**
   * Writes all of the text, after what was written before. While a slow reader keeps it waiting, the monitor merges
   * further changes into the next snapshot.
   */
  write(text: string): Promise<void> {
    return this.#last = this.#last.then(() => this.#write(text));
  }

  /**
   * Writes text of at least one line to a pipe or a file. Only a write shows that the reader of a pipe has exited,
   * and on a quiet network the next change may be hours away. So the rest waits until `head -1` has had time to exit.
   * Without a rest, spaces are written instead; JSON allows them before the next line.
   */
  async writeFirst(text: string): Promise<void> {
    const end = text.indexOf("\n") + 1;
    await this.write(text.slice(0, end));
    const [first = 0, ...others] = PROBES_MS;
    await new Promise((resolve) => setTimeout(resolve, first));
    await this.write(text.slice(end) || " ");
    if (end < text.length) return;
    for (const ms of others) Deno.unrefTimer(setTimeout(() => this.write(" "), ms));
  }

  async #write(text: string): Promise<void> {
    let bytes = this.#encoder.encode(text);
    try {
      while (bytes.length > 0 && !this.closed.aborted) {
        bytes = bytes.subarray(await Deno.stdout.write(bytes));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      this.#closed.abort();
    }
  }
}
