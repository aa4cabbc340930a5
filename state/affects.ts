/**
 * Whether a change concerns one socket.
 *
 * @module
 */
import { addressBytes } from "./normalize.ts";
import { interfaceFacts } from "./derived.ts";
import { compareBytes, isLinkLocal, isLoopback, isUnspecified, parseIp, unmapIpv4 } from "./ip.ts";
import { escapeText } from "./escape.ts";
import { findInterface, orderedInterfaces } from "./interface_list.ts";
import { sleptLongBetween } from "./diff.ts";
import type { Interface, State } from "./types.ts";
import { isBindable, isUsable } from "./derived.ts";

/** A local address as bytes, and what restricts it to an interface. */
interface LocalAddress {
  bytes: Uint8Array;
  /** The name of an interface. */
  interface: string | null;
  /** The name or the index of an interface. */
  zone: string | null;
}

/**
 * Whether a socket that is bound to this local address must be bound again.
 *
 * For a specific address: it was usable and is not, or the reverse; it moved to another interface, or
 * its interface has another index; the machine slept for 600_000 ms or more. A link-local address
 * counts as usable here, since it was named. For `0.0.0.0` and `::`: the default route of the family
 * changed its interface or source; the machine slept so long; or, with an interface given, that one came,
 * went, has another index, or has usable addresses of the family where it had none, or the reverse.
 * For a loopback address: never.
 *
 * @param local What the socket is bound to: `hostname` is an IP literal, with `%zone` (name or index) where
 * wanted; `::ffff:192.0.2.1` is IPv4. `interface` restricts to the interface of that name.
 * @param previous The state when it was bound.
 * @param next The state now.
 * @throws {TypeError} When `hostname` is not an IP literal.
 */
export function affects(
  local: { hostname: string; interface?: string },
  previous: State,
  next: State,
): boolean {
  const address = parseLocal(local);
  if (isLoopback(address.bytes)) return false;
  if (previous === next) return false;
  if (sleptLongBetween(previous, next)) return true;
  return isUnspecified(address.bytes)
    ? wildcardAffected(address, previous, next)
    : !sameIndexes(holders(address, previous), holders(address, next));
}

function parseLocal(local: { hostname: string; interface?: string }): LocalAddress {
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

/** The interfaces that hold the address so that it can be used, as index by name. */
function holders(address: LocalAddress, state: State): Map<string, number> {
  const judge = isLinkLocal(address.bytes) ? isBindable : isUsable;
  const found = candidates(address, state).filter((nic) =>
    nic.addresses.some((held) =>
      compareBytes(addressBytes(held), address.bytes) === 0 && judge(held, nic)
    )
  );
  return new Map(found.map((nic) => [nic.name, nic.index]));
}

function wildcardAffected(address: LocalAddress, previous: State, next: State): boolean {
  const family = address.bytes.length === 4 ? "ipv4" : "ipv6";
  const from = previous.defaultRoute[family];
  const to = next.defaultRoute[family];
  if (from?.interface !== to?.interface || from?.source !== to?.source) return true;
  if (address.interface === null && address.zone === null) return false;
  const before = candidates(address, previous);
  const after = candidates(address, next);
  return !sameIndexes(
    new Map(before.map((nic) => [nic.name, nic.index])),
    new Map(after.map((nic) => [nic.name, nic.index])),
  ) || hasUsable(before, family) !== hasUsable(after, family);
}

/** The interfaces that the socket may mean: one at most where it names one, else all. */
function candidates(address: LocalAddress, state: State): readonly Interface[] {
  let { interfaces } = orderedInterfaces(state);
  if (address.interface !== null) {
    interfaces = interfaces.filter((nic) => nic.name === address.interface);
  }
  if (address.zone !== null) {
    const { zone } = address;
    // a name goes before an index, as if_nametoindex() does in getaddrinfo(): interfaces may be named "12"
    const named = findInterface(state, zone) !== undefined;
    interfaces = interfaces.filter((nic) => (named ? nic.name : String(nic.index)) === zone);
  }
  return interfaces;
}

function hasUsable(interfaces: readonly Interface[], family: "ipv4" | "ipv6"): boolean {
  return interfaces.some((nic) => {
    const facts = interfaceFacts(nic);
    return family === "ipv4" ? facts.usableIpv4 : facts.usableIpv6;
  });
}

function sameIndexes(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  if (a.size !== b.size) return false;
  for (const [name, index] of a) if (b.get(name) !== index) return false;
  return true;
}
