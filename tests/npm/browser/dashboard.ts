/**
 * The page of the program `dashboard` in Chromium, in a network namespace. `deno task test:page` runs it;
 * the name keeps it out of `deno test`, because CI does not install a browser.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { ip, namespaceTest } from "../../support/netns.ts";
import { complaintsOf, startBrowser, startDashboard } from "./page.ts";

const CHANGE_MAX_MS = 1_000;

/** Opens the page in a network with one cable. The body gets it when it is live. */
function pageTest(
  name: string,
  body: (page: Page, dashboard: Awaited<ReturnType<typeof startDashboard>>) => Promise<void>,
): void {
  namespaceTest(import.meta.url, name, async () => {
    for (const command of ["link set lo up", "link add eth0 type veth peer name port0"]) {
      await ip(command);
    }
    for (const name of ["eth0", "port0"]) await ip(`link set ${name} up`);
    await ip("addr add 192.168.1.7/24 dev eth0");
    await ip("route add default via 192.168.1.1");
    const dashboard = await startDashboard();
    await using _program = dashboard.program;
    const browser = await startBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${dashboard.port}/`);
      await page.getByText("Live", { exact: true }).waitFor();
      await body(page, dashboard);
    } finally {
      await browser.close();
    }
  }, { config: "tests/npm/config.json", needs: ["chromium"] });
}

pageTest("a change appears on the page within 1 s", async (page) => {
  const complaints = complaintsOf(page);
  await page.reload();
  await page.getByText("Online", { exact: true }).waitFor();
  await page.getByText("through eth0, as 192.168.1.7").waitFor();
  assertEquals(await page.title(), "Online · netwatch");
  const started = performance.now();
  await ip("addr add 192.168.2.9/24 dev eth0");
  await page.locator("#timeline li", { hasText: "192.168.2.9" }).first().waitFor();
  await page.locator(".addresses li", { hasText: "192.168.2.9/24" }).waitFor();
  const ms = Math.round(performance.now() - started);
  console.log(`the change appeared after ${ms} ms`);
  assert(ms < CHANGE_MAX_MS, `${ms} ms`);
  await ip("link set eth0 down");
  await page.getByText("Offline", { exact: true }).waitFor();
  assertEquals(complaints, []);
});

pageTest("the page says that the connection is lost, and recovers", async (page, dashboard) => {
  await ip("addr add 192.168.2.9/24 dev eth0");
  await page.locator("#timeline li", { hasText: "192.168.2.9" }).first().waitFor();
  dashboard.program.signal("SIGINT");
  const { code, stderr } = await dashboard.program.end();
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  await page.getByRole("status").getByText("Connection lost. Reconnecting…")
    .waitFor({ timeout: 8_000 }); // at once, not after 12 s of silence
  await ip("addr add 192.168.3.9/24 dev eth0");
  const restarted = await startDashboard(dashboard.port);
  await using _program = restarted.program;
  await page.getByRole("status").getByText("Live", { exact: true }).waitFor();
  await page.locator(".addresses li", { hasText: "192.168.3.9/24" }).waitFor();
  const old = page.locator("#timeline li", { hasText: "192.168.2.9" });
  assertEquals(await old.count(), 0, "the timeline of the old program");
  await ip("addr add 192.168.4.9/24 dev eth0");
  await page.locator("#timeline li", { hasText: "192.168.4.9" }).first().waitFor();
});

pageTest("hostile interface names do nothing on the page", async (page) => {
  const complaints = complaintsOf(page);
  const names = ["<s>x", '"><b>', "&lt;b&gt;", "\u202eevil", "${1}'`"];
  for (const name of names) await ip(`link add ${name} type bridge`);
  for (const name of ["<s>x", '"><b>', "&lt;b&gt;", "\\u{202e}evil", "${1}'`"]) {
    await page.getByRole("heading", { name, exact: true, includeHidden: true })
      .waitFor({ state: "attached" });
    await page.locator("#timeline li", { hasText: name }).first().waitFor();
  }
  assertEquals(await page.locator("s, b").count(), 0);
  assertEquals((await page.textContent("body"))?.includes("\u202e"), false);
  assertEquals(complaints, []);
  // The policy stops what a missing escape would let through.
  await page.evaluate(
    `document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='document.title=1'>")`,
  );
  await page.waitForTimeout(100);
  assertEquals(await page.title(), "Online · netwatch");
  assertStringIncludes(complaints.join("\n"), "Content Security Policy");
});

pageTest(
  "axe-core finds no violation: light, dark, phone, connection lost",
  async (page, { program }) => {
    await ip("link add docker0 type bridge");
    await ip("addr add 192.168.2.9/24 dev eth0");
    await ip("route replace default via 192.168.1.254");
    await page.locator("#timeline li", { hasText: "192.168.1.254" }).first().waitFor();
    const summary = page.locator("#host-only-summary");
    if (await summary.isVisible()) await summary.click();
    const check = async (what: string) => {
      const violations = await violationsOf(page);
      assertEquals(violations, [], what);
    };
    for (const colorScheme of ["light", "dark"] as const) {
      for (const size of [{ width: 1280, height: 900 }, { width: 360, height: 740 }]) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await page.setViewportSize(size);
        await check(`${colorScheme}, ${size.width}`);
        const overflow = await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        assertEquals(overflow, 0, `scrolls sideways at ${size.width}`);
      }
    }
    program.signal("SIGINT");
    await page.getByText("Connection lost. Reconnecting…").waitFor();
    await check("connection lost");
  },
);

pageTest("the page works with the keyboard", async (page) => {
  for (let i = 2; i < 16; i++) {
    await ip(`addr add 10.0.${i}.1/24 dev eth0`);
    await page.locator("#timeline li", { hasText: `10.0.${i}.1` }).first().waitFor();
  }
  const focused = () => page.evaluate("document.activeElement.textContent.trim()");
  const visible = () => page.locator("#timeline > li:visible").count();
  assertEquals(await visible(), 10);
  await page.keyboard.press("Tab");
  assertEquals(await focused(), "Skip to the timeline");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space"); // major only
  assert(await page.getByLabel("Major only").isChecked());
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space"); // all
  const majors = await page.locator("#timeline > li.major").count();
  assertEquals(await visible(), majors);
});

/** The rules of axe-core that the page breaks, with the elements. */
async function violationsOf(page: Page): Promise<string[]> {
  // Not a script element: the page's policy would refuse it.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<axe.AxeResults>("axe.run()");
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
