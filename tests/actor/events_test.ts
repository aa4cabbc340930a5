/**
 * The events of a monitor.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { scriptedRoute } from "../../actor/testing.ts";
import {
  HealthEvent,
  NetworkEvent,
  type NetworkEventMap,
  type NetworkMonitor,
  type Snapshot,
} from "../../mod.ts";
import { addresses, eth0, type OpenSetting, publish, setUp } from "./support.ts";

const TYPES = ["change", "online", "offline", "resume", "health"] as const;

/** The types of all events, in their order. */
function recordEvents(monitor: NetworkMonitor): string[] {
  const seen: string[] = [];
  for (const type of TYPES) monitor.addEventListener(type, (event) => seen.push(event.type));
  return seen;
}

/** Must compile: the helper of a program that takes any type of event. */
function once<Type extends keyof NetworkEventMap>(
  monitor: NetworkMonitor,
  type: Type,
): Promise<NetworkEventMap[Type]> {
  return new Promise((resolve) => {
    const listener = (event: NetworkEventMap[Type]): void => {
      monitor.removeEventListener(type, listener);
      resolve(event);
    };
    monitor.addEventListener(type, listener);
  });
}

/** The default route comes or goes, and the window passes. */
async function setOnline(it: OpenSetting, online: boolean): Promise<void> {
  const source = it.source.reading.interfaces[0]?.addresses[0]?.address ?? null;
  const ipv4 = online ? scriptedRoute("eth0", "192.0.2.254", { source }) : null;
  it.source.set({ defaultRoute: { ipv4, ipv6: null } });
  it.source.announce();
  await it.clock.advance(250);
}

Deno.test("each publication is a change event, after current has moved", async () => {
  await using it = await setUp();
  const seen: NetworkEvent[] = [];
  it.monitor.addEventListener("change", (event) => {
    assert(event instanceof NetworkEvent);
    assertEquals(it.monitor.current, event.snapshot);
    seen.push(event);
  });
  await publish(it, "192.0.2.2/24");
  await publish(it, "192.0.2.3/24");
  assertEquals(seen.map(({ snapshot }) => addresses(snapshot)), [["192.0.2.2"], ["192.0.2.3"]]);
  assertEquals(seen.map(({ snapshot }) => snapshot.sequence), [2, 3]);
});

Deno.test("listeners run before readers and waitFor() calls resume", async () => {
  await using it = await setUp();
  const seen: string[] = [];
  const reader = it.monitor.snapshots({ initial: false }).getReader();
  const reading = reader.read().then(() => seen.push("reader"));
  const waiting = it.monitor.waitFor((state) => state.localAddresses.regular[0] === "192.0.2.2")
    .then(() => seen.push("waitFor"));
  it.monitor.addEventListener("change", () => seen.push("listener"));
  await publish(it, "192.0.2.2/24");
  await Promise.all([reading, waiting]);
  assertEquals(seen, ["listener", "reader", "waitFor"]);
});

Deno.test("online and offline follow change, and resume follows them", async () => {
  await using it = await setUp();
  const seen = recordEvents(it.monitor);
  await setOnline(it, true);
  assertEquals(seen.splice(0), ["change", "online"]);
  await publish(it, "192.0.2.1/24", eth0("192.0.2.1/24"));
  assertEquals(seen.splice(0), []);
  it.source.set({ defaultRoute: { ipv4: null, ipv6: null } });
  it.source.emit({ kind: "resumed", at: 1_700_000_001_000, sleptMs: 5_000 });
  await it.clock.advance(250);
  assertEquals(seen.splice(0), ["change", "offline", "resume"]);
});

Deno.test("state.online that becomes unknown is neither online nor offline", async () => {
  await using it = await setUp();
  await setOnline(it, true);
  const seen = recordEvents(it.monitor);
  it.source.set({
    defaultRoute: { ipv4: null, ipv6: null },
    knows: { links: true, addressFlags: true, routes: false },
  });
  it.source.announce();
  await it.clock.advance(250);
  assertEquals(it.monitor.current.state.online, "unknown");
  assertEquals(seen, ["change"]);
});

Deno.test("health events report each status once, the last when the monitor closes", async () => {
  const it = await setUp();
  const seen: string[] = [];
  it.monitor.addEventListener("health", (event) => {
    assert(event instanceof HealthEvent);
    assertEquals(event.health, it.monitor.health);
    seen.push(event.health.status);
  });
  it.source.end();
  await it.clock.settle();
  assertEquals(seen, ["degraded"]);
  await it.clock.advance(60_000);
  assertEquals(seen, ["degraded", "live"]);
  await it.monitor.close();
  await it.monitor.close();
  assertEquals(seen, ["degraded", "live", "closed"]);
});

Deno.test("every listener gets the health events in order, though one of them closes the monitor", async () => {
  const { monitor, source, clock } = await setUp();
  const seen: string[] = [];
  for (const name of ["a", "b"]) {
    monitor.addEventListener("health", ({ health: { status } }) => {
      seen.push(`${name} ${status}`);
      if (status === "degraded") monitor.close();
    });
  }
  source.end();
  await clock.settle();
  assertEquals(seen, ["a degraded", "b degraded", "a closed", "b closed"]);
});

Deno.test("health comes after the events of the publication that a read leads to", async () => {
  await using it = await setUp();
  it.source.failReads(2);
  for (let i = 0; i < 2; i++) await it.monitor.refresh().catch(() => {});
  assertEquals(it.monitor.health.status, "degraded");
  const seen = recordEvents(it.monitor);
  it.source.set([eth0("192.0.2.9/24")]);
  await it.monitor.refresh();
  assertEquals(seen, ["change", "health"]);
});

Deno.test("once, signal, handleEvent, removal and null work as for every EventTarget", async () => {
  await using it = await setUp();
  const { monitor } = it;
  const seen: string[] = [];
  const aborted = new AbortController();
  const removed = () => seen.push("removed");
  const object = { handleEvent: ({ snapshot }: NetworkEvent) => seen.push(`${snapshot.sequence}`) };
  monitor.addEventListener("change", null);
  monitor.addEventListener("change", () => seen.push("once"), { once: true });
  monitor.addEventListener("change", () => seen.push("signal"), { signal: aborted.signal });
  monitor.addEventListener("change", removed);
  monitor.addEventListener("change", object);
  monitor.addEventListener("change", object);
  await publish(it, "192.0.2.2/24");
  assertEquals(seen.splice(0), ["once", "signal", "removed", "2"]);
  aborted.abort();
  monitor.removeEventListener("change", removed);
  await publish(it, "192.0.2.3/24");
  assertEquals(seen.splice(0), ["3"]);
  monitor.removeEventListener("change", object);
  await publish(it, "192.0.2.4/24");
  assertEquals(seen, []);
});

Deno.test("a helper for any type of event gets the events of each type", async () => {
  await using it = await setUp();
  const [change, online, health] = [
    once(it.monitor, "change"),
    once(it.monitor, "online"),
    once(it.monitor, "health"),
  ];
  await setOnline(it, true);
  assertEquals(
    [(await change).snapshot, (await online).snapshot],
    Array(2).fill(it.monitor.current),
  );
  it.source.end();
  assertEquals((await health).health.status, "degraded");
});

Deno.test("a listener that throws is reported and does not affect the others", async () => {
  await using it = await setUp();
  const reported: unknown[] = [];
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    reported.push(event.error);
  };
  const error = new Error("A listener");
  const seen: string[] = [];
  it.monitor.addEventListener("change", () => {
    throw error;
  });
  it.monitor.addEventListener("change", () => seen.push("next"));
  const reader = it.monitor.snapshots({ initial: false }).getReader();
  globalThis.addEventListener("error", onError);
  try {
    const reading = reader.read();
    await publish(it, "192.0.2.2/24");
    assertEquals(addresses((await reading).value!), ["192.0.2.2"]);
    await publish(it, "192.0.2.3/24");
  } finally {
    globalThis.removeEventListener("error", onError);
  }
  assertEquals(reported, [error, error]);
  assertEquals(seen, ["next", "next"]);
  assertEquals(it.monitor.current.sequence, 3);
});

Deno.test("a listener may close the monitor: only the health event follows", async () => {
  const it = await setUp();
  const seen = recordEvents(it.monitor);
  it.monitor.addEventListener("change", () => void it.monitor.close(), { once: true });
  it.monitor.addEventListener("change", () => seen.push("the next listener"));
  await setOnline(it, true);
  await it.monitor.closed;
  assertEquals(it.monitor.current.state.online, true);
  assertEquals(seen, ["change", "health", "the next listener"]);
});

Deno.test("a listener may refresh and subscribe", async () => {
  await using it = await setUp();
  let refreshed: Promise<unknown> = Promise.resolve();
  let first: Promise<{ value?: Snapshot }> = Promise.resolve({});
  it.monitor.addEventListener("change", () => {
    refreshed = it.monitor.refresh();
    first = it.monitor.snapshots().getReader().read();
  }, { once: true });
  await publish(it, "192.0.2.2/24");
  assertEquals(await refreshed, it.monitor.current);
  assertEquals((await first).value?.state, it.monitor.current.state);
});

Deno.test("no event is created for a type without a listener", async () => {
  await using it = await setUp();
  const dispatched: string[] = [];
  Object.defineProperty(it.monitor, "dispatchEvent", {
    value: (event: Event) => dispatched.push(event.type),
  });
  await setOnline(it, true);
  it.source.end();
  await it.clock.settle();
  assertEquals([dispatched, it.monitor.health.status], [[], "degraded"]);
  it.monitor.addEventListener("offline", () => {});
  await setOnline(it, false);
  assertEquals(dispatched, ["offline"]);
});

Deno.test("a listener does not keep the process alive", async () => {
  await using it = await setUp({ monitor: { persistent: false } });
  recordEvents(it.monitor);
  assertEquals({ timers: it.clock.pendingRefd, subscriptions: it.source.openRefd }, {
    timers: 0,
    subscriptions: 0,
  });
});

Deno.test("events that a program creates take the usual options", async () => {
  await using it = await setUp();
  const { current: snapshot, health } = it.monitor;
  const options = { cancelable: true, bubbles: true };
  for (
    const event of [
      new NetworkEvent("change", { snapshot, ...options }),
      new HealthEvent("health", { health, ...options }),
    ]
  ) assertEquals([event.cancelable, event.bubbles], [true, true]);
});
