/**
 * The timer that interrupts the poll, the event socket and the socket for requests, on the real kernel, when other code
 * of the program closes them or puts another file in their place.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { LinuxSource } from "../../ffi/linux/source.ts";
import { wakeupsOf } from "../../ffi/linux/subscription.ts";
import { POLLIN } from "../../ffi/poll_loop.ts";
import { SystemCallError } from "../../state/errors.ts";
import { CountingSyscalls, openLibc, openRuntime, pollNow } from "../support/real_libc.ts";
import { send, socketPair } from "../support/real_libc.ts";
import { ffi, skippable } from "../support/skip.ts";
import { scaled } from "../support/timing.ts";

const NEVER = 7_258_118_400n;

for (const how of ["closed", "replaced by a readable file"]) {
  skippable({
    name: `a timer that other code has ${how} is opened again: the poll does not spin`,
    needs: ["linux", ffi],
    fn: async () => {
      const { libc, close } = openLibc();
      const { runtime, syscalls } = openRuntime((libc) => new CountingSyscalls(libc));
      const [mine, peer] = socketPair(libc);
      const file = libc.eventfd(1, 0); // readable until somebody reads it
      const wakeups = wakeupsOf(runtime);
      const timer = wakeups.wakeDescriptor;
      const watch = wakeups.pollLoop.watch(mine);
      const ready = watch.ready();
      await delay(scaled(20));
      if (how === "closed") syscalls.close(timer);
      else libc.dup2(file, timer);
      send(libc, peer, Uint8Array.of(1)); // ends the running poll, which still holds the timer
      assertEquals(await ready, POLLIN);
      syscalls.receive(mine);
      const again = watch.ready();
      await delay(scaled(50));
      assert(syscalls.polls <= 4, `${syscalls.polls} polls`);
      assertEquals(syscalls.armTimer(wakeups.wakeDescriptor, NEVER), true);
      assertEquals(pollNow(libc, file), POLLIN);
      const { polls } = syscalls;
      watch.unref(); // interrupts the poll
      watch.ref();
      await delay(scaled(20));
      assert(syscalls.polls > polls, "The new timer does not interrupt the poll");
      await watch.close();
      assertEquals(await again, null);
      await runtime.dispose();
      if (how !== "closed") assertEquals(pollNow(libc, timer), POLLIN);
      for (const descriptor of [mine, peer, file]) new CountingSyscalls(libc).close(descriptor);
      if (how !== "closed") new CountingSyscalls(libc).close(timer);
      close();
    },
  });
}

skippable({
  name: "a timer that other code has replaced is left alone when the last monitor closes",
  needs: ["linux", ffi],
  fn: async () => {
    const { libc, close } = openLibc();
    const { runtime } = openRuntime((libc) => new CountingSyscalls(libc));
    const file = libc.eventfd(1, 0);
    const timer = wakeupsOf(runtime).wakeDescriptor;
    libc.dup2(file, timer);
    await runtime.dispose();
    assertEquals(pollNow(libc, timer), POLLIN);
    for (const descriptor of [file, timer]) new CountingSyscalls(libc).close(descriptor);
    close();
  },
});

skippable({
  name:
    "a socket for requests that other code has replaced fails one read, and the file is left alone",
  needs: ["linux", ffi],
  fn: async () => {
    const { libc, close } = openLibc();
    const { runtime, syscalls } = openRuntime((libc) => new CountingSyscalls(libc));
    const opened: number[] = [];
    const open = syscalls.openNetlink.bind(syscalls);
    syscalls.openNetlink = (groups) => opened[opened.push(open(groups)) - 1]!;
    const source = new LinuxSource(runtime, {}, () => runtime.dispose());
    const { signal } = new AbortController();
    await source.read(signal);
    const file = libc.eventfd(1, 0);
    const [socket] = opened as [number];
    libc.dup2(file, socket);
    await assertRejects(() => source.read(signal), SystemCallError, "ENOTSOCK");
    await source.read(signal);
    await source[Symbol.asyncDispose]();
    assertEquals([opened.length, pollNow(libc, socket)], [2, POLLIN]);
    for (const descriptor of [file, socket]) new CountingSyscalls(libc).close(descriptor);
    close();
  },
});

skippable({
  name: "an event socket that other code has replaced is left alone when its subscription ends",
  needs: ["linux", ffi],
  fn: async () => {
    const { libc, close } = openLibc();
    const { runtime, syscalls } = openRuntime((libc) => new CountingSyscalls(libc));
    const opened: number[] = [];
    const open = syscalls.openNetlink.bind(syscalls);
    syscalls.openNetlink = (groups) => opened[opened.push(open(groups)) - 1]!;
    const source = new LinuxSource(runtime, {}, () => runtime.dispose());
    await source.subscribe(new AbortController().signal);
    const file = libc.eventfd(1, 0);
    const [socket] = opened as [number];
    libc.dup2(file, socket);
    await source[Symbol.asyncDispose]();
    assertEquals([opened.length, pollNow(libc, socket)], [1, POLLIN]);
    for (const descriptor of [file, socket]) new CountingSyscalls(libc).close(descriptor);
    close();
  },
});
