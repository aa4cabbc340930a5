/**
 * What the notifications of Windows leave open, and what they keep alive, over system calls that the test plays.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { WindowsRuntime, WindowsSource } from "../../ffi/windows/source.ts";
import { SystemCallError } from "../../state/errors.ts";
import type { Subscription } from "../../state/ports.ts";
import { limitedTest } from "../support/limited.ts";
import { SimulatedWindows } from "../support/simulated_windows.ts";
import { scaled } from "../support/timing.ts";

const REGISTRATIONS = [
  "NotifyUnicastIpAddressChange",
  "NotifyIpInterfaceChange",
  "NotifyRouteChange2",
] as const;

const { signal } = new AbortController();

/** The timeouts of the waits from now on. */
function recordWaits(windows: SimulatedWindows): number[] {
  const timeouts: number[] = [];
  const wait = windows.wait.bind(windows);
  windows.wait = (events, ms) => {
    timeouts.push(ms);
    return wait(events, ms);
  };
  return timeouts;
}

/** The kind of the next event, which comes soon. */
async function next(subscription: Subscription): Promise<string | undefined> {
  return (await deadline(subscription[Symbol.asyncIterator]().next(), scaled(1_000))).value?.kind;
}

limitedTest(
  "a process that opens a source on Windows stays alive until it is confirmed",
  async () => {
    const windows = new SimulatedWindows();
    const timeouts = recordWaits(windows);
    windows.silent.add(REGISTRATIONS[0]); // takes half a second
    await using source = windows.source();
    await source.subscribe(signal);
    assertEquals(timeouts.includes(100), false);
  },
);

limitedTest("unref() holds for the registrations that a canary opens, too", async () => {
  const windows = new SimulatedWindows();
  await using source = windows.source();
  const subscription = await source.subscribe(signal);
  const timeouts = recordWaits(windows);
  subscription.unref();
  await delay(0);
  assertEquals(timeouts.at(-1), 100);
  assertEquals(await subscription.probe(signal), true);
  await delay(0);
  assertEquals(timeouts.at(-1), 100);
  subscription.ref();
  await delay(0);
  assertEquals(timeouts.at(-1), 20_000);
});

limitedTest(
  "each subscription counts for whether the process stays alive, as long as it is open",
  async () => {
    const windows = new SimulatedWindows();
    await using source = windows.source();
    const first = await source.subscribe(signal);
    first.unref();
    const timeouts = recordWaits(windows);
    /** Resolves when the loop waits for this many milliseconds at a time; if it never does, the test fails in the end. */
    const waits = async (ms: number): Promise<void> => {
      while (timeouts.at(-1) !== ms) await delay(1);
    };
    const other = await source.subscribe(signal);
    await waits(20_000);
    await other[Symbol.asyncDispose]();
    await waits(100);
    await first[Symbol.asyncDispose]();
  },
);

limitedTest("canaries at the same time are one", async () => {
  const windows = new SimulatedWindows();
  await using source = windows.source();
  const subscriptions = [await source.subscribe(signal), await source.subscribe(signal)];
  let registered = 0;
  const register = windows.register.bind(windows);
  windows.register = (name, event) => {
    registered++;
    return register(name, event);
  };
  assertEquals(await Promise.all(subscriptions.map((it) => it.probe(signal))), [true, true]);
  assertEquals(registered, REGISTRATIONS.length);
  await subscriptions[0]![Symbol.asyncDispose]();
});

limitedTest("a source that is disposed during a canary leaves nothing open", async () => {
  const windows = new SimulatedWindows();
  const source = windows.source();
  const subscription = await source.subscribe(signal);
  windows.silent.add(REGISTRATIONS[0]);
  const probing = subscription.probe(signal);
  probing.catch(() => {});
  await source[Symbol.asyncDispose]();
  assertEquals(windows.open, 0);
  await assertRejects(() => probing, SystemCallError, "does not confirm"); // and no closed event is used
  assertEquals(windows.open, 0);
});

limitedTest(
  "a source that is disposed while a canary ends old registrations waits for them",
  async () => {
    const windows = new SimulatedWindows();
    const source = windows.source();
    const subscription = await source.subscribe(signal);
    const old = new Set(windows.registrations.keys());
    const cancel = windows.cancel.bind(windows);
    const ending = Promise.withResolvers<void>();
    windows.cancel = async (registration) => {
      ending.resolve();
      if (old.has(registration)) await delay(20); // a callback is running
      await cancel(registration);
    };
    const probing = subscription.probe(signal);
    probing.catch(() => {});
    await ending.promise;
    await source[Symbol.asyncDispose]();
    assertEquals(windows.open, 0);
    await assertRejects(() => probing, Error, "Disposed");
  },
);

limitedTest("a disposed subscription sends no canary", async () => {
  const windows = new SimulatedWindows();
  await using source = windows.source();
  const subscription = await source.subscribe(signal);
  const other = await source.subscribe(signal);
  await other[Symbol.asyncDispose]();
  const registrations = [...windows.registrations.keys()];
  const { listeners } = source;
  const isAnswered = await other.probe(signal);
  const after = [...windows.registrations.keys()];
  await subscription[Symbol.asyncDispose]();
  assertEquals([isAnswered, listeners, after], [false, [], registrations]);
});

limitedTest("a subscription goes on while one listener is left", async () => {
  const windows = new SimulatedWindows();
  windows.refused.add(REGISTRATIONS[1]);
  await using source = windows.source();
  const subscription = await source.subscribe(signal);
  windows.operationsRefused = true;
  const iterator = subscription[Symbol.asyncIterator]();
  windows.change();
  while (source.listeners.length > 2) await delay(1);
  for (let i = 0; i < 3; i++) {
    windows.change();
    assertEquals((await iterator.next()).value, { kind: "changed" });
    await delay(0);
  }
  assertEquals(source.listeners, [REGISTRATIONS[0], REGISTRATIONS[2]]);
});

limitedTest(
  "subscribe() that fails keeps nothing, so that the next subscription ends as usual",
  async () => {
    const windows = new SimulatedWindows();
    REGISTRATIONS.forEach((name) => windows.refused.add(name));
    windows.operationsRefused = true;
    const source = windows.source();
    await assertRejects(() => source.subscribe(signal), SystemCallError);
    windows.refused.clear();
    const subscription = await source.subscribe(signal);
    await subscription[Symbol.asyncDispose]();
    assertEquals([windows.registrations.size, windows.open], [0, 1]);
    await source[Symbol.asyncDispose]();
    assertEquals(windows.open, 0);
  },
);

limitedTest(
  "a sleep is found by a read, and one between two subscriptions is for the next one",
  async () => {
    const windows = new SimulatedWindows();
    await using source = windows.source();
    const first = await source.subscribe(signal);
    windows.uptime += 60_000;
    await source.read(signal);
    assertEquals(await next(first), "resumed");
    await first[Symbol.asyncDispose]();
    windows.uptime += 60_000;
    await source.read(signal);
    const second = await source.subscribe(signal);
    await source.read(signal);
    assertEquals(await next(second), "resumed");
  },
);

limitedTest(
  "a sleep is one event, however many subscriptions there were before on Windows",
  async () => {
    const windows = new SimulatedWindows();
    await using source = windows.source();
    for (let i = 0; i < 2; i++) await (await source.subscribe(signal))[Symbol.asyncDispose]();
    const events = (await source.subscribe(signal))[Symbol.asyncIterator]();
    windows.uptime += 60_000;
    await source.read(signal);
    assertEquals((await events.next()).value?.kind, "resumed");
    windows.change();
    assertEquals((await events.next()).value?.kind, "changed");
  },
);

limitedTest(
  "a sleep after the end of a source is for the next subscription to another one",
  async () => {
    const windows = new SimulatedWindows();
    const runtime = new WindowsRuntime(windows as never, () => {});
    const first = new WindowsSource(runtime, {}, () => Promise.resolve());
    await using other = new WindowsSource(runtime, {}, () => runtime.dispose());
    await first.subscribe(signal);
    await first[Symbol.asyncDispose]();
    windows.uptime += 60_000;
    await other.read(signal);
    const subscription = await other.subscribe(signal);
    await other.read(signal);
    assertEquals(await next(subscription), "resumed");
  },
);

limitedTest("every one of a hundred changes is an event", async () => {
  const windows = new SimulatedWindows();
  await using source = windows.source();
  const iterator = (await source.subscribe(signal))[Symbol.asyncIterator]();
  for (let i = 0; i < 100; i++) {
    windows.change();
    assertEquals((await iterator.next()).value, { kind: "changed" });
  }
});

limitedTest(
  "a source is disposed after its reads: the libraries are not unloaded under them",
  async () => {
    const windows = new SimulatedWindows();
    const source = windows.source();
    const answer = Promise.withResolvers<void>();
    const adapters = windows.adapters.bind(windows);
    windows.adapters = () => answer.promise.then(adapters);
    const reading = source.read(signal);
    const disposing = source[Symbol.asyncDispose]();
    await delay(0);
    assertEquals(windows.open, 1);
    answer.resolve();
    await Promise.all([reading, disposing]);
    assertEquals(windows.open, 0);
  },
);

limitedTest("a registration that Wine accepts but does not serve is refused", async () => {
  const windows = new SimulatedWindows();
  windows.register = () => 0n;
  windows.cancel = () => Promise.reject(new Error("There is nothing to cancel"));
  await using source = windows.source();
  await source.subscribe(signal);
  assertEquals(source.listeners, ["SIO_ADDRESS_LIST_CHANGE IPv4", "SIO_ADDRESS_LIST_CHANGE IPv6"]);
});

limitedTest("a read fails if the system refuses to list the adapters", async () => {
  const windows = new SimulatedWindows();
  windows.adapters = () => Promise.reject(windows.error("GetAdaptersAddresses"));
  await using source = windows.source();
  await assertRejects(() => source.read(signal), SystemCallError, "GetAdaptersAddresses");
  assertEquals(windows.open, 1);
});
