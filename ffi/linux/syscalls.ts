// The system calls that netwatch makes on Linux, and where distributions keep the C library. errno is read right
// after a synchronous call and is used only in messages: the garbage collector may have run in between.
import { SystemCallError } from "../../state/errors.ts";
import { errnoName } from "../errno.ts";
import type { LibraryRequest } from "../library.ts";
import type { PollSet } from "../poll_loop.ts";
import { C } from "./constants.ts";

/**
 * Deno compiles a trampoline for each function (0.2 ms apiece) unless it takes a struct. A struct of one
 * integer is passed like that integer (System V ABI for x86-64, 3.2.3; AAPCS64, 6.8.2).
 */
const I32 = { struct: ["i32"] } as const;
const USIZE = { struct: ["usize"] } as const;
/** Blocks a thread of Deno's pool instead of the event loop. */
const BLOCKING = { result: "i32", nonblocking: true } as const;

/**
 * The functions that netwatch calls. None is variadic: some ABIs pass variadic arguments differently.
 * `usize` stands for `size_t`. `ssize_t` results are read as `i32` because no buffer is larger and Deno
 * returns every longer integer as a bigint.
 */
export const LIBC_SYMBOLS = {
  socket: { parameters: [I32, "i32", "i32"], result: "i32" }, // domain, type, protocol
  bind: { parameters: [I32, "buffer", "u32"], result: "i32" }, // fd, sockaddr, socklen_t
  setsockopt: { parameters: [I32, "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: [I32, "i32", "i32", "buffer", "buffer"], result: "i32" },
  send: { parameters: [I32, "buffer", "usize", "i32"], result: "i32" },
  /** fd, mmsghdr*, how many, flags, timespec* */
  recvmmsg: { parameters: [I32, "buffer", "u32", "i32", "buffer"], result: "i32" },
  close: { parameters: [I32], result: "i32" },
  timerfd_create: { parameters: [I32, "i32"], result: "i32" }, // clock, flags
  timerfd_settime: { parameters: [I32, "i32", "buffer", "buffer"], result: "i32" },
  clock_gettime: { parameters: [I32, "buffer"], result: "i32" }, // clock, timespec*
  poll_blocking: { ...BLOCKING, name: "poll", parameters: ["buffer", "usize", "i32"] }, // pollfd*, nfds_t, ms
  send_blocking: { ...BLOCKING, name: "send", parameters: ["i32", "buffer", "usize", "i32"] },
  recvmmsg_blocking: {
    ...BLOCKING,
    name: "recvmmsg",
    parameters: ["i32", "buffer", "u32", "i32", "buffer"],
  },
  /**
   * `memcpy(buffer, buffer, 0)` returns the address of a buffer. Deno refuses its own pointer classes
   * when the FFI permission covers a single library (denoland/deno#15511).
   */
  address_of: { name: "memcpy", parameters: ["buffer", "buffer", USIZE], result: "usize" },
  /** Copies from an address into a buffer, for the same reason. */
  copy_from: { name: "memcpy", parameters: ["buffer", USIZE, "usize"], result: "usize" },
  /** Both glibc and musl export it. Returns an address. */
  __errno_location: { parameters: [], result: USIZE, optional: true },
} as const satisfies Deno.ForeignLibraryInterface;

export type LibcFunctions = Deno.DynamicLibrary<typeof LIBC_SYMBOLS>["symbols"];

/**
 * Deno can call only the C library that it is linked to. musl brings its own thread state, so its
 * functions crash a glibc process. musl does not export `gnu_get_libc_version`, so `Deno.dlopen` fails
 * before anything is called, even if the file name does not say musl.
 */
const GLIBC_SYMBOLS = {
  ...LIBC_SYMBOLS,
  gnu_get_libc_version: { parameters: [], result: USIZE },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * How to open the C library that this build of Deno is linked to: at the path of the option `libc`, if given.
 * Throws TypeError if that path names musl and Deno is built for glibc.
 */
export function libcRequest(
  path: string | undefined,
  { arch, target }: Pick<typeof Deno.build, "arch" | "target"> = Deno.build,
): LibraryRequest<typeof LIBC_SYMBOLS> {
  const request = { what: "the C library", symbols: LIBC_SYMBOLS, path };
  if (target.endsWith("-musl")) {
    return {
      ...request,
      sonames: [`libc.musl-${arch}.so.1`, "libc.so"],
      candidates: [
        `/lib/ld-musl-${arch}.so.1`, // Alpine
        `/lib/libc.musl-${arch}.so.1`,
        "/usr/lib/libc.so", // Void
      ],
    };
  }
  if (target.endsWith("-android")) {
    return { ...request, sonames: ["libc.so"], candidates: ["/system/lib64/libc.so"] };
  }
  const candidates = [
    `/lib/${arch}-linux-gnu/libc.so.6`, // Debian, Ubuntu
    `/usr/lib/${arch}-linux-gnu/libc.so.6`,
    "/lib64/libc.so.6", // Fedora, RHEL, SUSE
    "/usr/lib64/libc.so.6",
    "/usr/lib/libc.so.6", // Arch
    "/lib/libc.so.6",
    "/usr/local/lib/libc.so.6", // the image denoland/deno:alpine
    "/usr/glibc-compat/lib/libc.so.6", // the package alpine-pkg-glibc
  ];
  // musl never has glibc's soname, so `/home/musl/libc.so.6` can only be glibc.
  if (path !== undefined && /musl/i.test(path) && !path.endsWith("/libc.so.6")) {
    throw new TypeError(
      `The option libc names musl ('${path}'), but this Deno is built for glibc and would crash:` +
        ` give the path of glibc, such as ${candidates[0]}, or leave the option out`,
    );
  }
  return { ...request, symbols: GLIBC_SYMBOLS, sonames: ["libc.so.6"], candidates };
}

/** `struct mmsghdr` in 32-bit words, sys/socket.h: a msghdr of 56 bytes, then msg_len. */
const MMSGHDR_WORDS = 16;
const MSG_NAMELEN = 2;
const MSG_FLAGS = 12;
const MSG_LEN = 14;

export const RECEIVE_BATCH = 32;
const DUMP_BATCH = 8; // in the pool: 256 KiB, over a hundred links
/** The kernel puts at most 32 KiB of a dump into one datagram, and no event is longer (af_netlink.c). */
const SLOT_BYTES = 32_768;

/** The memory that `recvmmsg(2)` fills with a batch of datagrams and their senders. */
export class ReceiveBuffer {
  readonly #slots: Uint8Array<ArrayBuffer>;
  readonly #senders: Uint32Array<ArrayBuffer>;
  readonly #iovecs: BigUint64Array<ArrayBuffer>; // struct iovec { void *base; usize len; }
  readonly #headers: Uint32Array<ArrayBuffer>;
  received: number; // how many datagrams, in headers that the kernel has changed

  constructor({ addressOf }: Pick<Syscalls, "addressOf">, batch: number) {
    this.#slots = new Uint8Array(batch * SLOT_BYTES);
    this.#senders = new Uint32Array(batch * C.SOCKADDR_NL_SIZE / 4);
    this.#iovecs = new BigUint64Array(batch * 2);
    this.#headers = new Uint32Array(batch * MMSGHDR_WORDS);
    this.received = batch;
    // struct msghdr { void *name; u32 namelen; iovec *iov; usize iovlen; ... }; the rest stays 0
    const pointers = new BigUint64Array(this.#headers.buffer);
    const slot = addressOf(this.#slots);
    const sender = addressOf(new Uint8Array(this.#senders.buffer));
    const iovec = addressOf(new Uint8Array(this.#iovecs.buffer));
    for (let i = 0; i < batch; i++) {
      this.#iovecs[2 * i] = slot + BigInt(i * SLOT_BYTES);
      this.#iovecs[2 * i + 1] = BigInt(SLOT_BYTES);
      const header = i * MMSGHDR_WORDS / 2;
      pointers[header] = sender + BigInt(i * C.SOCKADDR_NL_SIZE);
      pointers[header + 2] = iovec + BigInt(i * 16);
      pointers[header + 3] = 1n;
    }
  }

  /** The headers for the next call. */
  prepare(): Uint32Array<ArrayBuffer> {
    const headers = this.#headers;
    for (let i = 0; i < this.received; i++) {
      headers[i * MMSGHDR_WORDS + MSG_NAMELEN] = C.SOCKADDR_NL_SIZE;
    }
    return headers;
  }

  /** The bytes of a datagram; null if it was longer than any message can be. */
  datagram(i: number): Uint8Array | null {
    const header = i * MMSGHDR_WORDS;
    if (this.#headers[header + MSG_FLAGS]! & C.MSG_TRUNC) return null;
    const start = i * SLOT_BYTES;
    return this.#slots.subarray(start, start + this.#headers[header + MSG_LEN]!);
  }

  /** Whether the kernel sent a datagram: any process may write to a netlink port. */
  isFromKernel(i: number): boolean {
    return this.#headers[i * MMSGHDR_WORDS + MSG_NAMELEN] === C.SOCKADDR_NL_SIZE &&
      this.#senders[i * C.SOCKADDR_NL_SIZE / 4 + 1] === 0; // the sender's port: the kernel's is 0
  }
}

type Bytes = ArrayBufferView<ArrayBuffer>;

/** The bytes of a struct of one integer, reused: synchronous calls cannot overlap. */
const INT = new Int32Array(1);
const ZERO = new BigUint64Array(1);

function int(value: number): Int32Array<ArrayBuffer> {
  INT[0] = value;
  return INT;
}

/** For all sockets: the datagrams of one `receive()` are decoded before the next. */
let shared: ReceiveBuffer | undefined;

export class Syscalls {
  readonly #libc: LibcFunctions;
  readonly #length = new Uint32Array(1);
  readonly #cookie = new BigUint64Array(1);
  readonly #errno = new Int32Array(1); // stays 0 if it cannot be read
  readonly #memory = new Uint32Array(C.SK_MEMINFO_VARS);
  readonly #timespec = new BigInt64Array(2);
  readonly buffer: ReceiveBuffer; // what `receive()` received
  #pooled: ReceiveBuffer | null = null;

  /** The functions must stay loaded as long as this is used. */
  constructor(libc: LibcFunctions) {
    this.#libc = libc;
    this.buffer = shared ??= new ReceiveBuffer(this, RECEIVE_BATCH);
  }

  /** The error of the call just made, for messages. */
  error(operation: string): SystemCallError {
    const location = this.#libc.__errno_location?.();
    if (location !== undefined) this.#libc.copy_from(this.#errno, location, 4n);
    const code = this.#errno[0]!;
    return new SystemCallError(operation, code, errnoName("linux", code));
  }

  /** Opens a `NETLINK_ROUTE` socket and joins the multicast groups of this mask. Throws SystemCallError. */
  openNetlink(groups: number): number {
    const type = C.SOCK_RAW | C.SOCK_CLOEXEC;
    const socket = this.#libc.socket(int(C.AF_NETLINK), type, C.NETLINK_ROUTE);
    if (socket < 0) throw this.error("socket(AF_NETLINK)");
    if (groups === 0) return socket; // the first send() binds it
    const address = Uint32Array.of(C.AF_NETLINK, 0, groups); // struct sockaddr_nl
    if (this.#libc.bind(int(socket), address, C.SOCKADDR_NL_SIZE) < 0) {
      const error = this.error("bind(AF_NETLINK)");
      this.close(socket);
      throw error;
    }
    return socket;
  }

  /** Sets an option to bytes or to an int; false if it is refused. */
  setOption(socket: number, level: number, option: number, value: number | Bytes): boolean {
    const bytes = typeof value === "number" ? Int32Array.of(value) : value;
    return this.#libc.setsockopt(int(socket), level, option, bytes, bytes.byteLength) === 0;
  }

  /** Reads an option into the buffer. Returns the length that the kernel reports, or null if it refuses. */
  getOption(socket: number, level: number, option: number, into: Bytes): number | null {
    this.#length[0] = into.byteLength;
    const result = this.#libc.getsockopt(int(socket), level, option, into, this.#length);
    return result === 0 ? this.#length[0]! : null;
  }

  /** Identifies a socket: other code of the program may close a descriptor, and its number passes to another file. */
  cookie(socket: number): bigint {
    this.#cookie[0] = 0n; // if the kernel refuses
    this.getOption(socket, C.SOL_SOCKET, C.SO_COOKIE, this.#cookie);
    return this.#cookie[0]!;
  }

  /** Reads and clears the pending error of a socket; 0 if there is none. */
  takeError(socket: number): number {
    const value = new Uint32Array(1);
    return this.getOption(socket, C.SOL_SOCKET, C.SO_ERROR, value) === null ? 0 : value[0]!;
  }

  /**
   * How many messages the kernel has dropped because the receive buffer of this socket was full
   * (`netlink_overrun()` counts them); null before Linux 4.12.
   */
  drops(socket: number): number | null {
    const length = this.getOption(socket, C.SOL_SOCKET, C.SO_MEMINFO, this.#memory);
    return length === this.#memory.byteLength ? this.#memory[C.SK_MEMINFO_DROPS]! : null;
  }

  /** Sends to the socket's peer, the kernel. Throws SystemCallError if not everything is sent. */
  send(descriptor: number, bytes: Uint8Array<ArrayBuffer>): void {
    const sent = this.#libc.send(int(descriptor), bytes, BigInt(bytes.length), C.MSG_DONTWAIT);
    if (sent !== bytes.length) throw this.error("send");
  }

  /** Receives into `buffer` without blocking. Returns how many datagrams. */
  receive(descriptor: number, most: number = RECEIVE_BATCH): number {
    const { buffer } = this;
    const headers = buffer.prepare();
    const result = this.#libc.recvmmsg(int(descriptor), headers, most, C.MSG_DONTWAIT, null);
    return buffer.received = Math.max(result, 0);
  }

  /** Receives into a buffer of its own. Returns it, or null if that failed. One call at a time. */
  async receiveInPool(descriptor: number): Promise<ReceiveBuffer | null> {
    const buffer = this.#pooled ??= new ReceiveBuffer(this, DUMP_BATCH);
    const headers = buffer.prepare();
    const flags = C.MSG_DONTWAIT;
    const call = this.#libc.recvmmsg_blocking(descriptor, headers, DUMP_BATCH, flags, null);
    buffer.received = Math.max(await call, 0);
    return buffer.received > 0 ? buffer : null;
  }

  /** Returns whether everything is sent. */
  async sendInPool(descriptor: number, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const length = BigInt(bytes.length);
    return await this.#libc.send_blocking(descriptor, bytes, length, C.MSG_DONTWAIT) ===
      bytes.length;
  }

  poll(set: PollSet, count: number, timeoutMs: number): Promise<number> {
    return this.#libc.poll_blocking(set, BigInt(count), timeoutMs);
  }

  /** `timerfd_create(2)` on the wall clock. Throws SystemCallError. */
  timerDescriptor(): number {
    const flags = C.TFD_NONBLOCK | C.TFD_CLOEXEC;
    const descriptor = this.#libc.timerfd_create(int(C.CLOCK_REALTIME), flags);
    if (descriptor < 0) throw this.error("timerfd_create");
    return descriptor;
  }

  /** `timerfd_settime(2)` to a time of the wall clock; false if it fails, or if the clock was set before. */
  armTimer(descriptor: number, seconds: bigint): boolean {
    const flags = C.TFD_TIMER_ABSTIME | C.TFD_TIMER_CANCEL_ON_SET;
    const itimerspec = BigInt64Array.of(0n, 0n, seconds, 0n);
    return this.#libc.timerfd_settime(int(descriptor), flags, itimerspec, null) === 0;
  }

  /** `close(2)`. Never call it on a descriptor that a poll may be watching. */
  close(descriptor: number): void {
    this.#libc.close(int(descriptor));
  }

  /** A clock, in milliseconds with fractions; null if it does not exist. */
  clock(id: number): number | null {
    if (this.#libc.clock_gettime(int(id), this.#timespec) !== 0) return null;
    return Number(this.#timespec[0]!) * 1000 + Number(this.#timespec[1]!) / 1e6;
  }

  /** The address of a buffer, which must stay referenced as long as the address is used. */
  readonly addressOf = (bytes: Uint8Array<ArrayBuffer>): bigint =>
    this.#libc.address_of(bytes, bytes, ZERO);
}
