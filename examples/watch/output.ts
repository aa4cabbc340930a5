/**
 * Standard output as this program needs it.
 *
 * @module
 */

/** Writes to standard output. */
export class Output {
  readonly #encoder = new TextEncoder();
  #closed = false;

  /** Somebody is looking at it. */
  get isTerminal(): boolean {
    return Deno.stdout.isTerminal();
  }

  /** Colours are wanted: it is a terminal, and `NO_COLOR` is not set. */
  get isColourful(): boolean {
    return this.isTerminal && !Deno.noColor;
  }

  /** The width of the terminal in characters; null where there is none. */
  get columns(): number | null {
    if (!this.isTerminal) return null;
    const { columns } = Deno.consoleSize();
    return columns > 0 ? columns : null; // a terminal that was never given a size says 0
  }

  /**
   * Writes all of the text. It waits for a reader that is slow without blocking anything else, so that
   * Ctrl-C is heard meanwhile; what changes then is told in one with what comes after.
   *
   * @throws {Deno.errors.BrokenPipe} When the reader of the pipe is gone.
   */
  async write(text: string): Promise<void> {
    let bytes = this.#encoder.encode(text);
    while (bytes.length > 0 && !this.#closed) {
      bytes = bytes.subarray(await Deno.stdout.write(bytes));
    }
  }

  /** Writes nothing more. */
  close(): void {
    this.#closed = true;
  }
}

/** Whether the reader of the pipe is gone: an end like any other, nothing to complain about. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe;
}
