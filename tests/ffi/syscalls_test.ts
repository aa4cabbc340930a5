/**
 * The system calls and the drain, on the real kernel. Nothing of the network is touched.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { delay } from "@std/async/delay";
import { EventSocket, type SocketPort } from "../../ffi/event_socket.ts";
import { RECEIVE_BATCH } from "../../ffi/linux/syscalls.ts";
import { Syscalls } from "../../ffi/linux/syscalls.ts";
import { POLLIN, type Watch } from "../../ffi/poll_loop.ts";
import { SystemCallError } from "../../state/errors.ts";
import {
  CountingSyscalls,
  openLibc,
  openRuntime,
  pollNow,
  type RealLibc,
  send,
  socketPair,
} from "../support/real_libc.ts";
import { runDenoOk } from "../support/run.ts";
import { ffi, type Need, read, run, skippable } from "../support/skip.ts";
import { Wakeups } from "../../ffi/linux/subscription.ts";

const NEEDS: Need[] = ["linux", ffi];

/** Any socket as an event socket; its events are the numbers in the datagrams. */
class DatagramPort implements SocketPort<number> {
  readonly batch = RECEIVE_BATCH;

  constructor(readonly syscalls: Syscalls, readonly descriptor: number) {}

  receive(events: number[]): number {
    const received = this.syscalls.receive(this.descriptor);
    for (let i = 0; i < received; i++) {
      const datagram = this.syscalls.buffer.datagram(i)!;
      // The end of the stream reads as an empty datagram.
      if (datagram.length === 0) return i;
      events.push(datagram[0]! | (datagram[1]! << 8));
    }
    return received;
  }

  checkErrors(): boolean {
    return false;
  }
}

interface Setup {
  syscalls: CountingSyscalls;
  port: DatagramPort;
  socket: EventSocket<number>;
  watch: Watch;
  /** Queues datagrams with these numbers. */
  queue(first: number, count: number): void;
  /** Closes the other end. */
  hangUp(): void;
}

async function withSocket(body: (setup: Setup) => Promise<void>): Promise<void> {
  const { runtime, syscalls, libc } = openRuntime((it) => new CountingSyscalls(it));
  const [here, there] = socketPair(libc);
  let open = true;
  const hangUp = () => {
    if (open) syscalls.close(there);
    open = false;
  };
  const port = new DatagramPort(syscalls, here);
  runtime.wakeups = new Wakeups(syscalls);
  const watch = runtime.wakeups.pollLoop.watch(here);
  const queue = (first: number, count: number) => {
    for (let i = first; i < first + count; i++) {
      send(libc, there, new Uint8Array(Uint16Array.of(i).buffer));
    }
  };
  try {
    await body({ syscalls, port, watch, queue, hangUp, socket: new EventSocket(port, watch) });
  } finally {
    await watch.close();
    hangUp();
    syscalls.close(here);
    await runtime.dispose();
  }
}

skippable({
  name: "EventSocket takes 200 queued datagrams on one readiness of poll",
  needs: NEEDS,
  fn: () =>
    withSocket(async ({ port, queue, socket, syscalls }) => {
      queue(0, 200);
      const events: number[] = [];
      // A slow machine needs more than one slice.
      while (events.length < 200) events.push(...(await socket.next()).value ?? []);
      assertEquals(events, Array.from({ length: 200 }, (_, i) => i));
      assertEquals(syscalls.readinesses(port.descriptor), 1);

      const next = socket.next();
      queue(200, 1);
      assertEquals((await next).value, [200]);
    }),
});

skippable({
  name: "EventSocket stays quiet while nothing arrives, without a wake-up",
  needs: NEEDS,
  fn: () =>
    withSocket(async ({ queue, socket, syscalls }) => {
      const next = socket.next();
      await delay(50);
      assertEquals([syscalls.polls, syscalls.ready.length], [1, 0]);
      queue(0, 1);
      assertEquals((await next).value, [0]);
    }),
});

skippable({
  name: "EventSocket is lost when the other end is gone",
  needs: NEEDS,
  fn: () =>
    withSocket(async ({ hangUp, socket }) => {
      const next = socket.next();
      hangUp();
      await assertRejects(() => next, Error, "Other code closed");
    }),
});

/** Runs the body over a loaded kernel. */
function withKernel(body: (kernel: Syscalls, libc: RealLibc) => void): void {
  const { libc, close } = openLibc();
  try {
    body(new Syscalls(libc), libc);
  } finally {
    close();
  }
}

skippable({
  name: "Syscalls.error() names the error of the call just made",
  needs: NEEDS,
  fn: () =>
    withKernel((kernel) => {
      assertEquals(kernel.armTimer(-1, 1n), false);
      const error = kernel.error("timerfd_settime");
      assertEquals([error.operation, error.code, error.codeName], ["timerfd_settime", 9, "EBADF"]);
      assertEquals(error.message, "timerfd_settime failed with EBADF (9)");
    }),
});

skippable({
  name: "Syscalls throws a SystemCallError for what it cannot go on without",
  needs: NEEDS,
  fn: () =>
    withKernel((kernel) => {
      const error = assertThrows(() => kernel.send(-1, new Uint8Array(4)), SystemCallError);
      assertEquals(error.codeName, "EBADF");
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
      assertEquals(kernel.receive(-1), 0);
      assertEquals(kernel.drops(-1), null);
      assertEquals(kernel.clock(12_345), null);
    }),
});

skippable({
  name: "Syscalls.receive() keeps datagrams apart, and truncates none that fits",
  needs: NEEDS,
  fn: () =>
    withKernel((kernel, libc) => {
      const [here, there] = socketPair(libc);
      const sizes = [1, 32_768, 7, 32_769, 100];
      for (const [i, size] of sizes.entries()) send(libc, there, new Uint8Array(size).fill(i + 1));
      assertEquals(kernel.receive(here, 3), 3);
      assertEquals([0, 1, 2].map((i) => kernel.buffer.datagram(i)?.length), [1, 32_768, 7]);
      assert(kernel.buffer.datagram(1)!.every((byte) => byte === 2));
      assertEquals(kernel.receive(here), 2);
      assertEquals([kernel.buffer.datagram(0), kernel.buffer.datagram(1)?.length], [null, 100]);
      // The sender is not the kernel: it has no netlink address at all.
      assertEquals([kernel.buffer.isFromKernel(0), kernel.buffer.isFromKernel(1)], [false, false]);
      kernel.close(here);
      kernel.close(there);
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
  name: "Syscalls.armTimer() makes a timer readable at a time in the past, until it is armed again",
  needs: NEEDS,
  fn: () =>
    withKernel((kernel, libc) => {
      const descriptor = kernel.timerDescriptor();
      assertEquals(kernel.armTimer(descriptor, 7_258_118_400n), true);
      assertEquals(pollNow(libc, descriptor), 0);
      assertEquals(kernel.armTimer(descriptor, 1n), true);
      assertEquals(pollNow(libc, descriptor), POLLIN);
      assertEquals(kernel.armTimer(descriptor, 7_258_118_400n), true);
      assertEquals(pollNow(libc, descriptor), 0);
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
    assertEquals(stdout.trim(), "100 of 100");
  },
});
