/**
 * Regressions that the simulation (`tests/simulation`) found, one test for each.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Outcome, TimerSet } from "../../actor/clock.ts";
import type { SourceEvent } from "../../state/ports.ts";
import { settle, VirtualClock } from "../simulation/clock.ts";
import { addresses, eth0, nic, setUp } from "./support.ts";

const CHANGED: SourceEvent = { kind: "changed" };

Deno.test("a read is aborted before the next one begins", async () => {
  await using it = await setUp();
  let aborted: boolean | null = null;
  const { source } = it;
  const read = source.read.bind(source);
  let first: AbortSignal | null = null;
  source.read = (signal) => {
    if (first !== null) {
      aborted ??= first.aborted;
      return read(signal);
    }
    first = signal ?? null;
    return new Promise(() => {});
  };
  it.monitor.refresh().catch(() => {});
  it.monitor.refresh().catch(() => {});
  await it.clock.advance(5_001);
  assertEquals(aborted, true);
});

Deno.test("a blocked event loop does not fail a call that was answered meanwhile", async () => {
  const clock = new VirtualClock();
  const timers = new TimerSet(clock, true);
  const outcomes: Outcome<string>[] = [];
  const answer = () =>
    new Promise<string>((resolve) => void clock.later("io", 10, () => resolve("answer")));
  timers.call({
    what: "The call",
    limitMs: 1_000,
    call: answer,
    done: (outcome) => outcomes.push(outcome),
  });
  await clock.block(20_000, settle); // afterwards the timers come before the answer
  await clock.advance(0, settle);
  assertEquals(outcomes, [{ ok: true, value: "answer" }]);
  assertEquals(clock.timers, 0);
});

Deno.test("a call takes at most its limit plus the delay of the event loop", async () => {
  const clock = new VirtualClock();
  const timers = new TimerSet(clock, true);
  const ended: number[] = [];
  timers.call({
    what: "The call",
    limitMs: 1_001,
    call: () => new Promise(() => {}),
    done: () => ended.push(clock.monotonic()),
  });
  await clock.block(1_500, settle);
  await clock.advance(5_000, settle);
  assertEquals(ended, [1_500 + 1_001 - 201]);
});

Deno.test("a publication that waits for its window is not taken for drift without a table", async () => {
  await using it = await setUp({ source: { keepsTable: false }, monitor: { coalesceMs: 1_000 } });
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.emit(CHANGED);
  await it.clock.settle(); // published, and the window begins
  it.source.set([eth0("192.0.2.3/24")]);
  void it.monitor.refresh(); // reads the third address, which waits for the window
  it.source.emit({ kind: "clock-stepped" });
  await it.clock.advance(1_000);
  assertEquals(addresses(it.monitor.current), ["192.0.2.3"]);
  const { driftsFound, reopens } = it.monitor.metrics;
  assertEquals([driftsFound, reopens], [0, 0]);
});

Deno.test("without a table, an event during the first read of a new socket leads to another read", async () => {
  await using it = await setUp({ source: { keepsTable: false }, monitor: { coalesceMs: 0 } });
  it.source.emit(CHANGED);
  await it.clock.settle();
  it.source.end();
  it.source.holdReads();
  await it.clock.advance(50);
  assertEquals(it.monitor.metrics.reopens, 1);
  it.source.set([eth0("192.0.2.2/24")]); // the read has answered already
  it.source.emit(CHANGED);
  await it.clock.settle();
  it.source.releaseReads();
  await it.clock.settle();
  assertEquals(addresses(it.monitor.current), ["192.0.2.2"]);
});

Deno.test("a table that an older read overwrote is compared until it is correct", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  const before = eth0("192.0.2.1/24", "192.0.2.9/24");
  it.source.set([before]);
  it.source.announce();
  await it.clock.settle();
  it.source.holdReads();
  void it.monitor.refresh();
  it.source.set([eth0("192.0.2.1/24")]); // the read has seen the second address
  it.source.announce();
  await it.clock.settle();
  it.source.releaseReads();
  await it.clock.settle();
  // the first round finds another difference than all later ones
  it.source.set([{ ...eth0("192.0.2.1/24"), name: "eth1" }]);
  await it.clock.advance(50);
  it.source.set([eth0("192.0.2.1/24")]);
  await it.clock.advance(500);
  assertEquals(addresses(it.monitor.current), ["192.0.2.1"]);
  assertEquals(it.monitor.metrics.reopens, 0);
});

Deno.test("reconcile finds drift although the interface is renamed between rounds", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  const renamed = { ...eth0("192.0.2.1/24", "192.0.2.9/24"), name: "eth1" };
  it.source.set([eth0("192.0.2.1/24", "192.0.2.9/24")]); // the second address is not announced
  await it.clock.advance(15_000);
  it.source.set([{ ...renamed, addresses: renamed.addresses.slice(0, 1) }]);
  it.source.announce(); // the message about the name does not bring the address
  it.source.set([renamed]);
  await it.clock.advance(4 * 50);
  assertEquals(addresses(it.monitor.current), ["192.0.2.1", "192.0.2.9"]);
});

Deno.test("events that a comparison drains are published although it corrects the table", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 1_000 } });
  const { source } = it;
  const subscribe = source.subscribe.bind(source);
  let arrives = (): void => {};
  source.subscribe = async (signal) => {
    const subscription = await subscribe(signal);
    const view = subscription.view.bind(subscription);
    subscription.view = () => {
      arrives();
      return view();
    };
    return subscription;
  };
  source.end();
  await it.clock.advance(100);
  source.set([eth0("192.0.2.1/24", "192.0.2.9/24")]);
  source.announce();
  await it.clock.settle();
  source.holdReads();
  void it.monitor.refresh();
  source.set([eth0("192.0.2.1/24")]); // the read has seen the second address
  source.announce();
  await it.clock.settle();
  source.releaseReads();
  await it.clock.advance(99); // the first round finds it
  arrives = () => {
    arrives = () => {};
    source.set([eth0("192.0.2.1/24"), nic("eth1", "198.51.100.1/24")]);
    source.announce("eth1");
  };
  await it.clock.advance(2_000);
  assertEquals(addresses(it.monitor.current), ["192.0.2.1", "198.51.100.1"]);
  assertEquals(it.monitor.metrics.driftsFound, 0);
});
