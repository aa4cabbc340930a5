/**
 * Storms as fast as `ip -batch` goes: address changes, which concern every program, and route changes that
 * concern nobody.
 *
 * @module
 */
import { ip } from "../../support/netns.ts";
import { blocks } from "../isolated_changes.ts";
import type { Cost, Meter } from "../meter.ts";
import { CHANGING, isKernelState, runBatch, setUpNetwork, sleep, writeBatch } from "../network.ts";
import { Program } from "../program.ts";
import type { Bench, Scenario } from "../scenario.ts";

/** Neither does one of them keep a state nor is a target measured by it: fewer rounds will do. */
const STATELESS = ["floor", "naive", "poll", "ip"];
/** Time limits of the start end within a second: a program that watches for longer has only the storm's cost. */
const SETTLE_MS = 2_000;
const QUIET_MS = 300;
/** netmon looks a second after it looked last. */
const MIN_MS = 1_200;
/** A program that is not done by then counts with what it has used. */
const LONGEST_MS = 20_000;
const BLOCK = 2_000;

export const addressStorm: Scenario = {
  name: "addresses-storm",
  title: "100,000 address changes",
  run: (bench) =>
    measureStorm(bench, "addresses-storm", addressChanges(bench.quick ? 12_000 : 100_000)),
};

export const routeStorm: Scenario = {
  name: "routes-storm",
  title: "200,000 unrelated route changes",
  run: (bench) => measureStorm(bench, "routes-storm", routeChanges(bench.quick ? 20_000 : 200_000)),
};

async function measureStorm(bench: Bench, name: string, commands: string[]): Promise<void> {
  await setUpNetwork(10);
  const batch = await writeBatch(commands);
  const peers = [
    ...bench.peers.map((peer) => STATELESS.includes(peer.name) ? { ...peer, rounds: 2 } : peer),
    bench.timedNetwatch(),
  ];
  const concerned = name === "routes-storm" ? peers.filter(({ routes }) => routes) : peers;
  await bench.interleave(name, concerned, async (peer) => {
    await ip(`-4 addr flush dev ${CHANGING} to 10.209.0.0/16`);
    const program = await Program.start(peer);
    await sleep(SETTLE_MS);
    const before = program.meter.read();
    const { wallMs, endNs } = await runBatch(batch);
    const after = await untilQuiet(program.meter);
    const { died, events, state, values } = await program.end();
    bench.record(name, peer.name, {
      wallMs,
      cpuMs: after.cpuMs - before.cpuMs,
      wakeUps: after.wakeUps - before.wakeUps,
      events: events.length,
      ...events.length > 0 ? { lastEventMs: (events.at(-1)! - endNs) / 1e6 } : {},
      ...state === null ? {} : { right: Number(await isKernelState(state)) },
      ...values.overflows === undefined ? {} : { overflows: values.overflows },
      ...died ? { died: 1 } : {},
      ...blocks(values),
    });
  });
  await Deno.remove(batch);
}

/** Waits until the program has nothing left to do. */
async function untilQuiet(meter: Meter): Promise<Cost> {
  const end = performance.now() + LONGEST_MS;
  await sleep(MIN_MS);
  for (let before = meter.read();;) {
    await sleep(QUIET_MS);
    const now = meter.read();
    if (now.cpuMs - before.cpuMs < 5 || performance.now() > end) return now;
    before = now;
  }
}

/** Adds and removes blocks of addresses; at the end one block is there. */
function addressChanges(count: number): string[] {
  const command = (verb: string, n: number) =>
    `addr ${verb} 10.209.${n >> 8}.${n & 255}/32 dev ${CHANGING}`;
  const half = BLOCK / 2;
  const churn = Array.from({ length: count - BLOCK }, (_, i) => {
    return command(Math.floor(i / BLOCK) % 2 === 0 ? "add" : "del", i % BLOCK);
  });
  const again = (verb: string) => Array.from({ length: half }, (_, n) => command(verb, n));
  return [...churn, ...again("del"), ...again("add")];
}

function routeChanges(count: number): string[] {
  return Array.from({ length: count / 2 }, (_, i) => {
    const prefix = `10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`;
    return [`route add ${prefix} dev n2`, `route del ${prefix} dev n2`];
  }).flat();
}
