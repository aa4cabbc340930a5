/**
 * A read that ends when the subscription is lost may be older than what was published during it: an address that is
 * there throughout must not be reported as gone.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Subscription } from "../../state/ports.ts";
import { addresses, eth0, nic, type OpenSetting, record, setUp } from "./support.ts";

const BEFORE = "192.0.2.1/24";
const LOST = "192.0.2.66/24"; // no event announces it

/** The subscriptions from now on fail as if no descriptor were left, and no other can be opened. */
const FAILURES: Record<string, (it: OpenSetting, subscription: Subscription) => void> = {
  "view()": (it) => it.source.viewError = new Error("EMFILE"),
  "adopt()": (_, subscription) => {
    subscription.adopt = () => {
      throw new Error("EMFILE");
    };
  },
};

for (const [what, fail] of Object.entries(FAILURES)) {
  Deno.test(`a read does not replace a newer publication when ${what} throws`, async () => {
    const subscriptions: Subscription[] = [];
    await using it = await setUp({ monitor: { coalesceMs: 0 } });
    const { source } = it;
    const subscribe = source.subscribe.bind(source);
    source.subscribe = async (signal) => {
      const subscription = await subscribe(signal);
      subscriptions.push(subscription);
      return subscription;
    };
    source.end();
    await it.clock.advance(50);
    const seen = record(it.monitor);
    source.holdReads();
    const refreshed = it.monitor.refresh(); // its read has seen the first address alone
    source.set([eth0(BEFORE, "192.0.2.2/24")]);
    source.announce();
    await it.clock.settle();
    fail(it, subscriptions.at(-1)!);
    source.refuse(1_000);
    source.releaseReads();
    await it.clock.advance(1_000);
    assertEquals(addresses(await refreshed), ["192.0.2.1", "192.0.2.2"]);
    assertEquals(seen.map((it) => addresses(it).length), [1, 2]);
    const { reconciles, fullReads } = it.monitor.metrics;
    assertEquals([reconciles, fullReads], [0, 4]);
  });
}

/** All that was published until a second after the read of the last round ended. */
async function healed(it: OpenSetting): Promise<(readonly string[])[]> {
  const seen = record(it.monitor);
  it.source.holdSubscribes();
  it.source.releaseReads();
  await it.clock.advance(1_000);
  assertEquals(it.monitor.metrics.driftsFound, 1);
  return seen.map(addresses);
}

for (const coalesceMs of [0, 250]) {
  Deno.test(`drift is published with what its view drained (coalesceMs: ${coalesceMs})`, async () => {
    await using it = await setUp({ monitor: { coalesceMs } });
    it.source.set([eth0(BEFORE, LOST)]);
    await it.clock.advance(15_000 - coalesceMs);
    it.source.holdReads();
    await it.clock.advance(50); // the read of the second round has begun
    it.source.set([eth0(BEFORE, LOST), nic("eth1", "198.51.100.1/24")]);
    it.source.emit = () => {}; // the view drains the message before its event is taken
    it.source.announce("eth1");
    assertEquals(await healed(it), [
      ["192.0.2.1"],
      ["192.0.2.1", "198.51.100.1"],
      ["192.0.2.1", "192.0.2.66", "198.51.100.1"],
    ]);
  });
}

Deno.test("drift is published with what events brought during the read of the last round", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  it.source.set([eth0(BEFORE, LOST)]);
  await it.clock.advance(15_000);
  for (let n = 1; n <= 3; n++) {
    if (n === 3) it.source.holdReads();
    await it.clock.advance(25);
    it.source.set([eth0(BEFORE, LOST), nic(`veth${n}`)]);
    it.source.announce(`veth${n}`);
    await it.clock.advance(25);
  }
  it.source.set([eth0(BEFORE, LOST), nic("eth1", "198.51.100.1/24")]);
  it.source.announce("eth1");
  await it.clock.settle();
  assertEquals(await healed(it), [
    ["192.0.2.1", "198.51.100.1"],
    ["192.0.2.1", "192.0.2.66", "198.51.100.1"],
  ]);
});
