/**
 * What `ffi/windows/` says of Windows.
 *
 * @module
 */
import * as constants from "../../ffi/windows/constants.ts";
import { ERROR_NAMES } from "../../ffi/windows/syscalls.ts";
import type { Fact, System } from "./facts.ts";

/** These types have typedef names only, and most of those are written like the constants. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  SOCKADDR_IN: "struct sockaddr_in",
  SOCKADDR_IN6: "struct sockaddr_in6",
};

const typeName = (name: string): string => TYPE_NAMES[name] ?? name;

function factsOf(name: string, value: unknown): Fact[] {
  if (typeof value === "number") {
    const type = name.match(/^(.+)_SIZE$/)?.[1];
    return [{ label: name, c: type === undefined ? name : `sizeof(${typeName(type)})`, value }];
  }
  return Object.entries(value as Record<string, number>).map(([member, offset]) => ({
    label: `${name}.${member}`,
    // a bit field has no offset of its own, and is the first after this one
    c: member === "OnLinkPrefixLength" && name.includes("ADDRESS_LH")
      ? `offsetof(${name}, LeaseLifetime) + sizeof(ULONG)`
      : `offsetof(${typeName(name)}, ${member})`,
    value: offset,
  }));
}

/** Windows on x64 and arm64, with the headers of MinGW. */
export const WINDOWS: System = {
  targets: ["x86_64-windows-gnu", "aarch64-windows-gnu"],
  headers: [
    "winsock2.h",
    "ws2tcpip.h",
    "ws2ipdef.h",
    "iphlpapi.h",
    "netioapi.h",
    "ntstatus.h",
    "stddef.h",
  ],
  facts: [
    ...Object.entries(constants).flatMap(([name, value]) => factsOf(name, value)),
    ...Object.entries(ERROR_NAMES).map(([code, name]) => ({
      label: name,
      c: name,
      value: Number(code),
    })),
    { label: "sizeof HANDLE", c: "sizeof(HANDLE)", value: 8 },
    { label: "sizeof ULONG", c: "sizeof(ULONG)", value: 4 },
    { label: "sizeof BOOL", c: "sizeof(BOOL)", value: 4 },
    { label: "sizeof BOOLEAN", c: "sizeof(BOOLEAN)", value: 1 },
    { label: "sizeof WCHAR", c: "sizeof(WCHAR)", value: 2 },
    { label: "sizeof ADDRESS_FAMILY", c: "sizeof(ADDRESS_FAMILY)", value: 2 },
    { label: "sizeof SOCKET", c: "sizeof(SOCKET)", value: 8 },
    { label: "INVALID_SOCKET", c: "INVALID_SOCKET", value: -1 },
  ],
};
