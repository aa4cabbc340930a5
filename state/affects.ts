/**
 * Whether a change concerns one socket.
 *
 * @module
 */
import { isBindable } from "./derived.ts";
import { longSleepBetween, routeOf } from "./diff.ts";
import { escapeText } from "./format.ts";
import { findInterface, pairInterfaces } from "./interface_list.ts";
import { formatIp, isLoopback, isUnspecified, parseIp, unmapIpv4 } from "./ip.ts";
import type { Interface, State } from "./types.ts";

/**
 * What a socket is bound to: an address, or what `listener.addr` returns (the shape of `Deno.Addr`). `hostname` is
 * an IP literal, with `%zone` (name or index) if needed; `::ffff:192.0.2.1` counts as IPv4. `interface`
 * restricts it to the interface of that name.
 */
export type LocalAddress =
  | {
    readonly hostname: string;
    readonly port?: number;
    readonly interface?: string;
    readonly transport?: "tcp" | "udp";
  }
  | { readonly transport: "unix" | "unixpacket"; readonly path: string }
  | { readonly transport: "vsock"; readonly cid: number; readonly port: number };

/** A parsed local address and what restricts it to an interface. */
interface Parsed {
  readonly bytes: Uint8Array;
  readonly interface: string | null; // a name
  readonly zone: string | null; // a name or an index
}

/**
 * Whether a socket bound to this local address must be bound again. What counts is whether the address can be
 * bound to: carrier does not matter, so a cable pulled for a second closes no socket.
 *
 * - A specific address: it became bindable or is no longer, moved to another interface, or its interface got
 *   another index. An address is bindable if its interface is up and it is neither tentative nor duplicated.
 * - `0.0.0.0` and `::`: the family's default route changed its interface or source. With an
 *   interface given, also: that interface came, went, got another index, or has its first or lost its
 *   last bindable address of the family.
 * - A loopback address, a Unix or a vsock address: never. Any other: also after a sleep of 600_000 ms or more.
 *
 * @param local What the socket is bound to, such as `listener.addr`.
 * @param previous The state when it was bound.
 * @param next The state now.
 * @returns Whether to bind it again.
 * @throws {TypeError} if `hostname` is not an IP literal.
 *
 * @example Ask for one listener
 * ```ts
 * import { affects, readNetworkState } from "@netwatch/netwatch";
 *
 * const before = await readNetworkState();
 * const after = await readNetworkState();
 * console.log(affects({ hostname: "0.0.0.0" }, before, after));
 * ```
 */
export function affects(local: LocalAddress, previous: State, next: State): boolean {
  return affecting(local)(previous, next);
}

/** Of an address that no change concerns, not even a long sleep. */
export const neverAffected = (): boolean => false;

/**
 * `affects()` for one address, which is parsed now.
 *
 * @throws {TypeError} if `hostname` is not an IP literal.
 */
export function affecting(local: LocalAddress): (previous: State, next: State) => boolean {
  const address = parseLocal(local);
  if (address === null || isLoopback(address.bytes)) return neverAffected;
  const isWildcard = isUnspecified(address.bytes);
  const text = formatIp(address.bytes);
  const holds = (nic: Interface): boolean =>
    nic.addresses.some((held) => held.address === text && isBindable(held, nic));
  return (previous, next) => {
    if (previous === next) return false;
    if (longSleepBetween(previous, next) !== null) return true;
    return isWildcard
      ? wildcardAffected(address, previous, next)
      : holdersDiffer(address, previous, next, holds);
  };
}

/** Null if the address is not of IP. */
function parseLocal(local: LocalAddress): Parsed | null {
  const { hostname, interface: name = null, transport = "" } = Object(local) as {
    readonly hostname?: unknown;
    readonly interface?: string;
    readonly transport?: string;
  };
  if (OTHER_TRANSPORTS.includes(transport)) return null;
  if (typeof hostname !== "string") {
    throw new TypeError(
      'Cannot take this as a local address: give listener.addr or { hostname: "192.0.2.7" }',
    );
  }
  const [, host = "", zone = null] = /^([^%]*)(?:%(.+))?$/s.exec(hostname) ?? [];
  const bytes = parseIp(host);
  if (bytes === null || (name !== null && typeof name !== "string")) {
    throw new TypeError(
      `Cannot take "${escapeText(hostname)}" as a local address: give an IP address ` +
        "without brackets, with %zone where needed, not a name, and the name of an interface, if any",
    );
  }
  return { bytes: unmapIpv4(bytes), interface: name, zone };
}

const OTHER_TRANSPORTS: readonly string[] = ["unix", "unixpacket", "vsock"];

function wildcardAffected(address: Parsed, previous: State, next: State): boolean {
  const family = address.bytes.length === 4 ? "IPv4" : "IPv6";
  const from = routeOf(previous, family);
  const to = routeOf(next, family);
  if (from?.interface !== to?.interface || from?.source !== to?.source) return true;
  if (address.interface === null && address.zone === null) return false;
  const binds = (nic: Interface): boolean =>
    nic.addresses.some((held) => held.family === family && isBindable(held, nic));
  return holdersDiffer(address, previous, next, () => true) ||
    holdersDiffer(address, previous, next, binds);
}

/**
 * Whether the interfaces that the socket may mean and that satisfy the condition differ, or have another index.
 * Only interfaces that are not shared between the states are looked at.
 */
function holdersDiffer(
  address: Parsed,
  previous: State,
  next: State,
  condition: (nic: Interface) => boolean,
): boolean {
  const isBefore = selects(address, previous);
  const isAfter = selects(address, next);
  const { added, kept, removed } = pairInterfaces(previous, next);
  return removed.some((nic) => isBefore(nic) && condition(nic)) ||
    added.some((nic) => isAfter(nic) && condition(nic)) ||
    kept.some(({ from, to }) => {
      const after = isAfter(to) && condition(to);
      return after !== (isBefore(from) && condition(from)) || (after && from.index !== to.index);
    });
}

/** The interfaces that the socket may mean: at most one if it names one, else all. */
function selects({ interface: name, zone }: Parsed, state: State): (nic: Interface) => boolean {
  // if_nametoindex() first, as getaddrinfo() does: an interface may be named "12"
  const isName = zone !== null && findInterface(state, zone) !== undefined;
  return (nic) =>
    (name === null || nic.name === name) &&
    (zone === null || (isName ? nic.name : String(nic.index)) === zone);
}
