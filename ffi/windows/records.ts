// Decodes memory that Windows fills in: the adapters of `GetAdaptersAddresses`, the routes of `GetBestRoute2` and
// `GetIpForwardTable2`. It must come from a 64-bit system: the shorter records of a 32-bit one are refused.
import { DecodeError } from "../../state/errors.ts";
import { allZero, type IpBytes } from "../../state/ip.ts";
import { LONGEST_DEFAULT } from "../default_route.ts";
import * as C from "./constants.ts";

const ADAPTER = C.IP_ADAPTER_ADDRESSES_LH;
const UNICAST = C.IP_ADAPTER_UNICAST_ADDRESS_LH;
const ROW = C.MIB_IPFORWARD_ROW2;
const TABLE = C.MIB_IPFORWARD_TABLE2;
const UTF16 = new TextDecoder("utf-16le");

/** An IP_ADAPTER_ADDRESSES record. */
export interface Adapter {
  readonly name: string; // the friendly name, which users see and may change
  readonly description: string; // of the driver, such as `"Hyper-V Virtual Ethernet Adapter #2"`
  readonly ipv4Index: number; // 0 if IPv4 is not bound to the adapter
  readonly ipv6Index: number; // 0 if IPv6 is not bound to the adapter
  readonly macAddress: Uint8Array;
  readonly flags: number; // IP_ADAPTER_*
  readonly mtu: number;
  readonly type: number; // IF_TYPE_*
  readonly tunnelType: number; // TUNNEL_TYPE
  readonly status: number; // IF_OPER_STATUS
  readonly ipv4Metric: number;
  readonly ipv6Metric: number;
  readonly hasGateway: boolean; // whether a default route leads through it, even if another one is preferred
  readonly addresses: readonly AdapterAddress[];
}

/** An IP_ADAPTER_UNICAST_ADDRESS record. */
export interface AdapterAddress {
  readonly address: Uint8Array;
  readonly prefixLength: number;
  readonly suffixOrigin: number; // NL_SUFFIX_ORIGIN
  readonly dadState: number; // NL_DAD_STATE
  readonly validLifetime: number; // in seconds; 2 ** 32 - 1 means forever
}

/**
 * Decodes all adapters. Calls `malformed` for each record that cannot be decoded, and skips it.
 *
 * @param bytes The buffer that the system filled; empty if there is no adapter.
 * @param base The address that the buffer had.
 * @throws {DecodeError} if the list of adapters is broken.
 */
export function decodeAdapters(
  bytes: Uint8Array,
  base: bigint,
  malformed: () => void,
): Adapter[] {
  const adapters: Adapter[] = [];
  if (bytes.length === 0) return adapters;
  if (bytes.length < C.IP_ADAPTER_ADDRESSES_LH_SIZE) {
    throw new DecodeError("IP_ADAPTER_ADDRESSES", 0);
  }
  const image = new MemoryImage(bytes, base);
  for (const record of records(image)) {
    try {
      adapters.push(decodeAdapter(image, record, malformed));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      malformed();
    }
  }
  return adapters;
}

/** Visits the adapter records; the first is at the start of the buffer. */
function* records(image: MemoryImage): Generator<number, void> {
  yield 0;
  yield* image.list(
    ADAPTER.Next,
    ADAPTER.Next,
    C.IP_ADAPTER_ADDRESSES_LH_SIZE,
    "IP_ADAPTER_ADDRESSES",
  );
}

function decodeAdapter(image: MemoryImage, record: number, malformed: () => void): Adapter {
  const u32 = (field: keyof typeof ADAPTER): number => image.u32(record + ADAPTER[field]);
  if (u32("Length") < C.IP_ADAPTER_ADDRESSES_LH_SIZE) {
    throw new DecodeError("IP_ADAPTER_ADDRESSES.Length", record);
  }
  const macLength = u32("PhysicalAddressLength");
  if (macLength > C.MAX_ADAPTER_ADDRESS_LENGTH) throw new DecodeError("PhysicalAddress", record);
  const name = image.wideString(record + ADAPTER.FriendlyName, "FriendlyName");
  if (name === "") throw new DecodeError("FriendlyName", record);
  return {
    name,
    description: image.wideString(record + ADAPTER.Description, "Description"),
    ipv4Index: u32("IfIndex"),
    ipv6Index: u32("Ipv6IfIndex"),
    macAddress: image.bytes(record + ADAPTER.PhysicalAddress, macLength),
    flags: u32("Flags"),
    mtu: u32("Mtu"),
    type: u32("IfType"),
    tunnelType: u32("TunnelType"),
    status: u32("OperStatus"),
    ipv4Metric: u32("Ipv4Metric"),
    ipv6Metric: u32("Ipv6Metric"),
    hasGateway: image.follow(record + ADAPTER.FirstGatewayAddress, 0, "FirstGateway") !== null,
    addresses: decodeAddresses(image, record, malformed),
  };
}

function decodeAddresses(
  image: MemoryImage,
  adapter: number,
  malformed: () => void,
): AdapterAddress[] {
  const addresses: AdapterAddress[] = [];
  const first = adapter + ADAPTER.FirstUnicastAddress;
  for (
    const record of image.list(
      first,
      UNICAST.Next,
      C.IP_ADAPTER_UNICAST_ADDRESS_LH_SIZE,
      "FirstUnicastAddress",
    )
  ) {
    try {
      addresses.push(decodeAddress(image, record));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      malformed();
    }
  }
  return addresses;
}

function decodeAddress(image: MemoryImage, record: number): AdapterAddress {
  if (image.u32(record + UNICAST.Length) < C.IP_ADAPTER_UNICAST_ADDRESS_LH_SIZE) {
    throw new DecodeError("IP_ADAPTER_UNICAST_ADDRESS.Length", record);
  }
  const pointer = record + UNICAST.Address + C.SOCKET_ADDRESS.lpSockaddr;
  const length = image.u32(record + UNICAST.Address + C.SOCKET_ADDRESS.iSockaddrLength);
  const sockaddr = image.follow(pointer, length, "lpSockaddr");
  if (sockaddr === null) throw new DecodeError("lpSockaddr", record);
  const address = decodeSocketAddress(image, sockaddr, length);
  const prefixLength = image.u8(record + UNICAST.OnLinkPrefixLength);
  if (prefixLength > address.length * 8) throw new DecodeError("OnLinkPrefixLength", record);
  return {
    address,
    prefixLength,
    suffixOrigin: image.u32(record + UNICAST.SuffixOrigin),
    dadState: image.u32(record + UNICAST.DadState),
    validLifetime: image.u32(record + UNICAST.ValidLifetime),
  };
}

export interface Route {
  readonly destination: Uint8Array;
  readonly prefixLength: number;
  readonly index: number; // the index of the interface
  readonly gateway: Uint8Array | null; // null if the destination is on the link
  readonly metric: number; // added to the metric of the interface
  readonly isLoopback: boolean; // it leads to this host
}

/**
 * Decodes one row.
 *
 * @throws {DecodeError} if it cannot be decoded.
 */
export function decodeRoute(bytes: Uint8Array): Route {
  if (bytes.length < C.MIB_IPFORWARD_ROW2_SIZE) {
    throw new DecodeError("MIB_IPFORWARD_ROW2", bytes.length);
  }
  const image = new MemoryImage(bytes, 0n);
  const destination = decodeSocketAddress(image, ROW.DestinationPrefix, C.SOCKADDR_INET_SIZE);
  const prefixLength = image.u8(ROW["DestinationPrefix.PrefixLength"]);
  if (prefixLength > destination.length * 8) {
    throw new DecodeError("DestinationPrefix.PrefixLength", 0);
  }
  const gateway = decodeSocketAddress(image, ROW.NextHop, C.SOCKADDR_INET_SIZE);
  return {
    destination,
    prefixLength,
    index: image.u32(ROW.InterfaceIndex),
    gateway: allZero(gateway) ? null : gateway,
    metric: image.u32(ROW.Metric),
    isLoopback: image.u8(ROW.Loopback) !== 0,
  };
}

/**
 * The size of a table in bytes, as its header says.
 *
 * @throws {DecodeError} if the header is cut short.
 */
export function tableSize(header: Uint8Array): number {
  if (header.length < TABLE.Table) throw new DecodeError("MIB_IPFORWARD_TABLE2", header.length);
  return TABLE.Table +
    new MemoryImage(header, 0n).u32(TABLE.NumEntries) * C.MIB_IPFORWARD_ROW2_SIZE;
}

/**
 * Decodes the routes of a table that can be default routes: the short ones. Calls `malformed` for each row
 * that cannot be decoded, and skips it.
 *
 * @throws {DecodeError} if the table is cut short.
 */
export function decodeDefaultRoutes(table: Uint8Array, malformed: () => void): Route[] {
  const size = tableSize(table);
  if (table.length < size) throw new DecodeError("MIB_IPFORWARD_TABLE2", table.length);
  const routes: Route[] = [];
  for (let row: number = TABLE.Table; row < size; row += C.MIB_IPFORWARD_ROW2_SIZE) {
    if (table[row + ROW["DestinationPrefix.PrefixLength"]]! > LONGEST_DEFAULT.IPv6) continue;
    try {
      const route = decodeRoute(table.subarray(row, row + C.MIB_IPFORWARD_ROW2_SIZE));
      if (canBeDefault(route)) routes.push(route);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      malformed();
    }
  }
  return routes;
}

/** Whether a route is short enough to be a default route. */
export function canBeDefault({ destination, prefixLength }: Route): boolean {
  return prefixLength <= LONGEST_DEFAULT[destination.length === 4 ? "IPv4" : "IPv6"];
}

/**
 * The bytes of an address.
 *
 * @throws {DecodeError} if it is neither IPv4 nor IPv6, or longer than `length`.
 */
export function decodeSocketAddress(
  image: MemoryImage,
  offset: number,
  length: number,
): Uint8Array {
  const family = length < 2 ? null : image.u16(offset + C.SOCKADDR_IN.sin_family);
  if (family === C.AF_INET && length >= C.SOCKADDR_IN_SIZE) {
    return image.bytes(offset + C.SOCKADDR_IN.sin_addr, 4);
  }
  if (family === C.AF_INET6 && length >= C.SOCKADDR_IN6_SIZE) {
    return image.bytes(offset + C.SOCKADDR_IN6.sin6_addr, 16);
  }
  throw new DecodeError("sockaddr", offset);
}

/** An address as a SOCKADDR_INET. */
export function encodeSocketAddress(address: IpBytes): Uint8Array<ArrayBuffer> {
  const isIpv4 = address.length === 4;
  const bytes = new Uint8Array(C.SOCKADDR_INET_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(C.SOCKADDR_IN.sin_family, isIpv4 ? C.AF_INET : C.AF_INET6, true);
  bytes.set(address, isIpv4 ? C.SOCKADDR_IN.sin_addr : C.SOCKADDR_IN6.sin6_addr);
  return bytes;
}

/**
 * Reads a copy of native memory, given the address of the original, since the pointers in it are absolute. No read
 * goes beyond the copy.
 */
export class MemoryImage {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #base: bigint;

  /** `base` is the address that the first byte had. */
  constructor(bytes: Uint8Array, base: bigint) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#base = base;
  }

  get length(): number {
    return this.#bytes.length;
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  /** Two bytes, little-endian like all numbers here. */
  u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  /** A ULONG, a DWORD or an enum. */
  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  /** A part of the memory: a view, not a copy. */
  bytes(offset: number, length: number): Uint8Array {
    return this.#bytes.subarray(offset, offset + length);
  }

  /**
   * Follows a pointer to something of this size; null for a null pointer.
   *
   * @throws {DecodeError} if it points outside the copy.
   */
  follow(offset: number, size: number, what: string): number | null {
    const pointer = this.#view.getBigUint64(offset, true);
    if (pointer === 0n) return null;
    const target = pointer - this.#base;
    if (target < 0n || target > BigInt(this.length - size)) throw new DecodeError(what, offset);
    return Number(target);
  }

  /**
   * Visits a linked list, from the pointer at `first`.
   *
   * @param next Where a record holds the pointer to the next one.
   * @throws {DecodeError} if the list has more records than there is room for.
   */
  *list(first: number, next: number, size: number, what: string): Generator<number, void> {
    let record = this.follow(first, size, what);
    for (let room = this.length; record !== null; room -= size) {
      if (room < size) throw new DecodeError(what, record);
      yield record;
      record = this.follow(record + next, size, what);
    }
  }

  /**
   * The UTF-16 string at the target of a pointer; empty for a null pointer. Lone surrogates become U+FFFD.
   *
   * @throws {DecodeError} if the string does not end within the copy.
   */
  wideString(offset: number, what: string): string {
    const start = this.follow(offset, 2, what);
    if (start === null) return "";
    for (let end = start; end + 2 <= this.length; end += 2) {
      if (this.u16(end) === 0) return UTF16.decode(this.bytes(start, end - start));
    }
    throw new DecodeError(what, start);
  }
}
