// The connections of one network.

/** Each response by its body: see `interruptible()`. */
const RESPONSES = new WeakMap<ReadableStream, Response>();

/** A connection pool, and what ends its requests and responses all at once. */
export class Pool {
  readonly #options: Deno.CreateHttpClientOptions;
  readonly #end = new AbortController();
  #client: Deno.HttpClient | null = null;

  /** No connection is opened yet. */
  constructor(options: Deno.CreateHttpClientOptions) {
    this.#options = options;
  }

  /** Whether `end()` was called. */
  get isEnded(): boolean {
    return this.#end.signal.aborted;
  }

  /** Sends a request; with a client of the caller's instead of the pool, if there is one. */
  async send(request: Request, client?: Deno.HttpClient): Promise<Response> {
    const signal = AbortSignal.any([request.signal, this.#end.signal]);
    signal.throwIfAborted();
    client ??= this.#client ??= Deno.createHttpClient(this.#options);
    return interruptible(await fetch(request, { client, signal }));
  }

  /** Ends requests and responses with this error, and closes the connections. */
  end(error: Error): void {
    this.#end.abort(error);
    this.#client?.close();
  }
}

/**
 * Makes sure that aborting its signal ends the body of a response. Deno 2.9 alone does not:
 *
 * - A body that is piped into a file or a response of `Deno.serve()` is copied by native code, which no signal
 *   stops. Half a clone is read in JavaScript, and the response stays the same object with its `url` and `type`.
 * - When a response has been garbage collected its signal no longer reaches the body that is still being read.
 */
function interruptible(response: Response): Response {
  response.clone().body?.cancel().catch(() => {}); // settles when the other half has ended
  if (response.body !== null) RESPONSES.set(response.body, response);
  return response;
}
