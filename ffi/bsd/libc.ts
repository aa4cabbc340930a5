// The C library of macOS and FreeBSD: where it is, the functions that netwatch calls, and the event sockets opened with
// them. errno is read right after a synchronous call and is only a hint: the garbage collector may have run in between.
import { DecodeError, SystemCallError } from "../../state/errors.ts";
import { errnoName } from "../errno.ts";
import type { SocketPort } from "../event_socket.ts";
import type { LibraryRequest } from "../library.ts";
import type { EventSourceOptions } from "../open.ts";
import { POLLERR, POLLIN } from "../poll_loop.ts";
import {
  type BsdEvent,
  decodeEvent,
  decodeKernelEvent,
  forEachMessage,
  formatKernelEvent,
  formatMessage,
} from "./messages.ts";
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
   * fd, request, argument, padding, the argument again. The only variadic function here: Apple's arm64 passes
   * variadic arguments on the stack ("Writing ARM64 code for Apple platforms"), where the ninth parameter is the first.
   * Everywhere else the callee reads the third parameter and ignores the rest.
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
   * covers only a single library (denoland/deno#15511).
   */
  copy_from: { name: "memcpy", parameters: ["buffer", "pointer", "usize"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

type Symbols = typeof LIBC_SYMBOLS;
export type LibcFunctions = Deno.DynamicLibrary<Symbols>["symbols"];

const PLACES = {
  // Not a file since macOS 11: the loader finds it in its cache, under this path only.
  darwin: { sonames: [], candidates: ["/usr/lib/libSystem.B.dylib"] },
  freebsd: { sonames: ["libc.so.7"], candidates: ["/lib/libc.so.7", "/usr/lib/libc.so.7"] },
} as const;

export function libcRequest(os: C.BsdSystemName, path?: string): LibraryRequest<Symbols> {
  return { what: "the C library", symbols: LIBC_SYMBOLS, path, ...PLACES[os] };
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Routing messages and kernel events are shorter than 2 KiB. */
const BUFFER_BYTES = 16_384;
/** The most attempts to read a table: in a storm it may keep growing after its size was read. */
const MAX_SYSCTLS = 8;
/** Room for records that are added after the size was read. */
const SLACK_BYTES = 1_024;

/** The system calls that take more than plain numbers, as typed functions. */
export class Syscalls {
  readonly libc: LibcFunctions; // they must stay loaded while this is used
  hasReadFlags = false; // flags of an IPv6 address were read, so this system can
  readonly #os: C.BsdSystemName;
  readonly #int = new Int32Array(1);
  readonly #timespec = new BigInt64Array(2);
  /** Shared by all sockets: each datagram is decoded before the next is received. */
  readonly #buffer = new Uint8Array(BUFFER_BYTES);

  constructor(libc: LibcFunctions, os: C.BsdSystemName) {
    this.libc = libc;
    this.#os = os;
  }

  /** Makes an error from an error number, by default the errno of the call just made. */
  error(operation: string, code: number = this.errno()): SystemCallError {
    return new SystemCallError(operation, code, errnoName(this.#os, code));
  }

  errno(): number {
    this.libc.copy_from(this.#int, this.libc.__error(), 4n);
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

  /** Receives one datagram without blocking; null on failure, EINTR, too. The result is valid until the next call. */
  receive(descriptor: number): Uint8Array | null {
    const length = this.libc.recv(descriptor, this.#buffer, BigInt(BUFFER_BYTES), C.MSG_DONTWAIT);
    // 0 means the end of the socket: no datagram is empty.
    return length > 0 ? this.#buffer.subarray(0, length) : null;
  }

  /** `read(2)`: blocks unless `pollNow()` says POLLIN. Returns the number of bytes. */
  read(descriptor: number): number {
    return this.libc.read(descriptor, this.#buffer, BigInt(BUFFER_BYTES));
  }

  /** Returns `revents` of one descriptor at this moment. */
  pollNow(descriptor: number): number {
    const set = Int32Array.of(descriptor, POLLIN); // struct pollfd; second word: events low, revents high
    return this.libc.poll_now(set, 1, 0) > 0 ? set[1]! >> 16 : 0;
  }

  /**
   * Reads a whole table of sysctl's routing branch: its size, then the table; again with more room if it has
   * grown in between. Throws SystemCallError.
   */
  routeTable(operation: string, request: number): Bytes {
    const name = Int32Array.of(C.CTL_NET, C.PF_ROUTE, 0, 0, request, 0);
    for (let attempt = 0; attempt < MAX_SYSCTLS; attempt++) {
      // Twice the room each time, for a table that grows faster than it is read.
      const table = new Uint8Array((this.#sysctl(name, null) + SLACK_BYTES) * 2 ** attempt);
      const length = this.#sysctl(name, table);
      // FreeBSD fills the buffer and reports no error (rtable_sysctl_dump() in sys/net/rtsock.c)
      if (length >= 0 && length < table.length) return table.subarray(0, length);
    }
    throw this.error(operation);
  }

  /** Reads a clock, in milliseconds with fractions; null if it does not exist. */
  clock(id: number): number | null {
    if (this.libc.clock_gettime(id, this.#timespec) !== 0) return null;
    return Number(this.#timespec[0]!) * 1000 + Number(this.#timespec[1]!) / 1e6;
  }

  control(descriptor: number, request: bigint, argument: Bytes): boolean {
    const { ioctl } = this.libc;
    return ioctl(descriptor, request, argument, 0n, 0n, 0n, 0n, 0n, argument) === 0;
  }

  /** Returns the number of bytes written, or the size of the value if `into` is null; negative on failure. */
  #sysctl(name: Int32Array<ArrayBuffer>, into: Bytes | null): number {
    const size = BigUint64Array.of(BigInt(into?.length ?? 0));
    const result = this.libc.sysctl(name, name.length, into, size, null, 0n);
    return result === 0 ? Number(size[0]) : -1;
  }
}

/** The systems' own default (RAWRCVQ of xnu, net.rtsock.recvspace of FreeBSD). */
const MIN_BUFFER_BYTES = 8_192;
/** kNotifySCNetworkChange (notify_keys.h): configd posts it when it has settled the primary service. */
const NETWORK_CHANGE = new TextEncoder().encode("com.apple.system.config.network_change\0");

type Trace = EventSourceOptions["trace"];

/**
 * A descriptor that becomes readable when the network changes. On macOS the routing socket does not report an
 * unplugged cable, a new interface, the end of duplicate address detection or a second address in a subnet, and
 * overflows silently, so there are two more ports. If the system refuses one, reconcile finds what goes unreported.
 */
export interface BsdPort extends SocketPort<BsdEvent> {
  readonly name: string; // as in `health.listeners`
  /** Closes it. No poll may be watching it. */
  close(): void;
}

/** Opens a routing socket: the kernel queues messages from now on. Throws SystemCallError if it refuses. */
export function openRouteSocket(
  syscalls: Syscalls,
  system: C.BsdSystem,
  { receiveBufferBytes = 262_144, trace }: EventSourceOptions = {},
): BsdPort {
  // Protocol 0: xnu does not deliver link messages, which have no family, to a socket with a protocol (raw_input()).
  const descriptor = syscalls.libc.socket(C.PF_ROUTE, C.SOCK_RAW | system.socketFlags, 0);
  if (descriptor < 0) throw syscalls.error("socket(PF_ROUTE)");
  for (let bytes = receiveBufferBytes; bytes > MIN_BUFFER_BYTES; bytes >>= 1) {
    if (syscalls.setOption(descriptor, C.SO_RCVBUF, bytes)) break;
  }
  // FreeBSD 13 refuses: an overflow is silent there, as on macOS.
  if (system.overflowOption !== null) syscalls.setOption(descriptor, system.overflowOption, 1);
  return datagramPort(syscalls, descriptor, "route", trace, (datagram, events) => {
    forEachMessage(datagram, (message) => {
      events.push(decodeEvent(message, system));
      trace?.(formatMessage(message, system));
    });
  });
}

/** A port for a datagram socket; `decode` appends the events, and may throw DecodeError. */
function datagramPort(
  syscalls: Syscalls,
  descriptor: number,
  name: string,
  trace: Trace,
  decode: (datagram: Uint8Array, events: BsdEvent[]) => void,
): BsdPort {
  return {
    name,
    descriptor,
    batch: 1,
    receive(events) {
      const datagram = syscalls.receive(descriptor);
      if (datagram === null) return 0;
      try {
        decode(datagram, events);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        events.push({ kind: "malformed" });
        trace?.(error.message);
      }
      return 1;
    },
    // FreeBSD reports an overflow through SO_ERROR without POLLERR, so SO_ERROR is read each time. A failed
    // receive clears the error, and errno is only a hint, so ENOBUFS there counts as a change, not an overflow.
    checkErrors(revents, events) {
      if (revents === 0 && syscalls.errno() === C.ENOBUFS) events.push({ kind: "changed" });
      const state = revents || syscalls.pollNow(descriptor);
      const code = syscalls.takeError(descriptor);
      if (code === C.ENOBUFS) events.push({ kind: "overflow" });
      else if (code !== 0) throw syscalls.error(`recv of ${name}`, code);
      return code === C.ENOBUFS || revents === 0 && (state & (POLLIN | POLLERR)) !== 0;
    },
    close: () => syscalls.libc.close(descriptor),
  };
}

/**
 * Writes RTM_GET for 0.0.0.0. Every routing socket of the machine receives the answer, even an error,
 * so the answer proves that ours is not deaf. RTM_GET needs no privilege. Returns its sequence number.
 */
export function sendCanary({ libc }: Syscalls, system: C.BsdSystem, descriptor: number): number {
  const sequence = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;
  const { addresses, sequence: at, size } = system.headers[C.RTM_GET] as C.RouteHeader;
  const bytes = new Uint8Array(size + C.SOCKADDR_IN_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bytes.length, true);
  bytes.set([system.version, C.RTM_GET], 2);
  view.setInt32(addresses, 1 << C.RTAX_DST, true);
  view.setInt32(at, sequence, true);
  bytes.set([C.SOCKADDR_IN_SIZE, C.AF_INET], size);
  libc.write(descriptor, bytes, BigInt(bytes.length)); // may fail for lack of a route: only the echo counts
  return sequence;
}

/** Registers with notifyd, the notification server of macOS; null if there is none or it refuses. */
export function openNotification(syscalls: Syscalls, trace: Trace): BsdPort | null {
  const { notify_cancel: cancel, notify_register_file_descriptor: register } = syscalls.libc;
  const [fileDescriptor, token] = [new Int32Array(1), new Int32Array(1)];
  if (cancel === null || register?.(NETWORK_CHANGE, fileDescriptor, 0, token) !== 0) return null;
  const descriptor = fileDescriptor[0]!;
  return {
    name: "network_change",
    descriptor,
    batch: 1,
    // notifyd closes its end of a full pipe for good, so the pipe is drained completely. The tokens in it
    // say only that the notification was posted.
    receive(events) {
      const isReadable = (syscalls.pollNow(descriptor) & POLLIN) !== 0;
      if (!isReadable || syscalls.read(descriptor) <= 0) return 0;
      events.push({ kind: "changed" });
      trace?.("network_change");
      return 1;
    },
    checkErrors: () => false,
    close: () => void cancel(token[0]!), // also closes the descriptor, which libnotify owns
  };
}

/** Opens a socket for the kernel events of macOS; null if the system refuses. */
export function openKernelEvents(syscalls: Syscalls, trace: Trace): BsdPort | null {
  const { PF_SYSTEM, SIOCSKEVFILT, SYSPROTO_EVENT } = C.DARWIN;
  const descriptor = syscalls.libc.socket(PF_SYSTEM, C.SOCK_RAW, SYSPROTO_EVENT);
  if (descriptor < 0) return null;
  // struct kev_request { u32 vendor; u32 class; u32 subclass; }. Without a filter no event matches.
  const { KEV_ANY_SUBCLASS, KEV_NETWORK_CLASS, KEV_VENDOR_APPLE } = C.DARWIN;
  const filter = Uint32Array.of(KEV_VENDOR_APPLE, KEV_NETWORK_CLASS, KEV_ANY_SUBCLASS);
  if (!syscalls.control(descriptor, SIOCSKEVFILT, new Uint8Array(filter.buffer))) {
    syscalls.libc.close(descriptor);
    return null;
  }
  return datagramPort(syscalls, descriptor, "kernel-events", trace, (bytes, events) => {
    events.push(decodeKernelEvent(bytes));
    trace?.(formatKernelEvent(bytes));
  });
}
