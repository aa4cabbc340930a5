/**
 * The event loop of the program is never starved: views and reads leave it its turns, and three quarters of
 * the time.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { type MonitorOptions, NetworkMonitor } from "../../mod.ts";
import { ManualClock, ScriptedSource, type ScriptedSourceOptions } from "../../actor/testing.ts";
import type { SourceEvent } from "../../state/ports.ts";
import { eth0, Log, type Setting, setUp } from "./support.ts";

/** Gives up instead of hanging: so many events in a row without a timer. */
const STARVED = 20_000;

/** A source whose every view and read is followed by another event at once. */
class Chatterbox extends ScriptedSource {
  readonly #event: SourceEvent;
  #left = STARVED;

  constructor(event: SourceEvent, options: ScriptedSourceOptions) {
    super({ interfaces: [eth0("192.0.2.1/24")], ...options });
    this.#event = event;
  }

  get starved(): boolean {
    return this.#left === 0;
  }

  override async subscribe(): ReturnType<ScriptedSource["subscribe"]> {
    const subscription = await super.subscribe();
    const view = subscription.view.bind(subscription);
    subscription.view = () => {
      if (this.#left > 0 && this.#left--) this.emit(this.#event);
      return view();
    };
    return subscription;
  }
}

const CHAINS: Record<string, { event: SourceEvent; source: ScriptedSourceOptions }> = {
  "each view is followed by a change": { event: { kind: "changed" }, source: {} },
  "each view is followed by a change, without a table": {
    event: { kind: "changed" },
    source: { keepsTable: false },
  },
  "each view is followed by an overflow": { event: { kind: "overflow" }, source: {} },
  "each view is followed by a resync": { event: { kind: "resync" }, source: {} },
  "each view is followed by a clock step": { event: { kind: "clock-stepped" }, source: {} },
};

for (const [what, { event, source: options }] of Object.entries(CHAINS)) {
  for (const coalesceMs of [0, 1]) {
    Deno.test(`a timer of the program fires while ${what}, coalesceMs ${coalesceMs}`, async () => {
      const source = new Chatterbox(event, options);
      const monitor = await NetworkMonitor.open({ source, coalesceMs, logger: new Log() });
      for (let n = 0; n < 5; n++) await delay(10);
      assert(!source.starved);
      await monitor.close();
    });
  }
}

/** A monitor on a manual clock whose views take `viewMs`. */
async function slowViews(viewMs: number, options: MonitorOptions): Promise<{
  clock: ManualClock;
  source: ScriptedSource;
  monitor: NetworkMonitor;
  /** When views began, in monotonic milliseconds. */
  views: number[];
}> {
  const clock = new ManualClock();
  const source = new ScriptedSource({ interfaces: [eth0("192.0.2.1/24")] });
  const views: number[] = [];
  const subscribe = source.subscribe.bind(source);
  source.subscribe = async () => {
    const subscription = await subscribe();
    const view = subscription.view.bind(subscription);
    subscription.view = () => {
      views.push(clock.monotonic());
      clock.tick(viewMs);
      return view();
    };
    return subscription;
  };
  const monitor = await NetworkMonitor.open({ source, clock, logger: new Log(), ...options });
  return { clock, source, monitor, views };
}

Deno.test("views take at most a quarter of the time, whatever coalesceMs and whether they find a change", async () => {
  for (const coalesceMs of [0, 5]) {
    const { clock, source, monitor, views } = await slowViews(10, { coalesceMs });
    for (let n = 0; n < 2_000; n++) {
      if (n > 1_000) source.set([eth0(`192.0.2.${n % 200 + 1}/24`)]);
      source.announce();
      await clock.advance(1);
    }
    const gaps = views.slice(1).map((at, i) => at - views[i]!);
    assert(views.length > 40, `${views.length} views`);
    assert(gaps.every((gap) => gap >= 40), `Gaps of ${gaps}`);
    await monitor.close();
  }
});

Deno.test("a first event after a pause is viewed in the same turn", async () => {
  const { clock, source, monitor, views } = await slowViews(10, { coalesceMs: 0 });
  await clock.advance(100);
  source.set([eth0("192.0.2.2/24")]);
  source.announce();
  const pending = clock.pending;
  await clock.settle();
  assertEquals([views.at(-1), clock.pending], [110, pending]);
  assertEquals(monitor.current.state.localAddresses.regular, ["192.0.2.2"]);
  await monitor.close();
});

Deno.test("a process that was stopped during a view rests for no more than 3 seconds", async () => {
  const options = { coalesceMs: 0, reconcileIntervalMs: Infinity };
  const { clock, source, monitor, views } = await slowViews(0, options);
  const { tick } = clock;
  clock.tick = () => tick.call(clock, 3_600_000);
  source.announce();
  await clock.settle();
  clock.tick = tick;
  source.announce();
  await clock.advance(3_000);
  assertEquals(views.length, 3);
  await monitor.close();
});

for (const [coalesceMs, leastMs] of [[0, 80], [160, 100], [250, 145]] as const) {
  Deno.test(`full reads after overflows begin ${leastMs} ms apart with coalesceMs ${coalesceMs}`, async () => {
    await using it = await setUp({ monitor: { reconcileIntervalMs: Infinity, coalesceMs } });
    const reads: number[] = [];
    const read = it.source.read.bind(it.source);
    it.source.read = async () => {
      reads.push(it.clock.monotonic());
      await new Promise<void>((resolve) => void it.clock.setTimeout(resolve, 20));
      return read();
    };
    for (let n = 0; n < 2_000; n++) {
      it.source.emit({ kind: n % 2 ? "overflow" : "resync" });
      await it.clock.advance(1);
    }
    const gaps = reads.slice(2).map((at, i) => at - reads[i + 1]!); // the read at the opening took no time
    assert(reads.length > 10);
    // the table may be stale after such a read, and is compared again after 50 ms
    assert(gaps.every((gap) => gap >= leastMs), `Gaps of ${gaps}`);
  });
}

Deno.test("refresh() waits for one turn of the event loop after the last read, not for its pace", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: Infinity } });
  it.source.holdReads();
  const first = it.monitor.refresh();
  await it.clock.advance(20);
  const second = it.monitor.refresh();
  it.source.releaseReads();
  await first;
  const { read } = it.source.calls;
  await it.clock.advance(1);
  await second;
  assertEquals(it.source.calls.read, read + 1);
});

/** A read took 40 ms, so the next one waits for three times as long. */
async function makeReadWait({ clock, source }: Setting): Promise<void> {
  source.holdReads();
  source.emit({ kind: "overflow" });
  await clock.advance(40);
  source.emit({ kind: "overflow" });
  source.releaseReads();
  await clock.settle();
}

Deno.test("a read that waits for its pace and becomes urgent replaces its timer", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: Infinity } });
  await makeReadWait(it);
  const { pending } = it.clock;
  void it.monitor.refresh();
  assertEquals(it.clock.pending, pending);
});

Deno.test("a reconcile tick joins a read that waits for its pace", async () => {
  await using it = await setUp({ monitor: { reconcileIntervalMs: 100, coalesceMs: 0 } });
  await makeReadWait(it);
  const { read } = it.source.calls;
  await it.clock.advance(119);
  assertEquals(it.source.calls.read, read);
  it.source.set([eth0("192.0.2.2/24")]);
  await it.clock.advance(1);
  assertEquals(it.source.calls.read, read + 1);
  assertEquals(it.monitor.current.causes, ["overflow"]);
  assertEquals(it.monitor.metrics.reconciles > 0, true);
});

Deno.test("close() while a read waits for its pace leaves no timer", async () => {
  const it = await setUp({ monitor: { reconcileIntervalMs: Infinity } });
  it.source.holdReads();
  it.source.emit({ kind: "overflow" });
  await it.clock.advance(40);
  it.source.emit({ kind: "overflow" });
  it.source.releaseReads();
  await it.clock.settle();
  assert(it.clock.pending > 0);
  await it.monitor.close();
  assertEquals(it.clock.pending, 0);
});

const BUILDS: [ms: number, order: string[]][] = [
  [4, ["published", "turn"]],
  [5, ["turn", "published"]],
];

for (const [ms, expected] of BUILDS) {
  Deno.test(`what follows a build of ${ms} ms has ${ms > 4 ? "a turn of its own" : "no other turn"}`, async () => {
    const order: string[] = [];
    let isSlow = false; // the next question takes its time; the first one of a read comes from the build
    const ignoreInterface = (): boolean => {
      if (isSlow) {
        it.clock.tick(ms);
        setImmediate(() => order.push("turn"));
      }
      return isSlow = false;
    };
    await using it = await setUp({ monitor: { ignoreInterface } });
    it.source.set([eth0("192.0.2.2/24")]);
    isSlow = true;
    await it.monitor.refresh().then(() => order.push("published"));
    await it.clock.settle();
    assertEquals(order, expected);
  });
}

Deno.test("a comparison with the kernel's state is on time, however far away the next publication is", async () => {
  const clock = new ManualClock();
  const source = new ScriptedSource({ interfaces: [eth0("192.0.2.1/24")] });
  const read = source.read.bind(source);
  const reads: number[] = [];
  source.read = (signal) => {
    reads.push(clock.monotonic());
    clock.tick(5);
    return read(signal);
  };
  const options = { coalesceMs: 60_000, reconcileIntervalMs: 10_000 };
  await using _ = await NetworkMonitor.open({ source, clock, logger: new Log(), ...options });
  await clock.advance(35_000);
  assertEquals(reads.map((at) => Math.floor(at / 1_000)), [0, 10, 20, 30]);
});
