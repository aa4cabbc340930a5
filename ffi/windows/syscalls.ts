// The system calls that netwatch makes on Windows, as typed functions.
import { SystemCallError } from "../../state/errors.ts";
import * as C from "./constants.ts";
import type { LibraryFunctions } from "./libraries.ts";
import { tableSize } from "./records.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const WINSOCK_2_2 = 0x0202;
const INVALID_SOCKET = 2n ** 64n - 1n;
/** The initial size that the documentation of GetAdaptersAddresses recommends. */
const ADAPTERS_BYTES = 16_384;
/** The most attempts to read the list: it may grow between two calls, repeatedly in a storm. */
const MAX_ADAPTER_CALLS = 8;
/** How long the list may take before another one is begun beside it, and how many there may be at a time. */
const STUCK_MS = 5_000;
const MAX_LISTINGS = 4;

/** The functions with a callback `void f(PVOID context, row *, MIB_NOTIFICATION_TYPE)`. */
export const CALLBACKS = [
  "NotifyUnicastIpAddressChange",
  "NotifyIpInterfaceChange",
  "NotifyRouteChange2",
] as const;

/** A copy of memory that the system filled in, and the address of the original. */
interface CopiedMemory {
  readonly bytes: Bytes;
  readonly address: bigint;
}

export class Syscalls {
  readonly #kernel32: LibraryFunctions["kernel32"];
  readonly #iphlpapi: LibraryFunctions["iphlpapi"];
  readonly #ws2_32: LibraryFunctions["ws2_32"];
  /**
   * The callback of all notifications is the function SetEvent itself: the system passes the context first,
   * which is the event, and x64 and arm64 ignore further arguments. So no JavaScript runs on a thread of
   * the system, and a cancellation cannot deadlock (tailscale#1414).
   */
  readonly #setEvent: bigint;
  readonly #u64 = new BigUint64Array(1);
  #listings = 0; // how many lists of adapters are under way
  #listing: Promise<unknown> = Promise.resolve(); // the newest of them
  #listingSince = 0;
  #nextListing: Promise<CopiedMemory> | null = null; // the one that begins when it has ended

  /** The functions must stay loaded while this is used. */
  constructor({ iphlpapi, kernel32, ws2_32 }: LibraryFunctions) {
    this.#kernel32 = kernel32;
    this.#iphlpapi = iphlpapi;
    this.#ws2_32 = ws2_32;
    const module = kernel32.GetModuleHandleA(cString("kernel32.dll"));
    this.#setEvent = kernel32.GetProcAddress(module, cString("SetEvent"));
    if (this.#setEvent === 0n) throw this.error("GetProcAddress of SetEvent");
  }

  /**
   * Keeps a library loaded until the process ends. When a Worker is terminated, Deno unloads its libraries, although
   * threads of the pool may run in them and the system still calls its notifications: the process would crash.
   */
  pin(library: string): void {
    const { GetModuleHandleExA } = this.#kernel32;
    GetModuleHandleExA(C.GET_MODULE_HANDLE_EX_FLAG_PIN, cString(library), new BigUint64Array(1));
  }

  /** Makes an error with the name and text of a code. The default, GetLastError(), is only a hint. */
  error(operation: string, code: number = this.#kernel32.GetLastError()): SystemCallError {
    return new SystemCallError(operation, code, errorName(code), { detail: this.#text(code) });
  }

  /**
   * Creates an event that stays set until `resetEvent()`, like a descriptor that stays readable.
   *
   * @throws {SystemCallError} if the system refuses.
   */
  createEvent(): number {
    const handle = this.#kernel32.CreateEventW(0n, 1, 0, 0n);
    if (handle === 0n) throw this.error("CreateEventW");
    // 32 bits are significant ("Interprocess Communication Between 32-bit and 64-bit Applications")
    return Number(BigInt.asIntN(32, handle));
  }

  setEvent(event: number): void {
    this.#kernel32.SetEvent(handleOf(event));
  }

  resetEvent(event: number): void {
    this.#kernel32.ResetEvent(handleOf(event));
  }

  isSet(event: number): boolean {
    return this.#kernel32.WaitForSingleObject(handleOf(event), 0) === 0;
  }

  /** Closes an event. No wait may be using it. */
  closeEvent(event: number): void {
    this.#kernel32.CloseHandle(handleOf(event));
  }

  /** Waits on a pool thread. Resolves to the position of the first event that is set, null if none is, -1 on failure. */
  async wait(events: readonly number[], timeoutMs: number): Promise<number | null> {
    const handles = BigUint64Array.from(events, handleOf);
    const { WaitForMultipleObjects } = this.#kernel32;
    const result = await WaitForMultipleObjects(events.length, handles, 0, timeoutMs);
    if (result === C.WAIT_TIMEOUT) return null;
    return result < events.length ? result : -1;
  }

  /**
   * Lets the system set an event at once and then at every change. Returns the registration.
   *
   * @throws {SystemCallError} if the system refuses.
   */
  register(callback: (typeof CALLBACKS)[number], event: number): bigint {
    const handle = new BigUint64Array(1);
    const register = this.#iphlpapi[callback];
    const code = register(C.AF_UNSPEC, this.#setEvent, handleOf(event), 1, handle);
    if (code !== C.ERROR_SUCCESS) throw this.error(callback, code);
    return handle[0]!;
  }

  /** Ends a registration. Once this resolves, no callback runs any more. */
  async cancel(registration: bigint): Promise<void> {
    await this.#iphlpapi.CancelMibChangeNotify2(registration);
  }

  /** Starts to wait for a change of the IPv4 addresses, once. Returns the error code. */
  notifyAddrChange(handle: bigint, overlapped: bigint): number {
    return this.#iphlpapi.NotifyAddrChange(handle, overlapped);
  }

  /** Ends a wait that `notifyAddrChange()` started. */
  cancelAddrChange(overlapped: bigint): void {
    this.#iphlpapi.CancelIPChangeNotify(overlapped);
  }

  /**
   * Starts Winsock. Every success needs a `cleanUpWinsock()`.
   *
   * @throws {SystemCallError} if it does not start.
   */
  startWinsock(): void {
    const code = this.#ws2_32.WSAStartup(WINSOCK_2_2, new Uint8Array(C.WSADATA_SIZE));
    if (code !== 0) throw this.error("WSAStartup", code);
  }

  cleanUpWinsock(): void {
    this.#ws2_32.WSACleanup();
  }

  /**
   * Opens a UDP socket.
   *
   * @throws {SystemCallError} if the system refuses.
   */
  openSocket(family: number): bigint {
    const flags = C.WSA_FLAG_OVERLAPPED | C.WSA_FLAG_NO_HANDLE_INHERIT;
    const socket = this.#ws2_32.WSASocketW(family, C.SOCK_DGRAM, 0, 0n, 0, flags);
    if (socket === INVALID_SOCKET) throw this.error("WSASocketW");
    return socket;
  }

  /** Closes a socket, which ends its operations. */
  closeSocket(socket: bigint): void {
    this.#ws2_32.closesocket(socket);
  }

  /** Starts to wait for a change of the addresses of the socket's family, once. Returns the error code. */
  notifyAddressList(socket: bigint, returned: bigint, overlapped: bigint): number {
    const { WSAIoctl } = this.#ws2_32;
    const code = C.SIO_ADDRESS_LIST_CHANGE;
    const result = WSAIoctl(socket, code, 0n, 0, 0n, 0, returned, overlapped, 0n);
    return result === 0 ? C.ERROR_SUCCESS : this.#kernel32.GetLastError();
  }

  /**
   * Allocates memory for the system to write to later: a JavaScript buffer is freed when its Worker is
   * terminated, but the system would still write to it.
   *
   * @throws {SystemCallError} if there is no memory.
   */
  allocate(size: number): bigint {
    const address = this.#kernel32.LocalAlloc(C.LPTR, BigInt(size));
    if (address === 0n) throw this.error("LocalAlloc");
    return address;
  }

  free(address: bigint): void {
    this.#kernel32.LocalFree(address);
  }

  copyFrom(address: bigint, size: number): Bytes {
    const bytes = new Uint8Array(size);
    this.#kernel32.copy_from(bytes, address, BigInt(size));
    return bytes;
  }

  /** Writes memory that `allocate()` returned. */
  copyTo(address: bigint, bytes: Bytes): void {
    this.#kernel32.copy_to(address, bytes, BigInt(bytes.length));
  }

  /**
   * Reads the adapters with their addresses, on a pool thread. The list may take seconds, and calls that do not return
   * would occupy all threads of the program: so the next list begins when the last one has ended, and all who wait
   * for it share it.
   *
   * @throws {SystemCallError} if the system refuses.
   */
  adapters(): Promise<CopiedMemory> {
    const isStuck = performance.now() - this.#listingSince > STUCK_MS;
    if (isStuck && this.#listings > 0 && this.#listings < MAX_LISTINGS) {
      this.#listing = Promise.resolve();
      this.#nextListing = null;
    }
    return this.#nextListing ??= this.#listing.then(() => {
      this.#nextListing = null;
      this.#listings++;
      this.#listingSince = performance.now();
      const list = this.#listAdapters().finally(() => this.#listings--);
      this.#listing = list.catch(() => {});
      return list;
    });
  }

  async #listAdapters(): Promise<CopiedMemory> {
    const { GetAdaptersAddresses } = this.#iphlpapi;
    const flags = C.GAA_FLAG_SKIP_ANYCAST | C.GAA_FLAG_SKIP_MULTICAST |
      C.GAA_FLAG_SKIP_DNS_SERVER | C.GAA_FLAG_INCLUDE_GATEWAYS;
    for (let room = ADAPTERS_BYTES, attempt = 1;; attempt++) {
      const size = this.allocate(room + 16);
      const address = size + 16n;
      try {
        this.copyTo(size, new Uint8Array(Uint32Array.of(room).buffer));
        const code = await GetAdaptersAddresses(C.AF_UNSPEC, flags, 0n, address, size);
        if (code === C.ERROR_SUCCESS) return { bytes: this.copyFrom(address, room), address };
        if (code === C.ERROR_NO_DATA) return { bytes: new Uint8Array(), address };
        if (code !== C.ERROR_BUFFER_OVERFLOW || attempt === MAX_ADAPTER_CALLS) {
          throw this.error("GetAdaptersAddresses", code);
        }
        const needed = new DataView(this.copyFrom(size, 4).buffer).getUint32(0, true);
        room = Math.max(room * 2, needed);
      } finally {
        this.free(size);
      }
    }
  }

  /** Asks for the route to a destination: a row, and the source address. Returns the error code if there is none. */
  bestRoute(destination: Bytes): { row: Bytes; source: Bytes } | number {
    const row = new Uint8Array(C.MIB_IPFORWARD_ROW2_SIZE);
    const source = new Uint8Array(C.SOCKADDR_INET_SIZE);
    const code = this.#iphlpapi.GetBestRoute2(0n, 0, 0n, destination, 0, row, source);
    return code === C.ERROR_SUCCESS ? { row, source } : code;
  }

  /**
   * Reads the routing table of both families.
   *
   * @throws {SystemCallError} if the system refuses.
   */
  routeTable(): Bytes {
    const code = this.#iphlpapi.GetIpForwardTable2(C.AF_UNSPEC, this.#u64);
    if (code !== C.ERROR_SUCCESS) throw this.error("GetIpForwardTable2", code);
    const table = this.#u64[0]!;
    try {
      return this.copyFrom(table, tableSize(this.copyFrom(table, C.MIB_IPFORWARD_TABLE2.Table)));
    } finally {
      this.#iphlpapi.FreeMibTable(table);
    }
  }

  /** The time since the system started, in milliseconds, excluding the time asleep. */
  awakeMs(): number | null {
    const { QueryUnbiasedInterruptTime } = this.#kernel32;
    return QueryUnbiasedInterruptTime(this.#u64) === 0 ? null : Number(this.#u64[0]!) / 10_000;
  }

  /** The time since the system started, in milliseconds, including the time asleep. */
  uptimeMs(): number {
    return Number(this.#kernel32.GetTickCount64());
  }

  #text(code: number): string {
    const flags = C.FORMAT_MESSAGE_FROM_SYSTEM | C.FORMAT_MESSAGE_IGNORE_INSERTS |
      C.FORMAT_MESSAGE_MAX_WIDTH_MASK;
    const text = new Uint16Array(512);
    const { FormatMessageW } = this.#kernel32;
    const length = FormatMessageW(flags, 0n, code, 0, text, text.length, 0n);
    return String.fromCharCode(...text.subarray(0, length)).trim();
  }
}

/** A handle as 64 bits: it is sign-extended. */
function handleOf(event: number): bigint {
  return BigInt.asUintN(64, BigInt(event));
}

function cString(text: string): Bytes {
  return new TextEncoder().encode(`${text}\0`);
}

/** winerror.h. */
export const ERROR_NAMES: Readonly<Record<number, string>> = {
  1: "ERROR_INVALID_FUNCTION",
  2: "ERROR_FILE_NOT_FOUND",
  5: "ERROR_ACCESS_DENIED",
  6: "ERROR_INVALID_HANDLE",
  8: "ERROR_NOT_ENOUGH_MEMORY",
  13: "ERROR_INVALID_DATA",
  14: "ERROR_OUTOFMEMORY",
  31: "ERROR_GEN_FAILURE",
  50: "ERROR_NOT_SUPPORTED",
  87: "ERROR_INVALID_PARAMETER",
  111: "ERROR_BUFFER_OVERFLOW",
  120: "ERROR_CALL_NOT_IMPLEMENTED",
  122: "ERROR_INSUFFICIENT_BUFFER",
  127: "ERROR_PROC_NOT_FOUND",
  232: "ERROR_NO_DATA",
  995: "ERROR_OPERATION_ABORTED",
  997: "ERROR_IO_PENDING",
  1168: "ERROR_NOT_FOUND",
  1228: "ERROR_ADDRESS_NOT_ASSOCIATED",
  1231: "ERROR_NETWORK_UNREACHABLE",
  1232: "ERROR_HOST_UNREACHABLE",
  1450: "ERROR_NO_SYSTEM_RESOURCES",
  1722: "RPC_S_SERVER_UNAVAILABLE",
  10022: "WSAEINVAL",
  10024: "WSAEMFILE",
  10047: "WSAEAFNOSUPPORT",
  10055: "WSAENOBUFS",
  10091: "WSASYSNOTREADY",
  10093: "WSANOTINITIALISED",
};

/** The symbolic name of an error code, such as `"ERROR_NOT_SUPPORTED"`; `"E?"` if it is not known. */
function errorName(code: number): string {
  return ERROR_NAMES[code] ?? "E?";
}
