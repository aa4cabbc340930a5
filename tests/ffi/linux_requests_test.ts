/**
 * What else arrives on a socket for requests: forged, late, of other requests, cut.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { C } from "../../ffi/linux/constants.ts";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { encodeRouteQuery } from "../../ffi/linux/messages.ts";
import { encodeMessage, u32 } from "../../ffi/linux/netlink.ts";
import { readingOf, RequestSocket } from "../../ffi/linux/requests.ts";
import { NO_DEFAULTS } from "../../ffi/linux/route_lookup.ts";
import type { LinuxSource } from "../../ffi/linux/source.ts";
import { buildState } from "../../state/build.ts";
import { nic } from "../support/states.ts";
import { DecodeError, SystemCallError } from "../../state/errors.ts";
import { errorMessage, FakeLinux } from "../support/fake_linux.ts";

const { signal } = new AbortController();
const EPERM = 1;

/** Makes a datagram, beside the answer to the request of this number. */
type Intruder = (sequence: number) => Uint8Array | null;

/** Intrudes before the first answer to a dump, or to a lookup of routes. */
function intrudeOnce(
  kernel: FakeLinux,
  before: "dump" | "lookup",
  intruder: Intruder,
  fromKernel = true,
): void {
  kernel.onAnswer = (isDump, sequence) => {
    if (isDump !== (before === "dump")) return;
    kernel.onAnswer = () => {};
    kernel.intrude(intruder(sequence), fromKernel);
  };
}

const IGNORED: [what: string, intruder: Intruder, fromKernel: boolean][] = [
  ["another process forged", (sequence) => errorMessage(EPERM, sequence), false],
  ["another process sent cut", () => null, false],
  ["another process sent broken", () => new Uint8Array(3), false],
  ["belongs to an earlier request", (sequence) => errorMessage(EPERM, sequence - 1), true],
  ["belongs to no request", (sequence) => errorMessage(EPERM, sequence + 100), true],
];

for (const [what, intruder, fromKernel] of IGNORED) {
  for (const before of ["dump", "lookup"] as const) {
    Deno.test(`a read ignores what ${what}, before the answer to a ${before}`, async () => {
      const kernel = new FakeLinux();
      await using source = kernel.source();
      intrudeOnce(kernel, before, intruder, fromKernel);
      const { defaultRoute, interfaces } = await source.read(signal);
      assertEquals([defaultRoute, interfaces], [{ ipv4: null, ipv6: null }, []]);
      assertEquals([kernel.open.size, kernel.unread], [1, 0]); // kept for the next read
    });
  }
}

/** The read fails; its socket may hold answers still, so the next read opens another. */
async function assertReplaced(kernel: FakeLinux, source: LinuxSource): Promise<void> {
  assertEquals(kernel.open.size, 0);
  await source.read(signal);
  assertEquals(kernel.open.size, 1);
}

Deno.test("a read whose answer was cut fails, and its socket is not used again", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  intrudeOnce(kernel, "dump", () => null);
  await assertRejects(() => source.read(signal), DecodeError);
  await assertReplaced(kernel, source);
});

Deno.test("a read that the kernel refuses fails with its error, and its socket is not used again", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  intrudeOnce(kernel, "dump", (sequence) => errorMessage(EPERM, sequence));
  const { code, codeName } = await assertRejects(() => source.read(signal), SystemCallError);
  assertEquals([code, codeName], [EPERM, "EPERM"]);
  await assertReplaced(kernel, source);
});

Deno.test("a dump that fails half-way is no read", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  intrudeOnce(kernel, "dump", (sequence) => {
    const error = errorMessage(EPERM, sequence).subarray(C.NLMSGHDR_SIZE, C.NLMSGHDR_SIZE + 4);
    return encodeMessage(C.NLMSG_DONE, C.NLM_F_MULTI, error, sequence);
  });
  assertEquals((await assertRejects(() => source.read(signal), SystemCallError)).code, EPERM);
  await assertReplaced(kernel, source);
});

Deno.test("a read that the kernel does not answer fails", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  kernel.send = () => {};
  await assertRejects(() => source.read(signal), SystemCallError, "RTM_GETLINK dump");
});

Deno.test("a route whose answer is too long is a default route without a hop, any other error is no route", () => {
  const kernel = new FakeLinux();
  const socket = new RequestSocket(kernel.syscalls);
  const query = encodeRouteQuery([23, 0, 0, 1], C.RTM_F_FIB_MATCH);
  const found = [101, C.EMSGSIZE].map((errno) => { // ENETUNREACH
    kernel.send = (_, request) => kernel.intrude(errorMessage(errno, u32(request, 8)), true);
    const [route] = socket.askRoutes([query]);
    return route && [route.family, route.type, route.destinationLength, route.outInterface];
  });
  assertEquals(found, [null, [C.AF_INET, C.RTN_UNICAST, 0, null]]);
});

Deno.test("each request has a number of its own, which no late answer to another one has", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  const numbers: number[] = [];
  kernel.onAnswer = (_, sequence) => void numbers.push(sequence);
  for (let i = 0; i < 2; i++) await source.read(signal);
  assertEquals(numbers, [...new Set(numbers)]);
});

Deno.test("reads one after another share a socket, reads at the same time do not", async () => {
  const kernel = new FakeLinux();
  await using source = kernel.source();
  for (let i = 0; i < 3; i++) await source.read(signal);
  assertEquals(kernel.open.size, 1);
  const [first] = kernel.open;
  await Promise.all([source.read(signal), source.read(signal)]);
  assertEquals([...kernel.open], [first]); // one is kept
});

Deno.test("a reading says whether it knows the routes: else the machine is not offline", () => {
  for (const isKnown of [true, false]) {
    const reading = readingOf(new LinkTable(), { ...NO_DEFAULTS, isKnown });
    assertEquals(reading.knows, { links: true, addressFlags: true, routes: isKnown });
    const interfaces = [nic("eth0", { addresses: ["192.0.2.7/24"] })];
    const { online } = buildState({ ...reading, interfaces }, null);
    assertEquals(online, isKnown ? false : "unknown");
  }
});
