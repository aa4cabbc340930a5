/**
 * The overlapped operations that stand in for registrations on Windows, over system calls that the test plays.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { SystemCallError } from "../../state/errors.ts";
import type { Subscription } from "../../state/ports.ts";
import { limitedTest } from "../support/limited.ts";
import { SimulatedWindows } from "../support/simulated_windows.ts";
import { scaled } from "../support/timing.ts";

const REGISTRATIONS = [
  "NotifyUnicastIpAddressChange",
  "NotifyIpInterfaceChange",
  "NotifyRouteChange2",
] as const;

const { signal } = new AbortController();

/** The kind of the next event, which comes soon. */
async function next(subscription: Subscription): Promise<string | undefined> {
  return (await deadline(subscription[Symbol.asyncIterator]().next(), scaled(1_000))).value?.kind;
}

limitedTest("an operation that completes at once counts as started", async () => {
  const windows = new SimulatedWindows();
  REGISTRATIONS.forEach((name) => windows.refused.add(name));
  const start = windows.notifyAddressList.bind(windows);
  let atOnce = 2; // one of each family
  windows.notifyAddressList = (socket, returned, overlapped) => {
    const code = start(socket, returned, overlapped);
    if (atOnce-- <= 0) return code;
    windows.change();
    return 0; // ERROR_SUCCESS
  };
  await using source = windows.source();
  const subscription = await source.subscribe(signal);
  assertEquals(source.listeners.length, 2);
  assertEquals(await next(subscription), "changed");
});

for (const completes of [true, false]) {
  const what = completes ? "freed when it has completed" : "kept if it does not complete";
  limitedTest(`the memory of an operation that is cancelled is ${what}`, async () => {
    const windows = new SimulatedWindows();
    REGISTRATIONS.forEach((name) => windows.refused.add(name));
    const close = windows.closeSocket.bind(windows);
    windows.closeSocket = (socket) => {
      if (completes) setTimeout(() => close(socket), 20); // the system writes there until then
      else windows.sockets.delete(socket);
    };
    const free = windows.free.bind(windows);
    let isSafe = true;
    windows.free = (address) => {
      isSafe &&= !windows.sockets.values().toArray().includes(address);
      free(address);
    };
    const source = windows.source();
    await source.subscribe(signal);
    const setEvent = windows.setEvent.bind(windows);
    windows.setEvent = (event) => { // by the wake-up that ends the wait: a change comes at that moment
      windows.setEvent = setEvent;
      for (const one of [event, ...windows.events.keys()]) setEvent(one);
    };
    await source[Symbol.asyncDispose]();
    assertEquals([isSafe, windows.memory.size], [true, completes ? 0 : 2]);
  });
}

limitedTest(
  "the memory of an operation is kept while it may be under way without an error code",
  async () => {
    const windows = new SimulatedWindows();
    REGISTRATIONS.forEach((name) => windows.refused.add(name));
    const start = windows.notifyAddressList.bind(windows);
    windows.notifyAddressList = (...args) => start(...args) && 0; // ERROR_SUCCESS, but no event is set
    const source = windows.source();
    await assertRejects(() => source.subscribe(signal), SystemCallError);
    await source[Symbol.asyncDispose]();
    assertEquals(windows.open, 0); // closing the socket has completed it, which wrote to that memory
  },
);

for (const call of ["startWinsock", "allocate", "openSocket"] as const) {
  limitedTest(`an operation for which ${call}() fails leaves nothing open`, async () => {
    const windows = new SimulatedWindows();
    REGISTRATIONS.forEach((name) => windows.refused.add(name));
    windows[call] = () => {
      throw windows.error(call);
    };
    const source = windows.source();
    await assertRejects(() => source.subscribe(signal), SystemCallError, call);
    await source[Symbol.asyncDispose]();
    assertEquals(windows.open, 0);
  });
}

limitedTest(
  "operations get a socket of each family, and room for what the system writes",
  async () => {
    const windows = new SimulatedWindows();
    REGISTRATIONS.forEach((name) => windows.refused.add(name));
    const families: number[] = [];
    const openSocket = windows.openSocket.bind(windows);
    windows.openSocket = (family?: number) => {
      families.push(family!);
      return openSocket();
    };
    const room: number[] = [];
    const start = windows.notifyAddressList.bind(windows);
    windows.notifyAddressList = (socket, returned, overlapped) => {
      const at = Number(returned - overlapped);
      room.push(at, windows.memory.get(overlapped)!.length - at);
      return start(socket, returned, overlapped);
    };
    await using source = windows.source();
    await source.subscribe(signal);
    assertEquals(families, [2, 23]); // AF_INET, AF_INET6 of Windows
    assertEquals(room, [32, 8, 32, 8]); // behind struct OVERLAPPED, a pointer
  },
);

limitedTest("NotifyAddrChange stands in for registrations where the system has it", async () => {
  const windows = new SimulatedWindows();
  REGISTRATIONS.forEach((name) => windows.refused.add(name));
  windows.operationsRefused = true;
  let pending: bigint | null = null;
  const complete = (overlapped: bigint): void => {
    const view = new DataView(windows.memory.get(overlapped)!.buffer);
    view.setBigUint64(0, 0n, true);
    windows.setEvent(Number(view.getBigInt64(24, true)));
  };
  windows.notifyAddrChange = (_out?: bigint, overlapped?: bigint) => {
    pending = overlapped!;
    return 997; // ERROR_IO_PENDING
  };
  windows.cancelAddrChange = (overlapped?: bigint) => complete(overlapped!);
  const source = windows.source();
  const subscription = await source.subscribe(signal);
  assertEquals(source.listeners, ["NotifyAddrChange"]);
  for (let i = 0; i < 2; i++) {
    complete(pending!);
    assertEquals(await next(subscription), "changed");
  }
  await source[Symbol.asyncDispose]();
  assertEquals(windows.open, 0);
});
