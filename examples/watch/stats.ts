/**
 * Formats the health and the counters of a monitor.
 *
 * @module
 */
import type { Health, Metrics } from "../../mod.ts";
import { escapeText } from "../../state/format.ts";
import type { View } from "./news.ts";

/** Formats health and counters as two columns, with their API names. Each line ends with a newline. */
export function formatStats(
  health: Health,
  metrics: Metrics,
  { style, time }: Pick<View, "style" | "time">,
): string {
  const timeOrNever = (at: number | null) => at === null ? "never" : time(at);
  const rows: [name: string, value: string][] = [
    ["status", health.reason === null ? health.status : `${health.status}: ${health.reason}`],
    ["source", health.source],
    ["since", time(health.since)],
    ["lastEventAt", timeOrNever(health.lastEventAt)],
    ["lastReconcileAt", timeOrNever(health.lastReconcileAt)],
    ["lastError", health.lastError ?? "none"],
    ...Object.entries(metrics).map(([name, count]): [string, string] => [name, String(count)]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows
    .map(([name, value]) => `${style.dim(name.padEnd(width))}  ${escapeText(value)}\n`)
    .join("");
}
