/**
 * A dump that is read again and again leaves the event loop its turns.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as C from "../../ffi/linux/constants.ts";
import { readDump, RequestSocket } from "../../ffi/linux/requests.ts";
import type { Syscalls } from "../../ffi/linux/syscalls.ts";

const HEADER_BYTES = 16;
const REQUEST_MS = 12;

/** A kernel without links, whose every dump is interrupted by a change and takes a while. */
class InterruptedKernel {
  dumps = 0;
  #answers: Uint8Array[] = [];

  openNetlink = () => 3;
  setOption = () => true;
  isFromKernel = () => true;
  close() {}

  send(_socket: number, requests: Uint8Array): void {
    const view = new DataView(requests.buffer, requests.byteOffset, requests.length);
    for (let at = 0; at < requests.length; at += view.getUint32(at, true)) {
      const isDump = (view.getUint16(at + 6, true) & C.NLM_F_DUMP) === C.NLM_F_DUMP;
      this.#answers.push(answer(isDump, view.getUint32(at + 8, true)));
      if (isDump) this.dumps++;
    }
  }

  receive(): number {
    for (const end = performance.now() + REQUEST_MS; performance.now() < end;);
    return 1;
  }

  datagram = () => this.#answers.shift()!;
}

/** The end of a dump, or ENETUNREACH for a route. */
function answer(isDump: boolean, sequence: number): Uint8Array {
  const message = new DataView(new ArrayBuffer(HEADER_BYTES + 20));
  message.setUint32(0, message.byteLength, true);
  message.setUint16(4, isDump ? C.NLMSG_DONE : C.NLMSG_ERROR, true);
  message.setUint16(6, isDump ? C.NLM_F_MULTI | C.NLM_F_DUMP_INTR : 0, true);
  message.setUint32(8, sequence, true);
  message.setInt32(HEADER_BYTES, isDump ? 0 : -101, true);
  return new Uint8Array(message.buffer);
}

Deno.test("interrupted dumps, each shorter than a slice, leave the event loop its turns", async () => {
  const kernel = new InterruptedKernel();
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const { signal } = new AbortController();
  const { defaultRoute } = await readDump(new RequestSocket(kernel as unknown as Syscalls), signal);
  clearInterval(timer);
  assertEquals(defaultRoute, { ipv4: null, ipv6: null });
  assertEquals(kernel.dumps, 8);
  assert(turns >= 2, `${turns} turns in 8 dumps`);
});
