import { assert, assertEquals, assertRejects } from "@std/assert";
import { MonitorClosedError } from "../../state/errors.ts";
import { eth0, prepare, type Setting, setUp, START } from "./support.ts";
import type { ScriptedSource } from "../../actor/testing.ts";
import type { NetworkMonitor } from "../../mod.ts";

async function assertClosed(it: Setting & { monitor: NetworkMonitor }): Promise<void> {
  await it.monitor.closed;
  assertEquals([it.clock.pending, it.source.open], [0, 0]);
  assertEquals(it.monitor.health.status, "closed");
  const { calls } = it.source;
  const { current } = it.monitor;
  it.source.set([eth0("203.0.113.9/24")]);
  it.source.announce();
  await it.clock.advance(60_000);
  assertEquals(it.source.calls, calls);
  assertEquals(it.monitor.current, current);
}

Deno.test("close() ends everything, keeps current and may be called again", async () => {
  const it = await setUp();
  const reader = it.monitor.snapshots().getReader();
  await reader.read();
  const pending = reader.read();
  const closing = it.monitor.close();
  assertEquals(it.monitor.health.status, "closed");
  assertEquals((await pending).done, true);
  await closing;
  await it.monitor.close();
  await assertClosed(it);
  assertEquals(it.monitor.current.sequence, 1);
});

Deno.test("close() rejects pending refresh() and waitFor(), and those that come later", async () => {
  const it = await setUp();
  it.source.holdReads();
  const pending = [
    assertRejects(() => it.monitor.refresh(), MonitorClosedError),
    assertRejects(() => it.monitor.waitFor(() => false), MonitorClosedError),
  ];
  await it.clock.settle();
  await it.monitor.close();
  await Promise.all(pending);
  await assertRejects(() => it.monitor.refresh(), MonitorClosedError);
  await assertRejects(() => it.monitor.waitFor(() => true), MonitorClosedError);
  void it.monitor.refresh(); // a caller that ignores the promise gets no unhandled rejection
  void it.monitor.waitFor(() => true);
  it.source.releaseReads();
  await assertClosed(it);
});

Deno.test("streams opened after close() have ended", async () => {
  const it = await setUp();
  await it.monitor.close();
  assertEquals((await it.monitor.snapshots().getReader().read()).done, true);
  for await (const _snapshot of it.monitor) assert(false);
});

Deno.test("close() ends a stream that was never read", async () => {
  const it = await setUp();
  const stream = it.monitor.snapshots();
  await it.monitor.close();
  assertEquals((await stream.getReader().read()).done, true);
});

Deno.test("close() does not wait for a call of the source that hangs", async () => {
  for (const what of ["read", "subscribe", "probe"] as const) {
    const it = await setUp();
    if (what === "read") it.source.holdReads();
    if (what === "probe") it.source.canary = "hangs";
    if (what === "subscribe") {
      it.source.holdSubscribes();
      it.source.end();
    }
    await it.clock.advance(14_750);
    await it.monitor.close();
    it.source.releaseSubscribes();
    await it.clock.settle();
    await assertClosed(it);
  }
});

Deno.test("close() resolves after the subscription is released, whatever that throws", async () => {
  const it = prepare();
  const subscribe = it.source.subscribe.bind(it.source);
  const gate = Promise.withResolvers<void>();
  it.source.subscribe = async () => {
    const subscription = await subscribe();
    const dispose = subscription[Symbol.asyncDispose].bind(subscription);
    subscription[Symbol.asyncDispose] = async () => {
      await gate.promise;
      await dispose();
      throw new Error("Cannot close");
    };
    return subscription;
  };
  const monitor = await it.open();
  let closed = false;
  const closing = monitor.close().then(() => closed = true);
  await it.clock.settle();
  assertEquals(closed, false);
  gate.resolve();
  await closing;
  assertEquals(it.log.at("error").length, 1);
  await assertClosed({ ...it, monitor });
});

Deno.test("close() may be called from a loop body", async () => {
  const it = await setUp();
  let rounds = 0;
  for await (const _snapshot of it.monitor) {
    rounds++;
    await it.monitor.close();
  }
  assertEquals(rounds, 1);
  await assertClosed(it);
});

Deno.test("close() may be called from a predicate of waitFor()", async () => {
  for (const answer of [true, false]) {
    const it = await setUp();
    let calls = 0;
    const waiting = it.monitor.waitFor(() => {
      if (++calls === 2) void it.monitor.close();
      return answer && calls === 2;
    });
    const settled = answer ? waiting : assertRejects(() => waiting, MonitorClosedError);
    it.source.set([eth0("192.0.2.2/24")]);
    it.source.announce();
    await settled;
    await assertClosed(it);
  }
});

Deno.test("close() may be called from ignoreInterface", async () => {
  const opened = Promise.withResolvers<NetworkMonitor>();
  let close = (): void => {};
  void opened.promise.then((monitor) => close = () => void monitor.close());
  const ignoreInterface = () => {
    close();
    return false;
  };
  const it = await setUp({ monitor: { ignoreInterface } });
  opened.resolve(it.monitor);
  await it.clock.settle();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  await assertClosed(it);
});

Deno.test("close() may be called from the logger", async () => {
  const it = await setUp();
  it.log.warn = () => void it.monitor.close();
  it.source.end();
  await it.clock.settle();
  await assertClosed(it);
});

Deno.test("close() also drops the effects that were still to be performed", async () => {
  const it = prepare();
  let close = (): void => {};
  const subscribe = it.source.subscribe.bind(it.source);
  it.source.subscribe = async () => {
    const subscription = await subscribe();
    const view = subscription.view.bind(subscription);
    const adopt = subscription.adopt.bind(subscription);
    let adopted = 0;
    subscription.adopt = (reading) => {
      if (++adopted > 1) throw new Error("Broken adopt"); // the socket counts as lost, after the view
      adopt(reading);
    };
    subscription.view = () => {
      if (adopted > 1) close();
      return view();
    };
    return subscription;
  };
  const monitor = await it.open();
  close = () => void monitor.close();
  await assertRejects(() => monitor.refresh(), MonitorClosedError);
  await assertClosed({ ...it, monitor });
});

/** Calls `act` at the beginning of every call of the source and its subscriptions. */
function interrupt(source: ScriptedSource, act: () => void): void {
  const watch = <T extends object>(it: T, ...names: (keyof T)[]): void => {
    for (const name of names) {
      const method = it[name] as (...args: unknown[]) => unknown;
      it[name] = ((...args: unknown[]) => (act(), method.apply(it, args))) as T[keyof T];
    }
  };
  watch(source, "subscribe", "read");
  const { subscribe } = source;
  source.subscribe = async () => {
    const subscription = await subscribe();
    watch(subscription, "view", "adopt", "probe", "ref", "unref", Symbol.asyncDispose);
    return subscription;
  };
}

Deno.test("close() may be called during every call of the source", async () => {
  let calls = 0;
  const live = async (wanted: number): Promise<void> => {
    calls = 0;
    const controller = new AbortController();
    const it = prepare({ monitor: { signal: controller.signal, coalesceMs: 0 } });
    interrupt(it.source, () => {
      if (calls++ === wanted) controller.abort();
    });
    const monitor = await it.open().catch(() => null);
    monitor?.unref();
    const refreshed = monitor?.refresh().catch(() => {});
    for (const kind of ["changed", "overflow", "resync", "clock-stepped"] as const) {
      it.source.set([eth0(`192.0.2.${kind.length}/24`)]);
      it.source.emit({ kind });
      await it.clock.advance(100);
    }
    it.source.end();
    await it.clock.advance(16_000);
    it.source.canary = "misses";
    it.source.failReads(3);
    await it.clock.advance(31_000);
    if (wanted === Infinity) return await monitor?.close();
    await refreshed;
    await monitor?.closed;
    assertEquals([it.clock.pending, it.source.open], [0, 0], `call ${wanted}`);
    if (monitor !== null) assertEquals(monitor.health.status, "closed", `call ${wanted}`);
  };
  await live(Infinity);
  const total = calls;
  assert(total > 20);
  for (let wanted = 0; wanted < total - 1; wanted++) await live(wanted);
});

Deno.test("the iteration of a released subscription is ended even if it goes on", async () => {
  const it = prepare();
  let returned = 0;
  const subscribe = it.source.subscribe.bind(it.source);
  it.source.subscribe = async () => {
    const subscription = await subscribe();
    subscription[Symbol.asyncIterator] = () => ({
      next: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return { done: false, value: { kind: "changed" } };
      },
      return: () => {
        returned++;
        return Promise.resolve({ done: true, value: undefined });
      },
    });
    return subscription;
  };
  const monitor = await it.open();
  await it.clock.settle();
  await monitor.close();
  await it.clock.settle();
  await it.clock.settle();
  assertEquals(returned, 1);
});

Deno.test("close() during a reconcile, a window and a settling stream leaves no timer", async () => {
  const it = await setUp();
  const reader = it.monitor.snapshots({ settleMs: 1_000 }).getReader();
  await reader.read();
  const pending = reader.read();
  it.source.set([eth0("192.0.2.2/24")]);
  await it.clock.advance(14_750);
  it.source.emit({ kind: "resumed", at: START, sleptMs: 1 });
  it.source.emit({ kind: "resumed", at: START, sleptMs: 2 });
  await it.clock.settle();
  assert(it.clock.pending >= 4);
  await it.monitor.close();
  assertEquals((await pending).done, true);
  await assertClosed(it);
});

Deno.test("aborting the signal closes, and pending calls see MonitorClosedError", async () => {
  const controller = new AbortController();
  const it = await setUp({ monitor: { signal: controller.signal } });
  const pending = assertRejects(() => it.monitor.waitFor(() => false), MonitorClosedError);
  it.source.holdReads();
  const refreshing = assertRejects(() => it.monitor.refresh(), MonitorClosedError);
  controller.abort(new Error("Enough"));
  await Promise.all([pending, refreshing]);
  await assertClosed(it);
});

Deno.test("await using closes", async () => {
  const it = prepare();
  {
    await using monitor = await it.open();
    assertEquals(monitor.health.status, "live");
  }
  assertEquals(it.source.open, 0);
});

Deno.test("unref() and ref() reach every timer and subscription, also later ones", async () => {
  await using it = await setUp();
  const refd = () => [it.clock.pendingRefd, it.source.openRefd];
  assertEquals(refd(), [1, 1]);
  it.monitor.unref();
  assertEquals(refd(), [0, 0]);
  it.source.end();
  await it.clock.settle();
  assertEquals(it.clock.pending, 2);
  await it.clock.advance(50);
  assertEquals([...refd(), it.source.open], [0, 0, 1]);
  it.monitor.ref();
  assertEquals(refd(), [1, 1]);
});

Deno.test("persistent: false is unref'd from the start", async () => {
  const it = prepare({ monitor: { persistent: false } });
  it.source.holdReads();
  const opening = it.open();
  await it.clock.settle();
  assertEquals([it.clock.pending, it.clock.pendingRefd], [1, 0]);
  it.source.releaseReads();
  await using _monitor = await opening;
  assertEquals([it.clock.pendingRefd, it.source.openRefd], [0, 0]);
});

Deno.test("close() waits for the release of a subscription that came too late", async () => {
  const it = await setUp();
  const subscribe = it.source.subscribe.bind(it.source);
  const gate = Promise.withResolvers<void>();
  it.source.subscribe = async () => {
    it.source.subscribe = subscribe;
    const subscription = await subscribe();
    const dispose = subscription[Symbol.asyncDispose].bind(subscription);
    subscription[Symbol.asyncDispose] = () => gate.promise.then(dispose);
    return subscription;
  };
  it.source.holdSubscribes();
  it.source.end();
  await it.clock.advance(5_100); // a backoff, and the limit of subscribe()
  it.source.releaseSubscribes();
  await it.clock.settle();
  let isClosed = false;
  const closing = it.monitor.close().then(() => isClosed = true);
  await it.clock.settle();
  assertEquals(isClosed, false);
  gate.resolve();
  await closing;
  await assertClosed(it);
});

Deno.test("ignoreInterface is not called after close(), whatever a read returns later", async () => {
  let asked = 0;
  const it = await setUp({ monitor: { ignoreInterface: () => ++asked < 0 } });
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.holdReads();
  void it.monitor.refresh();
  await it.clock.settle();
  await it.monitor.close();
  const before = asked;
  it.source.releaseReads();
  await it.clock.settle();
  assertEquals(asked, before);
});

Deno.test("close() ends everything although Deno cannot close a stream with two reads of an iterator", async () => {
  const it = await setUp();
  const iterator = it.monitor.snapshots({ initial: false }).values();
  const reader = it.monitor.snapshots({ initial: false }).getReader();
  const reads = [iterator.next(), iterator.next()];
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await reads[0];
  void iterator.next(); // now two are pending in the stream
  await reader.read();
  const next = reader.read();
  await it.monitor.close();
  assertEquals((await next).done, true);
  await assertClosed(it);
});
