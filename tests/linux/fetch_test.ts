/**
 * `createFetch()` and `installOnLine()` on a real kernel: the address is replaced while requests are under way.
 * `tests/bench/fetch.ts` does the same with larger numbers, and shows the global `fetch` hang.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createFetch, NetworkChangedError } from "../../actor/fetch.ts";
import { installOnLine } from "../../actor/navigator.ts";
import { NetworkMonitor } from "../../mod.ts";
import { ip, ipBatch, ipMay, namespaceTest } from "../support/netns.ts";
import { scaled } from "../support/timing.ts";
import { burst, FarServer } from "../support/two_networks.ts";

namespaceTest(
  import.meta.url,
  "fetch survives an address that is replaced, and a POST is sent once",
  async () => {
    await using server = await FarServer.start();
    await using monitor = await NetworkMonitor.open();
    await using fetch = createFetch(monitor, { waitUntilOnline: true });
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const fetching = fetch(`${server.url}/first?${i}`);
      await server.until(`GET /first?${i}`);
      await server.renumber();
      const start = performance.now();
      assertEquals((await fetching).status, 200);
      times.push(performance.now() - start);
    }
    assert(Math.min(...times) < scaled(1_000), `${times} ms`); // the machine may be busy
    const { body } = await fetch(`${server.url}/body`);
    const reading = assertRejects(() => new Response(body).text(), NetworkChangedError);
    const posting = assertRejects(
      () => fetch(`${server.url}/first?once`, { method: "POST", body: "once" }),
      NetworkChangedError,
    );
    await server.until("POST /first?once");
    await server.renumber();
    const error = await posting;
    await reading;
    assertEquals(error.reason.kind, "default-route");
    assertEquals((await server.counts())["POST /first?once"], 1);
  },
);

namespaceTest(
  import.meta.url,
  "fetch loses none of many requests while addresses are replaced",
  async () => {
    await using server = await FarServer.start();
    await using monitor = await NetworkMonitor.open();
    await using fetch = createFetch(monitor, { waitUntilOnline: true });
    const { answered, cutOff, lost, repeated } = await burst(server, fetch, 40, 2);
    assertEquals({ lost, repeated }, { lost: [], repeated: [] });
    assert(answered >= 30 && cutOff > 0, `${answered} answered, ${cutOff} cut off`);
  },
);

namespaceTest(
  import.meta.url,
  "fetch with a client that is bound to an address notices that this one is gone",
  async () => {
    await using server = await FarServer.start();
    await ip("addr add 10.0.0.99/16 dev eth0");
    await using monitor = await NetworkMonitor.open();
    await using fetch = createFetch(monitor, { client: { localAddress: "10.0.0.99" } });
    const posting = assertRejects(
      () => fetch(`${server.url}/first?once`, { method: "POST" }),
      NetworkChangedError,
    );
    await server.until("POST /first?once");
    await ip("addr del 10.0.0.99/16 dev eth0"); // the source of the default route stays
    assertEquals((await posting).reason.kind, "address-unusable");
  },
);

namespaceTest(import.meta.url, "fetch aborts nothing while containers come and go", async () => {
  await using server = await FarServer.start();
  const { code } = await ipMay("tuntap add tap0 mode tap"); // needs /dev/net/tun
  if (code === 0) await ip("link set tap0 up"); // with it this is no container
  await using monitor = await NetworkMonitor.open({ coalesceMs: 0 });
  await using fetch = createFetch(monitor);
  let settled = false;
  const aborting = new AbortController();
  const { signal } = aborting;
  const posting = fetch(`${server.url}/first?once`, { method: "POST", signal });
  const ended = posting.catch(() => {}).then(() => settled = true);
  await server.until("POST /first?once");
  await ip("link add docker0 type bridge");
  await ip("addr add 172.17.0.1/16 dev docker0");
  await ip("link set docker0 up");
  const names = Array.from({ length: 10 }, (_, i) => `veth${i}`);
  await ipBatch(names.flatMap((name) => [
    `link add ${name} type veth peer name c${name}`,
    `link set ${name} master docker0 up`,
    `link set c${name} up`,
  ]));
  const { state } = await monitor.refresh();
  assertEquals(Object.hasOwn(state.interfaces, "veth9"), true);
  await ipBatch(names.map((name) => `link del ${name}`));
  if (code === 0) await ip("link del docker0");
  await monitor.refresh();
  assertEquals([settled, Object.hasOwn(monitor.current.state.interfaces, "veth9")], [false, false]);
  aborting.abort();
  await ended;
});

namespaceTest(import.meta.url, "fetch: a name that cannot be resolved is a TypeError", async () => {
  await using monitor = await NetworkMonitor.open();
  await using fetch = createFetch(monitor);
  assertEquals(monitor.current.state.online, false);
  for (const method of ["GET", "POST"]) {
    const error = await assertRejects(() => fetch("http://name.invalid/", { method }), TypeError);
    assertEquals(error instanceof NetworkChangedError, false);
  }
});

namespaceTest(import.meta.url, "navigator.onLine follows the network, and is gone", async () => {
  await ip("link set lo up");
  await using monitor = await NetworkMonitor.open();
  const onLine = () => Reflect.get(navigator, "onLine");
  const event = (type: string) =>
    new Promise((resolve) => globalThis.addEventListener(type, resolve, { once: true }));
  {
    using _installed = installOnLine(monitor);
    assertEquals(onLine(), false);
    const online = event("online");
    await ipBatch([
      "link add eth0 type veth peer name peer0",
      "addr add 192.168.1.7/24 dev eth0",
      "link set eth0 up",
      "link set peer0 up",
      "route add default via 192.168.1.1",
    ]);
    await online;
    assertEquals(onLine(), true);
    const offline = event("offline");
    await ip("route del default");
    await offline;
    assertEquals(onLine(), false);
  }
  let seen = 0;
  globalThis.addEventListener("online", () => seen++);
  await ip("route add default via 192.168.1.1");
  await monitor.waitFor(({ online }) => online === true);
  assertEquals([seen, "onLine" in navigator], [0, false]);
});
