import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { resolveSnapshotOptions, type SnapshotOptions } from "../../actor/options.ts";
import { Broadcast } from "../../actor/broadcast.ts";
import { snapshotStream } from "../../actor/streams.ts";
import { ManualClock, scriptedInterface } from "../../actor/testing.ts";
import { TimerSet } from "../../actor/clock.ts";
import { diffStates } from "../../state/diff.ts";
import { isMajorChange } from "../../state/impact.ts";
import type { Snapshot, State } from "../../state/types.ts";
import { Random } from "../support/random.ts";
import { runDenoOk } from "../support/run.ts";
import { read, run, skippable } from "../support/skip.ts";
import { nic as stateNic, state } from "../support/states.ts";
import { addresses, eth0, nic, type OpenSetting, poll, publish, setUp, START } from "./support.ts";

Deno.test("snapshots() begins with the current snapshot, without changes", async () => {
  await using it = await setUp();
  await publish(it, "192.0.2.2/24");
  const reader = it.monitor.snapshots().getReader();
  const { value } = await reader.read();
  assertEquals([value!.sequence, value!.changes.length, value!.major], [2, 0, false]);
  assertEquals(value!.causes, ["event"]);
  assertEquals(await poll(it, reader.read()), null);
});

Deno.test("snapshots() begins with the newest snapshot at the first read", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots().getReader();
  await publish(it, "192.0.2.2/24");
  const { value } = await reader.read();
  assertEquals([value!.sequence, value!.changes.length], [2, 0]);
});

Deno.test("snapshots() with initial: false compares with what was current when it was called", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ initial: false }).getReader();
  const first = reader.read();
  assertEquals(await poll(it, first), null);
  await publish(it, "192.0.2.2/24");
  const { value } = await first;
  assertEquals(value!.changes.map((change) => change.kind), ["address-removed", "address-added"]);
});

Deno.test("snapshots() with initial: false delivers a change from before the first read", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ initial: false }).getReader();
  await publish(it, "192.0.2.2/24");
  await publish(it, "192.0.2.3/24");
  const { value } = await reader.read();
  assertEquals([value!.sequence, addresses(value!)[0], value!.changes.length], [
    3,
    "192.0.2.3",
    2,
  ]);
});

Deno.test("a slow reader gets the newest snapshot, all causes and the net changes", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots().getReader();
  await reader.read();
  await publish(it, "192.0.2.2/24");
  it.source.set([eth0("192.0.2.3/24")]);
  it.source.emit({ kind: "overflow" });
  await it.clock.advance(250);
  await publish(it, "192.0.2.3/24", nic("veth1"));
  const { value } = await reader.read();
  assertEquals([value!.sequence, value!.cause, value!.causes], [4, "overflow", [
    "overflow",
    "event",
  ]]);
  assertEquals(value!.changes.map((c) => c.kind), [
    "interface-added",
    "address-removed",
    "address-added",
  ]);
  assertEquals(value!.major, true);
  await publish(it, "192.0.2.3/24");
  const after = (await reader.read()).value!;
  assertEquals([after.causes, after.major], [["event"], false]);
});

Deno.test("a reader gets no snapshot if every change was undone", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots().getReader();
  await reader.read();
  await publish(it, "192.0.2.2/24");
  await publish(it, "192.0.2.1/24");
  const next = reader.read();
  assertEquals(await poll(it, next), null);
  await publish(it, "192.0.2.3/24");
  const { value } = await next;
  assertEquals([value!.sequence, value!.changes.length], [4, 2]);
});

Deno.test("an unread stream costs nothing over 100000 publications and then delivers the newest", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0, reconcileIntervalMs: Infinity } });
  const reader = it.monitor.snapshots({ initial: false, settleMs: 1_000 }).getReader();
  for (let n = 1; n <= 100_000; n++) {
    it.source.emit({ kind: "resumed", at: START + n, sleptMs: 1 });
    if (n % 500 === 0) await it.clock.settle();
  }
  assertEquals(it.monitor.metrics.published, 100_001);
  assertEquals(it.clock.pending, 0);
  it.clock.tick(1_000);
  assertEquals((await reader.read()).value!.sequence, 100_001);
});

Deno.test("overlapping reads are answered one by one", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots().getReader();
  const reads = [reader.read(), reader.read(), reader.read()];
  await publish(it, "192.0.2.2/24");
  await publish(it, "192.0.2.3/24");
  const sequences = (await Promise.all(reads)).map(({ value }) => value!.sequence);
  assertEquals(sequences, [1, 2, 3]);
});

Deno.test("a reader that keeps up gets the published snapshot itself", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots().getReader();
  await reader.read();
  await publish(it, "192.0.2.2/24");
  assert((await reader.read()).value === it.monitor.current);
});

/** A broadcast that has published once, and what publishes again. */
function broadcastOf(): {
  broadcast: Broadcast;
  publish: (name: string) => void;
  follow: (options?: SnapshotOptions) => ReadableStream<Snapshot>;
} {
  const timers = new TimerSet(new ManualClock(), true);
  const broadcast = new Broadcast(timers, { ignoreInterface: () => false }, () => 0);
  let sequence = 0;
  let before: State | null = null;
  const publish = (name: string): void => {
    const next = state({ interfaces: [stateNic(name)] });
    broadcast.publish({
      sequence: ++sequence,
      at: START,
      publishedAt: 0,
      causes: [before === null ? "initial" : "event"],
      changes: before === null ? [] : diffStates(before, next),
      state: next,
    });
    before = next;
  };
  const follow = (options: SnapshotOptions = {}): ReadableStream<Snapshot> =>
    snapshotStream({ broadcast, options: resolveSnapshotOptions(options) });
  publish("eth0");
  return { broadcast, publish, follow };
}

Deno.test("Broadcast holds and visits a stream only while a read is pending", async () => {
  const { broadcast, publish, follow } = broadcastOf();
  const readers = Array.from({ length: 10 }, () => follow().getReader());
  assertEquals(broadcast.waiting.size, 0);
  await Promise.all(readers.map((reader) => reader.read()));
  assertEquals(broadcast.waiting.size, 0);
  const [read, dropped] = readers.map((reader) => reader.read().catch(() => null));
  readers[1]!.releaseLock();
  assertEquals([await dropped, broadcast.waiting.size], [null, 9]);
  publish("eth1");
  assertEquals((await read)?.value?.sequence, 2);
  assertEquals(broadcast.waiting.size, 0);
});

skippable({
  name: "100000 abandoned streams and iterators are collected as garbage",
  needs: [read, run],
  async fn() {
    const program = "tests/support/programs/abandoned_streams.ts";
    const { stdout } = await runDenoOk(["run", "--v8-flags=--expose-gc", program]);
    assert(Number(stdout) < 100, `${stdout} bytes are left of each`);
  },
});

skippable({
  name:
    "the promise closed of a reader settles although the program holds nothing else of the stream",
  needs: [read, run],
  async fn() {
    const program = "tests/support/programs/closed_promise.ts";
    const { stdout } = await runDenoOk(["run", "--v8-flags=--expose-gc", program]);
    assertEquals(stdout, "aborted closed watched\n");
  },
});

Deno.test("two streams are independent of each other", async () => {
  await using it = await setUp();
  const fast = it.monitor.snapshots().getReader();
  const slow = it.monitor.snapshots().getReader();
  await fast.read();
  await slow.read();
  await publish(it, "192.0.2.2/24");
  await fast.read();
  await publish(it, "192.0.2.3/24");
  assertEquals((await fast.read()).value!.changes.length, 2);
  assertEquals((await slow.read()).value!.sequence, 3);
});

Deno.test("for await gets every publication and leaving it ends the subscription", async () => {
  await using it = await setUp();
  const got: number[] = [];
  const loop = (async () => {
    for await (const { sequence } of it.monitor) {
      got.push(sequence);
      if (sequence === 3) break;
    }
  })();
  await publish(it, "192.0.2.2/24");
  await publish(it, "192.0.2.3/24");
  await loop;
  assertEquals(got, [1, 2, 3]);
});

Deno.test("cancel() ends a subscription and its timer", async () => {
  await using it = await setUp();
  const stream = it.monitor.snapshots({ settleMs: 500 });
  const reader = stream.getReader();
  await reader.read();
  const pending = reader.read();
  await publish(it, "192.0.2.2/24");
  assertEquals(it.clock.pending, 2);
  await reader.cancel();
  assertEquals((await pending).done, true);
  assertEquals(it.clock.pending, 1);
  await publish(it, "192.0.2.3/24");
});

Deno.test("a signal ends a stream without an error, also one aborted before", async () => {
  await using it = await setUp();
  const controller = new AbortController();
  const { signal } = controller;
  const reader = it.monitor.snapshots({ signal, settleMs: 500 }).getReader();
  await reader.read();
  const pending = reader.read();
  await publish(it, "192.0.2.2/24");
  controller.abort(new Error("Enough"));
  assertEquals((await pending).done, true);
  assertEquals(it.clock.pending, 1);
  assertEquals((await it.monitor.snapshots({ signal }).getReader().read()).done, true);
});

/** A stream whose reader releases its lock with a read pending, and how that read ends. */
async function giveUp(
  it: OpenSetting,
): Promise<{ stream: ReadableStream<Snapshot>; dropped: Promise<unknown> }> {
  const stream = it.monitor.snapshots();
  const reader = stream.getReader();
  await reader.read();
  const dropped = reader.read().catch((error: Error) => error.name);
  await it.clock.settle();
  reader.releaseLock();
  return { stream, dropped };
}

Deno.test("a reader that releases its lock with a read pending leaves the newest snapshot to the next", async () => {
  await using it = await setUp();
  const { dropped, stream } = await giveUp(it);
  assertEquals(await dropped, "TypeError");
  await publish(it, "192.0.2.2/24");
  await publish(it, "192.0.2.3/24");
  assertEquals((await stream.getReader().read()).value!.sequence, 3);
});

/** Ways to take a stream whose last read was given up, and to read from it later. */
const TAKERS: Record<string, (stream: ReadableStream<Snapshot>) => () => Promise<number>> = {
  "getReader()": (stream) => {
    const reader = stream.getReader();
    return async () => (await reader.read()).value!.sequence;
  },
  "values()": (stream) => {
    const iterator = stream.values();
    return async () => (await iterator.next()).value!.sequence;
  },
  "an iterator": (stream) => {
    const iterator = stream[Symbol.asyncIterator]();
    return async () => (await iterator.next()).value!.sequence;
  },
};

for (const [how, take] of Object.entries(TAKERS)) {
  Deno.test(`an abandoned read leaves ${how} the newest snapshot`, async () => {
    await using it = await setUp();
    const { dropped, stream } = await giveUp(it);
    const read = take(stream); // has the stream, and does not read yet
    for (const n of [2, 3, 4]) await publish(it, `192.0.2.${n}/24`);
    assertEquals([await read(), await dropped], [4, "TypeError"]);
  });
}

Deno.test("a second releaseLock() of a former reader leaves the next one its read", async () => {
  await using it = await setUp();
  const stream = it.monitor.snapshots();
  const former = stream.getReader();
  await former.read();
  former.releaseLock();
  const read = stream.getReader().read();
  await it.clock.settle(); // by now the stream has asked for a snapshot
  former.releaseLock();
  await publish(it, "192.0.2.2/24");
  assertEquals((await read).value!.sequence, 2);
});

Deno.test("a pending read is not abandoned if another reader cannot lock the stream", async () => {
  await using it = await setUp();
  const stream = it.monitor.snapshots();
  const reader = stream.getReader();
  await reader.read();
  const pending = reader.read();
  await it.clock.settle(); // by now the stream has asked for a snapshot
  assertThrows(() => stream.getReader(), TypeError);
  const aborted = new AbortController();
  await assertRejects(() => stream.pipeTo(new WritableStream(), aborted), TypeError);
  aborted.abort();
  await publish(it, "192.0.2.2/24");
  assertEquals((await pending).value!.sequence, 2);
});

Deno.test("snapshots() can be piped, and piped on by another pipe", async () => {
  await using it = await setUp();
  const stream = it.monitor.snapshots();
  const got: number[] = [];
  const sink = () =>
    new WritableStream<Snapshot>({ write: ({ sequence }) => void got.push(sequence) });
  const stop = new AbortController();
  const first = stream.pipeTo(sink(), { signal: stop.signal, preventCancel: true });
  await publish(it, "192.0.2.2/24");
  stop.abort();
  await assertRejects(() => first, DOMException);
  await publish(it, "192.0.2.3/24");
  await publish(it, "192.0.2.4/24");
  const second = stream.pipeTo(sink());
  await publish(it, "192.0.2.5/24");
  await it.monitor.close();
  await second;
  assertEquals(got, [1, 2, 4, 5]);
});

Deno.test("snapshots() with bad options throws", async () => {
  await using it = await setUp();
  assertThrows(() => it.monitor.snapshots({ settleMs: -1 }), RangeError, "settleMs");
  assertThrows(() => it.monitor.snapshots({ initial: 1 as never }), TypeError, "initial");
  const signal = AbortSignal.abort() as never; // it would be ignored
  assertThrows(() => it.monitor.snapshots(signal), TypeError, "not an AbortSignal");
});

Deno.test("the changes that a subscriber gets add up over 10000 random publications and pauses", async () => {
  const random = new Random(77);
  await using it = await setUp({ monitor: { coalesceMs: 0, reconcileIntervalMs: Infinity } });
  const reader = it.monitor.snapshots({ majorOnly: true, initial: false }).getReader();
  const all = it.monitor.snapshots().getReader();
  let seen = (await all.read()).value!;
  let major = it.monitor.current;
  let next = reader.read();
  for (let n = 0; n < 10_000; n++) {
    const nics = [0, 1, 2].filter(() => random.chance(0.6)).map((i) =>
      scriptedInterface(
        `eth${i}`,
        random.chance(0.7) ? [`192.0.2.${random.between(1, 3)}/24`] : [],
        {
          index: i + 2,
          up: random.chance(0.8),
        },
      )
    );
    it.source.set(nics);
    it.source.announce();
    if (random.chance(0.05)) {
      it.source.emit({ kind: "resumed", at: START + n, sleptMs: random.pick([5, 700_000]) });
    }
    await it.clock.settle();
    const { current } = it.monitor;
    for (let got = await poll(it, next); got !== null; got = await poll(it, next)) {
      assert(isDelivered(major, got), `step ${n}`);
      major = got;
      next = reader.read();
    }
    assert(!isDelivered(major, current), `step ${n}`);
    if (!random.chance(0.3) || diffStates(seen.state, current.state).length === 0) continue;
    const { value } = await all.read();
    assertEquals(value!.changes, diffStates(seen.state, value!.state), `step ${n}`);
    assertEquals(value!.sequence, current.sequence);
    assert(value!.causes.length > 0 && value!.cause === value!.causes[0]);
    seen = value!;
  }
});

function isDelivered(seen: Snapshot, next: Snapshot): boolean {
  return isMajorChange(seen.state, next.state) || seen.state.resumedAt !== next.state.resumedAt;
}
