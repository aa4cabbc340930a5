// Which changes are major: what a program with open sockets must act on.
import { addressesOf } from "./derived.ts";
import { longSleepBetween, routeOf } from "./diff.ts";
import { findInterface, pairInterfaces } from "./interface_list.ts";
import { compareAddresses } from "./normalize.ts";
import type { Address, Interface, Reason, State } from "./types.ts";

type Ignore = (nic: Interface) => boolean;

const NO_REASONS: readonly Reason[] = Object.freeze([]);
const NO_ADDRESSES: readonly Address[] = Object.freeze([]);

/**
 * Whether the difference between two states is major: whether `majorReasons()` lists a reason.
 *
 * @param previous The state before.
 * @param next The state after.
 * @param options `ignoreInterface` returns true for interfaces that never count, nor do default routes
 * through them. It gets the interface of the state in question; what it throws is thrown.
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
 * Why the difference between two states is major; nothing if it is minor. The effect decides: when any difference
 * of an interface counted, every container start rebound every socket (coder#11029, iroh#4488).
 *
 * - `default-route`: a family's default interface, that interface's index, the gateway or the source changed
 *   (not the metric alone).
 * - `address-usable`, `address-unusable`: a usable address came, went, or became usable or unusable, as when a
 *   cable is pulled. Addresses of host-only interfaces are never usable.
 * - `interface`: `up` or `index` of an interface with usable addresses changed.
 * - `resumed`: the machine slept for 600_000 ms or more.
 *
 * @param previous The state before.
 * @param next The state after.
 * @param options `ignoreInterface` returns true for interfaces that never count, nor do default routes
 * from or to them. It is called at most once for each interface object; what it throws is thrown.
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
  if (previous === next) return NO_REASONS;
  const ignore = askOnce(options.ignoreInterface);
  const sleep = longSleepBetween(previous, next);
  const reasons: Reason[] = [
    ...routeReasons("IPv4", previous, next, ignore),
    ...routeReasons("IPv6", previous, next, ignore),
    ...interfaceReasons(previous, next, ignore),
    ...(sleep === null ? [] : [sleep]),
  ];
  if (reasons.length === 0) return NO_REASONS;
  for (const reason of reasons) Object.freeze(reason);
  return Object.freeze(reasons);
}

function askOnce(predicate: Ignore | undefined): Ignore {
  if (predicate === undefined) return () => false;
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

function interfaceReasons(previous: State, next: State, ignore: Ignore): Reason[] {
  const { added, kept, removed } = pairInterfaces(previous, next);
  const reasons: Reason[] = [];
  for (const nic of removed) push(reasons, "address-unusable", nic, counted(nic, ignore));
  for (const nic of added) push(reasons, "address-usable", nic, counted(nic, ignore));
  for (const { from, to } of kept) {
    const before = counted(from, ignore);
    const after = counted(to, ignore);
    if (before.length === 0 && after.length === 0) continue;
    push(reasons, "address-unusable", to, missing(before, after));
    push(reasons, "address-usable", to, missing(after, before));
    const fields = (["up", "index"] as const).filter((field) => from[field] !== to[field]);
    if (fields.length > 0) {
      reasons.push({ kind: "interface", interface: to.name, fields: Object.freeze(fields) });
    }
  }
  const isInterface = ({ kind }: Reason): number => kind === "interface" ? 1 : 0;
  return reasons.sort((a, b) => isInterface(a) - isInterface(b));
}

/** The usable addresses of an interface that is not ignored. */
function counted(nic: Interface, ignore: Ignore): readonly Address[] {
  const { usable } = addressesOf(nic);
  return usable.length === 0 || ignore(nic) ? NO_ADDRESSES : usable;
}

/** The addresses of one sorted list that the other lacks. */
function missing(addresses: readonly Address[], others: readonly Address[]): Address[] {
  let i = 0;
  return addresses.filter((address) => {
    // states share most objects, and comparing 10,000 addresses by their bytes takes 30 ms
    while (
      i < others.length && others[i] !== address && compareAddresses(others[i]!, address) < 0
    ) {
      i++;
    }
    if (others[i]?.cidr !== address.cidr) return true;
    i++;
    return false;
  });
}

function push(
  reasons: Reason[],
  kind: "address-usable" | "address-unusable",
  nic: Interface,
  addresses: readonly Address[],
): void {
  for (const address of addresses) reasons.push({ kind, interface: nic.name, address });
}

function routeReasons(
  family: "IPv4" | "IPv6",
  previous: State,
  next: State,
  ignore: Ignore,
): Reason[] {
  const from = routeOf(previous, family);
  const to = routeOf(next, family);
  const fromNic = from && findInterface(previous, from.interface);
  const toNic = to && findInterface(next, to.interface);
  const same = from?.interface === to?.interface && from?.gateway === to?.gateway &&
    from?.source === to?.source && fromNic?.index === toNic?.index;
  if (same || (fromNic && ignore(fromNic)) || (toNic && ignore(toNic))) return [];
  return [{ kind: "default-route", family, from, to }];
}
