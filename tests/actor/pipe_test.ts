/**
 * The sink of a pipe runs while snapshots are delivered to the other readers: it may close the monitor, or take
 * their streams away from them.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import type { Snapshot } from "../../mod.ts";
import { publish, setUp } from "./support.ts";

Deno.test("the sink of a pipe may close the monitor: no timer of another stream is left", async () => {
  const it = await setUp();
  const sink = new WritableStream({ write: () => it.monitor.close() });
  const piped = it.monitor.snapshots({ initial: false }).pipeTo(sink);
  const read = it.monitor.snapshots({ initial: false, settleMs: 100_000 }).getReader().read();
  await it.clock.settle(); // both are waiting
  it.source.set([]);
  it.source.announce();
  await it.clock.settle();
  await it.monitor.closed;
  await piped;
  assertEquals({ done: (await read).done, timers: it.clock.pending }, { done: true, timers: 0 });
});

Deno.test("the sink of a pipe may abandon another stream's read: the next one gets the newest snapshot", async () => {
  await using it = await setUp();
  const stream = it.monitor.snapshots({ initial: false });
  let next: ReadableStreamDefaultReader<Snapshot> | null = null;
  const sink = new WritableStream({
    write() {
      former.releaseLock();
      next ??= stream.getReader();
    },
  });
  it.monitor.snapshots({ initial: false }).pipeTo(sink).catch(() => {});
  await it.clock.settle(); // the pipe is waiting, so it comes first
  const former = stream.getReader();
  former.read().catch(() => {});
  await it.clock.settle();
  for (const n of [2, 3, 4]) await publish(it, `192.0.2.${n}/24`);
  assertEquals((await next!.read()).value?.sequence, it.monitor.current.sequence);
});

const READERS: Record<
  string,
  (stream: ReadableStream<Snapshot>) => ReadableStreamDefaultReader<Snapshot>
> = {
  "by getReader()": (stream) => stream.getReader(),
  "by its constructor": (stream) => new ReadableStreamDefaultReader(stream),
};

for (const [how, take] of Object.entries(READERS)) {
  Deno.test(`a reader made ${how} after a pipe that was aborted gets the newest snapshot, not one meant for the pipe`, async () => {
    await using it = await setUp();
    const stream = it.monitor.snapshots({ initial: false });
    const aborted = new AbortController();
    const options = { signal: aborted.signal, preventCancel: true };
    const piping = stream.pipeTo(new WritableStream(), options).catch(() => {});
    await it.clock.settle();
    aborted.abort();
    await piping;
    const reader = take(stream);
    for (const address of ["192.0.2.2/24", "192.0.2.3/24"]) await publish(it, address);
    const { value } = await reader.read();
    assertEquals(value?.state.localAddresses.regular, ["192.0.2.3"]);
    await reader.cancel();
  });
}

Deno.test("a reader after a pipe whose sink failed gets the newest snapshot, not one meant for the pipe", async () => {
  await using it = await setUp();
  const stream = it.monitor.snapshots({ initial: false });
  const failed = Promise.withResolvers<void>();
  const sink = new WritableStream({ start: (it) => void failed.promise.catch((e) => it.error(e)) });
  const piping = stream.pipeTo(sink, { preventCancel: true });
  await it.clock.settle(); // the pipe reads
  failed.reject(new Error("Full"));
  await assertRejects(() => piping, Error, "Full");
  for (const address of ["192.0.2.2/24", "192.0.2.3/24"]) await publish(it, address);
  const { value } = await stream.getReader().read();
  assertEquals(value?.state.localAddresses.regular, ["192.0.2.3"]);
});

Deno.test("an aborted pipe that still writes takes no snapshot away from the next reader", async () => {
  await using it = await setUp();
  const stream = it.monitor.snapshots();
  const aborted = new AbortController();
  const written = Promise.withResolvers<void>();
  const sink = new WritableStream({ write: () => written.promise }, { highWaterMark: 2 });
  const piping = stream.pipeTo(sink, { signal: aborted.signal, preventCancel: true });
  await it.clock.settle(); // it writes the first snapshot and reads the next one
  aborted.abort();
  await publish(it, "192.0.2.2/24");
  written.resolve();
  await piping.catch(() => {});
  const { value } = await stream.getReader().read();
  assertEquals(value?.sequence, 2);
});
