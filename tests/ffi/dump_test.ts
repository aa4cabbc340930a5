/**
 * A read leaves the event loop its turns, over a kernel that takes its time.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Dump, readDump, RequestSocket } from "../../ffi/linux/requests.ts";
import { RouteLookup } from "../../ffi/linux/route_lookup.ts";
import { FakeLinux } from "../support/fake_linux.ts";
import { countTurns, SimulatedTime } from "../support/simulated_time.ts";

function read(kernel: FakeLinux, signal = new AbortController().signal): Promise<Dump> {
  return readDump(new RequestSocket(kernel.syscalls), signal);
}

Deno.test("a dump that is interrupted each time says so, to a subscription after two attempts", async () => {
  const kernel = new FakeLinux();
  const { signal } = new AbortController();
  const socket = new RequestSocket(kernel.syscalls);
  const subscription = { table: null, lookup: new RouteLookup() };
  assertEquals((await readDump(socket, signal, subscription)).isConsistent, true);
  kernel.interruptsDumps = true;
  const before = kernel.asked.dumps;
  assertEquals((await readDump(socket, signal, subscription)).isConsistent, false);
  assertEquals(kernel.asked.dumps - before, 2);
});

Deno.test("interrupted dumps, each shorter than a slice, leave the event loop its turns", async () => {
  using time = new SimulatedTime();
  const kernel = new FakeLinux();
  kernel.interruptsDumps = true;
  kernel.onAnswer = () => time.ms += 12;
  const turns = countTurns();
  const { defaultRoute } = await read(kernel);
  assertEquals(defaultRoute, { ipv4: null, ipv6: null });
  assertEquals(kernel.asked.dumps, 8);
  assert(turns() >= 2);
});

/** How often a dump pauses whose lookup of the default routes alone takes so many milliseconds. */
async function pausesAfterLookup(ms: number): Promise<number> {
  using time = new SimulatedTime();
  const kernel = new FakeLinux();
  let leftMs = ms;
  kernel.onAnswer = (isDump) => {
    if (isDump) return;
    time.ms += leftMs;
    leftMs = 0;
  };
  const turns = countTurns();
  await read(kernel);
  return turns();
}

Deno.test("what follows a dump that took long has a turn of its own", async () => {
  assertEquals(await pausesAfterLookup(15), 0);
  assertEquals(await pausesAfterLookup(16), 1);
});

Deno.test("a dump that took long is not returned if its signal aborts in the last pause", async () => {
  using time = new SimulatedTime();
  const kernel = new FakeLinux();
  const controller = new AbortController();
  const reason = new Error("Enough");
  kernel.onAnswer = (isDump) => {
    if (isDump) return;
    time.ms += 16;
    setImmediate(() => controller.abort(reason));
  };
  assertEquals(await assertRejects(() => read(kernel, controller.signal)), reason);
});
