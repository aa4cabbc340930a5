// Decodes what `GetAdaptersAddresses` fills in, on 64-bit Windows. The records of a 32-bit system are
// shorter, and refused.
import { DecodeError } from "../../state/errors.ts";
import {
  IP_ADAPTER_ADDRESSES_LH as ADAPTER,
  IP_ADAPTER_ADDRESSES_LH_SIZE as ADAPTER_SIZE,
  IP_ADAPTER_UNICAST_ADDRESS_LH as UNICAST,
  IP_ADAPTER_UNICAST_ADDRESS_LH_SIZE as UNICAST_SIZE,
  MAX_ADAPTER_ADDRESS_LENGTH,
  SOCKADDR_IN_SIZE,
  SOCKET_ADDRESS,
} from "./constants.ts";
import { MemoryImage } from "./memory_image.ts";
import { decodeSocketAddress } from "./socket_address.ts";

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
  readonly addresses: readonly AdapterAddress[];
}

/** An IP_ADAPTER_UNICAST_ADDRESS record. */
export interface AdapterAddress {
  readonly address: Uint8Array;
  readonly prefixLength: number;
  readonly suffixOrigin: number; // NL_SUFFIX_ORIGIN
  readonly dadState: number; // NL_DAD_STATE
  readonly validLifetime: number; // in seconds; 2 ** 32 - 1: for ever
}

/**
 * Decodes all adapters. Calls `malformed` for each record that cannot be decoded, and skips it.
 *
 * @param bytes The buffer that the system filled; empty if there is no adapter.
 * @param base The address that the buffer had.
 * @throws {DecodeError} if the list of adapters is broken
 */
export function decodeAdapters(
  bytes: Uint8Array,
  base: bigint,
  malformed: () => void,
): Adapter[] {
  const adapters: Adapter[] = [];
  if (bytes.length === 0) return adapters;
  if (bytes.length < ADAPTER_SIZE) throw new DecodeError("IP_ADAPTER_ADDRESSES", 0);
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

/** The first record is at the start of the buffer. */
function* records(image: MemoryImage): Generator<number, void> {
  yield 0;
  yield* image.list(ADAPTER.Next, ADAPTER.Next, ADAPTER_SIZE, "IP_ADAPTER_ADDRESSES");
}

function decodeAdapter(image: MemoryImage, record: number, malformed: () => void): Adapter {
  const u32 = (field: keyof typeof ADAPTER): number => image.u32(record + ADAPTER[field]);
  if (u32("Length") < ADAPTER_SIZE) throw new DecodeError("IP_ADAPTER_ADDRESSES.Length", record);
  const macLength = u32("PhysicalAddressLength");
  if (macLength > MAX_ADAPTER_ADDRESS_LENGTH) throw new DecodeError("PhysicalAddress", record);
  const name = image.wideString(record + ADAPTER.FriendlyName, "FriendlyName");
  if (name === "") throw new DecodeError("FriendlyName", record);
  return {
    name,
    description: image.wideString(record + ADAPTER.Description, "Description"),
    ipv4Index: u32("IfIndex"),
    ipv6Index: u32("Ipv6IfIndex"),
    macAddress: image.bytes(record + ADAPTER.PhysicalAddress, macLength).slice(),
    flags: u32("Flags"),
    mtu: u32("Mtu"),
    type: u32("IfType"),
    tunnelType: u32("TunnelType"),
    status: u32("OperStatus"),
    ipv4Metric: u32("Ipv4Metric"),
    ipv6Metric: u32("Ipv6Metric"),
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
  for (const record of image.list(first, UNICAST.Next, UNICAST_SIZE, "FirstUnicastAddress")) {
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
  if (image.u32(record + UNICAST.Length) < UNICAST_SIZE) {
    throw new DecodeError("IP_ADAPTER_UNICAST_ADDRESS.Length", record);
  }
  const pointer = record + UNICAST.Address + SOCKET_ADDRESS.lpSockaddr;
  const length = image.u32(record + UNICAST.Address + SOCKET_ADDRESS.iSockaddrLength);
  const sockaddr = image.follow(pointer, Math.max(length, SOCKADDR_IN_SIZE), "lpSockaddr");
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
