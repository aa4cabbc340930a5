/**
 * An interface of the simulated network: its messages, and its expected published form.
 *
 * @module
 */
import type { AddressMessage, LinkMessage } from "../../ffi/linux/messages.ts";
import type { Address } from "../../state/types.ts";
import type { Position } from "./meanings.ts";
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
  /** The index of the link whose port it is. */
  master: number | null;
  /** The index of the link that it sits on. */
  parent: number | null;
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
    master: link.master,
    parent: link.parent === link.index ? null : link.parent,
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
    hostOnly: false, // compared with the derived fields, since it depends on other interfaces
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

/** The address that the kernel selects as the source of the default route through this link. */
export function sourceOf(link: Link, family: "IPv4" | "IPv6"): string | null {
  const isSource = (it: Address): boolean =>
    it.family === family && !it.tentative && !it.duplicated &&
    ADDRESSES.find(({ text }) => text === it.address)?.linkLocal === false;
  return publishedAddresses(link).find(isSource)?.address ?? null;
}

/** Its position: the links that it sits on. */
export function positionOf(link: Link): Position {
  const { index, master, parent, up } = link;
  return { index, master, parent, up, kind: (SLOTS[link.slot] as Slot).kind };
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

/** Whether it is up and has carrier. */
export function isRunning(link: Link): boolean {
  return link.up && link.carrier;
}

function flagsOf(link: Link): number {
  return (link.up ? IFF_UP : 0) | (isRunning(link) ? IFF_RUNNING | IFF_LOWER_UP : 0);
}

function macOf(link: Link): string {
  return `02:00:00:00:00:${link.index.toString(16).padStart(2, "0")}`;
}
