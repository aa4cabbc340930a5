/**
 * When a canary counts as answered.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { Canary } from "../../ffi/event_socket.ts";
import { microtasks } from "../support/fake_poll.ts";
import { countedSignal } from "../support/listeners.ts";

function setup(): {
  canary: Canary;
  sent: number[];
  abort: AbortController;
  answer: Promise<boolean>;
} {
  const sent: number[] = [];
  const canary = new Canary(() => {
    sent.push(sent.length + 1);
    return sent.length;
  });
  const abort = new AbortController();
  return { canary, sent, abort, answer: canary.probe(abort.signal) };
}

Deno.test("Canary.probe() is true when its own question is answered through the poll", async () => {
  const { canary, sent, answer } = setup();
  let isAnswered = false;
  void answer.then(() => isAnswered = true);
  canary.answered(77, true); // somebody else's, or one that came late
  await microtasks();
  assertEquals(isAnswered, false);
  canary.answered(1, true);
  assertEquals([await answer, sent], [true, [1]]);
});

Deno.test("Canary asks again when its answer was drained without a wake-up", async () => {
  const { canary, sent, answer } = setup();
  canary.answered(1, false);
  canary.answered(1, true);
  canary.answered(2, true);
  assertEquals([await answer, sent], [true, [1, 2]]);
});

Deno.test("Canary.resend() asks again while a question is pending, and not otherwise", async () => {
  const { canary, sent, answer } = setup();
  canary.resend();
  canary.answered(2, true);
  assertEquals(await answer, true);
  canary.resend();
  assertEquals(sent, [1, 2]);
});

Deno.test("Canary.probe() is false when its signal aborts, before or after the question", async () => {
  const { abort, answer } = setup();
  abort.abort();
  assertEquals(await answer, false);
  const { canary } = setup();
  assertEquals(await canary.probe(AbortSignal.abort()), false);
});

Deno.test("Canary.settle() ends the pending question", async () => {
  const { canary, answer } = setup();
  canary.settle(false);
  assertEquals(await answer, false);
});

Deno.test("Canary.probe() rejects when the question cannot be sent", async () => {
  const canary = new Canary(() => {
    throw new Error("send failed");
  });
  await assertRejects(() => canary.probe(new AbortController().signal), Error, "send failed");
});

Deno.test("Canary.probe() leaves no listener on its signal, however it ends", async () => {
  const ends: Record<string, (canary: Canary) => void> = {
    answered: (canary) => canary.answered(1, true),
    "closed meanwhile": (canary) => canary.settle(false),
  };
  for (const [how, end] of Object.entries(ends)) {
    const { signal, listeners } = countedSignal();
    const canary = new Canary(() => 1);
    const answer = canary.probe(signal);
    end(canary);
    await answer;
    assertEquals(listeners(), 0, how);
  }
  const { signal, listeners } = countedSignal();
  const broken = new Canary(() => {
    throw new Error("Cannot send");
  });
  await assertRejects(() => broken.probe(signal), Error, "Cannot send");
  assertEquals(listeners(), 0);
});
