/**
 * Watches changes of a Linux network namespace from a Windows Deno under Wine. `deno task test:windows`
 * runs it on Linux, in a namespace of its own.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { Snapshot } from "../../state/types.ts";
import { Program } from "../support/program.ts";
import { scaled } from "../support/timing.ts";

const WINE = fileURLToPath(new URL("wine.sh", import.meta.url));
const WATCH = ["deno", "run", "--no-check", "--allow-ffi", "examples/watch.ts", "--json"];
const TIMES = 100;

async function ip(command: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("ip", { args: command.split(" ") })
    .output();
  if (!success) throw new Error(`ip ${command}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** What is used of `ip -j addr`. */
interface Link {
  ifname: string;
  ifindex: number;
  link_type: string;
  address: string;
  mtu: number;
  addr_info: { local: string; prefixlen: number }[];
}

/** What is used of `ip -j route`. */
interface Route {
  dev: string;
  gateway: string;
  prefsrc: string;
}

function watch(...args: string[]): Program {
  return new Program(["bash", WINE, ...WATCH, ...args], { deadlineMs: 180_000 });
}

/** The snapshots that a program prints, and when each was read. */
class Snapshots {
  readonly #program: Program;
  #read = 0;

  constructor(program: Program) {
    this.#program = program;
  }

  async next(): Promise<Snapshot> {
    const [line] = await this.#program.until(/^.*\n/, this.#read);
    this.#read += line.length;
    return JSON.parse(line) as Snapshot;
  }

  /** Skips snapshots until one shows whether eth0 has this address. */
  async untilAddress(cidr: string, present: boolean): Promise<Snapshot> {
    for (;;) {
      const snapshot = await this.next();
      const { addresses } = snapshot.state.interfaces["eth0"]!;
      if (addresses.some((one) => one.cidr === cidr) === present) return snapshot;
    }
  }
}

Deno.test.beforeAll(async () => {
  for (
    const command of [
      "link set lo up",
      "link add eth0 type veth peer name peer0",
      "link set peer0 up",
      "link set eth0 up mtu 1400",
      "addr add 192.0.2.7/24 dev eth0",
      "addr add 2001:db8::7/64 dev eth0 nodad",
      "route add default via 192.0.2.1",
      "-6 route add default via 2001:db8::1",
    ]
  ) await ip(command);
  // duplicate address detection of the link-local addresses
  while (/tentative/.test(await ip("addr"))) await new Promise((r) => setTimeout(r, 100));
});

Deno.test("--once --json agrees with ip -j addr and ip -j route", async () => {
  await using program = watch("--once");
  const { code, stderr, stdout } = await program.end();
  assertEquals(code, 0, stderr);
  const { state } = JSON.parse(stdout) as Snapshot;
  const links = (JSON.parse(await ip("-j addr")) as Link[]).map((link) => [
    link.ifname,
    link.ifindex,
    link.link_type === "loopback" ? null : link.address,
    link.mtu,
    link.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`).toSorted(),
  ]);
  const nics = Object.values(state.interfaces).map(({ addresses, index, mac, mtu, name }) => [
    name,
    index,
    mac,
    mtu,
    addresses.map(({ cidr }) => cidr).toSorted(),
  ]);
  const byName = (a: unknown[], b: unknown[]) => String(a[0]).localeCompare(String(b[0]));
  assertEquals(nics.toSorted(byName), links.toSorted(byName));
  for (const family of [4, 6] as const) {
    const routes = async (command: string): Promise<Route> =>
      (JSON.parse(await ip(`-${family} -j route ${command}`)) as [Route])[0];
    const { dev, gateway } = await routes("show default");
    const { prefsrc } = await routes(`get ${family === 4 ? "23.0.0.1" : "2a0f::1"}`);
    const route = state.defaultRoute[`ipv${family}`];
    assertEquals([route?.interface, route?.gateway, route?.source], [dev, gateway, prefsrc]);
  }
  console.log(`${links.length} interfaces and both default routes agree`);
});

Deno.test(`${TIMES} IPv4 addresses added and removed are each published by an event`, async () => {
  await using program = watch("--interval", "Infinity");
  const snapshots = new Snapshots(program);
  await snapshots.next();
  const latencies: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    for (const [verb, present] of [["add", true], ["del", false]] as const) {
      const cidr = `192.0.2.${100 + (i % 100)}/24`;
      const start = Date.now();
      await ip(`addr ${verb} ${cidr} dev eth0`);
      const { cause } = await snapshots.untilAddress(cidr, present);
      latencies.push(Date.now() - start);
      assertEquals(cause, "event");
    }
  }
  latencies.sort((a, b) => a - b);
  console.log(
    `${latencies.length} changes: median ${latencies[TIMES]} ms, worst ${latencies.at(-1)} ms`,
  );
  assert(latencies.at(-1)! < scaled(1_000));
});

Deno.test("an IPv6 address is published within one reconcile interval", async () => {
  const intervalMs = 3_000;
  await using program = watch("--interval", String(intervalMs));
  const snapshots = new Snapshots(program);
  await snapshots.next();
  const start = Date.now();
  await ip("addr add 2001:db8::99/64 dev eth0 nodad");
  const { cause } = await snapshots.untilAddress("2001:db8::99/64", true);
  const ms = Date.now() - start;
  console.log(`an IPv6 address after ${ms} ms, by ${cause}`);
  assert(ms < scaled(intervalMs + 500), `${ms} ms`);
});
