/**
 * The network of a scenario: makes it, changes it, and compares it with the programs' states.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { ip, ipBatch } from "../support/netns.ts";
import { monotonicNs } from "./clock.ts";

/** The program that makes isolated changes. */
export const SENDER = fileURLToPath(new URL("sender.ts", import.meta.url));

/** The interface that changes; it has the default route. */
export const CHANGING = "v0";
/** The time between isolated changes: longer than `coalesceMs`, so that each is published at once. */
export const APART_MS = 330;

/** Makes interfaces up to this count, each with an address, a default route and quiet. */
export async function setUpNetwork(interfaces: number): Promise<void> {
  await ipBatch([
    "link set lo up",
    `link add ${CHANGING} type ifb`,
    `addr add 10.200.0.1/24 dev ${CHANGING}`,
    `link set ${CHANGING} up`,
    `route add default via 10.200.0.254 dev ${CHANGING}`,
  ]);
  await growNetwork(2, interfaces);
}

/** Adds interfaces, and waits until the kernel is done with duplicate address detection. */
export async function growNetwork(from: number, to: number): Promise<void> {
  const commands: string[] = [];
  for (let i = from; i < to; i++) {
    const address = `10.${i >> 8}.${i & 255}.1/24`;
    commands.push(`link add n${i} type ifb`, `addr add ${address} dev n${i}`, `link set n${i} up`);
  }
  await ipBatch(commands);
  await sleep(2_500);
}

/**
 * Makes isolated changes from another process, and returns when, in nanoseconds of `CLOCK_MONOTONIC`. Their
 * number is even: if the address stayed at the end, the first change for the next program would change nothing.
 */
export async function makeChanges(count: number, apartMs = APART_MS): Promise<number[]> {
  if (count % 2 !== 0) throw new RangeError(`The count of changes must be even, not ${count}`);
  const [{ ifindex }] = JSON.parse(await ip(`-j link show dev ${CHANGING}`));
  const args = [SENDER, ifindex, count, apartMs].map(String);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...args],
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return Array.from(
    new TextDecoder().decode(stdout).matchAll(/sent (\d+)/g),
    (it) => Number(it[1]),
  );
}

/** A file of commands for `ip -batch`. */
export async function writeBatch(commands: readonly string[]): Promise<string> {
  const path = await Deno.makeTempFile({ prefix: "netwatch-bench-" });
  await Deno.writeTextFile(path, commands.join("\n") + "\n");
  return path;
}

/** Runs the file as fast as `ip` can. Returns how long it took and when it ended, as `CLOCK_MONOTONIC`. */
export async function runBatch(path: string): Promise<{ wallMs: number; endNs: number }> {
  const start = monotonicNs();
  const { success } = await new Deno.Command("ip", {
    args: ["-force", "-batch", path],
    stdout: "null",
    stderr: "null",
  }).output();
  const endNs = monotonicNs();
  if (!success) throw new Error("ip -batch failed");
  return { wallMs: (endNs - start) / 1e6, endNs };
}

/** Whether these are the IPv4 addresses that the kernel has. */
export async function isKernelState(cidrs: readonly string[]): Promise<boolean> {
  const links: { addr_info: { local: string; prefixlen: number }[] }[] = JSON.parse(
    await ip("-j -4 addr show"),
  );
  const expected = links.flatMap(({ addr_info }) =>
    addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`)
  );
  const known = new Set(cidrs.filter((cidr) => !cidr.includes(":")));
  return known.size === new Set(expected).size && expected.every((cidr) => known.has(cidr));
}

/** Waits. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
