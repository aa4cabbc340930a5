/**
 * The page of the program `dashboard` in Chromium, on a scripted network. `deno task test:page` runs it; the
 * name keeps it out of `deno test`, because CI does not install a browser.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import type { Page } from "playwright-core";
import {
  ManualClock,
  scriptedAddress,
  scriptedInterface,
  scriptedRoute,
  ScriptedSource,
} from "../../../actor/testing.ts";
import { Dashboard } from "../../../examples/dashboard/server.ts";
import { type Interface, NetworkMonitor } from "../../../mod.ts";
import { limited } from "../../support/limited.ts";
import { skippable } from "../../support/skip.ts";
import { complaintsOf, startBrowser } from "./page.ts";

const ETH0 = scriptedInterface("eth0", ["192.0.2.7/24"], { index: 2 });
const ETH1 = scriptedInterface("eth1", [], { index: 3, running: false });
const LO = scriptedInterface("lo", ["127.0.0.1/8"], { index: 1, kind: "loopback", hostOnly: true });

/** Serves the page of a scripted network. */
class ScriptedServer implements AsyncDisposable {
  /** Requests for events so far, also refused ones. */
  requests = 0;
  /** Event streams that the page has not closed. */
  open = 0;
  /** Whether requests get the status 503. */
  refuses = false;
  readonly source = new ScriptedSource({
    interfaces: [LO, ETH0, ETH1],
    defaultRoute: { ipv4: scriptedRoute("eth0", "192.0.2.1") },
  });
  readonly #clock = new ManualClock();
  readonly #streams: TransformStreamDefaultController[] = [];
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request, { completed }) => this.#handle(request, completed),
  );
  #dashboard!: Dashboard;
  #monitor!: NetworkMonitor;

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  static async start(): Promise<ScriptedServer> {
    const it = new ScriptedServer();
    it.#monitor = await NetworkMonitor.open({ source: it.source, clock: it.#clock });
    const { setInterval } = globalThis;
    globalThis.setInterval = (() => 0) as unknown as typeof setInterval; // no heartbeat
    it.#dashboard = await Dashboard.create(it.#monitor, "127.0.0.1")
      .finally(() => globalThis.setInterval = setInterval);
    return it;
  }

  async change(...interfaces: Interface[]): Promise<void> {
    this.source.set(interfaces);
    this.source.announce();
    await this.#clock.advance(250);
  }

  /** Changes the interfaces without an event, then reads them. */
  async refresh(...interfaces: Interface[]): Promise<void> {
    this.source.set(interfaces);
    await Promise.all([this.#monitor.refresh(), this.#clock.advance(250)]);
  }

  /** Ends all event streams. */
  cut(): void {
    for (const stream of this.#streams) stream.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#monitor.close();
    await this.#server.shutdown();
  }

  #handle(request: Request, completed: Promise<void>): Response {
    if (!request.url.endsWith("/events")) return this.#dashboard.handle(request);
    this.requests++;
    if (this.refuses) return new Response(null, { status: 503 });
    const { body, headers } = this.#dashboard.handle(request);
    this.open++;
    completed.catch(() => {}).finally(() => this.open--);
    const stream = new TransformStream({
      start: (controller) => void this.#streams.push(controller),
    });
    return new Response(body!.pipeThrough(stream), { headers });
  }
}

/** Opens the page, whose timers run only when the test says so. The body gets it when it is live. */
function scriptedTest(
  name: string,
  body: (page: Page, server: ScriptedServer) => Promise<void>,
): void {
  skippable({
    name,
    needs: ["chromium"],
    fn: () => limited(runScripted(body)),
  });
}

async function runScripted(
  body: (page: Page, server: ScriptedServer) => Promise<void>,
): Promise<void> {
  await using server = await ScriptedServer.start();
  const browser = await startBrowser();
  try {
    const page = await browser.newPage({ locale: "en-GB", timezoneId: "UTC" });
    page.setDefaultTimeout(5_000);
    const complaints = complaintsOf(page);
    await page.clock.install({ time: 0 });
    await page.goto(server.url);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.clock.pauseAt(8_000);
    await body(page, server);
    assertEquals(complaints.filter((text) => !/net::|503/.test(text)), []);
  } finally {
    await browser.close();
  }
}

/** Resolves when the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

const contentOf = (page: Page, selector: string) => page.innerHTML(selector);

scriptedTest("the page shows interfaces, routes and health", async (page) => {
  assertEquals(
    await contentOf(page, "#interfaces .card"),
    '<h3>eth0</h3><p class="badges"><span class="badge up">up</span> ' +
      '<span class="badge carrier">carrier</span> ' +
      '<span class="badge IPv4-default">IPv4 default</span> </p>' +
      '<ul class="addresses"><li>192.0.2.7/24</li></ul><dl>' +
      "<div><dt>Kind</dt><dd>ethernet</dd></div><div><dt>Index</dt><dd>2</dd></div>" +
      "<div><dt>MTU</dt><dd>1500</dd></div></dl>",
  );
  assertEquals(
    await contentOf(page, "#interfaces .card:last-child .badges"),
    '<span class="badge up">up</span> <span class="badge no-carrier">no carrier</span> ',
  );
  assertEquals(
    await contentOf(page, "#routes"),
    "<div><dt>IPv4</dt><dd>eth0 via 192.0.2.1 from 192.0.2.7</dd></div>" +
      "<div><dt>IPv6</dt><dd>none</dd></div>",
  );
  assertEquals(
    (await contentOf(page, "#health")).replace(/<div><dt>Last event.*/, ""),
    "<div><dt>Status</dt><dd>live</dd></div><div><dt>Source</dt><dd>scripted</dd></div>" +
      '<div><dt>Since</dt><dd><time datetime="2023-11-14T22:13:20.000Z" ' +
      'title="14/11/2023, 22:13:20">22:13:20</time></dd></div>',
  );
  assertEquals(await page.locator("#metrics > div").count(), 15);
  assertEquals(await page.locator("#connection").innerText(), "Live");
});

scriptedTest("the page says whether the machine is online", async (page, server) => {
  const says = async () => [
    await page.title(),
    await page.locator("#online").innerText(),
    await page.locator("#summary").innerText(),
    await page.getAttribute("body", "data-online"),
  ];
  assertEquals(
    await says(),
    ["Online · netwatch", "Online", "through eth0, as 192.0.2.7", "Online"],
  );
  server.source.set({ defaultRoute: { ipv4: null, ipv6: null } });
  await server.change(LO, ETH0);
  await page.getByText("No default route", { exact: true }).waitFor();
  assertEquals(await says(), ["Offline · netwatch", "Offline", "No default route", "Offline"]);
});

scriptedTest("the page lists host-only interfaces apart", async (page, server) => {
  const details = page.locator("#host-only-details");
  const names = (selector: string) => page.locator(`${selector} h3`).allTextContents();
  assertEquals([await names("#interfaces"), await names("#host-only")], [["eth0", "eth1"], ["lo"]]);
  assertEquals(await page.locator("#host-only-summary").innerText(), "Host-only (1)");
  assertEquals(await details.isVisible(), true);
  await server.change(ETH0);
  await details.waitFor({ state: "hidden" });
  assertEquals(await names("#interfaces"), ["eth0"]);
});

scriptedTest("the page says how many interfaces it leaves out", async (page, server) => {
  assertEquals(await page.locator("#left-out").innerText(), "");
  const many = Array.from({ length: 203 }, (_, i) => ({ ...ETH1, name: `eth${i}`, index: i + 2 }));
  await server.change(...many);
  await page.getByText("and 3 more", { exact: true }).waitFor();
  assertEquals(await page.locator("#interfaces > li").count(), 200);
});

scriptedTest("what has not changed on the page keeps its elements", async (page, server) => {
  const elements = ["#routes > div", "#interfaces > :nth-child(1)", "#interfaces > :nth-child(2)"];
  for (const selector of elements) {
    await page.evaluate(`document.querySelector("${selector}").dataset.old = ""`);
  }
  const firstNode = `document.querySelector("#connection").firstChild`;
  await page.evaluate(`globalThis.live = ${firstNode}`); // a new one would be read out again
  const old = async () => {
    const kept = [];
    for (const selector of elements) kept.push(await page.locator(`${selector}[data-old]`).count());
    return kept;
  };
  await server.change(LO, ETH0, { ...ETH1, mtu: 1400 });
  await page.getByText("1400", { exact: true }).waitFor();
  assertEquals(await old(), [1, 1, 0]);
  assertEquals(await page.evaluate(`live === ${firstNode}`), true);
  assertEquals(await page.locator("#interfaces > li").count(), 2);
});

scriptedTest("the page shows the newest change first, and what is major", async (page, server) => {
  await page.getByText("None since the program started.").waitFor();
  await server.change(LO, ETH0, { ...ETH1, mtu: 1400 });
  await page.locator("#timeline > :nth-child(1)").waitFor();
  assertEquals(await page.locator("#quiet").isVisible(), false);
  const addresses = [...ETH0.addresses, scriptedAddress("2001:db8::7/64")];
  await server.refresh(LO, { ...ETH0, addresses }, ETH1);
  await page.locator("#timeline > :nth-child(2)").waitFor();
  const [first, second] = await page.locator("#timeline > li").evaluateAll((items) =>
    items.map(({ outerHTML }) => outerHTML)
  );
  const time = (ms: number) =>
    `<time datetime="2023-11-14T22:13:20.${ms}Z" title="14/11/2023, 22:13:20">22:13:20</time> `;
  assertEquals(
    first,
    `<li class="entry major"><p class="head">${time(500)}<span class="badge">refresh</span> ` +
      '<span class="badge major">major</span> </p>' +
      '<p class="reason">2001:db8::7 is usable on eth0</p>' +
      '<ul class="lines"><li>eth1 has MTU 1500 (was 1400)</li>' +
      "<li>eth0 got 2001:db8::7/64</li></ul></li>",
  );
  assertEquals(
    second,
    `<li class="entry"><p class="head">${time(250)}</p>` +
      '<ul class="lines"><li>eth1 has MTU 1400 (was 1500)</li></ul></li>',
  );
});

scriptedTest("two check boxes choose the changes that the page shows", async (page, server) => {
  const majors = 2;
  for (let mtu = 1_400; mtu < 1_410; mtu++) await server.change(LO, ETH0, { ...ETH1, mtu });
  for (let i = 0; i < majors; i++) await server.change(LO, ...i % 2 ? [ETH0] : [], ETH1);
  await page.locator("#timeline > .major").nth(majors - 1).waitFor();
  const visible = () => page.locator("#timeline > li:visible").count();
  const shown = [await visible()];
  for (const label of ["Major only", "All, not", "Major only", "All, not"]) {
    await page.getByLabel(label).click();
    shown.push(await visible());
  }
  assertEquals(shown, [10, majors, majors, 12, 10]);
});

scriptedTest("the page keeps the newest 200 changes", async (page, server) => {
  for (let mtu = 2_000; mtu < 2_201; mtu++) await server.change(LO, ETH0, { ...ETH1, mtu });
  for (let mtu = 2_200; mtu < 2_203; mtu++) {
    await page.getByText(`eth1 has MTU ${mtu} `).waitFor({ state: "attached" });
    if (mtu < 2_202) await server.change(LO, ETH0, { ...ETH1, mtu: mtu + 1 });
  }
  const entries = page.locator("#timeline > li");
  assertEquals(await entries.count(), 200);
  assertMatch(await entries.last().innerText(), /eth1 has MTU 2003 /);
});

scriptedTest("after 12 s of silence the page connects again", async (page, server) => {
  const connection = page.locator("#connection");
  await server.change(LO, ETH0); // at this moment of the page's clock
  await page.locator("#timeline > li").waitFor();
  await page.clock.runFor(11_999);
  assertEquals([await connection.innerText(), server.requests], ["Live", 1]);
  await page.clock.runFor(1);
  assertEquals(await connection.innerText(), "Connection lost. Reconnecting…");
  assertEquals(await page.getAttribute("body", "class"), "lost");
  await until(() => server.open === 0);
  await page.clock.runFor(999);
  assertEquals(server.requests, 1);
  await page.clock.runFor(1);
  await page.getByText("Live", { exact: true }).waitFor();
  assertEquals(await page.getAttribute("body", "class"), "");
  assertEquals([server.open, server.requests], [1, 2]);
  assertEquals(await page.locator("#timeline > li").count(), 1, "no entry twice");
});

scriptedTest("after a long outage the page has one connection", async (page, server) => {
  server.refuses = true;
  server.cut();
  await page.getByText("Connection lost. Reconnecting…").waitFor();
  while (server.requests < 15) { // at most one a second
    await page.clock.runFor(100);
    await delay(5);
  }
  server.refuses = false;
  await page.clock.runFor(1_000);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.clock.runFor(5_000);
  assertEquals(server.open, 1);
});
