// What a difference between two states means: to a program, to one socket, and to open connections.
import { freezeList, majorSleepBetween, pairRoutes, type RoutePair } from "./diff.ts";
import { escapeText } from "./format.ts";
import {
  addressesOf,
  findInterface,
  isBindable,
  pairInterfaces,
  sortedInterfaces,
} from "./interfaces.ts";
import { formatIp, parseIp, scopeOf, unmapIpv4 } from "./ip.ts";
import { pairAddresses } from "./normalize.ts";
import type { Address, Interface, Reason, State } from "./types.ts";

type Ignore = (nic: Interface) => boolean;

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

/**
 * Whether the difference between two states is major: whether `majorReasons()` lists a reason.
 *
 * @param previous The state before.
 * @param next The state after.
 * @param options As in `majorReasons()`.
 * @returns Whether the difference is major.
 *
 * @example Ignore the networks of containers
 * ```ts
 * import { isMajorChange, readNetworkState } from "@netwatch/netwatch";
 *
 * const before = await readNetworkState();
 * const after = await readNetworkState();
 * const ignoreInterface = ({ name }: { name: string }) => name.startsWith("veth");
 * console.log(isMajorChange(before, after, { ignoreInterface }));
 * ```
 */
export function isMajorChange(
  previous: State,
  next: State,
  options: { readonly ignoreInterface?: (nic: Interface) => boolean } = {},
): boolean {
  return majorReasons(previous, next, options).length > 0;
}

/**
 * Lists why the difference between two states is major; empty if it is minor. Only effects count: if every change
 * of an interface were major, each start of a container would rebind every socket (coder#11029, iroh#4488).
 *
 * - `default-route`: a family's default interface, that interface's index, the gateway or the source changed
 *   (not the metric alone).
 * - `address-unusable`, `address-usable`: a usable address went or came, or an address became unusable or usable,
 *   as when a cable is pulled. Addresses of host-only interfaces are never usable.
 * - `interface`: `up` or `index` of an interface with usable addresses changed.
 * - `resumed`: the machine slept for 600_000 ms or more.
 *
 * @param previous The state before.
 * @param next The state after.
 * @param options `ignoreInterface` returns true for interfaces that do not count; default routes from or to them do
 * not count either. It is called at most once for each interface object; its errors are thrown.
 * @returns A frozen list, in the order above.
 *
 * @example Print why
 * ```ts
 * import { formatReason, majorReasons, readNetworkState } from "@netwatch/netwatch";
 *
 * const before = await readNetworkState();
 * const after = await readNetworkState();
 * for (const reason of majorReasons(before, after)) console.log(formatReason(reason));
 * ```
 */
export function majorReasons(
  previous: State,
  next: State,
  options: { readonly ignoreInterface?: (nic: Interface) => boolean } = {},
): readonly Reason[] {
  if (previous === next) return freezeList([]);
  const ignore = askOnce(options.ignoreInterface);
  const reasons: Reason[] = [];
  const routes = pairRoutes(previous, next);
  for (let i = 0; i < routes.length; i++) {
    const moved = hasMoved(routes[i]!, previous, next, ignore);
    if (moved) reasons.push({ kind: "default-route", ...routes[i]! });
  }
  const gained: Reason[] = [];
  const changed: Reason[] = [];
  const pairs = pairInterfaces(previous, next);
  for (let i = 0; i < pairs.length; i++) {
    const { from, to } = pairs[i]!;
    const before = counted(from, ignore);
    const after = counted(to, ignore);
    if (before.length === 0 && after.length === 0) continue;
    const { name } = (to ?? from)!;
    pairAddresses(before, after, (a, b) => {
      if (b === undefined) reasons.push({ kind: "address-unusable", interface: name, address: a! });
      if (a === undefined) gained.push({ kind: "address-usable", interface: name, address: b! });
    });
    if (from === undefined || to === undefined) continue;
    if (from.up === to.up && from.index === to.index) continue; // mostly
    const fields = (["up", "index"] as const).filter((field) => from[field] !== to[field]);
    changed.push({ kind: "interface", interface: name, fields: Object.freeze(fields) });
  }
  for (let i = 0; i < gained.length; i++) reasons.push(gained[i]!);
  for (let i = 0; i < changed.length; i++) reasons.push(changed[i]!);
  const sleep = majorSleepBetween(previous, next);
  if (sleep !== null) reasons.push(sleep);
  return freezeList(reasons);
}

function askOnce(predicate: Ignore | undefined): Ignore | undefined {
  if (predicate === undefined) return undefined;
  if (typeof predicate !== "function") {
    throw new TypeError(`The option ignoreInterface must be a function, not ${String(predicate)}`);
  }
  const answers = new Map<Interface, boolean>();
  return (nic) => {
    const answer = answers.get(nic) ?? Boolean(predicate(nic));
    answers.set(nic, answer);
    return answer;
  };
}

function hasMoved({ from, to }: RoutePair, previous: State, next: State, ignore?: Ignore): boolean {
  const fromNic = from && findInterface(previous, from.interface);
  const toNic = to && findInterface(next, to.interface);
  const same = from?.interface === to?.interface && from?.gateway === to?.gateway &&
    from?.source === to?.source && fromNic?.index === toNic?.index;
  return !same && !(fromNic && ignore?.(fromNic)) && !(toNic && ignore?.(toNic));
}

/** The usable addresses of an interface that is not ignored. */
function counted(nic: Interface | undefined, ignore?: Ignore): readonly Address[] {
  const usable = nic === undefined ? [] : addressesOf(nic).usable;
  return usable.length === 0 || ignore?.(nic!) ? [] : usable;
}

/** A local address and what restricts it to an interface. */
type Parsed = NonNullable<ReturnType<typeof parseLocal>>;

/**
 * Whether a socket bound to this local address must be bound again. What counts is whether the address can be
 * bound: carrier does not matter, so a cable pulled for a second closes no socket.
 *
 * - A specific address: it became bindable or ceased to be, moved to another interface, or its interface got
 *   another index. An address is bindable if its interface is up and it is neither tentative nor duplicated.
 * - `0.0.0.0` and `::`: the family's default route changed its interface or source. With an interface given, also:
 *   that interface came, went, got another index, got its first or lost its last bindable address of the family.
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

/** Returned for an address that no change affects, not even a long sleep. */
export const neverAffected = (): boolean => false;

/** Parses the address once and returns `affects()` for it. Throws the same errors. */
export function affecting(local: LocalAddress): (previous: State, next: State) => boolean {
  const parsed = parseLocal(local);
  if (parsed === null || scopeOf(parsed.address) === "loopback") return neverAffected;
  const isWildcard = parsed.address === "0.0.0.0" || parsed.address === "::";
  return (previous, next) => {
    if (previous === next) return false;
    if (majorSleepBetween(previous, next) !== null) return true;
    if (isWildcard) return wildcardAffected(parsed, previous, next);
    const held = (nic: Interface) => holds(nic, parsed.address) ? nic.index : null;
    return holdersDiffer(parsed, previous, next, held);
  };
}

/** Address in normal form, name of the interface, zone (a name or index); null for Unix and vsock addresses. */
function parseLocal(local: LocalAddress) {
  const { hostname, interface: name, transport = "" }: Record<string, string> = Object(local);
  if (["unix", "unixpacket", "vsock"].includes(transport)) return null;
  const text = typeof hostname === "string" ? hostname : typeof hostname;
  const [, host = "", zone = null] = /^([^%]*)(?:%(.+))?$/s.exec(text) ?? [];
  const bytes = parseIp(host);
  if (bytes === null || (name != null && typeof name !== "string")) {
    throw new TypeError(
      `Cannot use "${escapeText(text)}" as a local address: give listener.addr or` +
        ' { hostname: "192.0.2.7" }. The hostname must be an IP address without brackets, with %zone if' +
        " needed; interface, if given, the name of an interface",
    );
  }
  return { address: formatIp(unmapIpv4(bytes)), interface: name ?? null, zone };
}

function wildcardAffected(parsed: Parsed, previous: State, next: State): boolean {
  const family = parsed.address === "::" ? "IPv6" : "IPv4";
  const { from, to } = pairRoutes(previous, next).find((one) => one.family === family) ?? {};
  if (from?.interface !== to?.interface || from?.source !== to?.source) return true;
  if (parsed.interface === null && parsed.zone === null) return false;
  const binds = (nic: Interface): boolean =>
    nic.addresses.some((held) => held.family === family && isBindable(held, nic));
  return holdersDiffer(parsed, previous, next, (nic) => `${nic.index} ${binds(nic)}`);
}

/** Whether `describe` differs for an interface that the socket may be bound to; skips those that the states share. */
function holdersDiffer(
  parsed: Parsed,
  previous: State,
  next: State,
  describe: (nic: Interface) => unknown,
): boolean {
  const isBefore = selects(parsed, previous);
  const isAfter = selects(parsed, next);
  return pairInterfaces(previous, next).some(({ from, to }) =>
    (from && isBefore(from) ? describe(from) : null) !== (to && isAfter(to) ? describe(to) : null)
  );
}

/** Selects the interfaces that the socket may be bound to: at most one if it names one, else all. */
function selects({ interface: name, zone }: Parsed, state: State): (nic: Interface) => boolean {
  // if_nametoindex() first, as getaddrinfo() does: an interface may be named "12"
  const isName = zone !== null && findInterface(state, zone) !== undefined;
  return (nic) =>
    (name === null || nic.name === name) &&
    (zone === null || (isName ? nic.name : String(nic.index)) === zone);
}

/**
 * Why connections opened in one state are lost in another; null if they are not. The address of a connection is
 * unknown unless all are bound to `local`, so these rules judge the network as a whole:
 *
 * - The default route of a family has another interface, that interface another index, or the route another source.
 *   An added route loses no connection. Nor does another IPv6 source while the interface keeps the previous one, as
 *   when one temporary address succeeds another (RFC 8981).
 * - The source of a default route, `local`, or every usable address that an interface had of a family, can no longer
 *   be bound. Losing one of several ends no connection: a virtual address may move to another host.
 * - The machine slept for 600_000 ms or more.
 */
export function connectionLoss(previous: State, next: State, local?: string): Reason | null {
  const pair = pairRoutes(previous, next).find((one) => isRouteLost(one, previous, next));
  return majorSleepBetween(previous, next) ??
    (pair ? { kind: "default-route", ...pair } : addressLoss(previous, next, local));
}

function isRouteLost({ family, from, to }: RoutePair, previous: State, next: State): boolean {
  if (from === null) return false;
  const { interface: name, source } = from;
  const [before, after] = [previous, next].map((state) => findInterface(state, name));
  // it may be on another interface: a loopback /32 in data centers
  const keeps = source === null || sortedInterfaces(next).some((nic) => holds(nic, source));
  const isSame = to?.interface === name && before?.index === after?.index &&
    (to.source === source || source === null || family === "IPv6");
  return !isSame || !keeps;
}

function addressLoss(previous: State, next: State, local?: string): Reason | null {
  const ip = parseIp(`${local}`); // in any notation
  const bound = ip && formatIp(ip);
  for (const { from, to } of pairInterfaces(previous, next)) {
    if (from === undefined || from.hostOnly) continue;
    const used = from.addresses.filter((it) => it.address === bound && isBindable(it, from));
    const groups = Object.groupBy(addressesOf(from).usable, ({ family }) => family);
    for (const before of used.length > 0 ? [used] : Object.values(groups)) {
      if (before.some(({ address }) => holds(to, address))) continue;
      return { kind: "address-unusable", interface: from.name, address: before[0]! };
    }
  }
  return null;
}

function holds(nic: Interface | undefined, address: string): boolean {
  return nic !== undefined &&
    nic.addresses.some((one) => one.address === address && isBindable(one, nic));
}
