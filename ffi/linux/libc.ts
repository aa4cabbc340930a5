/**
 * The C library of Linux: its functions and where it lives.
 *
 * No variadic function is in the table: their arguments travel differently on some systems.
 *
 * @module
 */
import type { LibraryRequest } from "../library.ts";

/**
 * The functions that are called. `usize` stands for `size_t`; results that are `ssize_t` are read as
 * `i32`, since no buffer is that large and Deno makes a bigint of every longer integer.
 */
export const LIBC_SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" }, // domain, type, protocol
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" }, // fd, sockaddr, socklen_t
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recvfrom: { // fd, buffer, length, flags, sockaddr, socklen_t*
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"],
    result: "i32",
  },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" }, // initial value, flags
  timerfd_create: { parameters: ["i32", "i32"], result: "i32" }, // clock, flags
  timerfd_settime: { parameters: ["i32", "i32", "buffer", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" }, // clock, timespec*
  /** Blocks a thread of the pool, not the event loop: pollfd*, nfds_t (unsigned long), ms. */
  poll_blocking: {
    name: "poll",
    parameters: ["buffer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  /** Only with a timeout of zero. */
  poll_now: { name: "poll", parameters: ["buffer", "usize", "i32"], result: "i32" },
  /**
   * `memcpy(buffer, buffer, 0)` answers the address of a buffer. Deno's own pointer classes are refused
   * under a grant for one library (denoland/deno#15511).
   */
  address_of: { name: "memcpy", parameters: ["buffer", "buffer", "usize"], result: "usize" },
  /** Reads what a pointer points to, likewise. */
  copy_from: { name: "memcpy", parameters: ["buffer", "pointer", "usize"], result: "pointer" },
  /** glibc and musl. */
  __errno_location: { parameters: [], result: "pointer", optional: true },
} as const satisfies Deno.ForeignLibraryInterface;

/** The loaded functions. */
export type LibcFunctions = Deno.DynamicLibrary<typeof LIBC_SYMBOLS>["symbols"];

/** glibc first: the official Deno is linked to it, on Alpine through a compatibility layer. */
const SONAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so"];

/** Where distributions keep it: Debian and Ubuntu; Fedora, RHEL and SUSE; Arch; musl; Void. */
function candidates(arch: string): string[] {
  return [
    `/lib/${arch}-linux-gnu/libc.so.6`,
    `/usr/lib/${arch}-linux-gnu/libc.so.6`,
    "/lib64/libc.so.6",
    "/usr/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
    "/lib/libc.so.6",
    `/lib/ld-musl-${arch}.so.1`,
    `/lib/libc.musl-${arch}.so.1`,
    `/usr/lib/libc.so`,
  ];
}

/** How to open the C library on this machine. */
export function libcRequest(
  path: string | undefined,
  arch: string = Deno.build.arch,
): LibraryRequest<typeof LIBC_SYMBOLS> {
  return {
    what: "the C library",
    symbols: LIBC_SYMBOLS,
    sonames: SONAMES,
    candidates: candidates(arch),
    path,
  };
}
