/**
 * The system calls and the drain, on the real kernel. Nothing of the network is touched.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Syscalls } from "../../ffi/linux/syscalls.ts";
import { RoutingSocket, type SocketPort } from "../../ffi/routing_socket.ts";
import { POLLIN, POLLNVAL, type Watch } from "../../ffi/poll_loop.ts";
import { SystemCallError } from "../../state/errors.ts";
import { CountingSyscalls, openLibc, openSystem, send, socketPair } from "../support/real_libc.ts";
import { runDenoOk } from "../support/run.ts";
import { ffi, type Need, read, run, skippable } from "../support/skip.ts";

const NEEDS: Need[] = ["linux", ffi];

/** Any socket as what is drained. */
class DatagramPort implements SocketPort {
  readonly received: number[] = [];

  constructor(readonly kernel: Syscalls, readonly descriptor: number) {}

  receive(): boolean {
    const datagram = this.kernel.receive(this.descriptor)?.datagram ?? new Uint8Array();
    // The end of the stream reads as 0 bytes on such a socket: poll tells it too.
    if (datagram.length === 0) return false;
    this.received.push(datagram[0]! | (datagram[1]! << 8));
    return true;
  }

  overflowHinted(): boolean {
    return false;
  }

  pollNow(): number {
    return this.kernel.pollNow(this.descriptor);
  }

  takeError(): null {
    return null;
  }
}

interface Setup {
  kernel: CountingSyscalls;
  port: DatagramPort;
  socket: RoutingSocket;
  watch: Watch;
  /** Queues datagrams with these numbers. */
  queue(first: number, count: number): void;
  /** Closes the other end. */
  hangUp(): void;
}

async function withSocket(body: (setup: Setup) => Promise<void>): Promise<void> {
  const { system, kernel, libc } = openSystem((it) => new CountingSyscalls(it));
  const [here, there] = socketPair(libc);
  let open = true;
  const hangUp = () => {
    if (open) kernel.close(there);
    open = false;
  };
  const port = new DatagramPort(kernel, here);
  const watch = system.waiter.watch(here);
  const queue = (first: number, count: number) => {
    for (let i = first; i < first + count; i++) {
      send(libc, there, new Uint8Array(Uint16Array.of(i).buffer));
    }
  };
  try {
    await body({ kernel, port, watch, queue, hangUp, socket: new RoutingSocket(port, watch) });
  } finally {
    await watch.close();
    hangUp();
    kernel.close(here);
    await system.dispose();
  }
}

skippable({
  name: "RoutingSocket takes 200 queued datagrams on one readiness of poll",
  needs: NEEDS,
  fn: () =>
    withSocket(async ({ kernel, port, queue, socket, watch }) => {
      queue(0, 200);
      let batches = 0;
      for await (const batch of socket) {
        assertEquals(batch.overflow, false);
        batches++;
        if (batch.drained) break;
      }
      assertEquals(port.received, Array.from({ length: 200 }, (_, i) => i));
      assertEquals(kernel.readinesses(port.descriptor), 1);
      assert(batches <= 3, `${batches} slices`);

      const next = socket[Symbol.asyncIterator]().next();
      queue(200, 1);
      assertEquals((await next).value, { datagrams: 1, overflow: false, drained: true });
      await watch.close();
    }),
});

skippable({
  name: "RoutingSocket stays quiet while nothing arrives, without a wake-up",
  needs: NEEDS,
  fn: () =>
    withSocket(async ({ kernel, queue, socket }) => {
      const iterator = socket[Symbol.asyncIterator]();
      const next = iterator.next();
      await new Promise((resolve) => setTimeout(resolve, 50));
      assertEquals([kernel.polls, kernel.ready.length], [1, 0]);
      queue(0, 1);
      assertEquals((await next).value?.datagrams, 1);
    }),
});

skippable({
  name: "RoutingSocket is lost when the other end is gone, after what was queued",
  needs: NEEDS,
  fn: () =>
    withSocket(async ({ hangUp, socket }) => {
      const iterator = socket[Symbol.asyncIterator]();
      const next = iterator.next();
      hangUp();
      await assertRejects(() => next, Error, "closed underneath");
    }),
});

/** Runs the body over a loaded kernel. */
function withKernel(body: (kernel: Syscalls) => void): void {
  const { libc, close } = openLibc();
  try {
    body(new Syscalls(libc));
  } finally {
    close();
  }
}

skippable({
  name: "Syscalls.error() names the error of the call just made",
  needs: NEEDS,
  fn: () =>
    withKernel((kernel) => {
      assertEquals(kernel.read(-1, new Uint8Array(8)), -1);
      assertEquals(kernel.errno(), 9);
      kernel.write(-1, new Uint8Array(8));
      const error = kernel.error("write", "no such descriptor");
      assertEquals([error.operation, error.code, error.codeName], ["write", 9, "EBADF"]);
      assertEquals(error.message, "write failed with EBADF (9): no such descriptor");
      assertEquals(kernel.timerDescriptor(12_345, 0), -1);
      assertEquals(kernel.error("timerfd_create").codeName, "EINVAL");
    }),
});

skippable({
  name: "Syscalls throws a SystemCallError for what it cannot go on without",
  needs: NEEDS,
  fn: () =>
    withKernel((kernel) => {
      const error = assertThrows(() => kernel.send(-1, new Uint8Array(4)), SystemCallError);
      assertEquals(error.codeName, "EBADF");
      assertThrows(() => kernel.eventDescriptor(-1), SystemCallError, "EINVAL");
    }),
});

skippable({
  name: "Syscalls answers without a throw what may be refused",
  needs: NEEDS,
  fn: () =>
    withKernel((kernel) => {
      assertEquals(kernel.setOption(-1, 1, 8, 1), false);
      assertEquals(kernel.getOption(-1, 1, 8, new Uint8Array(4)), null);
      assertEquals(kernel.takeError(-1), 0);
      assertEquals(kernel.receive(-1), null);
      assertEquals(kernel.pollNow(1_000_000), POLLNVAL);
      assertEquals(kernel.clock(12_345), null);
    }),
});

skippable({
  name: "Syscalls.clock() reads clocks in milliseconds",
  needs: NEEDS,
  fn: () =>
    withKernel((kernel) => {
      const [realtime, monotonic, boottime] = [kernel.clock(0), kernel.clock(1), kernel.clock(7)];
      assert(Math.abs(realtime! - Date.now()) < 5_000);
      assert(boottime! >= monotonic!);
      assert(kernel.clock(1)! > monotonic!);
    }),
});

skippable({
  name: "Syscalls.eventDescriptor() is readable once it was written, until it is read",
  needs: NEEDS,
  fn: () =>
    withKernel((kernel) => {
      const descriptor = kernel.eventDescriptor(0x80800);
      assertEquals(kernel.pollNow(descriptor), 0);
      assertEquals(kernel.write(descriptor, new Uint8Array(BigUint64Array.of(3n).buffer)), 8);
      assertEquals(kernel.pollNow(descriptor), POLLIN);
      const counter = new Uint8Array(8);
      assertEquals(kernel.read(descriptor, counter), 8);
      assertEquals(counter[0], 3);
      assertEquals(kernel.pollNow(descriptor), 0);
      kernel.close(descriptor);
    }),
});

skippable({
  name: "Syscalls's buffers survive a garbage collector that runs all the time",
  needs: [...NEEDS, read, run],
  fn: async () => {
    const { stdout } = await runDenoOk([
      "run",
      "--allow-ffi",
      "--v8-flags=--expose-gc",
      "tests/support/programs/gc_stress.ts",
    ]);
    assertEquals(stdout.trim(), "300 of 300");
  },
});
