/**
 * Short forms of interfaces, addresses and routes for a scripted source.
 *
 * @module
 */
import { isLinkLocal, parseIp } from "../../state/ip.ts";
import { hostOnlyByName, kindByName } from "../../state/interface_name.ts";
import { makeAddress, PLAIN_ADDRESS } from "../../state/normalize.ts";
import type { Address, DefaultRoute, Interface } from "../../state/types.ts";

/**
 * An interface that is up and has carrier. By default its index is 2 and its MTU 1500; its kind follows from its
 * name, and whether it is host-only from both.
 *
 * @param name The name.
 * @param addresses The addresses, as text such as `"192.0.2.7/24"` or as objects.
 * @param fields Fields that differ from the defaults.
 * @returns The interface.
 * @throws {TypeError} if an address cannot be parsed.
 *
 * @example A Wi-Fi interface
 * ```ts
 * import { scriptedInterface } from "@netwatch/netwatch/testing";
 *
 * const wifi = scriptedInterface("wlan0", ["192.0.2.7/24", "fe80::7/64"], { index: 3 });
 * if (wifi.kind !== "wifi" || wifi.addresses[1]?.scopeId !== 3) throw new Error();
 * ```
 */
export function scriptedInterface(
  name: string,
  addresses: (string | Address)[] = [],
  fields: Partial<Omit<Interface, "name" | "addresses">> = {},
): Interface {
  const index = fields.index ?? 2;
  const kind = fields.kind ?? kindByName(name);
  return {
    name,
    index,
    kind,
    up: true,
    running: true,
    hostOnly: hostOnlyByName(kind, name),
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
 * An address that can be used.
 *
 * @param cidr Address and prefix length, such as `"192.0.2.7/24"`.
 * @param fields Fields that differ from the defaults, such as `{ tentative: true }`.
 * @returns The address.
 * @throws {TypeError} if the text is not an address with a prefix length.
 *
 * @example A tentative address
 * ```ts
 * import { scriptedAddress } from "@netwatch/netwatch/testing";
 *
 * if (!scriptedAddress("2001:db8::7/64", { tentative: true }).tentative) throw new Error();
 * ```
 */
export function scriptedAddress(cidr: string, fields: Partial<Address> = {}): Address {
  const [text = "", length = ""] = cidr.split("/");
  const bytes = parseIp(text);
  if (bytes === null || !/^\d+$/.test(length)) {
    throw new TypeError(`Not an address: "${cidr}"; give one such as "192.0.2.7/24"`);
  }
  const plain = { ...PLAIN_ADDRESS, prefixLength: Number(length), permanent: true };
  return { ...makeAddress(bytes, plain), ...fields };
}

/**
 * A default route.
 *
 * @param name The name of its interface.
 * @param gateway The next hop. The default is none: the link itself.
 * @param fields Fields that differ from the defaults, such as `{ metric: 100 }`.
 * @returns The route.
 *
 * @example Through a gateway
 * ```ts
 * import { scriptedRoute } from "@netwatch/netwatch/testing";
 *
 * if (scriptedRoute("eth0", "192.0.2.1").gateway !== "192.0.2.1") throw new Error();
 * ```
 */
export function scriptedRoute(
  name: string,
  gateway: string | null = null,
  fields: Partial<DefaultRoute> = {},
): DefaultRoute {
  return { interface: name, gateway, source: null, metric: null, ...fields };
}
