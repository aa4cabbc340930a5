/**
 * What a source and its poll loop leave behind.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { ManualClock } from "../../actor/testing.ts";
import { BsdSource, makeRuntime } from "../../ffi/bsd/source.ts";
import { SimulatedKernel } from "./simulated_kernel.ts";

Deno.test({
  name: "disposing the BSD source in the pause of a storm leaves no timer behind",
  sanitizeOps: true,
  async fn() {
    const kernel = new SimulatedKernel({ os: "freebsd", clock: new ManualClock() });
    kernel.network.create("en0");
    const runtime = makeRuntime(kernel.functions, "freebsd", () => kernel.unload());
    const source = new BsdSource(runtime, { stormPauseMs: 8 }, () => runtime.dispose());
    const subscription = await source.subscribe(new AbortController().signal);
    const events = subscription[Symbol.asyncIterator]();
    for (let i = 1; i <= 5; i++) {
      const event = events.next();
      kernel.network.addAddress("en0", `198.51.100.${i}/24`);
      assertEquals(await event, { done: false, value: { kind: "changed" } });
    }
    await delay(0); // the pause begins
    await source[Symbol.asyncDispose]();
  },
});

Deno.test("a BSD source that is disposed twice releases the library once", async () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  const runtime = makeRuntime(kernel.functions, "darwin", () => kernel.unload());
  let released = 0;
  const source = new BsdSource(runtime, {}, () => {
    released++;
    return runtime.dispose();
  });
  await Promise.all([source[Symbol.asyncDispose](), source[Symbol.asyncDispose]()]);
  assertEquals(released, 1);
});

Deno.test("a BSD source that is disposed listens for no sleep any more", async () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  const runtime = makeRuntime(kernel.functions, "darwin", () => kernel.unload());
  await using _other = new BsdSource(runtime, {}, () => runtime.dispose());
  const source = new BsdSource(runtime, {}, () => Promise.resolve());
  await source.subscribe(new AbortController().signal);
  await source[Symbol.asyncDispose]();
  kernel.sleep(60_000);
  runtime.clocks.check(false);
  assertEquals(source.pending.take(), null);
});

Deno.test("a BSD source closes no descriptor that a poll uses, and releases the library afterwards", async () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  const log: string[] = [];
  const { functions } = kernel;
  const { close, notify_cancel, poll_blocking } = functions;
  const slow: typeof functions = {
    ...functions,
    poll_blocking: async (...args) => {
      const count = await poll_blocking(...args);
      await delay(0); // until then, it has not returned
      log.push("polled");
      return count;
    },
    close: (fd) => {
      log.push("closed");
      return close(fd);
    },
    notify_cancel: (token) => {
      log.push("closed");
      return notify_cancel!(token);
    },
  };
  const runtime = makeRuntime(slow, "darwin", () => kernel.unload());
  const source = new BsdSource(runtime, {}, () => {
    log.push("released");
    return runtime.dispose();
  });
  const subscription = await source.subscribe(new AbortController().signal);
  const ended = subscription[Symbol.asyncIterator]().next();
  await delay(0); // the poll begins
  log.length = 0;
  await source[Symbol.asyncDispose]();
  await ended;
  assertEquals(log.slice(0, 5), ["polled", "closed", "closed", "closed", "released"]);
});

Deno.test("polls that fail leave one byte in the pipe that wakes them, which blocks when it is full", async () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  let polls = 0;
  let written = 0;
  const functions = {
    ...kernel.functions,
    poll_blocking: async () => {
      if (++polls < 20) watch.unref();
      watch.ref(); // interrupts this poll
      await Promise.resolve();
      return polls < 20 ? -1 : 0;
    },
    write: () => ++written,
  } as typeof kernel.functions;
  const runtime = makeRuntime(functions, "darwin", () => kernel.unload());
  const watch = runtime.pollLoop.watch(5);
  void watch.ready();
  while (polls < 8) await delay(10);
  await watch.close();
  await runtime.dispose();
  assertEquals(written, 1);
});

Deno.test("a sleep that a lost BSD subscription has not delivered is reported by the next one", async () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  const runtime = makeRuntime(kernel.functions, "darwin", () => kernel.unload());
  await using source = new BsdSource(runtime, {}, () => runtime.dispose());
  const { signal } = new AbortController();
  const lost = await source.subscribe(signal);
  kernel.sleep(60_000);
  runtime.clocks.check(false);
  await lost[Symbol.asyncDispose]();
  const subscription = await source.subscribe(signal); // nothing wakes its socket
  const { value } = await subscription[Symbol.asyncIterator]().next();
  assertEquals(value.kind === "resumed" && value.sleptMs, 60_000);
});

Deno.test("a sleep that another BSD source notices is reported by the next subscription, too", async () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  const runtime = makeRuntime(kernel.functions, "darwin", () => kernel.unload());
  await using other = new BsdSource(runtime, {}, () => runtime.dispose());
  await using source = new BsdSource(runtime, {}, () => Promise.resolve());
  const { signal } = new AbortController();
  const lost = await source.subscribe(signal);
  await other.subscribe(signal);
  await lost[Symbol.asyncDispose]();
  kernel.sleep(60_000);
  runtime.clocks.check(false);
  await source.subscribe(signal);
  const event = source.pending.take();
  assertEquals(event?.kind === "resumed" && event.sleptMs, 60_000);
});

Deno.test("a sleep is reported once, however many BSD subscriptions there were before", async () => {
  const kernel = new SimulatedKernel({ os: "freebsd", clock: new ManualClock() });
  const runtime = makeRuntime(kernel.functions, "freebsd", () => kernel.unload());
  await using source = new BsdSource(runtime, {}, () => runtime.dispose());
  const { signal } = new AbortController();
  for (let i = 0; i < 2; i++) await (await source.subscribe(signal))[Symbol.asyncDispose]();
  await source.subscribe(signal);
  kernel.sleep(60_000);
  runtime.clocks.check(false);
  assertEquals([source.pending.take()?.kind, source.pending.take()], ["resumed", null]);
});

Deno.test("a BSD subscription that is disposed leaves no timer: the process would stay alive for it", async () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  kernel.network.create("en0");
  kernel.network.addTentative("en0", "2001:db8::7/64");
  const runtime = makeRuntime(kernel.functions, "darwin", () => kernel.unload());
  await using source = new BsdSource(runtime, {}, () => runtime.dispose());
  const { signal } = new AbortController();
  const subscription = await source.subscribe(signal);
  const isSet: boolean[] = [];
  await source.read(signal);
  isSet.push(runtime.pollLoop.timers.nextAt < Infinity);
  await subscription[Symbol.asyncDispose]();
  isSet.push(runtime.pollLoop.timers.nextAt < Infinity);
  await source.read(signal);
  isSet.push(runtime.pollLoop.timers.nextAt < Infinity);
  assertEquals(isSet, [true, false, false]);
});
