// A table of links and addresses that messages keep up to date, so that an event costs the same with 10
// interfaces as with 10,000.
import { compareBytes, formatIp, type IpBytes, isLinkLocal } from "../../state/ip.ts";
import { REPLACED } from "../../state/interfaces.ts";
import { assumeNormal, makeAddress } from "../../state/normalize.ts";
import type { Address, Interface, InterfaceKind } from "../../state/types.ts";
import { C } from "./constants.ts";
import { type AddressMessage, linkKind, type LinkMessage } from "./messages.ts";

const PUBLISHED_FLAGS = C.IFA_F_TENTATIVE | C.IFA_F_OPTIMISTIC | C.IFA_F_DADFAILED |
  C.IFA_F_DEPRECATED | C.IFA_F_TEMPORARY | C.IFA_F_PERMANENT;

const ADDRESSES_PER_STEP = 256;

/** An address of a link; its text is made when an interface is built. */
interface Entry {
  readonly message: AddressMessage;
  address: Address | null;
}

interface Row {
  readonly index: number;
  link: LinkMessage | null;
  kind: InterfaceKind; // of the link
  entries: Entry[]; // in the order of `compareKeys()`
  near: number; // where the next address is searched for first
  built: Interface | null; // as published; null if something that it shows has changed since
  place: number; // in the list of interfaces
}

/** Links by index, never by name: a name can pass to another link. */
export class LinkTable {
  readonly #rows = new Map<number, Row>();
  // The topology, so that the search for hardware does not visit 10,000 veths.
  readonly #physical = new Set<number>();
  readonly #tunnels = new Set<number>(); // those that are up
  readonly #children = new Map<number, Set<number>>(); // by parent
  #onHardware: ReadonlySet<number> = new Set();
  #isContainer = true;
  #isTopologyStale = false;
  #live: LinkTable | null;
  #list: Interface[] | null = null; // what `interfaces()` returned last; null if a link came or went since
  #changed: Row[] = []; // those whose interface has to be built again
  #hasTentative = false; // an address is tentative, or was

  /** A table that is filled from a dump reuses equal records of `live`, the table kept by events. */
  constructor(live: LinkTable | null = null) {
    this.#live = live;
  }

  /** How many links and addresses it holds. */
  get size(): number {
    return this.#rows.values().reduce((sum, { entries }) => sum + 1 + entries.length, 0);
  }

  /** A link was added or changed. Returns whether the published record or the topology differs. */
  setLink(link: LinkMessage): boolean {
    const { index, master, parent } = link;
    const row = this.#row(index);
    const known = row.link;
    const isSame = known !== null && sameLink(known, link);
    const isPlacedAlike = known?.master === master && known.parent === parent;
    if (isSame && isPlacedAlike) return false;
    const live = this.#live === null ? undefined : this.#live.#rows.get(index);
    if (live?.link && sameLink(live.link, link)) {
      row.kind = live.kind;
      row.link = live.link.master === master && live.link.parent === parent ? live.link : link;
    } else {
      if (known === null || !sameKind(known, link)) row.kind = linkKind(link);
      row.link = link;
    }
    if (known === null) this.#list = null;
    if (!isSame) this.#change(row);
    if (!isPlacedAlike) this.#isTopologyStale = true;
    const { kind } = row;
    this.#mark(this.#physical, index, ["ethernet", "wifi", "cellular"].includes(kind));
    this.#mark(this.#tunnels, index, kind === "tunnel" && this.isUp(index));
    this.#moveTo(parent, index, known);
    return true;
  }

  deleteLink(index: number): boolean {
    const known = this.#rows.get(index)?.link ?? null;
    this.#rows.delete(index);
    this.#list = null;
    for (const set of [this.#physical, this.#tunnels]) set.delete(index);
    this.#moveTo(null, index, known);
    this.#isTopologyStale = true;
    return known !== null;
  }

  #mark(set: Set<number>, index: number, isMember: boolean): void {
    if (set.has(index) === isMember) return;
    if (isMember) set.add(index);
    else set.delete(index);
    this.#isTopologyStale = true;
  }

  #moveTo(parent: number | null, index: number, known: LinkMessage | null): void {
    const before = known?.parent ?? null;
    if (before === parent) return;
    const siblings = before === null ? undefined : this.#children.get(before);
    if (siblings?.delete(index) && siblings.size === 0) this.#children.delete(before!);
    if (parent === null) return;
    this.#children.set(parent, (this.#children.get(parent) ?? new Set()).add(index));
  }

  /**
   * An address was added or changed. Returns whether the published record differs: tentative to usable
   * is a change, a lifetime refresh is not (tailscale#4223: routers refresh every few seconds).
   */
  setAddress(message: AddressMessage): boolean {
    if (message.flags & C.IFA_F_TENTATIVE) this.#hasTentative = true;
    const row = this.#row(message.index);
    const { at, known } = findEntry(row, message);
    if (known !== null && sameAddress(known.message, message)) return false;
    const live = this.#live === null ? null : this.#live.#find(message);
    const entry = live && sameAddress(live.message, message) ? live : { message, address: null };
    if (known !== null || at === row.entries.length) row.entries[at] = entry;
    else row.entries.splice(at, 0, entry);
    this.#change(row);
    return true;
  }

  #find(message: AddressMessage): Entry | null {
    const row = this.#rows.get(message.index);
    return row === undefined ? null : findEntry(row, message).known;
  }

  deleteAddress(message: AddressMessage): boolean {
    const row = this.#rows.get(message.index);
    if (row === undefined) return false;
    const { at, known } = findEntry(row, message);
    if (known === null) return false;
    row.entries.splice(at, 1);
    this.#change(row);
    return true;
  }

  /**
   * Takes from a dump what the kernel does not announce: addresses under duplicate address detection
   * (addrconf_dad_completed() in net/ipv6/addrconf.c announces them only afterwards, optimistic ones, too), and those
   * that `keep_addr_on_down` makes tentative when their link goes down, with their changes while they are tentative, as
   * on a link without carrier. Addresses in `announced` changed while the dump was read, so the dump may be older.
   */
  mergeTentative(dump: LinkTable, announced: readonly AddressMessage[]): boolean {
    if (!dump.#hasTentative) return false;
    const newer = new LinkTable();
    for (const it of announced) newer.setAddress(it);
    let merged = false;
    for (const { entries, index } of dump.#rows.values()) {
      if (this.nameOf(index) === null) continue;
      const isUp = this.isUp(index);
      for (const { message } of entries) {
        if ((message.flags & C.IFA_F_TENTATIVE) === 0) continue;
        const known = this.#find(message)?.message;
        if (isUp && known !== undefined && (known.flags & C.IFA_F_TENTATIVE) === 0) continue;
        if (newer.#find(message) === null && this.setAddress(message)) merged = true;
      }
    }
    return merged;
  }

  /** Adds the links and addresses that only the other table has. */
  addMissing(other: LinkTable): void {
    for (const { entries, index, link } of other.#rows.values()) {
      if (link !== null && this.nameOf(index) === null) this.setLink(link);
      for (const { message } of entries) if (this.#find(message) === null) this.setAddress(message);
    }
  }

  nameOf(index: number): string | null {
    return this.#rows.get(index)?.link?.name ?? null;
  }

  /** Whether routes through this link lead nowhere. */
  isLoopback(index: number): boolean {
    return this.#rows.get(index)?.kind === "loopback";
  }

  isUp(index: number): boolean {
    return ((this.#rows.get(index)?.link?.flags ?? 0) & C.IFF_UP) !== 0;
  }

  /** Whether the link has an address of the family: any, or this one. */
  hasAddress(index: number, family: Address["family"], ip: IpBytes | null = null): boolean {
    const entries = this.#rows.get(index)?.entries ?? [];
    for (let i = 0; i < entries.length; i++) {
      const { message: { family: its, local } } = entries[i]!;
      if (its === family && (ip === null || compareBytes(local, ip) === 0)) return true;
    }
    return false;
  }

  /** All addresses, as the kernel announced them. */
  *addresses(): Generator<AddressMessage, void> {
    for (const { entries } of this.#rows.values()) for (const { message } of entries) yield message;
  }

  /** All interfaces, frozen; those that did not change are the same objects as before. */
  interfaces(): Interface[] {
    if (this.#isTopologyStale) this.#updateTopology();
    const known = this.#list;
    if (known !== null && this.#changed.length === 0) return known;
    const list = this.#list = known?.slice() ?? [];
    const places: number[] = [];
    // Linux before 6.9 dumps links in another order
    const rows = known ? this.#changed : [...this.#rows.values()].sort((a, b) => a.index - b.index);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (row.link === null) continue;
      if (known === null) row.place = list.length;
      list[row.place] = row.built ?? this.#buildInterface(row.link, row);
      places.push(row.place);
    }
    this.#changed = [];
    if (known !== null) REPLACED.delete(known);
    if (places.length > 1) places.sort((a, b) => a - b);
    REPLACED.set(list, { from: known, places });
    return list;
  }

  #change(row: Row): void {
    if (row.built !== null) this.#changed.push(row);
    row.built = null;
  }

  /** Builds the interfaces in small steps, so that the caller can pause in between, and forgets `live`. */
  *build(): Generator<void, void> {
    if (this.#isTopologyStale) this.#updateTopology();
    const live = this.#live;
    this.#live = null;
    for (const row of this.#rows.values()) {
      if (row.link === null) continue;
      const known = live === null ? undefined : live.#rows.get(row.index);
      if (
        known?.link === row.link && known.built && known.entries.length === row.entries.length &&
        known.entries.every((entry, i) => entry === row.entries[i]) &&
        known.built.hostOnly === this.#isHostOnly(row.link, row.kind)
      ) {
        row.built = known.built;
      } else {
        let built = 0;
        for (const entry of row.entries) {
          entry.address ??= buildAddress(entry.message);
          if (++built % ADDRESSES_PER_STEP === 0) yield;
        }
        this.#buildInterface(row.link, row);
      }
      yield;
    }
  }

  /**
   * A link sits on hardware if it is physical, if a port of it (bridge, bond, VRF) does, or if its parent does
   * (VLAN, macvlan), however many levels down.
   */
  #updateTopology(): void {
    this.#isTopologyStale = false;
    const found = new Set(this.#physical);
    for (const index of found) { // the set grows during the walk; each link once, even in a loop
      const master = this.#rows.get(index)?.link?.master ?? null;
      if (master !== null && this.nameOf(master) !== null) found.add(master);
      for (const child of this.#children.get(index) ?? []) found.add(child);
    }
    const isContainer = this.#physical.size === 0 && this.#tunnels.size === 0;
    const changed = isContainer === this.#isContainer
      ? found.symmetricDifference(this.#onHardware)
      : this.#rows.keys();
    for (const index of changed) {
      const row = this.#rows.get(index);
      if (row !== undefined) this.#change(row);
    }
    this.#onHardware = found;
    this.#isContainer = isContainer;
  }

  /**
   * A bridge or virtual link leads out of the host if it sits on hardware, or if there is neither hardware nor a
   * tunnel that is up, as in a container. `buildState()` has the same rule; applying it here saves it a copy of
   * a container's interfaces. The kernel does not say which links an Open vSwitch bridge forwards to.
   */
  #isHostOnly(link: LinkMessage, kind: InterfaceKind): boolean {
    return kind === "loopback" ||
      (kind === "bridge" || kind === "virtual") && link.kind !== "openvswitch" &&
        !this.#isContainer && !this.#onHardware.has(link.index);
  }

  #buildInterface(link: LinkMessage, row: Row): Interface {
    const flags = steadyFlags(link);
    return row.built = assumeNormal({
      name: link.name,
      index: link.index,
      kind: row.kind,
      up: (flags & C.IFF_UP) !== 0,
      running: (flags & C.IFF_RUNNING) !== 0,
      hostOnly: this.#isHostOnly(link, row.kind),
      flags,
      mac: link.mac,
      mtu: link.mtu ?? 0,
      addresses: uniqueAddresses(row.entries),
    });
  }

  #row(index: number): Row {
    let row = this.#rows.get(index);
    if (row !== undefined) return row;
    row = { index, link: null, kind: "unknown", entries: [], near: 0, built: null, place: 0 };
    this.#rows.set(index, row);
    return row;
  }
}

/** Where an address belongs, and its entry if it is there. Most come in order: the next place is tried first. */
function findEntry(row: Row, message: AddressMessage): { at: number; known: Entry | null } {
  const { entries } = row;
  let low = 0;
  let high = entries.length;
  for (let at = Math.min(row.near, high - 1); low < high; at = (low + high) >> 1) {
    const entry = entries[at]!;
    const order = compareKeys(entry.message, message);
    if (order === 0) {
      row.near = at + 1;
      return { at, known: entry };
    }
    if (order < 0) low = at + 1;
    else high = at;
  }
  row.near = low + 1;
  return { at: low, known: null };
}

const NO_BYTES: IpBytes = [];

/**
 * Orders the addresses of a link; 0 if they are the same. `10.0.0.1 peer 10.0.0.2` and `10.0.0.1 peer
 * 10.0.0.3` coexist; an IPv6 address is on a link once and changes its peer in place (inet6_addr_modify()).
 */
function compareKeys(a: AddressMessage, b: AddressMessage): number {
  const order = compareBytes(a.local, b.local);
  if (order !== 0 || a.family === "IPv6") return order;
  return a.prefixLength - b.prefixLength || compareBytes(a.peer ?? NO_BYTES, b.peer ?? NO_BYTES);
}

/** Whether two messages with the same key yield the same published address. */
function sameAddress(a: AddressMessage, b: AddressMessage): boolean {
  return ((a.flags ^ b.flags) & PUBLISHED_FLAGS) === 0 && a.prefixLength === b.prefixLength &&
    compareBytes(a.peer ?? NO_BYTES, b.peer ?? NO_BYTES) === 0;
}

function sameLink(a: LinkMessage, b: LinkMessage): boolean {
  return sameKind(a, b) && a.mtu === b.mtu && a.mac === b.mac && steadyFlags(a) === steadyFlags(b);
}

/** Whether `linkKind()` would return the same: calling it takes longer than the rest of an event. */
function sameKind(a: LinkMessage, b: LinkMessage): boolean {
  return a.name === b.name && a.kind === b.kind && a.hardwareType === b.hardwareType &&
    ((a.flags ^ b.flags) & C.IFF_LOOPBACK) === 0;
}

/**
 * The flags as the kernel last announced them. A dump shows carrier (`IFF_LOWER_UP`) live, while the message
 * about it waits up to a second in the link watch queue (net/core/link_watch.c) and arrives together with
 * `IFF_RUNNING`: without this function, a dump would differ from the table until that event.
 */
function steadyFlags({ flags, operstate }: LinkMessage): number {
  if (flags & C.IFF_RUNNING) return (flags | C.IFF_LOWER_UP) >>> 0;
  const dormant = operstate === C.IF_OPER_DORMANT || operstate === C.IF_OPER_TESTING;
  return (dormant ? flags : flags & ~C.IFF_LOWER_UP) >>> 0;
}

/** `10.0.0.1 peer 10.0.0.2` and `10.0.0.1 peer 10.0.0.3` are published once, with the lowest peer. */
function uniqueAddresses(entries: readonly Entry[]): Address[] {
  const addresses: Address[] = [];
  let last: Address | null = null;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
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
    // RFC 4429: an optimistic address may be used while it is checked.
    tentative: (flags & C.IFA_F_TENTATIVE) !== 0 && (flags & C.IFA_F_OPTIMISTIC) === 0,
    duplicated: (flags & C.IFA_F_DADFAILED) !== 0,
    deprecated: (flags & C.IFA_F_DEPRECATED) !== 0,
    // The same bit means "secondary" for IPv4 (linux/if_addr.h).
    temporary: family === "IPv6" && (flags & C.IFA_F_TEMPORARY) !== 0,
    permanent: (flags & C.IFA_F_PERMANENT) !== 0,
  });
}
