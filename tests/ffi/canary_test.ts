/**
 * When a canary counts as answered.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { Canary } from "../../ffi/event_socket.ts";
import { microtasks } from "../support/fake_poll.ts";

function setup(): {
  canary: Canary;
  sent: number[];
  answer: Promise<boolean>;
} {
  const sent: number[] = [];
  const canary = new Canary(() => {
    sent.push(sent.length + 1);
    return sent.length;
  });
  return { canary, sent, answer: canary.probe() };
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

Deno.test("Canary.probe() does not accept a late answer to an earlier question", async () => {
  const { canary } = setup();
  let isAnswered = false;
  const again = canary.probe().then((it) => isAnswered = it);
  canary.answered(1, true);
  await microtasks();
  assertEquals(isAnswered, false);
  canary.answered(2, true);
  assertEquals(await again, true);
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
  await assertRejects(() => canary.probe(), Error, "send failed");
});
