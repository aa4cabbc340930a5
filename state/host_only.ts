// Which interfaces of a state are host-only: what the source says of each, then two rules over all of them.
import { assumeNormal } from "./normalize.ts";
import type { DefaultRoutes, Interface } from "./types.ts";

/** What all interfaces and the default routes together say. */
export interface Surroundings {
  /** There is neither a physical interface nor a tunnel that is up: the program lives in a container. */
  readonly isContainer: boolean;
  readonly ipv4: string | null; // the interface of the IPv4 default route
  readonly ipv6: string | null; // the interface of the IPv6 default route
}

/** The interface before a rule changed it: `Reading` and state then hold different objects. */
const ORIGINALS = new WeakMap<Interface, Interface>();

/** Determines the surroundings. Each name must occur once: which twin stays must not decide. */
export function surroundingsOf(
  interfaces: readonly Interface[],
  { ipv4, ipv6 }: DefaultRoutes,
): Surroundings {
  return {
    isContainer: !interfaces.some(leadsOut),
    ipv4: ipv4?.interface ?? null,
    ipv6: ipv6?.interface ?? null,
  };
}

/** Whether both surroundings lead to the same decisions. */
export function sameSurroundings(a: Surroundings, b: Surroundings): boolean {
  return a.isContainer === b.isContainer && a.ipv4 === b.ipv4 && a.ipv6 === b.ipv6;
}

/**
 * Applies the rules to an interface in normal form. They only ever clear `hostOnly`, so applying them to the
 * result again changes nothing. `known` is what it returned for the same object before.
 */
export function applyRules(
  nic: Interface,
  { ipv4, ipv6, isContainer }: Surroundings,
  known?: Interface,
): Interface {
  if (!nic.hostOnly || nic.kind === "loopback") return nic;
  if (!isContainer && nic.name !== ipv4 && nic.name !== ipv6) return nic;
  if (known?.hostOnly === false) return known;
  const changed = assumeNormal({ ...nic, hostOnly: false });
  ORIGINALS.set(changed, nic);
  return changed;
}

/** The interface as the source said it, of one that `applyRules()` returned. */
export function originalOf(nic: Interface): Interface {
  return ORIGINALS.get(nic) ?? nic;
}

/** `tunl0` and `sit0` are in every container, but down. */
function leadsOut({ kind, up }: Interface): boolean {
  return kind === "ethernet" || kind === "wifi" || kind === "cellular" || kind === "tunnel" && up;
}
