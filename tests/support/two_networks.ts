/**
 * Two network namespaces, joined by a link: a client whose address is replaced, and a server at the far end. The
 * caller must run in a network namespace of its own.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { ip } from "./netns.ts";
import { Program } from "./program.ts";
import { scaled } from "./timing.ts";

/** The server at the far end of `eth0`. */
export class FarServer implements AsyncDisposable {
  /** Its URL without a path. The default route leads to it. */
  readonly url = "http://192.0.2.80:8000";
  readonly #program: Program;
  #host = 2; // the last byte of the client's address

  private constructor(program: Program) {
    this.#program = program;
  }

  /** Starts it and gives the client its first address and the default route. */
  static async start(): Promise<FarServer> {
    const file = "tests/support/programs/far_server.ts";
    const flags = ["run", "-A", "--no-check", file];
    const program = new Program(["unshare", "-n", Deno.execPath(), ...flags]);
    const [, pid] = await program.until(/pid (\d+)\n/);
    await ip("link set lo up");
    await ip("link add eth0 type veth peer name peer0");
    await ip(`link set peer0 netns ${pid}`);
    await ip("addr add 10.0.0.2/16 dev eth0");
    await ip("link set eth0 up");
    await ip("route add default via 10.0.0.1");
    await program.until(/ready\n/);
    return new FarServer(program);
  }

  /**
   * Replaces the client's address as a DHCP client does: the old one is removed, and with it the default route, so
   * for some milliseconds there is none.
   */
  async renumber(): Promise<void> {
    await ip(`addr del 10.0.0.${this.#host++}/16 dev eth0`);
    await ip(`addr add 10.0.0.${this.#host}/16 dev eth0`);
    await ip("route add default via 10.0.0.1");
  }

  /** How often each request arrived, by method and path. Asks on a separate connection. */
  async counts(): Promise<Record<string, number>> {
    using client = Deno.createHttpClient({});
    const signal = AbortSignal.timeout(scaled(20_000));
    return await (await fetch(`${this.url}/counts`, { client, signal })).json();
  }

  /** Resolves when a request has arrived; throws after 20 s, scaled. */
  async until(key: string): Promise<void> {
    const end = performance.now() + scaled(20_000);
    for (let counts = await this.counts(); !counts[key]; counts = await this.counts()) {
      if (performance.now() > end) throw new Error(`No ${key}: ${JSON.stringify(counts)}`);
      await delay(10);
    }
  }

  /** Ends the server. The link disappears with its namespace. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

/** The results of many requests at the same time. */
export interface Burst {
  /** Requests that were answered, and those that rejected with `NetworkChangedError`. */
  answered: number;
  cutOff: number;
  /** Requests that failed in other ways, by error. */
  lost: string[];
  /** Requests that must not be repeated but arrived more than once. */
  repeated: string[];
}

/** Sends requests at the same time, most of them safe to repeat, while the address is replaced again and again. */
export async function burst(
  server: FarServer,
  send: (url: string, init: RequestInit) => Promise<Response>,
  requests: number,
  changes: number,
): Promise<Burst> {
  const result: Burst = { answered: 0, cutOff: 0, lost: [], repeated: [] };
  let isOver = false;
  const worker = async (id: number): Promise<void> => {
    const method = ["GET", "PUT", "GET", "POST"][id % 4]!;
    const body = method === "GET" ? null : "body";
    for (let n = 0; !isOver; n++) {
      try {
        await (await send(`${server.url}/slow?${id}.${n}`, { method, body })).text();
        result.answered++;
      } catch (error) {
        const { name, message } = error as Error;
        if (name === "NetworkChangedError") result.cutOff++;
        else result.lost.push(`${method} ${message}`);
      }
    }
  };
  const sending = Array.from({ length: requests }, (_, id) => worker(id));
  for (let i = 0; i < changes; i++) {
    await delay(300);
    await server.renumber();
  }
  isOver = true;
  await Promise.all(sending);
  const counts = Object.entries(await server.counts());
  result.repeated = counts.filter(([key, n]) => key.startsWith("POST") && n > 1).map(String);
  return result;
}
