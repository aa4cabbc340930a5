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
    // `ip monitor` does not tell when it is watching
    const peers = [EMPTY, ...bench.peers.filter(({ name }) => name !== "ip")];
    await bench.interleave("start", peers, async (peer) => {
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
