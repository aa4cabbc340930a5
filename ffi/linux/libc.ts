// The functions of the C library that netwatch calls on Linux, and the paths where distributions keep
// that library.
//
// The table holds no variadic function: some ABIs pass variadic arguments differently.
import { type LibraryRequest, openLibrary } from "../library.ts";

/**
 * The functions that netwatch calls. `usize` stands for `size_t`. `ssize_t` results are read as `i32`
 * because no buffer is larger and Deno returns every longer integer as a bigint.
 */
export const LIBC_SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" }, // domain, type, protocol
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" }, // fd, sockaddr, socklen_t
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recvmmsg: { // fd, mmsghdr*, how many, flags, timespec*
    parameters: ["i32", "buffer", "u32", "i32", "buffer"],
    result: "i32",
  },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  timerfd_create: { parameters: ["i32", "i32"], result: "i32" }, // clock, flags
  timerfd_settime: { parameters: ["i32", "i32", "buffer", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" }, // clock, timespec*
  /** Blocks a pool thread instead of the event loop: pollfd*, nfds_t (unsigned long), ms. */
  poll_blocking: {
    name: "poll",
    parameters: ["buffer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  /**
   * `memcpy(buffer, buffer, 0)` returns the address of a buffer. Deno refuses its own pointer classes
   * when the FFI permission covers a single library (denoland/deno#15511).
   */
  address_of: { name: "memcpy", parameters: ["buffer", "buffer", "usize"], result: "usize" },
  /** Copies from an address into a buffer, for the same reason. */
  copy_from: { name: "memcpy", parameters: ["buffer", "usize", "usize"], result: "usize" },
  /** Both glibc and musl export it. Returns an address. */
  __errno_location: { parameters: [], result: { struct: ["usize"] }, optional: true },
} as const satisfies Deno.ForeignLibraryInterface;

/** The loaded functions. */
export type LibcFunctions = Deno.DynamicLibrary<typeof LIBC_SYMBOLS>["symbols"];

/**
 * Deno can call only the C library that it is linked to. musl brings its own thread state, so its
 * functions crash a glibc process. musl does not export `gnu_get_libc_version`: `Deno.dlopen` fails
 * before anything is called, also when the file name does not say musl.
 */
const GLIBC_SYMBOLS = {
  ...LIBC_SYMBOLS,
  gnu_get_libc_version: { parameters: [], result: { struct: ["usize"] } },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Deno compiles a trampoline for each function, 0.2 ms apiece, but none for one that takes a struct. A
 * struct of one integer is passed like that integer (System V ABI for x86-64, 3.2.3; AAPCS64, 6.8.2).
 */
const STRUCTS = { i32: { struct: ["i32"] }, usize: { struct: ["usize"] } } as const;

/** The functions that are called synchronously, each with the place and the type of one integer. */
const INTEGERS = Object.entries<Deno.ForeignFunction>(LIBC_SYMBOLS)
  .map(([name, { nonblocking, parameters }]) => {
    const at = nonblocking ? -1 : parameters.findIndex((it) => it === "i32" || it === "usize");
    return { name, at, type: parameters[at] as keyof typeof STRUCTS };
  })
  .filter(({ at }) => at >= 0);

/**
 * Loads the C library without trampolines: in 0.2 ms instead of 3 ms.
 *
 * @param path The option `libc`; undefined to search the usual places.
 * @returns The functions, and what unloads them.
 */
export async function loadLibc(
  path: string | undefined,
): Promise<{ functions: LibcFunctions; unload: () => void }> {
  const request = libcRequest(path);
  const symbols: Record<string, Deno.ForeignFunction> = { ...request.symbols };
  for (const { name, at, type } of INTEGERS) {
    const symbol = symbols[name]!;
    symbols[name] = { ...symbol, parameters: symbol.parameters.with(at, STRUCTS[type]) };
  }
  const library = await openLibrary({ ...request, symbols });
  const functions: Record<string, unknown> = { ...library.symbols };
  for (const { name, at, type } of INTEGERS) {
    functions[name] = passingStruct(functions[name] as Call, at, type);
  }
  return { functions: functions as LibcFunctions, unload: () => library.close() };
}

/** The bytes of an integer; synchronous calls cannot overlap. */
const I32 = new Int32Array(1);
const USIZE = new BigUint64Array(1);

type Call = (...args: unknown[]) => unknown;

/** Calls with the integer parameter at this place as a struct. */
function passingStruct(call: Call, at: number, type: keyof typeof STRUCTS): Call {
  const integer = type === "i32" ? I32 : USIZE;
  return (...args) => {
    integer[0] = args[at] as number & bigint;
    args[at] = integer;
    return call(...args);
  };
}

/**
 * How to open the C library that this build of Deno is linked to.
 *
 * @param path The option `libc`; undefined to search the usual places.
 * @param build The build of Deno.
 * @throws {TypeError} if `path` names musl and Deno is built for glibc
 */
export function libcRequest(
  path: string | undefined,
  { arch, target }: Pick<typeof Deno.build, "arch" | "target"> = Deno.build,
): LibraryRequest<typeof LIBC_SYMBOLS> {
  const common = { what: "the C library", symbols: LIBC_SYMBOLS, path };
  if (target.endsWith("-musl")) return { ...common, ...muslPlaces(arch) };
  if (target.endsWith("-android")) return { ...common, ...BIONIC_PLACES };
  const places = glibcPlaces(arch);
  if (path !== undefined && isMuslPath(path)) {
    throw new TypeError(
      `The option libc names musl ('${path}'), but this Deno is built for glibc and would crash:` +
        ` give the path of glibc, such as ${places.candidates[0]}, or leave the option out`,
    );
  }
  return { ...common, ...places, symbols: GLIBC_SYMBOLS };
}

/** Where a C library may be, best first. */
type Places = Pick<LibraryRequest<typeof LIBC_SYMBOLS>, "sonames" | "candidates">;

function glibcPlaces(arch: string): Places {
  return {
    sonames: ["libc.so.6"],
    candidates: [
      `/lib/${arch}-linux-gnu/libc.so.6`, // Debian, Ubuntu
      `/usr/lib/${arch}-linux-gnu/libc.so.6`,
      "/lib64/libc.so.6", // Fedora, RHEL, SUSE
      "/usr/lib64/libc.so.6",
      "/usr/lib/libc.so.6", // Arch
      "/lib/libc.so.6",
      "/usr/local/lib/libc.so.6", // the image denoland/deno:alpine
      "/usr/glibc-compat/lib/libc.so.6", // the package alpine-pkg-glibc
    ],
  };
}

function muslPlaces(arch: string): Places {
  return {
    sonames: [`libc.musl-${arch}.so.1`, "libc.so"],
    candidates: [
      `/lib/ld-musl-${arch}.so.1`, // Alpine
      `/lib/libc.musl-${arch}.so.1`,
      "/usr/lib/libc.so", // Void
    ],
  };
}

const BIONIC_PLACES: Places = { sonames: ["libc.so"], candidates: ["/system/lib64/libc.so"] };

/** musl never has glibc's soname, so `/home/musl/libc.so.6` can only be glibc. */
function isMuslPath(path: string): boolean {
  return /musl/i.test(path) && !path.endsWith("/libc.so.6");
}
