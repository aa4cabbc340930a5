/**
 * A simulated Windows, whose events, registrations and operations a test controls.
 *
 * @module
 */
import { WindowsRuntime, WindowsSource } from "../../ffi/windows/source.ts";
import type { Syscalls } from "../../ffi/windows/syscalls.ts";
import { SystemCallError } from "../../state/errors.ts";
import { BASE, encodeAdapters } from "./windows_images.ts";

const ERROR_NOT_SUPPORTED = 50;
const ERROR_IO_PENDING = 997;
const INTERNAL = 0;
const EVENT = 24;

/** The system calls in use, except those that are not simulated. */
type Played = Omit<
  { [K in keyof Syscalls]: Syscalls[K] },
  "notifyAddrChange" | "cancelAddrChange" | "bestRoute" | "pin"
>;

/** Simulates the system calls. */
export class SimulatedWindows implements Played {
  /** The events that are open, and whether they are set. */
  readonly events = new Map<number, boolean>();
  /** The registrations: name and event, by handle. */
  readonly registrations = new Map<bigint, { name: string; event: number }>();
  /** The memory that is allocated. */
  readonly memory = new Map<bigint, Uint8Array<ArrayBuffer>>();
  /** The sockets that are open, with the OVERLAPPED of their operation. */
  readonly sockets = new Map<bigint, bigint | null>();
  /** APIs that refuse to register. */
  readonly refused = new Set<string>();
  /** APIs whose registrations do not confirm. */
  readonly silent = new Set<string>();
  /** Whether operations are refused. */
  operationsRefused = false;
  /** How often Winsock was started and not cleaned up. */
  winsock = 0;
  /** The clocks. */
  awake = 1_000;
  uptime = 1_000;
  readonly #waits = new Set<readonly number[]>(); // the events of each that is under way
  #next = 4;
  #set = Promise.withResolvers<void>();

  /** How many things are open; the runtime itself needs one event. */
  get open(): number {
    const { events, memory, registrations, sockets, winsock } = this;
    return events.size + memory.size + registrations.size + sockets.size + winsock;
  }

  /** A source on it. */
  source(): WindowsSource {
    const runtime = new WindowsRuntime(this as unknown as Syscalls, () => {});
    return new WindowsSource(runtime, {}, () => runtime.dispose());
  }

  /** A change: notifies every registration and every operation. */
  change(): void {
    for (const { event } of this.registrations.values()) this.setEvent(event);
    for (const [socket, overlapped] of this.sockets) {
      if (overlapped !== null) this.#complete(socket, overlapped);
    }
  }

  error(operation: string, code = ERROR_NOT_SUPPORTED): SystemCallError {
    return new SystemCallError(operation, code, "E?");
  }

  createEvent(): number {
    this.events.set(this.#next += 4, false);
    return this.#next;
  }

  setEvent(event: number): void {
    if (!this.events.has(event)) throw new Error(`Event ${event} is closed`);
    this.events.set(event, true);
    this.#set.resolve();
    this.#set = Promise.withResolvers();
  }

  resetEvent(event: number): void {
    this.events.set(event, false);
  }

  isSet(event: number): boolean {
    const isSet = this.events.get(event);
    if (isSet === undefined) throw new Error(`Event ${event} is closed`);
    return isSet;
  }

  closeEvent(event: number): void {
    for (const events of this.#waits) {
      if (events.includes(event)) throw new Error(`Event ${event} is in use`);
    }
    this.events.delete(event);
  }

  async wait(events: readonly number[], timeoutMs: number): Promise<number | null> {
    const { promise, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(() => resolve("late"), timeoutMs);
    this.#waits.add(events);
    try {
      for (;;) {
        const first = events.findIndex((event) => this.isSet(event));
        if (first >= 0) return first;
        if (await Promise.race([this.#set.promise, promise]) === "late") return null;
      }
    } finally {
      clearTimeout(timer);
      this.#waits.delete(events);
    }
  }

  register(name: string, event: number): bigint {
    if (this.refused.has(name)) throw this.error(name);
    const handle = BigInt(this.#next += 4);
    this.registrations.set(handle, { name, event });
    if (!this.silent.has(name)) this.setEvent(event);
    return handle;
  }

  cancel(registration: bigint): Promise<void> {
    this.registrations.delete(registration);
    return Promise.resolve();
  }

  notifyAddrChange(): number {
    return ERROR_NOT_SUPPORTED;
  }

  cancelAddrChange(): void {}

  startWinsock(): void {
    this.winsock++;
  }

  cleanUpWinsock(): void {
    this.winsock--;
  }

  openSocket(): bigint {
    const socket = BigInt(this.#next += 4);
    this.sockets.set(socket, null);
    return socket;
  }

  closeSocket(socket: bigint): void {
    const overlapped = this.sockets.get(socket);
    if (overlapped) this.#complete(socket, overlapped);
    this.sockets.delete(socket);
  }

  notifyAddressList(socket: bigint, _returned: bigint, overlapped: bigint): number {
    if (this.operationsRefused) return ERROR_NOT_SUPPORTED;
    this.sockets.set(socket, overlapped);
    return ERROR_IO_PENDING;
  }

  allocate(size: number): bigint {
    const address = BigInt(this.#next += 0x1000);
    this.memory.set(address, new Uint8Array(size));
    return address;
  }

  free(address: bigint): void {
    this.memory.delete(address);
  }

  copyFrom(address: bigint, size: number): Uint8Array<ArrayBuffer> {
    return this.memory.get(address)!.slice(0, size);
  }

  copyTo(address: bigint, bytes: Uint8Array<ArrayBuffer>): void {
    this.memory.get(address)!.set(bytes);
  }

  adapters(): Promise<{ bytes: Uint8Array<ArrayBuffer>; address: bigint }> {
    return Promise.resolve({ bytes: encodeAdapters([{ name: "net0" }]), address: BASE });
  }

  bestRoute(): number {
    return 1231;
  }

  routeTable(): never {
    throw new Error("Nobody needs the table");
  }

  awakeMs(): number {
    return this.awake;
  }

  uptimeMs(): number {
    return this.uptime;
  }

  #complete(socket: bigint, overlapped: bigint): void {
    this.sockets.set(socket, null);
    const view = new DataView(this.memory.get(overlapped)!.buffer);
    view.setBigUint64(INTERNAL, 0n, true);
    this.setEvent(Number(view.getBigInt64(EVENT, true)));
  }
}
