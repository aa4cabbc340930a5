import { assert, assertEquals, assertRejects } from "@std/assert";
import { addresses, eth0, prepare, START } from "./support.ts";

Deno.test("open() subscribes, reads, adopts and publishes the first snapshot", async () => {
  const it = prepare();
  await using monitor = await it.open();
  const { sequence, cause, causes, changes, major, at } = monitor.current;
  assertEquals({ sequence, cause, causes, changes, major, at }, {
    sequence: 1,
    cause: "initial",
    causes: ["initial"],
    changes: [],
    major: false,
    at: START,
  });
  assertEquals(addresses(monitor.current), ["192.0.2.1"]);
  const { view: _view, ...calls } = it.source.calls;
  assertEquals(calls, { subscribe: 1, read: 1, adopt: 1, probe: 0, dispose: 0 });
  assertEquals(monitor.health, {
    status: "live",
    source: "scripted",
    reason: null,
    since: START,
    lastEventAt: null,
    lastReconcileAt: null,
    lastError: null,
  });
});

Deno.test("open() misses nothing that happens between subscribing and reading", async () => {
  const it = prepare();
  it.source.holdReads();
  const opening = it.open();
  await it.clock.settle();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  it.source.releaseReads();
  await using monitor = await opening;
  assertEquals(monitor.current.causes, ["initial"]);
  await it.clock.advance(250);
  assertEquals(addresses(monitor.current), ["192.0.2.2"]);
  assertEquals(monitor.metrics.driftsFound, 0);
});

const FAILURES: Record<string, (it: ReturnType<typeof prepare>) => void> = {
  "subscribe() fails": (it) => it.source.refuse(1, new TypeError("Broken")),
  "the first read fails": (it) => it.source.failReads(1, new TypeError("Broken")),
  "the first view throws": (it) => it.source.viewError = new TypeError("Broken"),
};
for (const [what, arrange] of Object.entries(FAILURES)) {
  Deno.test(`open() rejects and releases everything when ${what}`, async () => {
    const it = prepare();
    arrange(it);
    await assertRejects(it.open, TypeError, "Broken");
    assertEquals([it.source.open, it.clock.pending], [0, 0]);
  });
}

Deno.test("open() rejects when the subscription ends before the first snapshot", async () => {
  const it = prepare();
  it.source.holdReads();
  const rejected = assertRejects(it.open, Error, "The subscription ended");
  await it.clock.settle();
  it.source.end();
  await rejected;
  assertEquals([it.source.open, it.clock.pending], [0, 0]);
});

Deno.test("open() rejects with a TimeoutError when subscribing or reading hangs", async () => {
  for (const what of ["holdSubscribes", "holdReads"] as const) {
    const it = prepare();
    it.source[what]();
    const rejected = assertRejects(it.open, DOMException, "took longer than 5000 ms");
    await it.clock.advance(5_000);
    assertEquals((await rejected).name, "TimeoutError");
    assertEquals([it.source.open, it.clock.pending], [0, 0]);
    it.source.releaseSubscribes();
    await it.clock.settle();
    assertEquals(it.source.open, 0);
  }
});

Deno.test("open() and refresh() take longer than the reconcile interval if they must", async () => {
  const it = prepare({ monitor: { reconcileIntervalMs: 10 } });
  it.source.holdReads();
  const opening = it.open();
  await it.clock.advance(4_000);
  it.source.releaseReads();
  await using monitor = await opening;
  it.source.holdReads();
  const refreshed = monitor.refresh();
  await it.clock.advance(4_000);
  it.source.releaseReads();
  await refreshed;
  assertEquals(monitor.metrics.readFailures, 0);
});

Deno.test("open() with an aborted signal rejects with its reason and opens nothing", async () => {
  const reason = new Error("Not today");
  const it = prepare({ monitor: { signal: AbortSignal.abort(reason) } });
  assertEquals(await assertRejects(it.open), reason);
  assertEquals([it.source.calls.subscribe, it.clock.pending], [0, 0]);
});

Deno.test("open() rejects with the reason when aborted while subscribing or reading", async () => {
  for (const what of ["holdSubscribes", "holdReads"] as const) {
    const controller = new AbortController();
    const it = prepare({ monitor: { signal: controller.signal } });
    it.source[what]();
    const rejected = assertRejects(it.open);
    await it.clock.settle();
    const reason = new Error("Enough");
    controller.abort(reason);
    assertEquals(await rejected, reason);
    assertEquals([it.source.open, it.clock.pending], [0, 0]);
    it.source.releaseSubscribes();
    it.source.releaseReads();
    await it.clock.settle();
    assertEquals([it.source.open, it.clock.pending], [0, 0]);
  }
});

Deno.test("open() rejects when aborted right after the first snapshot", async () => {
  const controller = new AbortController();
  const it = prepare({ monitor: { signal: controller.signal } });
  const subscribe = it.source.subscribe.bind(it.source);
  it.source.subscribe = async () => {
    const subscription = await subscribe();
    const view = subscription.view.bind(subscription);
    subscription.view = () => {
      queueMicrotask(() => controller.abort());
      return view();
    };
    return subscription;
  };
  await assertRejects(it.open, DOMException);
  assertEquals(it.source.open, 0);
});

Deno.test("open() rejects only when everything is released", async () => {
  const it = prepare();
  const subscribe = it.source.subscribe.bind(it.source);
  let isReleased = false;
  it.source.subscribe = async () => {
    const subscription = await subscribe();
    const release = subscription[Symbol.asyncDispose].bind(subscription);
    subscription[Symbol.asyncDispose] = async () => {
      await it.clock.settle();
      await release();
      isReleased = true;
    };
    return subscription;
  };
  it.source.failReads(1);
  await assertRejects(it.open);
  assertEquals([isReleased, it.source.open], [true, 0]);
});

Deno.test("open() gives the source signals that are aborted with its own", async () => {
  const controller = new AbortController();
  const it = prepare({ monitor: { signal: controller.signal } });
  let given: AbortSignal | undefined;
  it.source.subscribe = (signal) => {
    given = signal;
    return new Promise(() => {});
  };
  const rejected = assertRejects(it.open);
  await it.clock.settle();
  assert(given !== undefined && !given.aborted);
  controller.abort();
  await rejected;
  assert(given.aborted);
});
