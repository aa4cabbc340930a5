/**
 * From the start of the process to the first state.
 *
 * @module
 */
import { setUpNetwork } from "../network.ts";
import { EMPTY } from "../peers.ts";
import { Program } from "../program.ts";
import type { Scenario } from "../scenario.ts";

const STARTS = 5;

export const start: Scenario = {
  name: "start",
  title: "process start to first state",
  async run(bench) {
    await setUpNetwork(10);
    await bench.interleave("start", [EMPTY, ...bench.peers], async (peer) => {
      const startMs: number[] = [];
      for (let i = 0; i < STARTS; i++) {
        const program = await Program.start(peer);
        startMs.push(program.startMs);
        await program.end();
      }
      bench.record("start", peer.name, { startMs });
    });
  },
};
