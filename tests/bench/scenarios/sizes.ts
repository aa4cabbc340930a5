/**
 * One change among many: interfaces, addresses of one interface, routes, subscribers, monitors.
 *
 * @module
 */
import { ipBatch } from "../../support/netns.ts";
import { type ChangesOptions, measureChanges } from "../isolated_changes.ts";
import { CHANGING, growNetwork, setUpNetwork, sleep } from "../network.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { measureRead } from "./read.ts";

const COUNT = 8;
/** netwatch needs no more for its last event. */
const LAST_EVENT_MS = 400;
/** They take seconds for a change. */
const SLOW_PEER_ROUNDS = 2;
/** The interface through which many routes lead. */
const ROUTED = "n2";
const ROUTES_SETTLE_MS = 2_000;
/** Warm reads take either 0.22 or 0.31 ms in a process, so it takes more than one a round. */
const PROCESSES = 3;

export const interfaces: Scenario = {
  name: "interfaces",
  title: "one change among many interfaces",
  async run(bench) {
    let count = 10;
    await setUpNetwork(count);
    for (const size of bench.quick ? [10, 500] : [10, 500, 2_000, 10_000]) {
      bench.progress(`interfaces: making ${size}`);
      await growNetwork(count, size);
      count = size;
      const slow = size === 2_000 ? bench.only("netmon", "netwatch-rs") : [];
      const peers = [
        bench.netwatch(),
        ...size === 10 ? bench.only("floor") : [],
        ...slow.map((peer) => ({ ...peer, rounds: SLOW_PEER_ROUNDS })),
        bench.timedNetwatch(),
      ];
      // V8 collects what the start left at a change or at the first reconcile, 15 s later: 50 ms with 10,000 interfaces
      const settleMs = 1_000 + 1.6 * size;
      await bench.interleave(`interfaces ${size}`, peers, (peer) => {
        const isSlow = slow.some(({ name }) => name === peer.name);
        const options = isSlow
          ? { count: COUNT / 2, settleMs, lastEventMs: 5_000 }
          : { count: COUNT, settleMs, lastEventMs: LAST_EVENT_MS };
        return measureChanges(bench, `interfaces ${size}`, peer, options);
      });
    }
  },
};

export const addresses: Scenario = {
  name: "addresses",
  title: "one more address beside many of the same interface",
  async run(bench) {
    await setUpNetwork(10);
    const size = bench.quick ? 2_000 : 10_000;
    await ipBatch(Array.from({ length: size }, (_, i) => {
      return `addr add 10.208.${i >> 8}.${i & 255}/32 dev ${CHANGING}`;
    }));
    await measureOurs(bench, `addresses ${size}`, { settleMs: 4_000 });
  },
};

export const routes: Scenario = {
  name: "routes",
  title: "a change and a read beside many routes",
  async run(bench) {
    await setUpNetwork(10);
    const size = bench.quick ? 50_000 : 500_000;
    const many = `routes ${size}`;
    await measureOurs(bench, "routes 0");
    await addRoutes(bench, size);
    await measureOurs(bench, many);
    await removeRoutes();
    // in turns, because a slow minute of the machine would make more of a difference
    const turns = bench.only("netwatch").flatMap((peer) => [peer, { ...peer, beside: size }]);
    await bench.interleave("routes, reads", turns, async (peer) => {
      if ("beside" in peer) await addRoutes(bench, size);
      const scenario = "beside" in peer ? many : "routes 0";
      for (let i = 0; i < PROCESSES; i++) await measureRead(bench, scenario, peer);
      if ("beside" in peer) await removeRoutes();
    });
  },
};

async function addRoutes(bench: Bench, count: number): Promise<void> {
  bench.progress(`routes: making ${count}`);
  await ipBatch(Array.from({ length: count }, (_, i) => {
    return `route add 10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32 dev ${ROUTED}`;
  }));
  await sleep(ROUTES_SETTLE_MS);
}

async function removeRoutes(): Promise<void> {
  await ipBatch([`link set ${ROUTED} down`, `link set ${ROUTED} up`]);
  await sleep(ROUTES_SETTLE_MS);
}

export const subscribers: Scenario = {
  name: "subscribers",
  title: "a change with 1,000 subscribers",
  async run(bench) {
    await setUpNetwork(10);
    await measureOurs(bench, "subscribers 1000", { args: ["--subscribers", "1000"] });
  },
};

export const monitors: Scenario = {
  name: "monitors",
  title: "a change with many monitors in a program",
  async run(bench) {
    await setUpNetwork(10);
    for (const count of [64, 500]) {
      const args = ["--monitors", String(count)];
      await measureOurs(bench, `monitors ${count}`, { args, settleMs: 2_000 });
    }
  },
};

async function measureOurs(
  bench: Bench,
  scenario: string,
  { args = [], settleMs }: { args?: string[]; settleMs?: number } = {},
): Promise<void> {
  const peers = [bench.netwatch(...args), bench.timedNetwatch(...args)];
  const options: ChangesOptions = { count: COUNT, lastEventMs: LAST_EVENT_MS };
  if (settleMs !== undefined) options.settleMs = settleMs;
  await bench.interleave(scenario, peers, (peer) => measureChanges(bench, scenario, peer, options));
}
