/**
 * Takes the screenshots of the page in docs/: light, dark and on a phone. They show a network namespace:
 * `deno task screenshots`
 *
 * @module
 */
import type { Page } from "playwright-core";
import { ip } from "../../support/netns.ts";
import { ROOT } from "../../support/run.ts";
import { Program } from "../../support/program.ts";
import { startBrowser, startDashboard } from "./page.ts";

const INSIDE = "inside-namespace";

/** What happens on the page. */
const SCRIPT = [
  "addr add 2001:db8:1::7/64 dev eth0 nodad",
  "-6 route add default via fe80::1 dev eth0",
  "link add docker0 type bridge",
  "addr add 172.17.0.1/16 dev docker0",
  "link set docker0 up",
  "route replace default via 192.168.1.254",
  "link set eth0 mtu 1400",
];

const SHOTS = [
  { name: "light", colorScheme: "light", viewport: { width: 1200, height: 800 }, scale: 1 },
  { name: "dark", colorScheme: "dark", viewport: { width: 1200, height: 800 }, scale: 1 },
  { name: "phone", colorScheme: "light", viewport: { width: 390, height: 844 }, scale: 1.5 },
] as const;

if (Deno.args.includes(INSIDE)) await takeScreenshots();
else {
  const { success } = await new Deno.Command("unshare", {
    args: ["-rn", Deno.execPath(), "task", "screenshots", INSIDE],
  }).spawn().status;
  if (!success) Deno.exit(1);
}

async function takeScreenshots(): Promise<void> {
  // The other end of the cable is in a namespace of its own.
  await using peer = new Program([
    "unshare",
    "-n",
    "sh",
    "-c",
    "echo ready; read _; ip link set eth0 up; exec cat",
  ]);
  await peer.until(/ready/);
  for (
    const command of [
      "link set lo up",
      `link add eth0 address 02:00:5e:10:00:01 type veth peer name eth0 netns ${peer.pid}`,
      "link set eth0 up",
      "tuntap add tun0 mode tun", // a machine with a tunnel is no container: docker0 is host-only
      "link set tun0 up",
      "addr add 192.168.1.7/24 dev eth0",
      "route add default via 192.168.1.1",
    ]
  ) await ip(command);
  await peer.write("\n");
  const { program, port } = await startDashboard();
  await using _program = program;
  const browser = await startBrowser();
  try {
    const pages = await Promise.all(SHOTS.map(async ({ scale, ...options }) => {
      const page = await browser.newPage({
        ...options,
        deviceScaleFactor: scale,
        reducedMotion: "reduce",
      });
      await page.goto(`http://127.0.0.1:${port}/`);
      return page;
    }));
    for (const [i, command] of SCRIPT.entries()) {
      await ip(command);
      const [first] = pages as [Page];
      await first.locator("#timeline > li").nth(i).waitFor({ state: "attached", timeout: 3_000 })
        .catch(() => {}); // published together with the change before
    }
    await Deno.mkdir(new URL("docs/images", ROOT), { recursive: true });
    for (const [i, page] of pages.entries()) {
      const path = new URL(`docs/images/dashboard-${SHOTS[i]?.name}.png`, ROOT);
      await page.screenshot({ path: path.pathname });
      console.log(path.pathname);
    }
  } finally {
    await browser.close();
  }
}
