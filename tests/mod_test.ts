/**
 * The entry point.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ManualClock, scriptedInterface, ScriptedSource } from "../actor/testing.ts";
import {
  DecodeError,
  MonitorClosedError,
  NetworkMonitor,
  type NetworkSource,
  readNetworkState,
  SystemCallError,
  watchNetwork,
} from "../mod.ts";

const ETH0 = scriptedInterface("eth0", ["192.0.2.7/24"]);
const MOVED = scriptedInterface("eth0", ["198.51.100.7/24"]);

function scripted(): { source: ScriptedSource; clock: ManualClock } {
  return { source: new ScriptedSource({ interfaces: [ETH0] }), clock: new ManualClock() };
}

Deno.test("watchNetwork() opens when called, not when read", async () => {
  const { source, clock } = scripted();
  const stream = watchNetwork({ source, clock });
  await clock.settle();
  assertEquals(source.calls.subscribe, 1);
  await stream.cancel();
});

Deno.test("watchNetwork() delivers the current snapshot, then what changes", async () => {
  const { source, clock } = scripted();
  const reader = watchNetwork({ source, clock }).getReader();
  const first = await reader.read();
  assertEquals(first.value?.state.localAddresses.regular, ["192.0.2.7"]);
  const next = reader.read();
  source.set([MOVED]);
  source.announce();
  await clock.advance(250);
  assertEquals((await next).value?.state.localAddresses.regular, ["198.51.100.7"]);
  await reader.cancel();
});

Deno.test("watchNetwork() passes the options of the subscription on", async () => {
  const { source, clock } = scripted();
  const reader = watchNetwork({ source, clock, initial: false, majorOnly: true }).getReader();
  const next = reader.read();
  await clock.settle();
  source.set([{ ...ETH0, mtu: 1400 }]);
  source.announce();
  await clock.advance(250);
  source.set([MOVED]);
  source.announce();
  await clock.advance(250);
  const { value } = await next;
  assertEquals([value?.major, value?.state.interfaces.eth0?.addresses[0]?.address], [
    true,
    "198.51.100.7",
  ]);
  await reader.cancel();
});

Deno.test("watchNetwork() closes the monitor when the stream is cancelled or a loop is left", async () => {
  const { source, clock } = scripted();
  for await (const _ of watchNetwork({ source, clock })) break;
  assertEquals([source.open, clock.pending], [0, 0]);
});

Deno.test("watchNetwork() is cancelled when its monitor has released everything", async () => {
  const { source, clock } = scripted();
  const released = Promise.withResolvers<void>();
  const subscribe = source.subscribe.bind(source);
  source.subscribe = async () => {
    const subscription = await subscribe();
    const dispose = subscription[Symbol.asyncDispose].bind(subscription);
    subscription[Symbol.asyncDispose] = () => released.promise.then(dispose);
    return subscription;
  };
  const stream = watchNetwork({ source, clock });
  await clock.settle();
  let isCancelled = false;
  const cancelling = stream.cancel().then(() => isCancelled = true);
  await clock.settle();
  assertEquals([isCancelled, source.open], [false, 1]);
  released.resolve();
  await cancelling;
  assertEquals(source.open, 0);
});

Deno.test("watchNetwork() that is cancelled while it opens leaves nothing open", async () => {
  const { source, clock } = scripted();
  source.holdReads();
  const stream = watchNetwork({ source, clock });
  await clock.settle();
  await stream.cancel();
  assertEquals([source.open, clock.pending], [0, 0]);
});

Deno.test("watchNetwork() delivers the newest snapshot after an abandoned read", async () => {
  const { source, clock } = scripted();
  const stream = watchNetwork({ source, clock });
  const reader = stream.getReader();
  await reader.read();
  const dropped = reader.read().catch((error: Error) => error.name);
  await clock.settle();
  reader.releaseLock();
  const next = stream.getReader();
  for (const last of [1, 2, 3]) {
    source.set([scriptedInterface("eth0", [`192.0.2.${last}/24`])]);
    source.announce();
    await clock.advance(250);
  }
  assertEquals(await dropped, "TypeError");
  assertEquals((await next.read()).value?.state.localAddresses.regular, ["192.0.2.3"]);
  await next.cancel();
});

Deno.test("watchNetwork() serves a read that came before it was open", async () => {
  const { source, clock } = scripted();
  source.holdReads();
  const reader = watchNetwork({ source, clock }).getReader();
  const first = reader.read();
  await clock.settle();
  source.releaseReads();
  assertEquals((await first).value?.sequence, 1);
  await reader.cancel();
  assertEquals([source.open, clock.pending], [0, 0]);
});

Deno.test("watchNetwork() errors its stream when it cannot be opened", async () => {
  const { source, clock } = scripted();
  source.refuse(1, new Error("No such socket"));
  const reader = watchNetwork({ source, clock }).getReader();
  await assertRejects(() => reader.read(), Error, "No such socket");
  const bad = watchNetwork({ source, clock, coalesceMs: -1 }).getReader();
  await assertRejects(() => bad.read(), RangeError, "coalesceMs");
  const worse = watchNetwork({ source, clock, settleMs: -1 }).getReader();
  await assertRejects(() => worse.read(), RangeError, "settleMs");
  assertEquals(source.calls.subscribe, 1);
});

Deno.test("watchNetwork() ends, without an error, when its signal is aborted", async () => {
  const { source, clock } = scripted();
  const controller = new AbortController();
  const reader = watchNetwork({ source, clock, signal: controller.signal }).getReader();
  await reader.read();
  const next = reader.read();
  controller.abort();
  assertEquals((await next).done, true);
  assertEquals([source.open, clock.pending], [0, 0]);
});

Deno.test("NetworkMonitor.open() opens nothing when its signal is aborted already", async () => {
  const { source, clock } = scripted();
  const signal = AbortSignal.abort(new Error("Too late"));
  await assertRejects(() => NetworkMonitor.open({ source, clock, signal }), Error, "Too late");
  assertEquals(source.calls.subscribe, 0);
  const system = { source: "events", libc: "/nowhere/libc.so.6", signal } as const; // nobody looks there
  await assertRejects(() => NetworkMonitor.open(system), Error, "Too late");
  await assertRejects(() => readNetworkState(system), Error, "Too late");
});

Deno.test("new NetworkMonitor() names the call that opens one", () => {
  const construct = () => Reflect.construct(NetworkMonitor, []);
  assertThrows(construct, TypeError, "await NetworkMonitor.open()");
});

Deno.test("await using closes a NetworkMonitor, and its health is closed", async () => {
  const { source, clock } = scripted();
  const seen: string[] = [];
  const closed = await (async () => {
    await using monitor = await NetworkMonitor.open({ source, clock });
    void monitor.closed.then(() => seen.push("closed"));
    await clock.settle();
    seen.push(monitor.health.status);
    return { monitor, ended: monitor.closed };
  })();
  await closed.ended;
  assertEquals(seen, ["live", "closed"]);
  assertEquals(closed.monitor.health.status, "closed");
  assertEquals(closed.monitor.current.state.localAddresses.regular, ["192.0.2.7"]);
});

Deno.test("watchNetwork() accepts inherited options, as open() does", async () => {
  const options = Object.create(scripted());
  const reader = watchNetwork(options).getReader();
  assertEquals((await reader.read()).value?.state.localAddresses.regular, ["192.0.2.7"]);
  await reader.cancel();
});

Deno.test("readNetworkState() accepts a source whose read() returns no promise", async () => {
  const { source } = scripted();
  const reading = await source.read(new AbortController().signal);
  source.read = () => reading as never;
  assertEquals((await readNetworkState({ source })).localAddresses.regular, ["192.0.2.7"]);
});

Deno.test("readNetworkState() reads once and subscribes to nothing", async () => {
  const { source } = scripted();
  const state = await readNetworkState({ source });
  assertEquals(state.localAddresses.regular, ["192.0.2.7"]);
  assertEquals([source.calls.subscribe, source.calls.read], [0, 1]);
  assert(Object.isFrozen(state));
});

Deno.test("readNetworkState() rejects with what the read throws, or the reason of its signal", async () => {
  const { source } = scripted();
  source.failReads(1, new Error("Nothing to read"));
  await assertRejects(() => readNetworkState({ source }), Error, "Nothing to read");
  source.holdReads();
  for (const when of ["before the read", "during the read"]) {
    const controller = new AbortController();
    const called = Promise.withResolvers<void>();
    const reads = source.calls.read;
    const hold = source.read.bind(source);
    source.read = (signal) => {
      called.resolve();
      return hold(signal);
    };
    const reading = readNetworkState({ source, signal: controller.signal });
    if (when === "during the read") await called.promise;
    controller.abort(new Error("Enough"));
    await assertRejects(() => reading, Error, "Enough");
    assertEquals(source.calls.read - reads, when === "during the read" ? 1 : 0);
  }
  const signal = AbortSignal.abort(new Error("Too late"));
  await assertRejects(() => readNetworkState({ source, signal }), Error, "Too late");
});

Deno.test("readNetworkState() gives a source of the user 5 seconds, even one that ignores its signal", async () => {
  const { timeout } = AbortSignal;
  const limit = new AbortController();
  const asked: number[] = [];
  AbortSignal.timeout = (ms) => {
    asked.push(ms);
    return limit.signal;
  };
  try {
    const read = Promise.withResolvers<AbortSignal>();
    const source: NetworkSource = {
      name: "hangs",
      subscribe: () => Promise.reject(new Error("not called")),
      read: (signal) => {
        read.resolve(signal);
        return new Promise(() => {});
      },
    };
    const reading = readNetworkState({ source });
    const signal = await read.promise;
    limit.abort(new DOMException("Too long", "TimeoutError"));
    await assertRejects(() => reading, DOMException, "Too long");
    assert(signal.aborted);
    assertEquals(asked, [5_000]);
  } finally {
    AbortSignal.timeout = timeout;
  }
});

for (const when of ["before it was called", "while it opens"]) {
  Deno.test(`watchNetwork() errors its stream with the reason of a signal that is aborted ${when}`, async () => {
    const { source, clock } = scripted();
    source.holdReads();
    const controller = new AbortController();
    const { signal } = controller;
    if (when === "before it was called") controller.abort(new Error("Enough"));
    const reader = watchNetwork({ source, clock, signal }).getReader();
    const rejected = assertRejects(() => reader.read(), Error, "Enough");
    await clock.settle();
    controller.abort(new Error("Enough"));
    await rejected;
    assertEquals([source.open, clock.pending], [0, 0]);
  });
}

Deno.test("errors say what failed, and keep their cause", () => {
  const cause = new Error("Below");
  const refused = new SystemCallError("bind", 1, "EPERM", { cause, detail: "not allowed" });
  assertEquals({ ...refused }, {
    name: "SystemCallError",
    operation: "bind",
    code: 1,
    codeName: "EPERM",
  });
  assertEquals(refused.message, "bind failed with EPERM (1): not allowed");
  const cut = new DecodeError("nlmsghdr", 16, { cause });
  assertEquals({ ...cut }, { name: "DecodeError", what: "nlmsghdr", offset: 16 });
  assertEquals([refused.cause, cut.cause], [cause, cause]);
  for (const error of [refused, cut, new MonitorClosedError()]) assert(error instanceof Error);
});
