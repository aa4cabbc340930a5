/**
 * The links and addresses that messages keep up to date, so that one event costs the same with 10
 * interfaces and with 10,000.
 *
 * @module
 */
import { compareBytes, formatIp, isLinkLocal } from "../../state/ip.ts";
import { assumeNormal, makeAddress } from "../../state/normalize.ts";
import type { Address, Interface } from "../../state/types.ts";
import type { AddressMessage } from "./address.ts";
import * as C from "./constants.ts";
import type { LinkMessage } from "./link.ts";
import { linkKind } from "./link_kind.ts";

/** The flags that are published. */
const PUBLISHED_FLAGS = C.IFA_F_TENTATIVE | C.IFA_F_OPTIMISTIC | C.IFA_F_DADFAILED |
  C.IFA_F_DEPRECATED |
  C.IFA_F_TEMPORARY | C.IFA_F_PERMANENT;

const ADDRESSES_PER_STEP = 256;

/** An address of a link; its text is made when an interface is built. */
interface Entry {
  readonly message: AddressMessage;
  address: Address | null;
}

/** One link with its addresses. */
interface Row {
  link: LinkMessage | null;
  readonly addresses: Map<number | string, Entry>;
  /** The addresses in order, but for those added and removed since it was made. */
  sorted: readonly Entry[];
  readonly added: Set<Entry>;
  readonly removed: Set<Entry>;
  built: Interface | null; // as published last
  stale: boolean; // the link or an address has changed since
}

/** Links by index, never by name: a name can pass to another link. */
export class LinkTable {
  readonly #rows = new Map<number, Row>();

  /** A link was added or changed. Returns whether the published record differs. */
  setLink(link: LinkMessage): boolean {
    const row = this.#row(link.index);
    if (row.link !== null && sameLink(row.link, link)) return false;
    row.link = link;
    row.stale = true;
    return true;
  }

  /** A link was removed, and its addresses with it. */
  deleteLink(index: number): boolean {
    const known = this.#rows.get(index)?.link ?? null;
    this.#rows.delete(index);
    return known !== null;
  }

  /**
   * An address was added or changed. Returns whether the published record differs: tentative to usable
   * is a change, a lifetime refresh is not (tailscale#4223: routers refresh every few seconds).
   */
  setAddress(message: AddressMessage): boolean {
    const row = this.#row(message.index);
    const key = addressKey(message);
    const known = row.addresses.get(key);
    if (known !== undefined && sameAddress(known.message, message)) return false;
    if (known !== undefined) forget(row, known);
    const entry = { message, address: null };
    row.addresses.set(key, entry);
    row.added.add(entry);
    row.stale = true;
    return true;
  }

  /** An address was removed. */
  deleteAddress(message: AddressMessage): boolean {
    const row = this.#rows.get(message.index);
    const key = addressKey(message);
    const known = row?.addresses.get(key);
    if (row === undefined || known === undefined) return false;
    row.addresses.delete(key);
    forget(row, known);
    row.stale = true;
    return true;
  }

  /**
   * Takes from a dump what the kernel does not announce: addresses under duplicate address detection
   * (addrconf_dad_completed() in net/ipv6/addrconf.c announces them only afterwards), and addresses
   * that `keep_addr_on_down` makes tentative when their link goes down. Addresses in `announced` changed
   * while the dump was read, so it may be older.
   */
  mergeTentative(dump: LinkTable, announced: readonly AddressMessage[]): boolean {
    const stale = new Set(announced.map((it) => `${it.index} ${addressKey(it)}`));
    let merged = false;
    for (const [index, { addresses }] of dump.#rows) {
      const row = this.#rows.get(index);
      if (row === undefined || row.link === null) continue;
      for (const [key, { message }] of addresses) {
        if (!isTentative(message) || stale.has(`${index} ${key}`)) continue;
        if (row.addresses.has(key) && (row.link.flags & C.IFF_UP) !== 0) continue;
        if (this.setAddress(message)) merged = true;
      }
    }
    return merged;
  }

  /** The name of a link. */
  nameOf(index: number): string | null {
    return this.#rows.get(index)?.link?.name ?? null;
  }

  /** Whether routes through this link lead nowhere. */
  isLoopback(index: number): boolean {
    const link = this.#rows.get(index)?.link ?? null;
    return link !== null && linkKind(link) === "loopback";
  }

  /** Whether the link exists and is administratively up. */
  isUp(index: number): boolean {
    return ((this.#rows.get(index)?.link?.flags ?? 0) & C.IFF_UP) !== 0;
  }

  /** All interfaces, frozen; those that did not change are the same objects as before. */
  interfaces(): Interface[] {
    const all: Interface[] = [];
    for (const row of this.#rows.values()) {
      if (row.link !== null) all.push(builtInterface(row.link, row));
    }
    return all;
  }

  /**
   * Builds the interfaces in small steps, so that the caller can pause in between. Those that are as in
   * `live` are taken from there.
   */
  *build(live: LinkTable | null): Generator<void, void> {
    for (const [index, row] of this.#rows) {
      if (row.link === null || !row.stale) continue;
      const known = live === null ? undefined : live.#rows.get(index);
      if (known?.link && !known.stale && sameLink(known.link, row.link) && sameRows(known, row)) {
        row.built = known.built;
        row.stale = false;
      } else {
        let built = 0;
        for (const entry of row.added) {
          entry.address ??= buildAddress(entry.message);
          if (++built % ADDRESSES_PER_STEP === 0) yield;
        }
        builtInterface(row.link, row);
      }
      yield;
    }
  }

  #row(index: number): Row {
    let row = this.#rows.get(index);
    if (row === undefined) {
      row = {
        link: null,
        addresses: new Map(),
        sorted: [],
        added: new Set(),
        removed: new Set(),
        built: null,
        stale: true,
      };
      this.#rows.set(index, row);
    }
    return row;
  }
}

function forget(row: Row, entry: Entry): void {
  if (!row.added.delete(entry)) row.removed.add(entry);
}

/** Merges what changed into the sorted list: with 10,000 addresses a new sort costs 10 ms. */
function sortedEntries(row: Row): readonly Entry[] {
  const { added, removed } = row;
  if (added.size === 0 && removed.size === 0) return row.sorted;
  const kept = removed.size === 0 ? row.sorted : row.sorted.filter((it) => !removed.has(it));
  const fresh = [...added].sort(compareEntries);
  const merged: Entry[] = [];
  let i = 0;
  for (const entry of kept) {
    while (i < fresh.length && compareEntries(fresh[i]!, entry) < 0) merged.push(fresh[i++]!);
    merged.push(entry);
  }
  while (i < fresh.length) merged.push(fresh[i++]!);
  added.clear();
  removed.clear();
  return row.sorted = merged;
}

function compareEntries({ message: a }: Entry, { message: b }: Entry): number {
  return compareBytes(a.local, b.local) || a.prefixLength - b.prefixLength ||
    compareBytes(a.peer ?? NO_BYTES, b.peer ?? NO_BYTES);
}

const NO_BYTES = new Uint8Array();

/**
 * What identifies an address of a link. `10.0.0.1 peer 10.0.0.2` and `10.0.0.1 peer 10.0.0.3` coexist;
 * an IPv6 address is on a link once and changes its peer in place (inet6_addr_modify()).
 */
function addressKey({ family, local, peer, prefixLength }: AddressMessage): number | string {
  if (family === "IPv6") return String.fromCharCode(...local);
  const key = numberOf(local) * 64 + prefixLength;
  return peer === null ? key : `${key} ${numberOf(peer)}`;
}

function numberOf(ipv4: Uint8Array): number {
  return ((ipv4[0]! << 24) | (ipv4[1]! << 16) | (ipv4[2]! << 8) | ipv4[3]!) >>> 0;
}

/** Whether two messages with the same key are published alike. */
function sameAddress(a: AddressMessage, b: AddressMessage): boolean {
  return ((a.flags ^ b.flags) & PUBLISHED_FLAGS) === 0 && a.prefixLength === b.prefixLength &&
    compareBytes(a.peer ?? NO_BYTES, b.peer ?? NO_BYTES) === 0;
}

function sameRows(a: Row, b: Row): boolean {
  if (a.addresses.size !== b.addresses.size) return false;
  for (const [key, { message }] of a.addresses) {
    const other = b.addresses.get(key);
    if (other === undefined || !sameAddress(message, other.message)) return false;
  }
  return true;
}

function sameLink(a: LinkMessage, b: LinkMessage): boolean {
  return a.name === b.name && a.mtu === b.mtu && a.mac === b.mac && a.kind === b.kind &&
    a.hardwareType === b.hardwareType && steadyFlags(a) === steadyFlags(b);
}

function isTentative({ flags }: AddressMessage): boolean {
  // RFC 4429: an optimistic address may be used while it is checked.
  return (flags & C.IFA_F_TENTATIVE) !== 0 && (flags & C.IFA_F_OPTIMISTIC) === 0;
}

/**
 * The flags as the kernel last announced them. A dump reads carrier (`IFF_LOWER_UP`) live, while its
 * message waits up to a second in the link watch queue (net/core/link_watch.c) and comes with
 * `IFF_RUNNING`: without this a dump would differ from the table before the event.
 */
function steadyFlags({ flags, operstate }: LinkMessage): number {
  if (flags & C.IFF_RUNNING) return (flags | C.IFF_LOWER_UP) >>> 0;
  const dormant = operstate === C.IF_OPER_DORMANT || operstate === C.IF_OPER_TESTING;
  return (dormant ? flags : flags & ~C.IFF_LOWER_UP) >>> 0;
}

function builtInterface(link: LinkMessage, row: Row): Interface {
  if (!row.stale && row.built !== null) return row.built;
  const flags = steadyFlags(link);
  const kind = linkKind(link);
  const nic = {
    name: link.name,
    index: link.index,
    kind,
    up: (flags & C.IFF_UP) !== 0,
    running: (flags & C.IFF_RUNNING) !== 0,
    hostOnly: kind === "loopback" || kind === "bridge" || kind === "virtual",
    flags,
    mac: link.mac,
    mtu: link.mtu,
    addresses: uniqueAddresses(sortedEntries(row)),
  };
  row.stale = false;
  return row.built = assumeNormal(nic);
}

/** `10.0.0.1 peer 10.0.0.2` and `10.0.0.1 peer 10.0.0.3` are published once, with the lowest peer. */
function uniqueAddresses(entries: readonly Entry[]): Address[] {
  const addresses: Address[] = [];
  let last: Address | null = null;
  for (const entry of entries) {
    const address = entry.address ??= buildAddress(entry.message);
    if (address.cidr !== last?.cidr) addresses.push(address);
    last = address;
  }
  return addresses;
}

function buildAddress(message: AddressMessage): Address {
  const { family, flags, index, local, peer, prefixLength } = message;
  return makeAddress(local, {
    prefixLength,
    peer: peer === null ? null : formatIp(peer),
    scopeId: family === "IPv6" && isLinkLocal(local) ? index : null,
    tentative: isTentative(message),
    duplicated: (flags & C.IFA_F_DADFAILED) !== 0,
    deprecated: (flags & C.IFA_F_DEPRECATED) !== 0,
    // The same bit means "secondary" for IPv4 (linux/if_addr.h).
    temporary: family === "IPv6" && (flags & C.IFA_F_TEMPORARY) !== 0,
    permanent: (flags & C.IFA_F_PERMANENT) !== 0,
  });
}
