/**
 * The notifications of Windows, over system calls that the test plays.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { POLLIN, PollLoop } from "../../ffi/poll_loop.ts";
import { HandlePort, WindowsRuntime, WindowsSource } from "../../ffi/windows/source.ts";
import { SystemCallError } from "../../state/errors.ts";
import type { SourceEvent, Subscription } from "../../state/ports.ts";
import { limitedTest } from "../support/limited.ts";
import { SimulatedWindows } from "../support/simulated_windows.ts";
import { scaled } from "../support/timing.ts";

const REGISTRATIONS = [
  "NotifyUnicastIpAddressChange",
  "NotifyIpInterfaceChange",
  "NotifyRouteChange2",
] as const;
const OPERATIONS = ["SIO_ADDRESS_LIST_CHANGE IPv4", "SIO_ADDRESS_LIST_CHANGE IPv6"];

interface Setup {
  windows: SimulatedWindows;
  source: WindowsSource;
  subscription: Subscription;
  /** The next event. */
  next(): Promise<SourceEvent | undefined>;
}

/** Runs a test with a subscription; nothing may be left open after it. */
async function subscribed(
  windows: SimulatedWindows,
  test: (setup: Setup) => Promise<void>,
): Promise<void> {
  {
    await using source = windows.source();
    const subscription = await source.subscribe(new AbortController().signal);
    const iterator = subscription[Symbol.asyncIterator]();
    const next = async () => (await iterator.next()).value;
    await test({ windows, source, subscription, next });
  }
  const { events, memory, registrations, sockets, winsock } = windows;
  assertEquals([events.size, memory.size, registrations.size, sockets.size, winsock], [
    0,
    0,
    0,
    0,
    0,
  ]);
}

limitedTest("HandlePort.poll() marks all events that are set", async () => {
  const windows = new SimulatedWindows();
  const port = new HandlePort(windows as never);
  const [a, b, c] = [windows.createEvent(), windows.createEvent(), windows.createEvent()];
  const set = new Int32Array(4 * 2);
  const view = new DataView(set.buffer);
  [port.wakeDescriptor, a, b, c].forEach((event, i) => set[2 * i] = event);
  const poll = async (ms: number) => {
    const count = await port.poll(set, 4, ms);
    const revents = [0, 1, 2, 3].map((i) => view.getInt16(i * 8 + 6, true));
    [0, 1, 2, 3].forEach((i) => set[2 * i + 1] = 0);
    return [count, ...revents];
  };
  assertEquals(await poll(1), [0, 0, 0, 0, 0]);
  windows.setEvent(a);
  windows.setEvent(c);
  assertEquals(await poll(1_000), [2, 0, POLLIN, 0, POLLIN]);
  windows.resetEvent(a);
  windows.resetEvent(c);
  port.wake();
  assertEquals(await poll(1_000), [1, POLLIN, 0, 0, 0]);
  port.clearWakeUp();
  assertEquals(await poll(1), [0, 0, 0, 0, 0]);
  windows.wait = () => Promise.resolve(-1);
  assertEquals(await poll(1), [-1, 0, 0, 0, 0]);
});

limitedTest(
  "an event that was set before one wait is not taken for set after the next",
  async () => {
    const windows = new SimulatedWindows();
    const loop = new PollLoop(new HandlePort(windows as never));
    const [a, b] = [windows.createEvent(), windows.createEvent()];
    const [first, second] = [loop.watch(a), loop.watch(b)];
    const told: string[] = [];
    const ready = [first.ready(), second.ready()];
    windows.setEvent(a);
    await ready[0];
    windows.resetEvent(a);
    const again = first.ready().then((revents) => told.push(`first: ${revents}`));
    await delay(0); // the next wait begins
    windows.setEvent(b);
    told.push(`second: ${await ready[1]}`);
    await delay(0);
    await Promise.all([first.close(), second.close()]);
    await Promise.all([again, loop.idle()]);
    assertEquals(told, [`second: ${POLLIN}`, "first: null"]);
  },
);

limitedTest("a subscription receives changes, and no confirmation", async () => {
  await subscribed(new SimulatedWindows(), async ({ next, source, subscription, windows }) => {
    assertEquals(source.listeners, REGISTRATIONS);
    windows.change();
    assertEquals(await next(), { kind: "changed" });
    assertEquals(await subscription.probe(new AbortController().signal), true);
    const { events } = source.counters;
    assertEquals(windows.registrations.size, 3);
    windows.change();
    assertEquals(await next(), { kind: "changed" });
    // the three events of one change may be one or several wake-ups
    assertEquals(events >= 1 && events <= 3 && source.counters.events > events, true);
  });
});

limitedTest(
  "operations stand in for a registration that is refused, until it is there",
  async () => {
    const windows = new SimulatedWindows();
    windows.refused.add(REGISTRATIONS[1]);
    await subscribed(windows, async ({ next, source, subscription }) => {
      assertEquals(source.listeners, [REGISTRATIONS[0], REGISTRATIONS[2], ...OPERATIONS]);
      windows.registrations.clear();
      for (let i = 0; i < 2; i++) {
        windows.change();
        assertEquals(await next(), { kind: "changed" });
      }
      windows.refused.clear();
      assertEquals(await subscription.probe(new AbortController().signal), true);
      assertEquals(source.listeners, REGISTRATIONS);
      assertEquals([windows.sockets.size, windows.winsock], [0, 0]);
    });
  },
);

limitedTest("a registration that does not confirm fails the canary and is replaced", async () => {
  await subscribed(new SimulatedWindows(), async ({ source, subscription, windows }) => {
    windows.silent.add(REGISTRATIONS[0]);
    const { signal } = new AbortController();
    assertEquals(await subscription.probe(signal), false);
    assertEquals(
      source.listeners.toSorted(),
      [...REGISTRATIONS.slice(1), ...OPERATIONS].toSorted(),
    );
    // the next socket has what there is, and its canary is answered
    assertEquals(await subscription.probe(signal), true);
    windows.silent.clear();
    assertEquals(await subscription.probe(signal), true);
    assertEquals(source.listeners.toSorted(), REGISTRATIONS.toSorted());
  });
});

limitedTest("a subscription ends when nothing listens any more", async () => {
  const windows = new SimulatedWindows();
  REGISTRATIONS.forEach((name) => windows.refused.add(name));
  await subscribed(windows, async ({ next, source, windows }) => {
    assertEquals(source.listeners, OPERATIONS);
    windows.operationsRefused = true;
    windows.change();
    assertEquals(await next(), undefined);
    assertEquals(source.listeners, []);
  });
});

limitedTest("subscribe() fails if nothing listens", async () => {
  const windows = new SimulatedWindows();
  REGISTRATIONS.forEach((name) => windows.refused.add(name));
  windows.operationsRefused = true;
  await using source = windows.source();
  const { signal } = new AbortController();
  await assertRejects(() => source.subscribe(signal), SystemCallError, "failed with E? (50)");
  await source.read(signal); // needs no notification
});

limitedTest(
  "subscribe() fails if nothing confirms, however long the system takes to end it",
  async () => {
    const windows = new SimulatedWindows();
    REGISTRATIONS.forEach((name) => windows.silent.add(name));
    windows.operationsRefused = true;
    const cancel = windows.cancel.bind(windows);
    windows.cancel = (registration) => delay(20).then(() => cancel(registration));
    await using source = windows.source();
    const { signal } = new AbortController();
    await assertRejects(() => source.subscribe(signal), SystemCallError, "failed with E? (50)");
  },
);

limitedTest("a source does nothing once its signal is aborted", async () => {
  const windows = new SimulatedWindows();
  await using source = windows.source();
  windows.register = windows.adapters = () => {
    throw new Error("The system was called");
  };
  const signal = AbortSignal.abort(new Error("Too late"));
  await assertRejects(() => source.subscribe(signal), Error, "Too late");
  await assertRejects(() => source.read(signal), Error, "Too late");
});

limitedTest("subscriptions share the registrations", async () => {
  await subscribed(new SimulatedWindows(), async ({ next, source, subscription, windows }) => {
    const other = await source.subscribe(new AbortController().signal);
    assertEquals(windows.registrations.size, 3);
    await subscription[Symbol.asyncDispose]();
    assertEquals(await next(), undefined);
    windows.change();
    for await (const event of other) {
      assertEquals(event, { kind: "changed" });
      break;
    }
    assertEquals(windows.registrations.size, 3);
  });
});

limitedTest(
  "a sleep that a lost subscription has not delivered is reported by the next one",
  async () => {
    await subscribed(new SimulatedWindows(), async ({ source, subscription, windows }) => {
      const { signal } = new AbortController();
      windows.uptime += 60_000;
      await source.read(signal);
      await subscription[Symbol.asyncDispose]();
      const next = await source.subscribe(signal);
      const { value } = await next[Symbol.asyncIterator]().next();
      assertEquals(value.kind === "resumed" && value.sleptMs, 60_000);
    });
  },
);

limitedTest(
  "a sleep that is noticed while there is no subscription is reported by the next one",
  async () => {
    await subscribed(new SimulatedWindows(), async ({ source, subscription, windows }) => {
      const { signal } = new AbortController();
      await subscription[Symbol.asyncDispose]();
      windows.uptime += 60_000;
      await source.read(signal); // another monitor listens to these clocks, too
      windows.uptime += 5_000;
      await source.read(signal);
      const next = await source.subscribe(signal);
      const { value } = await next[Symbol.asyncIterator]().next();
      assertEquals(value.kind === "resumed" && value.sleptMs, 60_000);
    });
  },
);

limitedTest("a sleep is found at the next wake-up, and at the next read", async () => {
  await subscribed(new SimulatedWindows(), async ({ next, source, windows }) => {
    windows.awake += 10_000;
    windows.uptime += 10_016;
    await source.read(new AbortController().signal);
    windows.uptime += 60_000;
    windows.change();
    const woken = await next();
    assertEquals(woken?.kind === "resumed" && woken.sleptMs, 60_016);
    assertEquals(await next(), { kind: "changed" });
    windows.uptime += 5_000;
    await source.read(new AbortController().signal);
    const read = await next();
    assertEquals(read?.kind === "resumed" && read.sleptMs, 5_000);
  });
});

limitedTest(
  "a source that is disposed of while it subscribes unloads nothing that is in use",
  async () => {
    const windows = new SimulatedWindows();
    const cancel = windows.cancel.bind(windows);
    windows.cancel = async (registration) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      await cancel(registration);
    };
    const inUse: number[] = [];
    const unload = (): void => void inUse.push(windows.events.size, windows.registrations.size);
    const runtime = new WindowsRuntime(windows as never, unload);
    const source = new WindowsSource(runtime, {}, () => runtime.dispose());
    const subscribing = source.subscribe(new AbortController().signal);
    await source[Symbol.asyncDispose]();
    await (await subscribing)[Symbol.asyncDispose]();
    assertEquals(inUse, [0, 0]);
  },
);

/** A machine whose network changes while the registrations are renewed. */
class Renewing extends SimulatedWindows {
  changes = false;
}

/** The network changes between the confirmation of a renewed registration and the reset of its event. */
class Racing extends Renewing {
  override resetEvent(event: number): void {
    if (this.changes) this.change(); // sets the events of all registrations, old and new
    this.changes = false;
    super.resetEvent(event);
  }
}

/** After a change, Windows calls the callback of the new registration first, and that of the old one as it is cancelled. */
class LateCallback extends Renewing {
  override cancel(registration: bigint): Promise<void> {
    if (this.changes) this.setEvent(this.registrations.get(registration)!.event);
    return super.cancel(registration);
  }
}

async function assertNotLost(windows: Renewing): Promise<void> {
  await using source = windows.source();
  const { signal } = new AbortController();
  await using subscription = await source.subscribe(signal);
  const next = subscription[Symbol.asyncIterator]().next();
  windows.changes = true;
  assertEquals(await subscription.probe(signal), true);
  windows.changes = false;
  const { value } = await deadline(next, scaled(1_000));
  assertEquals(value, { kind: "changed" });
}

limitedTest(
  "a change during the renewal of the registrations is not lost",
  () => assertNotLost(new Racing()),
);

limitedTest(
  "a change that only the old registration signals, while it is cancelled, is not lost",
  () => assertNotLost(new LateCallback()),
);

limitedTest(
  "a registration whose confirmation a busy event loop delivers late has confirmed",
  async () => {
    const windows = new SimulatedWindows();
    const wait = windows.wait.bind(windows);
    windows.wait = async (events, ms) => {
      const first = await wait(events, ms);
      await delay(0); // after a block, timers fire before the results of nonblocking calls are delivered
      return first;
    };
    await using source = windows.source();
    const { signal } = new AbortController();
    await using subscription = await source.subscribe(signal);
    const isAnswered = subscription.probe(signal);
    for (const end = performance.now() + 700; performance.now() < end;);
    assertEquals([await isAnswered, source.listeners], [true, [...REGISTRATIONS]]);
  },
);
