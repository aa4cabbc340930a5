/**
 * What is over leaves no listener on a signal that lives on.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { readNetworkState, watchNetwork } from "../../mod.ts";
import { countedSignal } from "../support/listeners.ts";
import { type OpenSetting, prepare, publish, setUp } from "./support.ts";

type Use = (it: OpenSetting, signal: AbortSignal) => Promise<unknown>;

function thrower(): never {
  throw new Error("Predicate");
}

const USES: Record<string, Use> = {
  "waitFor() that is fulfilled at once": ({ monitor }, signal) =>
    monitor.waitFor(() => true, { signal }),
  "waitFor() that is fulfilled later": async (it, signal) => {
    const waiting = it.monitor.waitFor(
      ({ localAddresses }) => localAddresses.regular[0] === "192.0.2.3",
      { signal },
    );
    for (const n of [2, 3]) await publish(it, `192.0.2.${n}/24`);
    await waiting;
  },
  "waitFor() whose predicate throws": ({ monitor }, signal) =>
    assertRejects(() => monitor.waitFor(thrower, { signal })),
  "waitFor() of a monitor that closes": async ({ monitor }, signal) => {
    const waiting = assertRejects(() => monitor.waitFor(() => false, { signal }));
    await monitor.close();
    await waiting;
  },
  "a stream that is cancelled": ({ monitor }, signal) => monitor.snapshots({ signal }).cancel(),
  "a stream whose iteration ends": async ({ monitor }, signal) => {
    for await (const _ of monitor.snapshots({ signal })) break;
  },
  "a stream whose monitor closes": async ({ monitor }, signal) => {
    const reader = monitor.snapshots({ signal }).getReader();
    await reader.read();
    await monitor.close();
    await reader.closed;
  },
  "a monitor that closes": async (_, signal) => {
    const monitor = await prepare({ monitor: { signal } }).open();
    await monitor.close();
  },
  "a monitor that cannot be opened": async (_, signal) => {
    const it = prepare({ monitor: { signal } });
    it.source.refuse(1);
    await assertRejects(it.open, Error, "Refused");
  },
  "watchNetwork() whose iteration ends": async (_, signal) => {
    const { clock, source } = prepare();
    for await (const _ of watchNetwork({ clock, source, signal })) break;
  },
  "readNetworkState()": (_, signal) => readNetworkState({ source: prepare().source, signal }),
};

for (const [what, use] of Object.entries(USES)) {
  Deno.test(`no listener is left on its signal by ${what}`, async () => {
    await using it = await setUp();
    const { signal, listeners } = countedSignal();
    await use(it, signal);
    await it.clock.settle();
    assertEquals(listeners(), 0);
  });
}

Deno.test("a monitor and a stream listen to their signal once each", async () => {
  const { signal, listeners } = countedSignal();
  await using it = await setUp({ monitor: { signal } });
  assertEquals(listeners(), 1);
  const stream = it.monitor.snapshots({ signal });
  assertEquals(listeners(), 2);
  await stream.cancel();
  assertEquals(listeners(), 1);
});
