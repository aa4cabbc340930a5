/**
 * Short ways to write addresses, interfaces, readings and states in tests.
 *
 * @module
 */
import { scriptedAddress, scriptedInterface, scriptedRoute } from "../../actor/testing.ts";
import { buildState } from "../../state/build.ts";
import type { Reading } from "../../state/ports.ts";
import type { Address, DefaultRoute, Interface, Knows, State } from "../../state/types.ts";

/** What `reading()` takes. */
export interface ReadingParts {
  /** The interfaces, in any order; none when left out. */
  interfaces?: readonly Interface[];
  /** The IPv4 default route; none when left out. */
  ipv4?: DefaultRoute | null;
  /** The IPv6 default route; none when left out. */
  ipv6?: DefaultRoute | null;
  /** What the source knows; everything when left out. */
  knows?: Partial<Knows>;
}

/** Parses `192.0.2.1/24`. By default the address is permanent, has no other flag and no peer. */
export function address(cidr: string, fields: Partial<Address> = {}): Address {
  return scriptedAddress(cidr, fields);
}

/**
 * An interface that is up and running: index 2, kind by name, no flags, MTU 1500 and no address,
 * by default. Addresses may be given as text; link-local IPv6 then gets the index as its scope.
 */
export function nic(
  name: string,
  { addresses, ...fields }:
    & Partial<Omit<Interface, "name" | "addresses">>
    & { addresses?: (string | Address)[] } = {},
): Interface {
  return scriptedInterface(name, addresses, fields);
}

/** A default route through the interface, by default without gateway, source and metric. */
export function route(name: string, fields: Partial<DefaultRoute> = {}): DefaultRoute {
  return scriptedRoute(name, null, fields);
}

/** A reading of a source that by default knows everything. */
export function reading(parts: ReadingParts = {}): Reading {
  return {
    interfaces: parts.interfaces ?? [],
    defaultRoute: { ipv4: parts.ipv4 ?? null, ipv6: parts.ipv6 ?? null },
    knows: { links: true, addressFlags: true, routes: true, ...parts.knows },
  };
}

/** The state built from such a reading, by default without a wake-up from sleep. */
export function state(
  parts: ReadingParts = {},
  resumed: { at: number; sleptMs: number } | null = null,
): State {
  return buildState(reading(parts), resumed);
}
