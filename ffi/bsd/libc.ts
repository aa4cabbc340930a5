/**
 * The C library of macOS and FreeBSD: its functions and where it lives.
 *
 * @module
 */
import type { LibraryRequest } from "../library.ts";

/** The systems that can be listened to. */
export type BsdSystemName = "darwin" | "freebsd";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The functions that are called, with C's own parameters and results. A simulated kernel of the tests
 * implements the same. `size_t` and `ssize_t` are read as 32 bits, since no buffer is that large and
 * Deno makes a bigint of every longer integer.
 */
export interface BsdFunctions {
  /** Domain, type, protocol. */
  socket(domain: number, type: number, protocol: number): number;
  /** Descriptor, level, option, value, its length. */
  setsockopt(fd: number, level: number, option: number, value: Bytes, length: number): number;
  /** Descriptor, level, option, value, its length as socklen_t*. */
  getsockopt(
    fd: number,
    level: number,
    option: number,
    value: Bytes,
    length: Uint32Array<ArrayBuffer>,
  ): number;
  /** Descriptor, buffer, its length, MSG_*. */
  recv(fd: number, buffer: Bytes, length: bigint, flags: number): number;
  /** Descriptor, buffer, its length. */
  read(fd: number, buffer: Bytes, length: bigint): number;
  /** Descriptor, bytes, how many. */
  write(fd: number, bytes: Bytes, length: bigint): number;
  /** Descriptor. */
  close(fd: number): number;
  /** Two descriptors are written. */
  pipe(descriptors: Int32Array<ArrayBuffer>): number;
  /** Blocks a thread of the pool, not the event loop: pollfd*, nfds_t (unsigned int), milliseconds. */
  poll_blocking(descriptors: Bytes, count: number, timeoutMs: number): Promise<number>;
  /** Only with a timeout of zero. */
  poll_now(descriptors: Bytes, count: number, timeoutMs: number): number;
  /** Name, its length, buffer, its length as size_t*, no new value. */
  sysctl(
    name: Int32Array<ArrayBuffer>,
    nameLength: number,
    old: Bytes | null,
    oldLength: BigUint64Array<ArrayBuffer>,
    value: null,
    valueLength: bigint,
  ): number;
  /** Clock, timespec*. */
  clock_gettime(clock: number, time: BigInt64Array<ArrayBuffer>): number;
  /** Descriptor, request, what it points to. */
  ioctl(fd: number, request: bigint, argument: Bytes): number;
  /** macOS: name as a C string, int* of the descriptor, flags, int* of the token; null elsewhere. */
  readonly notify_register_file_descriptor:
    | ((
      name: Bytes,
      descriptor: Int32Array<ArrayBuffer>,
      flags: number,
      token: Int32Array<ArrayBuffer>,
    ) => number | null)
    | null;
  /** macOS: token; null elsewhere. */
  readonly notify_cancel: ((token: number) => number | null) | null;
  /** Where errno is. */
  __error(): Deno.PointerValue;
  /** `memcpy`: reads what a pointer points to, without Deno's own pointer classes. */
  copy_from(into: Int32Array<ArrayBuffer>, from: Deno.PointerValue, length: bigint): unknown;
}

const COMMON_SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  pipe: { parameters: ["buffer"], result: "i32" },
  poll_blocking: {
    name: "poll",
    parameters: ["buffer", "u32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  poll_now: { name: "poll", parameters: ["buffer", "u32", "i32"], result: "i32" },
  sysctl: {
    parameters: ["buffer", "u32", "buffer", "buffer", "buffer", "usize"],
    result: "i32",
  },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  notify_register_file_descriptor: {
    parameters: ["buffer", "buffer", "i32", "buffer"],
    result: "u32",
    optional: true,
  },
  notify_cancel: { parameters: ["i32"], result: "u32", optional: true },
  __error: { parameters: [], result: "pointer" },
  copy_from: { name: "memcpy", parameters: ["buffer", "pointer", "usize"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * `ioctl` is the one variadic function that is called. Where variadic arguments travel like the others
 * (x86_64, and arm64 of FreeBSD) it is declared as it is used.
 */
const SYMBOLS = {
  ...COMMON_SYMBOLS,
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * On Apple arm64 variadic arguments are taken from the stack, whatever registers are free (Apple's
 * "Writing ARM64 code for Apple platforms"; CPython has the same workaround). With x2 to x7 filled, the
 * ninth argument is the first one on the stack.
 */
const APPLE_ARM64_SYMBOLS = {
  ...COMMON_SYMBOLS,
  ioctl: {
    parameters: ["i32", "u64", "u64", "u64", "u64", "u64", "u64", "u64", "buffer"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** How to find the C library of a system. */
const LIBRARIES: Readonly<
  Record<BsdSystemName, Pick<LibraryRequest<typeof SYMBOLS>, "sonames" | "candidates">>
> = {
  // Not a file since macOS 11: the loader finds it in its cache, and only under this name.
  darwin: { sonames: [], candidates: ["/usr/lib/libSystem.B.dylib"] },
  freebsd: { sonames: ["libc.so.7"], candidates: ["/lib/libc.so.7", "/usr/lib/libc.so.7"] },
};

/** The C library, opened. */
export interface OpenedLibrary {
  /** Its functions. */
  readonly functions: BsdFunctions;
  /** Unloads it. */
  close(): void;
}

/** How to open a C library: which one, and how its functions are to be called. */
export interface Library {
  /** For `openLibrary()` and `libraryGranted()`. */
  readonly request: LibraryRequest<Deno.ForeignLibraryInterface>;
  /** Opens it with the function given, which is `openLibrary()`. */
  open(
    open: <S extends Deno.ForeignLibraryInterface>(
      request: LibraryRequest<S>,
    ) => Promise<Deno.DynamicLibrary<S>>,
  ): Promise<OpenedLibrary>;
}

/** The C library of a system, or the one at a path that behaves like it. */
export function libraryOf(
  os: BsdSystemName,
  arch: typeof Deno.build.arch,
  path: string | undefined,
): Library {
  const common = { what: "the C library", path, ...LIBRARIES[os] };
  if (os === "darwin" && arch === "aarch64") {
    const request = { ...common, symbols: APPLE_ARM64_SYMBOLS };
    return {
      request,
      async open(open) {
        const library = await open(request);
        const { ioctl, ...symbols } = library.symbols;
        const functions: BsdFunctions = {
          ...symbols,
          ioctl: (fd, number, argument) => ioctl(fd, number, 0n, 0n, 0n, 0n, 0n, 0n, argument),
        };
        return { functions, close: () => library.close() };
      },
    };
  }
  const request = { ...common, symbols: SYMBOLS };
  return {
    request,
    async open(open) {
      const library = await open(request);
      return { functions: library.symbols, close: () => library.close() };
    },
  };
}
