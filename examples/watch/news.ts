/**
 * Formats what changed, as news: one group of lines for each snapshot.
 *
 * @module
 */
import type { Cause, Change, DefaultRoute, Reason, Snapshot, State } from "../../mod.ts";
import { formatChange, formatReason, primaryAddress } from "../../mod.ts";
import { escapeText, formatName } from "../../state/format.ts";
import { type Paint, plain, type Style } from "./style.ts";
import { widthOf, wrap } from "./text.ts";

/** An interface can have thousands of addresses. */
const REASONS_MAX = 4;

const NO_BREAK = "\u00a0";
const CONTAINERS = / \(containers\)$/;

/** How to show things. */
export interface View {
  /** The colours. */
  readonly style: Style;
  /** The width of the terminal; null if lines may be of any length. */
  readonly columns: number | null;
  /** Formats an epoch time, of today or of any day. */
  readonly time: (at: number) => string;
  readonly dateTime: (at: number) => string;
  /** Whether to show the interface of this name. */
  readonly shows: (name: string) => boolean;
}

/** Why a publication came, unless an event announced the change. */
const CAUSES: Partial<Record<Cause, string>> = {
  overflow: "after lost events",
  reconcile: "found by a check",
  refresh: "found by a refresh",
  reopen: "found after a restart of the source",
};

/**
 * Formats the changes of a snapshot: the time, then a line for each interface and each other change, with the
 * reason beside what is major. Each line ends with a newline; empty if nothing is to be shown.
 *
 * @param previous The state that was shown before.
 */
export function formatNews(snapshot: Snapshot, previous: State | null, view: View): string {
  const { cause, changes, reasons, state } = snapshot;
  const shown = changes.filter((change) => namesOf(change).some(view.shows));
  if (shown.length === 0) return "";
  const left = new Set(reasons);
  const lines = itemsOf(shown, left).map((item) => itemText(item, view.style));
  if (shown.length === changes.length) {
    for (const reason of left) lines.push(mark(formatReason(reason), view.style));
  }
  if (previous !== null && previous.online !== state.online) {
    lines.push(headline(state, view.style, false));
  }
  const found = CAUSES[cause];
  if (found !== undefined) lines[0] = `${view.style.dim(`${found}:`)} ${lines[0]}`;
  return group(view.time(snapshot.at), lines, view);
}

/** Whether the machine is online, through which interface and gateway, and its addresses. */
export function headline(state: State, style: Style, hasGateway = true): string {
  const addresses = (["IPv4", "IPv6"] as const).flatMap((family) =>
    primaryAddress(state, { family })?.address ?? []
  );
  const be = addresses.length === 1 ? "address is" : "addresses are";
  const mine = addresses.length === 0 ? "" : `, my ${be} ${addresses.join(" and ")}`;
  if (state.online === "unknown") return style.bold(`Probably online${mine}`);
  if (!state.online) return style.red(style.bold("Offline")) + mine;
  const { ipv4, ipv6 } = state.defaultRoute;
  const leads = (route: DefaultRoute | null) =>
    route !== null && route.source !== null && state.interfaces[route.interface]?.running;
  const route = leads(ipv4) ? ipv4 : ipv6; // not IPv4's while its cable is pulled
  const via = hasGateway ? route?.gateway : null;
  const by = escapeText(route?.interface ?? "");
  return style.green(style.bold(`Online by ${by}`)) + (via ? ` via ${via}` : "") + mine;
}

/** The names of the interfaces that a change is about; the empty name if it is about the machine. */
export function namesOf(change: Change): string[] {
  switch (change.kind) {
    case "interface-added":
    case "interface-removed":
      return [change.interface.name];
    case "default-route-changed":
      return [change.from, change.to].flatMap((route) => route?.interface ?? []);
    case "resumed":
    case "source-changed":
      return [""];
    default:
      return [change.interface];
  }
}

/** One line of news. */
interface Item {
  /** The interface that the line is about; null if it is about something else. */
  readonly name: string | null;
  readonly changes: Change[];
  readonly reasons: Reason[];
}

/** Joins the changes of one interface, and finds the reasons that each change explains. */
function itemsOf(changes: readonly Change[], left: Set<Reason>): Item[] {
  const reasons = Map.groupBy(
    [...left].flatMap((reason) => reasonKeys(reason).map((key) => ({ key, reason }))),
    ({ key }) => key,
  );
  const items = new Map<string | Change, Item>();
  for (const change of changes) {
    const name = isJoined(change) ? namesOf(change)[0]! : null;
    const item = items.get(name ?? change) ?? { name, changes: [], reasons: [] };
    items.set(name ?? change, item);
    item.changes.push(change);
    for (const { reason } of reasons.get(changeKey(change)) ?? []) {
      if (left.delete(reason)) item.reasons.push(reason);
    }
  }
  return [...items.values()];
}

/** A reason belongs to the first change that has one of its keys. */
function reasonKeys(reason: Reason): string[] {
  switch (reason.kind) {
    case "default-route":
      return [reason.family];
    case "resumed":
      return ["resumed"];
    case "interface":
      return [`of ${reason.interface}`];
    default:
      return [`of ${reason.interface}`, `${reason.address.cidr} ${reason.interface}`];
  }
}

function changeKey(change: Change): string {
  switch (change.kind) {
    case "default-route-changed":
      return change.family;
    case "address-added":
    case "address-removed":
      return `${change.address.cidr} ${change.interface}`;
    case "address-changed":
      return `${change.to.cidr} ${change.interface}`;
    case "interface-added":
    case "interface-removed":
      return `of ${change.interface.name}`;
    case "interface-changed":
      return `of ${change.interface}`;
    default:
      return change.kind;
  }
}

/** Whether the text begins with the name of the interface. */
function isJoined({ kind }: Change): boolean {
  return kind.startsWith("interface-") || kind === "address-added" || kind === "address-removed";
}

function itemText({ changes, name, reasons }: Item, style: Style): string {
  const subject = name === null ? "" : `${formatName(name)} `;
  const texts = changes.map((change) => formatChange(change).slice(subject.length));
  const bare = texts.map((text) => text.replace(CONTAINERS, ""));
  const suffix = texts.some((text) => CONTAINERS.test(text)) ? " (containers)" : "";
  const text = paintOf(changes[0]!, style)(subject + joined(bare) + suffix);
  return reasons.length === 0 ? text : `${text} ${mark(briefly(reasons, changes), style)}`;
}

/** `got A, got B` becomes `got A, B`. */
function joined(texts: readonly string[]): string {
  const verbOf = (text: string | undefined) => /^(got|lost) /.exec(text ?? "")?.[0] ?? "";
  return texts.map((text, i) => {
    const verb = verbOf(text);
    return verb === verbOf(texts[i - 1]) ? text.slice(verb.length) : text;
  }).join(", ");
}

/** Marks a line as major; no-break spaces keep each reason together. */
function mark(reasons: string, style: Style): string {
  return style.yellow(`(major: ${reasons})`.replaceAll(/(?<!,) /g, NO_BREAK));
}

/** Names addresses only if there are several, and fields of an interface only if there is nothing else to say. */
function briefly(reasons: readonly Reason[], changes: readonly Change[]): string {
  const about = reasons.filter(({ kind }) => kind !== "interface");
  const isOne = changes.length === 1 && changes[0]!.kind.startsWith("address-");
  const texts = (about.length === 0 ? reasons : about).map((reason) => {
    switch (reason.kind) {
      case "default-route":
        return "default route";
      case "interface":
        return reason.fields.join(" and ");
      case "resumed":
        return "long sleep";
      default: {
        const usable = reason.kind === "address-usable" ? "usable" : "unusable";
        return isOne ? `${usable} address` : `${reason.address.address} ${usable}`;
      }
    }
  });
  const distinct = [...new Set(texts)];
  const more = distinct.length - REASONS_MAX;
  return distinct.slice(0, REASONS_MAX).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function paintOf({ kind }: Change, style: Style): Paint {
  if (kind.endsWith("-added")) return style.green;
  if (kind.endsWith("-removed")) return style.red;
  return plain;
}

/** Puts the time beside the first line; lines that continue another one are indented further. */
function group(time: string, lines: readonly string[], { columns, style }: View): string {
  const margin = widthOf(time) + 2;
  const left = columns === null ? null : Math.max(columns - margin, 20);
  return lines
    .flatMap((line) => wrap(line, left, 2))
    .map((line) => line.replaceAll(NO_BREAK, " "))
    .map((line, i) => `${i === 0 ? `${style.dim(time)}  ` : " ".repeat(margin)}${line}\n`)
    .join("");
}
