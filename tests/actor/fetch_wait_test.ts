/**
 * Requests of `createFetch()` that wait for the network.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { NetworkChangedError } from "../../actor/fetch.ts";
import type { Reading } from "../../state/ports.ts";
import { runDenoOk } from "../support/run.ts";
import { read, run, skippable } from "../support/skip.ts";
import { scaled } from "../support/timing.ts";
import { type FetchSetting, fetchTest, home, OFFLINE } from "./fetch_support.ts";

/** Long enough for a request that is not held to arrive. */
async function roundTrips({ server }: FetchSetting): Promise<void> {
  for (let i = 0; i < 3; i++) await (await fetch(`${server.url}/other`)).body?.cancel();
}

for (const isIsolated of [false, true]) {
  const what = isIsolated ? "an address, without a default route" : "the default route";
  fetchTest(`a repeated request waits for the network to return: ${what}`, async (it) => {
    const network = (address: string): Partial<Reading> =>
      isIsolated ? { ...home(address), defaultRoute: OFFLINE.defaultRoute! } : home(address);
    await it.become(network("192.0.2.7"));
    it.server.hangs = 1;
    const fetching = it.fetch(`${it.server.url}/a`);
    await it.server.until("/a");
    await it.become(OFFLINE); // as DHCP does between two addresses
    await roundTrips(it);
    if (!isIsolated) await it.become({ ...OFFLINE, interfaces: home("192.0.2.8").interfaces! });
    await roundTrips(it);
    assertEquals(it.server.count("/a"), 1);
    await it.become(network("192.0.2.8"));
    assertEquals((await fetching).status, 200);
    assertEquals(it.monitor.current.state.online, !isIsolated);
    assertEquals(it.server.count("/a"), 2);
  });
}

fetchTest("a repeated request is sent after 2 seconds although no network returned", async (it) => {
  it.server.hangs = 1;
  const fetching = it.fetch(`${it.server.url}/a`);
  await it.server.until("/a");
  const timers = it.clock.pending;
  await it.become(OFFLINE);
  while (it.clock.pending === timers) await it.clock.settle();
  await it.clock.advance(1_700);
  await roundTrips(it);
  assertEquals(it.server.count("/a"), 1);
  await it.clock.advance(300);
  assertEquals((await fetching).status, 200);
});

for (const [what, connects] of [["connects", true], ["fails", false]] as const) {
  fetchTest(
    `a repeated request that cannot connect yet tries for 2 seconds, and ${what}`,
    async (it) => {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr;
      const outcome = it.fetch(`http://127.0.0.1:${port}`).then(
        (response) => response.text(),
        (error) => error instanceof NetworkChangedError ? "cut off" : error.name,
      );
      using connection = await listener.accept();
      await connection.read(new Uint8Array(1_000));
      listener.close(); // connections are refused from now on
      const timers = it.clock.pending;
      await it.become(home("192.0.2.8"));
      await using servers = new AsyncDisposableStack();
      for (let tries = 0; tries < 20; tries++) {
        while (it.clock.pending === timers) await it.clock.settle(); // it failed, and pauses
        await roundTrips(it);
        assertEquals(it.clock.pending, timers + 1); // and did not try again meanwhile
        if (connects && tries === 2) {
          const options = { hostname: "127.0.0.1", port, onListen() {} };
          servers.use(Deno.serve(options, () => new Response("answered")));
          await it.clock.advance(100);
          break;
        }
        await it.clock.advance(100);
      }
      assertEquals(await outcome, connects ? "answered" : "TypeError");
    },
  );
}

fetchTest("waitUntilOnline holds a request while the machine is offline", async (it) => {
  await it.become(OFFLINE);
  const get = it.fetch(`${it.server.url}/a`);
  const post = it.fetch(`${it.server.url}/a`, { method: "POST" });
  const aborted = new AbortController();
  const given = it.fetch(`${it.server.url}/never`, { signal: aborted.signal });
  aborted.abort(new Error("Given up"));
  await assertRejects(() => given, Error, "Given up");
  await roundTrips(it);
  assertEquals([it.server.count("/a"), it.server.count("/never")], [0, 0]);
  await it.become(home("192.0.2.8"));
  assertEquals([(await get).status, (await post).status], [200, 200]);
  assertEquals([it.server.count("/a"), it.server.count("/never")], [2, 0]);
}, { waitUntilOnline: true });

fetchTest("a repeated request waits as long as waitUntilOnline says", async (it) => {
  it.server.hangs = 1;
  const fetching = it.fetch(`${it.server.url}/a`);
  await it.server.until("/a");
  await it.become(OFFLINE);
  await roundTrips(it);
  await it.clock.advance(60_000);
  await it.become({ ...OFFLINE, interfaces: home("192.0.2.8").interfaces! });
  await roundTrips(it);
  assertEquals(it.server.count("/a"), 1);
  await it.become(home("192.0.2.8"));
  assertEquals((await fetching).status, 200);
}, { waitUntilOnline: true });

fetchTest(
  "with waitUntilOnline, a request that was sent offline waits for more than an address",
  async (it) => {
    const isolated = (address: string): Partial<Reading> => ({
      ...home(address),
      defaultRoute: OFFLINE.defaultRoute!,
    });
    await it.become(isolated("192.0.2.7"));
    it.server.hangs = 1;
    const fetching = it.fetch(`${it.server.url}/a`);
    await it.clock.advance(10_000);
    await it.server.until("/a");
    await it.become(isolated("192.0.2.8"));
    await roundTrips(it);
    assertEquals(it.server.count("/a"), 1);
    await it.become(home("192.0.2.8"));
    assertEquals((await fetching).status, 200);
  },
  { waitUntilOnline: 10_000 },
);

fetchTest("waitUntilOnline in milliseconds sends the request when they are over", async (it) => {
  await it.become(OFFLINE);
  const timers = it.clock.pendingRefd;
  const fetching = it.fetch(`${it.server.url}/a`);
  await it.clock.advance(9_999);
  await roundTrips(it);
  assertEquals([it.server.count("/a"), it.clock.pendingRefd], [0, timers]);
  await it.clock.advance(1);
  assertEquals((await fetching).status, 200);

  const running = it.clock.pending;
  const held = it.fetch(`${it.server.url}/a`);
  await it.become(home("192.0.2.8"));
  assertEquals([(await held).status, it.clock.pending], [200, running]);
}, { waitUntilOnline: 10_000 });

fetchTest(
  "a request that needs no network is neither held nor cut off, and ends with the fetch",
  async (it) => {
    const blob = URL.createObjectURL(new Blob([new Uint8Array(1_000_000)]));
    try {
      const { body } = await it.fetch(blob);
      const reader = body!.getReader();
      await reader.read();
      await it.become(OFFLINE);
      while (!(await reader.read()).done);
      assertEquals(await (await it.fetch("data:,now")).text(), "now");
      assertEquals((await (await it.fetch(blob)).bytes()).length, 1_000_000);
      const signal = AbortSignal.abort(new Error("Given up"));
      await assertRejects(() => it.fetch("data:,now", { signal }), Error, "Given up");
      await it.fetch[Symbol.asyncDispose]();
      await assertRejects(() => it.fetch("data:,now"), DOMException, "disposed");
    } finally {
      URL.revokeObjectURL(blob);
    }
  },
  { waitUntilOnline: true },
);

fetchTest(
  "without waitUntilOnline a request is sent although the machine is offline",
  async (it) => {
    await it.become(OFFLINE);
    assertEquals((await it.fetch(`${it.server.url}/a`)).status, 200);
  },
);

fetchTest("closing the monitor sends what waits for the network", async (it) => {
  await it.become(OFFLINE);
  const fetching = it.fetch(`${it.server.url}/a`);
  await it.monitor.close();
  assertEquals((await fetching).status, 200);
}, { waitUntilOnline: true });

skippable({
  name: "fetch: neither a connection nor a held request keeps the process alive",
  needs: [read, run],
  async fn() {
    const program = "tests/support/programs/fetch_end.ts";
    const { stdout } = await runDenoOk(["run", "--allow-net=127.0.0.1", program]);
    assertEquals(stdout, "ready\n");
  },
});

fetchTest("a request that waits for a read ends when the fetch is disposed", async (it) => {
  it.source.holdReads();
  const failing = it.fetch("http://127.0.0.1:1/"); // nobody listens: was the network lost?
  const ended = assertRejects(() => failing, DOMException, "disposed");
  await delay(scaled(200));
  await it.fetch[Symbol.asyncDispose]();
  await deadline(ended, scaled(1_000));
  it.source.releaseReads();
});
