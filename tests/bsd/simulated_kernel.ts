/**
 * A model of the kernels of macOS and FreeBSD at the level of the C functions that the source calls, so
 * that the real source runs on any machine: routing sockets whose buffer overflows silently, kernel events,
 * the notification centre, `sysctl`, `poll`, the clocks. Its bytes are those of the systems.
 *
 * @module
 */
import type { LibcFunctions } from "../../ffi/bsd/libc.ts";
import type { Clock } from "../../state/ports.ts";
import { formatIp } from "../../state/ip.ts";
import { type EncodedOs, encodeKernelEvent, encodeRoute, refuse } from "../support/bsd_encode.ts";
import { Descriptor, type DescriptorKind } from "./simulated_descriptor.ts";
import { NotificationCentre } from "./simulated_notifications.ts";
import { Polls } from "./simulated_poll.ts";
import { RTF, SimulatedNetwork } from "./simulated_network.ts";

const ERRNO = {
  esrch: 3,
  eintr: 4,
  ebadf: 9,
  enomem: 12,
  eacces: 13,
  einval: 22,
  emfile: 24,
  eagain: 35,
  enoprotoopt: 42,
  eafnosupport: 47,
  enobufs: 55,
  enotconn: 57,
  eaddrnotavail: 49,
} as const;
const POLL = { in: 0x1, nval: 0x20 } as const;
const PF = { inet6: { darwin: 30, freebsd: 28 }, route: 17, system: 32 } as const;
const SOCK = { dgram: 2, raw: 3 } as const;
const SO = { rcvbuf: 0x1002, error: 0x1007, rerror: 0x20000 } as const;
const RT_MSGHDR_SIZE = { darwin: 92, freebsd: 152 } as const;
const NET_RT_DUMP = 1;

type Bytes = Uint8Array<ArrayBuffer>;

/** The largest receive buffer (kern.ipc.maxsockbuf). */
const MAX_RECEIVE_BYTES = 8 * 1024 * 1024;

/** Which system, and what is wrong with it. */
export interface SimulatedKernelOptions {
  os: EncodedOs;
  clock: Clock;
  /** What is missing or refused; nothing by default. */
  without?: readonly (
    | "network_change"
    | "kernel-events"
    | "kernel-event-filter"
    | "address-flags"
    | "SO_RERROR"
    | "sleep-clock"
  )[];
}

/** The kernel. A test switches its faults on. */
export class SimulatedKernel {
  readonly network: SimulatedNetwork;
  /** Number of calls, by function. */
  readonly calls: Record<string, number> = {};
  /** When routing sockets were opened, in milliseconds. */
  readonly openedAt: number[] = [];
  /** No descriptor is left for an IPv6 socket. */
  lacksDescriptors = false;
  /** Every recv() of a routing socket fails with ENOTCONN, and every poll() returns POLLIN. */
  disconnected = false;
  /** How many more calls of recv() a signal interrupts. */
  interruptions = 0;
  /** One recv() returns all queued messages. */
  merges = false;
  /** How many more times the table grows between the call for its size and the one for its content. */
  growths = 0;
  /** The size of the table when it is read, by the size reported before; null if they are the same. */
  grows: ((size: number) => number) | null = null;
  /** Called once, when the next read of the routes has ended. */
  afterRead: (() => void) | null = null;
  readonly #os: EncodedOs;
  readonly #clock: Clock;
  readonly #without: ReadonlySet<string>;
  readonly #descriptors = new Map<number, Descriptor>();
  readonly #polls: Polls;
  readonly #errnoPointer = Object.create(null) as Deno.PointerObject;
  #errno = 0;
  #lastDescriptor = 2;
  readonly #notifications: NotificationCentre;
  #sleptMs = 0;
  #listening = true;

  /** Boots a machine that has a loopback only. */
  constructor(options: SimulatedKernelOptions) {
    this.#os = options.os;
    this.#clock = options.clock;
    this.#without = new Set(options.without);
    this.#polls = new Polls(options.clock, (fd) => this.#revents(fd));
    this.#notifications = new NotificationCentre({
      open: () => this.#openDescriptor("notify"),
      descriptor: (fd) => this.#descriptor(fd),
      close: (fd) => this.#forget(fd, "A notification was cancelled"),
    });
    this.network = new SimulatedNetwork(options.os, {
      route: (message) => this.deliver(message),
      kernelEvent: (subclass, code) => this.#postEvent(subclass, code),
      networkChange: () => {
        this.#notifications.post();
        this.#polls.wake();
      },
    });
  }

  /** The functions of its C library. */
  get functions(): LibcFunctions {
    const notifies = this.#os === "darwin" && !this.#without.has("network_change");
    return {
      socket: (...args: Parameters<LibcFunctions["socket"]>) =>
        this.#call("socket", () => this.#socket(...args)),
      setsockopt: (fd: number, _level: number, option: number, value: Bytes) =>
        this.#call("setsockopt", () => this.#setsockopt(fd, option, value)),
      getsockopt: (fd: number, _level: number, option: number, value: Bytes) =>
        this.#call("getsockopt", () => this.#getsockopt(fd, option, value)),
      recv: (fd: number, buffer: Bytes, _length: bigint, flags: number) => {
        if ((flags & 0x80) === 0) throw new Error("recv() would block the event loop");
        return this.#call("recv", () => this.#receive(this.#descriptor(fd), buffer));
      },
      read: (fd: number, buffer: Bytes) => {
        const descriptor = this.#descriptor(fd);
        if (!descriptor.isReadable) throw new Error("read() would block the event loop");
        return this.#call("read", () => this.#receive(descriptor, buffer));
      },
      write: (fd: number, bytes: Bytes) =>
        this.#call("write", () => this.#write(this.#descriptor(fd), bytes)),
      close: (fd: number) => this.#call("close", () => this.#close(fd)),
      pipe: (pair: Int32Array) => this.#call("pipe", () => this.#pipe(pair)),
      poll_blocking: (set: Bytes, count: number, ms: number) => {
        this.#call("poll_blocking", () => 0);
        return this.#polls.start(set, count, ms);
      },
      poll_now: (set: Bytes, count: number) =>
        this.#call("poll_now", () => this.#polls.lookAt(set, count)),
      sysctl: (name: Int32Array, _length: number, old: Bytes | null, size: BigUint64Array) =>
        this.#call("sysctl", () => this.#sysctl(name, old, size)),
      clock_gettime: (clock: number, time: BigInt64Array) =>
        this.#call("clock_gettime", () => this.#gettime(clock, time)),
      ioctl: (fd: number, request: bigint, argument: Bytes) =>
        this.#call("ioctl", () => this.#ioctl(fd, request, argument)),
      notify_register_file_descriptor: notifies
        ? (name: Bytes, fd: Int32Array, _flags: number, token: Int32Array) =>
          this.#notifications.register(name, fd, token)
        : null,
      notify_cancel: notifies ? (token: number) => this.#notifications.cancel(token) : null,
      __error: () => this.#errnoPointer,
      copy_from: (into: Int32Array) => {
        into[0] = this.#errno;
        return null;
      },
      // Deno types every buffer as any kind of view; the syscalls pass just these.
    } as unknown as LibcFunctions;
  }

  /** How many calls there were in all. */
  get callCount(): number {
    return Object.values(this.calls).reduce((sum, count) => sum + count, 0);
  }

  /** How many descriptors are open. */
  get open(): number {
    return this.#descriptors.size;
  }

  /** How many routing sockets are open. */
  get routeSockets(): number {
    return this.#all("route").length;
  }

  /** Every queue is empty, and a poll is blocked if a socket is open. */
  get isQuiet(): boolean {
    if (this.disconnected) return true;
    const readers = [...this.#descriptors.values()].filter(({ kind }) => kind !== "writer");
    if (readers.some((it) => it.isReadable)) return false;
    return this.#polls.size > 0 || readers.every(({ kind }) => kind === "reader");
  }

  /** Delivers a routing message to every routing socket that has room for it. */
  deliver(message: Uint8Array): void {
    for (const socket of this.#all("route")) socket.enqueue(message);
    this.#polls.wake();
  }

  /** The open routing sockets receive nothing any more, without an error; those opened later do. */
  stall(): void {
    for (const socket of this.#all("route")) socket.stalled = true;
  }

  /** The machine sleeps: one of the two clocks stops. */
  sleep(ms: number): void {
    this.#sleptMs += ms;
  }

  #all(kind: DescriptorKind): Descriptor[] {
    return [...this.#descriptors.values()].filter((it) => it.kind === kind);
  }

  #call(name: string, work: () => number): number {
    if (!this.#listening) throw new Error(`${name}() was called after the library was unloaded`);
    this.calls[name] = (this.calls[name] ?? 0) + 1;
    return work();
  }

  /** The library is unloaded: no function may be called any more, and no descriptor may be open. */
  unload(): void {
    this.#listening = false;
    const left = [...this.#descriptors.values()].map(({ kind }) => kind);
    if (left.length > 0) throw new Error(`Left open: ${left.join(", ")}`);
  }

  #fail(errno: number): number {
    this.#errno = errno;
    return -1;
  }

  #descriptor(fd: number): Descriptor {
    const descriptor = this.#descriptors.get(fd);
    if (descriptor === undefined) throw new Error(`Descriptor ${fd} is not open`);
    return descriptor;
  }

  #openDescriptor(kind: DescriptorKind, reader: Descriptor | null = null): number {
    this.#descriptors.set(++this.#lastDescriptor, new Descriptor(kind, reader));
    return this.#lastDescriptor;
  }

  #socket(domain: number, type: number, protocol: number): number {
    const darwin = this.#os === "darwin";
    const bare = darwin ? type : type & 0xff;
    if (domain === PF.route && bare === SOCK.raw && protocol === 0) {
      this.openedAt.push(this.#clock.monotonic());
      return this.#openDescriptor("route");
    }
    if (darwin && domain === PF.system && bare === SOCK.raw && protocol === 1) {
      if (this.#without.has("kernel-events")) return this.#fail(ERRNO.eacces);
      return this.#openDescriptor("events");
    }
    if (domain !== PF.inet6[this.#os] || bare !== SOCK.dgram) return this.#fail(ERRNO.eafnosupport);
    return this.lacksDescriptors ? this.#fail(ERRNO.emfile) : this.#openDescriptor("inet6");
  }

  #setsockopt(fd: number, option: number, value: Uint8Array<ArrayBuffer>): number {
    const descriptor = this.#descriptor(fd);
    const number = new DataView(value.buffer).getInt32(0, true);
    if (option === SO.rcvbuf) {
      if (number > MAX_RECEIVE_BYTES) return this.#fail(ERRNO.enobufs);
      descriptor.capacity = number;
      return 0;
    }
    const knows = this.#os === "freebsd" && !this.#without.has("SO_RERROR");
    if (option !== SO.rerror || !knows) return this.#fail(ERRNO.enoprotoopt);
    descriptor.reportsOverflow = number !== 0;
    return 0;
  }

  #getsockopt(fd: number, option: number, value: Uint8Array<ArrayBuffer>): number {
    const descriptor = this.#descriptor(fd);
    if (option !== SO.error) return this.#fail(ERRNO.enoprotoopt);
    const error = descriptor.overflowed ? ERRNO.enobufs : 0;
    descriptor.overflowed = false;
    new DataView(value.buffer).setInt32(0, error, true);
    return 0;
  }

  #receive(descriptor: Descriptor, buffer: Uint8Array): number {
    if (descriptor.kind === "route" && this.disconnected) return this.#fail(ERRNO.enotconn);
    if (descriptor.kind === "route" && this.interruptions > 0) {
      this.interruptions--;
      return this.#fail(ERRNO.eintr);
    }
    const taken = descriptor.receive(buffer, this.merges);
    if (typeof taken === "number") return taken;
    return this.#fail(taken === "overflow" ? ERRNO.enobufs : ERRNO.eagain);
  }

  /** Writes to a pipe; or delivers the answer to RTM_GET to every routing socket. */
  #write(descriptor: Descriptor, bytes: Uint8Array): number {
    if (descriptor.kind === "writer") {
      descriptor.reader!.enqueue(bytes.slice());
      this.#polls.wake();
      return bytes.length;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const size = RT_MSGHDR_SIZE[this.#os];
    const isGet = descriptor.kind === "route" && bytes[2] === 5 && bytes[3] === 4 &&
      view.getUint16(0, true) === bytes.length && bytes[size] === 16 && bytes[size + 1] === 2;
    if (!isGet) return this.#fail(ERRNO.einval);
    const found = this.network.routes.find((route) =>
      route.destination === "0.0.0.0" && (route.flags & RTF.scope) === 0
    );
    if (found === undefined) {
      const refused = refuse(bytes, ERRNO.esrch);
      new DataView(refused.buffer).setInt32(16, Deno.pid, true);
      this.deliver(refused);
      return this.#fail(ERRNO.esrch);
    }
    const request = { pid: Deno.pid, sequence: view.getInt32(20, true) };
    this.deliver(encodeRoute(this.#os, 4, found, "answer", request));
    return bytes.length;
  }

  #close(fd: number): number {
    if (this.#descriptor(fd).kind === "notify") throw new Error("The pipe belongs to libnotify");
    this.#forget(fd, `Descriptor ${fd} was closed`);
    return 0;
  }

  #forget(fd: number, what: string): void {
    if (this.#polls.watch(fd)) throw new Error(`${what} while a poll was watching it`);
    this.#descriptors.delete(fd);
  }

  #pipe(pair: Int32Array): number {
    pair[0] = this.#openDescriptor("reader");
    pair[1] = this.#openDescriptor("writer", this.#descriptor(pair[0]));
    return 0;
  }

  #revents(fd: number): number {
    const descriptor = this.#descriptors.get(fd);
    if (descriptor === undefined) return POLL.nval;
    if (descriptor.kind === "route" && this.disconnected) return POLL.in;
    return descriptor.isReadable ? POLL.in : 0;
  }

  #sysctl(name: Int32Array, old: Uint8Array | null, size: BigUint64Array): number {
    const [top, protocol, zero, family, request, argument] = name;
    if (top !== 4 || protocol !== 17 || zero !== 0 || family !== 0 || argument !== 0) {
      return this.#fail(ERRNO.einval);
    }
    if (old !== null && this.growths > 0) {
      this.growths--;
      for (let i = 0; i < 10; i++) this.network.create(`tap${this.growths * 10 + i}`);
    }
    const list = request === (this.#os === "darwin" ? 6 : 3)
      ? this.network.listInterfaces()
      : request === NET_RT_DUMP
      ? this.network.listRoutes()
      : null;
    if (list === null) return this.#fail(ERRNO.einval);
    const room = Number(size[0]);
    size[0] = BigInt(list.length);
    if (old === null) return 0;
    if ((this.grows?.(room) ?? list.length) > room) {
      if (request !== NET_RT_DUMP || this.#os === "darwin") return this.#fail(ERRNO.enomem);
      size[0] = BigInt(room); // cut without an error: rtable_sysctl_dump() in sys/net/rtsock.c of FreeBSD
    }
    old.set(list.subarray(0, room));
    if (request !== NET_RT_DUMP) return 0;
    const { afterRead } = this;
    this.afterRead = null;
    afterRead?.();
    return 0;
  }

  #gettime(clock: number, time: BigInt64Array): number {
    const [always, awake] = this.#os === "darwin" ? [4, 8] : [4, 5];
    const sleptMs = this.#without.has("sleep-clock") ? 0 : this.#sleptMs;
    const base = clock === always ? sleptMs : clock === awake ? 0 : null;
    if (base === null) return this.#fail(ERRNO.einval);
    const ms = this.#clock.monotonic() + base;
    time[0] = BigInt(Math.floor(ms / 1000));
    time[1] = BigInt(Math.round((ms % 1000) * 1e6));
    return 0;
  }

  #ioctl(fd: number, request: bigint, argument: Uint8Array): number {
    const descriptor = this.#descriptors.get(fd);
    if (descriptor === undefined) return this.#fail(ERRNO.ebadf);
    if (descriptor.kind === "events" && request === 0x800c6502n && argument.length === 12) {
      if (this.#without.has("kernel-event-filter")) return this.#fail(ERRNO.einval);
      const [vendor, kind, subclass] = new Uint32Array(argument.buffer);
      descriptor.filtered = vendor === 1 && kind === 1 && subclass === 0;
      return 0;
    }
    const asks = descriptor.kind === "inet6" && request === 0xc1206949n && argument.length === 288;
    if (!asks || this.#without.has("address-flags")) return this.#fail(ERRNO.einval);
    const name = new TextDecoder().decode(argument.subarray(0, argument.indexOf(0)));
    const flags = argument[16] === 28 && argument[17] === PF.inet6[this.#os]
      ? this.network.addressFlags(name, formatIp(argument.slice(24, 40)))
      : null;
    if (flags === null) return this.#fail(ERRNO.eaddrnotavail);
    new DataView(argument.buffer).setUint32(16, flags, true);
    return 0;
  }

  #postEvent(subclass: number, code: number): void {
    for (const socket of this.#all("events")) {
      if (socket.filtered) socket.enqueue(encodeKernelEvent(subclass, code));
    }
    this.#polls.wake();
  }
}
