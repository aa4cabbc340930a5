/**
 * The table that messages keep up to date against the dump, which is the yardstick. `NETWATCH_SEED` in
 * the environment gives another seed.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { LinuxSource } from "../../ffi/linux/source.ts";
import { buildState } from "../../state/build.ts";
import { diffStates } from "../../state/diff.ts";
import type { Subscription } from "../../state/ports.ts";
import type { Address, State } from "../../state/types.ts";
import { withoutDad } from "../support/dad.ts";
import { ip, ipMay, namespaceTest } from "../support/netns.ts";
import { operations } from "../support/operations.ts";
import { Random } from "../support/random.ts";
import { replay, testSeed } from "../support/seed.ts";
import { scaled } from "../support/timing.ts";
import { emptyWorld } from "../support/world.ts";

const SEED = testSeed(1);
console.log(`table_test: ${replay(SEED)}`);

/** The kernel announces a change of carrier up to a second after it (net/core/link_watch.c). */
const SETTLE_MS = scaled(3_000);
const LOOK_AGAIN_MS = 5;
const BURSTS = 40;
const LONGEST_BURST = 15;
const { signal } = new AbortController();

namespaceTest(
  import.meta.url,
  "Subscription.view() equals Source.read() after random operations",
  async () => {
    withoutDad();
    await using source = await LinuxSource.open({});
    await using yardstick = await LinuxSource.open({});
    await using subscription = await source.subscribe(signal);
    subscription.adopt(await source.read(signal));
    const random = new Random(SEED);
    const commands = operations(random, emptyWorld(), { rules: false });
    for (let burst = 1; burst <= BURSTS; burst++) {
      for (let left = random.between(1, LONGEST_BURST); left > 0; left--) {
        await ipMay(commands.next().value);
      }
      await settle(subscription, yardstick, `burst ${burst}`);
    }
    assert(source.counters.events > BURSTS, `Only ${source.counters.events} events`);
    assertEquals(source.counters.malformed, 0);
  },
);

namespaceTest(
  import.meta.url,
  "Subscription.adopt() keeps events received since the read began",
  async () => {
    withoutDad();
    await using source = await LinuxSource.open({});
    await using yardstick = await LinuxSource.open({});
    await using subscription = await source.subscribe(signal);
    const random = new Random(SEED);
    const commands = operations(random, emptyWorld(), { rules: false });
    for (let burst = 1; burst <= BURSTS; burst++) {
      const churn = { done: false };
      const churning = operate(commands, random.between(5, LONGEST_BURST), churn);
      while (!churn.done) {
        const reading = await source.read(signal);
        // What happens now is newer than the reading and must survive its adoption.
        await delay(random.between(0, 4));
        subscription.adopt(reading);
      }
      await churning;
      await settle(subscription, yardstick, `burst ${burst}`);
    }
  },
);

namespaceTest(
  import.meta.url,
  "Subscription.view() follows an address through duplicate address detection",
  async () => {
    await using source = await LinuxSource.open({});
    await ip("link add a0 type veth peer name b0");
    await using subscription = await source.subscribe(signal);
    subscription.adopt(await source.read(signal));
    await ip("link set a0 up");
    await ip("addr add 2001:db8::1/64 dev b0 nodad");
    await ip("link set b0 up");
    await ip("addr add 2001:db8::1/64 dev a0");
    await ip("addr add 2001:db8::2/64 dev a0");
    const find = (address: string) =>
      addressesOf(subscription).find((it) => it.address === address);
    const automatic = () => addressesOf(subscription).find(({ scopeId }) => scopeId !== null);
    // Only a dump shows an automatic address that is under detection.
    await eventually("the automatic address is tentative", async () => {
      await source.read(signal);
      return automatic()?.tentative === true;
    });
    assertEquals([find("2001:db8::1")?.tentative, find("2001:db8::2")?.tentative], [true, true]);
    await eventually("the automatic address is usable", () => automatic()?.tentative === false);
    await eventually("another is usable", () => find("2001:db8::2")?.tentative === false);
    await eventually("one is a duplicate", () => find("2001:db8::1")?.duplicated === true);
  },
);

/** Carries out so many of the commands. */
async function operate(
  commands: Generator<string, never>,
  count: number,
  churn: { done: boolean },
): Promise<void> {
  while (count-- > 0) await ipMay(commands.next().value);
  churn.done = true;
}

/** Until the table is the truth, or it is clear that it will not be. */
async function settle(subscription: Subscription, yardstick: LinuxSource, when: string) {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const truth = buildState(await yardstick.read(signal), null);
    const changes = diffStates(stateOf(subscription), truth);
    if (changes.length === 0) return;
    if (performance.now() > deadline) {
      throw new Error(`${replay(SEED)}, ${when}: the truth differs by ${JSON.stringify(changes)}`);
    }
    await delay(LOOK_AGAIN_MS);
  }
}

async function eventually(
  what: string,
  predicate: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + 2 * SETTLE_MS;
  while (!(await predicate())) {
    if (performance.now() > deadline) throw new Error(`Never: ${what}`);
    await delay(LOOK_AGAIN_MS);
  }
}

function stateOf(subscription: Subscription): State {
  const view = subscription.view();
  if (view === null) throw new Error("The subscription has no table");
  return buildState(view, null);
}

function addressesOf(subscription: Subscription): readonly Address[] {
  return stateOf(subscription).interfaces.a0?.addresses ?? [];
}
