/**
 * The subscription of Linux over a kernel that the test plays: pauses in a storm, and what is bounded.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { C } from "../../ffi/linux/constants.ts";
import { encodeMessage } from "../../ffi/linux/netlink.ts";
import { NetlinkEventSocket } from "../../ffi/linux/event_socket.ts";
import type { KernelEvent } from "../../ffi/linux/messages.ts";
import { LinuxRuntime, LinuxSource } from "../../ffi/linux/source.ts";
import { type LinuxSubscription, Wakeups } from "../../ffi/linux/subscription.ts";
import type { Dump } from "../../ffi/linux/requests.ts";
import { POLLERR, POLLIN } from "../../ffi/poll_loop.ts";
import type { PollTimers } from "../../ffi/timers.ts";
import { SystemCallError } from "../../state/errors.ts";
import type { SourceEvent } from "../../state/ports.ts";
import { errorMessage, EVENT_SOCKET, FakeLinux } from "../support/fake_linux.ts";
import { microtasks } from "../support/fake_poll.ts";
import { linkMessage, newAddress, newLink } from "../support/netlink.ts";
import { InstantTimeouts, SimulatedTime } from "../support/simulated_time.ts";
import { scaled } from "../support/timing.ts";

const BUFFER_BYTES = 1_048_576;
const { signal } = new AbortController();

/** The pauses between the first seven polls, with a wake-up every 10 ms. */
async function pausesOf(kernel: FakeLinux, stormPauseMs?: number, apartMs = 10): Promise<number[]> {
  await using source = kernel.source({ stormPauseMs });
  const subscription = await source.subscribe(signal);
  const events = Array.fromAsync(subscription);
  using timeouts = new InstantTimeouts();
  using time = new SimulatedTime();
  for (let poll = 1; poll <= 6; poll++) {
    const begun = await kernel.port.begun(poll);
    time.ms += apartMs;
    kernel.queue(new Uint8Array()); // no message
    begun.ready({ [EVENT_SOCKET]: POLLIN });
  }
  await kernel.port.begun(7);
  const pauses = [...timeouts.asked];
  await subscription[Symbol.asyncDispose]();
  assertEquals(await events, []);
  return pauses;
}

Deno.test("LinuxSubscription pauses 48 ms in a storm, and not at all between events that come one by one", async () => {
  assertEquals(await pausesOf(new FakeLinux()), [48, 48, 48]);
  assertEquals(await pausesOf(new FakeLinux(), undefined, 151), []);
});

Deno.test("LinuxSubscription pauses at most for the option stormPauseMs", async () => {
  assertEquals(await pausesOf(new FakeLinux(), 10), [10, 10, 10]);
  assertEquals(await pausesOf(new FakeLinux(), 0), []);
});

Deno.test("NetlinkEventSocket tries SO_RCVBUF if the kernel refuses SO_RCVBUFFORCE", async () => {
  const kernel = new FakeLinux();
  await using _large = await kernel.source().subscribe(signal);
  assertEquals(kernel.options, [[C.SO_RCVBUFFORCE, BUFFER_BYTES]]);
  const stingy = new FakeLinux();
  stingy.grantsBuffer = false;
  await using _small = await stingy.source().subscribe(signal);
  assertEquals(stingy.options, [[C.SO_RCVBUFFORCE, BUFFER_BYTES], [C.SO_RCVBUF, BUFFER_BYTES]]);
});

const ERRORS: [
  what: string,
  revents: number,
  drops: number | null,
  errno: number,
  found: unknown,
][] = [
  ["nothing", 0, 0, 0, false],
  ["messages", POLLIN, 1, C.ENOBUFS, false], // they are received first
  ["dropped messages whose error a receive took", 0, 1, 0, "overflow"],
  ["dropped messages", POLLERR, 1, C.ENOBUFS, "overflow"],
  ["dropped messages that Linux before 4.12 does not count", POLLERR, null, C.ENOBUFS, "overflow"],
  ["an error that a receive took, uncounted", POLLERR, null, 0, false],
  ["another error", POLLERR, 0, 100, "ENETDOWN"],
  ["another error beside dropped messages", 0, 1, 100, "ENETDOWN"],
];

for (const [what, revents, drops, errno, found] of ERRORS) {
  Deno.test(`NetlinkEventSocket.checkErrors() of ${what}: ${found}`, () => {
    const kernel = new FakeLinux();
    const socket = new NetlinkEventSocket(kernel.syscalls);
    kernel.drops = () => drops;
    kernel.takeError = () => errno;
    const events: KernelEvent[] = [];
    if (found === "ENETDOWN") {
      assertThrows(() => socket.checkErrors(revents, events), SystemCallError, found);
    } else {
      assertEquals(socket.checkErrors(revents, events), found !== false);
      assertEquals(events, found === false ? [] : [{ kind: "overflow" }]);
    }
  });
}

/** Runs the body with a subscription that has a table. */
async function withTable(
  body: (
    it: {
      kernel: FakeLinux;
      source: LinuxSource;
      subscription: LinuxSubscription;
      read: () => Promise<void>;
    },
  ) => void | Promise<void>,
): Promise<void> {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  const subscription = await source.subscribe(signal) as LinuxSubscription;
  const read = async (): Promise<void> => subscription.adopt(await source.read(signal));
  await read();
  await body({ kernel, source, subscription, read });
}

/** Queues so many messages of a rule of IPv4, each of which may move the default route. */
function queueRules(kernel: FakeLinux, count: number): void {
  for (let i = 0; i < count; i++) kernel.queue(encodeMessage(C.RTM_NEWRULE, 0, Uint8Array.of(2)));
}

const ROWS: [during: number, then: SourceEvent["kind"]][] = [
  [4_096, "changed"],
  [4_097, "overflow"],
  [10_000, "overflow"],
];

for (const [count, kind] of ROWS) {
  Deno.test(`LinuxSubscription reports "${kind}" after ${count} events during a dump`, () =>
    withTable(async ({ kernel, read, subscription }) => {
      kernel.onAnswer = (isDump) => {
        if (!isDump) return;
        kernel.onAnswer = () => {};
        queueRules(kernel, count);
        using _ = new SimulatedTime(); // one slice, however slow the machine is
        subscription.view();
      };
      await read();
      assertEquals((await subscription.next()).value?.kind, kind);
    }));
}

Deno.test("LinuxSubscription.view() is taken three times at most while events keep arriving", () =>
  withTable(({ kernel, subscription }) => {
    /** How many routes are looked up for a view after an event. */
    const lookups = (): number => {
      const before = kernel.asked.lookups;
      queueRules(kernel, 1);
      subscription.view();
      return kernel.asked.lookups - before;
    };
    const once = lookups();
    let arriving = 1;
    kernel.onAnswer = () => queueRules(kernel, arriving-- > 0 ? 1 : 0);
    assertEquals(lookups(), 2 * once);
    kernel.onAnswer = () => queueRules(kernel, 1);
    assertEquals(lookups(), 3 * once);
  }));

Deno.test("LinuxSubscription delivers what a view has received, although no poll reports it", () =>
  withTable(async ({ kernel, subscription }) => {
    const next = subscription.next();
    await kernel.port.begun(1);
    kernel.queue(Uint8Array.of(1)); // malformed: only a read helps
    subscription.view();
    assertEquals((await deadline(next, scaled(1_000))).value, { kind: "resync" });
  }));

Deno.test("LinuxSubscription reports a tentative address that a read finds, unless the kernel announced it meanwhile", () =>
  withTable(async ({ kernel, read, source, subscription }) => {
    const addresses: Uint8Array[] = [];
    kernel.records = () => kernel.asked.dumps % 2 === 1 ? [newLink(2, "eth0")] : addresses;
    const addTentative = (last: number): void => {
      const message = newAddress(2, 192, 0, 2, last);
      message[C.NLMSGHDR_SIZE + 2] = C.IFA_F_TENTATIVE; // ifa_flags
      addresses.push(message);
    };
    /** A read that is compared with the table. Returns the event after it, and the addresses. */
    const reconcile = async () => {
      await source.read(signal);
      const kind = subscription.pending.take()?.kind;
      const shown = subscription.view()!.interfaces[0]!.addresses;
      return [kind, ...shown.map((it) => `${it.address}${it.tentative ? " tentative" : ""}`)];
    };
    await read();
    addTentative(1);
    assertEquals(await reconcile(), ["changed", "192.0.2.1 tentative"]);
    assertEquals(await reconcile(), [undefined, "192.0.2.1 tentative"]);
    addTentative(2);
    kernel.onAnswer = () => {
      kernel.onAnswer = () => {};
      kernel.queue(newAddress(2, 192, 0, 2, 2)); // its check is over
      subscription.view();
      assertEquals(subscription.pending.take()?.kind, "changed");
    };
    assertEquals(await reconcile(), [undefined, "192.0.2.1 tentative", "192.0.2.2"]);
  }));

Deno.test("LinuxSubscription learns from every read when a default route expires", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  const subscription = await source.subscribe(signal) as LinuxSubscription;
  const timers = source.clock as PollTimers;
  const dump = await source.read(signal) as Dump;
  subscription.adopt(dump);
  assertEquals(timers.nextAt, Infinity);
  subscription.mergeTentative({ ...dump, routes: { ...dump.routes, expiresInSeconds: 1_800 } });
  assert(timers.nextAt < Infinity);
});

Deno.test("LinuxSubscription sets no timer for a dump that ends after it was disposed of", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  const subscription = await source.subscribe(signal) as LinuxSubscription;
  const dump = await source.read(signal) as Dump;
  subscription.adopt(dump);
  await subscription[Symbol.asyncDispose]();
  subscription.mergeTentative({ ...dump, routes: { ...dump.routes, expiresInSeconds: 1_800 } });
  assertEquals((source.clock as PollTimers).nextAt, Infinity);
});

Deno.test("LinuxSubscription: a slow log counts in the 8 ms of a slice", async () => {
  using time = new SimulatedTime();
  const kernel = new FakeLinux();
  let lines = 0;
  const trace = (line: string): void => {
    assertEquals(line, "routes");
    lines++;
    time.ms += 1;
  };
  await using source = kernel.source({ trace });
  const subscription = await source.subscribe(signal) as LinuxSubscription;
  queueRules(kernel, 320);
  subscription.view(); // there is no table yet
  assertEquals([lines, kernel.unread], [0, 320]);
  subscription.adopt(await source.read(signal));
  assertEquals([lines, kernel.unread], [32, 288]);
});

Deno.test("LinuxSubscription that is disposed of leaves no timer: the process would stay alive for it", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  const subscription = await source.subscribe(signal) as LinuxSubscription;
  const dump = await source.read(signal) as Dump;
  dump.table.setLink(linkMessage(2, "eth0", { flags: 0 })); // down: its route is looked up again
  const timers = source.clock as PollTimers;
  const routes = { ...dump.routes, expiresInSeconds: 1_800, indexes: [2] };
  const adopted: Dump = { ...dump, routes };
  subscription.adopt(adopted);
  assert(timers.nextAt < Infinity);
  await subscription[Symbol.asyncDispose]();
  assertEquals(timers.nextAt, Infinity);
});

Deno.test("LinuxSubscription.probe() is false if it is disposed of before the answer", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  const subscription = await source.subscribe(signal) as LinuxSubscription;
  const probe = subscription.probe();
  await subscription[Symbol.asyncDispose]();
  assertEquals(await deadline(probe, scaled(1_000)), false);
  assertEquals(await subscription.probe(), false);
});

Deno.test("LinuxSubscription.probe() waits for its own answer, whatever else arrives", () =>
  withTable(async ({ kernel, subscription }) => {
    kernel.send = () => {};
    let answer: boolean | undefined;
    const probe = subscription.probe().then((it) => answer = it);
    const next = subscription.next();
    queueRules(kernel, 1);
    (await kernel.port.begun(1)).ready({ [EVENT_SOCKET]: POLLIN });
    assertEquals((await next).value?.kind, "changed");
    void subscription.next();
    await microtasks();
    assertEquals(answer, undefined);
    kernel.queue(errorMessage(0, 1));
    kernel.port.current.ready({ [EVENT_SOCKET]: POLLIN });
    assertEquals(await deadline(probe, scaled(1_000)), true);
  }));

Deno.test("LinuxSubscription counts what it received, and reports nothing that another process sent", () =>
  withTable(({ kernel, source, subscription }) => {
    const arrive = (message: Uint8Array): string | undefined => {
      kernel.queue(message);
      subscription.view();
      return subscription.pending.take()?.kind;
    };
    kernel.buffer.isFromKernel = () => false;
    assertEquals(arrive(newLink(9, "forged")), undefined);
    kernel.buffer.isFromKernel = () => true;
    assertEquals(arrive(errorMessage(0, 99)), undefined); // of no canary
    assertEquals(source.counters, { events: 0, ignored: 0, malformed: 0, spoofed: 1 });
    assertEquals(arrive(encodeMessage(C.RTM_NEWRULE, 0, Uint8Array.of(C.AF_INET))), "changed");
    assertEquals(arrive(encodeMessage(C.RTM_NEWNEIGH, 0, new Uint8Array(12))), undefined);
    const unknown = newLink(9, "gone").subarray(C.NLMSGHDR_SIZE);
    assertEquals(arrive(encodeMessage(C.RTM_DELLINK, 0, unknown)), undefined);
    assertEquals(source.counters, { events: 3, ignored: 2, malformed: 0, spoofed: 1 });
    assertEquals(arrive(encodeMessage(C.RTM_NEWLINK, 0, Uint8Array.of(0))), "resync");
    kernel.dropped++;
    subscription.startJournal(); // receives
    assertEquals(subscription.pending.take()?.kind, "overflow");
    assertEquals(source.counters, { events: 4, ignored: 2, malformed: 1, spoofed: 1 });
  }));

Deno.test("a sleep is reported once, by the LinuxSubscription of that time or the next one", async () => {
  const kernel = new FakeLinux();
  let sleptMs = 0;
  kernel.clock = ((id: number) => id === C.CLOCK_BOOTTIME ? 1_000 + sleptMs : 1_000) as () =>
    number;
  const runtime = new LinuxRuntime(kernel.syscalls, () => {});
  await using source = new LinuxSource(runtime, {}, () => runtime.dispose());
  const subscribe = async () => await source.subscribe(signal) as LinuxSubscription;
  for (let i = 0; i < 2; i++) await (await subscribe())[Symbol.asyncDispose]();
  sleptMs = 60_000;
  runtime.wakeups!.clock.check(false); // nobody is subscribed
  const { pending } = await subscribe();
  assertEquals([pending.take()?.kind, pending.take()], ["resumed", null]);
  sleptMs += 60_000;
  runtime.wakeups!.clock.check(false);
  assertEquals([pending.take()?.kind, pending.take()], ["resumed", null]);
  await source[Symbol.asyncDispose]();
  sleptMs += 60_000;
  runtime.wakeups!.clock.check(false);
  assertEquals(pending.take(), null);
});

Deno.test("Wakeups closes its timer if the kernel refuses to set it", () => {
  const kernel = new FakeLinux();
  const closed: number[] = [];
  kernel.armTimer = () => false;
  kernel.close = (descriptor) => void closed.push(descriptor);
  assertThrows(() => new Wakeups(kernel.syscalls), SystemCallError, "timerfd_settime");
  assertEquals(closed, [kernel.port.wakeDescriptor]);
});
