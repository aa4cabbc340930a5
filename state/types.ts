/**
 * What a monitor delivers: plain data, the same shapes on every operating system. Everything
 * delivered is deeply frozen, JSON-safe and structuredClone-safe.
 *
 * @module
 */

/** Why a snapshot was published. */
export type Cause =
  | "initial"
  | "event"
  | "reconcile"
  | "refresh"
  | "resume"
  | "overflow"
  | "reopen";

/** One published state of the network, and what changed. */
export interface Snapshot {
  /** 1, 2, 3 … of the monitor. Order by this: the wall clock can step back. */
  sequence: number;
  /** When it was published, in epoch milliseconds. */
  at: number;
  /** The first that applies of: initial, resume, reopen, overflow, reconcile, refresh, event. */
  cause: Cause;
  /** All of the causes; for a subscriber, all since its last delivery. */
  causes: Cause[];
  /**
   * For a subscriber: against what it got last (its first has none). In `current`, `refresh()` and
   * `waitFor()`: against the publication before.
   */
  changes: Change[];
  /** Whether those changes are major, in the sense of `isMajorChange()`. */
  major: boolean;
  /** The whole state. */
  state: State;
}

/** What a source can know. Where false, the fields concerned hold neutral values, never a guess. */
export interface Knows {
  /** Index, MTU, flags, up and running of interfaces (else index 0, mtu 0, flags 0, up and running true). */
  links: boolean;
  /** Tentative, duplicated, deprecated, temporary and permanent (else false). */
  addressFlags: boolean;
  /** Default routes (else null). */
  routes: boolean;
}

/** The default routes, one per family. */
export interface DefaultRoutes {
  /** The way to IPv4 destinations that no other route covers; null where there is none. */
  ipv4: DefaultRoute | null;
  /** The same for IPv6. */
  ipv6: DefaultRoute | null;
}

/** What the network looks like. */
export interface State {
  /** By name; null prototype. The order means nothing: sort by index. */
  interfaces: Record<string, Interface>;
  /** The default route of each family. */
  defaultRoute: DefaultRoutes;
  /** The interface of the IPv4 default route, else that of the IPv6 one. */
  defaultRouteInterface: string | null;
  /** Addresses of interfaces that are up, by index; `regular` has neither loopback nor (mostly) link-local. */
  localAddresses: { loopback: string[]; regular: string[] };
  /** A usable IPv4 address exists. */
  haveIpv4: boolean;
  /** A usable IPv6 address exists. */
  haveIpv6: boolean;
  /** The IPv4 default gateway, when it is in 10/8, 172.16/12 or 192.168/16, and our address towards it. */
  homeRouter: { gateway: string; source: string | null } | null;
  /** True behind a cellular default interface; `"unknown"` where the operating system does not say. */
  isExpensive: boolean | "unknown";
  /** When the machine last woke from sleep, in epoch milliseconds. */
  resumedAt: number | null;
  /** How long that sleep was, in milliseconds. */
  sleptMs: number | null;
  /** What the source can know. */
  knows: Knows;
}

/** What sort of interface it is: a heuristic, partly by name. */
export type InterfaceKind =
  | "loopback"
  | "ethernet"
  | "wifi"
  | "cellular"
  | "tunnel"
  | "bridge"
  | "virtual"
  | "unknown";

/** A network interface with its addresses. */
export interface Interface {
  /** Its name; bytes that are not UTF-8 stand as `\xHH`. Hostile: escape it before printing. */
  name: string;
  /** The operating system's index; 0 where it is not known. */
  index: number;
  /** What sort of interface it is. */
  kind: InterfaceKind;
  /** Administratively up. */
  up: boolean;
  /** Has carrier. */
  running: boolean;
  /** The operating system's IFF_* bits. */
  flags: number;
  /** The hardware address, when it is of 6 bytes and not all zero. */
  mac: string | null;
  /** The largest packet, in bytes; 0 where it is not known. */
  mtu: number;
  /** By family, then bytes, then prefix length. */
  addresses: Address[];
}

/** An address of an interface. */
export interface Address {
  /** IPv4 or IPv6. */
  family: "IPv4" | "IPv6";
  /** The address, in the form of RFC 5952. */
  address: string;
  /** How many bits of it name the network. */
  prefixLength: number;
  /** Address and prefix length, as `192.0.2.1/24`. */
  cidr: string;
  /** The other end of a point-to-point link. */
  peer: string | null;
  /** The interface index, for link-local IPv6. */
  scopeId: number | null;
  /** Duplicate address detection has not finished; an optimistic address (RFC 4429) is not tentative. */
  tentative: boolean;
  /** Another host has it. */
  duplicated: boolean;
  /** Not to be used for new connections. */
  deprecated: boolean;
  /** A privacy address (RFC 8981). */
  temporary: boolean;
  /** Has no lifetime. */
  permanent: boolean;
}

/** The way to destinations that no other route covers. */
export interface DefaultRoute {
  /** The name of the interface. */
  interface: string;
  /** The next hop; null where the link itself is the way. May be of the other family (RFC 5549). */
  gateway: string | null;
  /** The address that the kernel would send from. */
  source: string | null;
  /** The route's metric, lower is better; null where there is none. */
  metric: number | null;
}

/** One difference between two states. */
export type Change =
  | InterfaceChange
  | InterfaceFieldsChange
  | AddressChange
  | AddressFlagsChange
  | DefaultRouteChange
  | ResumedChange
  | SourceChange;

/** An interface came or went, with its addresses: no change of an address stands beside it. */
export interface InterfaceChange {
  /** Which of the two. */
  kind: "interface-added" | "interface-removed";
  /** The interface, as it is or was. */
  interface: Interface;
}

/** Fields of an interface other than its name and addresses differ. */
export interface InterfaceFieldsChange {
  /** Always this. */
  kind: "interface-changed";
  /** The name of the interface. */
  interface: string;
  /** The names of the fields that differ. */
  fields: string[];
  /** The interface as it was. */
  from: Interface;
  /** The interface as it is. */
  to: Interface;
}

/** An address came or went. */
export interface AddressChange {
  /** Which of the two. */
  kind: "address-added" | "address-removed";
  /** The name of its interface. */
  interface: string;
  /** The address, as it is or was. */
  address: Address;
}

/** The same address with the same prefix length has other flags, another peer or scope. */
export interface AddressFlagsChange {
  /** Always this. */
  kind: "address-changed";
  /** The name of its interface. */
  interface: string;
  /** The address as it was. */
  from: Address;
  /** The address as it is. */
  to: Address;
}

/** A family's default route differs. */
export interface DefaultRouteChange {
  /** Always this. */
  kind: "default-route-changed";
  /** Whose default route. */
  family: "IPv4" | "IPv6";
  /** As it was. */
  from: DefaultRoute | null;
  /** As it is. */
  to: DefaultRoute | null;
}

/** The machine slept and woke. */
export interface ResumedChange {
  /** Always this. */
  kind: "resumed";
  /** When it woke, in epoch milliseconds. */
  at: number;
  /** How long it slept, in milliseconds. */
  sleptMs: number;
}

/**
 * What the source knows differs, or the later state has not heard of a wake-up that the earlier one had:
 * seen between states of different monitors. With it `applyChanges(a, diffStates(a, b))` equals `b` for
 * any two states.
 */
export interface SourceChange {
  /** Always this. */
  kind: "source-changed";
  /** What the source knows now. */
  knows: Knows;
  /** The last wake-up that it has heard of. */
  resumedAt: number | null;
  /** How long that sleep was. */
  sleptMs: number | null;
}

/** How the monitor itself is. All times are epoch milliseconds. */
export interface Health {
  /** `live`: events are heard. `degraded`: they are not, reconcile keeps the state. */
  status: "live" | "degraded" | "polling" | "closed";
  /** The name of the source. */
  source: string;
  /** Why the status is what it is; null when it is live. */
  reason: string | null;
  /** Since when it has this status. */
  since: number;
  /** When the source last announced something. */
  lastEventAt: number | null;
  /** When the state was last compared with the truth. */
  lastReconcileAt: number | null;
  /** The last error, in words. */
  lastError: string | null;
  /**
   * What listens at this moment, of a source that listens to several things: on macOS `"route"`,
   * `"network_change"` and `"kernel-events"`, each of which the system may refuse.
   */
  listeners?: readonly string[];
}

/** Counters of a monitor. Each only rises. */
export interface Metrics {
  /** Messages and announcements heard. */
  events: number;
  /** Of those, the ones that say nothing about the state, such as lifetime refreshes. */
  ignored: number;
  /** Messages that could not be understood. */
  malformed: number;
  /** Datagrams that the kernel did not send. */
  spoofed: number;
  /** Complete reads of the truth. */
  fullReads: number;
  /** Reads that failed or took too long. */
  readFailures: number;
  /** Comparisons of the state with the truth. */
  reconciles: number;
  /** Comparisons that found what an event should have announced. */
  driftsFound: number;
  /** Default routes found changed with no message at all. */
  routeSurprises: number;
  /** Receive buffers that overflowed. */
  overflows: number;
  /** Sockets that were replaced. */
  reopens: number;
  /** Canaries sent. */
  canaries: number;
  /** Canaries that nothing answered. */
  canariesMissed: number;
  /** Wake-ups from sleep. */
  resumes: number;
  /** Snapshots published. */
  published: number;
}
