/**
 * The network of a simulated Mac or FreeBSD machine: what is there, and which of its changes are announced
 * by whom. The kernels' own habits, from where their sources call rt_ifmsg(), rt_newaddrmsg(), kev_post_msg() and
 * configd its notification.
 *
 * @module
 */
import {
  concat,
  encodeAddress,
  encodeAnnouncement,
  type EncodedOs,
  encodeGroup,
  encodeListedNic,
  encodeLiveNic,
  encodeRoute,
  type KernelAddress,
  type KernelNic,
  type KernelRoute,
} from "../support/bsd_encode.ts";

/** Who is told. */
export interface Announcer {
  /** Every routing socket. */
  route(message: Uint8Array): void;
  /** Every kernel event socket that wants it: KEV_*_SUBCLASS, code. */
  kernelEvent(subclass: number, code: number): void;
  /** Who registered for com.apple.system.config.network_change. */
  networkChange(): void;
}

/** Flags of interfaces: UP, BROADCAST, LOOPBACK, POINTOPOINT, RUNNING, SIMPLEX, MULTICAST. */
export const IFF = { up: 0x1, loopback: 0x8, pointToPoint: 0x10, running: 0x40 } as const;
const ETHERNET_FLAGS = 0x8863;
const LOOPBACK_FLAGS = 0x8049;
const TUNNEL_FLAGS = 0x8051;
/** Flags of routes: UP, GATEWAY, HOST, STATIC, IFSCOPE. */
export const RTF = { up: 0x1, gateway: 0x2, host: 0x4, static: 0x800, scope: 0x1000000 } as const;
const IN6_TENTATIVE = 0x2;

const KEV = {
  inet: 1,
  link: 2,
  inet6: 6,
  nd6: 7,
  newAddress: 1,
  addressDeleted: 3,
  siflags: 1,
  simtu: 3,
  attached: 9,
  detached: 11,
  linkOff: 12,
  linkOn: 13,
  dadSuccess: 5,
} as const;

interface Entry {
  nic: KernelNic;
  readonly addresses: KernelAddress[];
}

/** What is there. */
export class SimulatedNetwork {
  readonly #os: EncodedOs;
  readonly #tell: Announcer;
  readonly #entries = new Map<string, Entry>();
  routes: KernelRoute[] = [];
  #lastIndex = 0;

  /** Only the loopback. */
  constructor(os: EncodedOs, tell: Announcer) {
    this.#os = os;
    this.#tell = tell;
    this.#add("lo0", LOOPBACK_FLAGS, 0x18, 16384, []);
    this.#entries.get("lo0")!.addresses.push(parseAddress("127.0.0.1/8"));
  }

  /** The list of NET_RT_IFLIST2 (a Mac's) or NET_RT_IFLIST. */
  listInterfaces(): Uint8Array<ArrayBuffer> {
    const os = this.#os;
    return concat(
      [...this.#entries.values()].flatMap(({ addresses, nic }) => [
        encodeListedNic(os, nic),
        ...addresses.map((address) => encodeAddress(os, 0xc, nic, address, false)),
        ...(os === "darwin" ? [encodeGroup(os, 0x13, nic, "ff02::1")] : []),
      ]),
    );
  }

  /** The list of NET_RT_DUMP. */
  listRoutes(): Uint8Array<ArrayBuffer> {
    return concat(this.routes.map((route) => encodeRoute(this.#os, 4, route, false)));
  }

  /** The flags of an IPv6 address, as the ioctl tells them; null where it is not there. */
  addressFlags(name: string, address: string): number | null {
    const found = this.#entries.get(name)?.addresses.find((it) => it.address === address);
    return found?.flags ?? null;
  }

  /** The interface of that name. */
  nic(name: string): KernelNic {
    return this.#entry(name).nic;
  }

  /** Creates an interface, up and with carrier: a tunnel where the name says so. */
  create(name: string): void {
    const tunnel = /^(utun|tun|gif)/.test(name);
    const index = this.#lastIndex + 1;
    const nic = tunnel
      ? this.#add(name, TUNNEL_FLAGS, 1, 1380, [])
      : this.#add(name, ETHERNET_FLAGS, 6, 1500, [2, 0, 0, 0, 0, index]);
    // xnu: dlil.c posts an event and nobody calls the routing socket.
    this.#tell.kernelEvent(KEV.link, KEV.attached);
    if (this.#os === "freebsd") this.#tell.route(encodeAnnouncement(nic, 0));
  }

  /** Destroys an interface, its addresses and its routes; on a Mac only the event tells. */
  destroy(name: string): void {
    const { nic } = this.#entry(name);
    this.#entries.delete(name);
    this.routes = this.routes.filter(({ index }) => index !== nic.index);
    this.#tell.kernelEvent(KEV.link, KEV.detached);
    if (this.#os === "freebsd") this.#tell.route(encodeAnnouncement(nic, 1));
  }

  /** Sets an interface up or down: RTM_IFINFO from both. */
  setUp(name: string, up: boolean): void {
    const { nic } = this.#entry(name);
    nic.flags = up ? nic.flags | IFF.up : nic.flags & ~IFF.up;
    this.#tell.kernelEvent(KEV.link, KEV.siflags);
    this.#tell.route(encodeLiveNic(this.#os, nic));
  }

  /** Sets the MTU: RTM_IFINFO from both. */
  setMtu(name: string, mtu: number): void {
    const { nic } = this.#entry(name);
    nic.mtu = mtu;
    this.#tell.kernelEvent(KEV.link, KEV.simtu);
    this.#tell.route(encodeLiveNic(this.#os, nic));
  }

  /** Plugs the cable in or out: on a Mac only the event tells (xnu dlil.c). */
  setCarrier(name: string, carrier: boolean): void {
    const { nic } = this.#entry(name);
    nic.flags = carrier ? nic.flags | IFF.running : nic.flags & ~IFF.running;
    nic.linkState = carrier ? 2 : 1;
    this.#tell.kernelEvent(KEV.link, carrier ? KEV.linkOn : KEV.linkOff);
    if (this.#os === "freebsd") this.#tell.route(encodeLiveNic(this.#os, nic));
  }

  /** Adds an address such as `192.0.2.7/24`; a Mac is silent about a second one in a subnet. */
  addAddress(name: string, cidr: string, fields: Partial<KernelAddress> = {}): void {
    const { addresses, nic } = this.#entry(name);
    const address = parseAddress(cidr, fields);
    const second = addresses.some((other) => sameSubnet(other, address));
    addresses.push(address);
    this.#tellAddress(0xc, nic, address, second);
  }

  /** Removes an address. */
  removeAddress(name: string, cidr: string): void {
    const { addresses, nic } = this.#entry(name);
    const place = addresses.findIndex((it) => `${it.address}/${it.prefixLength}` === cidr);
    if (place < 0) throw new Error(`There is no ${cidr} on ${name}`);
    const [address] = addresses.splice(place, 1);
    const second = addresses.some((other) => sameSubnet(other, address!));
    this.#tellAddress(0xd, nic, address!, second);
  }

  /** Adds an IPv6 address that is still being checked. */
  addTentative(name: string, cidr: string): void {
    this.addAddress(name, cidr, { flags: IN6_TENTATIVE });
  }

  /** The check of an address ends well: no routing message of either system tells. */
  finishCheck(name: string, address: string): void {
    const found = this.#entry(name).addresses.find((it) => it.address === address)!;
    found.flags &= ~IN6_TENTATIVE;
    this.#tell.kernelEvent(KEV.nd6, KEV.dadSuccess);
  }

  /** Replaces the default route of the family, as configd and route(8) do: a deletion, an addition. */
  setDefaultRoute(name: string, gateway: string | null, family: "IPv4" | "IPv6" = "IPv4"): void {
    const destination = family === "IPv4" ? "0.0.0.0" : "::";
    const { addresses, nic } = this.#entry(name);
    const old = this.routes.find((it) =>
      it.destination === destination && it.prefixLength === 0 && (it.flags & RTF.scope) === 0
    );
    if (old !== undefined) this.removeRoute(old);
    const source = addresses.find((it) => it.address.includes(":") === (family === "IPv6"));
    this.addRoute({
      destination,
      prefixLength: 0,
      gateway: gateway ?? nic.index,
      index: nic.index,
      flags: RTF.up | RTF.static | (gateway === null ? 0 : RTF.gateway),
      source: source?.address ?? null,
    });
    this.#tell.networkChange();
  }

  /** Adds a route, and tells. */
  addRoute(route: KernelRoute): void {
    this.routes.push(route);
    this.#tell.route(encodeRoute(this.#os, 1, route, true));
  }

  /** Deletes a route, and tells. */
  removeRoute(route: KernelRoute): void {
    this.routes = this.routes.filter((it) => it !== route);
    this.#tell.route(encodeRoute(this.#os, 2, route, true));
  }

  /** A multicast group is joined. */
  joinGroup(name: string, group: string): void {
    this.#tell.route(encodeGroup(this.#os, 0xf, this.#entry(name).nic, group));
  }

  /** Any kernel event. */
  post(subclass: number, code: number): void {
    this.#tell.kernelEvent(subclass, code);
  }

  #tellAddress(type: 0xc | 0xd, nic: KernelNic, address: KernelAddress, second: boolean): void {
    const isIpv4 = !address.address.includes(":");
    const code = type === 0xc ? KEV.newAddress : KEV.addressDeleted;
    this.#tell.kernelEvent(isIpv4 ? KEV.inet : KEV.inet6, code);
    // xnu: rtinit() tells of the prefix route, and there is none for a second address.
    const silent = this.#os === "darwin" && isIpv4 && second;
    if (!silent) {
      this.#tell.route(encodeAddress(this.#os, type, nic, address, true));
      const route: KernelRoute = {
        destination: address.address,
        prefixLength: address.prefixLength,
        gateway: nic.index,
        index: nic.index,
        flags: RTF.up,
        source: address.address,
      };
      this.#tell.route(encodeRoute(this.#os, type === 0xc ? 1 : 2, route, true));
    }
    // configd looks after the primary service only, and when it has settled.
    if (
      !silent &&
      this.routes.some(({ index, prefixLength }) => index === nic.index && prefixLength === 0)
    ) {
      this.#tell.networkChange();
    }
  }

  #add(name: string, flags: number, type: number, mtu: number, mac: number[]): KernelNic {
    const nic = { index: ++this.#lastIndex, name, flags, type, mtu, mac, linkState: 2 };
    this.#entries.set(name, { nic, addresses: [] });
    return nic;
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new Error(`There is no ${name}`);
    return entry;
  }
}

function parseAddress(cidr: string, fields: Partial<KernelAddress> = {}): KernelAddress {
  const [address = "", length = ""] = cidr.split("/");
  return { address, prefixLength: Number(length), other: null, flags: 0, ...fields };
}

/** Good enough for the tests, whose prefixes end at a dot. */
function sameSubnet(a: KernelAddress, b: KernelAddress): boolean {
  const octets = Math.floor(a.prefixLength / 8);
  const prefix = (it: KernelAddress) => it.address.split(".").slice(0, octets).join(".");
  return !a.address.includes(":") && !b.address.includes(":") &&
    a.prefixLength === b.prefixLength && prefix(a) === prefix(b);
}
