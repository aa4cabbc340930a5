// The functions of the C library that netwatch calls on macOS and FreeBSD, and where that library is.
import type { LibraryRequest } from "../library.ts";

/** The systems that have an event source here. */
export type BsdSystemName = "darwin" | "freebsd";

/**
 * The functions that netwatch calls. `usize` stands for `size_t`. `ssize_t` results are read as `i32`
 * because no buffer is larger and Deno returns every longer integer as a bigint.
 */
export const LIBC_SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" }, // domain, type, protocol
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  pipe: { parameters: ["buffer"], result: "i32" },
  /** Blocks a pool thread instead of the event loop: pollfd*, nfds_t (unsigned int), ms. */
  poll_blocking: {
    name: "poll",
    parameters: ["buffer", "u32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  /** Called with a timeout of 0 only, because it runs on the event loop. */
  poll_now: { name: "poll", parameters: ["buffer", "u32", "i32"], result: "i32" },
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

/** The loaded functions. */
export type LibcFunctions = Deno.DynamicLibrary<typeof LIBC_SYMBOLS>["symbols"];

const PLACES: Readonly<
  Record<BsdSystemName, Pick<LibraryRequest<typeof LIBC_SYMBOLS>, "sonames" | "candidates">>
> = {
  // Not a file since macOS 11: the loader finds it in its cache, under this path alone.
  darwin: { sonames: [], candidates: ["/usr/lib/libSystem.B.dylib"] },
  freebsd: { sonames: ["libc.so.7"], candidates: ["/lib/libc.so.7", "/usr/lib/libc.so.7"] },
};

/** How to open the C library; `path` is the option `libc`. */
export function libcRequest(
  os: BsdSystemName,
  path: string | undefined,
): LibraryRequest<typeof LIBC_SYMBOLS> {
  return { what: "the C library", symbols: LIBC_SYMBOLS, path, ...PLACES[os] };
}
