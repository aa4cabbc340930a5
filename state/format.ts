/**
 * One-line text for changes, interfaces and routes, safe to print although names are untrusted.
 *
 * @module
 */
import type { Address, Change, DefaultRoute, Interface, Reason } from "./types.ts";

/**
 * Control characters (terminal escape sequences), format characters (bidirectional overrides, zero width,
 * byte order mark), lone surrogates, line and paragraph separators, and whatever is invisible by default.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** A name that needs no quotes. */
const PLAIN_NAME = /^[\w.:@+-]+$/;

const ADDRESS_FLAGS = ["tentative", "duplicated", "deprecated", "temporary"] as const;
const ADDRESS_FIELDS = ["peer", "scopeId", ...ADDRESS_FLAGS, "permanent"] as const;

/**
 * Makes text safe to print and to log: each control, format, separator and invisible character, and each
 * lone surrogate, becomes `\u{hex}`. Whoever may create an interface chooses its name, and the name can
 * clear the operator's terminal.
 *
 * @param text Untrusted text, such as the name of an interface.
 * @returns One line.
 *
 * @example Print the names of the interfaces
 * ```ts
 * import { escapeText, readNetworkState } from "@netwatch/netwatch";
 *
 * const { interfaces } = await readNetworkState();
 * for (const name of Object.keys(interfaces)) console.log(escapeText(name));
 * ```
 */
export function escapeText(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
}

/**
 * Formats a change, as in `address added: eth0 192.0.2.1/24`.
 *
 * @param change The change.
 * @returns One line, safe to print.
 *
 * @example Print what changed
 * ```ts
 * import { diffStates, formatChange, readNetworkState } from "@netwatch/netwatch";
 *
 * const before = await readNetworkState();
 * const after = await readNetworkState();
 * for (const change of diffStates(before, after)) console.log(formatChange(change));
 * ```
 */
export function formatChange(change: Change): string {
  return escapeText(changeText(change));
}

/**
 * Formats why a change is major, as in `address no longer usable: eth0 192.0.2.1/24`.
 *
 * @param reason The reason.
 * @returns One line, safe to print.
 *
 * @example Print why a snapshot is major
 * ```ts
 * import { formatReason, NetworkMonitor } from "@netwatch/netwatch";
 *
 * await using monitor = await NetworkMonitor.open();
 * for (const reason of monitor.current.reasons) console.log(formatReason(reason));
 * ```
 */
export function formatReason(reason: Reason): string {
  return escapeText(reasonText(reason));
}

/** Formats the first reasons and the number of the rest: an interface can have thousands of addresses. */
export function formatReasons(reasons: readonly Reason[]): string {
  const texts = reasons.slice(0, 8).map(formatReason);
  if (texts.length < reasons.length) texts.push(`${reasons.length - texts.length} more`);
  return texts.join("; ");
}

function reasonText(reason: Reason): string {
  switch (reason.kind) {
    case "default-route":
      return `default route: ${reason.family} ${routeText(reason.from)} -> ${routeText(reason.to)}`;
    case "address-usable":
      return `address usable: ${nameText(reason.interface)} ${addressText(reason.address)}`;
    case "address-unusable":
      return `address no longer usable: ${nameText(reason.interface)} ${reason.address.cidr}`;
    case "interface":
      return `interface: ${nameText(reason.interface)} changed ${reason.fields.join(", ")}`;
    case "resumed":
      return `resumed: after ${reason.sleptMs} ms of sleep`;
  }
}

/** Formats a default route, as in `eth0 via 192.0.2.254 from 192.0.2.1 metric 100`; null is `none`. */
export function formatRoute(route: DefaultRoute | null): string {
  return escapeText(routeText(route));
}

function changeText(change: Change): string {
  switch (change.kind) {
    case "interface-added":
      return `interface added: ${interfaceText(change.interface)}`;
    case "interface-removed":
      return `interface removed: ${interfaceText(change.interface)}`;
    case "interface-changed":
      return `interface changed: ${nameText(change.interface)} ${
        transitions(change.fields, change.from, change.to)
      }`;
    case "address-added":
      return `address added: ${nameText(change.interface)} ${addressText(change.address)}`;
    case "address-removed":
      return `address removed: ${nameText(change.interface)} ${addressText(change.address)}`;
    case "address-changed":
      return `address changed: ${nameText(change.interface)} ${change.to.cidr} ${
        transitions(differing(change.from, change.to), change.from, change.to)
      }`;
    case "default-route-changed":
      return `default route changed: ${change.family} ${routeText(change.from)} -> ${
        routeText(change.to)
      }`;
    case "resumed":
      return `resumed: at ${change.at} after ${change.sleptMs} ms of sleep`;
    case "source-changed":
      return sourceText(change);
  }
}

function interfaceText(nic: Interface): string {
  const parts = [
    `index ${nic.index}`,
    nic.kind,
    nic.up ? "up" : "down",
    nic.running ? "running" : "no carrier",
    ...(nic.hostOnly && nic.kind !== "loopback" ? ["host-only"] : []),
    `mtu ${nic.mtu}`,
  ];
  if (nic.mac !== null) parts.push(`mac ${nic.mac}`);
  parts.push(...nic.addresses.map(addressText));
  return `${nameText(nic.name)}: ${parts.join(", ")}`;
}

function addressText(address: Address): string {
  const parts = [address.cidr];
  if (address.peer !== null) parts.push(`peer ${address.peer}`);
  for (const flag of ADDRESS_FLAGS) if (address[flag]) parts.push(flag);
  return parts.join(" ");
}

function routeText(route: DefaultRoute | null): string {
  if (route === null) return "none";
  const parts = [nameText(route.interface)];
  if (route.gateway !== null) parts.push(`via ${route.gateway}`);
  if (route.source !== null) parts.push(`from ${route.source}`);
  if (route.metric !== null) parts.push(`metric ${route.metric}`);
  return parts.join(" ");
}

function sourceText(change: Extract<Change, { kind: "source-changed" }>): string {
  const { links, addressFlags, routes } = change.knows;
  const resumed = change.resumedAt === null ? "never" : `at ${change.resumedAt}`;
  return `source changed: links ${links}, address flags ${addressFlags}, routes ${routes}, resumed ${resumed}`;
}

function transitions(fields: readonly string[], from: object, to: object): string {
  const before = new Map<string, unknown>(Object.entries(from));
  const after = new Map<string, unknown>(Object.entries(to));
  return fields.map((field) => `${field} ${before.get(field)} -> ${after.get(field)}`).join(", ");
}

function differing(from: Address, to: Address): string[] {
  return ADDRESS_FIELDS.filter((field) => from[field] !== to[field]);
}

/** Quotes a name that could be mistaken for other words: on Windows names contain spaces. */
function nameText(name: string): string {
  return PLAIN_NAME.test(name) ? name : `"${name.replaceAll('"', '\\"')}"`;
}
