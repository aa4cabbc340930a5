/**
 * A read of everything, over a kernel that the test plays: dumps that are interrupted, and the event loop's turns.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Dump, readDump, RequestSocket } from "../../ffi/linux/requests.ts";
import { FakeLinux } from "../support/fake_linux.ts";
import { newAddress, newLink } from "../support/netlink.ts";
import { countTurns, SimulatedTime } from "../support/simulated_time.ts";

function read(kernel: FakeLinux, signal = new AbortController().signal): Promise<Dump> {
  return readDump(new RequestSocket(kernel.syscalls), signal);
}

/**
 * What a read sees of a kernel with these answers, in order: links, addresses, and both again. A change interrupts those
 * at the given places.
 */
async function readAll(
  interrupted: readonly number[],
  ...answers: Uint8Array[][]
): Promise<{ seen: string[]; isConsistent: boolean }> {
  const kernel = new FakeLinux();
  kernel.records = () => {
    kernel.interruptsDumps = interrupted.includes(kernel.asked.dumps - 1);
    return answers[kernel.asked.dumps - 1] ?? [];
  };
  const { interfaces, isConsistent } = await read(kernel);
  assertEquals(kernel.asked.dumps, 4);
  const seen = interfaces.map(({ addresses, name }) => [name, ...addresses.map((it) => it.cidr)]);
  return { seen: seen.flat(), isConsistent };
}

const [ETH0, ETH1] = [newLink(2, "eth0"), newLink(3, "eth1")];
const [FIRST, SECOND] = [newAddress(2, 192, 0, 2, 1), newAddress(2, 192, 0, 2, 2)];
const LINKS = [ETH0, ETH1];
const ADDRESSES = [FIRST, SECOND];
const ALL = ["eth0", "192.0.2.1/24", "192.0.2.2/24", "eth1"];

const READS: [what: string, interrupted: number[], answers: Uint8Array[][]][] = [
  ["the first lacks a link and an address", [0, 1, 2, 3], [[ETH0], [FIRST], LINKS, [SECOND]]],
  ["the second lacks a link and all addresses", [1, 3], [LINKS, ADDRESSES, [ETH0], []]],
  ["only their links are interrupted", [0, 2], [LINKS, ADDRESSES, LINKS, []]],
];

for (const [what, interrupted, answers] of READS) {
  Deno.test(`two interrupted dumps count together, since either may lack what is there all the time: ${what}`, async () => {
    assertEquals(await readAll(interrupted, ...answers), { seen: ALL, isConsistent: false });
  });
}

Deno.test("a dump that no change interrupts counts alone", async () => {
  const read = await readAll([0], LINKS, [FIRST], [ETH0], [SECOND]);
  assertEquals(read, { seen: ["eth0", "192.0.2.2/24"], isConsistent: true });
});

Deno.test("interrupted dumps, each shorter than a slice, leave the event loop its turns", async () => {
  using time = new SimulatedTime();
  const kernel = new FakeLinux();
  kernel.interruptsDumps = true;
  kernel.onAnswer = () => time.ms += 12;
  const turns = countTurns();
  const { defaultRoute } = await read(kernel);
  assertEquals(defaultRoute, { ipv4: null, ipv6: null });
  assertEquals(kernel.asked.dumps, 4);
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
    queueMicrotask(() => controller.abort(reason)); // runs in the pause
  };
  assertEquals(await assertRejects(() => read(kernel, controller.signal)), reason);
});

Deno.test("the interfaces of a dump are built in slices", async () => {
  using time = new SimulatedTime();
  performance.now = () => time.ms++; // each look at the clock takes a millisecond
  const kernel = new FakeLinux();
  const links = Array.from({ length: 100 }, (_, i) => newLink(1 + i, `eth${i}`));
  kernel.records = () => kernel.asked.dumps === 1 ? links : [];
  const turns = countTurns();
  assertEquals((await read(kernel)).interfaces.length, 100);
  assert(turns() >= 5, `${turns()} turns`);
});
