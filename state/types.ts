/**
 * What a monitor delivers: plain data, the same on every operating system. Everything delivered is deeply
 * frozen and survives JSON and `structuredClone()`.
 *
 * @module
 */

/**
 * Why a snapshot was published. `event`: an event announced a change. `reconcile`: the comparison with the kernel's
 * state found one. `overflow`, `reopen`: a full read after the kernel dropped messages, or after the event source was
 * lost or replaced. `refresh`: `refresh()` found a change. `resume`: the machine woke from sleep.
 */
export type Cause =
  | "initial"
  | "event"
  | "reconcile"
  | "refresh"
  | "resume"
  | "overflow"
  | "reopen";

/** A published state of the network and its difference from the previous one. */
export interface Snapshot {
  /** 1, 2, 3 and so on for each monitor. Order snapshots by this, not by `at`: the wall clock can step back. */
  readonly sequence: number;
  /** When it was published, in epoch milliseconds. */
  readonly at: number;
  /** The first of these that applies: initial, resume, reopen, overflow, reconcile, refresh, event. */
  readonly cause: Cause;
  /** All causes; for a subscriber, all since its last delivery. */
  readonly causes: readonly Cause[];
  /**
   * For a subscriber: the changes since its last delivery; none in its first. In `current`, `refresh()` and
   * `waitFor()`: the changes since the previous publication.
   */
  readonly changes: readonly Change[];
  /** Whether those changes are major: `reasons` is not empty. */
  readonly major: boolean;
  /** Why they are major, as `majorReasons()` lists it. */
  readonly reasons: readonly Reason[];
  /** The whole state. */
  readonly state: State;
}

/** Why a difference is major. */
export type Reason = DefaultRouteReason | AddressReason | InterfaceReason | ResumedReason;

/** A default route (null: none) has another interface, gateway or source, or its interface another index. */
export type DefaultRouteReason = {
  readonly kind: "default-route";
  readonly family: "IPv4" | "IPv6";
  readonly from: DefaultRoute | null;
  readonly to: DefaultRoute | null;
};

/** A usable address appeared or became usable, or disappeared or became unusable. */
export type AddressReason = {
  readonly kind: "address-usable" | "address-unusable";
  readonly interface: string;
  readonly address: Address;
};

/** `fields`: `up`, `index` or both changed on an interface that has or had usable addresses. */
export type InterfaceReason = {
  readonly kind: "interface";
  readonly interface: string;
  readonly fields: readonly string[];
};

/** The machine slept for 600_000 ms or more. */
export type ResumedReason = { readonly kind: "resumed"; readonly sleptMs: number };

/** What a source can know. Fields that it cannot know hold neutral values, never a guess. */
export interface Knows {
  /** Index, MTU, flags, up and running of interfaces; if false, the numbers are 0, up and running true. */
  readonly links: boolean;
  /** Tentative, duplicated, deprecated, temporary and permanent addresses; if false, all are false. */
  readonly addressFlags: boolean;
  /** Default routes; if false, both are null. */
  readonly routes: boolean;
}

/** The default routes by family. */
export interface DefaultRoutes {
  /** The route of IPv4 packets that no other route matches; null if there is none. */
  readonly ipv4: DefaultRoute | null;
  /** The same for IPv6. */
  readonly ipv6: DefaultRoute | null;
}

/** The state of the network at one moment. */
export interface State {
  /** By name, without a prototype. The order means nothing: sort by index. With 256 or more it may be made when read. */
  readonly interfaces: Readonly<Record<string, Interface>>;
  /** The default route of each family. */
  readonly defaultRoute: DefaultRoutes;
  /** The interface of the IPv4 default route; without one, that of the IPv6 default route. */
  readonly defaultRouteInterface: string | null;
  /**
   * True if a family has a default route through an interface that is up and running, with a source address
   * other than loopback or IPv6 link-local. `"unknown"` if the source knows no routes and a usable address
   * exists. Otherwise false: no request to the internet can succeed. True does not guarantee reachability.
   */
  readonly online: boolean | "unknown";
  /**
   * The addresses of interfaces that are up, by interface index, without duplicated ones. `regular` leaves
   * out loopback, link-local and unique-local ones. If that leaves none, it holds the unique-local IPv6
   * addresses, else the link-local IPv4 addresses.
   */
  readonly localAddresses: {
    readonly loopback: readonly string[];
    readonly regular: readonly string[];
  };
  /** Whether there is a usable IPv4 address. */
  readonly haveIpv4: boolean;
  /** Whether there is a usable IPv6 address. */
  readonly haveIpv6: boolean;
  /** The IPv4 default gateway if it is in 10/8, 172.16/12 or 192.168/16, and our address towards it. */
  readonly homeRouter: { readonly gateway: string; readonly source: string | null } | null;
  /** True if the default interface is cellular; `"unknown"` if nothing says whether traffic is metered. */
  readonly isExpensive: boolean | "unknown";
  /** When the machine last woke from sleep, in epoch milliseconds; null if it has not slept. */
  readonly resumedAt: number | null;
  /** The length of that sleep, in milliseconds. */
  readonly sleptMs: number | null;
  /** What the source of this state can know. */
  readonly knows: Knows;
}

/** The kind of an interface: a heuristic, partly by name. */
export type InterfaceKind =
  | "loopback"
  | "ethernet"
  | "wifi"
  | "cellular"
  | "tunnel"
  | "bridge"
  | "virtual"
  | "unknown";

/** A network interface and its addresses. */
export interface Interface {
  /** Untrusted: may contain control characters. Bytes that are not UTF-8 appear as `\xHH`. */
  readonly name: string;
  /** The system's interface index; 0 if it is not known. */
  readonly index: number;
  /** A heuristic, partly by name. */
  readonly kind: InterfaceKind;
  /** Whether it is administratively up. */
  readonly up: boolean;
  /** Whether it has carrier. */
  readonly running: boolean;
  /**
   * Whether it leads only to this host, its containers and its virtual machines: loopback, and bridges and
   * virtual interfaces without a default route or physical interface below them. In a container or namespace
   * without a physical interface and without a tunnel that is up, only loopback is host-only. In a `Reading`
   * it reflects only topology, type and name.
   */
  readonly hostOnly: boolean;
  /** The system's IFF_* bits; on Windows IP_ADAPTER_*. */
  readonly flags: number;
  /** The hardware address, if it has 6 bytes that are not all zero. */
  readonly mac: string | null;
  /** The largest packet, in bytes; 0 if it is not known. */
  readonly mtu: number;
  /** The addresses, sorted by family (IPv4 first), bytes and prefix length. */
  readonly addresses: readonly Address[];
}

/** An address of an interface. */
export interface Address {
  /** The address family. */
  readonly family: "IPv4" | "IPv6";
  /** The address in the form of RFC 5952, without a zone. */
  readonly address: string;
  /** The number of leading bits that the addresses of its network share. */
  readonly prefixLength: number;
  /** Address and prefix length, as in `192.0.2.1/24`. */
  readonly cidr: string;
  /** The address of the other end of a point-to-point link. */
  readonly peer: string | null;
  /** The interface index, for link-local IPv6. */
  readonly scopeId: number | null;
  /** Duplicate address detection is under way. An optimistic address (RFC 4429) is not tentative. */
  readonly tentative: boolean;
  /** Another host has this address. */
  readonly duplicated: boolean;
  /** The preferred lifetime is over: not to be used for new connections. */
  readonly deprecated: boolean;
  /** A privacy address (RFC 8981). */
  readonly temporary: boolean;
  /** Its lifetime is unlimited. */
  readonly permanent: boolean;
}

/** The route of packets that no other route matches. */
export interface DefaultRoute {
  /** The name of the outgoing interface. */
  readonly interface: string;
  /** The next hop; null if destinations are on the link. An IPv4 route may have an IPv6 one (RFC 5549). */
  readonly gateway: string | null;
  /** The source address that the kernel selects. */
  readonly source: string | null;
  /** The lower, the better; null if the route has none: on Linux that is 0, the best. */
  readonly metric: number | null;
}

/** A difference between two states. */
export type Change =
  | InterfaceChange
  | InterfaceFieldsChange
  | AddressChange
  | AddressFlagsChange
  | DefaultRouteChange
  | ResumedChange
  | SourceChange;

/** An interface came or went with its addresses, which are not listed as separate changes. */
export type InterfaceChange = {
  readonly kind: "interface-added" | "interface-removed";
  readonly interface: Interface;
};

/** Fields of an interface other than its name and addresses changed. */
export type InterfaceFieldsChange = {
  readonly kind: "interface-changed";
  readonly interface: string;
  readonly fields: readonly string[];
  readonly from: Interface;
  readonly to: Interface;
};

/** An address came or went. */
export type AddressChange = {
  readonly kind: "address-added" | "address-removed";
  readonly interface: string;
  readonly address: Address;
};

/** The flags, peer or scope of an address changed. */
export type AddressFlagsChange = {
  readonly kind: "address-changed";
  readonly interface: string;
  readonly from: Address;
  readonly to: Address;
};

/** The default route of a family changed. */
export type DefaultRouteChange = {
  readonly kind: "default-route-changed";
  readonly family: "IPv4" | "IPv6";
  readonly from: DefaultRoute | null;
  readonly to: DefaultRoute | null;
};

/** The machine woke from sleep: when, in epoch milliseconds, and after how many milliseconds. */
export type ResumedChange = {
  readonly kind: "resumed";
  readonly at: number;
  readonly sleptMs: number;
};

/**
 * What the source knows changed, or the later state lacks a wake-up that the earlier one has. It occurs
 * between states of different monitors, and makes `applyChanges(a, diffStates(a, b))` equal `b` for any two.
 */
export type SourceChange = {
  readonly kind: "source-changed";
  readonly knows: Knows;
  readonly resumedAt: number | null;
  readonly sleptMs: number | null;
};

/** The monitor's own health: is it receiving events, and if not, why? All times are epoch milliseconds. */
export interface Health {
  /** `live`: events arrive. `degraded`: they do not, and reconcile corrects the state; or two reads in a row failed. */
  readonly status: "live" | "degraded" | "polling" | "closed";
  /** The name of the source. */
  readonly source: string;
  /** The reason for the status; null while it is live, or if the option `source` asks for polling. */
  readonly reason: string | null;
  /** When the status last changed. */
  readonly since: number;
  /** When the source last reported an event. */
  readonly lastEventAt: number | null;
  /** When the state was last compared with the kernel's. */
  readonly lastReconcileAt: number | null;
  /** The message of the last error. */
  readonly lastError: string | null;
  /**
   * The open wake-up sources of a source that can have several: on macOS `"route"`, `"network_change"` and
   * `"kernel-events"`, of which the system may refuse each; on Windows the notifications.
   */
  readonly listeners?: readonly string[];
}

/** Counters of a monitor. They never decrease. */
export interface Metrics {
  /** Messages received from the operating system. */
  readonly events: number;
  /** Messages that say nothing about the state, such as lifetime refreshes. */
  readonly ignored: number;
  /** Messages that could not be decoded. */
  readonly malformed: number;
  /** Datagrams from a sender other than the kernel. */
  readonly spoofed: number;
  /** Full reads of the kernel's state. */
  readonly fullReads: number;
  /** Reads that failed or took too long. */
  readonly readFailures: number;
  /** Comparisons of the state with the kernel's. */
  readonly reconciles: number;
  /** Comparisons that found a change which an event should have announced. */
  readonly driftsFound: number;
  /** Changes of a default route that no message announced. */
  readonly routeSurprises: number;
  /** Overflows of the receive buffer. */
  readonly overflows: number;
  /** Sockets opened to replace another one. */
  readonly reopens: number;
  /** Canaries sent: requests whose answer must come through the event socket. */
  readonly canaries: number;
  /** Canaries without an answer. */
  readonly canariesMissed: number;
  /** Wake-ups from sleep. */
  readonly resumes: number;
  /** Snapshots published. */
  readonly published: number;
}
