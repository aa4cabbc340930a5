// The system calls that netwatch makes on macOS and FreeBSD, with types. errno is read right after a
// synchronous call, and is a hint only: the garbage collector may have run in between.
import { SystemCallError } from "../../state/errors.ts";
import { errnoName } from "../errno.ts";
import { POLLIN } from "../poll_loop.ts";
import { CTL_NET, MSG_DONTWAIT, PF_ROUTE, SO_ERROR, SOL_SOCKET } from "./constants.ts";
import type { BsdSystemName, LibcFunctions } from "./libc.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Routing messages and kernel events are shorter than 2 KiB. */
const BUFFER_BYTES = 16_384;
/** A table may grow between the two calls, repeatedly while a storm lasts. */
const MOST_SYSCTLS = 8;
/** Room for what is added between the two calls. */
const SLACK_BYTES = 1_024;

/** A registration with the notification centre of macOS. */
export interface Notification {
  readonly descriptor: number; // readable when it is posted; libnotify owns it: only `cancel()` closes it
  readonly token: number; // cancels it
}

/** The system calls of macOS and FreeBSD. */
export class Syscalls {
  readonly #functions: LibcFunctions;
  readonly #os: BsdSystemName;
  readonly #size = new BigUint64Array(1);
  readonly #int = new Int32Array(1);
  readonly #timespec = new BigInt64Array(2);
  /** Shared by all sockets: each datagram is decoded before the next is received. */
  readonly #buffer = new Uint8Array(BUFFER_BYTES);

  /** The functions must stay loaded while this is used. */
  constructor(functions: LibcFunctions, os: BsdSystemName) {
    this.#functions = functions;
    this.#os = os;
  }

  /** Makes an error for the log: of an error number, or of the call just made. */
  error(operation: string, code: number = this.errno()): SystemCallError {
    return new SystemCallError(operation, code, errnoName(this.#os, code));
  }

  /** errno of the call just made; 0 if it cannot be read. */
  errno(): number {
    const location = this.#functions.__error();
    if (location === null) return 0;
    this.#functions.copy_from(this.#int, location, 4n);
    return this.#int[0]!;
  }

  /** Opens a socket; negative if the kernel refuses. */
  socket(domain: number, type: number, protocol: number): number {
    return this.#functions.socket(domain, type, protocol);
  }

  /** Sets an option of 4 bytes; false if the kernel refuses. */
  setOption(descriptor: number, option: number, value: number): boolean {
    const bytes = new Uint8Array(Int32Array.of(value).buffer);
    return this.#functions.setsockopt(descriptor, SOL_SOCKET, option, bytes, bytes.length) === 0;
  }

  /** Reads and clears the pending error of a socket; 0 if there is none. */
  takeError(descriptor: number): number {
    const { getsockopt } = this.#functions;
    const length = Uint32Array.of(this.#int.byteLength);
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, this.#int, length) === 0
      ? this.#int[0]!
      : 0;
  }

  /**
   * Receives one datagram without blocking; null on failure, which EINTR is too. The result is valid until
   * the next call.
   */
  receive(descriptor: number): Uint8Array | null {
    const { recv } = this.#functions;
    const length = recv(descriptor, this.#buffer, BigInt(BUFFER_BYTES), MSG_DONTWAIT);
    // 0 is the end of a socket: no datagram is empty.
    return length > 0 ? this.#buffer.subarray(0, length) : null;
  }

  /** `read(2)`: blocks unless `pollNow()` says POLLIN. Returns the number of bytes. */
  read(descriptor: number): number {
    return this.#functions.read(descriptor, this.#buffer, BigInt(BUFFER_BYTES));
  }

  /** `write(2)`: returns the number of bytes, negative on failure. */
  write(descriptor: number, bytes: Bytes): number {
    return this.#functions.write(descriptor, bytes, BigInt(bytes.length));
  }

  /** Opens a pipe. Throws SystemCallError. */
  pipe(): { reader: number; writer: number } {
    const descriptors = new Int32Array(2);
    if (this.#functions.pipe(descriptors) < 0) throw this.error("pipe");
    return { reader: descriptors[0]!, writer: descriptors[1]! };
  }

  /** `close(2)`. No poll may be watching the descriptor. */
  close(descriptor: number): void {
    this.#functions.close(descriptor);
  }

  /** Returns `revents` of one descriptor at this moment. */
  pollNow(descriptor: number): number {
    const set = Int32Array.of(descriptor, POLLIN); // struct pollfd: events, then revents in the high half
    return this.#functions.poll_now(set, 1, 0) > 0 ? set[1]! >> 16 : 0;
  }

  /** `poll(2)` in a pool thread. */
  poll(descriptors: Bytes, count: number, timeoutMs: number): Promise<number> {
    return this.#functions.poll_blocking(descriptors, count, timeoutMs);
  }

  /**
   * Reads a whole table of sysctl's routing branch: its size, then the table, again with more room while it
   * grows in between. Throws SystemCallError.
   */
  routeTable(operation: string, request: number): Bytes {
    const name = Int32Array.of(CTL_NET, PF_ROUTE, 0, 0, request, 0);
    for (let room = 0, attempt = 1;; attempt++) {
      const size = this.#sysctl(name, null);
      if (size !== null) {
        // Twice the room each time, for a table that grows faster than it is read.
        room = Math.max(room * 2, size + SLACK_BYTES);
        const table = new Uint8Array(room);
        const length = this.#sysctl(name, table);
        if (length !== null) return table.subarray(0, length);
      }
      if (attempt === MOST_SYSCTLS) throw this.error(operation);
    }
  }

  /** Reads a clock, in milliseconds with fractions; null if it does not exist. */
  clock(id: number): number | null {
    if (this.#functions.clock_gettime(id, this.#timespec) !== 0) return null;
    return Number(this.#timespec[0]!) * 1000 + Number(this.#timespec[1]!) / 1e6;
  }

  /** `ioctl(2)` with a pointer; false if the kernel refuses. */
  control(descriptor: number, request: bigint, argument: Bytes): boolean {
    const { ioctl } = this.#functions;
    return ioctl(descriptor, request, argument, 0n, 0n, 0n, 0n, 0n, argument) === 0;
  }

  /** Registers with the notification centre of macOS; null where there is none or it refuses. */
  register(name: string): Notification | null {
    const { notify_cancel, notify_register_file_descriptor: register } = this.#functions;
    if (notify_cancel === null) return null;
    const text = new TextEncoder().encode(`${name}\0`);
    const [descriptor, token] = [new Int32Array(1), new Int32Array(1)];
    const status = register?.(text, descriptor, 0, token);
    return status === 0 ? { descriptor: descriptor[0]!, token: token[0]! } : null;
  }

  /** Cancels a notification, which closes its descriptor. No poll may be watching it. */
  cancel({ token }: Notification): void {
    this.#functions.notify_cancel?.(token);
  }

  /** Returns the size of the value, or how many bytes were written; null on failure. */
  #sysctl(name: Int32Array<ArrayBuffer>, into: Bytes | null): number | null {
    this.#size[0] = BigInt(into?.length ?? 0);
    const result = this.#functions.sysctl(name, name.length, into, this.#size, null, 0n);
    return result === 0 ? Number(this.#size[0]) : null;
  }
}
