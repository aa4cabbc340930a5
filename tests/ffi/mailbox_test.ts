/**
 * What is kept of announcements that nobody has fetched yet.
 *
 * @module
 */
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Mailbox } from "../../ffi/mailbox.ts";
import type { SourceEvent } from "../../state/source.ts";

const changed: SourceEvent = { kind: "changed" };
const overflow: SourceEvent = { kind: "overflow" };
const stepped: SourceEvent = { kind: "clock-stepped" };

function resumed(at: number, sleptMs = 1_000): SourceEvent {
  return { kind: "resumed", at, sleptMs };
}

function filled(...events: SourceEvent[]): Mailbox {
  const mailbox = new Mailbox();
  for (const event of events) mailbox.post(event);
  mailbox.close();
  return mailbox;
}

const CASES: { name: string; posted: SourceEvent[]; fetched: SourceEvent[] }[] = [
  { name: "nothing", posted: [], fetched: [] },
  {
    name: "one of each, the gravest first",
    posted: [stepped, changed],
    fetched: [changed, stepped],
  },
  {
    name: "a thousand changes as one",
    posted: Array.from({ length: 1_000 }, () => changed),
    fetched: [changed],
  },
  {
    name: "an overflow in place of the changes before and after it",
    posted: [changed, overflow, changed, overflow],
    fetched: [overflow],
  },
  {
    name: "each sleep, before all else",
    posted: [overflow, resumed(1), stepped, resumed(2)],
    fetched: [resumed(1), resumed(2), overflow, stepped],
  },
  { name: "clock steps as one", posted: [stepped, stepped], fetched: [stepped] },
  {
    name: "at most 16 sleeps, the longest of the rest in the last place",
    posted: Array.from({ length: 100 }, (_, i) => resumed(i, i === 50 ? 9_999 : 1_000)),
    fetched: [...Array.from({ length: 15 }, (_, i) => resumed(i)), resumed(50, 9_999)],
  },
];

for (const { name, posted, fetched } of CASES) {
  Deno.test(`Mailbox gives ${name}`, async () => {
    assertEquals(await Array.fromAsync(filled(...posted)), fetched);
  });
}

Deno.test("Mailbox wakes who waits for each announcement", async () => {
  const mailbox = new Mailbox();
  const iterator = mailbox[Symbol.asyncIterator]();
  for (const event of [changed, overflow, changed, stepped]) {
    const next = iterator.next();
    await Promise.resolve();
    mailbox.post(event);
    assertEquals(await next, { done: false, value: event });
  }
  const last = iterator.next();
  mailbox.close();
  assertEquals(await last, { done: true, value: undefined });
});

Deno.test("Mailbox gives again what is announced after it was fetched", async () => {
  const mailbox = new Mailbox();
  const iterator = mailbox[Symbol.asyncIterator]();
  mailbox.post(changed);
  assertEquals((await iterator.next()).value, changed);
  mailbox.post(changed);
  assertEquals((await iterator.next()).value, changed);
  mailbox.close();
  assertEquals((await iterator.next()).done, true);
});

Deno.test("Mailbox.fail() ends the iteration with the error, after what is left", async () => {
  const mailbox = new Mailbox();
  const error = new Error("The socket is gone");
  mailbox.post(changed);
  mailbox.fail(error);
  const iterator = mailbox[Symbol.asyncIterator]();
  assertEquals((await iterator.next()).value, changed);
  assertStrictEquals(await assertRejects(() => iterator.next()), error);
  assertEquals((await iterator.next()).done, true);
});

Deno.test("Mailbox.fail() rejects who waits", async () => {
  const mailbox = new Mailbox();
  const next = mailbox[Symbol.asyncIterator]().next();
  mailbox.fail(new Error("The socket is gone"));
  await assertRejects(() => next, Error, "The socket is gone");
});

Deno.test("Mailbox ends once: after close() a failure changes nothing, nor the other way round", async () => {
  const closed = new Mailbox();
  closed.close();
  closed.fail(new Error("late"));
  assertEquals(await Array.fromAsync(closed), []);

  const failed = new Mailbox();
  failed.fail(new Error("first"));
  failed.close();
  await assertRejects(() => Array.fromAsync(failed), Error, "first");
});
