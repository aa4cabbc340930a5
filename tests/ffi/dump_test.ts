/**
 * A read leaves the event loop its turns, over a kernel that takes its time.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as C from "../../ffi/linux/constants.ts";
import { type Dump, readDump, RequestSocket } from "../../ffi/linux/requests.ts";
import type { Syscalls } from "../../ffi/linux/syscalls.ts";
import { countTurns, SimulatedTime } from "../support/simulated_time.ts";

const HEADER_BYTES = 16;

/** A kernel without links and routes. */
class EmptyKernel {
  /** Whether a change interrupts every dump. */
  isBusy = false;
  dumps = 0;
  /** Called with each answer that is received. */
  onReceive = (_isDump: boolean): void => {};
  #answers: { isDump: boolean; sequence: number }[] = [];

  openNetlink = () => 3;
  setOption = () => true;
  isFromKernel = () => true;
  close() {}

  send(_socket: number, requests: Uint8Array): void {
    const view = new DataView(requests.buffer, requests.byteOffset, requests.length);
    for (let at = 0; at < requests.length; at += view.getUint32(at, true)) {
      const isDump = (view.getUint16(at + 6, true) & C.NLM_F_DUMP) === C.NLM_F_DUMP;
      this.#answers.push({ isDump, sequence: view.getUint32(at + 8, true) });
      if (isDump) this.dumps++;
    }
  }

  receive(): number {
    this.onReceive(this.#answers[0]!.isDump);
    return 1;
  }

  datagram(): Uint8Array {
    const { isDump, sequence } = this.#answers.shift()!;
    return answer(isDump, sequence, this.isBusy);
  }

  read(signal = new AbortController().signal): Promise<Dump> {
    return readDump(new RequestSocket(this as unknown as Syscalls), signal);
  }
}

/** The end of a dump, or ENETUNREACH for a route. */
function answer(isDump: boolean, sequence: number, isInterrupted: boolean): Uint8Array {
  const message = new DataView(new ArrayBuffer(HEADER_BYTES + 20));
  message.setUint32(0, message.byteLength, true);
  message.setUint16(4, isDump ? C.NLMSG_DONE : C.NLMSG_ERROR, true);
  const flags = isInterrupted ? C.NLM_F_MULTI | C.NLM_F_DUMP_INTR : C.NLM_F_MULTI;
  message.setUint16(6, isDump ? flags : 0, true);
  message.setUint32(8, sequence, true);
  message.setInt32(HEADER_BYTES, isDump ? 0 : -101, true);
  return new Uint8Array(message.buffer);
}

Deno.test("interrupted dumps, each shorter than a slice, leave the event loop its turns", async () => {
  using time = new SimulatedTime();
  const kernel = new EmptyKernel();
  kernel.isBusy = true;
  kernel.onReceive = () => time.ms += 12;
  const turns = countTurns();
  const { defaultRoute } = await kernel.read();
  assertEquals(defaultRoute, { ipv4: null, ipv6: null });
  assertEquals(kernel.dumps, 8);
  assert(turns() >= 2);
});

/** How often a dump pauses whose lookup of the default routes alone takes so many milliseconds. */
async function pausesAfterLookup(ms: number): Promise<number> {
  using time = new SimulatedTime();
  const kernel = new EmptyKernel();
  let leftMs = ms;
  kernel.onReceive = (isDump) => {
    if (isDump) return;
    time.ms += leftMs;
    leftMs = 0;
  };
  const turns = countTurns();
  await kernel.read();
  return turns();
}

Deno.test("what follows a dump that took long has a turn of its own", async () => {
  assertEquals(await pausesAfterLookup(15), 0);
  assertEquals(await pausesAfterLookup(16), 1);
});

Deno.test("a dump that took long is not returned if its signal aborts in the last pause", async () => {
  using time = new SimulatedTime();
  const kernel = new EmptyKernel();
  const controller = new AbortController();
  const reason = new Error("Enough");
  kernel.onReceive = (isDump) => {
    if (isDump) return;
    time.ms += 16;
    setImmediate(() => controller.abort(reason));
  };
  assertEquals(await assertRejects(() => kernel.read(controller.signal)), reason);
});
