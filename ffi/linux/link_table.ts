/**
 * The table that link and address messages keep up to date, so that one event costs the same with 10
 * interfaces and with 10,000.
 *
 * @module
 */
import { normalizeInterface } from "../../state/normalize.ts";
import { formatIp, isLinkLocal } from "../../state/ip.ts";
import type { Address, Interface } from "../../state/types.ts";
import type { AddressMessage } from "./address.ts";
import {
  IF_OPER_DORMANT,
  IF_OPER_TESTING,
  IFA_F_DADFAILED,
  IFA_F_DEPRECATED,
  IFA_F_OPTIMISTIC,
  IFA_F_PERMANENT,
  IFA_F_TEMPORARY,
  IFA_F_TENTATIVE,
  IFF_LOWER_UP,
  IFF_RUNNING,
  IFF_UP,
} from "./constants.ts";
import { linkKind } from "./link_kind.ts";
import type { LinkMessage } from "./link.ts";

/** Links by index, never by name (a name can be taken over), with their addresses. */
export class LinkTable {
  readonly #links = new Map<number, LinkMessage>();
  readonly #addresses = new Map<number, Map<string, Address>>();
  /** Built interfaces; a change removes its own. */
  readonly #built = new Map<number, Interface>();

  /** A link came or changed. True when the published record differs. */
  setLink(link: LinkMessage): boolean {
    const known = this.#links.get(link.index);
    if (known !== undefined && sameLink(known, link)) return false;
    this.#links.set(link.index, link);
    this.#built.delete(link.index);
    return true;
  }

  /** A link went, and its addresses with it. */
  deleteLink(index: number): boolean {
    this.#built.delete(index);
    this.#addresses.delete(index);
    return this.#links.delete(index);
  }

  /**
   * An address came or changed. True when the record differs, its flags included: tentative to usable
   * is a change, a lifetime refresh is not (tailscale#4223: routers refresh every few seconds).
   */
  setAddress(message: AddressMessage): boolean {
    const address = publishedAddress(message);
    const key = addressKey(address);
    const known = this.#addresses.get(message.index)?.get(key);
    if (known !== undefined && sameRecord(known, address)) return false;
    this.#putAddress(message.index, key, address);
    return true;
  }

  /** An address went. */
  deleteAddress(message: AddressMessage): boolean {
    const addresses = this.#addresses.get(message.index);
    const deleted = addresses?.delete(addressKey(publishedAddress(message))) ?? false;
    if (deleted) this.#built.delete(message.index);
    return deleted;
  }

  /**
   * Takes over the addresses that are under duplicate address detection in the truth: the kernel
   * announces an automatic one only when that is done (addrconf_dad_completed() in
   * net/ipv6/addrconf.c), and until then only a dump shows it. `gone` are those that left since.
   */
  learnTentative(truth: LinkTable, gone: readonly AddressMessage[]): boolean {
    const left = new Set(gone.map((it) => `${it.index} ${addressKey(publishedAddress(it))}`));
    let learned = false;
    for (const [index, addresses] of truth.#addresses) {
      if (!this.#links.has(index)) continue;
      for (const [key, address] of addresses) {
        if (!address.tentative || this.#addresses.get(index)?.has(key)) continue;
        if (left.has(`${index} ${key}`)) continue;
        this.#putAddress(index, key, address);
        learned = true;
      }
    }
    return learned;
  }

  /** The name of a link. */
  nameOf(index: number): string | null {
    return this.#links.get(index)?.name ?? null;
  }

  /** Whether no route through this link leads anywhere. */
  isLoopback(index: number): boolean {
    const link = this.#links.get(index);
    return link !== undefined && linkKind(link) === "loopback";
  }

  /** All interfaces, frozen; those that did not change are the same objects as before. */
  interfaces(): Interface[] {
    const all: Interface[] = [];
    for (const [index, link] of this.#links) {
      let built = this.#built.get(index);
      if (built === undefined) {
        built = normalizeInterface(
          publishedInterface(link, [...this.#addresses.get(index)?.values() ?? []]),
        );
        this.#built.set(index, built);
      }
      all.push(built);
    }
    return all;
  }

  #putAddress(index: number, key: string, address: Address): void {
    let addresses = this.#addresses.get(index);
    if (addresses === undefined) this.#addresses.set(index, addresses = new Map());
    addresses.set(key, address);
    this.#built.delete(index);
  }
}

/**
 * What makes an address another one. `10.0.0.1 peer 10.0.0.2` and `10.0.0.1 peer 10.0.0.3` coexist; an IPv6
 * address is on an interface once and changes its peer in place (inet6_addr_modify()).
 */
function addressKey({ address, cidr, family, peer }: Address): string {
  if (family === "IPv6") return address;
  return peer === null ? cidr : `${cidr} ${peer}`;
}

function sameRecord(a: Address, b: Address): boolean {
  return a.cidr === b.cidr && a.peer === b.peer && a.tentative === b.tentative &&
    a.duplicated === b.duplicated &&
    a.deprecated === b.deprecated && a.temporary === b.temporary && a.permanent === b.permanent;
}

function sameLink(a: LinkMessage, b: LinkMessage): boolean {
  return a.name === b.name && a.mtu === b.mtu && a.mac === b.mac && a.kind === b.kind &&
    a.hardwareType === b.hardwareType && steadyFlags(a) === steadyFlags(b);
}

/**
 * The flags as the kernel last announced them. Carrier (`IFF_LOWER_UP`) is read live by a dump, while
 * its message waits up to a second in the link watch queue (net/core/link_watch.c), with which
 * `IFF_RUNNING` changes: without this a dump would see what no event has said yet.
 */
function steadyFlags(link: LinkMessage): number {
  const { flags, operstate } = link;
  if (flags & IFF_RUNNING) return (flags | IFF_LOWER_UP) >>> 0;
  const dormant = operstate === IF_OPER_DORMANT || operstate === IF_OPER_TESTING;
  return (dormant ? flags : flags & ~IFF_LOWER_UP) >>> 0;
}

function publishedInterface(link: LinkMessage, addresses: Address[]): Interface {
  const flags = steadyFlags(link);
  return {
    name: link.name,
    index: link.index,
    kind: linkKind(link),
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_RUNNING) !== 0,
    flags,
    mac: link.mac,
    mtu: link.mtu,
    addresses,
  };
}

function publishedAddress(message: AddressMessage): Address {
  const { family, flags, index, local, peer, prefixLength } = message;
  const address = formatIp(local);
  return {
    family,
    address,
    prefixLength,
    cidr: `${address}/${prefixLength}`,
    peer: peer === null ? null : formatIp(peer),
    scopeId: family === "IPv6" && isLinkLocal(local) ? index : null,
    // RFC 4429: an optimistic address may be used while it is checked.
    tentative: (flags & IFA_F_TENTATIVE) !== 0 && (flags & IFA_F_OPTIMISTIC) === 0,
    duplicated: (flags & IFA_F_DADFAILED) !== 0,
    deprecated: (flags & IFA_F_DEPRECATED) !== 0,
    // The same bit means "secondary" for IPv4 (linux/if_addr.h).
    temporary: family === "IPv6" && (flags & IFA_F_TEMPORARY) !== 0,
    permanent: (flags & IFA_F_PERMANENT) !== 0,
  };
}
