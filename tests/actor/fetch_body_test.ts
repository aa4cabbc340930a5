/**
 * Responses of `createFetch()`: they are the runtime's own, and their bodies end when the network changes.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { NetworkChangedError } from "../../actor/fetch.ts";
import { HttpServer } from "../support/http_server.ts";
import { read, run, skippable, write } from "../support/skip.ts";
import { runDenoOk } from "../support/run.ts";
import { fetchTest, home } from "./fetch_support.ts";

/** Ways to read a body to its end. */
const READERS: Record<string, (response: Response) => Promise<unknown>> = {
  text: (response) => response.text(),
  arrayBuffer: (response) => response.arrayBuffer(),
  "a loop": async ({ body }) => {
    for await (const _ of body!);
  },
  "a BYOB reader": async ({ body }) => {
    const reader = body!.getReader({ mode: "byob" });
    while (!(await reader.read(new Uint8Array(9))).done);
  },
  "a clone": (response) => response.clone().text(),
  "the original of a clone": (response) => (response.clone(), response.text()),
  "a pipe": ({ body }) => body!.pipeTo(new WritableStream()),
  "a transform": ({ body }) => Array.fromAsync(body!.pipeThrough(new TextDecoderStream())),
  "another response": ({ body }) => new Response(body).text(),
};

for (const [name, readAll] of Object.entries(READERS)) {
  fetchTest(`a body that is read by ${name} rejects when the network changes`, async (it) => {
    const response = await it.fetch(`${it.server.url}/body`);
    const reading = assertRejects(() => readAll(response), NetworkChangedError);
    await it.become(home("192.0.2.8"));
    await reading;
    assertEquals(it.server.count("/body"), 1);
  });
}

fetchTest(
  "a body that is piped into a file rejects when the network changes",
  async (it) => {
    const path = await Deno.makeTempFile();
    try {
      const { body } = await it.fetch(`${it.server.url}/body`);
      using file = await Deno.open(path, { write: true });
      const writing = assertRejects(() => body!.pipeTo(file.writable), NetworkChangedError);
      await it.become(home("192.0.2.8"));
      await writing;
    } finally {
      await Deno.remove(path);
    }
  },
  {},
  [read, write],
);

fetchTest("a body that a server passes on is cut off", async (it) => {
  await using proxy = new HttpServer("127.0.0.1", () => it.fetch(`${it.server.url}/body`));
  const response = await fetch(proxy.url);
  const reader = response.body!.getReader();
  await reader.read();
  const reading = assertRejects(() => reader.read(), TypeError);
  await it.become(home("192.0.2.8"));
  await reading;
});

fetchTest("a body that nobody reads does no harm", async (it) => {
  await it.fetch(`${it.server.url}/body`);
  const arrival = await it.server.until("/body");
  await it.become(home("192.0.2.8"));
  await aborted(arrival.aborted); // the connection is closed
});

fetchTest("cancelling a body closes the connection", async (it) => {
  const response = await it.fetch(`${it.server.url}/body`);
  await response.body!.cancel();
  await aborted((await it.server.until("/body")).aborted);
});

fetchTest("the caller's signal ends a body with its reason", async (it) => {
  const aborting = new AbortController();
  const response = await it.fetch(`${it.server.url}/body`, { signal: aborting.signal });
  const reading = assertRejects(() => response.text(), Error, "The caller's");
  aborting.abort(new Error("The caller's"));
  await reading;
});

fetchTest("a response is the runtime's own", async (it) => {
  it.server.hangs = 1;
  const fetching = it.fetch(`${it.server.url}/moved`);
  await it.server.until("/moved");
  await it.become(home("192.0.2.8"));
  const response = await fetching;
  const plain = await fetch(`${it.server.url}/moved`);
  assert(response instanceof Response);
  const clone = response.clone();
  assertEquals([fields(response), fields(clone)], [fields(plain), fields(plain)]);
  assertEquals(await response.bytes(), await clone.bytes());
  await plain.body?.cancel();
  assertEquals(response.bodyUsed, true);
  const head = await it.fetch(`${it.server.url}/a`, { method: "HEAD" });
  assertEquals([head.status, head.body], [200, null]);
});

function fields({ headers, ok, redirected, status, statusText, type, url }: Response): unknown {
  const names = [...headers.keys()].filter((name) => name !== "date");
  return { names, ok, redirected, status, statusText, type, url };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

skippable({
  name: "fetch: a body of a response that was garbage collected rejects, and nothing leaks",
  needs: [read, run],
  async fn() {
    const program = "tests/support/programs/fetch_garbage.ts";
    const flags = ["--v8-flags=--expose-gc", "--allow-net=127.0.0.1"];
    const { stdout } = await runDenoOk(["run", ...flags, program]);
    const { rejected, bytes } = JSON.parse(stdout);
    assertEquals(rejected, 20);
    assert(bytes < 200, `${bytes} bytes are left of each request`);
  },
});
