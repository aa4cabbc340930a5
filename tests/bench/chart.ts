/**
 * A chart of the run as SVG, readable on light and dark pages.
 *
 * @module
 */
import type { Results } from "./results.ts";
import { formatNumber } from "./markdown.ts";

const WIDTH = 860;
const LABELS = 290;
const ROW = 22;
const HEAD = 46;
const NUMBERS = 70;
const MARGIN = 16;

interface Bar {
  label: string;
  value: number;
  isOurs: boolean;
}

interface Panel {
  title: string;
  bars: Bar[];
}

/** The chart of the programs: how long an isolated change takes, and the CPU time of two storms. */
export function formatChart({ figures, peers }: Results): string {
  const bars = (value: (program: string) => number | undefined): Bar[] =>
    peers.flatMap(({ name, title }) => {
      const measured = value(name);
      const isOurs = name === "netwatch";
      return measured === undefined ? [] : [{ label: plain(title), value: measured, isOurs }];
    }).sort((a, b) => a.value - b.value);
  const { isolated = {}, "addresses-storm": storm = {}, "routes-storm": routes = {} } = figures;
  const cpu = (metrics: typeof storm, name: string) =>
    metrics[name]?.died === undefined ? metrics[name]?.cpuMs?.median : undefined;
  const panels: Panel[] = [
    {
      title: "An isolated change, from the kernel to the program: median in ms",
      bars: bars((name) => isolated[name]?.latencyMs?.median),
    },
    {
      title: "100,000 address changes: CPU time in ms",
      bars: bars((name) => cpu(storm, name)),
    },
    {
      title: "200,000 route changes that concern nobody: CPU time in ms",
      bars: bars((name) => cpu(routes, name)),
    },
  ];
  return svg(panels.filter((panel) => panel.bars.length > 0));
}

function svg(panels: readonly Panel[]): string {
  let y = 0;
  const parts = panels.map((panel) => {
    const part = drawPanel(panel, y);
    y += HEAD + panel.bars.length * ROW;
    return part;
  });
  const height = y + 24;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-MARGIN} 0 ${
    WIDTH + 2 * MARGIN
  } ${height}" width="${WIDTH}" role="img" aria-label="netwatch and other monitors">
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.page { fill: #ffffff }
.title { font-weight: 600 }
.note { font-size: 11px; fill: #6e7781 }
.bar { fill: #8c959f }
.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 }
text { fill: #e6edf3 }
.note { fill: #8b949e }
.bar { fill: #6e7681 }
.ours { fill: #58a6ff }
}
</style>
<rect class="page" x="${-MARGIN}" width="100%" height="100%" rx="8"/>
${parts.join("\n")}
<text class="note" x="0" y="${height - 8}">Logarithmic scales. Shorter is better.</text>
</svg>
`;
}

function drawPanel({ bars, title }: Panel, top: number): string {
  const least = Math.max(Math.min(...bars.map(({ value }) => value)), FLOOR);
  const most = Math.max(...bars.map(({ value }) => value), least * 10);
  const first = Math.log10(least) - 0.5;
  const scale = (WIDTH - LABELS - NUMBERS) / (Math.log10(most) - first);
  const rows = bars.map(({ isOurs, label, value }, i) => {
    const y = top + HEAD + i * ROW;
    const length = Math.max((Math.log10(Math.max(value, FLOOR)) - first) * scale, 2);
    const end = LABELS + length;
    return `<text x="${LABELS - 8}" y="${y}" text-anchor="end"${
      isOurs ? ' class="title"' : ""
    }>${label}</text><rect class="bar${isOurs ? " ours" : ""}" x="${LABELS}" y="${y - 11}" width="${
      length.toFixed(1)
    }" height="14" rx="2"/><text x="${(end + 6).toFixed(1)}" y="${y}">${
      formatNumber(value)
    }</text>`;
  });
  return [`<text class="title" x="0" y="${top + 20}">${title}</text>`, ...rows].join("\n");
}

/** Smaller values are drawn as this one, since a logarithmic scale has no zero. */
const FLOOR = 0.01;

/** Text for SVG, without Markdown. */
function plain(text: string): string {
  return text.replaceAll("`", "").replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
