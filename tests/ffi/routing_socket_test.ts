/**
 * How a routing socket is drained, over a socket that the test plays.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { type Batch, macrotask, RoutingSocket, type SocketPort } from "../../ffi/routing_socket.ts";
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, type Watch } from "../../ffi/poll_loop.ts";

/** A socket whose queue is a number. */
class FakeSocket implements SocketPort, Watch {
  queued = 0;
  received = 0;
  /** What the next failed receive hints at. */
  hint = false;
  /** The pending error, cleared by asking. */
  error: "overflow" | null | Error = null;
  /** What poll says when nothing is queued and no error is pending. */
  emptyRevents = 0;
  failedReceives = 0;
  /** Called with each datagram. */
  onReceive = (): void => {};
  /** What ready() answers, in order; then null. */
  readonly wakeUps: (number | null | (() => number | null))[] = [];

  receive(): boolean {
    if (this.queued === 0) {
      if (++this.failedReceives > 100) throw new Error("It spins");
      return false;
    }
    this.queued--;
    this.received++;
    this.onReceive();
    return true;
  }

  overflowHinted(): boolean {
    const { hint } = this;
    this.hint = false;
    return hint;
  }

  pollNow(): number {
    if (this.error !== null) return POLLERR | (this.queued > 0 ? POLLIN : 0);
    return this.queued > 0 ? POLLIN : this.emptyRevents;
  }

  takeError(): "overflow" | null | Error {
    const { error } = this;
    this.error = null;
    return error;
  }

  ready(): Promise<number | null> {
    const next = this.wakeUps.shift() ?? null;
    return Promise.resolve(typeof next === "function" ? next() : next);
  }

  ref(): void {}
  unref(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function batches(fake: FakeSocket): Promise<Batch[]> {
  return await Array.fromAsync(new RoutingSocket(fake, fake));
}

Deno.test("RoutingSocket drains to would-block on one readiness", async () => {
  const fake = new FakeSocket();
  fake.queued = 200;
  fake.wakeUps.push(POLLIN);
  assertEquals(await batches(fake), [{ datagrams: 200, overflow: false, drained: true }]);
});

Deno.test("RoutingSocket reads one readiness in slices of at most 256 with a macrotask between", async () => {
  const fake = new FakeSocket();
  fake.queued = 5_000;
  fake.wakeUps.push(POLLIN);
  let turns = 0;
  const ticking = setInterval(() => turns++, 0);
  const seen = await batches(fake);
  clearInterval(ticking);
  assertEquals(seen.reduce((sum, batch) => sum + batch.datagrams, 0), 5_000);
  assert(seen.every((batch) => batch.datagrams <= 256));
  assertEquals(seen.map((batch) => batch.drained), [...Array(seen.length - 1).fill(false), true]);
  assert(turns > 0, "No timer had its turn");
});

Deno.test("RoutingSocket.drain() ends a slice after 8 ms", () => {
  const fake = new FakeSocket();
  fake.queued = 256;
  const { now } = performance;
  let time = 0;
  performance.now = () => time;
  fake.onReceive = () => time += 0.25;
  try {
    const first = new RoutingSocket(fake, fake).drain();
    assertEquals(first, { datagrams: 48, overflow: false, drained: false });
  } finally {
    performance.now = now;
  }
});

Deno.test("RoutingSocket.drain() goes on when data arrives after the failed receive", () => {
  const fake = new FakeSocket();
  fake.queued = 1;
  fake.pollNow = () => {
    if (fake.received === 1) fake.queued = 3;
    return fake.queued > 0 ? POLLIN : 0;
  };
  const batch = new RoutingSocket(fake, fake).drain();
  assertEquals(batch, { datagrams: 4, overflow: false, drained: true });
});

Deno.test("RoutingSocket.drain() does not spin when poll says readable and nothing can be read", () => {
  const fake = new FakeSocket();
  fake.emptyRevents = POLLIN;
  assertEquals(new RoutingSocket(fake, fake).drain().drained, true);
  assertEquals(fake.failedReceives, 3);
});

interface OverflowCase {
  name: string;
  arrange: (fake: FakeSocket) => void;
  revents: number;
}

const OVERFLOWS: OverflowCase[] = [
  { name: "poll's POLLERR and SO_ERROR", arrange: (it) => it.error = "overflow", revents: POLLERR },
  { name: "the hint of a failed receive", arrange: (it) => it.hint = true, revents: POLLIN },
  {
    name: "both",
    arrange: (it) => {
      it.error = "overflow";
      it.hint = true;
    },
    revents: POLLIN | POLLERR,
  },
  {
    name: "SO_ERROR that comes while it drains",
    arrange: (it) =>
      it.onReceive = () => {
        if (it.received === 5) it.error = "overflow";
      },
    revents: POLLIN,
  },
];

for (const { name, arrange, revents } of OVERFLOWS) {
  Deno.test(`RoutingSocket tells an overflow by ${name}, and still reads what is queued`, async () => {
    const fake = new FakeSocket();
    fake.queued = 10;
    arrange(fake);
    fake.wakeUps.push(revents);
    assertEquals(await batches(fake), [{ datagrams: 10, overflow: true, drained: true }]);
    assertEquals(fake.error, null);
  });
}

Deno.test("RoutingSocket tells an overflow once, however many slices its queue takes", async () => {
  const fake = new FakeSocket();
  fake.queued = 1_000;
  fake.error = "overflow";
  fake.wakeUps.push(POLLIN | POLLERR);
  const seen = await batches(fake);
  assert(seen.length >= 4);
  assertEquals(seen.filter((batch) => batch.overflow).length, 1);
});

Deno.test("RoutingSocket tells an overflow with an empty queue", async () => {
  const fake = new FakeSocket();
  fake.error = "overflow";
  fake.wakeUps.push(POLLERR);
  assertEquals(await batches(fake), [{ datagrams: 0, overflow: true, drained: true }]);
});

for (const [name, revents] of Object.entries({ POLLHUP, POLLNVAL, both: POLLHUP | POLLNVAL })) {
  Deno.test(`RoutingSocket is lost on ${name}`, async () => {
    const fake = new FakeSocket();
    fake.queued = 3;
    fake.wakeUps.push(revents | POLLIN);
    await assertRejects(() => batches(fake), Error, "closed underneath");
  });
}

Deno.test("RoutingSocket is lost with the error that SO_ERROR answers", async () => {
  const fake = new FakeSocket();
  const error = new Error("ENOTCONN");
  fake.error = error;
  fake.wakeUps.push(POLLERR);
  assertStrictEquals(await assertRejects(() => batches(fake)), error);
});

Deno.test("RoutingSocket.drain() throws what ended the socket", () => {
  const fake = new FakeSocket();
  fake.emptyRevents = POLLNVAL;
  let thrown: unknown = null;
  try {
    new RoutingSocket(fake, fake).drain();
  } catch (error) {
    thrown = error;
  }
  assert(thrown instanceof Error);
});

Deno.test("RoutingSocket is lost after three wake-ups in a row with nothing to read", async () => {
  const fake = new FakeSocket();
  fake.wakeUps.push(POLLIN, POLLIN, POLLIN, POLLIN);
  await assertRejects(() => batches(fake), Error, "woke 3 times with nothing to read");
  assertEquals(fake.wakeUps.length, 1);
});

Deno.test("RoutingSocket counts empty wake-ups in a row only", async () => {
  const fake = new FakeSocket();
  const one = () => {
    fake.queued = 1;
    return POLLIN;
  };
  fake.wakeUps.push(POLLIN, POLLIN, one, POLLIN, POLLIN, one, POLLIN, POLLIN);
  assertEquals((await batches(fake)).length, 2);
});

Deno.test("RoutingSocket is not lost when drain() took what the wake-ups were for", async () => {
  const fake = new FakeSocket();
  const socket = new RoutingSocket(fake, fake);
  for (let i = 0; i < 5; i++) {
    fake.wakeUps.push(() => {
      fake.queued = 1;
      assertEquals(socket.drain().datagrams, 1);
      return POLLIN;
    });
  }
  assertEquals(await Array.fromAsync(socket), []);
  assertEquals(fake.received, 5);
});

Deno.test("RoutingSocket.drain() may be called while its iteration is between two slices", async () => {
  const fake = new FakeSocket();
  fake.queued = 600;
  fake.wakeUps.push(POLLIN);
  const socket = new RoutingSocket(fake, fake);
  const reading = Array.fromAsync(socket);
  await Promise.resolve();
  let stolen = 0;
  while (fake.queued > 0) {
    stolen += socket.drain().datagrams;
    await macrotask();
  }
  const own = (await reading).reduce((sum, batch) => sum + batch.datagrams, 0);
  assertEquals(own + stolen, 600);
  assert(stolen > 0);
});

Deno.test("RoutingSocket.drain() may be called by the consumer of its iteration", async () => {
  const fake = new FakeSocket();
  fake.queued = 600;
  fake.wakeUps.push(POLLIN);
  const socket = new RoutingSocket(fake, fake);
  let total = 0;
  for await (const batch of socket) {
    total += batch.datagrams;
    while (!socket.drain().drained);
  }
  assertEquals(fake.received, 600);
  assert(total < 600);
});

Deno.test("RoutingSocket ends when its watch is closed", async () => {
  const fake = new FakeSocket();
  fake.wakeUps.push(null, POLLIN);
  assertEquals(await batches(fake), []);
  assertEquals(fake.wakeUps.length, 1);
});
