/**
 * The timer that interrupts the poll, the event socket and the socket for requests, on the real kernel, when other code
 * of the program closes them or puts another file in their place.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { LinuxSource } from "../../ffi/linux/source.ts";
import { Wakeups } from "../../ffi/linux/subscription.ts";
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
      const wakeups = runtime.wakeups = new Wakeups(syscalls);
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
      for (let i = 0; i < 50 && syscalls.polls === polls; i++) await delay(scaled(20)); // not 20 s
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
    const { runtime, syscalls } = openRuntime((libc) => new CountingSyscalls(libc));
    const file = libc.eventfd(1, 0);
    runtime.wakeups = new Wakeups(syscalls);
    const timer = runtime.wakeups.wakeDescriptor;
    libc.dup2(file, timer);
    await runtime.dispose();
    assertEquals(pollNow(libc, timer), POLLIN);
    for (const descriptor of [file, timer]) new CountingSyscalls(libc).close(descriptor);
    close();
  },
});

/** A source, and the sockets that it opens, of which the test replaces the first by a readable file. */
function openSource() {
  const { libc, close } = openLibc();
  const { runtime, syscalls } = openRuntime((libc) => new CountingSyscalls(libc));
  const opened: number[] = [];
  const open = syscalls.openNetlink.bind(syscalls);
  syscalls.openNetlink = (groups) => opened[opened.push(open(groups)) - 1]!;
  const source = new LinuxSource(runtime, {}, () => runtime.dispose());
  const file = libc.eventfd(1, 0);
  return {
    source,
    opened,
    replace: () => libc.dup2(file, opened[0]!),
    /** Closes everything. Returns whether the file was still in the place of the socket. */
    end: async (): Promise<boolean> => {
      await source[Symbol.asyncDispose]();
      const isThere = pollNow(libc, opened[0]!) === POLLIN;
      for (const descriptor of [file, opened[0]!]) new CountingSyscalls(libc).close(descriptor);
      close();
      return isThere;
    },
  };
}

const { signal } = new AbortController();

skippable({
  name:
    "a socket for requests that other code has replaced fails one read, and the file is left alone",
  needs: ["linux", ffi],
  fn: async () => {
    const { end, opened, replace, source } = openSource();
    await source.read(signal);
    replace();
    await assertRejects(() => source.read(signal), SystemCallError, "ENOTSOCK");
    await source.read(signal);
    assertEquals([await end(), opened.length], [true, 2]);
  },
});

skippable({
  name: "an event socket that other code has replaced is left alone when its subscription ends",
  needs: ["linux", ffi],
  fn: async () => {
    const { end, opened, replace, source } = openSource();
    await source.subscribe(signal);
    replace();
    assertEquals([await end(), opened.length], [true, 1]);
  },
});
