/**
 * Short ways to write what a scripted source shows.
 *
 * @module
 */
import { formatIp, isLinkLocal, parseIp } from "../../state/ip.ts";
import { kindByName } from "../../state/interface_kind.ts";
import type { Address, DefaultRoute, Interface } from "../../state/types.ts";

/**
 * An interface that is up and has carrier: index 2, kind by its name, MTU 1500, unless told.
 *
 * ```ts
 * import { scriptedInterface } from "@netwatch/netwatch/testing";
 *
 * const wifi = scriptedInterface("wlan0", ["192.0.2.7/24", "fe80::7/64"], { index: 3 });
 * if (wifi.kind !== "wifi" || wifi.addresses[1]?.scopeId !== 3) throw new Error();
 * ```
 *
 * @param name Its name.
 * @param addresses Its addresses, as text or whole.
 * @param fields What is to be different.
 * @throws {TypeError} When an address is none.
 */
export function scriptedInterface(
  name: string,
  addresses: (string | Address)[] = [],
  fields: Partial<Omit<Interface, "name" | "addresses">> = {},
): Interface {
  const index = fields.index ?? 2;
  return {
    name,
    index,
    kind: kindByName(name),
    up: true,
    running: true,
    flags: 0,
    mac: null,
    mtu: 1500,
    ...fields,
    addresses: addresses.map((address) => {
      if (typeof address !== "string") return address;
      const made = scriptedAddress(address);
      const bytes = parseIp(made.address) as Uint8Array;
      return bytes.length === 16 && isLinkLocal(bytes) ? { ...made, scopeId: index } : made;
    }),
  };
}

/**
 * An address that is ready to be used, out of text such as `192.0.2.7/24`.
 *
 * @param cidr Address and prefix length.
 * @param fields What is to be different, such as `{ tentative: true }`.
 * @throws {TypeError} When the text is no address with a prefix length.
 */
export function scriptedAddress(cidr: string, fields: Partial<Address> = {}): Address {
  const [text = "", length = ""] = cidr.split("/");
  const bytes = parseIp(text);
  if (bytes === null || !/^\d+$/.test(length)) {
    throw new TypeError(`Not an address: "${cidr}"; give one such as "192.0.2.7/24"`);
  }
  return {
    family: bytes.length === 4 ? "IPv4" : "IPv6",
    address: formatIp(bytes),
    prefixLength: Number(length),
    cidr: `${formatIp(bytes)}/${length}`,
    peer: null,
    scopeId: null,
    tentative: false,
    duplicated: false,
    deprecated: false,
    temporary: false,
    permanent: true,
    ...fields,
  };
}

/**
 * A default route through an interface.
 *
 * @param name The name of the interface.
 * @param gateway The next hop; none unless given.
 * @param fields What is to be different.
 */
export function scriptedRoute(
  name: string,
  gateway: string | null = null,
  fields: Partial<DefaultRoute> = {},
): DefaultRoute {
  return { interface: name, gateway, source: null, metric: null, ...fields };
}
