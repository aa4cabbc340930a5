/**
 * How events merge that the monitor has not received yet.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { PendingEvents } from "../../ffi/event_socket.ts";
import type { SourceEvent } from "../../state/ports.ts";

const changed: SourceEvent = { kind: "changed" };
const overflow: SourceEvent = { kind: "overflow" };
const resync: SourceEvent = { kind: "resync" };
const stepped: SourceEvent = { kind: "clock-stepped" };

function resumed(at: number): SourceEvent {
  return { kind: "resumed", at, sleptMs: 1_000 };
}

const CASES: { name: string; added: SourceEvent[]; taken: SourceEvent[] }[] = [
  { name: "nothing", added: [], taken: [] },
  {
    name: "one of each, the gravest first",
    added: [stepped, changed],
    taken: [changed, stepped],
  },
  {
    name: "a thousand changes as one",
    added: Array.from({ length: 1_000 }, () => changed),
    taken: [changed],
  },
  {
    name: "an overflow instead of the changes before and after it",
    added: [changed, overflow, changed, overflow],
    taken: [overflow],
  },
  {
    name: "each sleep, before all else",
    added: [overflow, resumed(1), stepped, resumed(2)],
    taken: [resumed(1), resumed(2), overflow, stepped],
  },
  {
    name: "a resync instead of the changes, after an overflow",
    added: [changed, resync, overflow, resync],
    taken: [overflow, resync],
  },
  { name: "a sleep alone", added: [resumed(1)], taken: [resumed(1)] },
  { name: "a resync instead of the changes", added: [changed, resync, changed], taken: [resync] },
  { name: "clock steps as one", added: [stepped, stepped], taken: [stepped] },
];

for (const { name, added, taken } of CASES) {
  Deno.test(`PendingEvents.take() returns ${name}, and then nothing`, () => {
    const pending = new PendingEvents();
    for (const event of added) pending.add(event);
    assertEquals(pending.isEmpty, added.length === 0);
    assertEquals(taken.map(() => pending.take()), taken);
    assertEquals(pending.isEmpty, true);
    assertEquals(pending.take(), null);
  });
}
