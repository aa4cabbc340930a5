// The system calls that netwatch makes on Linux, as typed functions. errno is read right after a
// synchronous call and serves messages only: the garbage collector may have run in between.
import { SystemCallError } from "../../state/errors.ts";
import { errnoName } from "../errno.ts";
import * as C from "./constants.ts";
import type { LibcFunctions } from "./libc.ts";

/** The netlink port of the kernel. */
const KERNEL_PORT = 0;

/** `struct mmsghdr` in 32-bit words, sys/socket.h: a msghdr of 56 bytes, then msg_len. */
const MMSGHDR_WORDS = 16;
const MSG_NAMELEN = 2;
const MSG_FLAGS = 12;
const MSG_LEN = 14;

/** The most datagrams that one call receives. */
export const RECEIVE_BATCH = 32;
/** The kernel fills at most 32 KiB of a dump into one datagram, and no event is longer (af_netlink.c). */
const SLOT_BYTES = 32_768;

/** Where datagrams arrive; `iovecs` is here because `headers` points to it. */
interface Inbox {
  readonly slots: Uint8Array<ArrayBuffer>;
  readonly senders: Uint32Array<ArrayBuffer>;
  readonly iovecs: BigUint64Array<ArrayBuffer>;
  readonly headers: Uint32Array<ArrayBuffer>;
}

/** Shared by all sockets: what one `receive()` brought is decoded before the next. */
let inbox: Inbox | null = null;

/** The system calls of Linux. */
export class Syscalls {
  readonly #libc: LibcFunctions;
  readonly #inbox: Inbox;
  readonly #length = new Uint32Array(1);
  readonly #int = new Int32Array(1);
  readonly #memory = new Uint8Array(C.SK_MEMINFO_VARS * 4);
  readonly #timespec = new BigInt64Array(2);

  /** The functions must stay loaded as long as this is used. */
  constructor(libc: LibcFunctions) {
    this.#libc = libc;
    this.#inbox = inbox ??= makeInbox((buffer) => this.addressOf(new Uint8Array(buffer)));
  }

  /** The error of the call just made, for messages. */
  error(operation: string): SystemCallError {
    const code = this.errno();
    return new SystemCallError(operation, code, errnoName("linux", code));
  }

  /** errno of the call just made; 0 if it cannot be read. */
  errno(): number {
    const location = this.#libc.__errno_location?.();
    if (location === undefined) return 0;
    this.#libc.copy_from(this.#int, new BigUint64Array(location.buffer)[0]!, 4n);
    return this.#int[0]!;
  }

  /** Opens a `NETLINK_ROUTE` socket and joins the multicast groups of this mask. Throws SystemCallError. */
  openNetlink(groups: number): number {
    const socket = this.#libc.socket(C.AF_NETLINK, C.SOCK_RAW | C.SOCK_CLOEXEC, C.NETLINK_ROUTE);
    if (socket < 0) throw this.error("socket(AF_NETLINK)");
    if (groups === 0) return socket; // the first send() binds it
    const address = new Uint8Array(C.SOCKADDR_NL_SIZE);
    const view = new DataView(address.buffer);
    view.setUint16(0, C.AF_NETLINK, true);
    view.setUint32(8, groups, true);
    if (this.#libc.bind(socket, address, C.SOCKADDR_NL_SIZE) < 0) {
      const error = this.error("bind(AF_NETLINK)");
      this.close(socket);
      throw error;
    }
    return socket;
  }

  /** Sets a 4-byte option; false if it is refused. */
  setOption(descriptor: number, level: number, option: number, value: number): boolean {
    const bytes = new Uint8Array(Int32Array.of(value).buffer);
    return this.setOptionBytes(descriptor, level, option, bytes);
  }

  /** Sets an option; false if it is refused. */
  setOptionBytes(
    descriptor: number,
    level: number,
    option: number,
    value: Uint8Array<ArrayBuffer>,
  ): boolean {
    return this.#libc.setsockopt(descriptor, level, option, value, value.length) === 0;
  }

  /** Reads an option into the buffer. Returns the length that the kernel reports, or null if it refuses. */
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

  /** Reads and clears the pending error of a socket; 0 if there is none. */
  takeError(descriptor: number): number {
    const value = new Uint8Array(4);
    const length = this.getOption(descriptor, C.SOL_SOCKET, C.SO_ERROR, value);
    return length === null ? 0 : new DataView(value.buffer).getInt32(0, true);
  }

  /**
   * How many messages the kernel has dropped because the receive buffer of this socket was full
   * (`netlink_overrun()` counts them); null before Linux 4.12.
   */
  drops(descriptor: number): number | null {
    const length = this.getOption(descriptor, C.SOL_SOCKET, C.SO_MEMINFO, this.#memory);
    if (length !== this.#memory.length) return null;
    return new DataView(this.#memory.buffer).getUint32(C.SK_MEMINFO_DROPS * 4, true);
  }

  /** Sends to the peer of the socket: the kernel. Throws SystemCallError if it is not sent whole. */
  send(descriptor: number, bytes: Uint8Array<ArrayBuffer>): void {
    const sent = this.#libc.send(descriptor, bytes, BigInt(bytes.length), C.MSG_DONTWAIT);
    if (sent !== bytes.length) throw this.error("send");
  }

  /** Receives at most `most` datagrams without blocking. Returns their number; `datagram()` has them until the next call. */
  receive(descriptor: number, most: number = RECEIVE_BATCH): number {
    const { headers } = this.#inbox;
    for (let i = 0; i < most; i++) headers[i * MMSGHDR_WORDS + MSG_NAMELEN] = C.SOCKADDR_NL_SIZE;
    const received = this.#libc.recvmmsg(descriptor, headers, most, C.MSG_DONTWAIT, null);
    return Math.max(received, 0);
  }

  /** The bytes of a datagram of the last `receive()`; null if it was longer than any message can be. */
  datagram(i: number): Uint8Array | null {
    const header = i * MMSGHDR_WORDS;
    const { headers, slots } = this.#inbox;
    if (headers[header + MSG_FLAGS]! & C.MSG_TRUNC) return null;
    const start = i * SLOT_BYTES;
    return slots.subarray(start, start + headers[header + MSG_LEN]!);
  }

  /** Whether the kernel sent a datagram of the last `receive()`: any process may write to a netlink port. */
  isFromKernel(i: number): boolean {
    const { headers, senders } = this.#inbox;
    return headers[i * MMSGHDR_WORDS + MSG_NAMELEN] === C.SOCKADDR_NL_SIZE &&
      senders[i * C.SOCKADDR_NL_SIZE / 4 + 1] === KERNEL_PORT;
  }

  /** `poll(2)` on a thread of the pool. */
  poll(descriptors: Uint8Array<ArrayBuffer>, count: number, timeoutMs: number): Promise<number> {
    return this.#libc.poll_blocking(descriptors, BigInt(count), timeoutMs);
  }

  /** `timerfd_create(2)`. Throws SystemCallError. */
  timerDescriptor(clock: number, flags: number): number {
    const descriptor = this.#libc.timerfd_create(clock, flags);
    if (descriptor < 0) throw this.error("timerfd_create");
    return descriptor;
  }

  /** `timerfd_settime(2)`, in seconds of the clock; false if it fails. */
  armTimer(descriptor: number, flags: number, seconds: bigint): boolean {
    const itimerspec = BigInt64Array.of(0n, 0n, seconds, 0n);
    return this.#libc.timerfd_settime(descriptor, flags, itimerspec, null) === 0;
  }

  /** `read(2)`: the number of bytes, negative on failure. */
  read(descriptor: number, into: Uint8Array<ArrayBuffer>): number {
    return this.#libc.read(descriptor, into, BigInt(into.length));
  }

  /** `close(2)`. Never call it on a descriptor that a poll may be watching. */
  close(descriptor: number): void {
    this.#libc.close(descriptor);
  }

  /** A clock, in milliseconds with fractions; null if it does not exist. */
  clock(id: number): number | null {
    if (this.#libc.clock_gettime(id, this.#timespec) !== 0) return null;
    return Number(this.#timespec[0]!) * 1000 + Number(this.#timespec[1]!) / 1e6;
  }

  /** The address of a buffer, which must stay referenced as long as the address is used. */
  addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
    return this.#libc.address_of(bytes, bytes, 0n);
  }
}

/** struct msghdr { void *name; u32 namelen; iovec *iov; usize iovlen; ... }; the rest stays 0. */
function makeInbox(addressOf: (buffer: ArrayBuffer) => bigint): Inbox {
  const slots = new Uint8Array(RECEIVE_BATCH * SLOT_BYTES);
  const senders = new Uint32Array(RECEIVE_BATCH * C.SOCKADDR_NL_SIZE / 4);
  const iovecs = new BigUint64Array(RECEIVE_BATCH * 2); // struct iovec { void *base; usize len; }
  const headers = new Uint32Array(RECEIVE_BATCH * MMSGHDR_WORDS);
  const pointers = new BigUint64Array(headers.buffer);
  const [slot, sender, iovec] = [slots, senders, iovecs].map(({ buffer }) => addressOf(buffer));
  for (let i = 0; i < RECEIVE_BATCH; i++) {
    iovecs[i * 2] = slot! + BigInt(i * SLOT_BYTES);
    iovecs[i * 2 + 1] = BigInt(SLOT_BYTES);
    const header = i * MMSGHDR_WORDS / 2;
    pointers[header] = sender! + BigInt(i * C.SOCKADDR_NL_SIZE);
    pointers[header + 2] = iovec! + BigInt(i * 16);
    pointers[header + 3] = 1n;
  }
  return { slots, senders, iovecs, headers };
}
