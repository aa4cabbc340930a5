/**
 * Whether a change concerns one socket.
 *
 * @module
 */
import { addressesOf, isBindable, isUsable } from "./derived.ts";
import { sleptLongBetween } from "./diff.ts";
import { escapeText } from "./format.ts";
import { findInterface, sortedInterfaces } from "./interface_list.ts";
import { formatIp, isLinkLocal, isLoopback, isUnspecified, parseIp, unmapIpv4 } from "./ip.ts";
import type { Interface, State } from "./types.ts";

/** A parsed local address and what restricts it to an interface. */
interface LocalAddress {
  readonly bytes: Uint8Array;
  /** The name of an interface. */
  readonly interface: string | null;
  /** The name or the index of an interface. */
  readonly zone: string | null;
}

/**
 * Whether a socket bound to this local address must be bound again.
 *
 * - A specific address: it became usable or unusable, moved to another interface, or its interface got
 *   another index. A link-local address counts as usable here, since the caller named it.
 * - `0.0.0.0` and `::`: the family's default route changed its interface or source. With an
 *   interface given, also: that interface came, went, got another index, or has its first or lost its
 *   last usable address of the family.
 * - A loopback address: never. Any other: also after a sleep of 600_000 ms or more.
 *
 * @param local What the socket is bound to. `hostname` is an IP literal, with `%zone` (name or index) if
 * needed; `::ffff:192.0.2.1` counts as IPv4. `interface` restricts it to the interface of that name.
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
export function affects(
  local: { readonly hostname: string; readonly interface?: string },
  previous: State,
  next: State,
): boolean {
  const address = parseLocal(local);
  if (previous === next || isLoopback(address.bytes)) return false;
  if (sleptLongBetween(previous, next)) return true;
  return isUnspecified(address.bytes)
    ? wildcardAffected(address, previous, next)
    : !sameIndexes(holders(address, previous), holders(address, next));
}

function parseLocal(
  local: { readonly hostname: string; readonly interface?: string },
): LocalAddress {
  const { hostname } = local;
  const percent = hostname.indexOf("%");
  const zone = percent < 0 ? null : hostname.slice(percent + 1);
  const bytes = parseIp(percent < 0 ? hostname : hostname.slice(0, percent));
  if (bytes === null || zone === "") {
    throw new TypeError(
      `Cannot take "${escapeText(hostname)}" as a local address: ` +
        "give an IP address without brackets, with %zone where needed, not a name",
    );
  }
  return { bytes: unmapIpv4(bytes), interface: local.interface ?? null, zone };
}

function wildcardAffected(address: LocalAddress, previous: State, next: State): boolean {
  const family = address.bytes.length === 4 ? "ipv4" : "ipv6";
  const from = previous.defaultRoute[family];
  const to = next.defaultRoute[family];
  if (from?.interface !== to?.interface || from?.source !== to?.source) return true;
  if (address.interface === null && address.zone === null) return false;
  const before = candidates(address, previous);
  const after = candidates(address, next);
  return !sameIndexes(before, after) || hasUsable(before, family) !== hasUsable(after, family);
}

/** The interfaces on which the address is usable. */
function holders(address: LocalAddress, state: State): readonly Interface[] {
  const text = formatIp(address.bytes);
  const judge = isLinkLocal(address.bytes) ? isBindable : isUsable;
  return candidates(address, state).filter((nic) =>
    nic.addresses.some((held) => held.address === text && judge(held, nic))
  );
}

/** The interfaces that the socket may mean: at most one if it names one, else all. */
function candidates(address: LocalAddress, state: State): readonly Interface[] {
  let interfaces = sortedInterfaces(state);
  if (address.interface !== null) {
    interfaces = interfaces.filter((nic) => nic.name === address.interface);
  }
  if (address.zone !== null) {
    const { zone } = address;
    // if_nametoindex() first, as getaddrinfo() does: an interface may be named "12"
    const isName = findInterface(state, zone) !== undefined;
    interfaces = interfaces.filter((nic) => (isName ? nic.name : String(nic.index)) === zone);
  }
  return interfaces;
}

function hasUsable(interfaces: readonly Interface[], family: "ipv4" | "ipv6"): boolean {
  return interfaces.some((nic) => {
    const { usableIpv4, usableIpv6 } = addressesOf(nic);
    return family === "ipv4" ? usableIpv4 : usableIpv6;
  });
}

/** Whether both lists have the same names with the same indexes. */
function sameIndexes(a: readonly Interface[], b: readonly Interface[]): boolean {
  return a.length === b.length &&
    a.every((nic, i) => nic.name === b[i]?.name && nic.index === b[i].index);
}
