/**
 * Reconcile on a healthy socket while the network never rests: what it finds on its way is no drift.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { NetworkMonitor } from "../../mod.ts";
import { ip, ipBatch, namespaceTest } from "../support/netns.ts";
import { scaled } from "../support/timing.ts";

const RECONCILES = 1_000;
/** Short, so that there are many. The interval also bounds each read. */
const INTERVAL_MS = scaled(15);

/** Addresses with and without duplicate address detection, links that come, go, rest and change. */
function churn(round: number): string[] {
  const host = round % 200;
  return [
    `addr add 10.3.0.${host}/24 dev v0`,
    `-6 addr add 2001:db8::${host}/64 dev v0`,
    `-6 addr add 2001:db8:1::${host}/64 dev v1 nodad`,
    `link set v0 mtu ${1_400 + (round % 50)}`,
    `link set v1 ${round % 2 === 0 ? "down" : "up"}`,
    `link add p${host} type veth peer name q${host}`,
    `link set p${host} up`,
    `addr del 10.3.0.${host}/24 dev v0`,
    `-6 addr del 2001:db8::${host}/64 dev v0`,
    `link del p${host}`,
  ];
}

namespaceTest(import.meta.url, "ipBatch() applies commands of both families", async () => {
  await ipBatch([
    "link set lo up",
    "-6 addr add 2001:db8::1/128 dev lo",
    "-6 route add default dev lo metric 7",
    "-6 route add 2001:db8:1::/48 dev lo",
    "-4 route add default dev lo metric 8",
  ]);
  assertEquals((await ip("-6 route show default")).split(" metric ")[1]?.slice(0, 1), "7");
  assertEquals((await ip("-4 route show default")).split(" metric ")[1]?.slice(0, 1), "8");
  assertEquals((await ip("-6 addr show dev lo")).includes("2001:db8::1/128"), true);
  assertEquals((await ip("-6 route show 2001:db8:1::/48")).includes("dev lo"), true);
});

namespaceTest(
  import.meta.url,
  "1,000 reconciles of a healthy socket under churn find no drift",
  async () => {
    await ip("link add v0 type veth peer name v1");
    await ip("link set v0 up");
    await using monitor = await NetworkMonitor.open({
      source: "events",
      reconcileIntervalMs: INTERVAL_MS,
    });
    for (let round = 0; monitor.metrics.reconciles < RECONCILES; round++) {
      await ipBatch(churn(round));
    }
    const { canariesMissed, driftsFound, overflows, reopens } = monitor.metrics;
    assertEquals(
      { canariesMissed, driftsFound, overflows, reopens },
      { canariesMissed: 0, driftsFound: 0, overflows: 0, reopens: 0 },
    );
  },
  { deadlineMs: 240_000 },
);
