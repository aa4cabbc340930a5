/**
 * The registrations of Windows, fired from threads of the system's own, which Wine does not do.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { SystemCallError } from "../../state/errors.ts";
import { scaled } from "../support/timing.ts";
import { APIS, StandinMonitor, standinTest } from "./standin.ts";

const ALL = ["NotifyUnicastIpAddressChange", "NotifyIpInterfaceChange", "NotifyRouteChange2"];
const OPERATIONS = [
  "NotifyAddrChange",
  "SIO_ADDRESS_LIST_CHANGE IPv4",
  "SIO_ADDRESS_LIST_CHANGE IPv6",
];

standinTest("a change is published, whatever callback announces it", async (standin) => {
  await using it = await StandinMonitor.open();
  assertEquals(it.monitor.health.listeners, ALL);
  assertEquals(it.monitor.metrics.events, 0);
  for (const [i, name] of (["address", "interface", "route"] as const).entries()) {
    standin.set("deaf", APIS.all & ~APIS[name]);
    standin.set("addresses", i + 2);
    standin.change();
    await it.untilAddresses(i + 3);
  }
  assertEquals(it.monitor.current.state.defaultRoute, {
    ipv4: { interface: "net0", gateway: "10.0.0.254", source: "10.0.0.1", metric: 30 },
    ipv6: { interface: "net0", gateway: "2001:db8::fe", source: "2001:db8::1", metric: 40 },
  });
});

standinTest(
  "10,000 notifications from three threads: few reads, the last state, no lag",
  async (standin) => {
    await using it = await StandinMonitor.open({ coalesceMs: 250, reconcileIntervalMs: 60_000 });
    let worst = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      worst = Math.max(worst, performance.now() - last - 10);
      last = performance.now();
    }, 10);
    const fired = standin.get("fired");
    const start = performance.now();
    standin.storm(3_334);
    await standin.calm();
    const stormMs = performance.now() - start;
    standin.set("addresses", 5);
    standin.change();
    const { at } = await it.untilAddresses(6);
    clearInterval(timer);
    const { driftsFound, events, fullReads, published } = it.monitor.metrics;
    console.log(
      `${standin.get("fired") - fired} fired in ${stormMs.toFixed()} ms: ${events} wake-ups, ` +
        `${fullReads} reads, ${published} published, worst lag ${worst.toFixed()} ms`,
    );
    assert(standin.get("fired") - fired >= 10_000);
    assert(Date.now() - at < scaled(1_000));
    assert(events > 0 && published <= 3, `${events} events, ${published} published`);
    assertEquals(driftsFound, 0);
  },
);

standinTest("close() in the middle of a storm takes less than a second", async (standin) => {
  const it = await StandinMonitor.open();
  standin.storm(scaled(1_000_000));
  while (it.monitor.metrics.events < 10) await delay(1);
  const start = performance.now();
  await it[Symbol.asyncDispose]();
  const ms = performance.now() - start;
  assert(standin.get("storms") > 0, "the storm ended before");
  assertEquals(standin.get("registered"), 0);
  console.log(`closed in ${ms.toFixed()} ms`);
  assert(ms < scaled(1_000), `${ms} ms`);
});

standinTest("500 open/close cycles leave no handle and no registration", async (standin) => {
  using handles = new HandleCount();
  const cycle = async () => await (await StandinMonitor.open())[Symbol.asyncDispose]();
  for (let i = 0; i < 20; i++) await cycle();
  const before = handles.count();
  for (let i = 0; i < 500; i++) await cycle();
  const after = handles.count();
  console.log(`${before} handles before, ${after} after`);
  assertEquals(standin.get("registered"), 0);
  // threads of the pool come and go
  assert(after - before < 20, `${before} handles before, ${after} after`);
});

standinTest("64 monitors share three registrations and one wait", async (standin) => {
  const all = await Promise.all(Array.from({ length: 64 }, () => StandinMonitor.open()));
  try {
    assertEquals(standin.get("registered"), 3);
    standin.set("addresses", 2);
    standin.change();
    await Promise.all(all.map((it) => it.untilAddresses(3)));
  } finally {
    await Promise.all(all.map((it) => it[Symbol.asyncDispose]()));
  }
  assertEquals(standin.get("registered"), 0);
});

for (const setting of ["refused", "noHandle", "silent"] as const) {
  standinTest(`a registration that is ${setting} is replaced by operations`, async (standin) => {
    standin.set(setting, APIS.interface);
    await using it = await StandinMonitor.open();
    assertEquals(it.monitor.health.listeners, [ALL[0]!, ALL[2]!, ...OPERATIONS]);
    standin.set("deaf", APIS.all);
    standin.set("addresses", 3);
    standin.change();
    await it.untilAddresses(4);
    standin.set("addresses", 4);
    standin.change();
    await it.untilAddresses(5);
  });
}

standinTest(
  "registrations that fall silent are found by the canary and replaced",
  async (standin) => {
    await using it = await StandinMonitor.open({ reconcileIntervalMs: scaled(2_000) });
    standin.set("silent", APIS.all);
    standin.set("deaf", APIS.all);
    const { monitor } = it;
    while (monitor.metrics.canariesMissed === 0) await delay(50);
    while (monitor.health.status !== "live" || monitor.metrics.reopens === 0) {
      await delay(50);
    }
    assertEquals(monitor.health.listeners, OPERATIONS);
    standin.set("addresses", 3);
    standin.change();
    assertEquals((await it.untilAddresses(4)).cause, "event");
    assertEquals(standin.get("registered"), 0);

    standin.set("silent", 0);
    standin.set("deaf", 0);
    while (monitor.health.listeners?.join() !== ALL.join()) {
      await delay(50);
    }
    assertEquals(monitor.metrics.canariesMissed, 1);
    assertEquals(monitor.health.status, "live");
  },
);

standinTest("canaries count neither as events nor as changes", async () => {
  await using it = await StandinMonitor.open({ reconcileIntervalMs: scaled(200) });
  const { metrics } = it.monitor;
  while (it.monitor.metrics.canaries < metrics.canaries + 5) {
    await delay(20);
  }
  const { canariesMissed, driftsFound, events, published } = it.monitor.metrics;
  assertEquals([canariesMissed, driftsFound, events, published], [0, 0, 0, 1]);
});

standinTest("a busy program loses no registration while they are renewed", async () => {
  await using it = await StandinMonitor.open({ reconcileIntervalMs: scaled(1_000) });
  const { monitor } = it;
  for (const last = monitor.metrics.canaries + 3; monitor.metrics.canaries < last;) {
    for (const end = performance.now() + 700; performance.now() < end;); // blocks the event loop
    await delay(50);
  }
  await delay(1_000);
  assertEquals([monitor.metrics.canariesMissed, monitor.health.listeners], [0, ALL]);
});

standinTest(
  "a list of adapters that takes long leaves the pool's threads to the program",
  async (standin) => {
    await using it = await StandinMonitor.open();
    standin.set("listMs", 2_000);
    const { signal } = new AbortController();
    const reads = Array.from({ length: 40 }, () => it.source.read(signal));
    await delay(100);
    const start = performance.now();
    await Deno.stat(".");
    const ms = performance.now() - start;
    standin.set("listMs", 0);
    await Promise.all(reads);
    assert(ms < 1_000, `${ms} ms`);
  },
);

standinTest(
  "the list of adapters is read again while it grows, and not for ever",
  async (standin) => {
    await using it = await StandinMonitor.open();
    standin.set("growth", 3);
    await it.monitor.refresh();
    assertEquals(it.addresses, 1_409);
    standin.set("addresses", 1);
    standin.set("growth", 1_000_000);
    const error = await assertRejects(
      () => it.source.read(new AbortController().signal),
      SystemCallError,
    );
    assertEquals([error.operation, error.code], ["GetAdaptersAddresses", 111]);
    assertEquals(error.codeName, "ERROR_BUFFER_OVERFLOW");
    assert(/ERROR_BUFFER_OVERFLOW \(111\): .+/.test(error.message), error.message);
  },
);

standinTest(
  "the default route comes from the table if the system does not answer",
  async (standin) => {
    await using it = await StandinMonitor.open();
    const { defaultRoute } = it.monitor.current.state;
    standin.set("bestRouteError", 50);
    assertEquals((await it.monitor.refresh()).state.defaultRoute, defaultRoute);
    assertEquals(standin.get("tables"), 0);
    standin.set("bestRouteError", 1231);
    const { state } = await it.monitor.refresh();
    assertEquals(state.defaultRoute, { ipv4: null, ipv6: null });
  },
);

/** Counts the handles of this process. */
class HandleCount implements Disposable {
  readonly #kernel32 = Deno.dlopen("kernel32.dll", {
    GetCurrentProcess: { parameters: [], result: "usize" },
    GetProcessHandleCount: { parameters: ["usize", "buffer"], result: "i32" },
    CreateEventW: { parameters: ["usize", "i32", "i32", "usize"], result: "usize" },
    CloseHandle: { parameters: ["usize"], result: "i32" },
  });

  /** Wine 10 always answers 0, but gives out the lowest free handle. */
  count(): number {
    const { CloseHandle, CreateEventW, GetCurrentProcess, GetProcessHandleCount } =
      this.#kernel32.symbols;
    const count = new Uint32Array(1);
    GetProcessHandleCount(GetCurrentProcess(), count);
    if (count[0]! > 0) return count[0]!;
    const event = CreateEventW(0n, 0, 0, 0n);
    CloseHandle(event);
    return Number(event) / 4;
  }

  [Symbol.dispose](): void {
    this.#kernel32.close();
  }
}
