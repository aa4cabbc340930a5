/**
 * The C library for tests themselves: to queue datagrams, to close descriptors and to send from another
 * socket.
 *
 * @module
 */
import { statSync } from "node:fs";
import { LIBC_SYMBOLS, libcRequest, Syscalls } from "../../ffi/linux/syscalls.ts";
import { LinuxRuntime } from "../../ffi/linux/source.ts";

const MORE_SYMBOLS = {
  ...LIBC_SYMBOLS,
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "i32",
  },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  send_to_peer: { name: "send", parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  poll_at_once: { name: "poll", parameters: ["buffer", "usize", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  usleep: { parameters: ["u32"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions. */
export type RealLibc = Deno.DynamicLibrary<typeof MORE_SYMBOLS>["symbols"];

/** The path of the C library on this machine. */
export function libcPath(): string {
  const { candidates } = libcRequest(undefined);
  const path = candidates.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (path === undefined) throw new Error(`None of ${candidates.join(", ")} exists`);
  return path;
}

/** Loads the C library; close it at the end of the test. */
export function openLibc(): { libc: RealLibc; close: () => void } {
  const [soname] = libcRequest(undefined).sonames;
  const library = Deno.dlopen(soname!, MORE_SYMBOLS);
  return { libc: library.symbols, close: () => library.close() };
}

/** A connected pair of sockets that keep messages apart (AF_UNIX, SOCK_SEQPACKET). */
export function socketPair(libc: RealLibc): [number, number] {
  const pair = new Int32Array(2);
  const [AF_UNIX, SOCK_SEQPACKET] = [1, 5];
  if (libc.socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) !== 0) throw new Error("socketpair failed");
  return [pair[0]!, pair[1]!];
}

/** Sends a message; throws unless all of it is accepted. */
export function send(libc: RealLibc, descriptor: number, bytes: Uint8Array<ArrayBuffer>): void {
  const MSG_DONTWAIT = 0x40;
  const sent = libc.send_to_peer(descriptor, bytes, BigInt(bytes.length), MSG_DONTWAIT);
  if (sent !== bytes.length) throw new Error(`send: ${sent} of ${bytes.length}`);
}

/** The system calls with the blocking polls counted. */
export class CountingSyscalls extends Syscalls {
  /** How many blocking polls have begun. */
  polls = 0;
  /** The descriptors that were ready in each that returned. */
  readonly ready: number[][] = [];

  /** Counts, and polls. */
  override async poll(
    descriptors: Int32Array<ArrayBuffer>,
    count: number,
    timeoutMs: number,
  ): Promise<number> {
    this.polls++;
    const result = await super.poll(descriptors, count, timeoutMs);
    const view = new DataView(descriptors.buffer);
    this.ready.push(
      Array.from({ length: count }, (_, i) => i)
        .filter((i) => view.getInt16(i * 8 + 6, true) !== 0)
        .map((i) => view.getInt32(i * 8, true)),
    );
    return result;
  }

  /** In how many polls this descriptor was ready. */
  readinesses(descriptor: number): number {
    return this.ready.filter((ready) => ready.includes(descriptor)).length;
  }
}

/** A separate runtime on system calls of this class, in addition to the shared one. */
export function openRuntime<S extends Syscalls>(
  make: (libc: RealLibc) => S,
): { runtime: LinuxRuntime; syscalls: S; libc: RealLibc } {
  const { libc, close } = openLibc();
  const syscalls = make(libc);
  return { runtime: new LinuxRuntime(syscalls, close), syscalls, libc };
}

/** `revents` of one descriptor at this moment. */
export function pollNow(libc: RealLibc, descriptor: number): number {
  const POLLIN = 1;
  const pollfd = new Int16Array(4);
  new Int32Array(pollfd.buffer)[0] = descriptor;
  pollfd[2] = POLLIN;
  libc.poll_at_once(new Uint8Array(pollfd.buffer), 1n, 0);
  return pollfd[3]!;
}
