/**
 * The system calls that netwatch makes on Linux, as functions with types. errno is read right after a
 * synchronous call and is a hint only: the garbage collector may have run in between.
 *
 * @module
 */
import { SystemCallError } from "../../state/errors.ts";
import { errnoName } from "../errno.ts";
import { POLLIN } from "../poll_loop.ts";
import {
  AF_NETLINK,
  MSG_DONTWAIT,
  MSG_TRUNC,
  NETLINK_ROUTE,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
} from "./constants.ts";
import type { LibcFunctions } from "./libc.ts";

/** `struct sockaddr_nl { u16 family; u16 pad; u32 pid; u32 groups; }`, linux/netlink.h. */
const SOCKADDR_NL_SIZE = 12;
/** Who sends for the kernel: port 0. */
const KERNEL_PORT = 0;

/**
 * The kernel fills dumps into what the reader offers, up to 32 KiB (net/netlink/af_netlink.c); the longest
 * event, a link with many virtual functions, is shorter.
 */
const BUFFER_BYTES = 65_536;
const BUFFER_SIZE = BigInt(BUFFER_BYTES);

/** One datagram. */
export interface Received {
  /** Its bytes, in a buffer that the next call overwrites; null when it was longer than any can be. */
  datagram: Uint8Array | null;
  /** The netlink port of the sender, read from the socket address; 0 is the kernel. */
  port: number;
}

/** The system calls of Linux. */
export class Syscalls {
  readonly #libc: LibcFunctions;
  readonly #sender = new Uint8Array(SOCKADDR_NL_SIZE);
  readonly #senderView = new DataView(this.#sender.buffer);
  readonly #length = new Uint32Array(1);
  readonly #pollfd = new Uint8Array(8);
  readonly #int = new Int32Array(1);
  readonly #timespec = new BigInt64Array(2);
  /** One for all sockets: each datagram is decoded before the next is taken. */
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #received: Received = { datagram: null, port: KERNEL_PORT };

  /** The functions must stay loaded as long as this is used. */
  constructor(libc: LibcFunctions) {
    this.#libc = libc;
  }

  /** The error of the call just made, for the log. */
  error(operation: string, detail?: string): SystemCallError {
    const code = this.errno();
    const options = detail === undefined ? {} : { detail };
    return new SystemCallError(operation, code, errnoName("linux", code), options);
  }

  /** errno of the call just made; 0 where it cannot be read. */
  errno(): number {
    const location = this.#libc.__errno_location?.() ?? null;
    if (location === null) return 0;
    this.#libc.copy_from(this.#int, location, 4n);
    return this.#int[0]!;
  }

  /** Opens a `NETLINK_ROUTE` socket, bound to the groups of this mask. */
  openNetlink(groups: number): number {
    const socket = this.#libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (socket < 0) throw this.error("socket(AF_NETLINK)");
    const address = new Uint8Array(SOCKADDR_NL_SIZE);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_NETLINK, true);
    view.setUint32(8, groups, true);
    if (this.#libc.bind(socket, address, SOCKADDR_NL_SIZE) < 0) {
      const error = this.error("bind(AF_NETLINK)");
      this.close(socket);
      throw error;
    }
    return socket;
  }

  /** Sets an option of 4 bytes; false when it is refused. */
  setOption(descriptor: number, level: number, option: number, value: number): boolean {
    return this.setOptionBytes(
      descriptor,
      level,
      option,
      new Uint8Array(Int32Array.of(value).buffer),
    );
  }

  /** Sets an option; false when it is refused. */
  setOptionBytes(
    descriptor: number,
    level: number,
    option: number,
    value: Uint8Array<ArrayBuffer>,
  ): boolean {
    return this.#libc.setsockopt(descriptor, level, option, value, value.length) === 0;
  }

  /** Reads an option into the buffer; the length that the kernel has to say, null when it is refused. */
  getOption(
    descriptor: number,
    level: number,
    option: number,
    into: Uint8Array<ArrayBuffer>,
  ): number | null {
    this.#length[0] = into.length;
    const result = this.#libc.getsockopt(descriptor, level, option, into, this.#length);
    return result === 0 ? this.#length[0]! : null;
  }

  /** Takes the pending error of a socket and clears it: 0 when there is none. */
  takeError(descriptor: number): number {
    const value = new Uint8Array(4);
    const length = this.getOption(descriptor, SOL_SOCKET, SO_ERROR, value);
    return length === null ? 0 : new DataView(value.buffer).getInt32(0, true);
  }

  /** Sends to the peer of the socket, which for netlink is the kernel; throws when it is not taken whole. */
  send(descriptor: number, bytes: Uint8Array<ArrayBuffer>): void {
    const sent = this.#libc.send(descriptor, bytes, BigInt(bytes.length), MSG_DONTWAIT);
    if (sent !== bytes.length) throw this.error("send");
  }

  /** Takes one datagram without waiting; null when there is none. What is returned holds until the next call. */
  receive(descriptor: number): Received | null {
    this.#length[0] = SOCKADDR_NL_SIZE;
    // MSG_TRUNC makes the kernel answer the whole length of a datagram that did not fit.
    const length = this.#libc.recvfrom(
      descriptor,
      this.#buffer,
      BUFFER_SIZE,
      MSG_DONTWAIT | MSG_TRUNC,
      this.#sender,
      this.#length,
    );
    if (length < 0) return null;
    const received = this.#received;
    received.datagram = length > BUFFER_BYTES ? null : this.#buffer.subarray(0, length);
    received.port = this.#length[0] === SOCKADDR_NL_SIZE
      ? this.#senderView.getUint32(4, true)
      : KERNEL_PORT;
    return received;
  }

  /** `revents` of one descriptor at this moment. */
  pollNow(descriptor: number): number {
    const view = new DataView(this.#pollfd.buffer);
    view.setInt32(0, descriptor, true);
    view.setInt16(4, POLLIN, true);
    view.setInt16(6, 0, true);
    const count = this.#libc.poll_now(this.#pollfd, 1n, 0);
    return count > 0 ? view.getInt16(6, true) : 0;
  }

  /** `poll(2)` in a thread of the pool. */
  poll(descriptors: Uint8Array<ArrayBuffer>, count: number, timeoutMs: number): Promise<number> {
    return this.#libc.poll_blocking(descriptors, BigInt(count), timeoutMs);
  }

  /** An `eventfd(2)`, with which a poll can be woken. */
  eventDescriptor(flags: number): number {
    const descriptor = this.#libc.eventfd(0, flags);
    if (descriptor < 0) throw this.error("eventfd");
    return descriptor;
  }

  /** `timerfd_create(2)`; negative when the kernel has none. */
  timerDescriptor(clock: number, flags: number): number {
    return this.#libc.timerfd_create(clock, flags);
  }

  /** Arms a timer at an absolute time, in seconds of its clock. */
  armTimer(descriptor: number, flags: number, atSeconds: bigint): boolean {
    const itimerspec = BigInt64Array.of(0n, 0n, atSeconds, 0n);
    return this.#libc.timerfd_settime(descriptor, flags, itimerspec, null) === 0;
  }

  /** `read(2)`: the number of bytes, negative on failure. */
  read(descriptor: number, into: Uint8Array<ArrayBuffer>): number {
    return this.#libc.read(descriptor, into, BigInt(into.length));
  }

  /** `write(2)`: the number of bytes, negative on failure. */
  write(descriptor: number, bytes: Uint8Array<ArrayBuffer>): number {
    return this.#libc.write(descriptor, bytes, BigInt(bytes.length));
  }

  /** `close(2)`. Never on a descriptor that a poll may be watching. */
  close(descriptor: number): void {
    this.#libc.close(descriptor);
  }

  /** A clock, in milliseconds with fractions; null when it does not exist. */
  clock(id: number): number | null {
    if (this.#libc.clock_gettime(id, this.#timespec) !== 0) return null;
    return Number(this.#timespec[0]!) * 1000 + Number(this.#timespec[1]!) / 1e6;
  }

  /** Where a buffer lies. It must stay referenced as long as the address is used. */
  addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
    return BigInt(this.#libc.address_of(bytes, bytes, 0n));
  }
}
