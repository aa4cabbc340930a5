import { assert, assertEquals } from "@std/assert";
import { step } from "../../actor/machine/step.ts";
import { type Input, Model } from "../../actor/machine/model.ts";
import { buildState } from "../../state/build.ts";
import { diffStates } from "../../state/diff.ts";
import type { Snapshot } from "../../state/types.ts";
import { nic as stateNic, reading } from "../support/states.ts";
import { Random } from "../support/random.ts";
import { eth0, record, setUp, START } from "./support.ts";

type Setting = Awaited<ReturnType<typeof setUp>> & { count: number };

/** What can happen, for all orders of three. */
const ACTIONS: Record<string, (it: Setting) => void | Promise<void>> = {
  change: (it) => {
    it.source.set([eth0(`198.51.100.${++it.count}/24`)]);
    it.source.announce();
  },
  lose: (it) => it.source.set([eth0(`203.0.113.${++it.count}/24`)]),
  noise: (it) => it.source.emit({ kind: "changed" }),
  overflow: (it) => it.source.emit({ kind: "overflow" }),
  resume: (it) => it.source.emit({ kind: "resumed", at: START + ++it.count, sleptMs: 1_000 }),
  end: (it) => it.source.end(),
  refresh: (it) => void it.monitor.refresh().catch(() => {}),
  failure: (it) => it.source.failReads(1),
  deaf: (it) => {
    it.source.canary = "misses";
    setHeard(it);
  },
  wait: (it) => it.clock.advance(120),
  tick: (it) => it.clock.advance(15_000),
};

/** Further faults, for the long random orders. */
const MORE_ACTIONS: typeof ACTIONS = {
  ...ACTIONS,
  refuse: (it) => it.source.refuse(2),
  holdReads: (it) => {
    it.source.holdReads();
    it.clock.setTimeout(() => it.source.releaseReads(), 7_000);
  },
  holdSubscribes: (it) => {
    it.source.holdSubscribes();
    it.clock.setTimeout(() => it.source.releaseSubscribes(), 7_000);
  },
  brokenView: (it) => {
    it.source.viewError = new Error("Broken view");
    it.clock.setTimeout(() => it.source.viewError = null, 30);
  },
  blink: (it) => it.clock.advance(3),
  step: (it) => it.source.emit({ kind: "clock-stepped" }),
};

/** The socket misses one canary. */
function setHeard(it: Setting): void {
  const probes = it.source.calls.probe;
  const timer = it.clock.setInterval(() => {
    if (it.source.calls.probe === probes) return;
    it.source.canary = "answers";
    timer.cancel();
  }, 10);
}

function assertLawful(seen: Snapshot[], minimumGap: number): void {
  seen.forEach((snapshot, i) => {
    assertEquals(snapshot.sequence, i + 1);
    assert(snapshot.causes.length > 0 && snapshot.cause === snapshot.causes[0]);
    const before = seen[i - 1];
    if (before === undefined) return;
    assert(diffStates(before.state, snapshot.state).length > 0);
    assert(snapshot.changes.length > 0);
    assert(snapshot.at - before.at >= minimumGap, `${snapshot.at - before.at} ms apart`);
  });
}

async function runOrder(order: string[], keepsTable: boolean): Promise<void> {
  const it: Setting = { ...await setUp({ source: { keepsTable } }), count: 0 };
  const seen = record(it.monitor);
  for (const name of order) {
    await MORE_ACTIONS[name]!(it);
    await it.clock.settle();
  }
  // the last fault may last 7 s, then an interval, a read limit and two attempts to subscribe
  await it.clock.advance(60_000);
  assertLawful(seen, 250);
  const { resumedAt, sleptMs } = it.monitor.current.state;
  const resumed = resumedAt === null ? null : { at: resumedAt, sleptMs: sleptMs! };
  assertEquals(diffStates(it.monitor.current.state, buildState(it.source.reading, resumed)), []);
  assertEquals(it.monitor.metrics.resumes > 0, resumed !== null);
  if (!order.includes("lose")) assertEquals(it.monitor.metrics.driftsFound, 0);
  for (let n = 0; n < 10 && it.monitor.health.status !== "live"; n++) {
    await it.clock.advance(30_000);
  }
  assertEquals([it.monitor.health.status, it.source.open], ["live", 1]);
  await it.monitor.close();
  assertEquals(it.source.open, 0);
}

for (const keepsTable of [true, false]) {
  Deno.test(`every order of three events keeps the invariants, ${keepsTable ? "with" : "without"} a table`, async () => {
    const names = Object.keys(ACTIONS);
    for (const a of names) {
      for (const b of names) {
        for (const c of names) {
          try {
            await runOrder([a, b, c], keepsTable);
          } catch (cause) {
            throw new Error(`${a}, ${b}, ${c}: ${(cause as Error).message}`, { cause });
          }
        }
      }
    }
  });
}

Deno.test("long random orders of events and faults keep the invariants", async () => {
  const names = Object.keys(MORE_ACTIONS);
  const [first, runs] = [4_711, 300];
  for (let seed = first; seed < first + runs; seed++) {
    const random = new Random(seed);
    const order = Array.from({ length: random.between(4, 20) }, () => random.pick(names));
    try {
      await runOrder(order, random.chance(0.7));
    } catch (cause) {
      throw new Error(`Seed ${seed}, ${order.join()}: ${(cause as Error).message}`, { cause });
    }
  }
});

Deno.test("step() does not change the model that it is given, for any input in any state", () => {
  const now = { wall: START, monotonic: 0 };
  const config = {
    source: "scripted",
    polling: false,
    reason: null,
    coalesceMs: 250,
    reconcileIntervalMs: 15_000,
  };
  const observe = (address: string) => {
    const given = reading({ interfaces: [stateNic("eth0", { addresses: [address] })] });
    return { reading: given, state: buildState(given, null) };
  };
  let model: Model = new Model(config, now);
  const [one, two] = [observe("192.0.2.1/24"), observe("192.0.2.2/24")];
  const inputs = (): Input[] => {
    const { socket } = model;
    const id = socket?.id ?? model.lastId;
    const read = model.reading?.id ?? 0;
    return [
      { kind: "open" },
      { kind: "subscribed", id },
      { kind: "read", id: read, outcome: { ok: true, value: one } },
      { kind: "viewed", id, state: one.state },
      { kind: "event", id, event: { kind: "changed" } },
      { kind: "viewed", id, state: two.state },
      { kind: "tick" },
      { kind: "read", id: read, outcome: { ok: true, value: observe("192.0.2.3/24") } },
      { kind: "viewed", id, state: one.state },
      { kind: "timer", timer: "recheck" },
      { kind: "event", id, event: { kind: "resumed", at: 1, sleptMs: 2 } },
      { kind: "event", id, event: { kind: "overflow" } },
      { kind: "event", id, event: { kind: "resync" } },
      { kind: "refresh", token: 1 },
      { kind: "timer", timer: "window" },
      { kind: "timer", timer: "read" },
      { kind: "probed", id, outcome: { ok: false, error: new Error("Deaf") } },
      { kind: "read", id: read, outcome: { ok: false, error: new Error("Broken") } },
      { kind: "lost", id, error: new Error("Gone") },
      { kind: "timer", timer: "retry" },
      { kind: "subscribe-failed", error: new Error("Refused") },
      { kind: "close" },
    ];
  };
  for (let i = 0; i < inputs().length; i++) {
    deepFreeze(model);
    for (const input of inputs()) step(model, input, now);
    const first = step(model, inputs()[i]!, now);
    const second = step(model, inputs()[i]!, now);
    assertEquals(first, second);
    model = first;
  }
});

function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || value instanceof Map) return;
  Object.freeze(value);
  for (const item of Object.values(value)) deepFreeze(item);
}
