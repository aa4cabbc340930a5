/**
 * The system calls of Linux on a simulated kernel: it has no links and routes, and sends the events that a test
 * queues.
 *
 * @module
 */
import { C } from "../../ffi/linux/constants.ts";
import { encodeMessage, setU32, u16, u32 } from "../../ffi/linux/netlink.ts";
import { LinuxRuntime, LinuxSource } from "../../ffi/linux/source.ts";
import type { ReceiveBuffer, Syscalls } from "../../ffi/linux/syscalls.ts";
import type { EventSourceOptions } from "../../ffi/open.ts";
import { SystemCallError } from "../../state/errors.ts";
import { FakePollPort } from "./fake_poll.ts";

/** The descriptor of the event socket. */
export const EVENT_SOCKET = 5;

interface Datagram {
  bytes: Uint8Array | null; // null: longer than any message can be
  fromKernel: boolean;
}

/** The kernel: what `Syscalls` calls. */
export class FakeLinux implements Pick<Syscalls, keyof Syscalls> {
  /** The polls. */
  readonly port = new FakePollPort();
  /** Whether it grants a receive buffer above the limit. */
  grantsBuffer = true;
  /** How many messages for the event socket it has dropped. */
  dropped = 0;
  /** Whether a change interrupts every dump. */
  interruptsDumps = false;
  /** The records of the next dump, as messages. */
  records = (): Uint8Array[] => [];
  /** The dumps that were asked for, and all other requests: lookups of routes, canaries. */
  readonly asked = { dumps: 0, lookups: 0 };
  /** The numbers that options of sockets were set to. */
  readonly options: [option: number, value: number][] = [];
  /** The open netlink sockets. */
  readonly open = new Set<number>();
  /** Called before each answer to a request, with the sequence number of the request. */
  onAnswer = (_isDump: boolean, _sequence: number): void => {};
  /** Called before each receive from the event socket. */
  onReceive = (): void => {};
  readonly #queues = new Map<number, Datagram[]>([[EVENT_SOCKET, []]]); // by descriptor
  #received: Datagram[] = [];
  readonly buffer = {
    datagram: (i: number) => this.#received[i]!.bytes,
    isFromKernel: (i: number) => this.#received[i]!.fromKernel,
  } as ReceiveBuffer;

  /** These system calls. */
  get syscalls(): Syscalls {
    return this as unknown as Syscalls;
  }

  /** The source over these system calls. */
  source(options: EventSourceOptions = {}): LinuxSource {
    const runtime = new LinuxRuntime(this.syscalls, () => {});
    return new LinuxSource(runtime, options, () => runtime.dispose());
  }

  /** How many datagrams nobody has received. */
  get unread(): number {
    return [...this.#queues.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Queues a datagram on the event socket. */
  queue(bytes: Uint8Array): void {
    this.#queues.get(EVENT_SOCKET)!.push({ bytes, fromKernel: true });
  }

  /** Puts a datagram before the answers on the socket for requests that was opened last. */
  intrude(bytes: Uint8Array | null, fromKernel: boolean): void {
    [...this.#queues.values()].at(-1)!.unshift({ bytes, fromKernel });
  }

  openNetlink(groups: number): number {
    const descriptor = groups === 0 ? EVENT_SOCKET + this.#queues.size : EVENT_SOCKET;
    this.#queues.set(descriptor, []);
    this.open.add(descriptor);
    return descriptor;
  }

  setOption(_socket: number, _level: number, option: number, value: unknown): boolean {
    if (typeof value === "number") this.options.push([option, value]);
    return this.grantsBuffer || option !== C.SO_RCVBUFFORCE;
  }

  send(socket: number, requests: Uint8Array): void {
    for (let at = 0; at < requests.length; at += u32(requests, at)) {
      const isDump = (u16(requests, at + 6) & C.NLM_F_DUMP) === C.NLM_F_DUMP;
      this.asked[isDump ? "dumps" : "lookups"]++;
      const bytes = this.#answer(isDump, u32(requests, at + 8));
      this.#queues.get(socket)!.push({ bytes, fromKernel: true });
    }
  }

  receive(socket: number, most = 32): number {
    const queue = this.#queues.get(socket)!;
    if (socket === EVENT_SOCKET) {
      this.onReceive();
      this.#received = queue.splice(0, most);
    } else {
      const next = queue[0]?.bytes;
      if (next) this.onAnswer(u16(next, 4) === C.NLMSG_DONE, u32(next, 8));
      this.#received = queue.splice(0, 1);
    }
    return this.buffer.received = this.#received.length;
  }

  sendInPool(socket: number, request: Uint8Array): Promise<boolean> {
    this.send(socket, request);
    return Promise.resolve(true);
  }

  receiveInPool(socket: number): Promise<ReceiveBuffer> {
    this.receive(socket);
    return Promise.resolve(this.buffer);
  }

  getOption = (_socket: number, _level: number, _option: number, into: ArrayBufferView) =>
    into.byteLength;
  cookie = () => 0n;
  drops = (): number | null => this.dropped;
  takeError = () => 0;
  error = (operation: string) => new SystemCallError(operation, 0, "0");
  addressOf = () => 0n;
  clock = () => 1_000;
  timerDescriptor = () => this.port.wakeDescriptor;
  close = (descriptor: number) => void this.open.delete(descriptor);

  armTimer(_descriptor: number, seconds: bigint): boolean {
    if (seconds === 1n) this.port.wake(); // a time in the past
    return true;
  }

  poll(descriptors: Int32Array<ArrayBuffer>, count: number, timeoutMs: number): Promise<number> {
    return count === 0 ? Promise.resolve(0) : this.port.poll(descriptors, count, timeoutMs);
  }

  /** The end of a dump, or ENETUNREACH for a route. */
  #answer(isDump: boolean, sequence: number): Uint8Array {
    if (!isDump) return errorMessage(101, sequence);
    const records = this.records().map((record) => record.slice());
    for (const record of records) {
      record[6] = C.NLM_F_MULTI;
      setU32(record, 8, sequence);
    }
    const flags = C.NLM_F_MULTI | (this.interruptsDumps ? C.NLM_F_DUMP_INTR : 0);
    const done = encodeMessage(C.NLMSG_DONE, flags, new Uint8Array(4), sequence);
    return Uint8Array.from([...records, done].flatMap((bytes) => [...bytes]));
  }
}

/** NLMSG_ERROR: an errno, and the header of the request. */
export function errorMessage(errno: number, sequence: number): Uint8Array {
  const body = new Uint8Array(4 + C.NLMSGHDR_SIZE);
  setU32(body, 0, -errno);
  return encodeMessage(C.NLMSG_ERROR, C.NLM_F_CAPPED, body, sequence);
}
