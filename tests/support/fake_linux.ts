/**
 * The system calls of Linux over a kernel that a test plays: without links and routes, and with as many events as
 * it queues.
 *
 * @module
 */
import * as C from "../../ffi/linux/constants.ts";
import { LinuxRuntime, LinuxSource } from "../../ffi/linux/source.ts";
import type { Syscalls } from "../../ffi/linux/syscalls.ts";
import { SystemCallError } from "../../state/errors.ts";
import type { EventSourceOptions } from "../../ffi/open.ts";
import { FakePollPort } from "./fake_poll.ts";

const HEADER_BYTES = 16;

/** The descriptor of the event socket. */
export const EVENT_SOCKET = 5;

/** The kernel: what `Syscalls` calls. */
export class FakeLinux implements Pick<Syscalls, keyof Syscalls> {
  /** The polls. */
  readonly port = new FakePollPort();
  /** Whether it gives a receive buffer above its limit. */
  grantsBuffer = true;
  /** Whether a change interrupts every dump. */
  interruptsDumps = false;
  /** The dumps and lookups of routes that were asked for. */
  readonly asked = { dumps: 0, lookups: 0 };
  /** The numbers that options of sockets were set to. */
  readonly options: [option: number, value: number][] = [];
  /** Called before each answer to a request. */
  onAnswer = (_isDump: boolean): void => {};
  readonly #queues = new Map<number, Uint8Array[]>([[EVENT_SOCKET, []]]); // by descriptor
  #received: Uint8Array[] = [];

  /** These system calls. */
  get syscalls(): Syscalls {
    return this as unknown as Syscalls;
  }

  /** The source over these system calls. */
  source(options: EventSourceOptions = {}): LinuxSource {
    const runtime = new LinuxRuntime(this.syscalls, () => {});
    return new LinuxSource(runtime, options, () => runtime.dispose());
  }

  /** Queues a datagram on the event socket. */
  queue(datagram: Uint8Array): void {
    this.#queues.get(EVENT_SOCKET)!.push(datagram);
  }

  openNetlink(groups: number): number {
    if (groups !== 0) return EVENT_SOCKET;
    const descriptor = EVENT_SOCKET + this.#queues.size;
    this.#queues.set(descriptor, []);
    return descriptor;
  }

  getOption = (_socket: number, _level: number, _option: number, into: ArrayBufferView) =>
    into.byteLength;
  error = (operation: string) => new SystemCallError(operation, 0, "0");
  takeError = () => 0;
  drops = () => 0;
  isFromKernel = () => true;
  addressOf = () => 0n;
  clock = () => 1_000;
  timerDescriptor = () => this.port.wakeDescriptor;
  read = () => 8;
  close() {}

  setOption(_socket: number, _level: number, option: number, value: unknown): boolean {
    if (typeof value === "number") this.options.push([option, value]);
    return this.grantsBuffer || option !== C.SO_RCVBUFFORCE;
  }

  send(socket: number, requests: Uint8Array): void {
    const view = new DataView(requests.buffer, requests.byteOffset, requests.length);
    for (let at = 0; at < requests.length; at += view.getUint32(at, true)) {
      const isDump = (view.getUint16(at + 6, true) & C.NLM_F_DUMP) === C.NLM_F_DUMP;
      this.asked[isDump ? "dumps" : "lookups"]++;
      this.#queues.get(socket)!.push(this.#answer(isDump, view.getUint32(at + 8, true)));
    }
  }

  receive(socket: number, most = 32): number {
    const queue = this.#queues.get(socket)!;
    const isRequest = socket !== EVENT_SOCKET;
    if (isRequest) {
      this.onAnswer(new DataView(queue[0]!.buffer).getUint16(4, true) === C.NLMSG_DONE);
    }
    this.#received = queue.splice(0, isRequest ? 1 : most);
    return this.#received.length;
  }

  datagram = (i: number) => this.#received[i]!;

  armTimer(_descriptor: number, seconds: bigint): boolean {
    if (seconds === 1n) this.port.wake(); // a time in the past
    return true;
  }

  poll(descriptors: Uint8Array<ArrayBuffer>, count: number, timeoutMs: number): Promise<number> {
    return this.port.poll(descriptors, count, timeoutMs);
  }

  /** The end of a dump, or ENETUNREACH for a route. */
  #answer(isDump: boolean, sequence: number): Uint8Array {
    const message = new DataView(new ArrayBuffer(HEADER_BYTES + 20));
    message.setUint32(0, message.byteLength, true);
    message.setUint16(4, isDump ? C.NLMSG_DONE : C.NLMSG_ERROR, true);
    const interrupted = this.interruptsDumps ? C.NLM_F_DUMP_INTR : 0;
    message.setUint16(6, isDump ? C.NLM_F_MULTI | interrupted : 0, true);
    message.setUint32(8, sequence, true);
    message.setInt32(HEADER_BYTES, isDump ? 0 : -101, true);
    return new Uint8Array(message.buffer);
  }
}
