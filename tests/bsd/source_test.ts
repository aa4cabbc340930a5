/**
 * The BSD source without a monitor, over a simulated kernel some of whose functions the test replaces.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { ManualClock } from "../../actor/testing.ts";
import {
  type LibcFunctions,
  openNotification,
  openRouteSocket,
  sendCanary,
  Syscalls,
} from "../../ffi/bsd/libc.ts";
import { type BsdEvent, decodeEvent, formatMessage } from "../../ffi/bsd/messages.ts";
import { BsdSource, makeRuntime } from "../../ffi/bsd/source.ts";
import { SYSTEMS } from "../../ffi/bsd/systems.ts";
import { SystemCallError } from "../../state/errors.ts";
import type { Subscription } from "../../state/ports.ts";
import { encodeRoute } from "../support/bsd_encode.ts";
import { SimulatedTime } from "../support/simulated_time.ts";
import { scaled } from "../support/timing.ts";
import { SimulatedKernel } from "./simulated_kernel.ts";

const PF_ROUTE = 17;
const PF_INET6 = 30;
const PF_SYSTEM = 32;
const RTM_GET = 4;
const SO_RCVBUF = 0x1002;

interface Setup extends AsyncDisposable {
  kernel: SimulatedKernel;
  source: BsdSource;
  subscribe(): Promise<Subscription>;
}

/** A Mac with one interface; `replace` returns functions that it has instead of the usual ones. */
function openMac(
  replace: (usual: LibcFunctions) => Partial<Record<keyof LibcFunctions, unknown>> = () => ({}),
): Setup {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  kernel.network.create("en0");
  const functions = { ...kernel.functions, ...replace(kernel.functions) } as LibcFunctions;
  const runtime = makeRuntime(functions, "darwin", () => kernel.unload());
  const source = new BsdSource(runtime, { stormPauseMs: 0 }, () => runtime.dispose());
  return {
    kernel,
    source,
    subscribe: () => source.subscribe(new AbortController().signal),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

/** The functions with a `socket()` that refuses this domain. */
function without(domain: number): (usual: LibcFunctions) => Partial<LibcFunctions> {
  return ({ socket }) => ({
    socket: (asked, type, protocol) => asked === domain ? -1 : socket(asked, type, protocol),
  });
}

/** The functions with a poll that records its timeouts. */
function recording(timeouts: number[]): (usual: LibcFunctions) => Partial<LibcFunctions> {
  return ({ poll_blocking }) => ({
    poll_blocking: (set, count, ms) => {
      timeouts.push(ms);
      return poll_blocking(set, count, ms);
    },
  });
}

Deno.test("unref() cuts the wait into slices, although three sockets are open on a Mac", async () => {
  const timeouts: number[] = [];
  await using it = openMac(recording(timeouts));
  const subscription = await it.subscribe();
  void subscription[Symbol.asyncIterator]().next();
  await delay(0);
  subscription.unref();
  await delay(0);
  assertEquals([it.source.listeners.length, timeouts.at(0), timeouts.at(-1)], [3, 20_000, 100]);
});

Deno.test("a disposed subscription has closed all of its sockets, and sends no canary", async () => {
  await using it = openMac();
  const before = it.kernel.open;
  const subscription = await it.subscribe();
  await subscription[Symbol.asyncDispose]();
  assertEquals([it.kernel.open, it.source.listeners], [before, []]);
  assertEquals(await subscription.probe(new AbortController().signal), false);
});

Deno.test("a canary of a subscription that is disposed before the answer is not answered", async () => {
  await using it = openMac(() => ({ write: () => -1 })); // nobody answers
  const subscription = await it.subscribe();
  const { signal } = new AbortController();
  const probe = subscription.probe(signal);
  await subscription[Symbol.asyncDispose]();
  assertEquals(await deadline(probe, scaled(1_000)), false);
});

Deno.test("answers to the questions of other programs cause no event", async () => {
  await using it = openMac();
  const subscription = await it.subscribe();
  let events = 0;
  void subscription[Symbol.asyncIterator]().next().then(({ done }) => events += done ? 0 : 1);
  const route = { destination: "0.0.0.0", prefixLength: 0, gateway: 5, index: 5, flags: 0x1 };
  for (let sequence = 0; sequence < 5; sequence++) {
    const request = { pid: Deno.pid + 1, sequence };
    it.kernel.deliver(
      encodeRoute("darwin", RTM_GET, { ...route, source: null }, "answer", request),
    );
    await delay(0);
  }
  assertEquals([events, it.source.counters.events, it.source.counters.ignored], [0, 5, 5]);
});

Deno.test("a wake-up source that is lost is no longer listed, and the others stay", async () => {
  let descriptor = -1;
  await using it = openMac(({ getsockopt, socket }) => ({
    socket: (domain: number, type: number, protocol: number) => {
      const opened = socket(domain, type, protocol);
      if (domain === PF_SYSTEM) descriptor = opened;
      return opened;
    },
    getsockopt: (
      fd: number,
      level: number,
      option: number,
      value: Int32Array,
      size: Uint32Array,
    ) => {
      if (fd !== descriptor) return getsockopt(fd, level, option, value as never, size);
      value[0] = 57; // ENOTCONN
      return 0;
    },
  }));
  await it.subscribe();
  assertEquals(it.source.listeners, ["route", "network_change", "kernel-events"]);
  it.kernel.network.post(2, 12); // the link is off
  for (let i = 0; i < 3; i++) await delay(0);
  assertEquals(it.source.listeners, ["route", "network_change"]);
});

Deno.test("a kernel without IPv6 can be read", async () => {
  await using it = openMac(without(PF_INET6));
  const { interfaces } = await it.source.read(new AbortController().signal);
  assertEquals(interfaces.map(({ name }) => name), ["lo0", "en0"]);
});

Deno.test("the flags of an address are read by the whole name of its interface, 15 bytes at most", async () => {
  await using it = openMac();
  it.kernel.network.create("bridge123456789");
  it.kernel.network.addAddress("bridge123456789", "2001:db8::7/64", { flags: 0x80 });
  const { interfaces } = await it.source.read(new AbortController().signal);
  assertEquals(interfaces.at(-1)?.addresses[0]?.temporary, true);
});

Deno.test("a single read needs no routing socket, which a sandbox may refuse", async () => {
  await using it = openMac(without(PF_ROUTE));
  await it.source.read(new AbortController().signal);
  await assertRejects(() => it.subscribe(), SystemCallError, "socket(PF_ROUTE)");
});

Deno.test("tables that grow much faster than they are read get twice the room each time", async () => {
  await using it = openMac();
  it.kernel.grows = () => 50_000; // after their sizes were read
  const { interfaces } = await it.source.read(new AbortController().signal);
  assertEquals(interfaces.map(({ name }) => name), ["lo0", "en0"]);
});

Deno.test("a read fails if the kernel refuses to list its interfaces", async () => {
  await using it = openMac(() => ({ sysctl: () => -1 }));
  const reading = it.source.read(new AbortController().signal);
  await assertRejects(() => reading, SystemCallError, "sysctl of the interfaces");
});

Deno.test("a Mac whose notification server refuses is listened to without it", async () => {
  await using it = openMac(() => ({ notify_register_file_descriptor: () => 1_000_000 }));
  await it.subscribe();
  assertEquals(it.source.listeners, ["route", "kernel-events"]);
});

Deno.test("a notification whose server has closed the pipe delivers nothing", () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  const poll_now = (set: Int32Array) => {
    set[1] = 0x0001_0001; // POLLIN: the end is readable
    return 1;
  };
  const functions = { ...kernel.functions, poll_now, read: () => 0 } as unknown as LibcFunctions;
  const port = openNotification(new Syscalls(functions, "darwin"), undefined)!;
  assertEquals(port.receive([]), 0);
  port.close();
});

Deno.test("makeRuntime() that fails for lack of a pipe unloads the library", () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  const functions = { ...kernel.functions, pipe: () => -1 };
  let unloaded = 0;
  assertThrows(() => makeRuntime(functions, "darwin", () => unloaded++), SystemCallError, "pipe");
  assertEquals(unloaded, 1);
});

Deno.test("clocks are read in milliseconds with fractions, and may be missing", () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  const clock_gettime = (id: number, time: BigInt64Array) => {
    time.set([12n, 345_678_900n]);
    return id === 4 ? 0 : -1;
  };
  const functions = { ...kernel.functions, clock_gettime } as unknown as LibcFunctions;
  const syscalls = new Syscalls(functions, "darwin");
  assertEquals([syscalls.clock(4), syscalls.clock(8)], [12_345.6789, null]);
});

Deno.test("a receive that fails with ENOBUFS counts as a change: errno alone is no overflow", () => {
  const kernel = new SimulatedKernel({ os: "freebsd", clock: new ManualClock() });
  const copy_from = (into: Int32Array) => {
    into[0] = 55; // errno is ENOBUFS
    return null;
  };
  const syscalls = new Syscalls(
    { ...kernel.functions, copy_from } as unknown as LibcFunctions,
    "freebsd",
  );
  const port = openRouteSocket(syscalls, SYSTEMS.freebsd);
  const events: BsdEvent[] = [];
  assertEquals(port.checkErrors(0, events), false);
  assertEquals(events, [{ kind: "changed" }]);
  port.close();
});

Deno.test("unref() counts for the timer that waits for the end of a check, too", async () => {
  const timeouts: number[] = [];
  await using it = openMac(recording(timeouts));
  const subscription = await it.subscribe();
  void subscription[Symbol.asyncIterator]().next();
  subscription.unref();
  it.kernel.network.addTentative("en0", "2001:db8::7/64");
  await it.source.read(new AbortController().signal); // finds the address, and sets the timer
  for (let i = 0; i < 3; i++) await delay(0);
  assertEquals(timeouts.at(-1), 100);
  subscription.ref();
  for (let i = 0; i < 3; i++) await delay(0);
  assert(timeouts.at(-1)! > 100, `${timeouts.at(-1)} ms`);
});

Deno.test("a routing socket at its end, where recv() returns 0, delivers nothing", () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  const functions = { ...kernel.functions, recv: () => 0 };
  const port = openRouteSocket(new Syscalls(functions, "darwin"), SYSTEMS.darwin);
  assertEquals(port.receive([]), 0);
  port.close();
});

Deno.test("the receive buffer is halved until the system allows it, and never smaller than its own", () => {
  for (const os of ["darwin", "freebsd"] as const) {
    const kernel = new SimulatedKernel({ os, clock: new ManualClock() });
    const asked: number[] = [];
    let largest = 0;
    const setsockopt = (_fd: number, _level: number, option: number, value: Int32Array) => {
      if (option === SO_RCVBUF) asked.push(value[0]!);
      return option === SO_RCVBUF && value[0]! > largest ? -1 : 0;
    };
    const functions = { ...kernel.functions, setsockopt } as unknown as LibcFunctions;
    const open = (receiveBufferBytes: number): void =>
      openRouteSocket(new Syscalls(functions, os), SYSTEMS[os], { receiveBufferBytes }).close();
    open(4_096);
    assertEquals(asked, []);
    open(32_768);
    assertEquals(asked.splice(0), [32_768, 16_384]);
    largest = 65_536;
    open(131_072);
    assertEquals(asked, [131_072, 65_536]);
  }
});

Deno.test("the canary asks for the route to 0.0.0.0, in a message that says so", () => {
  for (const os of ["darwin", "freebsd"] as const) {
    const kernel = new SimulatedKernel({ os, clock: new ManualClock() });
    const written: Uint8Array[] = [];
    const write = (_fd: number, bytes: Uint8Array) => written.push(bytes);
    const functions = { ...kernel.functions, write } as unknown as LibcFunctions;
    const sequence = sendCanary(new Syscalls(functions, os), SYSTEMS[os], 5);
    const message = written[0]!;
    assertEquals(formatMessage(message, SYSTEMS[os]), "route get 0 0.0.0.0/0 flags 0x0");
    const event = decodeEvent(message, SYSTEMS[os]);
    assertEquals(event, { kind: "answer", pid: 0, sequence }); // the kernel fills in the sender
  }
});

Deno.test("a check that does not end is looked at four times, later each time, and again after a change", async () => {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  kernel.network.create("en0");
  const runtime = makeRuntime(kernel.functions, "darwin", () => kernel.unload());
  await using source = new BsdSource(runtime, {}, () => runtime.dispose());
  const { signal } = new AbortController();
  const subscription = await source.subscribe(signal);
  using time = new SimulatedTime();
  const { timers } = runtime.pollLoop;
  const waits: number[] = [];
  const read = async (): Promise<void> => {
    await source.read(signal);
    waits.push(timers.nextAt - time.ms);
  };
  await read(); // nothing to check
  kernel.network.addTentative("en0", "2001:db8::7/64");
  for (let turn = 0; turn < 3; turn++) await delay(0); // the kernel event arrives
  subscription.view(); // and the message
  await read();
  for (let reads = 0; reads < 5; reads++) {
    await read(); // another one changes nothing
    if (timers.nextAt < Infinity) time.ms = timers.nextAt;
    timers.fire();
    await read();
  }
  const twice = [1_000, 2_000, 4_000, 8_000, Infinity, Infinity].flatMap((ms) => [ms, ms]);
  assertEquals(waits, [Infinity, ...twice.slice(0, -1)]);
  kernel.network.addAddress("en0", "192.0.2.7/24");
  subscription.view(); // finds the message
  assertEquals(timers.nextAt, Infinity);
  await read();
  assertEquals(waits.at(-1), 1_000);
});

Deno.test("a storm pauses the polls of a Mac for 12 ms at most, since its receive buffers are small", async () => {
  for (const [stormPauseMs, expected] of [[undefined, 12], [48, 12], [5, 5]] as const) {
    const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
    const runtime = makeRuntime(kernel.functions, "darwin", () => kernel.unload());
    const pauses: (number | undefined)[] = [];
    const watch = runtime.pollLoop.watch.bind(runtime.pollLoop);
    runtime.pollLoop.watch = (descriptor, pauseMs) => {
      pauses.push(pauseMs);
      return watch(descriptor, pauseMs);
    };
    await using source = new BsdSource(runtime, { stormPauseMs }, () => runtime.dispose());
    await source.subscribe(new AbortController().signal);
    assertEquals(pauses, [expected, 12, 12]); // the routing socket, and the two other wake-up sources
  }
});

Deno.test("FreeBSD has no wake-up source but the routing socket: 32 is netgraph there, not PF_SYSTEM", async () => {
  const kernel = new SimulatedKernel({ os: "freebsd", clock: new ManualClock() });
  const domains: number[] = [];
  const socket: LibcFunctions["socket"] = (domain, type, protocol) => {
    domains.push(domain);
    return kernel.functions.socket(domain, type, protocol);
  };
  const functions = { ...kernel.functions, socket };
  const runtime = makeRuntime(functions, "freebsd", () => kernel.unload());
  await using source = new BsdSource(runtime, {}, () => runtime.dispose());
  await source.subscribe(new AbortController().signal);
  assertEquals([domains, source.listeners], [[PF_ROUTE], ["route"]]);
});

Deno.test("FreeBSD closes each socket in the programs that this one starts, a Mac has no such flag", async () => {
  const { signal } = new AbortController();
  const expected = {
    freebsd: [0x1000_0003, 0x1000_0002], // SOCK_CLOEXEC, and SOCK_RAW or SOCK_DGRAM
    darwin: [3, 3, 2],
  };
  for (const os of ["freebsd", "darwin"] as const) {
    const kernel = new SimulatedKernel({ os, clock: new ManualClock() });
    const types: number[] = [];
    const socket: LibcFunctions["socket"] = (domain, type, protocol) => {
      types.push(type);
      return kernel.functions.socket(domain, type, protocol);
    };
    const runtime = makeRuntime({ ...kernel.functions, socket }, os, () => kernel.unload());
    await using source = new BsdSource(runtime, {}, () => runtime.dispose());
    await source.subscribe(signal);
    await source.read(signal); // with a socket for the flags of addresses
    assertEquals(types, expected[os]);
  }
});
