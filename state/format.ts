/**
 * One-line text for changes, interfaces and routes, safe to print although names are untrusted.
 *
 * @module
 */
import type { Address, Change, DefaultRoute, Interface } from "./types.ts";

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
 */
export function escapeText(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
}

/** Formats a change, as in `address added: eth0 192.0.2.1/24`. */
export function formatChange(change: Change): string {
  return escapeText(changeText(change));
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
