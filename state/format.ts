// One-line text for changes, interfaces and routes, safe to print although names are untrusted.
import type {
  Address,
  AddressFlagsChange,
  Change,
  DefaultRoute,
  DefaultRouteChange,
  Interface,
  InterfaceFieldsChange,
  Reason,
} from "./types.ts";

const ASCII = /^[ -~]*$/;
const PLAIN_NAME = /^[\w.:@+-]+$/;

/** A flag, its adjective, and what to say of an address that got or lost it. */
const ADDRESS_FLAGS = [
  ["tentative", "not ready yet", "is being checked again", "is ready"],
  ["duplicated", "duplicate", "is a duplicate: another machine has it", "is no longer a duplicate"],
  ["deprecated", "deprecated", "is deprecated", "is preferred again"],
  ["temporary", "temporary", "is temporary", "is no longer temporary"],
  ["permanent", "", "is permanent", "has a limited lifetime"], // no adjective, because most are
] as const;

const FIELD_TEXTS: Readonly<Record<string, (from: Interface, to: Interface) => string>> = {
  kind: (from, to) => `is of kind ${to.kind} (was ${from.kind})`,
  index: (from, to) => `has index ${to.index} (was ${from.index})`,
  up: (_, to) => `is ${stateText(to)}${hostOnlyText(to)}`,
  running: (_, to) => `has ${to.running ? "" : "no "}carrier${hostOnlyText(to)}`,
  hostOnly: (_, to) => `leads ${to.hostOnly ? "to containers only" : "out of this host"}`,
  flags: (from, to) => `has flags 0x${to.flags.toString(16)} (was 0x${from.flags.toString(16)})`,
  mac: ({ mac }, to) =>
    `has ${to.mac === null ? "no MAC" : `MAC ${to.mac}`} (was ${mac ?? "none"})`,
  mtu: (from, to) => `has MTU ${to.mtu} (was ${from.mtu})`,
};

type RouteField = readonly ["gateway" | "source" | "metric", word: string];
const HOP: readonly RouteField[] = [["gateway", "via"]];
const ROUTE: readonly RouteField[] = [...HOP, ["source", "from"], ["metric", "metric"]];

const UNITS = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1_000, "s"]] as const;

/**
 * Makes text safe to print and to log: each control, format, separator and invisible character, and each lone
 * surrogate, becomes `\u{hex}`. Whoever may create an interface chooses its name, which could clear a terminal.
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
  if (ASCII.test(text)) return text;
  // Control characters (terminal escape sequences), format characters (bidirectional overrides, zero width, byte order
  // mark), lone surrogates, line and paragraph separators, and whatever is invisible by default. V8 takes 0.5 ms to
  // make this expression, so it is made when it is first needed.
  const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
  return text.replace(unprintable, (one) => `\\u{${one.codePointAt(0)!.toString(16)}}`);
}

/**
 * Formats a change, as in `eth0 got 192.0.2.1/24`.
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
  return escapeText(textOf(change));
}

/**
 * Formats why a change is major, as in `192.0.2.1 is no longer usable on eth0`.
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
  return escapeText(textOf(reason));
}

/** Formats the first reasons and the number of the rest: an interface can have thousands of addresses. */
export function formatReasons(reasons: readonly Reason[]): string {
  const texts = reasons.slice(0, 8).map(formatReason);
  if (texts.length < reasons.length) texts.push(`${reasons.length - texts.length} more`);
  return texts.join("; ");
}

/** Formats a default route, as in `eth0 via 192.0.2.254 from 192.0.2.1 metric 100`; null is `none`. */
export function formatRoute(route: DefaultRoute | null, fields = ROUTE): string {
  if (route === null) return "none";
  const parts = fields.filter(([field]) => route[field] !== null)
    .map(([field, word]) => `${word} ${route[field]}`);
  return [formatName(route.interface), ...parts].join(" ");
}

/** Formats a duration in days and hours, hours and minutes, minutes and seconds, seconds, or milliseconds. */
export function formatDuration(ms: number): string {
  const first = UNITS.findIndex(([unitMs]) => ms >= unitMs);
  if (first < 0) return `${ms} ms`;
  const [[large, name], small] = [UNITS[first]!, UNITS[first + 1]];
  const rest = small === undefined ? 0 : Math.floor(ms % large / small[0]);
  return `${Math.floor(ms / large)} ${name}${rest === 0 ? "" : ` ${rest} ${small![1]}`}`;
}

function textOf(change: Change | Reason): string {
  switch (change.kind) {
    case "interface-added": {
      const nic = change.interface;
      const texts = [stateText(nic), ...nic.addresses.map(addressText)].join(", ");
      return `${formatName(nic.name)} is new: ${texts}${hostOnlyText(nic)}`;
    }
    case "interface-removed": {
      const nic = change.interface;
      const lost = nic.addresses.map(({ cidr }) => cidr).join(", ");
      return `${formatName(nic.name)} is gone${lost && `, with ${lost}`}${hostOnlyText(nic)}`;
    }
    case "interface-changed":
      return `${formatName(change.interface)} ${fieldsText(change)}`;
    case "address-added":
      return `${formatName(change.interface)} got ${addressText(change.address)}`;
    case "address-removed":
      return `${formatName(change.interface)} lost ${change.address.cidr}`;
    case "address-changed":
      return `${change.to.address} ${flagsText(change)} on ${formatName(change.interface)}`;
    case "default-route":
    case "default-route-changed":
      return moveText(change);
    case "resumed":
      return `asleep for ${formatDuration(change.sleptMs)}`;
    case "source-changed": {
      const { links, addressFlags, routes } = change.knows;
      const known = [links && "links", addressFlags && "address flags", routes && "routes"];
      return `the source knows: ${known.filter(Boolean).join(", ") || "addresses only"}`;
    }
    case "address-usable":
      return `${change.address.address} is usable on ${formatName(change.interface)}`;
    case "address-unusable":
      return `${change.address.address} is no longer usable on ${formatName(change.interface)}`;
    case "interface": {
      const fields = change.fields.map((field) => field === "up" ? "state" : field);
      return `${formatName(change.interface)} changed ${fields.join(" and ")}`;
    }
  }
}

function stateText({ running, up }: Interface): string {
  if (!up) return "down";
  return running ? "up" : "up without carrier";
}

function hostOnlyText({ hostOnly, kind }: Interface): string {
  return hostOnly && kind !== "loopback" ? " (containers)" : "";
}

function fieldsText({ fields, from, to }: InterfaceFieldsChange): string {
  // "running" means nothing while the interface is down, and the bits of "flags" repeat other fields
  const shown = fields.filter((field) =>
    field !== "flags" && !(field === "running" && (fields.includes("up") || !to.up))
  );
  return (shown.length === 0 ? fields : shown).map((field) =>
    Object.hasOwn(FIELD_TEXTS, field) ? FIELD_TEXTS[field]!(from, to) : `has another ${field}`
  ).join(", ");
}

function addressText(address: Address): string {
  const peer = address.peer === null ? "" : ` peer ${address.peer}`;
  const flags = ADDRESS_FLAGS.map(([flag, word]) => address[flag] && word).filter(Boolean);
  return `${address.cidr}${peer}${flags.length === 0 ? "" : ` (${flags.join(", ")})`}`;
}

function flagsText({ from, to }: AddressFlagsChange): string {
  const texts: string[] = ADDRESS_FLAGS
    .filter(([flag]) => to.duplicated ? flag === "duplicated" : from[flag] !== to[flag])
    .map(([flag, , on, off]) => to[flag] ? on : off);
  if (from.peer !== to.peer) {
    texts.push(`has peer ${to.peer ?? "none"} (was ${from.peer ?? "none"})`);
  }
  if (from.scopeId !== to.scopeId) texts.push(`has scope ${to.scopeId} (was ${from.scopeId})`);
  return texts.join(", ");
}

/** Shows only what differs of the previous route. */
function moveText({ family, from, to }: Omit<DefaultRouteChange, "kind">): string {
  if (to === null) return `${family} has no default route (was ${formatRoute(from, HOP)})`;
  const name = formatName(to.interface);
  if (from?.interface !== to.interface) {
    const was = from && ` (was ${formatRoute(from, HOP)})`;
    return `${family} now leaves by ${formatRoute(to, HOP)}${was ?? ""}`;
  }
  const differing = ROUTE.filter(([field]) => from[field] !== to[field]);
  if (differing.length === 0) return `${family} leaves by ${name}, which was created again`;
  const [now, before] = [to, from].map((route) => formatRoute(route, differing).slice(name.length));
  const [field] = differing[0]!;
  const was = differing.length === 1 && to[field] !== null ? from[field] : null;
  const old = was ?? (before?.trim() || "direct");
  return `${family} now leaves by ${name}${now || " directly"} (was ${old})`;
}

/** The message of what was thrown, safe to print. */
export function errorText(error: unknown): string {
  try {
    return escapeText(error instanceof Error ? error.message || error.name : String(error));
  } catch {
    return "An error that cannot be printed";
  }
}

/** Quotes a name that could be mistaken for other words: on Windows names contain spaces. */
export function formatName(name: string): string {
  return PLAIN_NAME.test(name) ? name : escapeText(`"${name.replaceAll('"', '\\"')}"`);
}
