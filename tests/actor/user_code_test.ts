import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { getLogger } from "@std/log/get-logger";
import { guardLogger, guardPredicate, valueText } from "../../actor/options.ts";
import {
  ManualClock,
  scriptedInterface,
  scriptedRoute,
  ScriptedSource,
} from "../../actor/testing.ts";
import { type MonitorOptions, NetworkMonitor, type Snapshot } from "../../mod.ts";
import { errorText } from "../../state/format.ts";
import { addresses, eth0, Log, nic, type OpenSetting, publish, setUp } from "./support.ts";

Deno.test("guardLogger() survives a logger that throws or rejects", async () => {
  const broken = () => {
    throw new Error("Broken");
  };
  const rejecting = () => Promise.reject(new Error("Broken"));
  const logger = guardLogger({ debug: broken, info: broken, warn: rejecting, error: rejecting });
  for (const level of ["debug", "info", "warn", "error"] as const) logger[level]("x");
  await new Promise((resolve) => setImmediate(resolve));
});

Deno.test("guardLogger() looks up the logger netwatch at every call", () => {
  const logger = guardLogger(undefined);
  const target = getLogger("netwatch");
  const heard: string[] = [];
  const original = target.warn;
  target.warn = ((message: string) => heard.push(message)) as never;
  target.handlers.push({} as never);
  try {
    logger.warn("one");
    logger.warn(() => "two");
    target.handlers.length = 0;
    logger.warn(() => "nobody reads this");
  } finally {
    target.warn = original;
    target.handlers.length = 0;
  }
  logger.warn("three");
  assertEquals(heard, ["one", "two"]);
});

Deno.test("guardPredicate() calls the predicate once for each interface object", () => {
  const asked: string[] = [];
  const ignored = guardPredicate(({ name }) => {
    asked.push(name);
    return name === "docker0";
  }, new Log());
  const [docker0, eth0] = [scriptedInterface("docker0"), scriptedInterface("eth0")];
  ignored.remember([docker0, eth0]);
  ignored.remember([docker0]);
  assertEquals([docker0, eth0, scriptedInterface("docker0")].map(ignored.has), [
    true,
    false,
    false,
  ]);
  assertEquals(asked, ["docker0", "eth0"]);
});

Deno.test("guardPredicate() logs the first error and counts each as false", () => {
  const log = new Log();
  const ignored = guardPredicate(() => {
    throw new Error("Broken");
  }, log);
  const nics = [scriptedInterface("eth0"), scriptedInterface("eth1")];
  ignored.remember(nics);
  assertEquals(nics.map(ignored.has), [false, false]);
  assertEquals(log.at("error").length, 1);
  assert(log.at("error")[0]!.includes("Broken"));
});

Deno.test("errorText() describes anything that was thrown", () => {
  const thrown = [new Error("Bad"), new TypeError(), "text", undefined, new Error("\u001b[2J")];
  assertEquals(thrown.map(errorText), ["Bad", "TypeError", "text", "undefined", "\\u{1b}[2J"]);
  assertEquals(errorText(Object.create(null)), "An error that cannot be printed");
});

Deno.test("valueText() shows any value", () => {
  const given = [-5, NaN, "a\u001b", null, undefined, true, 10n, Symbol("s"), {}, [], () => {}];
  assertEquals(given.map(valueText), [
    "-5",
    "NaN",
    '"a\\u001b"',
    "null",
    "undefined",
    "true",
    "10n",
    "Symbol(s)",
    "an object",
    "an object",
    "a function",
  ]);
  assertEquals(valueText(Object.create(null)), "an object");
  assertEquals(valueText(AbortSignal.abort()), "an AbortSignal");
});

Deno.test("a monitor goes on when its logger and predicate throw", async () => {
  const broken = () => {
    throw new Error("Broken");
  };
  const logger = { debug: broken, info: broken, warn: broken, error: broken };
  await using it = await setUp({ monitor: { logger, ignoreInterface: broken } });
  it.source.set([scriptedInterface("eth0", ["192.0.2.2/24"])]);
  it.source.end();
  await it.clock.advance(300);
  assertEquals([it.monitor.current.major, it.monitor.health.status], [true, "live"]);
});

Deno.test("health survives a source whose listeners are not a list", async () => {
  await using it = await setUp();
  Object.assign(it.source, { listeners: 5 });
  it.source.end();
  await it.clock.settle();
  const { listeners, status } = it.monitor.health;
  assertEquals([listeners, status], [[], "degraded"]);
});

/** What user code does when it is called. */
const DEEDS: Record<string, (it: OpenSetting, stream: AbortController) => void> = {
  "closes the monitor": (it) => void it.monitor.close(),
  "aborts the stream": (_it, stream) => stream.abort(),
};

/** Two publications between two deliveries: the delivery compares what no publication compared. */
async function live(
  it: OpenSetting,
  stream: AbortController,
): Promise<ReadableStreamDefaultReader<Snapshot>> {
  const { signal } = stream;
  const reader = it.monitor.snapshots({ settleMs: 500, majorOnly: true, signal }).getReader();
  await reader.read();
  const next = reader.read();
  await publish(it, "192.0.2.2/24");
  await publish(it, "192.0.2.3/24", nic("veth1", "10.0.0.1/24"));
  it.source.end();
  await it.clock.advance(20_000);
  await next;
  return reader;
}

for (const [deed, perform] of Object.entries(DEEDS)) {
  const users: Record<string, (act: () => void) => MonitorOptions> = {
    "ignoreInterface": (act) => ({ ignoreInterface: () => (act(), false) }),
    "a logger": (act) => ({ logger: { debug: act, info: act, warn: act, error: act } }),
  };
  for (const [who, options] of Object.entries(users)) {
    Deno.test(`${who} that ${deed} harms nothing, whenever it is called`, async () => {
      let it: OpenSetting | null = null;
      let calls = 0;
      const run = async (wanted: number): Promise<void> => {
        it = null;
        calls = 0;
        const stream = new AbortController();
        const call = (): void => {
          if (it !== null && calls++ === wanted) perform(it, stream);
        };
        it = await setUp({ monitor: options(call) });
        const reader = await live(it, stream);
        if (calls > wanted) assertEquals((await reader.read()).done, true);
        await it.monitor.close();
        assertEquals([it.clock.pending, it.source.open], [0, 0]);
      };
      await run(Infinity);
      assert(calls > 0);
      for (let wanted = calls - 1; wanted >= 0; wanted--) await run(wanted);
    });
  }

  Deno.test(`a predicate of waitFor() that ${deed} harms nothing`, async () => {
    const it = await setUp();
    const stream = new AbortController();
    const waiting = it.monitor.waitFor(({ interfaces }) => {
      if (interfaces.veth1 !== undefined) perform(it, stream);
      return false;
    }).catch((error) => error.name);
    const reader = await live(it, stream);
    assertEquals((await reader.read()).done, true);
    await it.monitor.close();
    assertEquals(await waiting, "MonitorClosedError");
  });
}

Deno.test("ignoreInterface is called once for each interface object", async () => {
  const asked = new Map<unknown, number>();
  const ignoreInterface = (nic: unknown) => {
    asked.set(nic, (asked.get(nic) ?? 0) + 1);
    return false;
  };
  await using it = await setUp({ monitor: { ignoreInterface } });
  await live(it, new AbortController());
  assert(asked.size >= 3);
  assertEquals([...asked.values()].filter((times) => times > 1), []);
});

Deno.test("a refresh() and a waitFor() that nobody awaits do no harm when the monitor closes", async () => {
  const it = await setUp();
  const unhandled: unknown[] = [];
  const onUnhandled = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  addEventListener("unhandledrejection", onUnhandled);
  it.source.holdReads();
  void it.monitor.refresh();
  void it.monitor.waitFor(() => false);
  await it.monitor.close();
  for (let n = 0; n < 3; n++) await delay(0);
  removeEventListener("unhandledrejection", onUnhandled);
  assertEquals(unhandled, []);
});

Deno.test("a monitor works on a clock that calls back before it returns", async () => {
  const manual = new ManualClock();
  const clock = {
    now: () => manual.now(),
    monotonic: () => manual.monotonic(),
    setInterval: (f: () => void, ms: number) => manual.setInterval(f, ms),
    setTimeout: (f: () => void, ms: number) => {
      const timer = manual.setTimeout(() => {}, 0);
      timer.cancel();
      if (ms < 1_000) manual.tick(ms); // the limits of reads and subscribes are not over at once
      if (ms < 1_000) f();
      return timer;
    },
  };
  const source = new ScriptedSource({ interfaces: [scriptedInterface("eth0", ["192.0.2.1/24"])] });
  const monitor = await NetworkMonitor.open({ source, clock, logger: new Log() });
  const reader = monitor.snapshots({ settleMs: 500 }).getReader();
  await reader.read();
  const next = reader.read();
  source.set([scriptedInterface("eth0", ["192.0.2.2/24"])]);
  source.announce();
  assertEquals((await next).value?.state.localAddresses.regular, ["192.0.2.2"]);
  await monitor.close();
});

Deno.test("ignoreInterface keeps what it names out of major", async () => {
  for (const ignored of ["wg0", "wg1"]) { // tailscale#21118: the program's own tunnel
    const ignoreInterface = ({ name }: { name: string }) => name === ignored;
    await using it = await setUp({ monitor: { ignoreInterface } });
    const { interfaces } = it.source.reading;
    it.source.set([...interfaces, scriptedInterface("wg0", ["10.0.0.1/24"], { index: 9 })]);
    it.source.announce();
    await it.clock.settle();
    assertEquals([it.monitor.current.sequence, it.monitor.current.major], [2, ignored !== "wg0"]);
  }
});

Deno.test("ignoreInterface sees hostOnly as the state has it, again when a default route changes it", async () => {
  const asked: string[] = [];
  const ignoreInterface = ({ hostOnly, name }: { hostOnly: boolean; name: string }) => {
    if (name === "docker0") asked.push(`host-only ${hostOnly}`);
    return false;
  };
  await using it = await setUp({ monitor: { ignoreInterface } });
  const interfaces = [
    ...it.source.reading.interfaces,
    scriptedInterface("docker0", ["172.17.0.1/16"], { index: 9 }),
  ];
  it.source.set({ interfaces });
  it.source.announce();
  await it.clock.advance(250);
  assertEquals([asked, it.monitor.current.major], [["host-only true"], false]);
  it.source.set({ defaultRoute: { ipv4: scriptedRoute("docker0"), ipv6: null } });
  it.source.announce();
  await it.clock.advance(250);
  assertEquals([asked, it.monitor.current.major], [["host-only true", "host-only false"], true]);
});

Deno.test("a clock that fails once ends the subscription, and the next reconcile shows what changed", async () => {
  await using it = await setUp();
  const { setTimeout } = it.clock;
  let failures = 0;
  it.clock.setTimeout = (f, ms) => {
    if (failures++ === 0) throw new Error("No timer");
    return setTimeout.call(it.clock, f, ms);
  };
  for (const address of ["192.0.2.2/24", "192.0.2.3/24"]) { // published at once; at the end of the window
    it.source.set([eth0(address)]);
    it.source.announce();
    await it.clock.settle();
  }
  assert(failures > 0);
  await it.clock.advance(15_000);
  assertEquals(addresses(it.monitor.current), ["192.0.2.3"]);
  assertEquals([it.monitor.health.status, it.monitor.health.lastError], ["live", "No timer"]);
});
