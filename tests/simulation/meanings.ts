/**
 * The meanings of host-only, usable, online and major, by the test's own rules instead of those of the
 * module.
 *
 * @module
 */
import type { Interface, InterfaceKind, Reason, State } from "../../state/types.ts";

/** A link of the network and what it sits on, by index. */
export interface Position {
  readonly index: number;
  readonly kind: InterfaceKind;
  readonly up: boolean;
  readonly master: number | null;
  readonly parent: number | null;
}

const PHYSICAL: readonly InterfaceKind[] = ["ethernet", "wifi", "cellular"];
const LONG_SLEEP_MS = 600_000;

/** Whether the program lives in a container: neither hardware nor a tunnel that is up. */
export function isContainer(
  links: readonly { readonly kind: InterfaceKind; readonly up: boolean }[],
): boolean {
  return !links.some(({ kind, up }) => PHYSICAL.includes(kind) || kind === "tunnel" && up);
}

/** Whether a bridge or virtual link leads only to this host; `exits` are those with a default route. */
export function isHostOnly(
  link: Position,
  links: readonly Position[],
  exits: readonly (number | undefined)[],
): boolean {
  const sitsOnHardware = (it: Position, seen: readonly Position[]): boolean =>
    PHYSICAL.includes(it.kind) ||
    links.some((below) =>
      !seen.includes(below) && (below.master === it.index || below.index === it.parent) &&
      sitsOnHardware(below, [...seen, it])
    );
  return (link.kind === "bridge" || link.kind === "virtual") && !isContainer(links) &&
    !exits.includes(link.index) && !sitsOnHardware(link, []);
}

/** The addresses that hosts elsewhere can answer to, with prefix length. */
export function usable(nic: Interface | undefined): string[] {
  if (nic === undefined || !nic.up || !nic.running || nic.hostOnly) return [];
  return nic.addresses
    .filter((it) => !it.tentative && !it.duplicated && !it.deprecated)
    .filter((it) => !it.address.startsWith("169.254.") && !it.address.startsWith("fe80:"))
    .map((it) => it.cidr);
}

/** Describes an error in the derived fields of a state; null if there is none. */
export function wrongMeaning(state: State): string | null {
  const nics = Object.values(state.interfaces);
  const routes = [state.defaultRoute.ipv4, state.defaultRoute.ipv6];
  for (const nic of nics) {
    const mayBe = (nic.kind === "bridge" || nic.kind === "virtual") && !isContainer(nics) &&
      routes.every((route) => route?.interface !== nic.name);
    if (nic.hostOnly && !mayBe) return `${nic.name} is host-only`;
  }
  const online = routes.some((route) => {
    const nic = route === null ? undefined : state.interfaces[route.interface];
    return route !== null && route.source !== null && nic !== undefined && nic.up && nic.running;
  });
  if (state.online !== online) return `online is ${state.online}`;
  const cidrs = nics.flatMap(usable);
  const has = [cidrs.some((it) => it.includes(".")), cidrs.some((it) => it.includes(":"))];
  return state.haveIpv4 === has[0] && state.haveIpv6 === has[1]
    ? null
    : `haveIpv4 is ${state.haveIpv4}, haveIpv6 is ${state.haveIpv6}`;
}

/** The reasons why a difference is major, as text, without sleeps. */
export function expectedReasons(
  previous: State,
  next: State,
  ignores: (nic: Interface) => boolean,
): string[] {
  const reasons: string[] = [];
  for (const family of ["ipv4", "ipv6"] as const) {
    const [from, to] = [previous.defaultRoute[family], next.defaultRoute[family]];
    const before = from === null ? undefined : previous.interfaces[from.interface];
    const after = to === null ? undefined : next.interfaces[to.interface];
    if ([before, after].some((nic) => nic !== undefined && ignores(nic))) continue;
    const text = (route: State["defaultRoute"]["ipv4"], nic: Interface | undefined): string =>
      route === null ? "" : [route.interface, route.gateway, route.source, nic?.index].join();
    if (text(from, before) !== text(to, after)) reasons.push(`route ${family}`);
  }
  const counted = (nic: Interface | undefined): string[] =>
    nic === undefined || ignores(nic) ? [] : usable(nic);
  for (const name of new Set([...names(previous), ...names(next)])) {
    const [from, to] = [previous.interfaces[name], next.interfaces[name]];
    const [before, after] = [counted(from), counted(to)];
    for (const it of before) if (!after.includes(it)) reasons.push(`unusable ${name} ${it}`);
    for (const it of after) if (!before.includes(it)) reasons.push(`usable ${name} ${it}`);
    if (from === undefined || to === undefined || before.length + after.length === 0) continue;
    if (from.up !== to.up) reasons.push(`${name} up`);
    if (from.index !== to.index) reasons.push(`${name} index`);
  }
  return reasons.sort();
}

/** Reasons as `expectedReasons()` writes them, without sleeps. */
export function reasonTexts(reasons: readonly Reason[]): string[] {
  return reasons.flatMap((reason) => {
    switch (reason.kind) {
      case "default-route":
        return [`route ${reason.family.toLowerCase()}`];
      case "address-usable":
        return [`usable ${reason.interface} ${reason.address.cidr}`];
      case "address-unusable":
        return [`unusable ${reason.interface} ${reason.address.cidr}`];
      case "interface":
        return reason.fields.map((field) => `${reason.interface} ${field}`);
      case "resumed":
        return [];
    }
  }).sort();
}

/** Whether the reasons name a long sleep exactly if there was one. */
export function namesSleep(reasons: readonly Reason[], sleptMs: readonly number[]): boolean {
  const named = reasons.flatMap((reason) => reason.kind === "resumed" ? [reason.sleptMs] : []);
  const long = sleptMs.filter((ms) => ms >= LONG_SLEEP_MS);
  return long.length === 0 ? named.length === 0 : named.length === 1 && long.includes(named[0]!);
}

function names({ interfaces }: State): string[] {
  return Object.keys(interfaces);
}
