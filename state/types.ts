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
  readonly sequence: number;
  /** When it was published, in epoch milliseconds. */
  readonly at: number;
  /** The first that applies of: initial, resume, reopen, overflow, reconcile, refresh, event. */
  readonly cause: Cause;
  /** All of the causes; for a subscriber, all since its last delivery. */
  readonly causes: readonly Cause[];
  /**
   * For a subscriber: against what it got last (its first has none). In `current`, `refresh()` and
   * `waitFor()`: against the publication before.
   */
  readonly changes: readonly Change[];
  /** Whether those changes are major, in the sense of `isMajorChange()`. */
  readonly major: boolean;
  /** The whole state. */
  readonly state: State;
}

/** What a source can know. Where false, the fields concerned hold neutral values, never a guess. */
export interface Knows {
  /** Index, MTU, flags, up and running of interfaces (else index 0, mtu 0, flags 0, up and running true). */
  readonly links: boolean;
  /** Tentative, duplicated, deprecated, temporary and permanent (else false). */
  readonly addressFlags: boolean;
  /** Default routes (else null). */
  readonly routes: boolean;
}

/** The default routes, one per family. */
export interface DefaultRoutes {
  /** The way to IPv4 destinations that no other route covers; null where there is none. */
  readonly ipv4: DefaultRoute | null;
  /** The same for IPv6. */
  readonly ipv6: DefaultRoute | null;
}

/** What the network looks like. */
export interface State {
  /** By name; null prototype. The order means nothing: sort by index. */
  readonly interfaces: Readonly<Record<string, Interface>>;
  /** The default route of each family. */
  readonly defaultRoute: DefaultRoutes;
  /** The interface of the IPv4 default route, else that of the IPv6 one. */
  readonly defaultRouteInterface: string | null;
  /** Addresses of interfaces that are up, by index; `regular` has neither loopback nor (mostly) link-local. */
  readonly localAddresses: {
    readonly loopback: readonly string[];
    readonly regular: readonly string[];
  };
  /** A usable IPv4 address exists. */
  readonly haveIpv4: boolean;
  /** A usable IPv6 address exists. */
  readonly haveIpv6: boolean;
  /** The IPv4 default gateway, when it is in 10/8, 172.16/12 or 192.168/16, and our address towards it. */
  readonly homeRouter: { readonly gateway: string; readonly source: string | null } | null;
  /** True behind a cellular default interface; `"unknown"` where the operating system does not say. */
  readonly isExpensive: boolean | "unknown";
  /** When the machine last woke from sleep, in epoch milliseconds. */
  readonly resumedAt: number | null;
  /** How long that sleep was, in milliseconds. */
  readonly sleptMs: number | null;
  /** What the source can know. */
  readonly knows: Knows;
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
  readonly name: string;
  /** The operating system's index; 0 where it is not known. */
  readonly index: number;
  /** What sort of interface it is. */
  readonly kind: InterfaceKind;
  /** Administratively up. */
  readonly up: boolean;
  /** Has carrier. */
  readonly running: boolean;
  /** The operating system's IFF_* bits. */
  readonly flags: number;
  /** The hardware address, when it is of 6 bytes and not all zero. */
  readonly mac: string | null;
  /** The largest packet, in bytes; 0 where it is not known. */
  readonly mtu: number;
  /** By family, then bytes, then prefix length. */
  readonly addresses: readonly Address[];
}

/** An address of an interface. */
export interface Address {
  /** IPv4 or IPv6. */
  readonly family: "IPv4" | "IPv6";
  /** The address, in the form of RFC 5952. */
  readonly address: string;
  /** How many bits of it name the network. */
  readonly prefixLength: number;
  /** Address and prefix length, as `192.0.2.1/24`. */
  readonly cidr: string;
  /** The other end of a point-to-point link. */
  readonly peer: string | null;
  /** The interface index, for link-local IPv6. */
  readonly scopeId: number | null;
  /** Duplicate address detection has not finished; an optimistic address (RFC 4429) is not tentative. */
  readonly tentative: boolean;
  /** Another host has it. */
  readonly duplicated: boolean;
  /** Not to be used for new connections. */
  readonly deprecated: boolean;
  /** A privacy address (RFC 8981). */
  readonly temporary: boolean;
  /** Has no lifetime. */
  readonly permanent: boolean;
}

/** The way to destinations that no other route covers. */
export interface DefaultRoute {
  /** The name of the interface. */
  readonly interface: string;
  /** The next hop; null where the link itself is the way. May be of the other family (RFC 5549). */
  readonly gateway: string | null;
  /** The address that the kernel would send from. */
  readonly source: string | null;
  /** The route's metric, lower is better; null where there is none. */
  readonly metric: number | null;
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
  readonly kind: "interface-added" | "interface-removed";
  /** The interface, as it is or was. */
  readonly interface: Interface;
}

/** Fields of an interface other than its name and addresses differ. */
export interface InterfaceFieldsChange {
  /** Always this. */
  readonly kind: "interface-changed";
  /** The name of the interface. */
  readonly interface: string;
  /** The names of the fields that differ. */
  readonly fields: readonly string[];
  /** The interface as it was. */
  readonly from: Interface;
  /** The interface as it is. */
  readonly to: Interface;
}

/** An address came or went. */
export interface AddressChange {
  /** Which of the two. */
  readonly kind: "address-added" | "address-removed";
  /** The name of its interface. */
  readonly interface: string;
  /** The address, as it is or was. */
  readonly address: Address;
}

/** The same address with the same prefix length has other flags, another peer or scope. */
export interface AddressFlagsChange {
  /** Always this. */
  readonly kind: "address-changed";
  /** The name of its interface. */
  readonly interface: string;
  /** The address as it was. */
  readonly from: Address;
  /** The address as it is. */
  readonly to: Address;
}

/** A family's default route differs. */
export interface DefaultRouteChange {
  /** Always this. */
  readonly kind: "default-route-changed";
  /** Whose default route. */
  readonly family: "IPv4" | "IPv6";
  /** As it was. */
  readonly from: DefaultRoute | null;
  /** As it is. */
  readonly to: DefaultRoute | null;
}

/** The machine slept and woke. */
export interface ResumedChange {
  /** Always this. */
  readonly kind: "resumed";
  /** When it woke, in epoch milliseconds. */
  readonly at: number;
  /** How long it slept, in milliseconds. */
  readonly sleptMs: number;
}

/**
 * What the source knows differs, or the later state has not heard of a wake-up that the earlier one had:
 * seen between states of different monitors. With it `applyChanges(a, diffStates(a, b))` equals `b` for
 * any two states.
 */
export interface SourceChange {
  /** Always this. */
  readonly kind: "source-changed";
  /** What the source knows now. */
  readonly knows: Knows;
  /** The last wake-up that it has heard of. */
  readonly resumedAt: number | null;
  /** How long that sleep was. */
  readonly sleptMs: number | null;
}

/** How the monitor itself is. All times are epoch milliseconds. */
export interface Health {
  /** `live`: events are heard. `degraded`: they are not, reconcile keeps the state. */
  readonly status: "live" | "degraded" | "polling" | "closed";
  /** The name of the source. */
  readonly source: string;
  /** Why the status is what it is; null when it is live. */
  readonly reason: string | null;
  /** Since when it has this status. */
  readonly since: number;
  /** When the source last announced something. */
  readonly lastEventAt: number | null;
  /** When the state was last compared with the truth. */
  readonly lastReconcileAt: number | null;
  /** The last error, in words. */
  readonly lastError: string | null;
  /**
   * What listens at this moment, of a source that listens to several things: on macOS `"route"`,
   * `"network_change"` and `"kernel-events"`, each of which the system may refuse.
   */
  readonly listeners?: readonly string[];
}

/** Counters of a monitor. Each only rises. */
export interface Metrics {
  /** Messages and announcements heard. */
  readonly events: number;
  /** Of those, the ones that say nothing about the state, such as lifetime refreshes. */
  readonly ignored: number;
  /** Messages that could not be understood. */
  readonly malformed: number;
  /** Datagrams that the kernel did not send. */
  readonly spoofed: number;
  /** Complete reads of the truth. */
  readonly fullReads: number;
  /** Reads that failed or took too long. */
  readonly readFailures: number;
  /** Comparisons of the state with the truth. */
  readonly reconciles: number;
  /** Comparisons that found what an event should have announced. */
  readonly driftsFound: number;
  /** Default routes found changed with no message at all. */
  readonly routeSurprises: number;
  /** Receive buffers that overflowed. */
  readonly overflows: number;
  /** Sockets that were replaced. */
  readonly reopens: number;
  /** Canaries sent. */
  readonly canaries: number;
  /** Canaries that nothing answered. */
  readonly canariesMissed: number;
  /** Wake-ups from sleep. */
  readonly resumes: number;
  /** Snapshots published. */
  readonly published: number;
}
