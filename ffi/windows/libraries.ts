// The functions of the system libraries that netwatch calls on Windows. Every HANDLE, SOCKET and pointer is
// a `usize`: Deno refuses its own pointer classes when the FFI permission covers only single libraries.
import type { LibraryRequest } from "../library.ts";

const KERNEL32 = {
  CreateEventW: { parameters: ["usize", "i32", "i32", "usize"], result: "usize" },
  SetEvent: { parameters: ["usize"], result: "i32" },
  ResetEvent: { parameters: ["usize"], result: "i32" },
  CloseHandle: { parameters: ["usize"], result: "i32" },
  WaitForSingleObject: { parameters: ["usize", "u32"], result: "u32" },
  /** Blocks a pool thread instead of the event loop: count, HANDLE*, all, ms. */
  WaitForMultipleObjects: {
    parameters: ["u32", "buffer", "i32", "u32"],
    result: "u32",
    nonblocking: true,
  },
  GetModuleHandleA: { parameters: ["buffer"], result: "usize" },
  GetModuleHandleExA: { parameters: ["u32", "buffer", "buffer"], result: "i32" },
  GetProcAddress: { parameters: ["usize", "buffer"], result: "usize" },
  LocalAlloc: { parameters: ["u32", "usize"], result: "usize" },
  LocalFree: { parameters: ["usize"], result: "usize" },
  copy_from: {
    name: "RtlMoveMemory",
    parameters: ["buffer", "usize", "usize"],
    result: "void",
  },
  copy_to: { name: "RtlMoveMemory", parameters: ["usize", "buffer", "usize"], result: "void" },
  GetLastError: { parameters: [], result: "u32" },
  FormatMessageW: { // flags, source, code, language, text, size in characters, arguments
    parameters: ["u32", "usize", "u32", "u32", "buffer", "u32", "usize"],
    result: "u32",
  },
  GetTickCount64: { parameters: [], result: "u64" },
  QueryUnbiasedInterruptTime: { parameters: ["buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Family, callback, context, initial notification?, HANDLE*. */
const REGISTER = { parameters: ["u16", "usize", "usize", "u8", "buffer"], result: "u32" } as const;

const IPHLPAPI = {
  /** On the pool, since it asks other services of the system: family, flags, reserved, buffer, size*. */
  GetAdaptersAddresses: {
    parameters: ["u32", "u32", "usize", "usize", "usize"],
    result: "u32",
    nonblocking: true,
  },
  GetBestRoute2: { // luid*, index, source*, destination*, sort options, row*, best source*
    parameters: ["usize", "u32", "usize", "buffer", "u32", "buffer", "buffer"],
    result: "u32",
  },
  GetIpForwardTable2: { parameters: ["u16", "buffer"], result: "u32" },
  FreeMibTable: { parameters: ["usize"], result: "void" },
  NotifyUnicastIpAddressChange: REGISTER,
  NotifyIpInterfaceChange: REGISTER,
  NotifyRouteChange2: REGISTER,
  /** Waits for callbacks that are running. */
  CancelMibChangeNotify2: { parameters: ["usize"], result: "u32", nonblocking: true },
  NotifyAddrChange: { parameters: ["usize", "usize"], result: "u32" }, // HANDLE*, OVERLAPPED*
  CancelIPChangeNotify: { parameters: ["usize"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const WS2_32 = {
  WSAStartup: { parameters: ["u16", "buffer"], result: "i32" },
  WSACleanup: { parameters: [], result: "i32" },
  WSASocketW: { parameters: ["i32", "i32", "i32", "usize", "u32", "u32"], result: "usize" },
  closesocket: { parameters: ["usize"], result: "i32" },
  WSAIoctl: { // socket, code, in*, size, out*, size, returned*, OVERLAPPED*, routine
    parameters: ["usize", "u32", "usize", "u32", "usize", "u32", "usize", "usize", "usize"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

type Functions<S extends Deno.ForeignLibraryInterface> = Deno.DynamicLibrary<S>["symbols"];

/** The loaded functions. */
export interface LibraryFunctions {
  readonly kernel32: Functions<typeof KERNEL32>;
  readonly iphlpapi: Functions<typeof IPHLPAPI>;
  readonly ws2_32: Functions<typeof WS2_32>;
}

const PATHS = {
  iphlpapi: "C:\\Windows\\System32\\iphlpapi.dll",
  kernel32: "C:\\Windows\\System32\\kernel32.dll",
  ws2_32: "C:\\Windows\\System32\\ws2_32.dll",
} as const;

/** How to open the libraries. `iphlpapi`, for tests: the path of a stand-in for iphlpapi.dll. */
export function libraryRequests(iphlpapi: string | undefined) {
  return {
    iphlpapi: request("iphlpapi", IPHLPAPI, iphlpapi),
    kernel32: request("kernel32", KERNEL32),
    ws2_32: request("ws2_32", WS2_32),
  };
}

function request<S extends Deno.ForeignLibraryInterface>(
  name: keyof typeof PATHS,
  symbols: S,
  path?: string,
): LibraryRequest<S> {
  const file = `${name}.dll`;
  return {
    what: file,
    symbols,
    sonames: [file],
    candidates: [PATHS[name]],
    path,
    advice: {
      grant: Object.values({ ...PATHS, ...(path && { [name]: path }) }).join(),
      notFound: "netwatch needs Windows 10 or later",
    },
  };
}
