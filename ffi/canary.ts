// The canary: a question whose answer must come through the event socket and the poll. Without the
// answer the socket is deaf, however healthy it looks (net-tools#158).

/** One question at a time. */
export class Canary {
  readonly #send: () => number;
  #sequence: number | null = null;
  #answer: PromiseWithResolvers<boolean> | null = null;

  /** `send` sends a question and returns the sequence number that its answer will carry. */
  constructor(send: () => number) {
    this.#send = send;
  }

  /** Sends a question. Resolves to true when it is answered, to false when the signal aborts or on `close()`. */
  async probe(signal: AbortSignal): Promise<boolean> {
    const answer = this.#answer = Promise.withResolvers<boolean>();
    const onAbort = (): void => answer.resolve(false);
    signal.addEventListener("abort", onAbort);
    try {
      this.#sequence = this.#send();
      if (signal.aborted) return false;
      return await answer.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      if (this.#answer === answer) this.close();
    }
  }

  /**
   * An answer arrived. Only one that came through the poll proves that events do: an answer drained
   * without a wake-up is followed by another question.
   */
  answered(sequence: number, throughPoll: boolean): void {
    if (this.#answer === null || sequence !== this.#sequence) return;
    if (throughPoll) this.#answer.resolve(true);
    else this.resend();
  }

  /** Asks again, because the answer may have been lost in an overflow. */
  resend(): void {
    if (this.#answer !== null) this.#sequence = this.#send();
  }

  /** Gives up: the pending question counts as not answered. */
  close(): void {
    this.#answer?.resolve(false);
    this.#answer = null;
    this.#sequence = null;
  }
}
