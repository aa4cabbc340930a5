/**
 * The server of the example program `dashboard`, without a network and without a browser. `tests/npm/browser`
 * has the page.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { ManualClock, scriptedInterface, scriptedRoute, ScriptedSource } from "../actor/testing.ts";
import { Dashboard } from "../examples/dashboard/server.ts";
import { createView } from "../examples/dashboard/view.ts";
import { NetworkMonitor } from "../mod.ts";

const ETH0 = scriptedInterface("eth0", ["192.0.2.7/24"]);

/** A dashboard on a scripted network. */
async function openDashboard(hostname = "127.0.0.1") {
  const clock = new ManualClock();
  const source = new ScriptedSource({ interfaces: [ETH0] });
  const monitor = await NetworkMonitor.open({ source, clock });
  const dashboard = await Dashboard.create(monitor, hostname);
  return {
    dashboard,
    source,
    async change(...addresses: string[]) {
      source.set([scriptedInterface("eth0", addresses)]);
      source.announce();
      await clock.advance(250);
    },
    close: () => monitor.close(),
    [Symbol.asyncDispose]: () => monitor.close(),
  };
}

function request(path: string, headers: Record<string, string> = {}, method = "GET"): Request {
  return new Request(`http://127.0.0.1:8000${path}`, {
    method,
    headers: { host: "127.0.0.1:8000", ...headers },
  });
}

/** Reads the messages of an event stream. */
class Messages implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor({ body }: Response) {
    assert(body !== null);
    this.#reader = body.getReader(); // no pipe, which would read ahead
  }

  /** The next message, or null at the end. Each is one chunk. */
  // deno-lint-ignore no-explicit-any -- the page takes them as they are
  async next(): Promise<any> {
    const { done, value } = await this.#reader.read();
    if (done) return null;
    const text = new TextDecoder().decode(value);
    const [, json] = /^data: (.*)\n\n$/.exec(text) ?? [];
    assert(json !== undefined, text);
    return JSON.parse(json);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}

Deno.test("the dashboard's page is one file that may load and run nothing else", async () => {
  await using served = await openDashboard();
  const response = served.dashboard.handle(request("/"));
  const page = await response.text();
  const policy = response.headers.get("content-security-policy") ?? "";
  assertEquals(
    policy.replace(/'sha256-[^' ]+'/g, "HASH"),
    "default-src 'none'; script-src HASH; style-src HASH; connect-src 'self'; img-src data:; " +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  for (const element of ["script", "style"]) {
    const [, content = ""] = new RegExp(`<${element}>([^]*)</${element}>`).exec(page) ?? [];
    assert(content.length > 1_000, `${element} is missing`);
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(content));
    assertStringIncludes(
      policy,
      `${element}-src 'sha256-${new Uint8Array(digest).toBase64()}'`,
    );
  }
  assertEquals(/ on[a-z]+=| style=|https?:\/\//.exec(page), null);
});

const HOSTS: [host: string, listensOn: string, status: number][] = [
  ["127.0.0.1:8000", "127.0.0.1", 200],
  ["localhost:9000", "127.0.0.1", 200], // a forwarded port
  ["[::1]:8000", "::1", 200],
  ["192.168.1.7:8000", "0.0.0.0", 200],
  ["router.lan:8000", "router.lan", 200],
  ["ROUTER.lan", "router.lan", 200],
  ["router.lan", "Router.LAN", 200],
  ["evil.test:8000", "127.0.0.1", 403],
  ["evil.test:8000", "0.0.0.0", 403],
  ["localhost.evil.test", "127.0.0.1", 403],
  ["127.0.0.1.evil.test", "127.0.0.1", 403],
  ["evil.test#@127.0.0.1", "127.0.0.1", 403],
  ["router.lan.evil.test", "router.lan", 403],
  ["", "127.0.0.1", 403],
  ["a b", "127.0.0.1", 403],
];

for (const [host, listensOn, status] of HOSTS) {
  Deno.test(`the dashboard on ${listensOn} answers ${status} for the Host '${host}'`, async () => {
    await using served = await openDashboard(listensOn);
    for (const path of ["/", "/events", "/other"]) {
      const response = served.dashboard.handle(request(path, { host }));
      await response.body?.cancel();
      assertEquals(response.status === 403, status === 403, path);
    }
  });
}

const ORIGINS: [headers: Record<string, string>, status: number][] = [
  [{}, 200],
  [{ origin: "http://127.0.0.1:8000" }, 200],
  [{ "sec-fetch-site": "same-origin" }, 200],
  [{ "sec-fetch-site": "none", "sec-fetch-mode": "navigate" }, 200],
  [{ "sec-fetch-site": "none" }, 200],
  [{ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }, 200], // a link to the page
  [{ origin: "http://127.0.0.1:8001" }, 403], // another program on this machine
  [{ origin: "http://evil.test" }, 403],
  [{ origin: "http://127.0.0.1:8000.evil.test" }, 403],
  [{ origin: "null" }, 403],
  [{ origin: "" }, 403],
  [{ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }, 403], // <img src=…/events>
  [{ "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" }, 403],
];

for (const [headers, status] of ORIGINS) {
  Deno.test(`the dashboard answers ${status} for ${JSON.stringify(headers)}`, async () => {
    await using served = await openDashboard();
    const response = served.dashboard.handle(request("/events", headers));
    await response.body?.cancel();
    assertEquals(response.status, status);
    assertEquals(response.headers.get("access-control-allow-origin"), null);
  });
}

Deno.test("the dashboard answers only GET and HEAD, and only two paths", async () => {
  await using served = await openDashboard();
  const answerTo = async (path: string, method: string, headers = {}) => {
    const response = served.dashboard.handle(request(path, headers, method));
    if (response.status !== 200) return `${response.status} ${await response.text()}`;
    await response.body?.cancel();
    return "200";
  };
  assertEquals(await answerTo("/", "HEAD"), "200");
  assertEquals(await answerTo("/events", "HEAD"), "200");
  assertEquals(await answerTo("/", "POST"), "405 Method not allowed\n");
  assertEquals(await answerTo("/events", "DELETE"), "405 Method not allowed\n");
  assertEquals(await answerTo("/../etc/passwd", "GET"), "404 Not found\n");
  assertEquals(await answerTo("/client.js", "GET"), "404 Not found\n");
  assertEquals(
    await answerTo("/", "GET", { host: "evil.test" }),
    "403 Forbidden: open this page by an address of the machine, or start it with --hostname NAME\n",
  );
});

Deno.test("nothing that the dashboard sends is stored, embedded elsewhere or taken for another type", async () => {
  await using served = await openDashboard();
  for (
    const [path, type] of [
      ["/", "text/html; charset=utf-8"],
      ["/events", "text/event-stream"],
      ["/other", "text/plain;charset=UTF-8"],
    ] as const
  ) {
    const { body, headers } = served.dashboard.handle(request(path));
    await body?.cancel();
    const { "content-security-policy": _, ...others } = Object.fromEntries(headers);
    assertEquals(others, {
      "cache-control": "no-store",
      "content-type": type,
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
  }
});

Deno.test("the dashboard answers 404 to a request target that is no URL", async () => {
  await using it = await openDashboard();
  const { headers, method } = request("/");
  const { status } = it.dashboard.handle({ headers, method, url: "http://[/" } as Request);
  assertEquals(status, 404);
});

Deno.test("the dashboard's events are the state, then each change; a new client gets the timeline", async () => {
  await using served = await openDashboard();
  await using messages = new Messages(served.dashboard.handle(request("/events")));
  const first = await messages.next();
  assertEquals([first.reset, first.entries], [true, []]);
  assertEquals(first.view.interfaces[0].addresses, ["192.0.2.7/24"]);
  await served.change("198.51.100.9/24");
  const second = await messages.next();
  assertEquals([second.reset, second.entries.length], [false, 1]);
  assertStringIncludes(second.entries[0].changes.join("\n"), "198.51.100.9");
  assertStringIncludes(second.entries[0].reasons.join("\n"), "198.51.100.9");
  assertEquals(second.view.interfaces[0].addresses, ["198.51.100.9/24"]);
  await using later = new Messages(served.dashboard.handle(request("/events")));
  const { reset, entries } = await later.next();
  assertEquals({ reset, entries }, { reset: true, entries: second.entries });
  for (const address of ["192.0.2.7/24", "192.0.2.8/24"]) {
    await served.change(address);
    assertEquals((await messages.next()).entries.length, 1, "what was sent before");
  }
});

Deno.test("an entry of the dashboard's timeline says each thing once", async () => {
  await using served = await openDashboard();
  served.source.setDefaultRoute("IPv4", scriptedRoute("eth0", "192.0.2.1"));
  await served.change("192.0.2.7/24", "2001:db8::7/64");
  await using messages = new Messages(served.dashboard.handle(request("/events")));
  assertEquals((await messages.next()).entries, [{
    sequence: 2,
    at: 1_700_000_000_250,
    cause: "event",
    reasons: ["IPv4 now leaves by eth0 via 192.0.2.1", "2001:db8::7 is usable on eth0"],
    changes: ["eth0 got 2001:db8::7/64"],
  }]);
});

Deno.test("a slow client of the dashboard gets what it missed in one message", async () => {
  await using served = await openDashboard();
  await using messages = new Messages(served.dashboard.handle(request("/events")));
  await messages.next();
  for (let i = 1; i <= 20; i++) await served.change(`198.51.100.${i}/24`);
  const { entries, view } = await messages.next();
  assertEquals([entries.length, view.interfaces[0].addresses], [20, ["198.51.100.20/24"]]);
});

Deno.test("the dashboard sends changes at once, and counters every 5 seconds", async () => {
  const { setInterval } = globalThis;
  const intervals: { beat: () => void; ms: number }[] = [];
  const record = (beat: () => void, ms: number) => intervals.push({ beat, ms });
  globalThis.setInterval = record as unknown as typeof setInterval;
  await using served = await openDashboard().finally(() => globalThis.setInterval = setInterval);
  await using messages = new Messages(served.dashboard.handle(request("/events")));
  await messages.next();
  await served.change("198.51.100.9/24");
  const { view: { metrics } } = await messages.next();
  await served.change("198.51.100.9/24"); // an event without a change
  const next = messages.next();
  intervals[0]!.beat();
  const { reset, entries, view } = await next;
  assertEquals([intervals[0]!.ms, reset, entries], [5_000, false, []]);
  assertNotEquals(view.metrics, metrics);
});

Deno.test("the dashboard keeps 200 entries of 50 lines each", async () => {
  await using served = await openDashboard();
  const addresses = Array.from({ length: 53 }, (_, i) => `198.51.100.${i}/24`);
  for (let i = 0; i < 210; i++) await served.change(addresses[i % 53]!);
  for (const count of [0, 50, 0, 53]) await served.change(...addresses.slice(0, count));
  await using messages = new Messages(served.dashboard.handle(request("/events")));
  const { entries } = await messages.next();
  assertEquals([entries.length, entries[199].sequence], [200, 215]);
  const [fifty, , more] = entries.slice(-3);
  assertEquals([fifty.changes.length, fifty.changes[49]], [50, "eth0 got 198.51.100.49/24"]);
  assertEquals([more.changes.length, more.changes[50]], [51, "and 3 more"]);
});

Deno.test("the dashboard refuses more than 100 clients and accepts new ones when others leave", async () => {
  await using served = await openDashboard();
  const open = () => served.dashboard.handle(request("/events"));
  assertEquals(served.dashboard.handle(request("/events", {}, "HEAD")).body, null); // no client
  const clients = Array.from({ length: 100 }, open);
  assertEquals(new Set(clients.map(({ status }) => status)), new Set([200]));
  const refused = open();
  assertEquals([refused.status, await refused.text()], [503, "Too many clients\n"]);
  await clients.pop()?.body?.cancel();
  clients.push(open());
  assertEquals(clients.at(-1)?.status, 200);
  await Promise.all(clients.map(({ body }) => body?.cancel()));
});

Deno.test("the dashboard's events end when the monitor is closed", async () => {
  await using served = await openDashboard();
  const messages = new Messages(served.dashboard.handle(request("/events")));
  await messages.next();
  const next = messages.next();
  await served.close();
  assertEquals(await next, null);
});

Deno.test("the dashboard does not show what the source cannot know", async () => {
  const knows = { links: false, addressFlags: false, routes: false };
  const source = new ScriptedSource({ interfaces: [{ ...ETH0, index: 0, mtu: 0 }], knows });
  await using monitor = await NetworkMonitor.open({ source, clock: new ManualClock() });
  const { online, summary, routes, interfaces: [card] } = createView(monitor);
  assertEquals({ online, summary, routes }, {
    online: "Unknown",
    summary: "The default routes are unknown",
    routes: [["IPv4", "unknown"], ["IPv6", "unknown"]],
  });
  assertEquals(card?.badges, []);
  assertEquals(card?.rows, [["Kind", "ethernet"]]);
});
