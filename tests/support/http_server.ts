/**
 * A local HTTP server whose answers a test holds back.
 *
 * @module
 */

/** A request that arrived. */
export interface Arrival {
  readonly method: string;
  readonly path: string;
  readonly port: number; // of the connection, at its other end
  /** Whether the connection ended before the answer was complete. */
  readonly aborted: AbortSignal;
}

/**
 * Answers each path in its own way: `/hang` never, `/body` with half a body, `/redirect` with a redirect to `/hang`,
 * any other with what arrived, as JSON.
 */
export class HttpServer implements AsyncDisposable {
  /** All that arrived so far. */
  readonly arrivals: Arrival[] = [];
  /** How many more requests to any other path are never answered. */
  hangs = 0;
  /** The URL without a path. */
  readonly url: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #ended = new AbortController();
  #arrived = Promise.withResolvers<void>();

  /** Listens at once. A handler replaces the answers. */
  constructor(hostname = "127.0.0.1", handler?: (request: Request) => Promise<Response>) {
    this.#server = Deno.serve(
      { hostname, port: 0, onListen() {}, onError: () => new Response(null, { status: 500 }) },
      handler ?? ((request, { remoteAddr }) => this.#answer(request, remoteAddr.port)),
    );
    this.url = `http://${hostname}:${this.#server.addr.port}`;
  }

  /** How many requests to this path arrived, whatever the method. */
  count(path: string): number {
    return this.arrivals.filter((arrival) => arrival.path === path).length;
  }

  /** Resolves when this many requests to this path have arrived. */
  async until(path: string, count = 1): Promise<Arrival> {
    while (this.count(path) < count) await this.#arrived.promise;
    return this.arrivals.filter((arrival) => arrival.path === path)[count - 1]!;
  }

  /** Ends the requests that hang, and closes the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#server.shutdown();
  }

  async #answer(request: Request, port: number): Promise<Response> {
    const ended = this.#ended.signal;
    const path = new URL(request.url).pathname;
    const arrival = { method: request.method, path, port, aborted: request.signal };
    this.arrivals.push(arrival);
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
    if (path === "/redirect") return Response.redirect(`${this.url}/hang`, 307);
    if (path === "/body") return new Response(half(ended), { headers: { "x-path": path } });
    if (path !== "/hang" && this.hangs === 0) {
      return Response.json({ ...arrival, body: await request.text(), aborted: null });
    }
    if (path !== "/hang") this.hangs--;
    await new Promise((resolve) => ended.addEventListener("abort", resolve));
    return new Response();
  }
}

/** A body whose second half comes when the test ends. */
function half(ended: AbortSignal): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("half"));
      ended.addEventListener("abort", () => {
        try {
          controller.close();
        } catch {
          // the reader has disconnected
        }
      });
    },
  });
}
