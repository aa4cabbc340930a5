/**
 * What the interfaces of a state have to say together.
 *
 * @module
 */
import type { InterfaceFacts } from "./facts.ts";
import type { State } from "./types.ts";

/** The fields of a state that follow from its interfaces alone. */
export type LocalFacts = Pick<State, "localAddresses" | "haveIpv4" | "haveIpv6">;

/**
 * The local addresses, by interface, and the families that have a usable one. `regular` falls back on
 * lesser addresses where there is nothing better: Cloud Run gives unique-local IPv6 and translates,
 * Lambda and Azure App Service do so with link-local IPv4.
 */
export function localFacts(facts: readonly InterfaceFacts[]): LocalFacts {
  const loopback: string[] = [];
  const regular: string[] = [];
  let haveIpv4 = false;
  let haveIpv6 = false;
  for (const fact of facts) { // one walk: with thousands of interfaces this is memory latency
    haveIpv4 ||= fact.usableIpv4;
    haveIpv6 ||= fact.usableIpv6;
    append(loopback, fact.loopback);
    append(regular, fact.global);
  }
  for (const list of ["uniqueLocal", "linkLocalIpv4"] as const) {
    if (regular.length === 0) { for (const fact of facts) append(regular, fact[list]); }
  }
  const localAddresses = {
    loopback: Object.freeze(loopback) as string[],
    regular: Object.freeze(regular) as string[],
  };
  return { localAddresses: Object.freeze(localAddresses), haveIpv4, haveIpv6 };
}

function append(texts: string[], more: readonly string[]): void {
  for (let i = 0; i < more.length; i++) texts.push(more[i] as string);
}
