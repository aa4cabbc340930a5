/**
 * Formats a state as a table.
 *
 * @module
 */
import type { Address, Health, Interface, Snapshot, State } from "../../mod.ts";
import { formatRoute } from "../../state/format.ts";
import { escapeText } from "../../state/format.ts";
import { type Paint, plain, type Style } from "./style.ts";
import { formatDate, formatTime } from "./time.ts";

/** Separates columns and indents lines. */
const GAP = "  ";
const UNKNOWN = "-";

/** Text and its style, which is applied after padding. */
interface Cell {
  readonly text: string;
  readonly paint: Paint;
}

/** The columns of an interface, and its addresses: one per line. */
interface Row {
  readonly cells: readonly Cell[];
  readonly addresses: readonly Cell[];
}

/**
 * Formats the interfaces by index, the default routes, and the monitor's source. Each line ends with a
 * newline. If a line would be wider than `columns`, addresses go below their interface.
 */
export function formatTable(
  { at, state }: Snapshot,
  health: Health,
  style: Style,
  columns: number | null,
): string {
  const rows = [headingOf(style), ...interfacesOf(state).map((nic) => rowOf(nic, state, style))];
  const title = style.bold(`Network at ${formatDate(at)} ${formatTime(at)}`);
  return [title, "", ...layOut(rows, columns), "", ...summaryOf(state, health, style), ""].join(
    "\n",
  );
}

function interfacesOf({ interfaces }: State): Interface[] {
  return Object.values(interfaces).sort((a, b) => a.index - b.index || (a.name < b.name ? -1 : 1));
}

function headingOf(style: Style): Row {
  const names = ["#", "INTERFACE", "KIND", "STATE", "MTU", "MAC"];
  const heading = (text: string): Cell => ({ text, paint: style.dim });
  return { cells: names.map(heading), addresses: [heading("ADDRESSES")] };
}

function rowOf(nic: Interface, { knows }: State, style: Style): Row {
  const cell = (text: string, paint: Paint = plain): Cell => ({ text: escapeText(text), paint });
  const known = (text: string, paint?: Paint) => knows.links ? cell(text, paint) : cell(UNKNOWN);
  return {
    cells: [
      known(String(nic.index), style.dim),
      cell(nic.name, style.bold),
      cell(nic.kind),
      known(stateOf(nic), statePaint(nic, style)),
      known(String(nic.mtu)),
      nic.mac === null ? cell(UNKNOWN, style.dim) : cell(nic.mac),
    ],
    addresses: nic.addresses.map((address) =>
      cell(addressText(address, knows.addressFlags), addressPaint(address, style))
    ),
  };
}

function stateOf({ up, running }: Interface): string {
  if (!up) return "down";
  return running ? "up" : "no carrier";
}

function statePaint({ up, running }: Interface, style: Style): Paint {
  if (!up) return style.dim;
  return running ? style.green : style.yellow;
}

/** Includes the flags; `dynamic` means a limited lifetime, as in ip-address(8). */
function addressText(address: Address, knowsFlags: boolean): string {
  const { cidr, peer, permanent } = address;
  const flags = (["tentative", "duplicated", "deprecated", "temporary"] as const)
    .filter((flag) => address[flag]);
  return [
    cidr,
    ...peer === null ? [] : [`peer ${peer}`],
    ...flags,
    ...knowsFlags && !permanent ? ["dynamic"] : [],
  ].join(" ");
}

function addressPaint({ deprecated, duplicated, tentative }: Address, style: Style): Paint {
  if (duplicated) return style.red;
  if (tentative) return style.yellow;
  return deprecated ? style.dim : plain;
}

function layOut(rows: readonly Row[], columns: number | null): string[] {
  const widths = (rows[0]?.cells ?? []).map((_, i) =>
    Math.max(...rows.map(({ cells }) => widthOf(cells[i])))
  );
  const left = GAP.length + widths.reduce((sum, width) => sum + width + GAP.length, 0);
  const widest = Math.max(...rows.flatMap(({ addresses }) => addresses.map(widthOf)));
  const below = columns !== null && left + widest > columns;
  const margin = below ? 3 * GAP.length + (widths[0] ?? 0) : left;
  return rows.flatMap(({ cells, addresses }) => {
    const line = GAP + cells.map((cell, i) => paintPadded(cell, widths[i] ?? 0, i === 0)).join(GAP);
    const [first, ...others] = addresses.map(({ text, paint }) => paint(text));
    const under = (text: string) => " ".repeat(margin) + text;
    if (first === undefined) return [line.trimEnd()];
    return below
      ? [line.trimEnd(), under(first), ...others.map(under)]
      : [line + GAP + first, ...others.map(under)];
  });
}

/** The width in characters; interface names with wide characters are not expected. */
function widthOf(cell: Cell | undefined): number {
  return cell?.text.length ?? 0;
}

function paintPadded({ text, paint }: Cell, width: number, right: boolean): string {
  const space = " ".repeat(Math.max(0, width - text.length));
  return right ? space + paint(text) : paint(text) + space;
}

function summaryOf(state: State, health: Health, style: Style): string[] {
  const { defaultRoute, homeRouter, knows } = state;
  const route = (text: string) => knows.routes ? text : "unknown";
  const rows: [name: string, value: string][] = [
    ["Default IPv4", route(formatRoute(defaultRoute.ipv4))],
    ["Default IPv6", route(formatRoute(defaultRoute.ipv6))],
    ["Home router", route(homeRouter === null ? "none" : routerText(homeRouter))],
    ["Source", sourceText(health)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) =>
    `${GAP}${style.dim(name.padEnd(width))}${GAP}${escapeText(value)}`
  );
}

function routerText({ gateway, source }: NonNullable<State["homeRouter"]>): string {
  return source === null ? gateway : `${gateway} from ${source}`;
}

/** For example `netlink, live` or `polling: the reason`. */
function sourceText({ reason, source, status }: Health): string {
  const text = source === status ? source : `${source}, ${status}`;
  return reason === null ? text : `${text}: ${reason}`;
}
