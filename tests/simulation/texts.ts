/**
 * States as text, for comparing published and expected ones by the rules of the test instead of those of the
 * module.
 *
 * @module
 */
import type { Address, DefaultRoute, Interface, State } from "../../state/types.ts";

/** An interface as text, whole and in parts. */
export interface RecordText {
  /** The interface with its addresses. */
  readonly whole: string;
  /** The interface without its addresses. */
  readonly link: string;
  /** The addresses by address and prefix length. */
  readonly addresses: ReadonlyMap<string, string>;
}

/** The fields of an interface without its addresses. */
export type LinkFields = Omit<Interface, "addresses">;

const TEXTS = new WeakMap<Interface, RecordText>();

/** An interface as text; cached, because states share their interfaces. */
export function recordText(nic: Interface): RecordText {
  let text = TEXTS.get(nic);
  if (text === undefined) TEXTS.set(nic, text = makeRecordText(nic, nic.addresses));
  return text;
}

/** An interface as text, from its parts. */
export function makeRecordText(link: LinkFields, addresses: readonly Address[]): RecordText {
  const texts = new Map(addresses.map((address) => [address.cidr, addressText(address)]));
  const whole = [linkText(link), ...[...texts.values()].sort()].join("\n");
  return { whole, link: linkText(link), addresses: texts };
}

/** A default route as text; null where there is none. */
export function routeText(route: DefaultRoute | null): string | null {
  return route === null ? null : `${route.interface} ${viaText(route)}`;
}

/** A default route without its interface. */
export function viaText(route: DefaultRoute | null): string | null {
  return route === null ? null : `via ${route.gateway} from ${route.source} metric ${route.metric}`;
}

/** Derived fields, as text. */
export function factsText(
  facts: Pick<State, "haveIpv4" | "haveIpv6" | "online" | "defaultRouteInterface">,
  hostOnly: readonly string[],
): string {
  const { defaultRouteInterface, haveIpv4, haveIpv6, online } = facts;
  return `have ${haveIpv4} ${haveIpv6}, online ${online}, default ${defaultRouteInterface}, ` +
    `host-only ${hostOnly.toSorted()}`;
}

/** The same of a state. */
export function stateFactsText(state: State): string {
  const hostOnly = Object.values(state.interfaces).filter((nic) => nic.hostOnly);
  return factsText(state, hostOnly.map(({ name }) => name));
}

function linkText(it: LinkFields): string {
  return `${it.index} ${it.name} ${it.kind} up=${it.up} running=${it.running} ` +
    `flags=${it.flags} ${it.mac} ${it.mtu}`;
}

/** An address as text. */
export function addressText(it: Address): string {
  const flags = [it.tentative, it.duplicated, it.deprecated, it.temporary, it.permanent];
  return `${it.family} ${it.address} ${it.prefixLength} ${it.cidr} peer=${it.peer} ` +
    `scope=${it.scopeId} ${flags.map(Number).join("")}`;
}
