// The C library of macOS and FreeBSD: where it is, the functions that netwatch calls, and those that take or
// return more than numbers with types. errno is read right after a synchronous call, and is a hint only: the
// garbage collector may have run in between.
import { SystemCallError } from "../../state/errors.ts";
import { errnoName } from "../errno.ts";
import type { LibraryRequest } from "../library.ts";
import { POLLIN } from "../poll_loop.ts";
import * as C from "./systems.ts";

const POLL = { name: "poll", parameters: ["buffer", "u32", "i32"], result: "i32" } as const;

/**
 * The functions that netwatch calls. `usize` stands for `size_t`. `ssize_t` results are read as `i32`
 * because no buffer is larger and Deno returns every longer integer as a bigint.
 */
const LIBC_SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" }, // domain, type, protocol
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  pipe: { parameters: ["buffer"], result: "i32" },
  /** Blocks a pool thread instead of the event loop: pollfd*, nfds_t (unsigned int), ms. */
  poll_blocking: { ...POLL, nonblocking: true },
  poll_now: POLL, // with a timeout of 0 only, because it runs on the event loop
  sysctl: { // name, its length, old value, its length as size_t*, new value, its length
    parameters: ["buffer", "u32", "buffer", "buffer", "buffer", "usize"],
    result: "i32",
  },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" }, // clock, timespec*
  /**
   * fd, request, argument, padding, the argument again. The only variadic function here. Apple's arm64
   * passes variadic arguments on the stack alone ("Writing ARM64 code for Apple platforms"): with x2 to x7
   * taken, the ninth argument is the first on the stack. Everywhere else the third counts, and the callee
   * ignores the rest.
   */
  ioctl: {
    parameters: ["i32", "u64", "buffer", "u64", "u64", "u64", "u64", "u64", "buffer"],
    result: "i32",
  },
  /** Name, int* descriptor, flags, int* token; macOS only. */
  notify_register_file_descriptor: {
    parameters: ["buffer", "buffer", "i32", "buffer"],
    result: "u32",
    optional: true,
  },
  notify_cancel: { parameters: ["i32"], result: "u32", optional: true }, // token; macOS only
  __error: { parameters: [], result: "pointer" },
  /**
   * Copies from a pointer into a buffer. Deno refuses its own pointer classes when the FFI permission
   * covers a single library (denoland/deno#15511).
   */
  copy_from: { name: "memcpy", parameters: ["buffer", "pointer", "usize"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

type Symbols = typeof LIBC_SYMBOLS;
/** The loaded functions. */
export type LibcFunctions = Deno.DynamicLibrary<Symbols>["symbols"];

const PLACES = {
  // Not a file since macOS 11: the loader finds it in its cache, under this path alone.
  darwin: { sonames: [], candidates: ["/usr/lib/libSystem.B.dylib"] },
  freebsd: { sonames: ["libc.so.7"], candidates: ["/lib/libc.so.7", "/usr/lib/libc.so.7"] },
} as const;

/** How to open the C library; `path` is the option `libc`. */
export function libcRequest(os: C.BsdSystemName, path?: string): LibraryRequest<Symbols> {
  return { what: "the C library", symbols: LIBC_SYMBOLS, path, ...PLACES[os] };
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Routing messages and kernel events are shorter than 2 KiB. */
const BUFFER_BYTES = 16_384;
/** A table may grow between the two calls, repeatedly while a storm lasts. */
const MOST_SYSCTLS = 8;
/** Room for what is added between the two calls. */
const SLACK_BYTES = 1_024;

/** The calls that need more than their numbers. */
export class Syscalls {
  readonly libc: LibcFunctions; // they must stay loaded while this is used
  readonly #os: C.BsdSystemName;
  readonly #int = new Int32Array(1);
  readonly #timespec = new BigInt64Array(2);
  /** Shared by all sockets: each datagram is decoded before the next is received. */
  readonly #buffer = new Uint8Array(BUFFER_BYTES);

  constructor(libc: LibcFunctions, os: C.BsdSystemName) {
    this.libc = libc;
    this.#os = os;
  }

  /** Makes an error for the log: of an error number, or of the call just made. */
  error(operation: string, code: number = this.errno()): SystemCallError {
    return new SystemCallError(operation, code, errnoName(this.#os, code));
  }

  /** errno of the call just made; 0 if it cannot be read. */
  errno(): number {
    const location = this.libc.__error();
    if (location === null) return 0;
    this.libc.copy_from(this.#int, location, 4n);
    return this.#int[0]!;
  }

  /** Sets an option of 4 bytes; false if the kernel refuses. */
  setOption(descriptor: number, option: number, value: number): boolean {
    return this.libc.setsockopt(descriptor, C.SOL_SOCKET, option, Int32Array.of(value), 4) === 0;
  }

  /** Reads and clears the pending error of a socket; 0 if there is none. */
  takeError(descriptor: number): number {
    const { getsockopt } = this.libc;
    const result = getsockopt(descriptor, C.SOL_SOCKET, C.SO_ERROR, this.#int, Uint32Array.of(4));
    return result === 0 ? this.#int[0]! : 0;
  }

  /**
   * Receives one datagram without blocking; null on failure, which EINTR is too. The result is valid until
   * the next call.
   */
  receive(descriptor: number): Uint8Array | null {
    const length = this.libc.recv(descriptor, this.#buffer, BigInt(BUFFER_BYTES), C.MSG_DONTWAIT);
    // 0 is the end of a socket: no datagram is empty.
    return length > 0 ? this.#buffer.subarray(0, length) : null;
  }

  /** `read(2)`: blocks unless `pollNow()` says POLLIN. Returns the number of bytes. */
  read(descriptor: number): number {
    return this.libc.read(descriptor, this.#buffer, BigInt(BUFFER_BYTES));
  }

  /** Returns `revents` of one descriptor at this moment. */
  pollNow(descriptor: number): number {
    const set = Int32Array.of(descriptor, POLLIN); // struct pollfd: events, then revents in the high half
    return this.libc.poll_now(set, 1, 0) > 0 ? set[1]! >> 16 : 0;
  }

  /**
   * Reads a whole table of sysctl's routing branch: its size, then the table, again with more room while it
   * grows in between. Throws SystemCallError.
   */
  routeTable(operation: string, request: number): Bytes {
    const name = Int32Array.of(C.CTL_NET, C.PF_ROUTE, 0, 0, request, 0);
    for (let attempt = 0; attempt < MOST_SYSCTLS; attempt++) {
      // Twice the room each time, for a table that grows faster than it is read.
      const table = new Uint8Array((this.#sysctl(name, null) + SLACK_BYTES) * 2 ** attempt);
      const length = this.#sysctl(name, table);
      if (length >= 0) return table.subarray(0, length);
    }
    throw this.error(operation);
  }

  /** Reads a clock, in milliseconds with fractions; null if it does not exist. */
  clock(id: number): number | null {
    if (this.libc.clock_gettime(id, this.#timespec) !== 0) return null;
    return Number(this.#timespec[0]!) * 1000 + Number(this.#timespec[1]!) / 1e6;
  }

  /** `ioctl(2)` with a pointer; false if the kernel refuses. */
  control(descriptor: number, request: bigint, argument: Bytes): boolean {
    const { ioctl } = this.libc;
    return ioctl(descriptor, request, argument, 0n, 0n, 0n, 0n, 0n, argument) === 0;
  }

  /** Returns the size of the value, or how many bytes were written; negative on failure. */
  #sysctl(name: Int32Array<ArrayBuffer>, into: Bytes | null): number {
    const size = BigUint64Array.of(BigInt(into?.length ?? 0));
    const result = this.libc.sysctl(name, name.length, into, size, null, 0n);
    return result === 0 ? Number(size[0]) : -1;
  }
}
