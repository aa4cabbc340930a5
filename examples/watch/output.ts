/**
 * Standard output that may be a terminal or a pipe.
 *
 * @module
 */

/** Writes to standard output. */
export class Output {
  readonly #encoder = new TextEncoder();
  #closed = false;

  /** Whether it is a terminal. */
  get isTerminal(): boolean {
    return Deno.stdout.isTerminal();
  }

  /** Whether to use colours: it is a terminal and `NO_COLOR` is not set. */
  get isColourful(): boolean {
    return this.isTerminal && !Deno.noColor;
  }

  /** The width of the terminal in characters; null if unknown or not a terminal. */
  get columns(): number | null {
    if (!this.isTerminal) return null;
    const { columns } = Deno.consoleSize();
    return columns > 0 ? columns : null; // 0 if nobody has set the terminal's size
  }

  /**
   * Writes all of the text. While a slow reader keeps it waiting, Ctrl-C works, and the monitor merges
   * further changes into the next snapshot.
   *
   * @throws {Deno.errors.BrokenPipe} if the reader has closed the pipe
   */
  async write(text: string): Promise<void> {
    let bytes = this.#encoder.encode(text);
    while (bytes.length > 0 && !this.#closed) {
      bytes = bytes.subarray(await Deno.stdout.write(bytes));
    }
  }

  /** Discards further text. */
  close(): void {
    this.#closed = true;
  }
}

/** Whether the reader has closed the pipe, which ends the program without an error. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe;
}
