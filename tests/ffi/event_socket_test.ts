/**
 * How an event socket is drained, over a socket that the test plays.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { EventSocket, type SocketPort } from "../../ffi/event_socket.ts";
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, type Watch } from "../../ffi/poll_loop.ts";
import { macrotask } from "../../ffi/timers.ts";
import { countTurns, InstantTimeouts, SimulatedTime } from "../support/simulated_time.ts";

/** A socket whose queue is a number; its events are the numbers of the datagrams, and -1 for an overflow. */
class FakeSocket implements SocketPort<number>, Watch {
  readonly descriptor = 5;
  batch = 1;
  queued = 0;
  received = 0;
  overflowed = false;
  error: Error | null = null;
  /** A failed receive says that there may be more. */
  insists = false;
  failedReceives = 0;
  /** Called with each datagram. */
  onReceive = (): void => {};
  /** What ready() answers, in order; then null. */
  readonly wakeUps: (number | null | (() => number | null))[] = [];

  receive(events: number[]): number {
    const taken = Math.min(this.queued, this.batch);
    if (taken === 0 && ++this.failedReceives > 100) throw new Error("It spins");
    for (let i = 0; i < taken; i++) {
      this.queued--;
      events.push(this.received++);
      this.onReceive();
    }
    return taken;
  }

  checkErrors(revents: number, events: number[]): boolean {
    if (this.error !== null) throw this.error;
    const { overflowed } = this;
    this.overflowed = false;
    if (overflowed) events.push(-1);
    return overflowed || (revents === 0 && (this.queued > 0 || this.insists));
  }

  ready(): Promise<number | null> {
    const next = this.wakeUps.shift() ?? null;
    return Promise.resolve(typeof next === "function" ? next() : next);
  }

  wake(): void {}
  ref(): void {}
  unref(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** All slices, in a time of its own, so that a slow machine does not end one early. A datagram takes `ms`. */
async function slices(fake: FakeSocket, ms = 0): Promise<number[][]> {
  using time = new SimulatedTime();
  const { onReceive } = fake;
  fake.onReceive = () => {
    time.ms += ms;
    onReceive();
  };
  return await Array.fromAsync(new EventSocket(fake, fake));
}

for (const batch of [1, 32]) {
  Deno.test(`EventSocket drains on one wake-up, ${batch} at a time`, async () => {
    const fake = new FakeSocket();
    fake.batch = batch;
    fake.queued = 200;
    fake.wakeUps.push(POLLIN);
    assertEquals(await slices(fake), [numbers(0, 200)]);
  });

  Deno.test(`EventSocket yields slices of 8 ms with a macrotask between, ${batch} at a time`, async () => {
    const fake = new FakeSocket();
    fake.batch = batch;
    fake.queued = 5_000;
    fake.wakeUps.push(POLLIN);
    using timeouts = new InstantTimeouts(); // in the turns of timers sockets are looked at, too
    const seen = await slices(fake, 1 / 128);
    assertEquals(seen.flat(), numbers(0, 5_000));
    assert(
      seen.every((events) => events.length <= 1_024 + batch),
      `${seen.map((it) => it.length)}`,
    );
    assert(timeouts.asked.length >= seen.length - 1, `${timeouts.asked.length} turns`);
  });
}

Deno.test("EventSocket.drain() ends a slice after 8 ms", () => {
  const fake = new FakeSocket();
  fake.queued = 1_024;
  using time = new SimulatedTime();
  fake.onReceive = () => time.ms += 0.25;
  const { drained, events } = new EventSocket(fake, fake).drain();
  assertEquals([drained, events.length], [false, 33]);
});

Deno.test("EventSocket.drain() goes on when data arrives after the failed receive", () => {
  const fake = new FakeSocket();
  fake.queued = 1;
  const check = fake.checkErrors.bind(fake);
  fake.checkErrors = (revents, events) => {
    if (fake.received === 1) fake.queued = 3;
    return check(revents, events);
  };
  using _ = new SimulatedTime();
  const slice = new EventSocket(fake, fake).drain();
  assertEquals(slice, { drained: true, events: [0, 1, 2, 3] });
});

Deno.test("EventSocket.drain() does not spin when nothing can be read although there should be", () => {
  const fake = new FakeSocket();
  fake.insists = true;
  assertEquals(new EventSocket(fake, fake).drain(), { drained: true, events: [] });
  assertEquals(fake.failedReceives, 3);
});

Deno.test("EventSocket yields an overflow once, and what is queued", async () => {
  const fake = new FakeSocket();
  fake.queued = 1_000;
  fake.overflowed = true;
  fake.wakeUps.push(POLLIN | POLLERR);
  const events = (await slices(fake)).flat();
  assertEquals(events, [-1, ...numbers(0, 1_000)]);
});

Deno.test("EventSocket finds what is lost after an overflow until its queue is empty, without an error", async () => {
  const fake = new FakeSocket();
  fake.batch = 32;
  fake.queued = 10;
  fake.overflowed = true;
  fake.onReceive = () => {
    if (fake.received === 10) fake.overflowed = true;
  };
  fake.wakeUps.push(POLLIN | POLLERR);
  assertEquals((await slices(fake)).flat(), [-1, ...numbers(0, 10), -1]);
});

Deno.test("EventSocket finds what is lost after an overflow that it found without the poll", async () => {
  const fake = new FakeSocket();
  fake.batch = 32;
  fake.queued = 32;
  fake.onReceive = () => {
    if (fake.received === 32 || fake.received === 37) fake.overflowed = true;
  };
  const check = fake.checkErrors.bind(fake);
  fake.checkErrors = (revents, events) => {
    const isLossy = check(revents, events);
    if (isLossy && fake.received === 32) fake.queued = 5;
    return isLossy;
  };
  fake.wakeUps.push(POLLIN);
  assertEquals((await slices(fake)).flat(), [...numbers(0, 32), -1, ...numbers(32, 37), -1]);
});

Deno.test("EventSocket does not look for errors where a partial batch shows that the queue is empty", async () => {
  const fake = new FakeSocket();
  fake.batch = 32;
  let checks = 0;
  fake.checkErrors = (revents) => {
    if (revents === 0) checks++;
    return false;
  };
  for (let n = 0; n < 3; n++) {
    fake.wakeUps.push(() => {
      fake.queued = 10;
      return POLLIN;
    });
  }
  assertEquals((await slices(fake)).flat(), numbers(0, 30));
  assertEquals(checks, 0);
});

Deno.test("EventSocket yields an overflow that comes while it drains", async () => {
  const fake = new FakeSocket();
  fake.queued = 10;
  fake.onReceive = () => {
    if (fake.received === 5) fake.overflowed = true;
  };
  fake.wakeUps.push(POLLIN);
  assertEquals((await slices(fake)).flat(), [...numbers(0, 10), -1]);
});

Deno.test("EventSocket reads on after an overflow that came while it drained", async () => {
  const fake = Object.assign(new FakeSocket(), { discard: () => null });
  fake.queued = 10;
  fake.onReceive = () => {
    if (fake.received === 5) fake.overflowed = true;
  };
  fake.wakeUps.push(POLLIN, () => {
    fake.queued = 3;
    return POLLIN;
  });
  assertEquals((await slices(fake)).flat(), [...numbers(0, 10), -1, ...numbers(10, 13)]);
});

Deno.test("EventSocket leaves a flood unread until skip(), and reads on after it", async () => {
  const fake = Object.assign(new FakeSocket(), { discard: () => null });
  const socket = new EventSocket(fake, fake);
  let wakes = 0;
  fake.wake = () => void wakes++;
  fake.queued = 2;
  fake.overflowed = true;
  fake.wakeUps.push(POLLIN | POLLERR);
  assertEquals([(await socket.next()).value, socket.isFlooded], [[-1], true]);
  assertEquals(socket.drain().events, []);
  assertEquals([socket.skip(), socket.isFlooded, wakes], [null, false, 1]);
  fake.wakeUps.push(POLLIN);
  assertEquals((await socket.next()).value, [0, 1]);
});

Deno.test("EventSocket reads nothing once it is closed between two slices", async () => {
  const fake = new FakeSocket();
  using time = new SimulatedTime();
  fake.onReceive = () => time.ms += 1;
  fake.queued = 100;
  fake.wakeUps.push(POLLIN);
  const socket = new EventSocket(fake, fake);
  assertEquals((await socket.next()).value, numbers(0, 9));
  await socket.close();
  assertEquals([(await socket.next()).done, fake.received], [true, 9]);
});

Deno.test("EventSocket yields an overflow with an empty queue", async () => {
  const fake = new FakeSocket();
  fake.overflowed = true;
  fake.wakeUps.push(POLLERR);
  assertEquals(await slices(fake), [[-1]]);
});

for (const [name, revents] of Object.entries({ POLLHUP, POLLNVAL, both: POLLHUP | POLLNVAL })) {
  Deno.test(`EventSocket is lost after ${name}`, async () => {
    const fake = new FakeSocket();
    fake.queued = 3;
    fake.wakeUps.push(revents | POLLIN);
    await assertRejects(() => slices(fake), Error, "Other code closed");
  });
}

Deno.test("EventSocket is lost with the error of the socket", async () => {
  const fake = new FakeSocket();
  fake.error = new Error("ENOTCONN");
  fake.wakeUps.push(POLLERR);
  assertStrictEquals(await assertRejects(() => slices(fake)), fake.error);
});

Deno.test("EventSocket is lost after three wake-ups in a row with nothing to read", async () => {
  const fake = new FakeSocket();
  fake.wakeUps.push(POLLIN, POLLIN, POLLIN, POLLIN);
  await assertRejects(() => slices(fake), Error, "woke 3 times with nothing to read");
  assertEquals(fake.wakeUps.length, 1);
});

Deno.test("EventSocket is lost after empty wake-ups although it received something before", async () => {
  const fake = new FakeSocket();
  fake.queued = 1;
  fake.wakeUps.push(POLLIN, POLLIN, POLLIN, POLLIN, POLLIN);
  await assertRejects(() => slices(fake), Error, "with nothing to read");
  assertEquals([fake.received, fake.wakeUps.length], [1, 1]);
});

Deno.test("EventSocket is not lost by overflows in a row whose messages are all gone", async () => {
  const fake = new FakeSocket();
  for (let i = 0; i < 5; i++) {
    fake.wakeUps.push(() => {
      fake.overflowed = true;
      return POLLERR;
    });
  }
  assertEquals((await slices(fake)).flat(), [-1, -1, -1, -1, -1]);
});

Deno.test("EventSocket counts no empty slice that follows a full one as an empty wake-up", async () => {
  const fake = new FakeSocket();
  fake.queued = 33;
  fake.wakeUps.push(POLLIN, POLLIN, POLLIN);
  assertEquals(await slices(fake, 0.25), [numbers(0, 33), [], [], []]);
});

Deno.test("EventSocket reads nothing after wake(): an answer that no poll reported proves nothing", async () => {
  const fake = new FakeSocket();
  fake.queued = 3;
  fake.wakeUps.push(0);
  assertEquals([await slices(fake), fake.queued], [[[]], 3]);
});

Deno.test("EventSocket counts empty wake-ups in a row only", async () => {
  const fake = new FakeSocket();
  const one = () => {
    fake.queued = 1;
    return POLLIN;
  };
  fake.wakeUps.push(POLLIN, POLLIN, one, POLLIN, POLLIN, one, POLLIN, POLLIN);
  assertEquals((await slices(fake)).flat(), [0, 1]);
});

Deno.test("EventSocket does not count wake() as an empty wake-up, and gives others their turn", async () => {
  const fake = new FakeSocket();
  const turns = countTurns();
  fake.wakeUps.push(...Array(50).fill(0));
  assertEquals((await slices(fake)).flat(), []);
  assert(turns() >= 49, `Only ${turns()} turns`);
});

Deno.test("EventSocket is not lost when drain() took the messages that caused the wake-ups", async () => {
  const fake = new FakeSocket();
  const socket = new EventSocket(fake, fake);
  for (let i = 0; i < 5; i++) {
    fake.wakeUps.push(() => {
      fake.queued = 1;
      assertEquals(socket.drain().events, [i]);
      return POLLIN;
    });
  }
  assertEquals((await Array.fromAsync(socket)).flat(), []);
  assertEquals(fake.received, 5);
});

Deno.test("EventSocket.drain() may be called while the iteration is between two slices", async () => {
  const fake = new FakeSocket();
  fake.queued = 2_400;
  fake.wakeUps.push(POLLIN);
  using time = new SimulatedTime();
  fake.onReceive = () => time.ms += 1 / 128;
  const socket = new EventSocket(fake, fake);
  const reading = Array.fromAsync(socket);
  await Promise.resolve();
  let stolen = 0;
  while (fake.queued > 0) {
    stolen += socket.drain().events.length;
    await macrotask();
  }
  assertEquals((await reading).flat().length + stolen, 2_400);
  assert(stolen > 0);
});

Deno.test("EventSocket.drain() may be called by the consumer of the iteration", async () => {
  const fake = new FakeSocket();
  fake.queued = 2_400;
  fake.wakeUps.push(POLLIN);
  using time = new SimulatedTime();
  fake.onReceive = () => time.ms += 1 / 128;
  const socket = new EventSocket(fake, fake);
  let total = 0;
  for await (const events of socket) {
    total += events.length;
    while (!socket.drain().drained);
  }
  assertEquals(fake.received, 2_400);
  assert(total < 2_400);
});

Deno.test("EventSocket ends when its watch is closed", async () => {
  const fake = new FakeSocket();
  fake.wakeUps.push(null, POLLIN);
  assertEquals(await slices(fake), []);
  assertEquals(fake.wakeUps.length, 1);
});

Deno.test("EventSocket.close() resolves for each caller when no poll uses the descriptor", async () => {
  const fake = new FakeSocket();
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  let calls = 0;
  fake.close = () => calls++ === 0 ? left : Promise.resolve();
  const socket = new EventSocket(fake, fake);
  let closed = 0;
  const closes = [1, 2].map(() => socket.close().then(() => closed++));
  await macrotask();
  assertEquals(closed, 0);
  leave();
  await Promise.all(closes);
  assertEquals(closed, 2);
});
