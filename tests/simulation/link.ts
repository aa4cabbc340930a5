/**
 * An interface of the simulated network: its messages, and its expected published form.
 *
 * @module
 */
import type { AddressMessage } from "../../ffi/linux/address.ts";
import type { LinkMessage } from "../../ffi/linux/link.ts";
import type { Address } from "../../state/types.ts";
import { ADDRESSES, type AddressSpec, type Slot, SLOTS } from "./pool.ts";
import type { LinkFields } from "./texts.ts";

/** An interface. */
export interface Link {
  readonly slot: number;
  readonly index: number;
  name: string;
  up: boolean;
  carrier: boolean;
  mtu: number;
  /** IFA_F_* by index in `ADDRESSES`. */
  readonly addresses: Map<number, number>;
}

// linux/if.h, linux/if_addr.h
const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;
const IFF_LOWER_UP = 0x10000;
const IFA_F_TEMPORARY = 0x1;
const IFA_F_OPTIMISTIC = 0x4;
const IFA_F_DADFAILED = 0x8;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_PERMANENT = 0x80;
const IF_OPER_UP = 6;
const IF_OPER_DOWN = 2;

/** Initial flags of addresses. */
export const IFA_DEFAULT = { permanent: IFA_F_PERMANENT, tentative: IFA_F_TENTATIVE } as const;

/** Combinations of address flags that occur. */
export const IFA_FLAGS: readonly number[] = [
  IFA_F_PERMANENT,
  0,
  IFA_F_TENTATIVE,
  IFA_F_TENTATIVE | IFA_F_OPTIMISTIC,
  IFA_F_TENTATIVE | IFA_F_DADFAILED,
  IFA_F_DEPRECATED,
  IFA_F_TEMPORARY,
];

/** Its RTM_NEWLINK message. */
export function linkMessage(link: Link): LinkMessage {
  const { hardwareType, driver } = SLOTS[link.slot] as Slot;
  return {
    family: 0,
    hardwareType,
    index: link.index,
    flags: flagsOf(link),
    name: link.name,
    mac: macOf(link),
    mtu: link.mtu,
    operstate: isRunning(link) ? IF_OPER_UP : IF_OPER_DOWN,
    kind: driver,
    master: null,
    parent: null,
  };
}

/** The RTM_NEWADDR message of one of its addresses. */
export function addressMessage(link: Link, spec: number): AddressMessage {
  const { family, bytes, prefixLength, peer } = ADDRESSES[spec] as AddressSpec;
  return {
    family,
    index: link.index,
    prefixLength,
    flags: link.addresses.get(spec) ?? 0,
    local: bytes,
    peer: peer?.bytes ?? null,
  };
}

/** Its expected published fields. */
export function linkFields(link: Link): LinkFields {
  return {
    name: link.name,
    index: link.index,
    kind: (SLOTS[link.slot] as Slot).kind,
    up: link.up,
    running: isRunning(link),
    hostOnly: false, // compared with the derived fields: it depends on other interfaces
    flags: flagsOf(link),
    mac: macOf(link),
    mtu: link.mtu,
  };
}

/** Its expected published addresses: each address and prefix length once. */
export function publishedAddresses(link: Link): Address[] {
  const published = new Map<string, Address>();
  for (const spec of [...link.addresses.keys()].sort((a, b) => a - b)) {
    const address = publishedAddress(link, spec);
    if (!published.has(address.cidr)) published.set(address.cidr, address);
  }
  return [...published.values()];
}

/** The families with an address that is usable if the interface is not host-only. */
export function usableFamilies(link: Link): Set<string> {
  const usable = new Set<string>();
  if (!isRunning(link)) return usable;
  for (const it of publishedAddresses(link)) {
    const linkLocal = ADDRESSES.find(({ text }) => text === it.address)?.linkLocal;
    if (!it.tentative && !it.duplicated && !it.deprecated && !linkLocal) usable.add(it.family);
  }
  return usable;
}

/** The expected published form of an address that no other one covers. */
export function publishedAddress(link: Link, spec: number): Address {
  const { family, text, prefixLength, peer, linkLocal } = ADDRESSES[spec] as AddressSpec;
  const flags = link.addresses.get(spec) ?? 0;
  const tentative = (flags & IFA_F_TENTATIVE) !== 0;
  return {
    family,
    address: text,
    prefixLength,
    cidr: `${text}/${prefixLength}`,
    peer: peer?.text ?? null,
    scopeId: family === "IPv6" && linkLocal ? link.index : null,
    tentative: tentative && (flags & IFA_F_OPTIMISTIC) === 0,
    duplicated: (flags & IFA_F_DADFAILED) !== 0,
    deprecated: (flags & IFA_F_DEPRECATED) !== 0,
    temporary: family === "IPv6" && (flags & IFA_F_TEMPORARY) !== 0,
    permanent: (flags & IFA_F_PERMANENT) !== 0,
  };
}

function isRunning(link: Link): boolean {
  return link.up && link.carrier;
}

function flagsOf(link: Link): number {
  return (link.up ? IFF_UP : 0) | (isRunning(link) ? IFF_RUNNING | IFF_LOWER_UP : 0);
}

function macOf(link: Link): string {
  return `02:00:00:00:00:${link.index.toString(16).padStart(2, "0")}`;
}
