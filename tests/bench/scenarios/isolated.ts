/**
 * An isolated change among 10 interfaces, sent by another process.
 *
 * @module
 */
import { measureChanges } from "../isolated_changes.ts";
import { setUpNetwork } from "../network.ts";
import type { Scenario } from "../scenario.ts";

/** netmon waits 1 s after each change before it looks again: this is how quick it is when it does not wait. */
const NETMON_APART_MS = 2_500;
/** Of the programs compared most: a monitor lives for weeks, but V8 is slower in a function's first eight calls. */
const LONG_COUNT = 100;

export const isolated: Scenario = {
  name: "isolated",
  title: "an isolated change among 10 interfaces",
  async run(bench) {
    await setUpNetwork(10);
    const count = bench.quick ? 8 : 10;
    const netmon = bench.only("netmon").map((peer) => ({ ...peer, name: "netmon 2.5 s" }));
    const peers = [...bench.peers, ...netmon, bench.timedNetwatch()];
    await bench.interleave("isolated", peers, async (peer) => {
      if (peer.name === "netmon 2.5 s") {
        const options = { count: 4, apartMs: NETMON_APART_MS };
        await measureChanges(bench, "isolated", peer, options);
      } else {
        const long = bench.quick ? 2 * count : LONG_COUNT;
        const isLong = ["netwatch", "floor"].includes(peer.name);
        await measureChanges(bench, "isolated", peer, { count: isLong ? long : count });
      }
    });
  },
};
