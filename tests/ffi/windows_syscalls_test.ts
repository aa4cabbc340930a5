/**
 * The system calls on Windows, over functions that the test plays. With real functions they run under Wine only.
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { delay } from "@std/async/delay";
import type { LibraryFunctions } from "../../ffi/windows/libraries.ts";
import { Syscalls } from "../../ffi/windows/syscalls.ts";
import { SystemCallError } from "../../state/errors.ts";
import { SimulatedTime } from "../support/simulated_time.ts";

const ERROR_BUFFER_OVERFLOW = 111;
const ERROR_NO_DATA = 232;
const TABLE = 0x9000n;
const HANDLE = 0xffff_ffff_8000_0004n; // 32 bits, and the rest is their sign

type Bytes = Uint8Array<ArrayBuffer>;

/** Memory, a list of adapters and a routing table. */
class FakeWindows {
  /** The memory that is allocated, by address. */
  readonly memory = new Map<bigint, Bytes>();
  /** How many bytes the list of adapters takes, by the number of the call. */
  listBytes = (_call: number): number => 0;
  /** The result of a call with enough room. */
  listCode = 0;
  /** What QueryUnbiasedInterruptTime and WaitForMultipleObjects return. */
  clockResult = 1;
  waitResult = 0;
  listCalls = 0;
  /** When a call for the list of adapters returns. */
  listed = (): Promise<void> => Promise.resolve();
  /** The function that fails. */
  fails = "";
  /** What was given to CreateEventW, and to SetEvent. */
  readonly created: unknown[] = [];
  readonly set: bigint[] = [];
  readonly freedTables: bigint[] = [];
  #next = 0x1000n;

  syscalls(): Syscalls {
    const kernel32 = {
      GetModuleHandleA: () => 1n,
      GetProcAddress: () => this.fails === "GetProcAddress" ? 0n : 2n,
      CreateEventW: (...args: unknown[]) => {
        this.created.push(args);
        return this.fails === "CreateEventW" ? 0n : HANDLE;
      },
      SetEvent: (event: bigint) => this.set.push(event),
      GetLastError: () => 0,
      FormatMessageW: () => 0,
      LocalAlloc: (_flags: number, size: bigint) => {
        if (this.fails === "LocalAlloc") return 0n;
        this.memory.set(this.#next += 0x100000n, new Uint8Array(Number(size)));
        return this.#next;
      },
      LocalFree: (address: bigint) => this.memory.delete(address) ? 0n : address,
      copy_from: (into: Bytes, address: bigint, size: bigint) =>
        into.set(this.#at(address).subarray(0, Number(size))),
      copy_to: (address: bigint, bytes: Bytes) => this.#at(address).set(bytes),
      QueryUnbiasedInterruptTime: (time: BigUint64Array) => {
        time[0] = 70_000n;
        return this.clockResult;
      },
      WaitForMultipleObjects: () => Promise.resolve(this.waitResult),
    };
    const iphlpapi = {
      GetAdaptersAddresses: async (
        _family: number,
        _flags: number,
        _: bigint,
        to: bigint,
        at: bigint,
      ) => {
        const size = new DataView(this.#at(at).buffer);
        if (this.#at(to).length < size.getUint32(0, true)) throw new Error("That is not allocated");
        const needed = this.listBytes(++this.listCalls);
        const fits = needed <= size.getUint32(0, true);
        size.setUint32(0, needed, true);
        await this.listed();
        return fits ? this.listCode : ERROR_BUFFER_OVERFLOW;
      },
      GetIpForwardTable2: (_family: number, table: BigUint64Array) => {
        this.memory.set(TABLE, Uint8Array.of(1, ...Array(8 + 104 - 1).fill(0))); // one row
        table[0] = TABLE;
        return this.fails === "GetIpForwardTable2" ? 8 : 0;
      },
      NotifyRouteChange2: () => this.fails === "NotifyRouteChange2" ? 1450 : 0,
      FreeMibTable: (table: bigint) => void this.freedTables.push(table),
    };
    const ws2_32 = {
      WSAStartup: () => this.fails === "WSAStartup" ? 10091 : 0,
      WSASocketW: () => this.fails === "WSASocketW" ? 0xffff_ffff_ffff_ffffn : 3n,
    };
    return new Syscalls({ kernel32, iphlpapi, ws2_32 } as unknown as LibraryFunctions);
  }

  /** The memory from an address on. */
  #at(address: bigint): Bytes {
    for (const [start, bytes] of this.memory) {
      const offset = Number(address - start);
      if (offset >= 0 && offset < bytes.length) return bytes.subarray(offset);
    }
    throw new Error(`Nothing is allocated at ${address}`);
  }
}

Deno.test("a list of adapters that grows with each call is read with twice the room, and frees its memory", async () => {
  const windows = new FakeWindows();
  windows.listBytes = (call) => 100_000 + 1_000 * call;
  const { bytes } = await windows.syscalls().adapters();
  assertEquals([windows.listCalls, windows.memory.size], [3, 0]); // 16 KiB, what it asked for, twice that
  assertEquals(bytes.length, 2 * 101_000);
});

Deno.test("a list of adapters that outgrows any room fails after eight calls, and frees its memory", async () => {
  const windows = new FakeWindows();
  windows.listBytes = (call) => 16_385 * 2 ** call;
  const syscalls = windows.syscalls();
  const error = await assertRejects(() => syscalls.adapters(), SystemCallError);
  assertEquals([error.code, windows.listCalls, windows.memory.size], [111, 8, 0]);
});

Deno.test("a Windows without any adapter has an empty list", async () => {
  const windows = new FakeWindows();
  windows.listCode = ERROR_NO_DATA;
  assertEquals((await windows.syscalls().adapters()).bytes.length, 0);
  assertEquals(windows.memory.size, 0);
});

Deno.test("the list of adapters occupies one thread at a time, and all who wait for it share the next one", async () => {
  const windows = new FakeWindows();
  const answers: (() => void)[] = [];
  windows.listed = () => new Promise((resolve) => answers.push(resolve));
  const syscalls = windows.syscalls();
  const reads = [syscalls.adapters()];
  await delay(0);
  for (let i = 0; i < 40; i++) reads.push(syscalls.adapters());
  await delay(0);
  assertEquals(answers.length, 1);
  answers[0]!();
  await reads[0];
  await delay(0);
  assertEquals(answers.length, 2, "a list that began before the call may be too old");
  answers[1]!();
  await Promise.all(reads);
  assertEquals([windows.listCalls, windows.memory.size], [2, 0]);
});

Deno.test("lists of adapters that are asked for at once are one, also long after the last", async () => {
  const windows = new FakeWindows();
  const syscalls = windows.syscalls();
  using time = new SimulatedTime();
  await syscalls.adapters();
  time.ms += 60_000;
  await Promise.all(Array.from({ length: 40 }, () => syscalls.adapters()));
  assertEquals(windows.listCalls, 2);
});

Deno.test("a list of adapters that does not return does not stop the next ones, and occupies four threads at most", async () => {
  const windows = new FakeWindows();
  const answers: (() => void)[] = [];
  windows.listed = () => new Promise((resolve) => answers.push(resolve));
  const syscalls = windows.syscalls();
  using time = new SimulatedTime();
  const calls: number[] = [];
  const reads: Promise<unknown>[] = [];
  for (let i = 0; i < 12; i++) {
    reads.push(syscalls.adapters());
    for (let turn = 0; turn < 4; turn++) await null;
    calls.push(answers.length);
    time.ms += 3_000;
  }
  assertEquals(calls, [1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 4, 4]);
  answers[3]!();
  assertEquals(await reads[6] !== undefined, true);
  windows.listed = () => Promise.resolve();
  answers.forEach((answer) => answer());
  await Promise.all(reads);
  await syscalls.adapters();
  assertEquals(windows.memory.size, 0);
});

Deno.test("a list of adapters that fails does not fail the next one", async () => {
  const windows = new FakeWindows();
  windows.listCode = 1228; // ERROR_ADDRESS_NOT_ASSOCIATED
  const syscalls = windows.syscalls();
  const failing = syscalls.adapters();
  await assertRejects(() => failing, SystemCallError);
  windows.listCode = 0;
  await syscalls.adapters();
  assertEquals(windows.listCalls, 2);
});

Deno.test("the routing table of Windows is copied whole, and freed", () => {
  const windows = new FakeWindows();
  assertEquals(windows.syscalls().routeTable().length, 8 + 104);
  assertEquals(windows.freedTables, [TABLE]);
});

Deno.test("a clock of Windows that fails has no time", () => {
  const windows = new FakeWindows();
  const syscalls = windows.syscalls();
  assertEquals(syscalls.awakeMs(), 7);
  windows.clockResult = 0;
  assertEquals(syscalls.awakeMs(), null);
});

Deno.test("a wait for two events returns the first that is set, that none is, or that it failed", async () => {
  const windows = new FakeWindows();
  const syscalls = windows.syscalls();
  const results: (number | null)[] = [];
  for (const result of [1, 258, 0xffffffff, 0x80]) { // WAIT_TIMEOUT, WAIT_FAILED, WAIT_ABANDONED_0
    windows.waitResult = result;
    results.push(await syscalls.wait([4, 8], 1_000));
  }
  assertEquals(results, [1, null, -1, -1]);
});

Deno.test("an event of Windows stays set until it is reset, and any handle comes back whole", () => {
  const windows = new FakeWindows();
  const syscalls = windows.syscalls();
  const event = syscalls.createEvent();
  assertEquals(windows.created, [[0n, 1, 0, 0n]]); // bManualReset, and not bInitialState
  assertEquals(new Int32Array([event])[0], event); // it fits into a pollfd
  syscalls.setEvent(event);
  assertEquals(windows.set, [HANDLE]);
});

Deno.test("what Windows refuses is an error with the name of the function", () => {
  const calls: Record<string, (syscalls: Syscalls) => unknown> = {
    CreateEventW: (syscalls) => syscalls.createEvent(),
    LocalAlloc: (syscalls) => syscalls.allocate(8),
    GetIpForwardTable2: (syscalls) => syscalls.routeTable(),
    GetProcAddress: () => {},
    NotifyRouteChange2: (syscalls) => syscalls.register("NotifyRouteChange2", 4),
    WSAStartup: (syscalls) => syscalls.startWinsock(),
    WSASocketW: (syscalls) => syscalls.openSocket(2),
  };
  for (const [name, call] of Object.entries(calls)) {
    const windows = new FakeWindows();
    call(windows.syscalls());
    windows.freedTables.length = 0;
    windows.fails = name;
    assertThrows(() => call(windows.syscalls()), SystemCallError, name);
    assertEquals(windows.freedTables, []);
  }
});

Deno.test("a list of adapters that Windows refuses fails at once, and frees its memory", async () => {
  for (const [code, name] of [[5, "ERROR_ACCESS_DENIED"], [4711, "E?"]] as const) {
    const windows = new FakeWindows();
    windows.listCode = code;
    const error = await assertRejects(() => windows.syscalls().adapters(), SystemCallError);
    assertEquals([error.code, error.codeName], [code, name]);
    assertEquals([windows.listCalls, windows.memory.size], [1, 0]);
  }
});
