/**
 * The network of a simulated Mac or FreeBSD machine: its interfaces, addresses and routes, and which of
 * their changes the kernel announces, how and in which order. As read in xnu 11417.101.15 and FreeBSD 13
 * (rtsock.c, route.c, in.c, in6.c, if.c), and in configd for its notification.
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
  networkOf,
} from "../support/bsd_encode.ts";

/** Where announcements go. */
export interface Announcer {
  /** To every routing socket. */
  route(message: Uint8Array): void;
  /** To every kernel event socket with a filter: KEV_*_SUBCLASS, code. */
  kernelEvent(subclass: number, code: number): void;
  /** To whoever registered for com.apple.system.config.network_change. */
  networkChange(): void;
}

const IFF = { up: 0x1, pointToPoint: 0x10, running: 0x40 } as const;
/** UP, BROADCAST, LOOPBACK, POINTOPOINT, RUNNING, SIMPLEX, MULTICAST as usual. */
const ETHERNET_FLAGS = 0x8863;
const LOOPBACK_FLAGS = 0x8049;
const TUNNEL_FLAGS = 0x8051;
/** Flags of routes: UP, GATEWAY, HOST, REJECT, STATIC, LOCAL, IFSCOPE. */
export const RTF = {
  up: 0x1,
  gateway: 0x2,
  host: 0x4,
  reject: 0x8,
  static: 0x800,
  local: 0x200000,
  scope: 0x1000000,
} as const;
const RTM = { add: 0x1, delete: 0x2, newAddress: 0xc, deleteAddress: 0xd } as const;
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
  readonly nic: KernelNic;
  readonly addresses: OwnAddress[];
}

/** An address with the route that the kernel made for it; null for a second one in a subnet. */
interface OwnAddress extends KernelAddress {
  route: KernelRoute | null;
}

/** The network. */
export class SimulatedNetwork {
  readonly #os: EncodedOs;
  readonly #announce: Announcer;
  readonly #entries = new Map<string, Entry>();
  routes: KernelRoute[];
  /** The readers are in a jail of FreeBSD without a network stack of its own. */
  isJailed = false;
  #lastIndex = 0;

  /** Starts with the loopback only. */
  constructor(os: EncodedOs, announce: Announcer) {
    this.#os = os;
    this.#announce = announce;
    this.#add("lo0", LOOPBACK_FLAGS, 0x18, 16384, []);
    this.#entries.get("lo0")!.addresses.push({ ...parseAddress("127.0.0.1/8"), route: null });
    // a Mac always has a route to 127/8, FreeBSD one that rejects mapped addresses (rc.d/routing)
    const [destination, prefixLength, gateway, flags] = os === "darwin"
      ? ["127.0.0.0", 8, "127.0.0.1", RTF.up | RTF.static] as const
      : ["::ffff:0.0.0.0", 96, "::1", RTF.up | RTF.gateway | RTF.reject | RTF.static] as const;
    this.routes = [{ destination, prefixLength, gateway, index: 1, flags, source: null }];
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

  /** The list of NET_RT_DUMP. In a jail only routes to hosts are listed (can_export_rte() in rtsock.c). */
  listRoutes(): Uint8Array<ArrayBuffer> {
    const listed = this.routes.filter(({ flags }) => !this.isJailed || (flags & RTF.host) !== 0);
    return concat(listed.map((route) => encodeRoute(this.#os, 4, route, "dump")));
  }

  /** The flags of an IPv6 address, as the ioctl returns them; null if the address is gone. */
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
    // dlil.c of xnu posts an event and sends no routing message.
    this.#announce.kernelEvent(KEV.link, KEV.attached);
    if (this.#os === "freebsd") this.#announce.route(encodeAnnouncement(nic, 0));
  }

  /**
   * Destroys an interface. On a Mac only an event announces it; FreeBSD takes down and announces its
   * addresses and routes first (if_detach()).
   */
  destroy(name: string): void {
    const { addresses, nic } = this.#entry(name);
    if (this.#os === "freebsd") {
      this.setUp(name, false);
      for (const { address, prefixLength } of [...addresses]) {
        this.removeAddress(name, `${address}/${prefixLength}`);
      }
      for (const route of this.routes.filter(({ index }) => index === nic.index)) {
        this.#removeOwn(route);
      }
    }
    this.#entries.delete(name);
    this.routes = this.routes.filter(({ index }) => index !== nic.index);
    this.#announce.kernelEvent(KEV.link, KEV.detached);
    if (this.#os === "freebsd") this.#announce.route(encodeAnnouncement(nic, 1));
  }

  /** Sets an interface up or down: RTM_IFINFO from both. */
  setUp(name: string, up: boolean): void {
    const { nic } = this.#entry(name);
    nic.flags = up ? nic.flags | IFF.up : nic.flags & ~IFF.up;
    this.#announce.kernelEvent(KEV.link, KEV.siflags);
    this.#announce.route(encodeLiveNic(this.#os, nic));
  }

  /** Sets the MTU: RTM_IFINFO from both. */
  setMtu(name: string, mtu: number): void {
    const { nic } = this.#entry(name);
    nic.mtu = mtu;
    this.#announce.kernelEvent(KEV.link, KEV.simtu);
    this.#announce.route(encodeLiveNic(this.#os, nic));
  }

  /** Plugs the cable in or out: a Mac posts the event only (xnu dlil.c). */
  setCarrier(name: string, carrier: boolean): void {
    const { nic } = this.#entry(name);
    nic.flags = carrier ? nic.flags | IFF.running : nic.flags & ~IFF.running;
    nic.linkState = carrier ? 2 : 1;
    this.#announce.kernelEvent(KEV.link, carrier ? KEV.linkOn : KEV.linkOff);
    if (this.#os === "freebsd") this.#announce.route(encodeLiveNic(this.#os, nic));
  }

  /** Adds an address such as `192.0.2.7/24`. */
  addAddress(name: string, cidr: string, fields: Partial<KernelAddress> = {}): void {
    const { addresses, nic } = this.#entry(name);
    const address: OwnAddress = { ...parseAddress(cidr, fields), route: null };
    const isSecond = addresses.some((other) => other.route !== null && sameSubnet(other, address));
    const route = isSecond ? null : this.#routeFor(nic, address);
    addresses.push(address);
    // xnu announces an address together with its route, or not at all (rtinit()).
    if (this.#os === "freebsd" || route !== null) this.#announceAddress(RTM.add, nic, address);
    if (route !== null) this.#addOwn(address.route = route);
    this.#postAddressEvent(KEV.newAddress, address);
    this.#settlePrimary(nic, route !== null);
  }

  /** Removes an address. */
  removeAddress(name: string, cidr: string): void {
    this.beginRemoval(name, cidr)();
  }

  /**
   * Announces that an address is removed; the function returned ends it. FreeBSD has removed the address by
   * then, xnu not: inctl_ifaddr() announces, then detaches the address, then posts the event.
   */
  beginRemoval(name: string, cidr: string): () => void {
    const { addresses, nic } = this.#entry(name);
    const address = addresses.find((it) => `${it.address}/${it.prefixLength}` === cidr);
    if (address === undefined) throw new Error(`There is no ${cidr} on ${name}`);
    const detach = () => addresses.splice(addresses.indexOf(address), 1);
    const { route } = address;
    if (this.#os === "darwin") {
      if (route !== null) this.#removeOwn(route);
      if (route !== null) this.#announceAddress(RTM.delete, nic, address);
      return () => {
        detach();
        this.#postAddressEvent(KEV.addressDeleted, address);
        this.#settlePrimary(nic, route !== null);
      };
    }
    detach();
    // in_scrubprefix() announces the address first, in6.c the route.
    if (isIpv4(address)) this.#announceAddress(RTM.delete, nic, address);
    if (route !== null) this.#removeOwn(route);
    if (!isIpv4(address)) this.#announceAddress(RTM.delete, nic, address);
    return () => {};
  }

  /** Adds an IPv6 address that is still being checked. */
  addTentative(name: string, cidr: string): void {
    this.addAddress(name, cidr, { flags: IN6_TENTATIVE });
  }

  /** The check of an address ends well: neither system sends a routing message. */
  finishCheck(name: string, address: string): void {
    const found = this.#entry(name).addresses.find((it) => it.address === address)!;
    found.flags &= ~IN6_TENTATIVE;
    this.#announce.kernelEvent(KEV.nd6, KEV.dadSuccess);
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
    this.#announce.networkChange();
  }

  /** A program adds a route: every routing socket gets the echo of its request. */
  addRoute(route: KernelRoute): void {
    this.routes.push(route);
    this.#announce.route(encodeRoute(this.#os, RTM.add, route, "request"));
  }

  /** A program deletes a route. */
  removeRoute(route: KernelRoute): void {
    this.routes = this.routes.filter((it) => it !== route);
    this.#announce.route(encodeRoute(this.#os, RTM.delete, route, "request"));
  }

  /** A multicast group is joined. */
  joinGroup(name: string, group: string): void {
    this.#announce.route(encodeGroup(this.#os, 0xf, this.#entry(name).nic, group));
  }

  /** Posts any kernel event. */
  post(subclass: number, code: number): void {
    this.#announce.kernelEvent(subclass, code);
  }

  /**
   * The route that comes with an address: for IPv4 the network's, for IPv6 the one to the host over the
   * loopback. A point-to-point link without a peer has none on a Mac (xnu in_ifinit()).
   */
  #routeFor(nic: KernelNic, address: KernelAddress): KernelRoute | null {
    const { other, prefixLength, address: source } = address;
    if (!isIpv4(address)) {
      const flags = RTF.up | RTF.host | RTF.local;
      const { index } = this.nic("lo0");
      return { destination: source, prefixLength: 128, gateway: index, index, flags, source };
    }
    const common = { gateway: nic.index, index: nic.index, source };
    if ((nic.flags & IFF.pointToPoint) !== 0) {
      if (other === null && this.#os === "darwin") return null;
      const destination = other ?? source;
      return { ...common, destination, prefixLength: 32, flags: RTF.up | RTF.host };
    }
    const destination = networkOf(source, prefixLength);
    return { ...common, destination, prefixLength, flags: RTF.up };
  }

  #announceAddress(change: 0x1 | 0x2, nic: KernelNic, address: KernelAddress): void {
    const type = change === RTM.add ? RTM.newAddress : RTM.deleteAddress;
    this.#announce.route(encodeAddress(this.#os, type, nic, address, true));
  }

  #addOwn(route: KernelRoute): void {
    this.routes.push(route);
    this.#announce.route(encodeRoute(this.#os, RTM.add, route, "kernel"));
  }

  #removeOwn(route: KernelRoute): void {
    this.routes = this.routes.filter((it) => it !== route);
    this.#announce.route(encodeRoute(this.#os, RTM.delete, route, "kernel"));
  }

  #postAddressEvent(code: number, address: KernelAddress): void {
    this.#announce.kernelEvent(isIpv4(address) ? KEV.inet : KEV.inet6, code);
  }

  /** configd looks after the primary service only, and posts when it has settled. */
  #settlePrimary({ index }: KernelNic, matters: boolean): void {
    const isPrimary = this.routes.some((route) =>
      route.index === index && route.prefixLength === 0
    );
    if (matters && isPrimary) this.#announce.networkChange();
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

function isIpv4({ address }: KernelAddress): boolean {
  return !address.includes(":");
}

function sameSubnet(a: KernelAddress, b: KernelAddress): boolean {
  return isIpv4(a) && isIpv4(b) && a.prefixLength === b.prefixLength &&
    networkOf(a.address, a.prefixLength) === networkOf(b.address, b.prefixLength);
}
