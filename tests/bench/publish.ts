/**
 * The figures in the README and in `docs/`: generated from published results, between two comments.
 *
 * @module
 */
import { formatChart } from "./chart.ts";
import {
  formatMachine,
  formatSkipped,
  idleTable,
  peerTable,
  readTable,
  sizeTable,
  stormTable,
} from "./report.ts";
import type { Results } from "./results.ts";
import { formatNumber, formatRatio, formatTable, wrapText } from "./markdown.ts";
import { formatTargets } from "./targets.ts";

const ROOT = new URL("../../", import.meta.url);

/** Where published results are. */
export const RESULTS = "tests/bench/results.json";
/** The files with generated parts, and what makes these parts. */
export const PAGES: Record<string, (results: Results) => string> = {
  "README.md": readmeSection,
  "docs/performance.md": docsSection,
};
/** The chart. */
export const CHART = "docs/bench.svg";

/** Writes the results, the chart and the tables. */
export async function publish(results: Results): Promise<void> {
  const write = (path: string, text: string) => Deno.writeTextFile(new URL(path, ROOT), text);
  await write(RESULTS, JSON.stringify(results, null, 2) + "\n");
  await write(CHART, formatChart(results));
  for (const [path, section] of Object.entries(PAGES)) {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    await write(path, replaceSection(text, section(results)));
  }
}

/**
 * Replaces what stands between the two comments.
 *
 * @throws {Error} if they are missing.
 */
export function replaceSection(text: string, section: string): string {
  const pattern = /(<!-- bench: .*? -->\n)[^]*?(<!-- bench end -->)/;
  if (!pattern.test(text)) throw new Error("The comments of the figures are missing");
  return text.replace(pattern, (_, begin, end) => `${begin}\n${section}\n\n${end}`);
}

/** The figures for the README, to be taken in at a glance. */
export function readmeSection(results: Results): string {
  return [
    "![Latency and CPU time of netwatch and other monitors](docs/bench.svg)",
    overview(results),
    wrapText(`${formatMachine(results)} ${formatSkipped(results)}`.trim()),
  ].join("\n\n");
}

function docsSection(results: Results): string {
  const parts: [string, string | null][] = [
    ["An isolated change, sent by another process", peerTable(results)],
    ["Storms: 100,000 address changes, 200,000 unrelated route changes", stormTable(results)],
    ["Idle and start", idleTable(results)],
    ["One change among many", sizeTable(results.figures)],
    ["One-shot reads in ms, while no monitor is open", readTable(results)],
    ["Targets", formatTargets(results.figures)],
  ];
  return [
    wrapText(`${formatMachine(results)} ${formatSkipped(results)}`.trim()),
    ...parts.flatMap(([title, table]) => table === null ? [] : [`### ${title}`, table]),
  ].join("\n\n");
}

function overview({ figures, peers }: Results): string {
  const { idle, isolated, "addresses-storm": storm, "routes-storm": routes } = figures;
  const base = isolated?.netwatch?.latencyMs?.median;
  const cpu = (name: string, metrics: typeof storm) =>
    metrics?.[name]?.died === undefined ? formatNumber(metrics?.[name]?.cpuMs?.median) : "died";
  return formatTable([
    [
      "program",
      "version",
      "isolated change, p50 ms",
      "100,000 addresses, CPU ms",
      "200,000 routes, CPU ms",
      "idle, CPU ms/min",
    ],
    ...peers.map(({ name, title, version }) => [
      title,
      version,
      formatRatio(isolated?.[name]?.latencyMs?.median, base),
      cpu(name, storm),
      cpu(name, routes),
      formatNumber(idle?.[name]?.cpuMsMinute?.median),
    ]),
  ]);
}
