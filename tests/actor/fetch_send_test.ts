/**
 * Requests of `createFetch()` that fail to connect, and what they hold.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { runDenoOk } from "../support/run.ts";
import { net, read, run, skippable } from "../support/skip.ts";
import { fetchTest, home, OFFLINE } from "./fetch_support.ts";

/** A port of this machine that refuses connections. */
function refusingPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

fetchTest(
  "a POST that led to a redirect is not sent again, although its target refuses",
  async (it) => {
    let orders = 0;
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      orders++;
      it.source.set(home("192.0.2.8")); // and no event yet
      return Response.redirect(`http://127.0.0.1:${refusingPort()}/receipt`, 303);
    });
    const url = `http://127.0.0.1:${server.addr.port}/order?n=1#top`;
    let isOver = false;
    const fetching = it.fetch(url, { method: "POST", body: "a book" }).finally(() => isOver = true);
    const rejecting = assertRejects(() => fetching, TypeError);
    while (!isOver) {
      await it.clock.advance(100);
      await delay(0);
    }
    assertEquals((await rejecting).name, "TypeError");
    assertEquals(orders, 1);
  },
);

// Deno 2.9.0 and 2.9.1 have the message that later ones have in the cause.
fetchTest("a POST that was not sent is repeated if the error has no cause", async (it) => {
  const url = "http://192.0.2.1/order";
  const { fetch: real } = globalThis;
  let calls = 0;
  globalThis.fetch = () => {
    if (++calls > 1) return Promise.resolve(new Response("answered"));
    const refused = "client error (Connect): tcp connect error: Connection refused (os error 111)";
    return Promise.reject(new TypeError(`error sending request for url (${url}): ${refused}`));
  };
  try {
    const { createFetch } = await import("../../actor/fetch.ts?captures-the-fetch-above");
    await using fetch = createFetch(it.monitor, { clock: it.clock });
    it.source.set(home("192.0.2.8")); // no event announces it
    const response = await fetch(url, { method: "POST", body: "a book" });
    assertEquals(await response.text(), "answered");
  } finally {
    globalThis.fetch = real;
  }
});

fetchTest(
  "a request that is held is held again, if the network goes while it waits between two attempts",
  async (it) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    let outcome = "";
    const fetching = it.fetch(`http://127.0.0.1:${port}`).then(
      (response) => response.text(),
      (error) => error.name,
    ).then((text) => outcome = text);
    const connection = await listener.accept();
    await connection.read(new Uint8Array(1_000));
    listener.close(); // connections are refused from now on
    connection.close();
    const timers = it.clock.pending;
    await it.become(home("192.0.2.8"));
    while (it.clock.pending === timers) await it.clock.settle(); // it failed, and pauses
    await it.become(OFFLINE);
    for (let i = 0; i < 40; i++) {
      await it.clock.advance(100);
      await delay(1);
    }
    assertEquals(outcome, "");
    await using _server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen() {} },
      () => new Response("answered"),
    );
    await it.become(home("192.0.2.9"));
    for (let i = 0; i < 30 && outcome === ""; i++) {
      await it.clock.advance(100);
      await delay(5);
    }
    await fetching;
    assertEquals(outcome, "answered");
  },
  { waitUntilOnline: true },
);

fetchTest(
  "the body of a request that is aborted before it is sent is cancelled",
  async (it) => {
    await it.become(OFFLINE);
    const reasons: unknown[] = [];
    const controller = new AbortController();
    const fetching = it.fetch(`${it.server.url}/a`, {
      method: "PUT",
      body: new ReadableStream({ cancel: (reason) => void reasons.push(reason) }),
      signal: controller.signal,
    });
    await it.clock.settle();
    controller.abort("given up");
    assertEquals(await fetching.catch((error) => error), "given up");
    assertEquals(reasons, ["given up"]);
  },
  { waitUntilOnline: true },
);

fetchTest(
  "a disposed fetch ends its requests at once, however often they may be repeated",
  async (it) => {
    const fetching = it.fetch(`${it.server.url}/hang`);
    await it.server.until("/hang");
    const start = performance.now();
    await it.fetch[Symbol.asyncDispose]();
    await assertRejects(() => fetching, DOMException, "disposed");
    assert(performance.now() - start < 1_000);
  },
  { retries: 2_000_000 },
);

skippable({
  name: "fetch: a Blob is uploaded without a copy of it",
  needs: [net, read, run],
  async fn() {
    const program = "tests/support/programs/fetch_blob.ts";
    const { stdout } = await runDenoOk([
      "run",
      "--allow-net=127.0.0.1",
      "--v8-flags=--expose-gc",
      program,
    ]);
    assert(Number(stdout) < 40, `${stdout} MiB more after an upload of 64 MiB`);
  },
});
