/**
 * How long the subscription of Linux lets the poll pause in a storm, over a kernel that the test plays.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as C from "../../ffi/linux/constants.ts";
import { LinuxRuntime, LinuxSource } from "../../ffi/linux/source.ts";
import type { Syscalls } from "../../ffi/linux/syscalls.ts";
import { POLLIN } from "../../ffi/poll_loop.ts";
import { FakePollPort } from "../support/fake_poll.ts";
import { InstantTimeouts, SimulatedTime } from "../support/simulated_time.ts";

const EVENT_SOCKET = 5;
const BUFFER_BYTES = 1_048_576;

/** A kernel whose every wake-up is for one message that says nothing. */
class StormyKernel {
  readonly port = new FakePollPort();
  readonly #grants: boolean;
  /** The sizes of a receive buffer that were asked for, by option. */
  readonly asked: [option: number, bytes: number][] = [];

  /** `grants`: it gives a receive buffer above its limit. */
  constructor(grants: boolean) {
    this.#grants = grants;
  }

  setOption = (_socket: number, _level: number, option: number, value: unknown): boolean => {
    if (typeof value === "number") this.asked.push([option, value]);
    return this.#grants || option !== C.SO_RCVBUFFORCE;
  };

  openNetlink = () => EVENT_SOCKET;
  getOption = (_socket: number, _level: number, _option: number, into: Uint8Array) => into.length;
  drops = () => 0;
  receive = () => 1;
  isFromKernel = () => true;
  datagram = () => new Uint8Array(); // no message
  addressOf = () => 0n;
  clock = () => 1_000;
  timerDescriptor = () => this.port.wakeDescriptor;
  read = () => 8;
  close() {}

  armTimer = (_descriptor: number, seconds: bigint): boolean => {
    if (seconds === 1n) this.port.wake(); // a time in the past
    return true;
  };

  poll = (descriptors: Uint8Array<ArrayBuffer>, count: number, timeoutMs: number) =>
    this.port.poll(descriptors, count, timeoutMs);
}

/** The pauses between the first seven polls in a storm. */
async function pausesOf(kernel: StormyKernel, stormPauseMs?: number): Promise<number[]> {
  const runtime = new LinuxRuntime(kernel as unknown as Syscalls, () => {});
  const options = stormPauseMs === undefined ? {} : { stormPauseMs };
  const source = new LinuxSource(runtime, options, () => runtime.dispose());
  const subscription = await source.subscribe(new AbortController().signal);
  const events = Array.fromAsync(subscription);
  using timeouts = new InstantTimeouts();
  using _ = new SimulatedTime(); // all wake-ups come at once
  for (let poll = 1; poll <= 6; poll++) {
    (await kernel.port.begun(poll)).ready({ [EVENT_SOCKET]: POLLIN });
  }
  await kernel.port.begun(7);
  const pauses = [...timeouts.asked];
  await source[Symbol.asyncDispose]();
  assertEquals(await events, []);
  return pauses;
}

Deno.test("LinuxSubscription pauses 12 ms in a storm where the kernel grants its receive buffer", async () => {
  const kernel = new StormyKernel(true);
  assertEquals(await pausesOf(kernel), [12, 12, 12]);
  assertEquals(kernel.asked, [[C.SO_RCVBUFFORCE, BUFFER_BYTES]]);
});

Deno.test("LinuxSubscription pauses 8 ms in a storm where a smaller receive buffer has to do", async () => {
  const kernel = new StormyKernel(false);
  assertEquals(await pausesOf(kernel), [8, 8, 8]);
  assertEquals(kernel.asked, [[C.SO_RCVBUFFORCE, BUFFER_BYTES], [C.SO_RCVBUF, BUFFER_BYTES]]);
});

Deno.test("LinuxSubscription pauses for the option stormPauseMs, unless the receive buffer is too small", async () => {
  assertEquals(await pausesOf(new StormyKernel(true), 10), [10, 10, 10]);
  assertEquals(await pausesOf(new StormyKernel(false), 10), [8, 8, 8]);
  assertEquals(await pausesOf(new StormyKernel(false), 3), [3, 3, 3]);
  assertEquals(await pausesOf(new StormyKernel(true), 0), []);
});
