/**
 * The monitor against iproute2: after each of many random operations both must say the same, and the
 * monitor must have got there by events alone. `NETWATCH_SEED` in the environment gives another seed.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { NetworkMonitor } from "../../mod.ts";
import { differences } from "../support/compare.ts";
import { withoutDad } from "../support/dad.ts";
import { askIproute2 } from "../support/iproute2.ts";
import { ipMay, namespaceTest } from "../support/netns.ts";
import { operations } from "../support/operations.ts";
import { Random } from "../support/random.ts";
import { replay, testSeed } from "../support/seed.ts";
import { fewer, scaled } from "../support/timing.ts";
import { emptyWorld } from "../support/world.ts";

/** With this one a deleted nexthop object takes the default route along, which most others lack. */
const SEED = testSeed(6);
console.log(`differential_test: ${replay(SEED)}`);

/** The kernel announces a change of carrier up to a second after it (net/core/link_watch.c). */
const SETTLE_MS = scaled(3_000);
const LOOK_AGAIN_MS = 5;
/** Fewer would mean that the operations miss what is there. */
const MIN_ACCEPTED = 0.5;

namespaceTest(
  import.meta.url,
  "NetworkMonitor agrees with iproute2 after each of 500 random operations",
  () => operateAndCompare(500, { rules: false }),
);

namespaceTest(
  import.meta.url,
  "NetworkMonitor agrees with iproute2 after each of 300 random operations with policy rules",
  () => operateAndCompare(300, { rules: true }),
);

async function operateAndCompare(most: number, options: { rules: boolean }): Promise<void> {
  const steps = fewer(most);
  withoutDad();
  await using monitor = await openByEventsAlone();
  const routesSeen = new Set<string>();
  let accepted = 0;
  let step = 0;
  for (const command of operations(new Random(SEED), emptyWorld(), options)) {
    const { code, stderr } = await ipMay(command);
    accepted += Number(code === 0);
    const wrong = await disagreement(monitor);
    if (wrong.length > 0) {
      const answer = code === 0 ? "" : `, refused with "${stderr.trim()}"`;
      throw new Error(
        `${replay(SEED)}, step ${step}: ip ${command}${answer}\n${wrong.join("\n")}`,
      );
    }
    for (const route of Object.values(monitor.current.state.defaultRoute)) {
      routesSeen.add(JSON.stringify(route));
    }
    if (++step === steps) break;
  }
  const { fullReads, malformed, overflows, reconciles, spoofed } = monitor.metrics;
  assertEquals(
    { fullReads, malformed, reconciles, spoofed },
    { fullReads: 1 + overflows, malformed: 0, reconciles: 0, spoofed: 0 },
  );
  assert(accepted > steps * MIN_ACCEPTED, `${replay(SEED)}: only ${accepted} were accepted`);
  assert(
    routesSeen.size > fewer(5),
    `${replay(SEED)}: only ${routesSeen.size} different default routes`,
  );
}

function openByEventsAlone(): Promise<NetworkMonitor> {
  return NetworkMonitor.open({ source: "events", reconcileIntervalMs: Infinity, coalesceMs: 0 });
}

/** How the monitor differs from iproute2, when that does not pass; both are asked again and again. */
async function disagreement(monitor: NetworkMonitor): Promise<string[]> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const expected = await askIproute2();
    const wrong = differences(expected, monitor.current.state);
    if (wrong.length === 0 || performance.now() > deadline) return wrong;
    await delay(LOOK_AGAIN_MS);
  }
}
