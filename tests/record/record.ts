/**
 * Records the `watch` program in a terminal while the network of a namespace changes twelve times, as
 * `docs/images/watch-80.svg` and `watch-120.svg`, and counts what `ip -ts monitor` prints of the same changes.
 * Needs Linux, root, tmux and gcc: `deno task record`
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { ip } from "../support/netns.ts";
import { ROOT } from "../support/run.ts";
import { openTunTap } from "../support/tap.ts";
import { toSvg } from "./svg.ts";
import { IpMonitor, run, sleep, Terminal } from "./terminal.ts";

const TITLE = "netwatch's watch program prints each change of the network as a line";
const COMMAND = "deno run --allow-ffi jsr:@netwatch/netwatch/watch";
/** Longer than `coalesceMs`, so that each change is a publication. */
const PAUSE_MS = 700;

const [columns, folder] = Deno.args;
if (columns !== undefined && folder !== undefined) await recordInside(Number(columns), folder);
else {
  Deno.addSignalListener("SIGINT", () => {}); // Ctrl-C ends the child; then the folder is removed
  for (const each of [80, 120]) await recordInNamespace(each);
  Deno.exit();
}

async function recordInNamespace(columns: number): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "netwatch-record-" });
  try {
    const self = ["run", "-A", fileURLToPath(import.meta.url), String(columns), folder];
    const { success } = await new Deno.Command("unshare", {
      args: ["-rn", "--pid", "--fork", "--mount-proc", "--kill-child", Deno.execPath(), ...self],
    })
      .spawn().status;
    if (!success) throw new Error("The recording failed");
    const lines = (await Deno.readTextFile(`${folder}/screen`)).trimEnd().split("\n");
    const svg = toSvg(TITLE, [`$ ${COMMAND}`, ...lines], columns);
    await Deno.writeTextFile(new URL(`docs/images/watch-${columns}.svg`, ROOT), svg);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Inside the namespace: leaves the screen in a file. */
async function recordInside(columns: number, folder: string): Promise<void> {
  await run(
    "gcc",
    "-shared",
    "-fPIC",
    "-o",
    `${folder}/libsleepy.so`,
    `${import.meta.dirname}/sleepy_libc.c`,
  );
  await ip("link set lo up");
  using _eth0 = openTunTap("eth0", "tap");
  await ip("link set eth0 address 02:00:5e:00:53:02 up");
  await ip("addr add 192.168.1.7/24 dev eth0");
  await ip("route add default via 192.168.1.1 metric 100");
  await sleep(3_000); // duplicate address detection of eth0's link-local address
  const terminal = new Terminal(`${folder}/tmux`, columns);
  const watch =
    `${Deno.execPath()} run --allow-ffi examples/watch.ts --interval 2s --libc ${folder}/libsleepy.so`;
  try {
    await terminal.start(`NETWATCH_SLEPT=${folder}/slept ${watch}`);
    await terminal.until("Ctrl-C");
    await sleep(1_000);
    await using monitor = new IpMonitor();
    await changeTheNetwork(folder);
    await sleep(2_500); // a reconcile
    await terminal.save(`${folder}/screen`);
    const lines = await terminal.lines("-J");
    const news = lines.slice(lines.findIndex((line) => line.includes("Ctrl-C")) + 1);
    console.log(
      `${columns} columns: ip -ts monitor ${await monitor.count()} messages, watch ${
        news.filter((line) => line !== "").length
      } lines`,
    );
    const wrapped = (await terminal.lines()).length !== lines.length;
    if (wrapped) throw new Error("A line is wider than the terminal");
  } finally {
    await terminal.stop();
  }
}

/** Twelve changes; each step is one. */
async function changeTheNetwork(folder: string): Promise<void> {
  await change("addr add 2001:db8::7/64 dev eth0");
  await sleep(1_500); // duplicate address detection
  await change("route replace default via 192.168.1.254 metric 100");
  await change(
    "link add docker0 address 02:42:00:5e:00:53 type bridge",
    "link set docker0 addrgenmode none",
    "addr add 172.17.0.1/16 dev docker0",
    "link set docker0 up",
  );
  const container = new Deno.Command("unshare", { args: ["-n", "sleep", "60"] }).spawn();
  await sleep(200);
  await change(
    `link add veth5b1 type veth peer name c0 netns ${container.pid}`,
    "link set veth5b1 addrgenmode none master docker0 up",
  );
  await run("nsenter", "-n", "-t", String(container.pid), "ip", "link", "set", "c0", "up");
  await sleep(PAUSE_MS);
  await change("link del veth5b1");
  container.kill();
  await container.status;
  const tun0 = openTunTap("tun0", "tun");
  await change(
    "link set tun0 addrgenmode none",
    "link set tun0 up",
    "addr add 10.8.0.2/24 dev tun0",
    "route add default dev tun0 metric 50",
  );
  tun0[Symbol.dispose]();
  await sleep(PAUSE_MS);
  await change("link set eth0 mtu 1400");
  await change(
    "addr del 192.168.1.7/24 dev eth0",
    "addr add 192.168.2.8/24 dev eth0",
    "route add default via 192.168.2.1 metric 100",
  );
  await change("link set eth0 carrier off");
  await change("link set eth0 carrier on");
  await change("link del docker0");
  await Deno.writeTextFile(`${folder}/slept`, "");
  await sleep(3_000); // longer than the interval
}

/** By one process, so that they are milliseconds apart. */
async function change(...commands: string[]): Promise<void> {
  await run("sh", "-c", `ip -batch - <<'END'\n${commands.join("\n")}\nEND`);
  await sleep(PAUSE_MS);
}
