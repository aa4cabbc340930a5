/**
 * Memory as Windows would fill it in, with adapters and routes that a test chooses.
 *
 * @module
 */
import { parseIp } from "../../state/ip.ts";
import {
  IP_ADAPTER_ADDRESSES_LH as ADAPTER,
  IP_ADAPTER_ADDRESSES_LH_SIZE as ADAPTER_SIZE,
  IP_ADAPTER_UNICAST_ADDRESS_LH as UNICAST,
  IP_ADAPTER_UNICAST_ADDRESS_LH_SIZE as UNICAST_SIZE,
  MIB_IPFORWARD_ROW2 as ROW,
  MIB_IPFORWARD_ROW2_SIZE as ROW_SIZE,
} from "../../ffi/windows/constants.ts";
import { encodeSocketAddress } from "../../ffi/windows/records.ts";

/** The address of every image. */
export const BASE = 0x7fff_0000_1000n;

/** An adapter; fields left out are 0. */
export interface AdapterImage {
  name: string;
  description?: string;
  index?: number;
  ipv4Index?: number;
  ipv6Index?: number;
  mac?: number[];
  flags?: number;
  mtu?: number;
  type?: number;
  tunnelType?: number;
  /** Up if left out. */
  status?: number;
  ipv4Metric?: number;
  ipv6Metric?: number;
  /** Has a gateway. */
  gateway?: boolean;
  addresses?: AddressImage[];
}

/** An address; by default preferred, with an infinite lifetime. */
export interface AddressImage {
  address: string;
  prefixLength: number;
  suffixOrigin?: number;
  dadState?: number;
  validLifetime?: number;
}

/** The memory that GetAdaptersAddresses fills in at `BASE`. */
export function encodeAdapters(adapters: readonly AdapterImage[]): Uint8Array<ArrayBuffer> {
  const image = new Image();
  let link: number | null = null;
  for (const adapter of adapters) {
    const record = image.allocate(ADAPTER_SIZE);
    if (link !== null) image.point(link, record);
    link = record + ADAPTER.Next;
    const { index = 0 } = adapter;
    const fields: [keyof typeof ADAPTER, number][] = [
      ["Length", ADAPTER_SIZE],
      ["IfIndex", adapter.ipv4Index ?? index],
      ["Ipv6IfIndex", adapter.ipv6Index ?? index],
      ["PhysicalAddressLength", adapter.mac?.length ?? 0],
      ["Flags", adapter.flags ?? 0],
      ["Mtu", adapter.mtu ?? 0],
      ["IfType", adapter.type ?? 6],
      ["OperStatus", adapter.status ?? 1],
      ["Ipv4Metric", adapter.ipv4Metric ?? 0],
      ["Ipv6Metric", adapter.ipv6Metric ?? 0],
      ["TunnelType", adapter.tunnelType ?? 0],
    ];
    for (const [field, value] of fields) image.u32(record + ADAPTER[field], value);
    image.bytes(record + ADAPTER.PhysicalAddress, Uint8Array.from(adapter.mac ?? []));
    image.point(record + ADAPTER.FriendlyName, image.text(adapter.name));
    image.point(record + ADAPTER.Description, image.text(adapter.description ?? ""));
    if (adapter.gateway) image.point(record + ADAPTER.FirstGatewayAddress, image.allocate(32));
    encodeAddresses(image, record + ADAPTER.FirstUnicastAddress, adapter.addresses ?? []);
  }
  return image.finish();
}

function encodeAddresses(image: Image, first: number, addresses: readonly AddressImage[]): void {
  let link = first;
  for (const { address, dadState = 4, prefixLength, ...rest } of addresses) {
    const record = image.allocate(UNICAST_SIZE);
    image.point(link, record);
    link = record + UNICAST.Next;
    const sockaddr = encodeSocketAddress(parseIp(address)!);
    const length = sockaddr[0] === 2 ? 16 : 28;
    const at = image.allocate(length);
    image.bytes(at, sockaddr.subarray(0, length));
    image.point(record + UNICAST.Address, at);
    image.u32(record + UNICAST.Length, UNICAST_SIZE);
    image.u32(record + UNICAST.Address + 8, length);
    image.u32(record + UNICAST.SuffixOrigin, rest.suffixOrigin ?? 1);
    image.u32(record + UNICAST.DadState, dadState);
    image.u32(record + UNICAST.ValidLifetime, rest.validLifetime ?? 0xffffffff);
    image.u32(record + UNICAST.OnLinkPrefixLength, prefixLength);
  }
}

/** A route. */
export interface RouteImage {
  destination: string;
  prefixLength: number;
  index: number;
  /** On the link if left out. */
  gateway?: string;
  metric?: number;
  loopback?: boolean;
}

/** A MIB_IPFORWARD_ROW2. */
export function encodeRoute(route: RouteImage): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ROW_SIZE);
  const view = new DataView(bytes.buffer);
  const none = route.destination.includes(":") ? "::" : "0.0.0.0";
  view.setUint32(ROW.InterfaceIndex, route.index, true);
  bytes.set(encodeSocketAddress(parseIp(route.destination)!), ROW.DestinationPrefix);
  view.setUint8(ROW["DestinationPrefix.PrefixLength"], route.prefixLength);
  bytes.set(encodeSocketAddress(parseIp(route.gateway ?? none)!), ROW.NextHop);
  view.setUint32(ROW.Metric, route.metric ?? 0, true);
  view.setUint8(ROW.Loopback, route.loopback ? 1 : 0);
  return bytes;
}

/** A MIB_IPFORWARD_TABLE2. */
export function encodeRoutes(routes: readonly RouteImage[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 + routes.length * ROW_SIZE);
  new DataView(bytes.buffer).setUint32(0, routes.length, true);
  routes.forEach((route, i) => bytes.set(encodeRoute(route), 8 + i * ROW_SIZE));
  return bytes;
}

/** Memory that grows. */
class Image {
  #bytes = new Uint8Array(0);

  /** Room at the end. */
  allocate(size: number): number {
    const at = (this.#bytes.length + 7) & ~7;
    const bytes = new Uint8Array(at + size);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    return at;
  }

  bytes(at: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, at);
  }

  u32(at: number, value: number): void {
    new DataView(this.#bytes.buffer).setUint32(at, value, true);
  }

  /** A pointer. */
  point(at: number, target: number): void {
    new DataView(this.#bytes.buffer).setBigUint64(at, BASE + BigInt(target), true);
  }

  /** A string, with its end. */
  text(text: string): number {
    const units = Uint16Array.from(`${text}\0`.split(""), (unit) => unit.charCodeAt(0));
    const at = this.allocate(units.byteLength);
    this.bytes(at, new Uint8Array(units.buffer));
    return at;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }
}
