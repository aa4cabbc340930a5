/**
 * Formats a state as a table.
 *
 * @module
 */
import type { Address, Health, Interface, Snapshot, State } from "../../mod.ts";
import { escapeText, formatRoute } from "../../state/format.ts";
import { headline, type View } from "./news.ts";
import { type Paint, plain, type Style } from "./style.ts";
import { pad, widthOf, wrap } from "./text.ts";

/** Separates columns and indents lines. */
const GAP = "  ";
const UNKNOWN = "-";
const COLUMNS = ["#", "INTERFACE", "KIND", "STATE", "MTU", "MAC"];
/** The columns that are shown, by index: the least informative is dropped first. */
const LAYOUTS = [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4], [0, 1, 2, 3]];

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
 * Formats whether the machine is online, the interfaces by index, the default routes, and the monitor's source.
 * Each line ends with a newline. If lines would be wider than the terminal, the MAC goes first, then the MTU;
 * after that addresses go below their interface.
 */
export function formatTable({ at, state }: Snapshot, health: Health, view: View): string {
  const { columns, style } = view;
  const nics = Object.values(state.interfaces).filter(({ name }) => view.shows(name))
    .sort((a, b) => a.index - b.index);
  const rows = [headingOf(style), ...nics.map((nic) => rowOf(nic, state, style))];
  const lines = [
    ...wrap(headline(state, style), columns, GAP.length),
    "",
    ...layOut(rows, columns),
    ...nics.length === 0 ? [`${GAP}no such interface`] : [],
    "",
    ...summaryOf(state, health, view.dateTime(at), view),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function headingOf(style: Style): Row {
  const heading = (text: string): Cell => ({ text, paint: style.dim });
  return { cells: COLUMNS.map(heading), addresses: [heading("ADDRESSES")] };
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
      cell(addressText(address, knows.addressFlags), addressPaint(address, nic, style))
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

function addressPaint(address: Address, { hostOnly }: Interface, style: Style): Paint {
  if (address.duplicated) return style.red;
  if (address.tentative) return style.yellow;
  return address.deprecated || hostOnly ? style.dim : plain;
}

/** The largest of the numbers; too many of them for the arguments of `Math.max()`. */
function most(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.max(a, b), 0);
}

/**
 * Chooses the first layout that has room for whole addresses; else, without the MAC, for their longest word, and
 * wraps them. If no layout has, the addresses go below their interface.
 */
function layOut(rows: readonly Row[], columns: number | null): string[] {
  const widths = COLUMNS.map((_, i) => most(rows.map(({ cells }) => cellWidth(cells[i]))));
  const texts = rows.flatMap(({ addresses }) => addresses.map(({ text }) => text));
  const widest = most(texts.map(widthOf));
  const longest = most(texts.flatMap((text) => text.split(" ").map(widthOf)));
  const leftOf = (kept: readonly number[]) =>
    kept.reduce((sum, i) => sum + (widths[i] ?? 0) + GAP.length, GAP.length);
  const fits = (width: number) => (kept: readonly number[]) =>
    columns === null || leftOf(kept) + width <= columns;
  const beside = LAYOUTS.find(fits(widest)) ?? LAYOUTS.slice(1).find(fits(longest));
  const kept = beside ?? LAYOUTS.find((kept) => leftOf(kept) - GAP.length <= columns!) ?? [1, 3];
  const left = beside === undefined ? 3 * GAP.length + (widths[0] ?? 0) : leftOf(kept);
  return rows.flatMap(({ addresses, cells }) => {
    const head = kept.map((i) => paintPadded(cells[i], widths[i] ?? 0, i === 0)).join(GAP);
    const room = columns === null ? null : columns - left;
    const [first = "", ...others] = addresses.flatMap(({ paint, text }) =>
      wrap(text, room, GAP.length).map(paint)
    );
    const below = [...beside === undefined && first !== "" ? [first] : [], ...others];
    return [
      `${GAP}${head}${beside === undefined ? "" : GAP + first}`.trimEnd(),
      ...below.map((text) => " ".repeat(left) + text),
    ];
  });
}

function cellWidth(cell: Cell | undefined): number {
  return cell === undefined ? 0 : widthOf(cell.text);
}

function paintPadded(cell: Cell | undefined, width: number, alignsRight: boolean): string {
  return cell === undefined ? "" : pad(cell.paint(cell.text), width, alignsRight);
}

function summaryOf(state: State, health: Health, time: string, view: View): string[] {
  const { defaultRoute, homeRouter, knows } = state;
  const route = (text: string) => knows.routes ? text : "unknown";
  const rows: [name: string, value: string][] = [
    ["Default IPv4", route(formatRoute(defaultRoute.ipv4))],
    ["Default IPv6", route(formatRoute(defaultRoute.ipv6))],
    ["Home router", route(homeRouter === null ? "none" : routerText(homeRouter))],
    ["Source", sourceText(health)],
    ["Time", time],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.flatMap(([name, value]) =>
    wrap(
      `${GAP}${view.style.dim(name.padEnd(width))}${GAP}${escapeText(value)}`,
      view.columns,
      width + 2 * GAP.length,
    )
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
