import { assertEquals } from "@std/assert";
import type { Snapshot } from "../../state/types.ts";
import { type OpenSetting, poll, publish, setUp } from "./support.ts";

function iteratorOf({ monitor }: OpenSetting): AsyncIterator<Snapshot> {
  return monitor[Symbol.asyncIterator]();
}

async function sequenceOf(read: Promise<IteratorResult<Snapshot>>): Promise<number | null> {
  const { done, value } = await read;
  return done ? null : value.sequence;
}

Deno.test("a loop over a monitor gets the current snapshot, then the newest with the net changes", async () => {
  await using it = await setUp();
  const seen: [number, number][] = [];
  for await (const { changes, sequence } of it.monitor) {
    seen.push([sequence, changes.length]);
    if (sequence === 4) break;
    for (const n of [2, 3, 4]) await publish(it, `192.0.2.${n}/24`);
  }
  assertEquals(seen, [[1, 0], [4, 2]]);
});

Deno.test("next() waits for a change, and calls that overlap get one snapshot each, in order", async () => {
  await using it = await setUp();
  const iterator = iteratorOf(it);
  assertEquals(await sequenceOf(iterator.next()), 1);
  const reads = [1, 2, 3].map(() => iterator.next());
  assertEquals(await poll(it, reads[0]!), null);
  for (const n of [2, 3]) await publish(it, `192.0.2.${n}/24`);
  assertEquals([await sequenceOf(reads[0]!), await sequenceOf(reads[1]!)], [2, 3]);
  assertEquals(await poll(it, reads[2]!), null);
  await it.monitor.close();
  assertEquals([await sequenceOf(reads[2]!), await sequenceOf(iterator.next())], [null, null]);
});

Deno.test("return() ends an iterator with its pending reads, and not the monitor", async () => {
  await using it = await setUp();
  const iterator = iteratorOf(it);
  await iterator.next();
  const reads = [1, 2].map(() => sequenceOf(iterator.next()));
  assertEquals(await iterator.return!(), { done: true, value: undefined });
  assertEquals([await reads[0], await reads[1]], [null, null]);
  await publish(it, "192.0.2.2/24");
  assertEquals([await sequenceOf(iterator.next()), it.monitor.current.sequence], [null, 2]);
});

Deno.test("an iterator of a closed monitor has ended", async () => {
  await using it = await setUp();
  await it.monitor.close();
  assertEquals(await sequenceOf(iteratorOf(it).next()), null);
});

Deno.test("a loop over a monitor does not load the streams of the runtime", async () => {
  await using it = await setUp();
  const { ReadableStream } = globalThis;
  try {
    globalThis.ReadableStream = class {
      constructor() {
        throw new Error("A stream was made");
      }
    } as unknown as typeof ReadableStream;
    for await (const { sequence } of it.monitor) {
      if (sequence === 2) break;
      await publish(it, "192.0.2.2/24");
    }
  } finally {
    globalThis.ReadableStream = ReadableStream;
  }
});

Deno.test("a reader resumes before a major snapshot is logged", async () => {
  const order: string[] = [];
  const silent = () => {};
  const info = (message: string) => void order.push(message.replace(/:.*/s, ""));
  const logger = { debug: silent, info, warn: silent, error: silent };
  await using it = await setUp({ monitor: { logger } });
  const iterator = iteratorOf(it);
  await iterator.next();
  const read = iterator.next().then(({ value }) => order.push(`read ${value.sequence}`));
  await publish(it, "192.0.2.2/24");
  await read;
  assertEquals(order, ["read 2", "Snapshot 2 is major"]);
});
