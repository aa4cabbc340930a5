/**
 * Minutes in which nothing changes: CPU time, wake-ups, memory. All programs run at the same time, each as
 * often as there are rounds.
 *
 * @module
 */
import { setUpNetwork, sleep } from "../network.ts";
import { EMPTY, type Peer } from "../peers.ts";
import { Program } from "../program.ts";
import type { Bench, Scenario } from "../scenario.ts";

/** V8 collects garbage once, 30 to 120 s after the start, in a program that calls functions of a library. */
const SETTLE_MS = 150_000;
/** Longer than the time between two scavenges of V8, which is over two minutes. */
const MEASURED_SECONDS = 180;
/** Deno ends threads of its pool after 10 s: their CPU time has to be read before. */
const READ_MS = 4_000;

export const idle: Scenario = {
  name: "idle",
  title: "an idle minute",
  async run(bench) {
    await setUpNetwork(10);
    const seconds = bench.quick ? 20 : MEASURED_SECONDS;
    bench.progress(`idle: ${seconds} s, all programs at once`);
    const running = await startAll(bench, [EMPTY, ...bench.peers]);
    await sleep(bench.quick ? 5_000 : SETTLE_MS);
    const before = running.map(({ program }) => program.meter.read());
    const end = performance.now() + seconds * 1_000;
    while (performance.now() < end) {
      await sleep(Math.min(READ_MS, Math.max(end - performance.now(), 0)));
      for (const { program } of running) program.meter.read();
    }
    for (const [i, { peer, program }] of running.entries()) {
      if (program.ended) {
        bench.progress(`idle: ${peer.name} failed: it died`);
        continue;
      }
      const { cpuMs, wakeUps } = program.meter.read();
      bench.record("idle", peer.name, {
        cpuMsMinute: (cpuMs - before[i]!.cpuMs) * 60 / seconds,
        wakeUpsMinute: (wakeUps - before[i]!.wakeUps) * 60 / seconds,
        ...program.meter.memory(),
      });
    }
    await Promise.all(running.map(({ program }) => program.end()));
  },
};

async function startAll(bench: Bench, peers: readonly Peer[]) {
  const running: { peer: Peer; program: Program }[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    for (const peer of peers) {
      try {
        running.push({ peer, program: await Program.start(peer) });
      } catch (error) {
        bench.progress(`idle: ${peer.name} failed: ${error}`);
      }
    }
  }
  return running;
}
