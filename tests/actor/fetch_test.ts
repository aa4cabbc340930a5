/**
 * Requests of `createFetch()` while the network changes.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createFetch, type FetchOptions, NetworkChangedError } from "../../actor/fetch.ts";
import { scriptedInterface } from "../../actor/testing.ts";
import { formatReason } from "../../state/format.ts";
import { assertDeepFrozen } from "../support/frozen.ts";
import { fetchTest, home, OFFLINE } from "./fetch_support.ts";
import { setUp } from "./support.ts";

/** The error of a request or a body that the network cuts off. */
function rejects(promise: Promise<unknown>): Promise<NetworkChangedError> {
  return assertRejects(() => promise, NetworkChangedError);
}

fetchTest("a request that hangs is sent again at once when the network changes", async (it) => {
  it.server.hangs = 2;
  const fetching = it.fetch(`${it.server.url}/a?b#c`, { headers: { "x-y": "z" } });
  await it.server.until("/a");
  await it.become(home("192.0.2.8"));
  await it.server.until("/a", 2);
  await it.become(home("192.0.2.9"));
  const response = await fetching;
  assertEquals([response.url, response.status], [`${it.server.url}/a?b`, 200]);
  assertEquals((await response.json()).method, "GET");
  assertEquals(it.server.count("/a"), 3);
});

fetchTest("idempotent methods with a body are repeated with the same body", async (it) => {
  const form = new FormData();
  form.append("a", "b");
  const bodies = ["text", new Uint8Array([97]), new URLSearchParams("a=b"), new Blob(["c"]), form];
  for (const [i, body] of bodies.entries()) {
    const path = `/put${i}`;
    it.server.hangs = 1;
    const fetching = it.fetch(it.server.url + path, { method: "PUT", body });
    if (body instanceof Uint8Array) body.fill(98); // fetch() has copied it
    await it.server.until(path);
    await it.become(home(`192.0.2.${10 + i}`));
    const echo = await (await fetching).json();
    const expected = ["text", "a", "a=b", "c"][i];
    if (expected === undefined) assert(/name="a"\r\n\r\nb\r\n/.test(echo.body), echo.body);
    else assertEquals(echo.body, expected);
    assertEquals(it.server.count(path), 2);
  }
});

fetchTest("a POST rejects with NetworkChangedError and is sent once", async (it) => {
  const rejecting = rejects(it.fetch(`${it.server.url}/hang`, { method: "POST", body: "once" }));
  await it.server.until("/hang");
  await it.become(home("192.0.2.8"));
  const error = await rejecting;
  assert(error instanceof TypeError && error.name === "NetworkChangedError");
  assertEquals(error.reason.kind, "default-route");
  const text = formatReason(error.reason);
  assertEquals(error.message, `The network changed during the request: ${text}`);
  assertEquals(it.server.count("/hang"), 1);
});

fetchTest("a body that is a stream, or inside a Request, is not repeated", async (it) => {
  const bodies: [string, string | URL | Request, RequestInit?][] = [
    ["/hang", `${it.server.url}/hang`, { method: "PUT", body: new ReadableStream() }],
    ["/hang", new Request(`${it.server.url}/hang`, { method: "PUT", body: "text" })],
  ];
  for (const [i, [path, input, init]] of bodies.entries()) {
    const rejecting = rejects(it.fetch(input, init));
    await it.server.until(path, i + 1);
    await it.become(home(`192.0.2.${10 + i}`));
    await rejecting;
    assertEquals(it.server.count(path), i + 1);
  }
});

fetchTest("the reason of a NetworkChangedError is frozen", async (it) => {
  const rejecting = rejects(it.fetch(`${it.server.url}/hang`, { method: "POST" }));
  await it.server.until("/hang");
  await it.become(home("192.0.2.8"));
  assertDeepFrozen((await rejecting).reason);
});

fetchTest("a Request without a body is repeated", async (it) => {
  it.server.hangs = 1;
  const fetching = it.fetch(
    new Request(`${it.server.url}/a`, { method: "DELETE", keepalive: true }),
  );
  await it.server.until("/a");
  await it.become(home("192.0.2.8"));
  assertEquals((await (await fetching).json()).method, "DELETE");
  assertEquals(it.server.count("/a"), 2);
});

fetchTest("GET, HEAD, OPTIONS, PUT and DELETE are repeated, POST and PATCH are not", async (it) => {
  const sent: Record<string, number> = {};
  const methods = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"];
  for (const [i, method] of methods.entries()) {
    it.server.hangs = 1;
    const fetching = it.fetch(`${it.server.url}/${method}`, { method })
      .then((response) => response.body?.cancel(), () => {});
    await it.server.until(`/${method}`);
    await it.become(home(`192.0.2.${10 + i}`));
    await fetching;
    sent[method] = it.server.count(`/${method}`);
  }
  assertEquals(sent, { GET: 2, HEAD: 2, OPTIONS: 2, PUT: 2, DELETE: 2, POST: 1, PATCH: 1 });
});

fetchTest("a request behind a redirect is repeated from its beginning", async (it) => {
  const rejecting = rejects(it.fetch(`${it.server.url}/redirect`));
  await it.server.until("/hang");
  await it.become(home("192.0.2.8"));
  await it.server.until("/hang", 2);
  assertEquals(it.server.count("/redirect"), 2);
  await it.become(home("192.0.2.9"));
  await it.server.until("/hang", 3);
  await it.become(home("192.0.2.10"));
  await it.server.until("/hang", 4);
  await it.become(home("192.0.2.11"));
  await rejecting; // after 3 retries
});

fetchTest("retries: 0 repeats nothing", async (it) => {
  const rejecting = rejects(it.fetch(`${it.server.url}/hang`));
  await it.server.until("/hang");
  await it.become(home("192.0.2.8"));
  await rejecting;
  assertEquals(it.server.count("/hang"), 1);
}, { retries: 0 });

fetchTest("changes that lose no connection abort nothing", async (it) => {
  const { interfaces = [] } = home();
  const rejecting = rejects(it.fetch(`${it.server.url}/hang`, { method: "POST" }));
  let settled = false;
  rejecting.then(() => settled = true);
  await it.server.until("/hang");
  const docker0 = scriptedInterface("docker0", ["172.17.0.1/16"], { index: 3, hostOnly: true });
  await it.become({ interfaces: [...interfaces, docker0] });
  await it.become({ interfaces });
  await it.become({ interfaces: [{ ...interfaces[0]!, mtu: 1400 }] });
  it.source.emit({ kind: "resumed", at: 1_700_000_001_000, sleptMs: 5_000 });
  await it.clock.advance(250);
  assertEquals([it.monitor.current.sequence, settled, it.server.count("/hang")], [5, false, 1]);
  it.source.emit({ kind: "resumed", at: 1_700_000_002_000, sleptMs: 600_000 });
  await it.clock.advance(250);
  assertEquals((await rejecting).reason.kind, "resumed");
});

fetchTest("a request in an event listener uses the new network", async (it) => {
  const rejecting = rejects(it.fetch(`${it.server.url}/hang`, { method: "POST" }));
  await it.server.until("/hang");
  let fetching: Promise<Response> | null = null;
  it.monitor.addEventListener("change", () => {
    fetching = it.fetch(`${it.server.url}/a`, { method: "POST", body: "new" });
  }, { once: true });
  await it.become(home("192.0.2.8"));
  await rejecting;
  assertEquals((await (await fetching!).json()).body, "new");
});

for (const method of ["GET", "POST"]) {
  fetchTest(
    `a ${method} without a connection is repeated if a read finds another network`,
    async (it) => {
      const port = Number(new URL(it.server.url).port);
      const url = `http://user:word@127.0.0.1:${port}/a#top`; // the message leaves out the name and the fragment
      await it.server[Symbol.asyncDispose](); // connections are refused from now on
      await using servers = new AsyncDisposableStack();
      let reads = 0;
      await using fetch = createFetch({
        get current() {
          return it.monitor.current;
        },
        snapshots: (options) => it.monitor.snapshots(options),
        waitFor: (predicate, options) => it.monitor.waitFor(predicate, options),
        async refresh() {
          const options = { hostname: "127.0.0.1", port, onListen() {} };
          if (++reads === 2) servers.use(Deno.serve(options, () => new Response("answered")));
          return await it.monitor.refresh();
        },
      });
      await assertRejects(() => fetch(url, { method }), TypeError); // no other network
      it.source.set(home("192.0.2.8")); // no event announces it
      assertEquals(await (await fetch(url, { method })).text(), "answered");
      assertEquals(reads, 2);
    },
  );
}

fetchTest(
  "a connection that the server resets is an error, not a change of network",
  async (it) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    let connections = 0;
    const resetting = (async () => {
      for await (const connection of listener) {
        connections++;
        await connection.read(new Uint8Array(1_000));
        connection.close();
      }
    })();
    const url = `http://127.0.0.1:${listener.addr.port}`;
    const reads = it.source.calls.read;
    const post = { method: "POST", body: "text" };
    await assertRejects(() => fetch(url, post), TypeError);
    const once = connections; // under Wine the global fetch itself sends it twice
    await assertRejects(() => it.fetch(url, post), TypeError);
    assertEquals([connections, it.source.calls.read], [2 * once, reads]);
    const error = await assertRejects(() => it.fetch(url), TypeError);
    assertEquals(error instanceof NetworkChangedError, false);
    assertEquals(it.source.calls.read, reads + 1);
    listener.close();
    await resetting;
  },
);

fetchTest("the caller's signal wins, before, during and between", async (it) => {
  const reason = new Error("The caller's");
  const signal = AbortSignal.abort(reason);
  await assertRejects(() => it.fetch(`${it.server.url}/a`, { signal }), Error, reason.message);
  assertEquals(it.server.arrivals, []);

  const during = new AbortController();
  const fetching = it.fetch(new Request(`${it.server.url}/hang`, { signal: during.signal }));
  await it.server.until("/hang");
  during.abort(reason);
  assertEquals(await fetching.catch((error) => error), reason);

  const between = new AbortController();
  const held = it.fetch(`${it.server.url}/hang`, { signal: between.signal });
  await it.server.until("/hang", 2);
  await it.become(OFFLINE);
  between.abort(reason);
  assertEquals(await held.catch((error) => error), reason);
  assertEquals(it.server.count("/hang"), 2);
});

fetchTest("the caller's signal ends a failed request that waits for a read", async (it) => {
  await it.server[Symbol.asyncDispose]();
  it.source.holdReads();
  const aborting = new AbortController();
  const reads = it.source.calls.read;
  const fetching = it.fetch(`${it.server.url}/a`, { signal: aborting.signal });
  while (it.source.calls.read === reads) await it.clock.settle();
  aborting.abort(new Error("Given up"));
  await assertRejects(() => fetching, Error, "Given up");
  it.source.releaseReads();
});

fetchTest("many requests at the same time: each is answered, none is lost", async (it) => {
  it.server.hangs = 150;
  const fetching = Array.from({ length: 200 }, (_, i) => it.fetch(`${it.server.url}/${i % 5}`));
  for (let i = 0; i < 5; i++) await it.server.until(`/${i}`, 40);
  await it.become(home("192.0.2.8"));
  const answers = await Promise.all(fetching.map(async (one) => (await (await one).json()).path));
  assertEquals(answers, Array.from({ length: 200 }, (_, i) => `/${i % 5}`));
});

fetchTest("a client of the caller's is used", async (it) => {
  using client = Deno.createHttpClient({ proxy: { url: it.server.url } });
  const response = await it.fetch("http://127.0.0.1:1234/proxied", { client });
  assertEquals((await response.json()).path, "/proxied");
});

fetchTest("the pool has the options, and is another one after a change", async (it) => {
  const client = { proxy: { url: it.server.url } };
  await using fetch = createFetch(it.monitor, { client });
  const ports: number[] = [];
  for (let i = 0; i < 4; i++) {
    if (i === 2) await it.become(home("192.0.2.8"));
    ports.push((await (await fetch("http://127.0.0.1:1234/proxied")).json()).port);
  }
  const [first, second, third, fourth] = ports;
  assertEquals([first === second, second === third, third === fourth], [true, false, true]);
  assertEquals(it.server.count("/proxied"), 4);
});

fetchTest("HTTP/2: streams of one connection are repeated, a POST rejects", async (it) => {
  await (await it.fetch(it.server.url)).body?.cancel(); // opens the connection
  it.server.hangs = 2;
  const get = it.fetch(`${it.server.url}/a`);
  const post = rejects(it.fetch(`${it.server.url}/b`, { method: "POST" }));
  const streams = await Promise.all([it.server.until("/a"), it.server.until("/b")]);
  assertEquals(streams[0].port, streams[1].port);
  await it.become(home("192.0.2.8"));
  await post;
  assert((await (await get).json()).port !== streams[0].port);
  assertEquals([it.server.count("/a"), it.server.count("/b")], [2, 1]);
}, { client: { http1: false } });

fetchTest("bad input fails as with the global fetch", async (it) => {
  await assertRejects(() => it.fetch("http://"), TypeError, "Invalid URL");
  const used = new Request(it.server.url, { method: "POST", body: "text" });
  await used.text();
  await assertRejects(() => it.fetch(used), TypeError, "unusable");
  await assertRejects(() => it.fetch(it.server.url, { body: "text" }), TypeError, "body");
  assertEquals(it.server.arrivals, []);
});

fetchTest("a monitor that is closed makes it a plain fetch, and is logged once", async (it) => {
  it.server.hangs = 1;
  const fetching = it.fetch(`${it.server.url}/a`);
  await it.server.until("/a");
  await it.monitor.close();
  assertEquals(it.log.lines, []);
  const answers = [it.fetch(`${it.server.url}/b`), it.fetch(`${it.server.url}/b`)];
  assertEquals((await Promise.all(answers)).map(({ status }) => status), [200, 200]);
  assertEquals(it.log.at("warn"), [
    "The monitor is closed: requests no longer survive a change of network",
  ]);
  await it.server[Symbol.asyncDispose]();
  assertEquals((await fetching).status, 200); // the server ended what hung
});

fetchTest("disposing it ends what hangs, waits or comes later", async (it) => {
  const hanging = it.fetch(`${it.server.url}/hang`).catch((error) => error);
  await it.server.until("/hang");
  const body = rejects((await it.fetch(`${it.server.url}/body`)).text());
  await it.become(OFFLINE);
  const waiting = it.fetch(`${it.server.url}/a`).catch((error) => error);
  await it.fetch[Symbol.asyncDispose]();
  const later = it.fetch(`${it.server.url}/a`).catch((error) => error);
  for (const error of await Promise.all([hanging, waiting, later])) {
    assertEquals([error.name, error.message], ["AbortError", "This fetch has been disposed"]);
  }
  await body; // it was lost before
  await it.fetch[Symbol.asyncDispose]();
  assertEquals([it.server.count("/a"), it.log.lines.length], [0, 0]);
}, { waitUntilOnline: true });

Deno.test("createFetch: options of wrong types and out of range", async () => {
  await using it = await setUp();
  using pool = Deno.createHttpClient({});
  const wrong: [unknown, ErrorConstructor, string][] = [
    [null, TypeError, "options"],
    [1, TypeError, "options"],
    [{ retries: "3" }, RangeError, "retries"],
    [{ retries: -1 }, RangeError, "retries"],
    [{ waitUntilOnline: 0 }, RangeError, "waitUntilOnline"],
    [{ waitUntilOnline: "yes" }, TypeError, "waitUntilOnline"],
    [{ client: 1 }, TypeError, "client"],
    [{ client: null }, TypeError, "client"],
    [{ client: pool }, TypeError, "Deno.createHttpClient()"], // ignored, its proxy would be bypassed
    [{ logger: {} }, TypeError, "logger"],
    [{ clock: {} }, TypeError, "clock"],
    [{ retires: 1 }, TypeError, "retries"],
  ];
  for (const [options, type, name] of wrong) {
    assertThrows(() => createFetch(it.monitor, options as FetchOptions), type, name);
  }
  assertThrows(() => createFetch(null as never), TypeError, "NetworkMonitor");
  assertThrows(() => createFetch({} as never), TypeError, "NetworkMonitor");
});

fetchTest("nothing is sent after dispose, even if the network changes later", async (it) => {
  const fetch = createFetch(it.monitor); // disposed of once: connections opened later would be leaked
  await fetch[Symbol.asyncDispose]();
  for (const address of ["192.0.2.7", "192.0.2.8"]) {
    await it.become(home(address));
    await assertRejects(() => fetch(`${it.server.url}/a`), DOMException, "disposed");
  }
  assertEquals(it.server.count("/a"), 0);
});

fetchTest("a request that its caller aborts leads to no read", async (it) => {
  const { read } = it.source.calls;
  const aborted = new AbortController();
  const fetching = it.fetch(`${it.server.url}/hang`, { signal: aborted.signal });
  await it.server.until("/hang");
  aborted.abort();
  await assertRejects(() => fetching, DOMException, "aborted");
  assertEquals(it.source.calls.read, read);
});

fetchTest("a program may make it the global fetch", async (it) => {
  const { fetch } = globalThis;
  globalThis.fetch = () => Promise.reject(new Error("It calls the global fetch, so itself"));
  try {
    assertEquals((await it.fetch(`${it.server.url}/a`)).status, 200);
  } finally {
    globalThis.fetch = fetch;
  }
});
